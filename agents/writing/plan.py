"""The plan of a run as values, and its JSON shape (the engine keeps it on the run and makes steps of the tasks)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["research", "compose", "analyse", "review", "summarise"]


@dataclass(frozen=True, slots=True)
class Task:
    """One step of one agent.

    `needs` are numbers of earlier tasks. `section` is the text of the task's heading in the document, None for a
    task that writes nothing there; `place` orders the headings (the summary stands first and is written last).
    `catalogue` is the key of the template's section. Estimates are tokens of all the task's calls together, for the
    quote.
    """

    number: int
    title: str
    role: str
    kind: Kind
    needs: tuple[int, ...] = ()
    section: str | None = None
    place: int = 0
    catalogue: str = ""
    fact_numbers: tuple[int, ...] = ()
    question: str = ""
    estimate_input: int = 0
    estimate_output: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """Tasks in order of their numbers; `organisation` is who acts in the text ("The team" when the brief names
    nobody).
    """

    title: str
    tasks: tuple[Task, ...]
    organisation: str = "The team"

    def outline(self) -> list[Task]:
        """Tasks that own a heading, in the order of the document."""
        return sorted((task for task in self.tasks if task.section), key=lambda task: (task.place, task.number))

    def task(self, number: int) -> Task:
        return next(task for task in self.tasks if task.number == number)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plan:
        tasks = []
        for item in data["tasks"]:
            row = dict(item)
            row["needs"] = tuple(row.get("needs", ()))
            row["fact_numbers"] = tuple(row.get("fact_numbers", ()))
            tasks.append(Task(**row))
        return cls(title=data["title"], tasks=tuple(tasks), organisation=data.get("organisation", "The team"))
