"""The only way from (person, id) to a project or a document: stranger → NotFound, member without right → Forbidden."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from workspaces.documents import content, crdt, log
from workspaces.documents.models import Document, Project
from workspaces.documents.schema import Node
from workspaces.people.access import NOTHING, as_uuid, require, role_in
from workspaces.people.models import Role, User, Workspace
from wukong.kernel.errors import NotFound


def projects_seen_by(user: User) -> QuerySet[Project]:
    """Return the projects of all workspaces that `user` may see."""
    return Project.objects.of(user).select_related("workspace")


def projects_in(user: User, workspace: Workspace) -> QuerySet[Project]:
    """Return the live projects of one workspace by name."""
    return Project.objects.of(user).live().filter(workspace=workspace).order_by("name", "id")


def archived_projects(user: User, workspace: Workspace) -> QuerySet[Project]:
    """Return the archived projects of one workspace by name: who archived one has to find it again."""
    return Project.objects.of(user).exclude(archived_at=None).filter(workspace=workspace).order_by("name", "id")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectCard:
    """A project with the number of its live documents and the time of the last change of any of them."""

    project: Project
    documents: int
    updated_at: datetime


def project_cards(user: User, workspace: Workspace) -> list[ProjectCard]:
    """Return the live projects of a workspace, last touched first."""
    rows: Iterable[Any] = (
        Project.objects.of(user)
        .live()
        .filter(workspace=workspace)
        .annotate(
            count=Count("documents", filter=Q(documents__archived_at=None), distinct=True),
            touched_at=Coalesce(Max("documents__updated_at"), "created_at"),
        )
        .order_by("-touched_at")
    )
    return [ProjectCard(project=row, documents=row.count, updated_at=row.touched_at) for row in rows]


def project_for(user: User, project_id: UUID | str, at_least: Role = Role.VIEWER) -> Project:
    """Return a project; raises NotFound for strangers, Forbidden below `at_least`."""
    project = projects_seen_by(user).filter(pk=as_uuid(project_id) or NOTHING).first()
    if project is None:
        raise NotFound(_("There is no such project, or it is not for you."))
    require(role_in(user, project.workspace), at_least)
    return project


def documents_seen_by(user: User) -> QuerySet[Document]:
    """Return the documents of all workspaces that `user` may see."""
    return Document.objects.of(user).select_related("project")


def document_for(user: User, document_id: UUID | str, at_least: Role = Role.VIEWER) -> Document:
    """Return a document with its project and workspace; raises NotFound for strangers, Forbidden below `at_least`."""
    document = (
        Document.objects.of(user)
        .select_related("project__workspace", "parent")
        .filter(pk=as_uuid(document_id) or NOTHING)
        .first()
    )
    if document is None:
        raise NotFound(_("There is no such document, or it is not for you."))
    require(role_in(user, document.project.workspace), at_least)
    return document


def recent_documents(user: User, workspace: Workspace, limit: int) -> QuerySet[Document]:
    """Return the live documents of a workspace, last touched first."""
    live = Document.objects.of(user).live().filter(project__workspace=workspace, project__archived_at=None)
    return live.select_related("project").order_by("-updated_at")[:limit]


def tree_of(project: Project, *, with_archived: bool = False) -> Sequence[Document]:
    """Return a project's documents in the order of its tree, each with `depth` (0 at the top, at most 6).

    A document below an archived one moves up to where that one was.
    """
    rows = list(project.documents.order_by("position", "created_at", "id"))
    shown = {row.pk: row for row in rows if with_archived or row.archived_at is None}
    children: dict[UUID | None, list[Document]] = {}
    for row in rows:
        if row.pk in shown:
            parent = row.parent_id if row.parent_id in shown else None
            children.setdefault(parent, []).append(row)
    ordered: list[Document] = []

    def walk(parent: UUID | None, depth: int) -> None:
        for row in children.get(parent, ()):
            row.depth = min(depth, 6)
            ordered.append(row)
            walk(row.pk, depth + 1)

    walk(None, 0)
    return ordered


def content_of(document: Document) -> tuple[list[Node], int]:
    """Return a document's blocks and the seq that they stand at."""
    state, head = log.load(document.pk)
    return content.read(crdt.open_doc(state)), head
