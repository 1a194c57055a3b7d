"""Which part of each call's charge was wasted, and how. Pure.

A charge is sorted once. An answer that a later call of its step asked for again is a loop, in full. Else a call that
asks again what failed before is a retry, in full. Else its rejected words are waste, at the price of output, and what
the run had sent before and no cache gave, at the price of input.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from billing.truth.contracts import Waste, WastedRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """One call in its order: prices are pico-units per token, `charge_nano` is what it was charged.

    `saved_nano` is what it would have cost if it failed. `input_tokens` came from no cache, `cached_tokens` from one.
    """

    run: UUID | None
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
    sums: dict[tuple[Waste, UUID | None], list[int]] = {}
    for call, part in parts:
        one = sums.setdefault((part.kind, call.run), [0, 0, 0])
        for place, n in enumerate((1, part.tokens, part.nano)):
            one[place] += n
    found = [
        WastedRun(run=run, kind=kind, calls=calls, tokens=tokens, nano=nano)
        for (kind, run), (calls, tokens, nano) in sums.items()
    ]
    return sorted(found, key=lambda one: (-one.nano, -one.tokens, str(one.run)))


def rejected_of(rows: Iterable[tuple[UUID, int]]) -> Mapping[UUID, int]:
    """Return the rejected tokens of each call."""
    sums: dict[UUID, int] = {}
    for call, tokens in rows:
        sums[call] = sums.get(call, 0) + tokens
    return sums
