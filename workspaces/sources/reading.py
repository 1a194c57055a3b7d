"""From bytes that somebody uploads to text that agents may cite. Pure."""

from pathlib import PurePosixPath

from django.utils.translation import gettext as _

from wukong.kernel.errors import Invalid, UnsupportedType

KINDS = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".txt": "text/plain",
    ".text": "text/plain",
    ".csv": "text/csv",
}
PASTED = "text/plain"


def media_type_of(name: str, declared: str = "") -> str:
    """Return the media type of a file: what its ending says; without one, what was declared. Raises UnsupportedType.

    Browsers declare a CSV as a spreadsheet and Markdown as anything, so the ending counts.
    """
    suffix = PurePosixPath(name.lower()).suffix
    declared = declared.partition(";")[0].strip().lower()
    if suffix in KINDS:
        return KINDS[suffix]
    if not suffix and declared in KINDS.values():
        return declared
    raise UnsupportedType(
        _("“%(name)s” is not a kind of file that agents can read yet. Use Markdown (.md), text (.txt) or CSV (.csv).")
        % {"name": name}
    )


def media_type_of_pasted(name: str, declared: str = "") -> str:
    """Return the media type of pasted text, whose name is just a name: "Brief 1.2" has no ending. Never refuses."""
    if declared in KINDS.values():
        return declared
    return KINDS.get(PurePosixPath(name.lower()).suffix, PASTED)


def text_of(data: bytes, name: str) -> str:
    """Return the text of UTF-8 bytes, without byte order mark, lines ended by \\n; raises Invalid for anything else."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(
            _("“%(name)s” is not UTF-8 text (byte %(at)d). Save it as UTF-8 in its program and try again.")
            % {"name": name, "at": error.start}
        ) from None
    if "\0" in text:
        raise _unreadable(_("“%(name)s” is not text: it has zero bytes in it.") % {"name": name})
    if not text.strip():
        raise _unreadable(_("“%(name)s” is empty.") % {"name": name})
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _unreadable(message: str) -> Invalid:
    return Invalid(message, {"file": [message]})
