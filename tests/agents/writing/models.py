"""Stand-ins for models: a small one that begins as its grammar says, a large one that writes Markdown."""

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator, Callable, Sequence

from agents.ports import ChatRequest, ModelProfile
from agents.writing import facts, planning, templates
from agents.writing.draft import Studio
from agents.writing.facts import Fact, SourceText
from agents.writing.plan import Plan
from agents.writing.writes import Write
from tests.agents.writing.briefs import BRIEFS

SMALL = ModelProfile(
    id="local",
    name="Small",
    provider="local",
    context_tokens=8192,
    max_output_tokens=1024,
    small=True,
    label="Demo model",
)
LARGE = ModelProfile(
    id="large-1",
    name="Large",
    provider="example",
    context_tokens=64_000,
    max_output_tokens=8192,
    small=False,
    label="Large",
)
SCRIPTED = ModelProfile(
    id="scripted",
    name="Scripted",
    provider="scripted",
    context_tokens=128_000,
    max_output_tokens=8000,
    small=False,
    label="Scripted rehearsal",
)
ENDS = """answers letters before lunch and keeps copies of them in the office
reads the draft aloud to a colleague who has never seen it
stands near the entrance on busy mornings with a short sheet of paper
writes names on a plain list and strikes out what is finished
waits for permission from the town hall and files the paper
repairs what broke during the last season and thanks the helpers
counts empty shelves every evening and orders what is missing
asks neighbours about noise and tells the team their replies
prepares a quiet corner with chairs where guests can rest
collects photographs from earlier years and sorts them by subject
speaks with teachers about a suitable hour for their classes
measures the windows and draws a sketch of the display
learns which questions come up again and prints short replies
puts fresh flowers on the counter and wipes the glass doors
walks the whole route with a wheelchair and notes every step
packs a spare set of cables and labels each drawer
calls the printer about thicker paper and compares two samples
checks fire exits with the caretaker and signs the protocol
invites a critic who dislikes the idea and hears the reasons
trains volunteers to greet strangers kindly and to listen
moves heavy boxes into the cellar so that the hall stays clear
shares the calendar with everybody and marks holidays in red
tries the ordering form on an old telephone with slow reception
brings warm soup for the night shift and a working torch
translates the leaflet with help from a native speaker
hides cables under mats and tests the microphone twice
borrows a ladder from the bakery and hangs the banner straight
saves receipts in a folder and hands them to the bookkeeper
""".splitlines()  # nothing in common, so that no sentence seems to repeat another


class Small:
    """Answers every request within its grammar. `spoil(request, answer)` may return another answer.

    `said` answers were given before: those to come are others.
    """

    def __init__(self, spoil: Callable[[ChatRequest, str], str] = lambda _, answer: answer, said: int = 0) -> None:
        self.spoil, self.asked, self.hung_up = spoil, list[ChatRequest](), 0
        self._ends = itertools.cycle([*ENDS[said:], *ENDS[:said]])

    async def ask(self, request: ChatRequest) -> AsyncIterator[str]:
        self.asked.append(request)
        answer = self.spoil(request, self._answer(request))
        is_whole = False
        try:
            for piece in re.findall(r"\s*\S{1,4}", answer):
                await asyncio.sleep(0)
                yield piece
            is_whole = True
        finally:
            self.hung_up += not is_whole

    def _answer(self, request: ChatRequest) -> str:
        if request.role == "planner":
            titles = re.findall(r'"([^"\\]+): " question', request.grammar or "")
            return "\n".join(f"{title}: Who {end}?" for title, end in zip(titles, ENDS, strict=False))
        if request.schema is not None:
            return json.dumps({"line": 1, "problem": "too general", "missing": "who receives it"})
        starts = re.findall(r'"([^"]+)"', (request.grammar or "").split("\n")[0])
        return f"{starts[0]} {next(self._ends)}."


class Large:
    """Writes a section about the facts that it is given, its plan from the facts that it is told."""

    def __init__(self, text: str = "") -> None:
        self.text, self.asked = text, list[ChatRequest]()
        self._ends = itertools.cycle(ENDS)

    async def ask(self, request: ChatRequest) -> AsyncIterator[str]:
        self.asked.append(request)
        for piece in re.findall(r"\s*\S{1,7}|\s+$", self._answer(request)):
            await asyncio.sleep(0)
            yield piece

    def _answer(self, request: ChatRequest) -> str:
        asked = request.turns[-1].text
        if request.role == "planner":
            rows = [
                ("Whom we address", "Say who comes first.", [4, 5], []),
                ("What we offer", "Explain the offer.", [6], []),
                ("Where we are seen", "Choose places.", [7], ["Whom we address"]),
            ]
            sections = [
                {"title": title, "role": "writer", "objective": objective, "facts": numbers, "after": after}
                for title, objective, numbers, after in rows
            ]
            return json.dumps({"title": "Launch in two cities", "sections": sections})
        if request.schema is not None:
            return json.dumps({"line": 1, "problem": "vague", "revised": f"Writes to partners and {next(self._ends)}"})
        if "were taken out" in asked:
            return ""
        own = re.search(r"use each once\):\n(.*?)\n\n", asked, re.DOTALL)
        told = [line[2:] for line in own[1].splitlines() if line.startswith("- ") and "[" in line] if own else []
        written = "\n".join(f"- {line}" for line in told)
        return (
            f"Somebody {next(self._ends)}.\n\n{written}\n\n{self.text}\n\n"
            f"Another person {next(self._ends)}.\n\nNext step: Marketing: {next(self._ends)}"
        )


def material_of(name: str) -> tuple[templates.Template, SourceText, list[SourceText], list[Fact]]:
    slug, brief, sources = BRIEFS[name]
    return templates.load()[slug], brief, sources, facts.collect(brief, sources)


async def planned(name: str, profile: ModelProfile, model: Small | Large | None) -> Plan:
    template, brief, sources, found = material_of(name)
    request = planning.request(template, brief=brief, sources=sources, facts=found, profile=profile)
    answer = request.scenario.text if request.scenario else "".join([piece async for piece in model.ask(request)])
    return planning.parse(answer, template=template, brief=brief, sources=sources, facts=found, profile=profile)


async def plays(request: ChatRequest) -> AsyncIterator[str]:
    """The scripted model without its pace."""
    for piece in re.findall(r"\s*\S+|\s+$", request.scenario.text if request.scenario else ""):
        yield piece


async def studio_of(name: str, profile: ModelProfile, model: Small | Large | None = None) -> Studio:
    plan = await planned(name, profile, model)
    template, brief, sources, found = material_of(name)
    return Studio(template, brief, sources, found, profile, plan, model.ask if model else plays)


async def written(studio: Studio) -> list[Write]:
    """Perform all tasks, all that are ready at the same time; returns the writes in their order."""
    writes: list[Write] = []
    while ready := studio.ready():
        await asyncio.gather(*(studio.do(task, lambda _, write: writes.append(write)) for task in ready))
    return writes


def of_type(writes: Sequence[Write], kind: type) -> list[Write]:
    return [write for write in writes if isinstance(write, kind)]
