"""What the words of a run have cost: each call's charge, shared out over the words that it has written.

Computed on read. Words that are gone count as rejected, calls that wrote none (planning, choosing, checking) as
overhead: sentences + rejected + overhead = the run = the ledger, to the nano-unit, whatever people edit.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from agents.models import ModelCall, Run
from billing import services as billing
from workspaces.documents.authorship import services as authorship
from workspaces.documents.authorship import worth
from workspaces.documents.authorship.book import Book
from workspaces.documents.authorship.worth import Passage
from wukong.kernel.money import share_out

_ENDS = re.compile(r"[.!?…]+[\"'”’»)\]]*\s+|[。！？]+[”’」』）]*\s*|\n+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One sentence with words of the run. `steps` have written in it; `cost_nano` is what those words cost."""

    text: str
    steps: Sequence[UUID]
    cost_nano: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBill:
    """Where a run's money went, in nano-units. `paragraphs` are those with words of the run, in their order."""

    paragraphs: Sequence[Sequence[Sentence]]
    rejected_nano: int
    overhead_nano: int
    ledger_nano: int

    @property
    def sentences_nano(self) -> int:
        return sum(sentence.cost_nano for paragraph in self.paragraphs for sentence in paragraph)

    @property
    def sum_nano(self) -> int:
        return self.sentences_nano + self.rejected_nano + self.overhead_nano

    @property
    def difference_nano(self) -> int:
        """Return what the parts and the ledger are apart: 0."""
        return self.sum_nano - self.ledger_nano


@dataclass(frozen=True, slots=True)
class _Place:
    """A sentence of a paragraph, and the units of each call in it."""

    paragraph: int
    text: str
    units: dict[UUID, int]


def bill_of(run: Run) -> RunBill:
    """Return where the money of a run went. Never call it from a job of the committer."""
    charges = billing.charges_of_run(run.pk)
    book = Book() if run.document_id is None else authorship.project(run.document_id, seconds=authorship.REQUEST_S)
    places = list(_places(book, charges.keys()))
    written = worth.written(book)
    costs, rejected, overhead = [0] * len(places), 0, 0
    for call, charge in charges.items():
        units = written[call] if call is not None else 0
        if call is None or not units:
            overhead += charge
            continue
        shares = [place.units.get(call, 0) for place in places]
        *parts, gone = share_out(charge, [*shares, max(units - sum(shares), 0)])
        costs = [cost + part for cost, part in zip(costs, parts, strict=True)]
        rejected += gone
    steps = dict(ModelCall.objects.of_run(run.pk).values_list("id", "step_id"))
    paragraphs: dict[int, list[Sentence]] = defaultdict(list)
    for place, cost in zip(places, costs, strict=True):
        writers = list(dict.fromkeys(steps[call] for call in place.units if call in steps))
        paragraphs[place.paragraph].append(Sentence(text=place.text, steps=writers, cost_nano=cost))
    return RunBill(
        paragraphs=list(paragraphs.values()),
        rejected_nano=rejected,
        overhead_nano=overhead,
        ledger_nano=billing.run_figures(run.pk).cost_nano,
    )


def _places(book: Book, calls: Collection[UUID | None]) -> Iterator[_Place]:
    """Yield the sentences in which words of these calls are alive."""
    for number, passages in enumerate(worth.passages(book)):
        text = "".join(passage.text for passage in passages)
        for start, end in _spans(text):
            units = _units(passages, start, end, calls)
            if units:
                yield _Place(number, text[start:end].strip(), units)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for found in _ENDS.finditer(text):
        yield start, found.end()
        start = found.end()
    if start < len(text):
        yield start, len(text)


def _units(passages: Sequence[Passage], start: int, end: int, calls: Collection[UUID | None]) -> dict[UUID, int]:
    """Return the units of each call in a part of a paragraph; a passage in two sentences is cut by its characters."""
    units: dict[UUID, int] = {}
    at = 0
    for passage in passages:
        size = len(passage.text)
        inside = min(end, at + size) - max(start, at)
        if inside > 0 and passage.call is not None and passage.call in calls:
            before = passage.units * (max(start, at) - at) // size
            units[passage.call] = units.get(passage.call, 0) + (
                passage.units * (max(start, at) - at + inside) // size - before
            )
        at += size
    return units
