"""The form of a stored book: columns of numbers, as lib0 writes them. Pure."""

import lzma
from typing import Final

from workspaces.documents.protocol import Reader, var_uint

FILTERS: Final = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 1 << 22, "lc": 3, "pb": 0}]
COLUMNS: Final = (
    "clients", "graves", "heads", "lengths", "origins", "clocks", "buried", "words", "names",
    "lists", "sizes", "steps", "copies", "carried", "spans", "firsts", "moves",
)  # fmt: skip
KINDS: Final = ("person", "agent", "system")
DEAD, WORDS, SAME_RIGHT = 8, 16, 32  # beside the kind, in the head of a run


class Columns:
    """Streams of numbers by name."""

    def __init__(self) -> None:
        self.bytes = {name: bytearray() for name in COLUMNS}

    def put(self, name: str, *numbers: int) -> None:
        column = self.bytes[name]
        for number in numbers:
            if number < 128:
                column.append(number)
            else:
                column += var_uint(number)

    def put_signed(self, name: str, number: int) -> None:
        self.put(name, number * 2 if number >= 0 else -number * 2 - 1)


class ColumnReader:
    """Reads them again, each from its beginning."""

    def __init__(self, parts: dict[str, bytes]) -> None:
        self.readers = {name: Reader(part) for name, part in parts.items()}

    def get(self, name: str) -> int:
        return self.readers[name].var_uint()

    def signed(self, name: str) -> int:
        number = self.get(name)
        return -(number + 1) // 2 if number & 1 else number // 2
