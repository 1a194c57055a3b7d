"""Random schedules for three replicas and the real rooms: frames that wait, swap places, come twice, get lost.

Everything between a frame that arrives and a frame that leaves is the product's: consumer, gate, room, outlet. The log
lies in memory, since ten thousand schedules are too many for a disk.
"""

import asyncio
import random
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any, Protocol
from unittest import mock

from pycrdt import Doc

from workspaces.documents import content, crdt, log, protocol
from workspaces.documents.consumers import DocumentConsumer
from workspaces.documents.protocol import STEP1, STEP2, UPDATE
from workspaces.documents.rooms import pace, store
from workspaces.documents.rooms.member import Member
from workspaces.documents.rooms.room import Room
from workspaces.people.models import Role
from workspaces.sockets import outlet, reading
from workspaces.sockets.codes import Closed
from workspaces.sockets.outlet import Outlet
from wukong.kernel import committer

STEPS = 26
MOST_ROUNDS = 200


class Replica(Protocol):
    """Somebody's copy of the document, in whatever language. `edit` and `apply` return what others have to know."""

    client_id: int

    def edit(self) -> list[bytes]: ...
    def apply(self, update: bytes) -> list[bytes]: ...
    def vector(self) -> bytes: ...
    def since(self, vector: bytes) -> bytes: ...
    def differs(self, doc: Any) -> str: ...


class Log:
    """The rows of one document, and whose client ids are whose. Each schedule has its own."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, bytes]] = []
        self.owners: dict[int, uuid.UUID] = {}

    def built(self) -> Any:
        """Return a document made of the rows alone."""
        doc = crdt.open_doc()
        crdt.apply(doc, [data for _seq, data in self.rows])
        return doc


class _Consumer(DocumentConsumer):
    """The product's consumer without a socket: no rates, no rights to look up."""

    is_checking = False

    def charge(self, *_cost: Any) -> None:
        """Nobody sends too much here."""


class Line:
    """A connection of a replica to a room. `said` has not reached the server, `heard` has not reached the replica."""

    def __init__(self, room: Room, replica: Replica, principal: uuid.UUID) -> None:
        self.room, self.replica = room, replica
        self.said: deque[bytes] = deque()
        self.heard: deque[bytes] = deque()
        self.rejected: list[str] = []
        self.code: int | None = None
        self.consumer = _Consumer()
        user = SimpleNamespace(pk=principal, display_name="Ada", tone=1)
        grant = store.Grant(room.document_id, Role.EDITOR)
        self.member = Member(Outlet(self._send), user, grant, replica.client_id, lambda: None)  # type: ignore[arg-type]
        self.consumer.room, self.consumer.member, self.consumer.grant = room, self.member, grant
        room.gate.bind(replica.client_id, principal)
        room.join(self.member)
        self.said.append(protocol.sync_message(STEP1, replica.vector()))

    async def _send(self, message: Any) -> None:
        if message["type"] == "websocket.close":
            self.code = message["code"]
        else:
            self.heard.append(message["bytes"])

    def edit(self) -> None:
        self._say(self.replica.edit())

    def _say(self, updates: list[bytes]) -> None:
        self.said.extend(protocol.sync_message(UPDATE, update) for update in updates)

    async def reach(self, frame: bytes) -> None:
        """Let the server have a frame."""
        try:
            await self.consumer.receive_frame(frame)
        except Closed as closed:
            self.code = closed.code

    def hear(self, frame: bytes) -> None:
        """Let the replica have a frame."""
        match protocol.read_message(frame):
            case protocol.Sync(step=protocol.STEP1, payload=vector):
                self.said.append(protocol.sync_message(STEP2, self.replica.since(vector)))
            case protocol.Sync(payload=update):
                self._say(self.replica.apply(update))
            case protocol.Control(body={"type": "rejected", "code": code}):
                self.rejected.append(code)

    def hang_up(self) -> None:
        self.room.leave(self.member)


class World:
    """Three replicas, one or two rooms (as of two processes), one log."""

    def __init__(self, seed: int, makers: Sequence[Callable[[int, bytes, int], Replica]]) -> None:
        self.random = random.Random(seed)
        self.document = uuid.UUID(int=self.random.getrandbits(128))
        self.log = _logs.of[self.document] = Log()
        self._seed()
        self.rooms = [self._room() for _ in range(self.random.choice((1, 1, 2)))]
        state = bytes(self.log.built().get_update())
        self.principals = [uuid.UUID(int=number) for number in (1, 2, 2)]
        self.replicas = [make(self.random.getrandbits(32), state, 101 + at) for at, make in enumerate(makers)]
        self.lines = [self._line(at) for at in range(3)]
        self.gaps = 0

    def _seed(self) -> None:
        doc = crdt.open_doc(client_id=7)
        words = self.random.choice(
            ("First words.\n\n第二段 😀 words", "- one\n- 二", "| a | b |\n|---|---|\n| c | 丁 |")
        )
        content.seed(doc, content.parse_markdown(words))
        self.log.rows.append((1, bytes(doc.get_update())))
        self.log.owners[7] = uuid.UUID(int=7)

    def _room(self) -> Room:
        return Room(self.document, store.load(self.document), lambda _room: None)

    def _line(self, at: int) -> Line:
        self.log.owners[self.replicas[at].client_id] = self.principals[at]
        return Line(self.random.choice(self.rooms), self.replicas[at], self.principals[at])

    async def live(self, steps: int) -> None:
        """Let `steps` things happen, one after the other."""
        for _ in range(steps):
            at = self.random.randrange(3)
            line, dice = self.lines[at], self.random.random()
            if dice < 0.45:
                line.edit()
            elif dice < 0.65:
                for frame in self._some(line.said):
                    await line.reach(frame)
            elif dice < 0.85:
                for frame in self._some(line.heard):
                    line.hear(frame)
            elif dice < 0.9:
                line.said.append(protocol.sync_message(STEP1, line.replica.vector()))
            elif dice < 0.95:
                self._reconnect(at)
            else:
                self._hint()
            await self._breathe()

    def _some(self, frames: "deque[bytes]") -> list[bytes]:
        """Take a few frames off a line: mostly the next ones; sometimes swapped, twice, or for ever lost."""
        taken = [frames.popleft() for _ in range(min(len(frames), self.random.randint(1, 4)))]
        trouble = self.random.random()
        if trouble < 0.12:
            self.random.shuffle(taken)
        elif trouble < 0.2:
            taken += taken[:2]
        elif trouble < 0.28 and taken:
            del taken[self.random.randrange(len(taken))]
        return taken

    def _reconnect(self, at: int) -> None:
        """Whatever was under way is lost, both ways."""
        self.gaps += self.lines[at].rejected.count("gap")
        assert self.lines[at].code is None, f"closed with {self.lines[at].code}"
        self.lines[at].hang_up()
        self.lines[at] = self._line(at)

    def _hint(self) -> None:
        for room in self.rooms:
            room.hint({"seq": len(self.log.rows)})

    async def _breathe(self) -> None:
        for _ in range(self.random.randint(0, 3)):
            await asyncio.sleep(0)

    async def come_to_rest(self) -> None:
        """Everybody connects anew, and everything arrives."""
        for at in range(3):
            self._reconnect(at)
        for _ in range(MOST_ROUNDS):
            for line in self.lines:
                for _frame in range(len(line.said)):
                    await line.reach(line.said.popleft())
                for _frame in range(len(line.heard)):
                    line.hear(line.heard.popleft())
            self._hint()
            await asyncio.sleep(0)
            is_quiet = not any(line.said or line.heard for line in self.lines)
            if is_quiet and all(not room.is_busy and room.head == len(self.log.rows) for room in self.rooms):
                return
        raise AssertionError(f"it never comes to rest: {[(line.code, line.rejected[:3]) for line in self.lines]}")

    def judge(self) -> None:
        """All replicas, the rooms and the log alone say the same, and nobody was closed or refused at the end."""
        built = self.log.built()
        vector = protocol.read_state_vector(built.get_state())
        for line in self.lines:
            assert (line.code, set(line.rejected) - {"gap"}) == (None, set())  # after a gap all is asked for again
            assert line.replica.differs(built) == ""
            assert protocol.read_state_vector(line.replica.vector()) == vector
        for room in self.rooms:
            assert difference(crdt.open_doc(_told(room)), built) == ""


def difference(one: Any, other: Any) -> str:
    """Return how two documents differ, empty if they do not. XML is quickly compared, but has marks in any order."""
    if str(crdt.root_of(one)) == str(crdt.root_of(other)) or content.read(one) == content.read(other):
        return ""
    return f"{content.read(one)}\n!=\n{content.read(other)}"


def _told(room: Room) -> bytes:
    """Return what a room tells somebody who comes with nothing."""
    frames: list[bytes] = []

    async def send(message: Any) -> None:
        frames.append(message["bytes"])

    user: Any = SimpleNamespace(pk=uuid.UUID(int=3), display_name="Rita", tone=1)
    room.sync(Member(Outlet(send), user, store.Grant(room.document_id, Role.VIEWER), None, lambda: None), b"\0")
    (message,) = [protocol.read_message(frame) for frame in frames]
    assert isinstance(message, protocol.Sync)
    return message.payload


class _Logs:
    """Stands in for workspaces/documents/log.py."""

    def __init__(self) -> None:
        self.of: dict[uuid.UUID, Log] = {}

    def append(self, *, document_id: uuid.UUID, entries: Sequence[log.LogEntry], **_options: Any) -> int:
        rows = self.of[document_id].rows
        for entry in entries:
            rows.append((len(rows) + 1, entry.data))
        return len(rows)

    def since(self, document_id: uuid.UUID, seq: int) -> list[tuple[int, bytes]]:
        return self.of[document_id].rows[seq:]

    def replica(self, document_id: uuid.UUID) -> tuple[Doc[Any], int]:
        kept = self.of[document_id]
        return crdt.open_doc(kept.built().get_update()), len(kept.rows)

    def owners(self, document_id: uuid.UUID, client_ids: Iterable[int]) -> dict[int, uuid.UUID]:
        owners = self.of[document_id].owners
        return {client_id: owners[client_id] for client_id in client_ids if client_id in owners}

    def bind_client_id(self, *, document_id: uuid.UUID, client_id: int, principal: uuid.UUID, **_options: Any) -> None:
        assert self.of[document_id].owners.setdefault(client_id, principal) == principal

    def standings(self, document_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, store.Standing]:
        return {one: store.Standing(len(self.of[one].rows), 1, ()) for one in document_ids}


_logs = _Logs()


@contextmanager
def log_in_memory() -> Iterator[None]:
    """Let rooms use logs in memory instead of the database; their windows of time are closed."""

    async def at_once(job: Callable[[], Any], **_options: Any) -> Any:
        await asyncio.sleep(0)
        return job()

    with ExitStack() as stack:
        for place, name, value in (
            (committer, "arun", at_once),
            (reading._Lane, "run", lambda _lane, job: at_once(job)),
            (store, "standings", _logs.standings),
            (outlet, "wire_behind", lambda _send: None),
            (pace, "READ_EVERY_S", 0.0),
            (pace, "LONGEST_S", 0.0),
            *((log, name, getattr(_logs, name)) for name in ("append", "since", "replica", "owners", "bind_client_id")),
        ):
            stack.enter_context(mock.patch.object(place, name, value))
        yield
        _logs.of.clear()
