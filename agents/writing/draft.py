"""A document in memory: applies writes without Yjs and shows Markdown. For tests and for the quality benchmark."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from agents.ports import ChatRequest, ModelProfile
from agents.writing.context import Noted, Section, WorkContext
from agents.writing.facts import Fact, SourceText
from agents.writing.plan import Plan, Task
from agents.writing.templates import Template
from agents.writing.work import perform
from agents.writing.writes import Block, Close, Node, Note, Open, Remove, Replace, Text, Write


class BadWrite(Exception):
    """A write that the engine could not perform: a key that is taken, or not there."""


@dataclass
class Piece:
    node: Node
    text: str
    is_done: bool = False


@dataclass
class Page:
    """What one step has written: blocks in their order, notes by key, and keys in the order of their first write."""

    task: Task
    blocks: dict[str, Piece] = field(default_factory=dict)
    notes: dict[str, Note] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    is_finished: bool = False

    def section(self) -> Section:
        texts = {key: piece.text for key, piece in self.blocks.items()}
        return Section(self.task.number, self.task.section or self.task.title, "\n".join(texts.values()), texts)


def text_of(node: Node) -> str:
    """Words of a node; blocks inside it end with a line break."""
    if node["type"] == "text":
        return str(node["text"])
    return "".join(text_of(child) for child in node.get("content", [])) + ("\n" if node["type"] == "paragraph" else "")


class Draft:
    """All pages of a run. `apply` does what the engine does, and is as strict as it can be."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.pages = {task.number: Page(task) for task in plan.tasks}

    def apply(self, number: int, write: Write) -> None:
        page = self.pages[number]
        if write.key not in page.keys:
            page.keys.append(write.key)
        match write:
            case Note():
                page.notes.setdefault(write.key, write)
            case Block() | Open():
                _insert(page, write)
            case Replace(task=int(other)) | Remove(task=int(other)):
                _change(self.pages[other], write)
            case _:
                _change(page, write)

    def sections(self) -> list[Section]:
        return [page.section() for page in self.pages.values() if page.is_finished]

    def notes(self) -> list[Noted]:
        return [
            Noted(number, note.key, note.kind, note.data)
            for number, page in self.pages.items()
            for note in page.notes.values()
        ]

    def markdown(self) -> str:
        """The whole document, headings in their order."""
        parts = [f"# {self.plan.title}"]
        for task in self.plan.outline():
            parts.append(f"## {task.section}")
            parts += [_markdown(piece) for piece in self.pages[task.number].blocks.values()]
        return "\n\n".join(parts) + "\n"


def _insert(page: Page, write: Block | Open) -> None:
    piece = page.blocks.get(write.key)
    if piece is not None and not piece.is_done:
        raise BadWrite(f"{write.key} is taken")
    if piece is not None:
        return
    if isinstance(write, Block):
        page.blocks[write.key] = Piece(write.node, text_of(write.node).strip(), True)
    else:
        page.blocks[write.key] = Piece(write.node(), "")


def _change(page: Page, write: Text | Close | Replace | Remove) -> None:
    piece = page.blocks.get(write.key)
    if piece is None:
        raise BadWrite(f"{write.key} is not there")
    match write:
        case Text():
            piece.text += "" if piece.is_done else write.text
        case Close():
            piece.is_done = True
        case Replace():
            piece.text = write.text
        case Remove():
            del page.blocks[write.key]


def _markdown(piece: Piece) -> str:
    kind = piece.node["type"]
    if kind == "table":
        rows = [[text_of(cell).strip() for cell in row["content"]] for row in piece.node["content"]]
        lines = ["| " + " | ".join(row) + " |" for row in rows]
        return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])
    if kind == "heading":
        level = int(piece.node.get("attrs", {}).get("level", 2))
        return f"{'#' * level} {piece.text}"
    if kind in ("bulletList", "orderedList"):
        return "\n".join(f"- {line}" for line in piece.text.splitlines())
    return piece.text


@dataclass
class Studio:
    """Performs the tasks of a plan over one `ask`, each as soon as what it needs is finished."""

    template: Template
    brief: SourceText
    sources: Sequence[SourceText]
    facts: Sequence[Fact]
    profile: ModelProfile
    plan: Plan
    ask: Callable[[ChatRequest], AsyncIterator[str]]
    draft: Draft = field(init=False)

    def __post_init__(self) -> None:
        self.draft = Draft(self.plan)

    def context(self, done: Mapping[str, str] | None = None) -> WorkContext:
        return WorkContext(
            template=self.template,
            goal=self.brief.text,
            facts=self.facts,
            sources=[self.brief, *self.sources],
            profile=self.profile,
            plan=self.plan,
            ask=self.ask,
            read=self.draft.sections,
            notes=self.draft.notes,
            done=done or {},
        )

    def ready(self) -> list[Task]:
        """Tasks that are not finished and whose needs are."""
        pages = self.draft.pages
        return [
            task
            for task in self.plan.tasks
            if not pages[task.number].is_finished and all(pages[need].is_finished for need in task.needs)
        ]

    async def do(self, task: Task, seen: Callable[[Task, Write], None] | None = None) -> None:
        async for write in perform(task, self.context()):
            if seen:
                seen(task, write)
            self.draft.apply(task.number, write)
        self.draft.pages[task.number].is_finished = True
