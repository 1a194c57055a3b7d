"""The only way from (person, id) to a source."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from workspaces.documents.models import Project
from workspaces.people.access import NOTHING, as_uuid
from workspaces.people.models import User
from workspaces.sources.models import Source
from wukong.kernel.errors import NotFound


def sources_seen_by(user: User) -> QuerySet[Source]:
    """Return the sources of all projects that `user` may see, without their texts."""
    return Source.objects.of(user).defer("text")


def sources_of(project: Project, *, with_briefs: bool = True) -> QuerySet[Source]:
    """Return the sources of a project by number, without their texts."""
    sources = project.sources.order_by("number").defer("text")
    return sources if with_briefs else sources.filter(is_brief=False)


def sources_named(project: Project, ids: Sequence[UUID | str]) -> QuerySet[Source]:
    """Return the sources of a project with these ids, and their texts; raises NotFound when one is not here."""
    wanted = {found for text in ids if (found := as_uuid(text))}
    sources = project.sources.filter(pk__in=wanted).order_by("number")
    if len(wanted) != len(set(ids)) or sources.count() != len(wanted):
        raise NotFound(_("One of these sources is not in this project."))
    return sources


def source_for(user: User, source_id: UUID | str) -> Source:
    """Return a source with its text; raises NotFound for strangers."""
    source = Source.objects.of(user).filter(pk=as_uuid(source_id) or NOTHING).select_related("project").first()
    if source is None:
        raise NotFound(_("There is no such source, or it is not for you."))
    return source
