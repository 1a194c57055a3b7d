"""What is ready and how a run ends: a predicate over its steps, never a model's word. Pure."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

K = TypeVar("K", bound=Hashable)
Verdict = Literal["going", "done", "failed"]

_FREE = frozenset({"done", "skipped"})
_MOVING = frozenset({"ready", "queued", "running", "waiting"})


@dataclass(frozen=True, slots=True)
class Node(Generic[K]):
    """A step as the predicate sees it: its state, and the keys of the steps that it needs."""

    state: str
    needs: frozenset[K] = frozenset()


def newly_ready(nodes: Mapping[K, Node[K]]) -> set[K]:
    """Return the pending steps whose needs are all done or skipped.

    A need that is no longer there does not hold anybody.
    """
    return {
        key
        for key, node in nodes.items()
        if node.state == "pending" and all(nodes[need].state in _FREE for need in node.needs if need in nodes)
    }


def verdict(nodes: Mapping[K, Node[K]]) -> Verdict:
    """Return how the run stands: `failed` as soon as a step failed, `done` when all are done or skipped.

    A run in which nothing moves although something is open (a circle of needs) is `failed`: it must not look busy for
    ever.
    """
    states = [node.state for node in nodes.values()]
    if not states or "failed" in states:
        return "failed"
    if all(state in _FREE for state in states):
        return "done"
    if any(state in _MOVING for state in states) or newly_ready(nodes):
        return "going"
    return "failed"


def is_acyclic(needs: Mapping[K, frozenset[K]]) -> bool:
    """Return whether the steps can be ordered so that each comes after all that it needs."""
    open_needs = {key: {need for need in wanted if need in needs} for key, wanted in needs.items()}
    while free := [key for key, wanted in open_needs.items() if not wanted]:
        for key in free:
            del open_needs[key]
        for wanted in open_needs.values():
            wanted.difference_update(free)
    return not open_needs
