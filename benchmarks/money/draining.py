"""Callers that use a wallet up, and somebody who looks at it all the time."""

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from benchmarks.money import places, wallets

MOST_INPUT, MOST_OUTPUT, FLOOR = 4_000, 2_000, 16
EVERY_S = 0.005
RECOUNT_EVERY_S = 0.5
_RECOUNT = """
    SELECT balance_nano, held_nano, credit_limit_nano,
        (SELECT COALESCE(SUM(CASE WHEN credit_id = account_id THEN amount_nano ELSE -amount_nano END), 0)
            FROM billing_transfer WHERE account_id IN (credit_id, debit_id)),
        (SELECT COALESCE(SUM(amount_nano), 0) FROM billing_hold WHERE wallet_id = account_id AND state = 'pending')
    FROM billing_wallet
"""


def least_nano() -> int:
    """Return what the smallest call of these callers holds at the least, in nano-units."""
    from billing import services

    return services.most(places.MODEL, 1, FLOOR, "USD")


@dataclass
class Drain:
    """Callers of one process; `left` operations are shared by all of them, and what each was answered is counted."""

    workspace_id: UUID
    left: int
    answers: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    captured_nano: int = 0

    async def call(self, moments: random.Random, run: UUID) -> None:
        """Hold, extend up to three times, then capture what was used, or give it back."""
        from billing import services
        from billing.contracts import Usage
        from wukong.kernel.ids import new_id

        call, bound, tokens = new_id(), moments.randint(1, MOST_INPUT), moments.randint(FLOOR, MOST_OUTPUT)
        asked = wallets.asked(
            self.workspace_id, call, model=places.MODEL, run=run, input_bound=bound, max_tokens=tokens
        )
        granted = await self._ask("hold", services.aauthorise(**asked))
        if granted is None:
            return
        tokens = granted.max_tokens
        for _ in range(moments.choice((0, 0, 0, 1, 2, 3))):
            tokens += moments.randint(1, 500)
            more = await self._ask("extend", services.aextend(call=call, max_tokens=tokens, written_tokens=1))
            granted, tokens = more or granted, (more or granted).max_tokens
        if moments.random() < 0.2:
            await self._ask("void", services.avoid(call=call, reason="stopped"))
            return
        cached = moments.randint(0, bound)
        usage = Usage(
            input_tokens=moments.randint(0, bound - cached),
            cache_read_tokens=cached,
            output_tokens=moments.randint(0, granted.max_tokens),
        )
        charge = await self._ask("capture", services.asettle(call=call, usage=usage))
        self.captured_nano += charge.amount_nano if charge is not None else 0

    async def _ask(self, what: str, answer: Awaitable[Any]) -> Any:
        from wukong.kernel.errors import InsufficientFunds, WukongError

        self.left -= 1
        try:
            found = await answer
        except InsufficientFunds:
            self.answers[f"{what} refused"] += 1
            return None
        except WukongError as error:
            self.problems.append(f"{what}: {error.code} {error.message}")
            return None
        self.answers[what] += 1
        return found

    async def caller(self, seed: str) -> None:
        from wukong.kernel.ids import new_id

        moments, run = random.Random(seed), new_id()
        while self.left > 0:
            await self.call(moments, run)


def drain(workspace_id: UUID, callers: int, operations: int, seed: str) -> dict[str, Any]:
    """Let callers go on until so many operations were answered."""
    from wukong.kernel import committer

    one = Drain(workspace_id, operations)

    async def all_callers() -> None:
        await asyncio.gather(*[one.caller(f"{seed}:{number}") for number in range(callers)])

    began = time.perf_counter()
    asyncio.run(all_callers())
    took = time.perf_counter() - began
    committer.close()
    return {
        "operations": operations - one.left,
        "seconds": took,
        "answers": one.answers,
        "captured_nano": one.captured_nano,
        "problems": one.problems,
    }


def watch(workspace_id: UUID) -> dict[str, Any]:
    """Look at the wallet until standard input ends; now and then also at the rows that it stands for."""
    import threading

    from billing import services

    ended = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    looks, recounts, least, apart = 0, 0, sys.maxsize, 0
    recounted_at = time.monotonic()
    while True:
        is_last = ended.is_set()
        balance, held, limit = stored(workspace_id)
        least = min(least, balance - held + limit)
        looks += 1
        if is_last or time.monotonic() - recounted_at > RECOUNT_EVERY_S:
            found = recounted()
            least = min(least, found["available_nano"])
            apart = max(apart, found["apart_nano"])
            recounts += 1
            recounted_at = time.monotonic()
        if is_last:
            seen = {"looks": looks, "recounts": recounts, "least_nano": least, "apart_nano": apart}
            return seen | {"left_nano": balance, "held_nano": held, "difference_nano": services.books().difference_nano}
        ended.wait(EVERY_S)


def stored(workspace_id: UUID) -> tuple[int, int, int]:
    """Return (balance, held, credit limit) as the wallet's row says it."""
    from billing.models import Wallet

    row = Wallet.objects.values_list("balance_nano", "held_nano", "credit_limit_nano")
    return row.get(workspace_id=workspace_id)


def recounted() -> dict[str, int]:
    """Return what is available by transfers and open holds alone, and how far the wallet's row is from that.

    One statement, so one snapshot, and on SQLite no lock that callers would wait for.
    """
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(_RECOUNT)
        balance, held, limit, moved, reserved = map(int, cursor.fetchone())
    return {
        "available_nano": moved - reserved + limit,
        "apart_nano": abs(balance - moved) + abs(held - reserved),
    }
