"""What a writing step is given: everything it may read, and the one way to ask the model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from agents.ports import ChatRequest, ModelProfile
from agents.writing import checks, tables
from agents.writing.facts import Fact, SourceText
from agents.writing.plan import Plan, Task
from agents.writing.templates import Template
from agents.writing.writes import Origin


@dataclass(frozen=True, slots=True)
class Section:
    """A section as it stands in the document now: `blocks` are the texts that its task wrote, by key."""

    task: int
    title: str
    text: str
    blocks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Noted:
    """A note that an earlier step left (see `writes.Note`)."""

    task: int
    key: str
    kind: str
    data: Mapping[str, Any]


@dataclass
class WorkContext:
    """`sources` holds all sources of the run, the brief included; `goal` is the brief's text.

    `ask` streams pieces of one model answer and raises what the model layer raises. `read` gives the sections of
    finished tasks, `notes` the notes of all tasks. `done` maps keys that this step has finished before (it was
    interrupted) to their texts.
    """

    template: Template
    goal: str
    facts: Sequence[Fact]
    sources: Sequence[SourceText]
    profile: ModelProfile
    plan: Plan
    ask: Callable[[ChatRequest], AsyncIterator[str]]
    read: Callable[[], Sequence[Section]] = field(default=lambda: ())
    notes: Callable[[], Sequence[Noted]] = field(default=lambda: ())
    done: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def tables(self) -> list[tables.Table]:
        return tables.collect(self.sources)

    @cached_property
    def material(self) -> checks.Material:
        computed = [" ".join(cell for row in table.cells() for cell in row) for table in self.tables]
        texts = [*(source.text for source in self.sources), self.goal, self.plan.title]
        return checks.Material(
            texts=tuple(texts), computed=tuple(computed), sources=frozenset(source.number for source in self.sources)
        )

    @property
    def origin(self) -> Origin | None:
        """The mark on the model's own words: small models and scripted texts are labelled, a provider's are not."""
        if self.is_scripted:
            return "scripted"
        return "demo" if self.profile.small else None

    @property
    def is_scripted(self) -> bool:
        return is_scripted(self.profile)

    def facts_of(self, task: Task) -> list[Fact]:
        wanted = set(task.fact_numbers)
        return [fact for fact in self.facts if fact.number in wanted]


def is_scripted(profile: ModelProfile) -> bool:
    return profile.provider == "scripted" or profile.id.split(":")[0] == "scripted"
