"""The websocket of a document: `/ws/documents/<id>`."""

import asyncio
import logging
from typing import Any, Final
from urllib.parse import parse_qs

from django.utils.translation import gettext as _

from workspaces.documents import protocol
from workspaces.documents.protocol import Malformed, Presence, QueryPresence, Sync
from workspaces.documents.rooms import awareness, gate, hub, store
from workspaces.documents.rooms.member import Member
from workspaces.documents.rooms.room import Room
from workspaces.documents.schema import VERSION
from workspaces.sockets import auth
from workspaces.sockets.codes import Close, Closed
from workspaces.sockets.connection import Connection
from workspaces.sockets.reading import read
from wukong.kernel import committer
from wukong.kernel.errors import Conflict, NotFound

_LARGE: Final = 32 * 1024
_ROOM_FOR_FRAME: Final = 64
_log = logging.getLogger("wukong.rooms")


class DocumentConsumer(Connection):
    """One browser, program or stock y-websocket client at one document."""

    grant: store.Grant
    room: Room | None = None
    member: Member | None = None

    async def admit(self) -> None:
        document_id = self.scope["url_route"]["kwargs"]["document_id"]
        self.grant = await read(lambda: store.grant(self.caller, document_id))

    async def begin(self) -> None:
        if _is_too_old(self.scope):
            raise Closed(Close.SCHEMA_TOO_OLD)
        document_id, user = self.grant.document_id, self.caller.user
        try:
            room = await hub.open_room(document_id)
            client_id = None
            if auth.chosen_protocol(self.scope) == "wukong.v1":
                client_id = await committer.arun(lambda: store.issue(document_id, user.pk))
        except NotFound:
            raise Closed(Close.GONE) from None
        except Exception as error:
            _log.error("the document %s could not be opened: %s", document_id, error)
            raise Closed(Close.COME_BACK_LATER) from error
        if room.is_closed:
            raise Closed(Close.COME_BACK_LATER)
        member = Member(self.outlet, user, self.grant, client_id, self.look_again)
        self.room, self.member = room, member
        if client_id is not None:
            room.gate.bind(client_id, user.pk)
            member.control(_hello(member, room))
        room.join(member)

    async def check(self) -> None:
        document_id = self.grant.document_id
        self.grant = await read(lambda: store.grant_again(self.caller, document_id))
        if self.room is not None and self.member is not None:
            self.member.user = self.caller.user
            self.room.regrant(self.member, self.grant)

    def desert(self) -> None:
        if self.room is None or not self.room.is_draining:  # else the hub says farewell, after the last commit
            super().desert()

    def end(self) -> None:
        if self.room is not None and self.member is not None:
            self.room.leave(self.member)

    # --- what arrives ------------------------------------------------------------------------------------------------
    async def receive_frame(self, data: bytes) -> None:
        room, member = self.room, self.member
        if room is None or member is None:
            return
        if len(data) > room.gate.limits.bytes + _ROOM_FOR_FRAME:
            raise Closed(Close.TOO_LARGE)
        try:
            message = protocol.read_message(data)
            match message:
                case Sync(step=protocol.STEP1):
                    protocol.read_state_vector(message.payload)
                    room.sync(member, message.payload)
                case Sync():
                    await self._update(room, member, message)
                case Presence():
                    room.presences.say(member, message.states, room.gate)
                case QueryPresence():
                    room.presences.greet(member)
                case _:
                    raise Closed(Close.MALFORMED)  # only the server says 64
        except Malformed as error:
            raise Closed(Close.MALFORMED) from error

    async def _update(self, room: Room, member: Member, message: Sync) -> None:
        member.received += 1
        n, data = member.received, message.payload
        if gate.is_empty(data):
            room.note(member, n)
            return
        if len(data) > _LARGE:
            facts = await asyncio.to_thread(room.gate.walk, data)
        else:
            facts = room.gate.walk(data)
        if not member.grant.may_write:
            # A stock client answers step 1 with all deletions it knows, so "nothing new" is no attempt to write.
            if message.step == protocol.STEP2 and not facts.adds(room.gate.vector):
                room.note(member, n)
            else:
                _forbid(member, n)
            return
        try:
            await self._enter(room, member, n, data, facts)
        except gate.Gap:
            member.reject(n, "gap", _("Something before this change is missing here."))
            if message.step == protocol.UPDATE:
                room.ask(member)

    async def _enter(self, room: Room, member: Member, n: int, data: bytes, facts: Any) -> None:
        try:
            strangers = room.gate.strangers(facts, member.principal)
        except gate.Gap:
            await room.refresh()  # the client may have come from a process that has read more of the log
            strangers = room.gate.strangers(facts, member.principal)
        if strangers:
            await self._bind(room, member, strangers)
        if not member.grant.may_write:  # it was taken away meanwhile
            _forbid(member, n)
        elif member.is_open:
            room.write(member, n, data, facts)

    async def _bind(self, room: Room, member: Member, strangers: set[int]) -> None:
        """Bind the ids that a client chose itself, in the log: another process may know their owner."""
        member.brought += len(strangers)
        if member.brought > gate.MOST_NEW_IDS:
            raise Closed(Close.TOO_FAST)
        principal = member.principal
        try:
            await committer.arun(lambda: store.bind(room.document_id, sorted(strangers), principal))
        except Conflict:
            raise Closed(Close.CLIENT_ID_IN_USE) from None
        except Exception as error:
            raise Closed(Close.COME_BACK_LATER) from error
        for client_id in strangers:
            room.gate.bind(client_id, principal)


def _forbid(member: Member, n: int) -> None:
    member.reject(n, "forbidden", _("You can read this document, but not change it."))


def _hello(member: Member, room: Room) -> dict[str, Any]:
    return {
        "type": "hello",
        "client_id": member.client_id,
        "role": member.grant.role.value,
        "schema": VERSION,
        "seq": room.head,
        "limits": {"bytes": room.gate.limits.bytes, "presence_bytes": awareness.MAX_STATE_BYTES},
    }


def _is_too_old(scope: Any) -> bool:
    """Return whether the client says (`?schema=`) that it knows less than documents hold: it would delete it."""
    said = parse_qs(scope.get("query_string", b"").decode("latin1")).get("schema", [""])[0]
    return said.isascii() and said.isdigit() and len(said) < 10 and int(said) < VERSION
