"""What rooms ask of the database. Each function is one job: for the committer where it says so, else for a reader."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from workspaces.documents import access, log
from workspaces.documents.models import Document, WriterKind
from workspaces.people.access import role_of
from workspaces.people.models import Role
from workspaces.sockets.auth import Caller
from wukong.kernel.errors import Forbidden, NotFound


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document as the log has it: its state as one update, the seq it stands at, who owns which client id."""

    state: bytes
    head: int
    owners: dict[int, UUID]


def load(document_id: UUID) -> Loaded:
    """Read a document. Raises NotFound."""
    state, head = log.load(document_id)
    return Loaded(state, head, log.owners(document_id))


@dataclass(frozen=True, slots=True)
class Committed:
    """The head after a commit, and the rows of other writers that lay between what was known and our own."""

    head: int
    others: list[tuple[int, bytes]]


def commit(document_id: UUID, known: int, entries: Sequence[log.LogEntry]) -> Committed:
    """Append a batch. A job of the committer. Raises NotFound when the document is gone."""
    head = log.append(document_id=document_id, entries=entries)
    first = head - len(entries)
    # The row lock orders writers of all processes: what is before ours is committed, so nothing can be missed here.
    others = [row for row in log.since(document_id, known) if row[0] <= first] if first > known else []
    return Committed(head, others)


def bind(document_id: UUID, client_ids: Sequence[int], principal: UUID) -> None:
    """Bind ids that a client chose itself. A job of the committer. Raises Conflict when one is somebody else's."""
    for client_id in client_ids:
        log.bind_client_id(
            document_id=document_id, client_id=client_id, kind=WriterKind.PERSON.value, principal=principal
        )


def issue(document_id: UUID, principal: UUID) -> int:
    """Return a fresh client id. A job of the committer."""
    return log.issue_client_id(document_id=document_id, kind=WriterKind.PERSON.value, principal=principal)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the rows say of a document whose room is open."""

    head: int
    is_writable: bool


def standings(document_ids: Sequence[UUID]) -> dict[UUID, Standing]:
    """Return how documents stand; who is missing is gone."""
    rows = Document.objects.filter(pk__in=document_ids).values_list(
        "pk", "head_seq", "archived_at", "project__archived_at"
    )
    return {pk: Standing(head, own is None and project is None) for pk, head, own, project in rows}


@dataclass(frozen=True, slots=True)
class Grant:
    """What a caller may do in a document: `role` is the effective one (viewer in an archive, or without the scope)."""

    document_id: UUID
    role: Role

    @property
    def may_write(self) -> bool:
        return self.role.includes(Role.EDITOR)


def grant(caller: Caller, document_id: UUID | str) -> Grant:
    """Look up what a caller may do. Raises NotFound for strangers, Forbidden for a key without the scope."""
    if not caller.may("documents:read"):
        raise Forbidden
    document = access.document_for(caller.user, document_id)
    role = role_of(caller.user, document.project.workspace_id)
    if role is None:
        raise NotFound
    is_archived = document.archived_at is not None or document.project.archived_at is not None
    if role.includes(Role.EDITOR) and (is_archived or not caller.may("documents:write")):
        role = Role.VIEWER
    return Grant(document.pk, role)


def grant_again(caller: Caller, document_id: UUID) -> Grant:
    """Look up the grant of an open socket: Forbidden for who no longer sees a document that is there."""
    try:
        return grant(caller, document_id)
    except NotFound:
        if Document.objects.filter(pk=document_id).exists():
            raise Forbidden from None
        raise
