"""A book as bytes, so that the next rows go on from there. Pure.

Columns of numbers, as lib0 writes them, and all texts in one piece, packed. Of what is dead and forgotten only the
place is kept. A book that was read back goes on exactly as the one that was written.
"""

import lzma
from typing import Final

from workspaces.documents.authorship.book import Book
from workspaces.documents.authorship.columns import FILTERS
from workspaces.documents.authorship.packing import Dump
from workspaces.documents.authorship.unpacking import Load
from workspaces.documents.protocol import Malformed

VERSION: Final = 2
"""Of these bytes and of the rules that made them: what another version has made is made anew from the log."""


def dump(book: Book) -> bytes:
    """Return the bytes of a book."""
    return Dump(book).packed()


def load(data: bytes) -> Book:
    """Return the book of `dump`. Raises Malformed."""
    try:
        raw = lzma.decompress(data, lzma.FORMAT_RAW, filters=FILTERS)
        return Load(raw).book
    except (lzma.LZMAError, IndexError, KeyError, ValueError) as error:
        raise Malformed("not the state of a book") from error
