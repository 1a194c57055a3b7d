"""What a step is given to work with, read in one transaction at the beginning of an attempt."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agents import metered
from agents.models import Run, Step, StepKind
from agents.ports import ModelProfile
from agents.writing import facts, templates
from agents.writing.facts import Fact, SourceText
from agents.writing.templates import Template
from workspaces.models import Source


@dataclass(frozen=True, slots=True)
class Material:
    """The run's texts. Facts are numbered the same way in every attempt, because sources never change."""

    template: Template
    brief: SourceText
    sources: Sequence[SourceText]
    facts: Sequence[Fact]
    profile: ModelProfile


@dataclass(frozen=True, slots=True)
class Finished:
    """What another step of the run has left: its blocks and notes as its row has them."""

    number: int
    title: str
    is_done: bool
    blocks: dict[str, dict[str, Any]]
    notes: dict[str, dict[str, Any]]


def of_run(run: Run) -> Material:
    """Return brief, sources and facts of the run. A job of the committer."""
    brief = _text(run.brief) if run.brief is not None else SourceText(0, run.title or "Brief", "text/plain", run.goal)
    chosen = Source.objects.filter(pk__in=run.run_sources.values("source")).order_by("number")
    sources = [_text(source) for source in chosen if source.number != brief.number]
    return Material(
        template=templates.load()[run.template],
        brief=brief,
        sources=[brief, *sources],
        facts=facts.collect(brief, sources),
        profile=metered.profile(run.model),
    )


def others(step: Step) -> list[Finished]:
    """Return what the run's other tasks have left so far. A job of the committer."""
    rows = Step.objects.of_run(step.run_id).exclude(pk=step.pk).exclude(kind=StepKind.PLAN)
    return [
        Finished(
            number=row.number,
            title=str(row.spec.get("section") or row.title),
            is_done=row.state == "done",
            blocks=row.blocks,
            notes=row.notes,
        )
        for row in rows
    ]


def _text(source: Source) -> SourceText:
    return SourceText(number=source.number, name=source.name, media_type=source.media_type, text=source.text)
