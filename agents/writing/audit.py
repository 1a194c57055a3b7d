"""Is a finished document fit to be read? The acceptance checks by code, independent of how it was written."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agents.writing import checks, tables
from agents.writing.facts import SourceText
from agents.writing.figures import figures
from agents.writing.plan import Plan


def audit(plan: Plan, markdown: str, sources: Sequence[SourceText]) -> list[str]:
    """What is wrong, in plain words: empty sections, repeats, figures that nobody gave, foreign fragments, cut ends.

    `sources` holds the brief too. Sums and shares that code computes from their tables count as given.
    """
    computed = [" ".join(cell for row in table.cells() for cell in row) for table in tables.collect(sources)]
    texts = (*(source.text for source in sources), *(source.name for source in sources), plan.title)
    material = checks.Material(texts, tuple(computed), frozenset(source.number for source in sources))
    prose = [
        line.removeprefix("- ") for line in markdown.splitlines() if line and not line.startswith(("#", "|", "- ["))
    ]
    said = [sentence for line in prose for sentence in checks.split_sentences(line)]
    return [
        *_headings(plan, markdown),
        *_figures(markdown, material),
        *_repeats(markdown, said),
        *_language(said, material),
    ]


def _headings(plan: Plan, markdown: str) -> list[str]:
    wrong = []
    for task in plan.outline():
        parts = re.split(rf"^## {re.escape(task.section or '')}$", markdown, flags=re.MULTILINE)
        if len(parts) != 2:
            wrong.append(f"heading “{task.section}” stands {len(parts) - 1} times")
        elif len(re.split(r"^## ", parts[1], flags=re.MULTILINE)[0].split()) < 5:
            wrong.append(f"section “{task.section}” is empty")
    return wrong


def _figures(markdown: str, material: checks.Material) -> list[str]:
    wrong = []
    for line in markdown.splitlines():
        wrong += [f"figure nobody gave: {figure.text}" for figure in figures(line) if not material.holds(figure)]
        cited = {int(number) for number in re.findall(r"\[(\d+)\]", line)}
        wrong += [f"no such source: [{number}]" for number in sorted(cited - material.sources)]
    return wrong


def _repeats(markdown: str, said: Sequence[str]) -> list[str]:
    steps = [
        cells[1] for line in markdown.splitlines() if len(cells := [c.strip() for c in line.strip("|").split("|")]) == 2
    ]
    seen: list[str] = []
    wrong = []
    for sentence in [*said, *steps[1:]]:
        if repeated := checks.repeats(sentence, seen):
            wrong.append(f"repeated: {sentence[:60]} / {repeated[:60]}")
        seen.append(sentence)
    return wrong


def _language(said: Sequence[str], material: checks.Material) -> list[str]:
    wrong = [f"foreign characters: {sentence[:60]}" for sentence in said if material.foreign(sentence)]
    return wrong + [f"cut: {sentence[-50:]}" for sentence in said if checks.is_cut(sentence)]
