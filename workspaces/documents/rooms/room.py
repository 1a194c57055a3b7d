"""An open document of this process. Commit, then tell: nobody hears of an update that is not in the log.

    update ─► gate ─► pending ─► one turn: applied ─► committed ─► told, acknowledged ─► the next turn

One turn runs at a time; what comes meanwhile gathers for the next, so the commit itself is the window of a flush. All
of it happens on the event loop's thread, with no await between two steps of a change. A turn that cannot be committed
closes the room: its sockets come back to one that is loaded from the log.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import MappingProxyType
from typing import Any
from uuid import UUID

from workspaces.documents import crdt, log, protocol
from workspaces.documents.limits import Size
from workspaces.documents.rooms import answers, store
from workspaces.documents.rooms import batch as batches
from workspaces.documents.rooms.answers import Ack, Answer, Notice
from workspaces.documents.rooms.audience import Audience
from workspaces.documents.rooms.batch import Entry
from workspaces.documents.rooms.gate import Gap, Gate
from workspaces.documents.rooms.member import Member
from workspaces.documents.rooms.pace import Pace
from workspaces.documents.rooms.pending import Pending
from workspaces.documents.rooms.presence import Presences
from workspaces.documents.rooms.replica import Replica
from workspaces.documents.rooms.telling import Telling
from workspaces.documents.rooms.tidying import Tidying
from workspaces.documents.rooms.turns import Turns
from workspaces.documents.wire import Facts
from workspaces.sockets import reading
from workspaces.sockets.codes import Close, Closed
from workspaces.sockets.outlet import Parcel
from workspaces.sockets.reading import read
from wukong.kernel import committer
from wukong.kernel.errors import NotFound

_log = logging.getLogger("wukong.rooms")


class Room:
    """One document. `loaded` was read after `subscribe` to its topic, so what comes between is hinted at."""

    def __init__(self, document_id: UUID, loaded: store.Loaded, on_empty: Callable[["Room"], None]) -> None:
        self.document_id = document_id
        self.on_empty = on_empty
        self.tidying = Tidying(document_id)
        self.is_closed = False
        self.is_draining = False
        self._rights = loaded.rights
        self._endings: list[Callable[[], object]] = []
        self._pending = Pending()
        self._waiting: list[tuple[Member, bytes]] = []
        self._is_ahead = False  # the replica holds what is not committed yet
        self._turns = Turns(self._until_work, self._take_turn, self._fail)
        self._pace = Pace()
        self._is_read = asyncio.Event()
        self._must_read = False  # nobody has hinted, but somebody asks
        self._take_over(loaded)
        self._hinted = self.head
        self._audience = Audience(self._replica.clocks(), self._bring_up)
        self.presences = Presences(document_id, self._audience, lambda: self.is_busy)

    def _take_over(self, loaded: store.Loaded) -> None:
        self._replica = Replica(loaded.doc)
        self.head, self.generation = loaded.head, loaded.generation
        self.gate = Gate(loaded.owners, self._replica.clocks(), measure=self._size, landmarks=loaded.landmarks)

    def _size(self) -> Size:
        """Return how large the document is with all that has been admitted."""
        return batches.size_of(self._pending, self._replica.size())

    @staticmethod
    def _now() -> float:
        return time.monotonic()

    @property
    def members(self) -> set[Member]:
        return self._audience.members

    @property
    def is_busy(self) -> bool:
        """Whether anything is on its way into the log, or out of it."""
        return self._turns.is_running or bool(self._pending)

    # --- members -----------------------------------------------------------------------------------------------------
    def join(self, member: Member) -> None:
        """Let a socket in: it is asked for what the room lacks, and told who is here."""
        self.members.add(member)
        if member.grant.may_write:
            self._audience.ask(member)
        self.presences.greet(member)

    def leave(self, member: Member) -> None:
        """The socket is gone; what it sent before stays on its way. At the end of the process it is only deserted."""
        if member in self.members and not self.is_draining:
            self.members.discard(member)
            self.presences.gone(member)
            if not self.members:
                self.on_empty(self)

    def regrant(self, member: Member, grant: store.Grant) -> None:
        """Note what a member may do from now on."""
        if grant == member.grant:
            return
        could_write, member.grant = member.grant.may_write, grant
        self.say(member, Notice({"type": "role", "role": grant.role.value}, grant.may_write and not could_write))

    def at_the_end(self, ending: Callable[[], object]) -> None:
        """Call `ending` when the room is closed."""
        self._endings.append(ending)

    def close(self, code: Close) -> None:
        """Close all sockets; the room is not used again."""
        if self.is_closed:
            return
        self.is_closed = True
        for ending in self._endings:
            ending()
        self._pending.clear()
        self._is_read.set()
        self._turns.end()
        self._audience.close(code)
        self.presences.close()
        self.on_empty(self)

    def _fail(self, error: BaseException) -> None:
        """Load the room anew: what went wrong must not leave one that looks open and is dead."""
        _log.error("the room of %s failed and is loaded anew", self.document_id, exc_info=error)
        self.close(Close.COME_BACK_LATER)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Work on the document outside a turn: after a panic the replica is not to be trusted."""
        try:
            yield
        except BaseException as error:
            if not crdt.is_panic(error):
                raise
            self._fail(error)

    # --- what members send -------------------------------------------------------------------------------------------
    def sync(self, member: Member, vector: bytes) -> None:
        """Answer step 1 with what the member lacks, once nothing is in it that might be lost."""
        if self.is_closed:
            return
        if self._is_ahead:
            self._waiting.append((member, vector))
            return
        try:
            with self._watched():
                self._audience.answer(member, vector, self._missing(vector))
        except ValueError:
            member.close(Close.MALFORMED)

    def _missing(self, vector: bytes) -> list[Parcel]:
        if vector in (b"", b"\0"):
            return self._replica.joining.parcels()
        return [Parcel((protocol.sync_message(protocol.STEP2, self._replica.since(vector)),))]

    def write(self, member: Member, n: int, data: bytes, facts: Facts) -> None:
        """Take a walked update into the next turn. Raises Closed, Gap, Full."""
        entry = Entry(member, n, data, facts)
        entry.cut = member.take_cut() if facts.inserted else None
        with self._watched():
            entry.admit(self.gate)
            self._queue(entry)

    def note(self, member: Member, n: int) -> None:
        """Acknowledge a message that says nothing, after those before it."""
        self._answer(Entry(member, n))

    def say(self, member: Member, notice: Notice) -> None:
        """Tell a member something, after the answers to what it has sent before: it must not take that for refused."""
        self._answer(Entry(member, member.received, notice=notice))

    def _answer(self, entry: Entry) -> None:
        if self._pending or self._is_ahead or self.is_draining:
            self._queue(entry)
        else:
            self._audience.say(entry.member, entry.notice or Ack(entry.n, self.head))

    def _queue(self, entry: Entry) -> None:
        if not (self.is_closed or self.is_draining):  # what is not answered is sent again
            self._pending.add(entry)
            self._turns.wake()

    # --- what others have written ------------------------------------------------------------------------------------
    def hint(self, message: dict[str, Any]) -> None:
        """Take a message of the bus. The room's own commits are hinted at too: their seq is not above the head then."""
        if self.is_closed:
            return
        if "seq" in message:
            self.learn(int(message["seq"]))
        elif "rights" in message:
            for member in list(self.members):
                member.look_again()
        elif "history" in message:
            self.close(Close.COME_BACK_LATER)
        else:
            self.presences.hear(message)

    def learn(self, seq: int) -> None:
        """Read the log if it goes on beyond what the room has."""
        if seq > self._hinted:
            self._hinted = seq
            self._turns.wake()

    async def refresh(self) -> None:
        """Read the log to its end: a client may have heard more than this process."""
        if self.is_closed:
            return
        self._must_read = True
        self._pace.read_at_once()
        self._is_read.clear()
        self._turns.wake()
        await self._is_read.wait()

    async def drain(self, seconds: float) -> None:
        """Finish what is on its way; nothing more is taken."""
        await self._turns.finish(seconds)

    # --- turns -------------------------------------------------------------------------------------------------------
    def _until_work(self) -> float | None:
        """Return the seconds until there is something to write or to read, at once if not positive; None: there is not.

        What is written rests after a turn, what is read after a reading: agents flush many times a second.
        """
        waits = [self._until_commit()] if self._pending else []
        if self._must_read or self._hinted > self.head:
            waits.append(self._pace.until_read)
        return min(waits, default=None)

    def _until_commit(self) -> float:
        return 0.0 if self.is_draining or self._pending.is_searched else self._pace.until_turn

    async def _take_turn(self) -> None:
        await (self._commit() if self._pending and self._until_commit() <= 0 else self._catch_up())
        self._answer_waiting()
        if not self._must_read and self._hinted <= self.head:
            self._is_read.set()

    async def _commit(self) -> None:
        batch = self._pending.take()
        began = began_turn = self._now()
        try:
            delta, rows = batches.apply(self._replica, batch)
        except BaseException as error:
            if not (isinstance(error, crdt.Broken) or crdt.is_panic(error)):
                raise
            await self._expel(batch, error)
            return
        cost = self._now() - began
        others: bytes | None = None
        if rows:
            self._is_ahead = True
            entries = [batches.log_entry(entry) for entry in rows]
            try:
                job = partial(store.commit, self.document_id, self.generation, self.head, entries)
                done = await committer.arun(job, is_urgent=True)
            except NotFound:
                self.close(Close.GONE)
                return
            except Exception as error:  # noqa: BLE001 - whatever it was, nothing of the batch is in the log
                _log.error("could not write to the log of %s: %s", self.document_id, error)
                self.close(Close.COME_BACK_LATER)
                return
            if self.is_closed:
                return
            began = self._now()
            cost += committer.cost()
            others = self._absorb(done.others)
            self.head = done.head
            self._is_ahead = False
        told = {client: entry.facts.end(client) for entry in rows if entry.facts for client in entry.adds}
        said = batches.answered(batch, self.head)
        self._tell(others, delta, said, clocks=told if others is None else self._replica.clocks())
        self._pace.spent(cost + self._now() - began, began_turn)

    async def _expel(self, batch: list[Entry], error: BaseException) -> None:
        """Load the room anew without the update that broke it; its sender is closed. Several are tried by halves."""
        if len(batch) == 1:
            self._refuse(batch[0], error)
        else:
            self._pending.put_back(batch)
        self._is_ahead = True  # the broken replica answers nobody
        head = self.head
        loaded = await reading.load(lambda: store.load(self.document_id))
        if self.is_closed:
            return
        if loaded.generation != self.generation:
            self.close(Close.COME_BACK_LATER)
            return
        self._take_over(loaded)
        for member in {*self.members, *(entry.member for entry in self._pending)}:
            for client_id in member.own:
                self.gate.bind(client_id, member.principal)
        self._is_ahead = False
        self._pending.sift(self._is_admitted)
        if loaded.head > head:
            self._tell(self._replica.since(self._audience.vector()), clocks=self._replica.clocks())

    def _refuse(self, bad: Entry, error: BaseException) -> None:
        """Answer the member whose update left the form of a document, or made too much of it. All before has been."""
        member = bad.member
        _log.warning("an update of %s to %s was refused", member.principal, self.document_id)
        if isinstance(error, crdt.Full):
            self._audience.say(member, answers.full(bad.n))
        else:
            member.close(Close.MALFORMED)
        if not member.is_open:
            self._pending.sift(lambda entry: entry.member is not member)

    def _is_admitted(self, entry: Entry) -> bool:
        try:
            entry.admit(self.gate)
        except (Closed, Gap, crdt.Full):  # it leans on what has just been refused
            entry.member.close(Close.COME_BACK_LATER)
            return False
        return True

    async def _catch_up(self) -> None:
        wanted, head, self._must_read = self._hinted, self.head, False
        self._pace.read()
        rows = await read(lambda: log.since(self.document_id, head))
        if self.is_closed or self.head != head:
            return
        delta = self._absorb(rows)
        self.head = rows[-1][0] if rows else head
        if self.head < wanted == self._hinted:
            self._hinted = self.head  # it was hinted at, but is not there; the next look will tell
        self._tell(delta, clocks=self._replica.clocks())

    def _absorb(self, rows: list[tuple[int, bytes]]) -> bytes | None:
        if not rows:
            return None
        delta = self._replica.apply_log([data for _seq, data in rows])
        updates = [data for _seq, data in rows]
        size = Size(sum(map(len, updates))).plus(self._replica.take_growth())
        self.gate.learn(updates, self._replica.clocks(), size)
        return delta

    # --- telling -----------------------------------------------------------------------------------------------------
    def _tell(
        self,
        others: bytes | None,
        delta: bytes | None = None,
        said: Mapping[Member, Sequence[Answer]] = MappingProxyType({}),
        *,
        clocks: Mapping[int, int],
    ) -> None:
        """Tell everybody what is committed now, up to `clocks`, and where people are; answer messages."""
        if others is not None or delta is not None:
            self.tidying.touch(self._now())
        telling = Telling(others, delta, said, self.presences.news())
        self._audience.tell(telling.parcel_for, clocks, said)

    def _bring_up(self, member: Member, vector: bytes) -> bool:
        """Send a slow reader in one step what it has missed: the words, and who is here."""
        if self._is_ahead:
            return False
        with self._watched():
            for parcel in self._missing(vector):
                member.outlet.put_parcel(parcel)
            self.presences.greet(member)
        return not self.is_closed

    def _answer_waiting(self) -> None:
        if self._is_ahead:
            return
        waiting, self._waiting = self._waiting, []
        for member, vector in waiting:
            self.sync(member, vector)

    # --- from time to time -------------------------------------------------------------------------------------------
    def look(self) -> None:
        """Do what is due without anybody asking for it."""
        self.presences.sweep()
        self._replica.joining.look()
        self.tidying.look(self._now())

    def compare(self, standing: store.Standing | None) -> None:
        """Take in how the rows stand: more may have been written, or put away, than was hinted at."""
        if standing is None:
            self.close(Close.GONE)
            return
        if standing.generation != self.generation:
            self.close(Close.COME_BACK_LATER)
            return
        if self._rights != standing.rights:
            self.hint({"rights": True})
        self._rights = standing.rights
        self.learn(standing.head)
