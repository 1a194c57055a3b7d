"""What goes into the log together, and how it is tried out first."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from workspaces.documents import crdt, log
from workspaces.documents.limits import Size
from workspaces.documents.models import WriterKind
from workspaces.documents.nesting import Id
from workspaces.documents.order import Question
from workspaces.documents.protocol import Cut
from workspaces.documents.rooms import answers
from workspaces.documents.rooms.answers import Ack, Answer, Notice
from workspaces.documents.rooms.gate import Gate
from workspaces.documents.rooms.member import Member
from workspaces.documents.rooms.replica import Replica, merged
from workspaces.documents.wire import Facts
from workspaces.sockets.codes import Close, Closed


@dataclass(slots=True, eq=False)
class Entry:
    """Update message `n` of a member on its way. `data` None: it says nothing, but is acknowledged in its turn, or
    answered with the `notice`.

    `adds` are the client ids of which it brings structs; none: deletions at most. `under`, `questions`: see Admission.
    `cut`: see LogEntry.
    """

    member: Member
    n: int
    data: bytes | None = None
    facts: Facts | None = None
    adds: frozenset[int] = frozenset()
    under: frozenset[Id] = frozenset()
    questions: tuple[Question, ...] = ()
    cut: Cut | None = None
    notice: Notice | None = None

    def admit(self, gate: Gate) -> None:
        """Have the gate let it in. Raises Closed, Gap, Full."""
        if self.data is not None and self.facts is not None:
            try:
                self.data, self.facts = gate.without_known(self.data, self.facts)
            except BaseException as error:
                if crdt.is_panic(error):  # over these bytes alone: the room has come to no harm
                    raise Closed(Close.MALFORMED) from error
                raise
            admission = gate.admit(self.facts, self.member.principal)
            self.adds, self.under = frozenset(admission.adds), frozenset(admission.under)
            self.questions = tuple(admission.questions)


def apply(replica: Replica, batch: list[Entry]) -> tuple[bytes | None, list[Entry]]:
    """Apply a batch; return what is new in it as one update, and the entries that the log has to hold. Raises Broken.

    What brings structs is applied together. Whether deletions are new shows only when they are applied by themselves:
    a client that comes back repeats all that it knows of.

    What leans on something that has been deleted is dead, and whether it ever could stand there is known no more:
    somebody who loads the log in other portions might fail. So the log gets what became of it.
    """
    deltas: list[bytes | None] = []
    rows: list[Entry] = []
    together: list[Entry] = []

    def apply_together() -> None:
        if together:
            deltas.append(replica.apply([entry.data for entry in together if entry.data is not None]))
            rows.extend(together)
            together.clear()

    for entry in batch:
        if entry.data is None:
            continue
        is_alive = True
        if entry.under or entry.questions:
            apply_together()  # what it leans on may be among these
            if not all(replica.is_deleted(at) for at in entry.under):
                raise crdt.Broken("a piece in something that holds nothing")
            is_alive = replica.order.check(entry.data, entry.questions) and not entry.under
        if entry.adds and is_alive:
            together.append(entry)
            continue
        apply_together()
        if (delta := replica.apply([entry.data])) is not None:
            deltas.append(delta)
            rows.append(entry if is_alive else replace(entry, data=delta))
    apply_together()
    return merged(deltas), rows


def log_entry(entry: Entry) -> log.LogEntry:
    """Return the row of an entry: the writer's own bytes, under a client id of theirs."""
    member = entry.member
    client_id = member.writes_as if not entry.adds or member.writes_as in entry.adds else min(entry.adds)
    return log.LogEntry(
        data=entry.data or b"",
        client_id=client_id,
        principal=member.principal,
        kind=WriterKind.PERSON.value,
        cut=entry.cut,
    )


def size_of(pending: Iterable[Entry], size: Size) -> Size:
    """Return `size` with what is on its way."""
    for entry in pending:
        if entry.facts is not None and entry.adds:
            size = size.plus(entry.facts.size({}))
    return size


def answered(batch: Iterable[Entry], seq: int) -> dict[Member, list[Answer]]:
    """Return what the members are told of a batch that is in the log up to `seq`, each in the order of its messages."""
    said: dict[Member, list[Answer]] = {}
    for entry in batch:
        answers.add(said.setdefault(entry.member, []), [entry.notice or Ack(entry.n, seq)])
    return said
