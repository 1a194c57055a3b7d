"""How many of the words that a call has written are alive, and where: what its cost is shared out by. Pure.

Counted in UTF-16 units, and each unit once, by where it was first written: words that were moved, or pasted a second
time, cost nothing more.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from workspaces.documents.authorship import shown
from workspaces.documents.authorship.book import Book
from workspaces.documents.authorship.reading import Kind


@dataclass(frozen=True, slots=True)
class Passage:
    """Words of one call (None: of a person, or from nowhere) and how many units of them have not been counted yet."""

    text: str
    call: UUID | None
    units: int


def passages(book: Book) -> Iterator[list[Passage]]:
    """Yield the living words of each text block, in the order of the document."""
    counted: set[tuple[int, int]] = set()
    for block in shown.text_blocks(book):
        found = []
        for text, source in shown.parts(book, block):
            if source is None or source.call is None:
                found.append(Passage(text, None, 0))
                continue
            client, clock = source.first
            new = {(client, clock + offset) for offset in range(source.length)} - counted
            counted |= new
            found.append(Passage(text, source.call, len(new)))
        yield found


def written(book: Book) -> Counter[UUID]:
    """Return how many units each call has ever written, dead ones too."""
    units: Counter[UUID] = Counter()
    for client, strand in book.tree.strands.items():
        calls = book.calls.get(client, [])
        for run in strand.runs:
            if run.kind is not Kind.TEXT:
                continue
            for (origin, clock, length), carried in book.carries.firsts((client, run.clock, run.length)):
                if carried is None and origin == client:
                    for size, call in shown.calls_of(calls, clock, length):
                        if call is not None:
                            units[call] += size
    return units
