"""What the calls of a run have sent to a model, so that the meter can say what was sent again. Pure, one process.

Providers remember beginnings, and so does this: what a request has in common with an earlier one of its run, counted
from its first turn. Another process's calls are not seen: what is told is the least that was sent again.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import UUID

from agents.ports import ChatRequest, Turn

MOST_RUNS = 256
MOST_TURNS = 20_000  # of one run; 8 bytes each


class Sent:
    """Beginnings of conversations, by run. The runs that were heard of last are kept."""

    def __init__(self) -> None:
        self._runs: OrderedDict[UUID, set[int]] = OrderedDict()

    def add(
        self, run_id: UUID, model_id: str, request: ChatRequest, count: Callable[[ChatRequest], int]
    ) -> tuple[int, int]:
        """Take note of a request; returns its question's fingerprint and the tokens that the run had sent before.

        `count` counts the input tokens of a request.
        """
        marks = list(_beginnings(model_id, request.turns))
        known = self._runs.setdefault(run_id, set())
        self._runs.move_to_end(run_id)
        while len(self._runs) > MOST_RUNS:
            self._runs.popitem(last=False)
        shared = 0
        while shared < len(marks) and marks[shared] in known:
            shared += 1
        if len(known) < MOST_TURNS:
            known.update(marks)
        repeated = count(replace(request, turns=request.turns[:shared])) if shared else 0
        return marks[-1] if marks else 0, min(repeated, count(request))


def _beginnings(model_id: str, turns: tuple[Turn, ...]) -> Iterator[int]:
    """Yield a fingerprint (64 bits, signed) of the conversation up to each turn."""
    digest = hashlib.sha256(model_id.encode())
    for turn in turns:
        text = turn.text.encode()
        digest.update(f"\0{turn.role}\0{len(text)}\0".encode())
        digest.update(text)
        yield int.from_bytes(digest.copy().digest()[:8], "big", signed=True)
