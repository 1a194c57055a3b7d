"""The texts that the scripted model plays: the template's scenario with the user's own goal and facts in it.

Deterministic: the same brief and plan give the same text. Nothing here holds a figure that is not in brief or
sources.
"""

from __future__ import annotations

import re
from string import Template as Placeholders

from agents.writing.context import WorkContext
from agents.writing.plan import Task
from agents.writing.reader import blocks_of
from agents.writing.subject import NOBODY


def section(task: Task, ctx: WorkContext, *, skip: int = 0) -> str:
    """Markdown of one task's section, without the first `skip` blocks (they stand already)."""
    key = "summary" if task.kind == "summarise" else task.catalogue
    if task.kind == "analyse" and not ctx.tables:
        key = f"{key}_plain"
    text = ctx.template.scenario.get(key) or _plain_section(task)
    printed = task.kind == "analyse" and bool(ctx.tables)  # code has put them above the table
    facts = [] if printed else [fact.cited() for fact in ctx.facts_of(task)]
    who = ctx.plan.organisation
    filled = Placeholders(text).safe_substitute(
        org=who,
        who="the team" if who == NOBODY else who,
        facts="\n".join(f"- {fact}" for fact in facts),
        goal_fact=" ".join(facts),
    )
    parts = [part for part in blocks_of(filled) if part.strip()]
    return _joined(parts[skip:])


def _joined(parts: list[str]) -> str:
    text = ""
    for part in parts:
        tight = part.startswith("- ") and text.rsplit("\n", 1)[-1].startswith("- ")
        text += ("\n" if tight else "\n\n") + part if text else part
    return text


def _plain_section(task: Task) -> str:
    """For a section that is not in the template's catalogue: what the plan says about it, and the facts."""
    objective = re.sub(r"\d+", "", task.question).strip().rstrip(".")
    begin = (
        f"This section has one task: {objective[:1].lower()}{objective[1:]}." if objective else "The facts come first."
    )
    return (
        f"{begin}\n\n$facts\n\nFor “{task.section}” the people who know the matter are named before anything is "
        f"written to the outside. "
        "They read the draft once, mark what they would not say themselves, and give the reason in a few words."
    )


def review(ctx: WorkContext) -> str:
    """JSON: which line of the next steps is revised, and how."""
    return ctx.template.scenario["steps"]
