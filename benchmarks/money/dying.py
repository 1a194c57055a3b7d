"""A process with callers that is killed: it says what it was told, and takes up what its predecessor left.

Lines of its log, each written at once: what it is about to ask (`?`), and what it was answered. A call is planned by
its id alone, so whoever finds an unfinished call asks exactly what was asked before, as a queue that delivers twice
would.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from benchmarks.money import wallets

CALLERS: Final = 64
HEARTBEAT_S: Final = 0.3
SWEEP_EVERY_S: Final = 1.0  # as the tick of the engine
IN, CACHED, OUT = 2_000, 200, 8_000  # nano-units per token of the scripted model
TOP_UP_NANO = 1_000_000


class Plan:
    """What becomes of a call, by its id."""

    def __init__(self, call: UUID) -> None:
        dice = random.Random(call.int)
        self.call = call
        self.bound, self.tokens = dice.randint(1, 2_000), dice.randint(16, 500)
        self.grows = dice.choice((0, 0, 0, 1, 2))
        self.end = dice.choices(("capture", "void", "not charged", "forget"), (80, 10, 5, 5))[0]
        self.fresh = dice.randint(0, self.bound)
        self.cached = dice.randint(0, self.bound - self.fresh)
        self.written = dice.randint(1, self.tokens)
        self.tops_up = dice.random() < 0.02
        self.lasts_s = dice.choice((0.0,) * 30 + (1.0,))

    @property
    def price_nano(self) -> int:
        """What the call costs, computed without the ledger."""
        return self.fresh * IN + self.cached * CACHED + self.written * OUT

    @property
    def most_nano(self) -> int:
        """What is held for it before it grows."""
        return self.bound * IN + self.tokens * OUT


def shorten(seconds: float) -> None:
    """Let holds live so long."""
    from billing.rules import calls

    calls.HOLD_LIVES  # noqa: B018 - a constant that was renamed is no constant any more
    calls.HOLD_LIVES = timedelta(seconds=seconds)


def arm(moments: random.Random) -> None:
    """Die inside a transaction of the ledger, or after its commit before anybody hears of it."""
    from billing import ledger
    from billing.page import Page

    write, answer = Page.write, ledger._answer
    left = moments.randint(1, 60)
    is_inside = moments.random() < 0.5

    def die_after(what: Any, *, before: bool) -> Any:
        def act(*args: Any) -> Any:
            nonlocal left
            left -= 1
            if before and left <= 0:
                _die()
            done = what(*args)
            if left <= 0:
                _die()
            return done

        return act

    if is_inside:
        vars_of(Page, write=die_after(write, before=False))
    else:
        vars_of(ledger, _answer=die_after(answer, before=True))


def vars_of(owner: Any, **values: Any) -> None:
    for name, value in values.items():
        setattr(owner, name, value)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Worker:
    """Callers of one process, and the sweep that runs beside them."""

    def __init__(self, workspace_id: UUID, log: Path) -> None:
        self.workspace_id = workspace_id
        self.file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def say(self, what: str, call: UUID, nano: int = 0) -> None:
        os.write(self.file, f"{what} {call.hex} {nano}\n".encode())

    async def work(self, left: Iterable[UUID]) -> None:
        """Take up calls that a predecessor left, and make new ones, until killed."""
        from wukong.kernel.ids import new_id

        waiting = list(left)

        async def caller() -> None:
            while True:
                again = bool(waiting)
                await self.carry_out(Plan(waiting.pop() if again else new_id()), again=again)

        await asyncio.gather(self.sweep(), *[caller() for _ in range(CALLERS)])

    async def sweep(self) -> None:
        from django.db import connections

        from billing import services

        def once() -> None:
            services.expire_stale()
            connections.close_all()

        while True:
            await asyncio.to_thread(once)
            await asyncio.sleep(SWEEP_EVERY_S)

    async def carry_out(self, plan: Plan, *, again: bool) -> None:
        """Hold, live, end; `again`: somebody may have done a part of it, or all."""
        from billing import ledger, ops, services
        from billing.contracts import Usage
        from wukong.kernel.errors import Conflict

        call = plan.call
        self.say("?", call)
        asked = wallets.asked(self.workspace_id, call, input_bound=plan.bound, max_tokens=plan.tokens)
        held = await services.aauthorise(**asked)
        self.say("hold", call, held.amount_nano)
        if plan.tops_up:
            key = f"topup:{call}"
            await ledger.apost(
                ops.TopUp(workspace_id=self.workspace_id, key=key, amount_nano=TOP_UP_NANO, actor="system")
            )
            self.say("topup", call, TOP_UP_NANO)
        try:
            for number in range(plan.grows):
                await asyncio.sleep(0 if not plan.lasts_s else HEARTBEAT_S)
                grown = await services.aextend(call=call, max_tokens=plan.tokens + 100 * (number + 1))
                self.say("extend", call, grown.amount_nano)
        except Conflict:
            if not again:
                raise
        usage = Usage(input_tokens=plan.fresh, cache_read_tokens=plan.cached, output_tokens=plan.written)
        try:
            if plan.end == "capture":
                charge = await services.asettle(call=call, usage=usage)
                self.say("capture", call, charge.amount_nano)
            elif plan.end == "void":
                await services.avoid(call=call, reason="stopped")
                self.say("void", call)
            elif plan.end == "not charged":
                await services.amark_not_charged(call=call, usage=usage, reason="failed")
                self.say("void", call)
        except Exception as error:
            self.say("! " + type(error).__name__, call)
            raise


def work(workspace_id: UUID, log: Path, left: Iterable[UUID], ttl_s: float, dies: int) -> None:
    """Be a process that is killed."""
    shorten(ttl_s)
    if dies:
        arm(random.Random(dies))
    asyncio.run(Worker(workspace_id, log).work(left))


def care(ttl_s: float, longest_s: float) -> None:
    """Be the process that comes back last: sweep until nothing is held, or so long."""
    from billing import services
    from wukong.kernel import committer

    shorten(ttl_s)
    end = time.monotonic() + longest_s
    while time.monotonic() < end and is_held():
        services.expire_stale()
        time.sleep(SWEEP_EVERY_S)
    committer.close()


def is_held() -> bool:
    from billing.models import Hold

    return Hold.objects.pending().exists()
