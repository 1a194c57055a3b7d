"""What goes into the log together, and how it is tried out first."""

from dataclasses import dataclass

from workspaces.documents import log
from workspaces.documents.models import WriterKind
from workspaces.documents.rooms.member import Member
from workspaces.documents.rooms.replica import Replica, merged
from workspaces.documents.wire import Facts


@dataclass(slots=True, eq=False)
class Entry:
    """Update message `n` of a member on its way. `data` None: it says nothing, but is acknowledged in its turn.

    `adds` are the client ids of which it brings structs; none: deletions at most.
    """

    member: Member
    n: int
    data: bytes | None = None
    facts: Facts | None = None
    adds: frozenset[int] = frozenset()


def apply(replica: Replica, batch: list[Entry]) -> tuple[bytes | None, list[Entry]]:
    """Apply a batch; return what is new in it as one update, and the entries that the log has to hold. Raises Broken.

    What brings structs is applied together. Whether deletions are new shows only when they are applied by themselves:
    a client that comes back repeats all that it knows of.
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
        if entry.adds:
            together.append(entry)
        elif entry.data is not None:
            apply_together()
            if (delta := replica.apply([entry.data])) is not None:
                deltas.append(delta)
                rows.append(entry)
    apply_together()
    return merged(deltas), rows


def log_entry(entry: Entry) -> log.LogEntry:
    """Return the row of an entry: the writer's own bytes, under a client id of theirs."""
    member = entry.member
    client_id = member.writes_as if not entry.adds or member.writes_as in entry.adds else min(entry.adds)
    return log.LogEntry(
        data=entry.data or b"", client_id=client_id, principal=member.principal, kind=WriterKind.PERSON.value
    )
