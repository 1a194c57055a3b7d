"""What can be done with projects and documents. Content changes go through the log alone."""

import logging
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from workspaces.documents import content, crdt, limits, log, snapshots
from workspaces.documents.authorship import services as authorship
from workspaces.documents.models import Document, Project
from workspaces.documents.schema import Node
from workspaces.events import services as events
from workspaces.people.models import User, Workspace
from wukong.kernel import bus, committer, memory
from wukong.kernel.clock import now
from wukong.kernel.errors import Conflict, Invalid, NotFound, TooLarge

MAX_SEED_BYTES = 4 * 1024 * 1024
_log = logging.getLogger("wukong.documents")


def _actor(actor: User | None) -> str:
    return f"person:{actor.pk}" if actor is not None else "system"


def _clean(text: str, field: str, most: int) -> str:
    """Return a name without line breaks and doubled blanks; raises Invalid when it is empty or too long."""
    clean = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    if not clean:
        raise Invalid(_("A name is needed."), {field: [_("This may not be empty.")]})
    if len(clean) > most:
        raise Invalid(_("This name is too long."), {field: [_("At most %(n)d characters.") % {"n": most}]})
    return clean


# --- projects -------------------------------------------------------------------------------------------------------
@transaction.atomic
def create_project(*, workspace: Workspace, name: str, actor: User | None) -> Project:
    """Make a project. Raises Invalid for a name that is empty or longer than 120 characters."""
    project = Project.objects.create(workspace=workspace, name=_clean(name, "name", 120))
    _project_event("project.created", project, actor)
    return project


@transaction.atomic
def rename_project(*, project: Project, name: str, actor: User | None) -> Project:
    project.name = _clean(name, "name", 120)
    project.save(update_fields=["name"])
    _project_event("project.renamed", project, actor)
    return project


@transaction.atomic
def archive_project(*, project: Project, actor: User | None) -> Project:
    """Put a project away; what is in it stays readable. Archiving twice changes nothing."""
    if project.archived_at is None:
        project.archived_at = now()
        project.save(update_fields=["archived_at"])
        _project_event("project.archived", project, actor)
        _tell_rooms(list(project.documents.values_list("pk", flat=True)))
    return project


@transaction.atomic
def restore_project(*, project: Project, actor: User | None) -> Project:
    if project.archived_at is not None:
        project.archived_at = None
        project.save(update_fields=["archived_at"])
        _project_event("project.restored", project, actor)
        _tell_rooms(list(project.documents.values_list("pk", flat=True)))
    return project


def _tell_rooms(document_ids: list[UUID]) -> None:
    """Make the open sockets of these documents look up again whether they may write."""

    def tell() -> None:
        for document_id in document_ids:
            bus.publish(f"document:{document_id}", {"rights": True})

    transaction.on_commit(tell)


def _project_event(kind: str, project: Project, actor: User | None) -> None:
    events.record(
        workspace_id=project.workspace_id,
        type=kind,
        actor=_actor(actor),
        data={"project": str(project.pk), "name": project.name},
    )


# --- documents ------------------------------------------------------------------------------------------------------
def create_document(
    *,
    project: Project,
    title: str,
    actor: User | None,
    parent: Document | None = None,
    markdown: str | None = None,
    nodes: list[Node] | None = None,
) -> Document:
    """Make a document, with content when `markdown` or `nodes` is given.

    Raises Invalid (title, parent of another project, archived project), TooLarge.
    """
    if project.archived_at is not None:
        raise Conflict(_("This project is archived. Restore it first."))
    if parent is not None and parent.project_id != project.pk:
        raise Invalid(_("The parent is in another project."), {"parent": [_("Choose one of this project.")]})
    title = _clean(title, "title", 200)
    blocks = content.parse_markdown(_checked(markdown)) if markdown else nodes
    seed = _seed_of(blocks) if blocks else None  # a long text takes seconds, in which SQLite's one writer must be free
    with transaction.atomic():
        document = Document.objects.create(
            project=project,
            parent=parent,
            title=title,
            position=_last_position(project, parent) + 1,
            created_by=actor.pk if actor else None,
        )
        if seed is not None:
            _plant(document, seed)
        _document_event("document.created", document, actor)
    return document


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seed:
    """The first content of a document: a Yjs v1 update of one client id, and its number of words."""

    update: bytes
    client_id: int
    words: int


def _checked(markdown: str) -> str:
    if len(markdown.encode()) > MAX_SEED_BYTES:
        raise TooLarge(_("This text is too large for one document."), {"max_bytes": MAX_SEED_BYTES})
    return markdown


def _seed_of(nodes: list[Node]) -> _Seed:
    client_id = log.draw_client_id()
    doc = crdt.open_doc(client_id=client_id)
    content.seed(doc, nodes)
    update = doc.get_update()
    if crdt.size_of(doc, update).is_too_large:
        raise TooLarge(
            _("This text is too large for one document."),
            {"max_bytes": limits.DOCUMENT_BYTES, "max_blocks": limits.BLOCKS},
        )
    return _Seed(update=update, client_id=client_id, words=content.words_in(content.plain_text(nodes)))


def _plant(document: Document, seed: _Seed) -> None:
    log.bind_client_id(document_id=document.pk, client_id=seed.client_id, kind="system", principal=document.pk)
    entry = log.LogEntry(
        data=seed.update, client_id=seed.client_id, principal=document.pk, kind="system", key=f"seed:{document.pk}"
    )
    document.head_seq = log.append(document_id=document.pk, entries=[entry])
    document.words = seed.words
    log.refresh_words(document_id=document.pk, words=seed.words)


def _last_position(project: Project, parent: Document | None) -> int:
    last: int | None = Document.objects.filter(project=project, parent=parent).aggregate(last=Max("position"))["last"]
    return last or 0


@transaction.atomic
def rename_document(*, document: Document, title: str, actor: User | None) -> Document:
    document.title = _clean(title, "title", 200)
    document.save(update_fields=["title"])
    _document_event("document.renamed", document, actor)
    return document


@transaction.atomic
def change_document(
    *, document: Document, title: str | None, is_moved: bool, parent: Document | None, actor: User | None
) -> Document:
    """Rename a document (`title` None: it stays), and move it below `parent` if `is_moved`: both, or nothing at all."""
    if title is not None:
        document = rename_document(document=document, title=title, actor=actor)
    if is_moved:
        document = move_document(document=document, parent=parent, actor=actor)
    return document


@transaction.atomic
def move_document(*, document: Document, parent: Document | None, actor: User | None) -> Document:
    """Hang a document below another one, or at the top. Raises Conflict for a circle, Invalid across projects."""
    # The project's row orders movers: two moves at once could close a circle that neither sees.
    Project.objects.select_for_update().get(pk=document.project_id)
    if parent is not None:
        if parent.project_id != document.project_id:
            raise Invalid(_("The parent is in another project."), {"parent": [_("Choose one of this project.")]})
        if document.pk in _line_of(parent):
            raise Conflict(_("A document cannot be moved below itself."))
    document.parent = parent
    document.position = _last_position(document.project, parent) + 1
    document.save(update_fields=["parent", "position"])
    _document_event("document.moved", document, actor)
    return document


def _line_of(document: Document) -> set[UUID]:
    """Return the ids of a document and of all above it."""
    parents = dict(Document.objects.filter(project=document.project_id).values_list("pk", "parent_id"))
    line: set[UUID] = set()
    at: UUID | None = document.pk
    while at is not None and at not in line:
        line.add(at)
        at = parents.get(at)
    return line


@transaction.atomic
def archive_document(*, document: Document, actor: User | None) -> Document:
    """Put a document away: readable, not writable. Archiving twice changes nothing."""
    if document.archived_at is None:
        document.archived_at = now()
        document.save(update_fields=["archived_at"])
        _document_event("document.archived", document, actor)
        _tell_rooms([document.pk])
    return document


@transaction.atomic
def restore_document(*, document: Document, actor: User | None) -> Document:
    if document.archived_at is not None:
        document.archived_at = None
        document.save(update_fields=["archived_at"])
        _document_event("document.restored", document, actor)
        _tell_rooms([document.pk])
    return document


def _document_event(kind: str, document: Document, actor: User | None) -> None:
    events.record(
        workspace_id=document.project.workspace_id,
        type=kind,
        actor=_actor(actor),
        data={
            "document": str(document.pk),
            "project": str(document.project_id),
            "title": document.title,
            "parent": str(document.parent_id) if document.parent_id else None,
        },
    )


def tidy_document(*, document_id: UUID) -> None:
    """Refresh the count of words; when enough has come together, take a snapshot and go on with the authorship.

    Skips what is gone. Reads outside of transactions and waits for the committer: never call it from a job.
    """
    is_due = snapshots.is_due(document_id)
    try:
        made = snapshots.make(document_id, verifies=is_due)
    except NotFound:
        return

    def put_away() -> None:
        if is_due:
            snapshots.store(document_id=document_id, made=made)
        log.refresh_words(document_id=document_id, words=made.words)

    committer.run(put_away)
    if is_due:
        del made  # it is large, and the committer still knows the job
        authorship.project(document_id, seconds=authorship.TIDY_S)
        memory.trim()


def tidy_overdue(*, most: int = 20) -> int:
    """Tidy up documents that have grown while nobody had them open; returns how many. One that fails stops no other."""
    done = 0
    for document_id in snapshots.overdue(most):
        try:
            tidy_document(document_id=document_id)
            done += 1
        except ValueError as error:
            _log.error("no snapshot of %s: %s", document_id, error)
    return done
