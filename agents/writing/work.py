"""One step of writing: which shape a model takes, and which kind of task it does."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from agents.ports import Turn
from agents.writing import large, prompts, small
from agents.writing.context import Noted, Section, WorkContext
from agents.writing.plan import Task
from agents.writing.templates import Template
from agents.writing.writes import Write

__all__ = ["Noted", "Section", "WorkContext", "perform", "prefixes"]

_SMALL = {
    "research": small.research,
    "compose": small.compose,
    "analyse": small.analyse,
    "review": small.check,
    "summarise": small.summarise,
}
_LARGE = {
    "research": large.research,
    "compose": large.compose,
    "analyse": large.analyse,
    "review": large.check,
    "summarise": large.summarise,
}


async def perform(task: Task, ctx: WorkContext) -> AsyncGenerator[Write, None]:
    """Do the task. Errors of `ctx.ask` pass through; leaving the iterator early hangs up on the model."""
    shapes = _SMALL if ctx.profile.small and not ctx.is_scripted else _LARGE
    async for write in shapes[task.kind](task, ctx):
        yield write


def prefixes(template: Template | None = None) -> Sequence[Sequence[Turn]]:
    """Beginnings of all requests to a small model, for its cache: the same bytes in every call.

    The writer's comes first: several agents write at once. The planner's is last: a run begins with it. No template
    changes them yet.
    """
    return [prompts.prefix(role) for role in ("writer", "reviewer", "reviser", "editor", "planner")]
