"""What every page of a workspace shows around its content: the sidebar's workspace, projects and documents."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from workspaces.documents import access as documents
from workspaces.documents.models import Document, Project
from workspaces.events import access as events
from workspaces.people import access as people
from workspaces.people.models import Role, User, Workspace

Place = Literal["", "home", "runs", "usage", "settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """The frame of one page for one person."""

    workspace: Workspace
    workspaces: Sequence[Workspace]
    projects: Sequence[Project]
    role: Role
    current: Place = ""
    project: Project | None = None
    document: Document | None = None
    documents: Sequence[Document] = field(default_factory=tuple)

    @property
    def may_edit(self) -> bool:
        return self.role.includes(Role.EDITOR)

    @property
    def may_manage(self) -> bool:
        return self.role.includes(Role.ADMIN)


def shell_of(
    user: User,
    workspace: Workspace,
    *,
    current: Place = "",
    project: Project | None = None,
    document: Document | None = None,
) -> Shell:
    """Return the frame of a page of `workspace`, which `user` has been given by an access function."""
    return Shell(
        workspace=workspace,
        workspaces=list(people.workspaces_of(user)),
        projects=list(documents.projects_in(user, workspace)),
        role=people.role_in(user, workspace),
        current=current,
        project=project,
        document=document,
        documents=documents.tree_of(project) if project is not None else (),
    )


def live_config(workspace: Workspace) -> dict[str, Any]:
    """Return what a page's live island needs: the workspace's socket, and from which event on."""
    return {
        "workspace": str(workspace.pk),
        "socket": f"/ws/workspaces/{workspace.pk}/",
        "since": events.head_of(workspace.pk),
        "run": None,
        "currency": workspace.currency,
    }
