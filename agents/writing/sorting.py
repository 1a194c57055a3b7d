"""Which fact belongs to which section: rules by code (a small model sorted worse than they do), no fact twice."""

from __future__ import annotations

from collections.abc import Sequence

from agents.writing.facts import Fact
from agents.writing.templates import SectionSpec, Template

MOST_OPEN = 8


def section_of(template: Template, text: str) -> str | None:
    return next((key for key, pattern in template.rules if pattern.search(text)), None)


def assign(template: Template, facts: Sequence[Fact], *, most: int) -> dict[str, list[int]]:
    """Fact numbers by section key; at most `most` a section.

    What no rule knows, and what is too much for its section, goes to the research section (at most 8 of them); facts
    of the brief come before those of other sources.
    """
    research = next(spec for spec in template.sections if spec.kind == "research")
    found: dict[str, list[int]] = {spec.key: [] for spec in template.sections}
    spare: list[int] = []
    for fact in facts:
        key = section_of(template, fact.text)
        if key and key != research.key and len(found[key]) < most:
            found[key].append(fact.number)
        else:
            spare.append(fact.number)
    found[research.key] = spare[:MOST_OPEN] or _lent(found, facts)
    return found


def _lent(found: dict[str, list[int]], facts: Sequence[Fact]) -> list[int]:
    """The brief's first sentence usually introduces who acts: research takes it when its section keeps another fact.

    The goal's section has to keep two, because one of them goes to the summary.
    """
    for key, numbers in found.items():
        if facts and len(numbers) > (2 if key == "goal" else 1) and numbers[0] == facts[0].number:
            return [numbers.pop(0)]
    return []


def chosen(template: Template, found: dict[str, list[int]], *, with_budget: bool, every: bool) -> list[SectionSpec]:
    """Sections that the document gets: those with facts, and core ones until four have something to write; all if
    `every`.
    """
    kept = [
        spec
        for spec in template.sections
        if every or found[spec.key] or spec.kind == "research" or (spec.kind == "analyse" and with_budget)
    ]
    if not (with_budget or found[_key(template, "analyse")]):
        kept = [spec for spec in kept if spec.kind != "analyse"]
    composing = sum(spec.kind == "compose" for spec in kept)
    for spec in template.sections:
        if composing >= 4:
            break
        if spec.core and spec.kind == "compose" and spec not in kept:
            kept.append(spec)
            composing += 1
    return [spec for spec in template.sections if spec in kept]


def _key(template: Template, kind: str) -> str:
    return next(spec.key for spec in template.sections if spec.kind == kind)
