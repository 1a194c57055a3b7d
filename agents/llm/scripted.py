"""The scripted model: streams the request's scenario at a steady pace, always the same; plays faults for rehearsals."""

import asyncio
import itertools
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext

from django.conf import settings
from django.utils.translation import gettext

from agents.llm import counting
from agents.llm.failures import failure
from agents.ports import ChatRequest, Delta, Finish, ModelProfile, Reply
from billing.contracts import Usage

FAULTS = ("slow", "error-429", "error-500", "timeout", "cut", "long", "chinese", "loop")
RATE_ATTEMPTS = 2  # attempts that error-429 refuses; the other faults of a provider spoil the first one only
SLOWNESS = 10
SILENCE_TOKENS = 60  # the length of a time-out's silence: one second at the usual pace
LEAK = "体验"  # what small models were seen to slip into English prose


class ScriptedModel:
    """Plays `Scenario.text`. `fault` is empty or one of FAULTS.

    error-429, error-500, timeout and cut fail by the request's attempt number, so that a retry gets over them. long,
    chinese and loop spoil prose in every attempt (never JSON): the checks of what agents write have to deal with them.
    """

    def __init__(self, fault: str = "") -> None:
        self.fault = fault

    @property
    def profile(self) -> ModelProfile:
        return ModelProfile(
            id="scripted",
            name="Scripted",
            provider="scripted",
            context_tokens=128_000,
            max_output_tokens=8_000,
            small=False,
            label=gettext("Scripted rehearsal"),
            cancel_stops_billing=True,
        )

    def place(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    def bound(self, request: ChatRequest) -> int:
        return counting.exact(request.turns)

    def guess(self, request: ChatRequest) -> int:
        return counting.exact(request.turns)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta | Reply, None]:
        await self._fail_at_once(request)
        text = request.scenario.text if request.scenario else ""
        stop = len(counting.pieces(text)) // 2 if self.fault == "cut" and request.attempt == 1 else None
        pace = _Pace(settings.WUKONG_SCRIPTED_TPS / (SLOWNESS if self.fault == "slow" else 1))
        output = 0
        finish: Finish = "stop"
        for place, piece in enumerate(self._pieces(text)):
            if place == stop:
                raise failure("cut")
            tokens = counting.piece_tokens(piece)
            if output + tokens > request.max_tokens:
                finish = "length"
                break
            output += tokens
            await pace.wait(output)
            yield Delta(piece, tokens)
        usage = Usage(
            input_tokens=counting.exact(request.turns),
            cache_read_tokens=0,
            cache_write_tokens=0,
            output_tokens=output,
            reasoning_tokens=0,
            estimated=False,
        )
        yield Reply(usage, finish)

    async def _fail_at_once(self, request: ChatRequest) -> None:
        if self.fault == "error-429" and request.attempt <= RATE_ATTEMPTS:
            raise failure("rate", retry_after=1.0)
        if self.fault == "error-500" and request.attempt == 1:
            raise failure("transient")
        if self.fault == "timeout" and request.attempt == 1:
            await _Pace(settings.WUKONG_SCRIPTED_TPS).wait(SILENCE_TOKENS)
            raise failure("timeout")

    def _pieces(self, text: str) -> Iterator[str]:
        """Return the pieces to stream, endless where the fault is that the model does not stop."""
        if not text.strip() or text.lstrip().startswith(("{", "[")):
            return iter(counting.pieces(text))
        if self.fault == "chinese":
            text = re.sub(r"^(\W*(?:\S+ ){3})", rf"\1{LEAK} ", text, flags=re.MULTILINE)
        if self.fault == "long":
            return itertools.cycle(counting.pieces(text + "\n\n"))
        if self.fault == "loop":
            first = re.split(r"(?<=[.!?。])\s", text.strip(), maxsplit=1)[0]
            return itertools.cycle(counting.pieces(first + " "))
        return iter(counting.pieces(text))


class _Pace:
    """Keeps to so many tokens a second from the beginning on; a late wake-up is caught up, errors do not add up."""

    def __init__(self, tokens_per_second: float) -> None:
        self.rate = tokens_per_second
        self.began = asyncio.get_running_loop().time()

    async def wait(self, tokens: int) -> None:
        due = self.began + tokens / self.rate if self.rate > 0 else 0.0
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
