"""What the truth modules tell: frozen, free of rows. Tokens are counts, money is nano-units, days are of UTC."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

WHOLE_BP = 10_000

Waste = Literal["rejected", "loops", "retries", "repeated", "failed"]
WASTES: tuple[Waste, ...] = ("rejected", "loops", "retries", "repeated", "failed")


def is_apart(own: int, other: int, limit_bp: int) -> bool:
    """Return whether |own − other| / other is over a limit in hundredths of a per cent; anything is, of nothing."""
    return abs(own - other) * WHOLE_BP > limit_bp * other


def drift_bp(own: int, other: int) -> int | None:
    """Return |own − other| / other in hundredths of a per cent, rounded half up; None of nothing, unless both are."""
    if other == 0:
        return 0 if own == 0 else None
    return (abs(own - other) * WHOLE_BP * 2 + other) // (2 * other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One model on one day in one currency, three ways.

    Of `calls`, `counted` have our count and the provider's: `own_tokens` against `provider_tokens`. `amount_nano` is
    what all of them are charged by their usage, `booked_nano` what the ledger has moved for them, `apart_nano` the sum
    of the differences, call by call. `all_tokens` is what is recorded of all, also of those that were not charged.
    """

    day: date
    model: str
    currency: str
    calls: int
    counted: int
    own_tokens: int
    provider_tokens: int
    all_tokens: int
    amount_nano: int
    booked_nano: int
    apart_nano: int

    @property
    def drift_bp(self) -> int | None:
        return drift_bp(self.own_tokens, self.provider_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One model on one day as a provider's export has it; `cost_nano` in its currency, None where it says none."""

    day: date
    model: str
    requests: int
    tokens: int
    cost_nano: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A line of the export beside what is recorded of the same model and day, 0 of nothing."""

    exported: Exported
    recorded_tokens: int
    calls: int
    limit_bp: int

    @property
    def drift_bp(self) -> int | None:
        return drift_bp(self.recorded_tokens, self.exported.tokens)

    @property
    def is_apart(self) -> bool:
        return is_apart(self.recorded_tokens, self.exported.tokens, self.limit_bp)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """The three ways beside each other. `stray_nano` was moved for calls of which there is no usage."""

    first: date
    last: date
    limit_bp: int
    least_tokens: int
    rows: Sequence[Counted]
    compared: Sequence[Compared]
    stray_nano: int

    @property
    def drifting(self) -> Sequence[Counted]:
        """The rows whose counts are too far apart; so few tokens that rounding decides are not judged."""
        return [
            row
            for row in self.rows
            if row.provider_tokens >= self.least_tokens and is_apart(row.own_tokens, row.provider_tokens, self.limit_bp)
        ]

    @property
    def apart_nano(self) -> int:
        """What usage and ledger differ by, call by call."""
        return self.stray_nano + sum(row.apart_nano for row in self.rows)

    @property
    def is_clean(self) -> bool:
        return not self.drifting and not self.apart_nano and not any(one.is_apart for one in self.compared)


@dataclass(frozen=True, slots=True, kw_only=True)
class WastedRun:
    """What one run (None: calls without one) has wasted in one way, by which agents."""

    run: UUID | None
    kind: Waste
    project: UUID | None = None
    agents: Sequence[str] = ()
    calls: int
    tokens: int
    nano: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WasteReport:
    """Waste of a workspace in a period, by kind and run. `failed` was not charged: what it would have cost.

    The others are parts of what was charged, and of no call more than its charge.
    """

    currency: str
    charged_nano: int
    runs: Sequence[WastedRun]

    def of(self, kind: Waste) -> WastedRun:
        """Return the sum of a kind."""
        some = [one for one in self.runs if one.kind == kind]
        return WastedRun(
            run=None,
            kind=kind,
            calls=sum(one.calls for one in some),
            tokens=sum(one.tokens for one in some),
            nano=sum(one.nano for one in some),
        )

    @property
    def by_kind(self) -> Mapping[Waste, WastedRun]:
        return {kind: self.of(kind) for kind in WASTES}

    @property
    def wasted_nano(self) -> int:
        """What was paid for and not needed: all kinds except what was not charged."""
        return sum(one.nano for one in self.runs if one.kind != "failed")
