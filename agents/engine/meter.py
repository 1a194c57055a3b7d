"""The live reading of a run: what is settled, from the ledger; what is on its way, from the tokens counted so far."""

from typing import Any
from uuid import UUID

from agents.engine import quoting
from agents.models import CallState, ModelCall, Run
from billing import services as billing
from wukong.kernel.money import money_json


def read(run: Run) -> dict[str, Any]:
    """Return `meter.ticked` for the run, without speed.

    Calls that are not settled yet count at the model's list prices. A job of the committer.
    """
    currency, prices = run.workspace.currency, quoting.Prices()
    settled, held = _money(run.pk)
    agents: dict[str, dict[str, int]] = {}
    tokens_in = tokens_out = cost = 0
    for call, step_id, role, into, out in _calls(run.pk):
        nano = prices.nano(run, into, out) if call in held else 0
        reading = agents.setdefault(role, {"tokens": 0, "cost": 0})
        reading["tokens"] += into + out
        reading["cost"] += nano
        cost += nano
        tokens_in, tokens_out = tokens_in + into, tokens_out + out
        if step_id in settled:
            amount = settled.pop(step_id).cost_nano
            reading["cost"] += amount
            cost += amount
    return {
        "run": str(run.pk),
        "spent": money_json(cost, currency),
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "agents": {
            role: {"tokens": reading["tokens"], "cost": money_json(reading["cost"], currency)}
            for role, reading in agents.items()
        },
    }


def with_speed(reading: dict[str, Any], before: dict[str, Any] | None, seconds: float) -> dict[str, Any]:
    """Return the reading with `tokens_per_second` since the one before."""
    tokens = reading["tokens_out"] - before["tokens_out"] if before is not None else 0
    return reading | {"tokens_per_second": max(0, round(tokens / seconds))}


def _money(run_id: UUID) -> tuple[dict[UUID, billing.StepFigures], set[UUID]]:
    """Return what the steps have paid, and the calls that have not: each call is in one of the two."""
    held = set(billing.open_holds(run_id))
    for _ in range(3):
        settled, before = billing.step_figures(run_id), held
        held = set(billing.open_holds(run_id))
        if held == before:  # where others may write meanwhile, a call could have moved between the two looks
            break
    return settled, held


def _calls(run_id: UUID) -> list[tuple[UUID, UUID, str, int, int]]:
    """Return (call, step, role, tokens in, tokens out) of the run's calls that count."""
    rows = (
        ModelCall.objects.of_run(run_id)
        .exclude(state__in=[CallState.WASTED, CallState.FAILED, CallState.REFUSED])
        .values_list(
            "id",
            "step_id",
            "step__role",
            "state",
            "input_tokens",
            "cache_read_tokens",
            "cache_write_tokens",
            "output_tokens",
            "reasoning_tokens",
            "counted_tokens",
        )
    )
    return [
        (call, step, role, i + read + write, counted if state == CallState.OPEN else out + reasoning)
        for call, step, role, state, i, read, write, out, reasoning, counted in rows
    ]
