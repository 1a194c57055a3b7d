"""What one document, one message and one connection may hold at most: every number once. Pure."""

from typing import Final, NamedTuple

MESSAGE_BYTES: Final = 256 * 1024
"""One update, and one frame of a websocket. What the server writes itself is held to DOCUMENT_BYTES alone."""

DOCUMENT_BYTES: Final = 16 << 20
"""A document's state as one Yjs update: what a reader has to load. Its log may be longer, and taking words away helps.
"""

BLOCKS: Final = 5_000
"""What carries an id: paragraphs, headings, lists, their items, tables, …"""

NODES: Final = 30_000
"""Elements of all kinds and text nodes: rows, cells and line breaks are no blocks, but cost a browser as much."""

DEPTH: Final = 32
"""Elements in elements; line breaks and text nodes do not count."""

COLUMNS: Final = 200
"""Of a table, counted as each of its rows has them: a cell that spans three counts three times."""

PRESENCE_BYTES: Final = 2048
"""What one socket says of its person and caret."""

CUT_BYTES: Final = 8 * 1024
"""The frame in which a browser says what it is about to paste, with at most so many ranges:"""

CUT_RANGES: Final = 200


class Size(NamedTuple):
    """How large a document is, or what an update adds to it."""

    bytes: int = 0
    blocks: int = 0
    nodes: int = 0

    def plus(self, other: "Size") -> "Size":
        return Size(self.bytes + other.bytes, self.blocks + other.blocks, self.nodes + other.nodes)

    @property
    def is_too_large(self) -> bool:
        return self.bytes > DOCUMENT_BYTES or self.blocks > BLOCKS or self.nodes > NODES
