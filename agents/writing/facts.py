"""Facts: the sentences of brief and sources, word for word, each with the number of its source.

Code prints them into the document; a model never states one. Figures of tables are read by `agents.writing.tables`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from agents.writing.figures import figures

LONGEST = 420
MOST = 60


@dataclass(frozen=True, slots=True)
class SourceText:
    """A source of the project as text; `number` is what `[n]` cites. The brief is a source too."""

    number: int
    name: str
    media_type: str
    text: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One sentence, verbatim. `number` counts facts of the run; `line` is 1-based in the source, 0 when unknown."""

    number: int
    source_number: int
    line: int
    text: str

    def cited(self) -> str:
        """The sentence as it is printed: `… on 2 March [1].`"""
        body = self.text.rstrip()
        end = body[-1] if body[-1:] in ".!?" else "."
        return f"{body.rstrip('.!?').rstrip()} [{self.source_number}]{end}"


@dataclass(frozen=True, slots=True)
class Line:
    """A piece of prose of a source: a paragraph, a list item or a heading, with the line where it starts."""

    number: int
    text: str
    kind: str  # "prose", "item", "heading", "row"


_ITEM = re.compile(r"^\s*(?:[-*+•–]|\d{1,2}[.)])\s+(?:\[[ xX]\]\s+)?")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|approx|ca|no|nr|vs|mr|mrs|ms|dr|prof|st|inc|ltd|co|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec)|\b[A-Z])\.$",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"^(?:please|write|create|make|draft|produce|generate|prepare|use|ignore|answer|output)\b", re.IGNORECASE
)


def plain(line: str) -> str:
    """A Markdown line without its marks: emphasis, links, code, quotes."""
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", line)
    text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"<[^<>]{1,200}>", "", text)
    text = re.sub(r"^\s*>+\s?", "", text)
    text = re.sub(r"(\*\*|__|`+)(.+?)\1", r"\2", text)
    text = re.sub(r"(?<![\w*])\*([^*\s][^*]*)\*(?![\w*])", r"\1", text)
    return re.sub(r"\s+", " ", text).strip()


def lines(text: str) -> list[Line]:
    """Prose of a text or Markdown source; hard-wrapped lines are joined, code fences and rules left out."""
    found: list[Line] = []
    fenced, open_prose = False, False
    for number, raw in enumerate(text.splitlines(), start=1):
        bare = raw.strip()
        if bare.startswith(("```", "~~~")):
            fenced, open_prose = not fenced, False
            continue
        if fenced or not bare or re.fullmatch(r"[-=*_\s]{3,}", bare):
            open_prose = False
            continue
        if bare.startswith("|"):
            found.append(Line(number, bare, "row"))
            open_prose = False
        elif mark := re.match(r"#{1,6}\s+", bare):
            found.append(Line(number, plain(bare[mark.end() :].rstrip("# ")), "heading"))
            open_prose = False
        elif item := _ITEM.match(raw):
            found.append(Line(number, plain(raw[item.end() :]), "item"))
            open_prose = len(bare) >= 55
        elif open_prose and _goes_on(found[-1].text, bare):
            found[-1] = Line(found[-1].number, f"{found[-1].text} {plain(bare)}", found[-1].kind)
            open_prose = len(bare) >= 55
        else:
            found.append(Line(number, plain(bare), "prose"))
            open_prose = len(bare) >= 55
    if len(found) > 1 and found[0].kind == "prose" and _is_title(found[0].text):
        found[0] = Line(found[0].number, found[0].text, "heading")
    return [line for line in found if line.text]


def _is_title(text: str) -> bool:
    return len(text) <= 72 and not text.endswith((".", "!", "?", ":", ";", ",")) and not re.search(r"\d", text)


def _goes_on(text: str, following: str) -> bool:
    return not text.endswith((".", "!", "?", ":", ";")) or following[:1].islower()


def sentences(text: str) -> Iterator[str]:
    """Sentences of a paragraph; abbreviations and initials do not end one."""
    start = 0
    for match in re.finditer(r"[.!?]+[\"'”’)]?\s+(?=[\"'“‘(]?[A-Z0-9€£$¥À-Þ一-鿿])", text):
        head = text[start : match.start() + 1]
        if _ABBREVIATION.search(head):
            continue
        yield text[start : match.end()].strip()
        start = match.end()
    tail = text[start:].strip()
    if tail:
        yield tail


def _usable(sentence: str) -> bool:
    words = re.findall(r"\w+", sentence)
    cjk = len(re.findall(r"[一-鿿]", sentence))
    if len(words) < 3 and cjk < 6:
        return False
    return len(sentence) <= LONGEST and not sentence.endswith(("?", ":")) and not _ORDER.match(sentence)


def normal(text: str) -> str:
    """For comparing sentences: lower case, letters and digits only."""
    return " ".join(re.findall(r"\w+", text.lower()))


def _of(source: SourceText, skip: frozenset[int]) -> Iterator[tuple[int, str]]:
    for line in lines(source.text):
        if line.kind in ("heading", "row") or line.number in skip:
            continue
        for sentence in sentences(line.text):
            if _usable(sentence):
                yield line.number, sentence


def is_table(source: SourceText) -> bool:
    return source.media_type in ("text/csv", "application/csv") or source.name.lower().endswith((".csv", ".tsv"))


def collect(brief: SourceText, sources: Sequence[SourceText], *, most: int = MOST) -> list[Fact]:
    """Facts of the brief first, then of the other sources; no sentence twice.

    Lines that are rows of a budget ("Posters 16,000") are left to the table. Of long sources the sentences with
    figures and those that share words with the brief come first into the `most` that are kept.
    """
    from_brief = list(_of(brief, row_lines(brief)))
    others = [source for source in sources if source.number != brief.number and not is_table(source)]
    seen = {normal(text) for _, text in from_brief}
    facts = [(0.0, brief.number, line, text) for line, text in _unique(from_brief)]
    vocabulary = set(normal(brief.text).split())
    rest: list[tuple[float, int, int, str]] = []
    for source in others:
        for line, text in _of(source, row_lines(source)):
            key = normal(text)
            if key in seen:
                continue
            seen.add(key)
            shared = len(vocabulary & {word for word in key.split() if len(word) > 4})
            rest.append((-(2.0 * bool(figures(text)) + min(shared, 4) * 0.5), source.number, line, text))
    kept = sorted(rest, key=lambda row: row[0])[: max(0, most - len(facts))]
    ordered = facts[:most] + sorted(kept, key=lambda row: (row[1], row[2]))
    return [Fact(number, row[1], row[2], row[3]) for number, row in enumerate(ordered, start=1)]


def _unique(found: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    seen: set[str] = set()
    for line, text in found:
        key = normal(text)
        if key not in seen:
            seen.add(key)
            yield line, text


_SIGN = "[€£$¥]|EUR|USD|GBP|CHF"
_ROW = re.compile(
    r"^(?P<label>[^\W\d_][^\d€£$¥|:]{1,60}?)\s*(?:[:–—=-]|\.{2,})?\s*"
    rf"(?P<amount>(?:{_SIGN})?\s?\d[\d.,’' ]*\d?(?:\s?(?:{_SIGN}|euros?|pounds|dollars))?)\s*[.;,]?$",
    re.IGNORECASE,
)


def budget_rows(source: SourceText) -> list[tuple[int, str, str]]:
    """(line, label, amount as written) of runs of at least two lines that are nothing but a label and an amount."""
    rows: list[tuple[int, str, str]] = []
    run: list[tuple[int, str, str]] = []
    for line in [*lines(source.text), Line(0, "", "end")]:
        match = _ROW.match(line.text) if line.kind in ("item", "prose") else None
        if match and len(match["label"].split()) <= 7 and _looks_like_money(match["amount"]):
            run.append((line.number, match["label"].strip(" -–—:.\t"), match["amount"].strip()))
            continue
        if len(run) >= 2:
            rows.extend(run)
        run = []
    return rows


def _looks_like_money(amount: str) -> bool:
    found = figures(amount)
    return len(found) == 1 and (
        bool(found[0].unit and found[0].unit != "%") or (not found[0].unit and found[0].value >= 100)
    )


def row_lines(source: SourceText) -> frozenset[int]:
    return frozenset(line for line, _, _ in budget_rows(source))
