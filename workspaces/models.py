"""All rows of the house, where Django looks for them."""

from workspaces.documents.models import (
    Document,
    DocumentAuthorship,
    DocumentSnapshot,
    DocumentUpdate,
    DocumentWriter,
    Project,
)
from workspaces.events.models import Event, EventStream
from workspaces.people.models import ApiKey, Invitation, Membership, StoredAnswer, User, Workspace
from workspaces.sources.models import Source

__all__ = [
    "ApiKey",
    "Document",
    "DocumentAuthorship",
    "DocumentSnapshot",
    "DocumentUpdate",
    "DocumentWriter",
    "Event",
    "EventStream",
    "Invitation",
    "Membership",
    "Project",
    "Source",
    "StoredAnswer",
    "User",
    "Workspace",
]
