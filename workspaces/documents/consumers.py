"""The websocket of a document: `/ws/documents/<id>`."""

import asyncio
import logging
from typing import Any, Final
from urllib.parse import parse_qs
from uuid import UUID

from django.conf import settings

from workspaces.documents import crdt, limits, protocol
from workspaces.documents.protocol import AwarenessState, Malformed, Presence, QueryPresence, Sync
from workspaces.documents.rooms import answers, gate, hub, store
from workspaces.documents.rooms.member import Member
from workspaces.documents.rooms.room import Room
from workspaces.documents.schema import VERSION
from workspaces.documents.wire import Facts
from workspaces.sockets import auth
from workspaces.sockets.codes import Close, Closed
from workspaces.sockets.connection import Connection
from workspaces.sockets.reading import read
from wukong.kernel import committer
from wukong.kernel.errors import Conflict, NotFound, Throttled, Unavailable

_LARGE: Final = 32 * 1024
_SAYS_CUT: Final = bytes((protocol.CONTROL,))
_PLACES_COST: Final = 50  # an update in so many places at once counts as one message more: each is looked at
_ANSWER_COSTS: Final = 30  # messages: a few bytes of step 1 are answered with a whole document
_PATIENCE: Final = 3
_ROOM_FOR_FRAME: Final = 16  # kind, step and length around an update
_log = logging.getLogger("wukong.rooms")


class DocumentConsumer(Connection):
    """One browser, program or stock y-websocket client at one document."""

    grant: store.Grant
    room: Room | None = None
    member: Member | None = None
    is_refused = False  # it is closed as soon as it has heard of what it had sent before

    async def admit(self) -> None:
        document_id = self.scope["url_route"]["kwargs"]["document_id"]
        self.grant = await read(lambda: store.grant(self.caller, document_id))

    async def begin(self) -> None:
        if _is_too_old(self.scope):
            raise Closed(Close.SCHEMA_TOO_OLD)
        document_id, user, was_writer = self.grant.document_id, self.caller.user, self.grant.may_write
        try:
            room = await hub.open_room(document_id)
            _check_seat(room, user.pk)
            client_id = await self._client_id() if auth.chosen_protocol(self.scope) == "wukong.v1" else None
        except NotFound:
            raise Closed(Close.GONE) from None
        except Closed:
            raise
        except BaseException as error:
            if not (isinstance(error, Exception) or crdt.is_panic(error)):
                raise
            _log.error("the document %s could not be opened: %s", document_id, error)
            raise Closed(Close.COME_BACK_LATER) from error
        _check_seat(room, user.pk)
        if room.is_closed or room.generation != self.grant.generation or self.grant.may_write != was_writer:
            raise Closed(Close.COME_BACK_LATER)  # it has changed meanwhile
        member = Member(self.outlet, user, self.grant, client_id, self.look_again)
        self.room, self.member = room, member
        if client_id is not None:
            room.gate.bind(client_id, user.pk)
            member.control(_hello(member))
        room.join(member)

    async def _client_id(self) -> int:
        """Return an id for who may write one day; a row says whose it is once they may."""
        document_id, user = self.grant.document_id, self.caller.user
        if self.grant.may_write:
            return await committer.arun(lambda: store.issue(document_id, user.pk))
        return await read(lambda: store.draw(document_id))

    async def check(self) -> None:
        document_id = self.grant.document_id
        self.grant = await read(lambda: store.grant_again(self.caller, document_id))
        room, member = self.room, self.member
        if room is not None and member is not None:
            if self.grant.generation != room.generation:
                raise Unavailable
            await self._own_id(member, self.grant)
            member.user = self.caller.user
            room.regrant(member, self.grant)

    async def _own_id(self, member: Member, grant: store.Grant) -> None:
        """Write down whose id it is of somebody who may write from now on. Raises Conflict: they get another one."""
        client_id, principal = member.client_id, member.principal
        if client_id is not None and grant.may_write and not member.grant.may_write:
            await committer.arun(lambda: store.bind(grant.document_id, [client_id], principal, 1))

    def desert(self) -> None:
        if self.room is None or not self.room.is_draining:  # else the hub says farewell, after the last commit
            super().desert()

    def end(self) -> None:
        if self.room is not None and self.member is not None:
            self.room.leave(self.member)
            self.room.gate.release(self.member.ids)

    # --- what arrives ------------------------------------------------------------------------------------------------
    async def receive_frame(self, data: bytes) -> None:
        room, member = self.room, self.member
        if room is None or member is None or self.is_refused:
            return
        if len(data) > room.gate.limits.bytes + _ROOM_FOR_FRAME:
            raise Closed(Close.TOO_LARGE)
        try:
            if data[:1] == _SAYS_CUT:
                _note_cut(member, data)
                return
            message = protocol.read_message(data)
            match message:
                case Sync(step=protocol.STEP1):
                    protocol.read_state_vector(message.payload)
                    self.charge(_ANSWER_COSTS, 0)
                    room.sync(member, message.payload)
                case Sync():
                    await self._update(room, member, message)
                case Presence():
                    room.presences.say(member, await self._known(room, member, message.states), room.gate)
                case QueryPresence():
                    room.presences.greet(member)
                case _:
                    raise Closed(Close.MALFORMED)
        except Malformed as error:
            raise Closed(Close.MALFORMED) from error

    async def _known(self, room: Room, member: Member, states: list[AwarenessState]) -> list[AwarenessState]:
        """Return the states under ids of which it is known whose they are, or that they are nobody's.

        The id that a socket wants to be shown under for the first time is looked up: it may be of somebody elsewhere.
        """
        owners, free = room.gate.owners, None
        if member.shown_id is None and len(states) == 1 and states[0].state is not None:
            client_id = states[0].client_id
            if client_id not in owners and member.asked < gate.MOST_NEW_IDS:
                member.asked += 1
                owner = await read(lambda: store.owner_of(room.document_id, client_id))
                if owner is None:
                    free = client_id
                elif client_id not in owners:
                    room.gate.bind(client_id, owner)
                    member.ids.add(client_id)
        said = {one.client_id for one in states}
        member.own.update(one for one in said if owners.get(one) == member.principal)
        return [one for one in states if one.client_id in owners or one.client_id in (free, member.shown_id)]

    async def _update(self, room: Room, member: Member, message: Sync) -> None:
        member.received += 1
        n, data = member.received, message.payload
        if gate.is_empty(data):
            room.note(member, n)
            return
        try:
            facts = await asyncio.to_thread(room.gate.walk, data) if len(data) > _LARGE else room.gate.walk(data)
            self.charge(len(facts.leans) / _PLACES_COST, 0)
            if not member.grant.may_write:
                # A stock client answers step 1 with all deletions it knows, so "nothing new" is no attempt to write.
                if message.step == protocol.STEP2 and not facts.adds(room.gate.vector):
                    room.note(member, n)
                else:
                    room.say(member, answers.forbidden(n))
                return
            await self._enter(room, member, n, data, facts)
        except gate.Gap:
            member.gaps += message.step == protocol.STEP2
            # Whoever lacks something itself answers with holes until it has been told: asked again, but not for ever.
            room.say(member, answers.gap(n, asks=message.step == protocol.UPDATE or member.gaps <= _PATIENCE))
        except crdt.Full:
            room.say(member, answers.full(n))
        except Closed as error:
            self.is_refused = True
            room.say(member, answers.closing(error.code))

    async def _enter(self, room: Room, member: Member, n: int, data: bytes, facts: Facts) -> None:
        try:
            is_behind = bool(room.gate.strangers(facts, member.principal))
        except (gate.Gap, Closed):
            is_behind = True
        strangers: set[int] = set()
        if is_behind:  # the client may have come from a process that has read more of the log, of others' words too
            await room.refresh()
            strangers = room.gate.strangers(facts, member.principal)
        if strangers:
            await self._bind(room, member, strangers)
        if self.is_checking:  # no write on rights that may be gone
            await self.until_checked()
        if not member.grant.may_write:  # it was taken away meanwhile
            room.say(member, answers.forbidden(n))
        elif member.is_open:
            room.write(member, n, data, facts)

    async def _bind(self, room: Room, member: Member, strangers: set[int]) -> None:
        """Bind the ids that a client chose itself, in the log: another process may know their owner."""
        principal, left = member.principal, gate.MOST_NEW_IDS - member.brought
        ids = sorted(strangers)
        try:
            member.brought += await committer.arun(lambda: store.bind(room.document_id, ids, principal, left))
        except Conflict:
            raise Closed(Close.CLIENT_ID_IN_USE) from None
        except Throttled:
            raise Closed(Close.TOO_FAST) from None
        except Exception as error:
            raise Closed(Close.COME_BACK_LATER) from error
        for client_id in ids:
            room.gate.bind(client_id, principal)
        member.ids.update(ids)
        member.own.update(ids)


def _note_cut(member: Member, data: bytes) -> None:
    """Take the only thing that our browser may say with message 64; all the rest of it is the server's."""
    if member.client_id is None:
        raise Closed(Close.MALFORMED)
    member.note_cut(protocol.read_cut(data))


def _check_seat(room: Room, user_id: UUID) -> None:
    """Raise Closed when a document has no room for one more socket, or for one more of this person."""
    own = sum(member.principal == user_id for member in room.members)
    if len(room.members) >= settings.WUKONG_SOCKETS_OF_A_DOCUMENT or own >= settings.WUKONG_SOCKETS_OF_A_PERSON:
        raise Closed(Close.COME_BACK_LATER)


def _hello(member: Member) -> dict[str, Any]:
    grant = member.grant
    return {
        "type": "hello",
        "client_id": member.client_id,
        "role": grant.role.value,
        "user": str(member.principal),
        "schema": VERSION,
        "generation": grant.generation,
        "seq": grant.head,
        "limits": {
            "bytes": limits.MESSAGE_BYTES,
            "presence_bytes": limits.PRESENCE_BYTES,
            "document_bytes": limits.DOCUMENT_BYTES,
            "blocks": limits.BLOCKS,
        },
    }


def _is_too_old(scope: Any) -> bool:
    """Return whether the client says (`?schema=`) that it knows less than documents hold: it would delete it."""
    said = parse_qs(scope.get("query_string", b"").decode("latin1")).get("schema", [""])[0]
    return said.isascii() and said.isdigit() and len(said) < 10 and int(said) < VERSION
