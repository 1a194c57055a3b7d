"""What rooms ask of the database. Each function is one job: for the committer where it says so, else for a reader."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pycrdt import Doc

from workspaces.documents import access, log, protocol
from workspaces.documents.landmarks import Landmarks
from workspaces.documents.models import Document, WriterKind
from workspaces.people.access import role_of
from workspaces.people.models import Role
from workspaces.sockets.auth import Caller
from wukong.kernel.errors import Conflict, Forbidden, NotFound, Stale, Throttled

Rights = tuple[object, ...]
"""Differs from what it was when rights may have changed: the workspace counts changes, what is archived has a date."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the rows say of a document whose room is open."""

    head: int
    generation: int
    rights: Rights


def standings(document_ids: Sequence[UUID]) -> dict[UUID, Standing]:
    """Return how documents stand; who is missing is gone."""
    rows = Document.objects.filter(pk__in=document_ids).values_list(
        "pk", "head_seq", "generation", "archived_at", "project__archived_at", "project__workspace__acl_epoch"
    )
    return {pk: Standing(head, generation, tuple(rights)) for pk, head, generation, *rights in rows}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document as the log has it: a replica of it, the seq it stands at, who owns the client ids in it.

    Ids under which nothing has been written are not among them: there is one for each time that somebody came.
    The replica is made where it is read, because to decode a long document takes most of the time of opening it; it
    belongs to who takes it over.
    """

    doc: Doc[Any]
    head: int
    owners: dict[int, UUID]
    generation: int
    rights: Rights
    landmarks: Landmarks


def load(document_id: UUID) -> Loaded:
    """Read a document. Raises NotFound."""
    standing = standings([document_id]).get(document_id)
    if standing is None:
        raise NotFound
    doc, head = log.replica(document_id)
    owners = log.owners(document_id, protocol.read_state_vector(doc.get_state()))
    marks = Landmarks(bytes(doc.get_update()))
    return Loaded(doc, head, owners, standing.generation, standing.rights, marks)


@dataclass(frozen=True, slots=True)
class Committed:
    """The head after a commit, and the rows of other writers that lay between what was known and our own."""

    head: int
    others: list[tuple[int, bytes]]


def commit(document_id: UUID, generation: int, known: int, entries: Sequence[log.LogEntry]) -> Committed:
    """Append a batch. A job of the committer. Raises NotFound when the document is gone, Stale when its history is
    another one than the room's.
    """
    head = log.append(document_id=document_id, entries=entries, generation=generation)
    first = head - len(entries)
    if first < known:
        raise Stale
    # The row lock orders writers of all processes: what is before ours is committed, so nothing can be missed here.
    others = [row for row in log.since(document_id, known) if row[0] <= first] if first > known else []
    return Committed(head, others)


def bind(document_id: UUID, client_ids: Sequence[int], principal: UUID, most_new: int) -> int:
    """Bind ids that a client chose itself; returns how many of them were new. A job of the committer.

    Raises Conflict when one is somebody else's, Throttled when more than `most_new` are new.
    """
    owners = log.owners(document_id, client_ids)
    if any(owner != principal for owner in owners.values()):
        raise Conflict
    new = [client_id for client_id in client_ids if client_id not in owners]
    if len(new) > most_new:
        raise Throttled
    for client_id in new:
        log.bind_client_id(
            document_id=document_id, client_id=client_id, kind=WriterKind.PERSON.value, principal=principal
        )
    return len(new)


def issue(document_id: UUID, principal: UUID) -> int:
    """Return a fresh client id. A job of the committer."""
    return log.issue_client_id(document_id=document_id, kind=WriterKind.PERSON.value, principal=principal)


def draw(document_id: UUID) -> int:
    """Return a client id that is nobody's, for somebody who only reads: a row for each visit would never end."""
    while log.owners(document_id, [client_id := log.draw_client_id()]):
        pass
    return client_id


def owner_of(document_id: UUID, client_id: int) -> UUID | None:
    """Return whose a client id is."""
    return log.owners(document_id, [client_id]).get(client_id)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a caller may do in a document: `role` is the effective one (viewer in an archive, or without the scope).

    `generation` and `head` are those of the document at that moment.
    """

    document_id: UUID
    role: Role
    generation: int = field(default=1, compare=False)
    head: int = field(default=0, compare=False)

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
    return Grant(document.pk, role, document.generation, document.head_seq)


def grant_again(caller: Caller, document_id: UUID) -> Grant:
    """Look up the grant of an open socket: Forbidden for who no longer sees a document that is there."""
    try:
        return grant(caller, document_id)
    except NotFound:
        if Document.objects.filter(pk=document_id).exists():
            raise Forbidden from None
        raise
