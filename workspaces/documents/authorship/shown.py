"""What a book says of the words that are alive: block by block, in the order of the document. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple
from uuid import UUID

from workspaces.documents.authorship.book import Book, Writer
from workspaces.documents.authorship.carries import Certainty
from workspaces.documents.authorship.reading import Id, Kind, characters
from workspaces.documents.authorship.tree import Node, Run
from workspaces.documents.schema import TEXT_BLOCKS


@dataclass(frozen=True, slots=True)
class Range:
    """Words of one writer. `start` counts code points of the block's text, in which each line break is one.

    `first` is where they were first written; `certainty` is None for words that stand where they were written.
    """

    start: int
    text: str
    writer: Writer
    call: UUID | None
    certainty: Certainty | None
    first: Id


@dataclass(frozen=True, slots=True)
class Block:
    """A block that holds text, empty ones too. `id` is None when its writer gave it none."""

    id: str | None
    type: str
    ranges: list[Range] = field(default_factory=list)


def blocks(book: Book) -> list[Block]:
    """Return the text blocks of a document with the ranges of their words."""
    return [
        Block(_id_of(node), node.run.text or "", _ranges(book, node))
        for node in text_blocks(book)
        if node.run is not None
    ]


def text_blocks(book: Book) -> Iterator[Node]:
    """Yield the living text blocks in the order of the document."""
    todo = [_children(book.tree.root)]
    while todo:
        run = next(todo[-1], None)
        if run is None:
            todo.pop()
        elif run.kind is Kind.ELEMENT and run.node is not None:
            if run.text in TEXT_BLOCKS:
                yield run.node
            else:
                todo.append(_children(run.node))


def _children(node: Node) -> Iterator[Run]:
    run = node.first
    while run is not None:
        if not run.is_dead:
            yield run
        run = run.right


def _id_of(node: Node) -> str | None:
    value = node.values.get("id")
    return None if value is None or value.is_dead else value.text


class Source(NamedTuple):
    """Where some units were first written, by whom, and how sure that is."""

    length: int
    first: Id
    writer: Writer
    call: UUID | None
    certainty: Certainty | None

    def is_like(self, found: Range) -> bool:
        return (self.writer, self.call, self.certainty) == (found.writer, found.call, found.certainty)


def _ranges(book: Book, block: Node) -> list[Range]:
    found: list[Range] = []
    start = 0
    for text, source in parts(book, block):
        if source is not None:
            last = found[-1] if found else None
            if last is not None and last.start + len(last.text) == start and source.is_like(last):
                found[-1] = replace(last, text=last.text + text)
            else:
                found.append(Range(start, text, source.writer, source.call, source.certainty, source.first))
        start += len(text)
    return found


def parts(book: Book, block: Node) -> Iterator[tuple[str, Source | None]]:
    """Yield the words of a block piece by piece with their sources; a line break has none."""
    for child in _children(block):
        if child.kind is Kind.ELEMENT:
            yield "\n", None
        elif child.node is not None:
            for run in _children(child.node):
                if run.kind is Kind.TEXT and run.text is not None:
                    yield from _cut(run.text, _sources(book, run))


def _cut(text: str, sources: Iterable[Source]) -> Iterator[tuple[str, Source]]:
    """Cut a text in units as its sources lie. A character of two units belongs to who wrote the second."""
    at = end = 0
    for source in sources:
        end += source.length
        if end < len(text) and "\ud800" <= text[end - 1] <= "\udbff" and "\udc00" <= text[end] <= "\udfff":
            continue
        yield characters(text[at:end]), source
        at = end


def _sources(book: Book, run: Run) -> Iterator[Source]:
    for (client, clock, length), certainty in book.carries.firsts((run.client, run.clock, run.length)):
        for size, call in calls_of(book.calls.get(client, []), clock, length):
            yield Source(size, (client, clock), book.writers[client], call, certainty)
            clock += size


def calls_of(calls: list[tuple[int, UUID | None]], clock: int, length: int) -> Iterator[tuple[int, UUID | None]]:
    """Yield (units, call) of a span of clocks: a client id's words may come from several calls."""
    place = bisect_right(calls, clock, key=lambda one: one[0])
    end = clock + length
    while clock < end:
        until = min(calls[place][0], end) if place < len(calls) else end
        yield until - clock, calls[place - 1][1] if place else None
        clock, place = until, place + 1
