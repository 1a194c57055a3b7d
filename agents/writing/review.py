"""What the reviewer does by code: checks of the whole document, removal of what fails, next steps and sources."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

from agents.writing import checks, nodes
from agents.writing.context import Noted, Section, WorkContext
from agents.writing.facts import normal
from agents.writing.figures import CITATION
from agents.writing.writes import Block, Note, Remove, Replace, Write


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the table of next steps."""

    owner: str
    text: str
    section: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A sentence that fails a check of the whole document, and where it stands."""

    section: Section
    key: str
    sentence: str
    problem: str


def steps(ctx: WorkContext) -> list[Step]:
    """Next steps that the sections left, in the order of the document; no line twice."""
    order = {task.number: index for index, task in enumerate(ctx.plan.outline())}
    found: list[Step] = []
    for note in sorted(_notes(ctx.notes(), "step"), key=lambda note: order.get(note.task, 99)):
        step = Step(str(note.data.get("owner", "")), str(note.data.get("text", "")), str(note.data.get("section", "")))
        if step.text and not checks.repeats(step.text, [other.text for other in found]):
            found.append(step)
    return found


def _notes(notes: Sequence[Noted], kind: str) -> Iterator[Noted]:
    return (note for note in notes if note.kind == kind)


def faults(ctx: WorkContext) -> list[Fault]:
    """Sentences that agents wrote and that repeat another one, or that brief and sources do not carry."""
    verbatim = {normal(fact.text) for fact in ctx.facts}
    found: list[Fault] = []
    seen: list[str] = []
    for section in ctx.read():
        for key, text in section.blocks.items():
            if key.startswith(("facts", "fallback", "table-", "reading-", "money")):
                continue
            for sentence in [] if checks.is_heading(text) else checks.split_sentences(text):
                if normal(CITATION.sub("", sentence)) in verbatim:
                    continue
                problems = checks.general(sentence, ctx.material)
                if checks.repeats(sentence, seen):
                    problems.append("repeats another sentence")
                if problems:
                    found.append(Fault(section, key, sentence, problems[0]))
                else:
                    seen.append(sentence)
    return found


async def document(ctx: WorkContext) -> AsyncIterator[Write]:
    """Check everything that stands there; take out what fails, and say so."""
    found = faults(ctx)
    for index, fault in enumerate(found, start=1):
        whole = fault.section.blocks[fault.key]
        gone = {
            other.sentence for other in found if other.key == fault.key and other.section.task == fault.section.task
        }
        kept = " ".join(sentence for sentence in checks.split_sentences(whole) if sentence not in gone)
        if kept:
            yield Replace(fault.key, kept, task=fault.section.task)
        else:
            yield Remove(fault.key, task=fault.section.task)
        yield Note(f"removed-{index}", "revision", {"old": fault.sentence, "new": "", "problem": fault.problem})
    names = ("figures", "citations", "repeats", "language", "whole sentences")
    bad = {name: [fault for fault in found if _check_of(fault.problem) == name] for name in names}
    for name in names:
        detail = "; ".join(f"{fault.section.title}: {fault.problem}" for fault in bad[name])
        yield Note(f"check-{name.replace(' ', '-')}", "check", {"ok": not bad[name], "name": name, "detail": detail})


def _check_of(problem: str) -> str:
    if problem.startswith(("figure", "date")):
        return "figures"
    if problem.startswith("no such source"):
        return "citations"
    if problem.startswith("repeats"):
        return "repeats"
    return "whole sentences" if problem == "cut" else "language"


def closing(ctx: WorkContext, lines: Sequence[Step]) -> Iterator[Write]:
    """The table of next steps and the numbered list of sources."""
    labels = ctx.template.labels
    if lines:
        rows = [(step.owner, finished(step.text)) for step in lines]
        yield Block("steps", nodes.table((labels["owner"], labels["step"]), rows, ctx.origin), ctx.origin)
    if ctx.sources:
        yield Block("sources-heading", nodes.heading(labels["sources"]))
        listed = [
            f"[{source.number}] {source.name}" for source in sorted(ctx.sources, key=lambda source: source.number)
        ]
        yield Block("sources", nodes.bullets(listed, "source"), "source")


def finished(text: str) -> str:
    words = text.strip()
    words = words[:1].upper() + words[1:]
    return words if words.endswith((".", "!", "?")) else f"{words}."
