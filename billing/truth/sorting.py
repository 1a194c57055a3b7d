"""Which part of each call's charge was wasted, and how. Pure.

A charge is sorted once. An answer that a later call of its step asked for again is a loop, in full. Else a call that
asks again what failed before is a retry, in full. Else its rejected words are waste, at the price of output, and what
the run had sent before and no cache gave, at the price of input.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from billing.truth.contracts import Waste, WastedRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """One call in its order: prices are pico-units per token, `charge_nano` is what it was charged.

    `saved_nano` is what it would have cost if it failed. `input_tokens` came from no cache, `cached_tokens` from one.
    """

    run: UUID | None
    project: UUID | None
    agent: str
    step: UUID | None
    question: int | None
    is_failed: bool
    charge_nano: int
    saved_nano: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    input_pico: int
    output_pico: int
    repeated_tokens: int
    rejected_tokens: int


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a call that was wasted."""

    kind: Waste
    tokens: int
    nano: int


def sort(calls: Sequence[Used]) -> Iterator[tuple[Used, Part]]:
    """Yield what was wasted of each call; the parts of one are at most what it was charged."""
    last: dict[tuple[UUID | None, int], int] = {}
    for place, call in enumerate(calls):
        if call.question is not None and call.step is not None and not call.is_failed:
            last[call.step, call.question] = place
    failed: set[tuple[UUID | None, int]] = set()
    for place, call in enumerate(calls):
        asked = (call.step, call.question) if call.question is not None and call.step is not None else None
        if call.is_failed:
            if asked is not None:
                failed.add(asked)
            yield call, Part("failed", _all(call), call.saved_nano)
        elif asked is not None and last[asked] != place:
            yield call, Part("loops", _all(call), call.charge_nano)
        elif asked in failed:
            yield call, Part("retries", _all(call), call.charge_nano)
        else:
            yield from ((call, part) for part in _parts(call))


def _all(call: Used) -> int:
    return call.input_tokens + call.cached_tokens + call.output_tokens


def _parts(call: Used) -> Iterator[Part]:
    rejected = min(call.rejected_tokens, call.output_tokens)
    nano = min(rejected * call.output_pico // 1000, call.charge_nano)
    if rejected:
        yield Part("rejected", rejected, nano)
    again = min(max(call.repeated_tokens - call.cached_tokens, 0), call.input_tokens)
    if again:
        yield Part("repeated", again, min(again * call.input_pico // 1000, call.charge_nano - nano))


def by_run(parts: Iterable[tuple[Used, Part]]) -> list[WastedRun]:
    """Return the sums of each kind and run, the dearest first."""
    found: dict[tuple[Waste, UUID | None], WastedRun] = {}
    for call, part in parts:
        place = part.kind, call.run
        one = found.get(place) or WastedRun(
            run=call.run, kind=part.kind, project=call.project, calls=0, tokens=0, nano=0
        )
        agents = one.agents if call.agent in one.agents else (*one.agents, call.agent)
        found[place] = replace(
            one, agents=agents, calls=one.calls + 1, tokens=one.tokens + part.tokens, nano=one.nano + part.nano
        )
    return sorted(found.values(), key=lambda one: (-one.nano, -one.tokens, str(one.run)))
