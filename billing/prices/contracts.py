"""What price lists tell and are told: frozen, free of rows. Prices are pico-units per token."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.meters import Meter
from billing.pricing import Tariff


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a provider asks for a model, in US dollars. `note` says what of it our cards cannot say."""

    model: str
    provider: str
    source: str
    cost: Tariff
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A model that was left out, and why."""

    model: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceChange:
    """One price that differs. `old_pico` is None where there was none, `from_tokens` the tier (0: the first)."""

    meter: Meter
    from_tokens: int
    old_pico: int | None
    new_pico: int

    @property
    def permille(self) -> int | None:
        """The change in thousandths of the old price, rounded half away from 0; None without an old price or from 0."""
        if not self.old_pico:
            return None
        change = abs(self.new_pico - self.old_pico)
        size = (change * 2000 + self.old_pico) // (2 * self.old_pico)
        return size if self.new_pico >= self.old_pico else -size


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A price list that waits for an operator, with what it changes."""

    model: str
    changes: Sequence[PriceChange]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """What reading price lists came to. `known` models are as they were, or were judged before."""

    proposed: Sequence[Proposed]
    known: Sequence[str]
    left: Sequence[Left]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceVersion:
    """One version of a model's card, and what it changed of the one before."""

    version: int
    effective_from: datetime
    changes: Sequence[PriceChange]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPrices:
    """What a workspace pays for a model now, and every version so far, newest first.

    `is_pinned`: it keeps `version`, whatever follows.
    """

    model: str
    currency: str
    version: int
    effective_from: datetime
    tariff: Tariff
    is_pinned: bool
    versions: Sequence[PriceVersion]
