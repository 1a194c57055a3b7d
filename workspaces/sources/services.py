"""Adding sources. A source never changes: what an agent cites today says the same tomorrow."""

import hashlib
from pathlib import PurePosixPath, PureWindowsPath

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from workspaces.documents.models import Project
from workspaces.events import services as events
from workspaces.people.models import User
from workspaces.sources import reading
from workspaces.sources.models import Source
from wukong.kernel.errors import Invalid, TooLarge


@transaction.atomic
def add_source(
    *, project: Project, name: str, data: bytes | str, actor: User | None, media_type: str = "", is_brief: bool = False
) -> Source:
    """Add a text to a project under the next number.

    `data` is a file's bytes (UTF-8) or pasted text. Raises TooLarge, UnsupportedType, Invalid (empty, or not text).
    """
    raw = data.encode() if isinstance(data, str) else data
    check_size(len(raw))
    name = _clean_name(name)
    kind = (reading.media_type_of_pasted if isinstance(data, str) else reading.media_type_of)(name, media_type)
    text = reading.text_of(raw, name)
    # The project's row orders writers, so that two uploads at once do not get the same number.
    project = Project.objects.select_for_update().get(pk=project.pk)
    last: int = project.sources.aggregate(last=Max("number"))["last"] or 0
    source = Source.objects.create(
        project=project,
        number=last + 1,
        name=name,
        media_type=kind,
        bytes=len(raw),
        sha256=hashlib.sha256(raw).hexdigest(),
        text=text,
        is_brief=is_brief,
        created_by=actor.pk if actor else None,
    )
    events.record(
        workspace_id=project.workspace_id,
        type="source.added",
        actor=f"person:{actor.pk}" if actor else "system",
        data={"project": str(project.pk), "source": str(source.pk), "number": source.number, "name": name},
    )
    return source


def check_size(size: int) -> None:
    """Raise TooLarge for more bytes than a source may have; ask before reading an upload."""
    if size > settings.WUKONG_SOURCE_MAX_BYTES:
        raise TooLarge(
            _("This is too large: %(size)s. A source may have up to %(most)s.")
            % {"size": filesizeformat(size), "most": filesizeformat(settings.WUKONG_SOURCE_MAX_BYTES)},
            {"max_bytes": settings.WUKONG_SOURCE_MAX_BYTES},
        )


def _clean_name(name: str) -> str:
    """Return the bare file name: some browsers send a path."""
    bare = PureWindowsPath(PurePosixPath(name).name).name
    bare = " ".join("".join(letter for letter in bare if letter.isprintable()).split())
    if not 0 < len(bare) <= 200:
        raise Invalid(_("A name has 1 to 200 characters."), {"name": [_("1 to 200 characters.")]})
    return bare
