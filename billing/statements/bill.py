"""A statement as a value: what is printed, whether it was issued or is still running. Money is nano-units. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID

from billing.contracts import Meter
from billing.statements.cents import cent_of, in_cents

NotChargedKind = Literal["failed", "restart", "above_hold"]
MeterKey = tuple[str, str]
"""A model and a meter of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One meter of one model at one price: that of calls with at least `from_tokens` input tokens."""

    model: str
    meter: Meter
    rate_card: UUID
    card_version: int
    card_from: datetime
    from_tokens: int = 0
    opening_reading: int
    tokens: int
    calls: int
    pico_per_token: int
    amount_nano: int

    @property
    def closing_reading(self) -> int:
        return self.opening_reading + self.tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What the ledger has in the period besides usage, by code; `amount_nano` is what came into the wallet.

    `is_charge`: a correction of what was charged, it is part of the total. Else it is money in or out.
    """

    code: str
    is_charge: bool
    entries: int
    amount_nano: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCharged:
    """Usage that cost nothing: `worth_nano` is what it would have cost."""

    kind: NotChargedKind
    calls: int
    runs: int
    tokens: int
    worth_nano: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a period begins with: where the one before it ended."""

    month: date
    start: datetime
    balance_nano: int = 0
    carry_nano: int = 0
    reading: int = 0
    readings: Mapping[MeterKey, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """A month of a workspace. `number`, `issued_at` and `sha256` are empty while it is not issued."""

    workspace_id: UUID
    issued_to: str
    month: date
    currency: str
    time_zone: str
    period_start: datetime
    period_end: datetime
    opening_nano: int
    carry_in_nano: int
    opening_reading: int
    lines: Sequence[Line]
    movements: Sequence[Moved]
    not_charged: Sequence[NotCharged]
    entries: int
    tax_percent: str
    tax_nano: int
    number: str = ""
    issued_at: datetime | None = None
    sha256: str = ""

    @property
    def cent(self) -> int:
        return cent_of(self.currency)

    @property
    def tokens(self) -> int:
        return sum(line.tokens for line in self.lines)

    @property
    def closing_reading(self) -> int:
        return self.opening_reading + self.tokens

    @property
    def corrections(self) -> list[Moved]:
        return [moved for moved in self.movements if moved.is_charge]

    @property
    def credits(self) -> list[Moved]:
        """Return what came into the wallet or left it otherwise than by usage."""
        return [moved for moved in self.movements if not moved.is_charge]

    @property
    def usage_nano(self) -> int:
        return sum(line.amount_nano for line in self.lines)

    @property
    def charged_nano(self) -> int:
        """Return the exact charge of the period: usage and its corrections."""
        return self.usage_nano - sum(moved.amount_nano for moved in self.corrections)

    @property
    def total_nano(self) -> int:
        """Return the charge with what was carried in, rounded once."""
        return in_cents([self.charged_nano], self.carry_in_nano, self.cent)[1]

    @property
    def carry_nano(self) -> int:
        """Return what the rounding leaves for the next month."""
        return self.carry_in_nano + self.charged_nano - self.total_nano

    @property
    def closing_nano(self) -> int:
        return self.opening_nano + sum(moved.amount_nano for moved in self.movements) - self.usage_nano

    @property
    def closing_readings(self) -> dict[MeterKey, int]:
        """Return what each meter that ran shows at the end."""
        return {(line.model, line.meter): line.closing_reading for line in self.lines}


def first_of_next(month: date) -> date:
    """Return the first day of the month after the one that begins on `month`."""
    return (month + timedelta(days=32)).replace(day=1)


def next_opening(opening: Opening, bill: Bill) -> Opening:
    """Return what the month after a bill begins with."""
    return Opening(
        month=first_of_next(bill.month),
        start=bill.period_end,
        balance_nano=bill.closing_nano,
        carry_nano=bill.carry_nano,
        reading=bill.closing_reading,
        readings={**opening.readings, **bill.closing_readings},
    )
