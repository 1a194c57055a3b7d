"""How a small model writes: code prints every fact word for word, the model adds one checked sentence a call.

A section is: its facts (code), one sentence of advice (model), one action a fact (model), one next step (model, kept
as a note and printed into the table at the end). The model sees facts without figures and writes none. Its words
appear live, but a bad word is held back before anybody reads it and a bad sentence goes as soon as it is finished;
after a second failure it is left out, because the facts stand without it and a third try with the same prompt fails
again.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from agents.ports import ChatRequest, Turn
from agents.writing import checks, grammar, nodes, printed, prompts, review
from agents.writing.context import WorkContext
from agents.writing.facts import Fact
from agents.writing.figures import gist, has_digits
from agents.writing.plan import Task
from agents.writing.templates import SectionSpec
from agents.writing.writes import Block, Close, Note, Open, OpenType, Origin, Remove, Text, Write

TRIES = 2
MOST_TOKENS = 72
MOST_ACTIONS = 3


@dataclass(frozen=True, slots=True)
class Wish:
    """One sentence that is wanted: the question, and how the answer may begin; `names` may stand in it."""

    asked: str
    starts: Sequence[str]
    names: Sequence[str] = ()
    least: int = 5
    most: int = 26

    def rules(self, failed: str) -> str:
        """The grammar; a second try begins otherwise than the sentence that `failed`, where there is a choice."""
        left = [start for start in self.starts if not (failed and failed.startswith(start))] or self.starts
        return grammar.sentence(left, names=self.names, least=self.least, most=self.most)


@dataclass
class Conversation:
    """Turns of one role in one section. Each call adds two to what the model already has in its cache."""

    ctx: WorkContext
    task: Task
    role: str
    turns: list[Turn] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.turns = list(prompts.prefix(self.role))

    def request(self, wish: Wish, key: str, attempt: int, failed: str) -> ChatRequest:
        seed = zlib.crc32(f"{self.ctx.goal}|{self.task.section}|{key}".encode()) % 100_000
        return ChatRequest(
            turns=(*self.turns, Turn("user", wish.asked)),
            max_tokens=MOST_TOKENS,
            role=self.role,
            temperature=0.5 + 0.15 * attempt,
            seed=seed + 100 * attempt,
            grammar=wish.rules(failed),
        )

    def answered(self, asked: str, answer: str) -> None:
        self.turns += [Turn("user", asked), Turn("assistant", answer)]
        self.said.append(answer)

    def problems(self, sentence: str) -> list[str]:
        found = checks.demo(sentence, self.ctx.material, leak=prompts.LEAK, shots=prompts.answers(self.role))
        others = [*self.said, *(fact.text for fact in self.ctx.facts), *_written(self.ctx)]
        if repeated := checks.repeats(sentence, others):
            found.append(f"repeats: {repeated[:60]}")
        elif echoed := checks.echoes(
            sentence, self.said, without=f"{self.ctx.plan.organisation} {self.ctx.plan.title}"
        ):
            found.append(f"says again: {echoed[:60]}")
        return found


def _written(ctx: WorkContext) -> list[str]:
    return [
        sentence
        for section in ctx.read()
        for text in section.blocks.values()
        for sentence in checks.split_sentences(text)
    ]


async def say(
    talk: Conversation, key: str, wish: Wish, *, shown: OpenType | None = "paragraph"
) -> AsyncIterator[Write]:
    """One sentence: live into block `key` (`shown` None: nowhere), tried twice, dropped after that.

    `talk.said` grows by the sentence when it passed.
    """
    ctx = talk.ctx
    if f"{key}-dropped" in ctx.done:
        return
    if key in ctx.done:
        talk.answered(wish.asked, ctx.done[key])
        if shown:
            yield Close(key)
        return
    failures: list[str] = []
    failed = ""
    for attempt in range(TRIES):
        gate = checks.WordGate(ctx.material, prompts.LEAK)
        line = _Line(key, shown, ctx.origin)
        async for words in _let_through(ctx, gate, talk.request(wish, key, attempt, failed)):
            for write in line.show(words):
                yield write
        problems = [gate.problem] if gate.problem else talk.problems(gate.text.strip())
        if not problems:
            talk.answered(wish.asked, gate.text.strip())
            for write in line.end():
                yield write
            return
        failures += problems
        failed = gate.text.strip()
        if line.is_open:
            yield Remove(key)
    yield Note(f"{key}-dropped", "dropped", {"what": key, "problems": failures[:6]})


@dataclass
class _Line:
    """The block of one sentence: opened by its first word, so that no empty block stands there."""

    key: str
    shown: OpenType | None
    origin: Origin | None
    is_open: bool = False

    def show(self, words: str) -> Iterator[Write]:
        if not self.shown or not words:
            return
        if not self.is_open:
            self.is_open = True
            yield Open(self.key, self.shown, origin=self.origin)
        yield Text(self.key, words)

    def end(self) -> Iterator[Write]:
        if self.is_open:
            yield Close(self.key)


async def _let_through(ctx: WorkContext, gate: checks.WordGate, request: ChatRequest) -> AsyncIterator[str]:
    """The words of the answer as the gate lets them pass; hangs up at the first bad one."""
    async with aclosing(closing_stream(ctx.ask(request))) as pieces:
        async for piece in pieces:
            yield gate.feed(piece)
            if gate.problem:
                return
    yield gate.finish()


async def closing_stream(pieces: AsyncIterator[str]) -> AsyncGenerator[str, None]:
    """An async generator over `pieces`: leaving it early closes the stream, which hangs up on the model."""
    try:
        async for piece in pieces:
            yield piece
    finally:
        close = getattr(pieces, "aclose", None)
        if close:
            await close()


def intro(ctx: WorkContext, task: Task, facts: Sequence[str]) -> str:
    told = prompts.bulleted(facts) if facts else "- The goal is set by management."
    head = f"Document: {gist(ctx.plan.title)}\nSection: {task.section}\nQuestion: {gist(task.question)}"
    return f"{head}\nFacts:\n{told}"


async def research(task: Task, ctx: WorkContext) -> AsyncIterator[Write]:
    """Code alone: the facts of the section, and every fact of the run as a finding."""
    async for write in printed.findings(ctx):
        yield write
    facts = ctx.facts_of(task)
    if task.section and facts:
        yield Block("facts", nodes.bullets([fact.cited() for fact in facts], "source"), "source")


async def compose(task: Task, ctx: WorkContext) -> AsyncIterator[Write]:
    facts = ctx.facts_of(task)
    if facts:
        yield Block("facts", nodes.bullets([fact.cited() for fact in facts], "source"), "source")
    told = [gist(fact.text) for fact in facts] or [gist(fact.text) for fact in ctx.facts[:2]]
    async for write in _advice(task, ctx, told, facts[:MOST_ACTIONS]):
        yield write


async def _advice(task: Task, ctx: WorkContext, told: Sequence[str], facts: Sequence[Fact]) -> AsyncIterator[Write]:
    talk = Conversation(ctx, task, "writer")
    names = grammar.names_in([ctx.plan.title, *told])
    asked = f"{intro(ctx, task, told)}\nGive the main advice and its reason."
    async for write in say(talk, "lead", Wish(asked, leads(task, ctx), names)):
        yield write
    if not talk.said:  # the next questions need the section all the same
        talk.turns += [Turn("user", asked), Turn("assistant", f"{ctx.plan.organisation} should follow the facts.")]
    spec = ctx.template.section(task.catalogue)
    for index, line in enumerate([gist(fact.text) for fact in facts] or told[:1], start=1):
        unused = (
            [start for start in spec.actions if not any(said.startswith(start) for said in talk.said)] if spec else []
        )
        if not unused:
            break
        wish = Wish(f"Fact: {line}\nName one action that follows.", unused, names, least=4)
        async for write in say(talk, f"action-{index}", wish, shown="bulletList"):
            yield write
    async for write in next_step(task, ctx, talk, names):
        yield write


def leads(task: Task, ctx: WorkContext) -> list[str]:
    """How the advice of a section may begin; that of a budget speaks of its largest item."""
    who = ctx.plan.organisation
    largest = printed.lowered(ctx.tables[0].largest.label) if task.kind == "analyse" and ctx.tables else ""
    if largest and ctx.tables[0].additive and not has_digits(largest):
        return [
            f"{who} should check the first results of {largest} before",
            f"{who} should release the money for {largest} in steps and",
        ]
    spec = ctx.template.section(task.catalogue)
    return [f"{who} {begin}" for begin in (spec.leads if spec else ("should", "needs to", "can"))]


async def next_step(task: Task, ctx: WorkContext, talk: Conversation, names: Sequence[str]) -> AsyncIterator[Write]:
    """The section's line in the table of next steps; owner and verb come from the template."""
    spec = ctx.template.section(task.catalogue)
    if spec is None or "step" in ctx.done:
        return
    begin = [f"{spec.owner} {verb}" for verb in spec.verbs]
    before = len(talk.said)
    wish = Wish("Name the next step and who does it.", begin, names, least=4)
    async for write in say(talk, "step", wish, shown=None):
        yield write
    if len(talk.said) > before:
        yield Note(
            "step", "step", {"owner": spec.owner, "text": without_owner(talk.said[-1], spec), "section": task.section}
        )


def without_owner(line: str, spec: SectionSpec) -> str:
    rest = line.removeprefix(spec.owner).strip()
    return rest[:1].upper() + rest[1:]


async def analyse(task: Task, ctx: WorkContext) -> AsyncIterator[Write]:
    """Table, sums and shares by code; what follows from them by the model, without figures."""
    for write in printed.figures_by_code(task, ctx):
        yield write
    told = [gist(fact.text) for fact in ctx.facts_of(task)]
    if ctx.tables and ctx.tables[0].additive:
        told += [f"The largest item is {printed.lowered(ctx.tables[0].largest.label)}."]
    async for write in _advice(task, ctx, told, []):
        yield write


async def check(task: Task, ctx: WorkContext) -> AsyncIterator[Write]:
    """Checks by code, one round of revision for one line of the next steps, then the table and the sources."""
    async for write in review.document(ctx):
        yield write
    lines = review.steps(ctx)
    if "revision" in ctx.done:
        lines = revised_before(ctx, task, lines)
    elif len(lines) > 1:
        async for write in _revise(task, ctx, lines):
            if isinstance(write, Note) and write.key == "revision":
                lines = with_revision(lines, str(write.data["old"]), str(write.data["new"]))
            yield write
    for write in review.closing(ctx, lines):
        yield write


def with_revision(lines: list[review.Step], old: str, new: str) -> list[review.Step]:
    return [replace(line, text=new) if line.text == old and new else line for line in lines]


def revised_before(ctx: WorkContext, task: Task, lines: list[review.Step]) -> list[review.Step]:
    for note in ctx.notes():
        if note.task == task.number and note.key == "revision":
            return with_revision(lines, str(note.data.get("old", "")), str(note.data.get("new", "")))
    return lines


async def _revise(task: Task, ctx: WorkContext, lines: Sequence[review.Step]) -> AsyncIterator[Write]:
    """The model picks the least concrete line and what it lacks (both from lists), then words it anew; worse is
    refused.
    """
    picked = await _pick(ctx, lines)
    if picked is None:
        return
    line, problem, missing = picked
    number = next((other.number for other in ctx.plan.tasks if other.section == line.section), task.number)
    spec = ctx.template.section(ctx.plan.task(number).catalogue)
    told = [gist(fact.text) for fact in ctx.facts_of(ctx.plan.task(number))]
    talk = Conversation(ctx, task, "reviser")
    talk.said = [other.text for other in lines if other is not line]
    old = f"{line.owner} {printed.lowered(line.text)}"
    asked = f"Facts:\n{prompts.bulleted(told or ['The goal is set by management.'])}\nLine: {old}\nMissing: {missing}."
    begin = [f"{line.owner} {verb}" for verb in (spec.verbs if spec else ("prepares", "checks"))]
    wish = Wish(asked, begin, grammar.names_in([ctx.plan.title, *told]), least=6, most=28)
    before = len(talk.said)
    async for write in say(talk, "revised-line", wish, shown=None):
        yield write
    new = talk.said[-1].removeprefix(line.owner).strip() if len(talk.said) > before else ""
    if not new or checks.overlap(new, line.text) > 0.8:
        new = ""
    new = new[:1].upper() + new[1:]
    yield Note("revision", "revision", {"old": line.text, "new": new, "problem": problem, "missing": missing})


async def _pick(ctx: WorkContext, lines: Sequence[review.Step]) -> tuple[review.Step, str, str] | None:
    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": ["line", "problem", "missing"],
        "properties": {
            "line": {"enum": list(range(1, len(lines) + 1))},
            "problem": {"enum": list(prompts.PROBLEMS)},
            "missing": {"enum": list(prompts.MISSING)},
        },
    }
    listed = "\n".join(
        f"{number}. {line.owner} {printed.lowered(line.text)}" for number, line in enumerate(lines, start=1)
    )
    turns = (*prompts.prefix("reviewer"), Turn("user", listed))
    request = ChatRequest(turns=turns, max_tokens=60, role="reviewer", temperature=0.2, seed=1, schema=schema)
    text = "".join([piece async for piece in ctx.ask(request)])
    try:
        answer = json.loads(text)
        line = lines[int(answer["line"]) - 1]
        return line, str(answer["problem"]), prompts.MISSING[answer["missing"]]
    except (ValueError, KeyError, IndexError, TypeError):
        return None


async def summarise(task: Task, ctx: WorkContext) -> AsyncIterator[Write]:
    """The goal in the brief's words, what the plan puts first, where the money goes, what management should decide."""
    facts = ctx.facts_of(task)
    if facts:
        yield Block("facts", nodes.paragraph(" ".join(fact.cited() for fact in facts), "source"), "source")
    talk = Conversation(ctx, task, "editor")
    # Facts and not the advice of the sections: a small model would say that again word for word.
    points = [
        gist(fact.text) for other in ctx.plan.tasks if other.kind == "compose" for fact in ctx.facts_of(other)[:1]
    ][:4] or [gist(fact.text) for fact in ctx.facts[:3]]
    names, told = grammar.names_in([ctx.plan.title, *points]), prompts.bulleted(points)
    asked = f"Document: {gist(ctx.plan.title)}\nPoints:\n{told}\nSay what the plan puts first and why."
    specs = [spec for other in ctx.plan.tasks if (spec := ctx.template.section(other.catalogue))]
    begin = [f"The plan puts {spec.first} first, because" for spec in specs if spec.first] or ["The plan begins with"]
    async for write in say(talk, "first", Wish(asked, begin, names, least=4)):
        yield write
    if not talk.said:
        talk.turns += [Turn("user", asked), Turn("assistant", "The plan puts the goal first.")]
    if ctx.tables and (words := printed.split_of_money(ctx.tables[0])):
        yield Block("money", nodes.paragraph(words, "source"), "source")
    begin = [f"Management should now decide {word}" for word in ("who", "which", "how", "where")]
    async for write in say(talk, "decision", Wish("Say what management should decide now.", begin, names, least=4)):
        yield write
