"""The ledger, and what it is measured against: the same rows of the same tables, written one call after the other.

Each side is a pair of functions, hold and capture. Those of the baselines are what one would write first, and correct:
`select_for_update` locks the wallet, looks and saves; `conditional` inserts and lets one UPDATE decide by its WHERE.
"""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from benchmarks.money.wallets import asked

INPUT, OUTPUT, MAX_OUTPUT = 1_000, 60, 100
HELD, CAPTURED = INPUT * 2_000 + MAX_OUTPUT * 8_000, INPUT * 2_000 + OUTPUT * 8_000
Hold = Callable[[UUID], UUID]
Capture = Callable[[UUID, UUID], None]


def ledger(wallets: Sequence[UUID], callers: int, seconds: float) -> dict[str, Any]:
    """Measure tasks of one loop, as agents are."""
    from billing import services
    from billing.contracts import Usage
    from wukong.kernel.ids import new_id

    usage = Usage(input_tokens=INPUT, output_tokens=OUTPUT)
    hold_ms: list[float] = []
    capture_ms: list[float] = []

    async def caller(seed: int, end: float) -> None:
        choose = random.Random(seed).choice
        while (began := time.perf_counter()) < end:
            call = new_id()
            await services.aauthorise(**asked(choose(wallets), call))
            held = time.perf_counter()
            await services.asettle(call=call, usage=usage)
            hold_ms.append((held - began) * 1e3)
            capture_ms.append((time.perf_counter() - held) * 1e3)

    async def all_callers() -> float:
        began = time.perf_counter()
        await asyncio.gather(*[caller(seed, began + seconds) for seed in range(callers)])
        return time.perf_counter() - began

    took = asyncio.run(all_callers())
    return {"pairs": len(hold_ms), "seconds": took, "hold_ms": hold_ms, "capture_ms": capture_ms}


def in_threads(
    wallets: Sequence[UUID], callers: int, seconds: float, *, hold: Hold, capture: Capture
) -> dict[str, Any]:
    """Measure threads with a connection each."""
    from django.db import connections

    hold_ms: list[float] = []
    capture_ms: list[float] = []
    ready = threading.Barrier(callers + 1)
    ends = [0.0]
    failures: list[Exception] = []

    def caller(seed: int) -> None:
        choose = random.Random(seed).choice
        ready.wait()
        try:
            while (began := time.perf_counter()) < ends[0]:
                wallet = choose(wallets)
                call = hold(wallet)
                held = time.perf_counter()
                capture(wallet, call)
                hold_ms.append((held - began) * 1e3)
                capture_ms.append((time.perf_counter() - held) * 1e3)
        except Exception as error:  # noqa: BLE001 - a caller that fails would make the other side look good
            failures.append(error)
        connections.close_all()

    threads = [threading.Thread(target=caller, args=(seed,)) for seed in range(callers)]
    for thread in threads:
        thread.start()
    began = time.perf_counter()
    ends[0] = began + seconds
    ready.wait()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    if failures:
        raise failures[0]
    return {"pairs": len(capture_ms), "seconds": took, "hold_ms": hold_ms, "capture_ms": capture_ms}


# --- select_for_update ----------------------------------------------------------------------------------------------
def hold_by_lock(workspace_id: UUID) -> UUID:
    from django.db import transaction

    from billing.models import Wallet

    with transaction.atomic():
        wallet = Wallet.objects.select_for_update().get(workspace_id=workspace_id)
        if wallet.available_nano < HELD:
            raise RuntimeError("the wallet is empty")
        wallet.held_nano += HELD
        wallet.save(update_fields=["held_nano"])
        return _insert_hold(wallet.pk, workspace_id)


def capture_by_lock(workspace_id: UUID, call: UUID) -> None:
    from django.db import transaction

    from billing.models import Hold, Lot, Wallet
    from wukong.kernel.clock import now

    with transaction.atomic():
        wallet = Wallet.objects.select_for_update().get(workspace_id=workspace_id)
        hold = Hold.objects.select_for_update().get(key=f"call:{call}")
        if hold.state != "pending":
            raise RuntimeError("the hold has ended")
        hold.state, hold.captured_nano, hold.closed_at = "captured", CAPTURED, now()
        hold.save(update_fields=["state", "captured_nano", "closed_at"])
        wallet.held_nano -= hold.amount_nano
        wallet.balance_nano -= CAPTURED
        wallet.save(update_fields=["held_nano", "balance_nano"])
        lot = Lot.objects.get(wallet=wallet)  # under the wallet's lock
        lot.remaining_nano -= CAPTURED
        lot.save(update_fields=["remaining_nano"])
        _insert_charge(wallet.pk, hold.rate_card_id, workspace_id, call)


# --- conditional UPDATE ---------------------------------------------------------------------------------------------
def hold_by_condition(workspace_id: UUID) -> UUID:
    from django.db import transaction
    from django.db.models import F

    from billing.models import Wallet

    wallets = Wallet.objects.filter(workspace_id=workspace_id)
    wallet = wallets.values_list("pk", flat=True).get()
    with transaction.atomic():
        call = _insert_hold(wallet, workspace_id)  # before the wallet: its lock is held for one statement
        has_money = wallets.filter(balance_nano__gte=F("held_nano") - F("credit_limit_nano") + HELD)
        if not has_money.update(held_nano=F("held_nano") + HELD):
            raise RuntimeError("the wallet is empty")
        return call


def capture_by_condition(workspace_id: UUID, call: UUID) -> None:
    from django.db import transaction
    from django.db.models import F

    from billing.models import Hold, Lot, Wallet
    from wukong.kernel.clock import now

    holds = Hold.objects.filter(key=f"call:{call}", state="pending")
    wallet, card, amount = holds.values_list("wallet_id", "rate_card_id", "amount_nano").get()
    with transaction.atomic():
        if not holds.update(state="captured", captured_nano=CAPTURED, closed_at=now()):
            raise RuntimeError("the hold has ended")
        _insert_charge(wallet, card, workspace_id, call)
        Wallet.objects.filter(pk=wallet).update(
            held_nano=F("held_nano") - amount, balance_nano=F("balance_nano") - CAPTURED
        )
        Lot.objects.filter(wallet=wallet).update(remaining_nano=F("remaining_nano") - CAPTURED)


def _insert_hold(wallet: UUID, workspace_id: UUID) -> UUID:
    from datetime import timedelta

    from billing.models import Hold, RateCard
    from wukong.kernel.clock import now
    from wukong.kernel.ids import new_id

    call = new_id()
    Hold.objects.create(
        key=f"call:{call}",
        wallet_id=wallet,
        rate_card=RateCard.objects.get(model="scripted", currency="USD"),
        workspace_id=workspace_id,
        call=call,
        agent="Writer",
        model="scripted",
        amount_nano=HELD,
        input_bound=INPUT,
        asked_tokens=MAX_OUTPUT,
        max_tokens=MAX_OUTPUT,
        expires_at=now() + timedelta(hours=1),
    )
    return call


def _insert_charge(wallet: UUID, card: UUID, workspace_id: UUID, call: UUID) -> None:
    from billing.models import Account, Transfer, UsageRecord
    from wukong.kernel.clock import now

    place = {"workspace_id": workspace_id, "call": call, "agent": "Writer", "model": "scripted"}
    money = {"key": f"call:{call}", "currency": "USD", "rate_card_id": card, "amount_nano": CAPTURED}
    Transfer.objects.create(
        debit_id=wallet,
        credit=Account.objects.get(kind="revenue", currency="USD"),
        code="capture",
        actor="agent:Writer",
        occurred_at=now(),
        **money,
        **place,
    )
    UsageRecord.objects.create(
        input_tokens=INPUT,
        cache_read_tokens=0,
        cache_write_tokens=0,
        output_tokens=OUTPUT,
        reasoning_tokens=0,
        source="provider",
        occurred_at=now(),
        **money,
        **place,
    )
