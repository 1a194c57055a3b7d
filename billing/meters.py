"""The five meters that every token runs through, and what a call counted on them. Pure."""

from dataclasses import dataclass
from typing import Literal

from wukong.kernel.errors import Invalid

Meter = Literal["input", "cache_read", "cache_write", "output", "reasoning"]
INPUT_METERS: tuple[Meter, ...] = ("input", "cache_read", "cache_write")
METERS: tuple[Meter, ...] = (*INPUT_METERS, "output", "reasoning")


class PriceMissing(Invalid):
    """A model, or one of its meters, has no price: refused, never free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one call processed, on disjoint meters: their sum is the provider's total.

    `output_tokens` is the visible output, without reasoning. `estimated`: (some of) it was counted by us.
    """

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False

    def __post_init__(self) -> None:
        if min(self.by_meter().values()) < 0:
            raise ValueError(f"a meter never runs backwards: {self}")

    @property
    def total_tokens(self) -> int:
        return sum(self.by_meter().values())

    def by_meter(self) -> dict[Meter, int]:
        """Return the tokens of each meter."""
        return {
            "input": self.input_tokens,
            "cache_read": self.cache_read_tokens,
            "cache_write": self.cache_write_tokens,
            "output": self.output_tokens,
            "reasoning": self.reasoning_tokens,
        }

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            **{f"{meter}_tokens": n + other.by_meter()[meter] for meter, n in self.by_meter().items()},
            estimated=self.estimated or other.estimated,
        )
