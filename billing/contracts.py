"""What billing tells others, and what it is told: frozen, free of rows. Tokens are counts, money is nano-units."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from billing.meters import METERS, Meter, PriceMissing, Usage

__all__ = [
    "METERS",
    "AlertRow",
    "Authorisation",
    "Balance",
    "Books",
    "BudgetRow",
    "Charge",
    "DayRow",
    "Grouping",
    "Likely",
    "Meter",
    "Movement",
    "PriceMissing",
    "RateRow",
    "Rejected",
    "RunFigures",
    "Scope",
    "StepFigures",
    "Usage",
    "UsageRow",
]

Grouping = Literal["day", "project", "agent", "model"]
Scope = Literal["wallet", "run", "agent", "swarm", "project", "workspace"]
"""Whose limit refused: the balance, or a budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorisation:
    """A call may begin: `amount_nano` is held for it. It may write at most `max_tokens`, and they must be sent."""

    hold_key: str
    amount_nano: int
    max_tokens: int
    rate_card: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """How a call ended: what its wallet paid, 0 when the hold was given back."""

    hold_key: str
    amount_nano: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What a workspace has. `held_nano` is reserved by open calls; `available_nano` can be spent by new ones."""

    balance_nano: int
    held_nano: int
    credit_limit_nano: int
    currency: str

    @property
    def available_nano(self) -> int:
        return self.balance_nano - self.held_nano + self.credit_limit_nano


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRow:
    """That a limit was neared or reached: `threshold` per cent of it; 0: by forecast."""

    level: str
    name: str
    threshold: int
    spent_nano: int
    limit_nano: int
    at: datetime

    @property
    def is_exceeded(self) -> bool:
        """Return whether more was spent than the limit when it was told."""
        return self.spent_nano > self.limit_nano


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRow:
    """A limit and how much of it is used in the period that runs. `ends_at` None: it is counted in all."""

    id: UUID
    level: str
    name: str
    period: str
    limit_nano: int
    is_hard: bool
    spent_nano: int
    held_nano: int
    currency: str
    ends_at: datetime | None

    @property
    def left_nano(self) -> int:
        return max(self.limit_nano - self.spent_nano - self.held_nano, 0)

    @property
    def used_percent(self) -> int:
        """Return the whole per cents that are spent; 100 where the limit is 0."""
        return self.spent_nano * 100 // self.limit_nano if self.limit_nano else 100

    @property
    def is_exceeded(self) -> bool:
        """Return whether more is spent than the limit: it was set below that, or it only tells."""
        return self.spent_nano > self.limit_nano


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFigures:
    """What a step (or an agent within a run) has cost and used; without what was not charged."""

    cost_nano: int
    usage: Usage
    not_charged_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Likely:
    """What runs like one have cost: half of them at most `about_nano`, nine of ten at most `most_nano`."""

    about_nano: int
    most_nano: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """Words of a call that a check, a reviewer or a person took back; `tokens` by our count, once for each `key`."""

    key: str
    call: UUID
    tokens: int
    by: Literal["check", "reviewer", "person"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFigures(StepFigures):
    """The figures of a run; `held_nano` is reserved by its open calls."""

    held_nano: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """One line of usage. `key` is an ISO date, a project's id ("" for none), an agent or a model."""

    key: str
    usage: Usage
    cost_nano: int
    not_charged_tokens: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRow:
    """What one project, agent or model used on one day of the workspace's calendar."""

    day: date
    key: str
    tokens: int
    cost_nano: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRow:
    """The prices of a model that count now, in pico-units per token."""

    model: str
    currency: str
    version: int
    effective_from: datetime
    input_pico: int
    cache_read_pico: int
    cache_write_pico: int
    output_pico: int
    reasoning_pico: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One transfer as a workspace sees it: positive came in, negative went out. `code`: see models.TransferCode."""

    code: str
    label: str
    signed_nano: int
    booked_at: datetime
    run: UUID | None
    agent: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The proof of the ledger: each check is the sum of differences that it found, in nano-units; all are 0."""

    checks: Mapping[str, int]
    transfers: int
    holds: int

    @property
    def difference_nano(self) -> int:
        return sum(self.checks.values())
