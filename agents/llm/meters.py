"""From a provider's usage to our five disjoint meters. Pure."""

from collections.abc import Mapping
from typing import Any

from billing.contracts import Usage


class Contradiction(ValueError):
    """The provider's figures do not add up."""


def disjoint(raw: Mapping[str, Any]) -> Usage:
    """Return the meters of an OpenAI-style `usage` object; their sum is its `total_tokens`.

    There, `prompt_tokens` includes what was read from or written to a cache, and `completion_tokens` includes reasoning
    (some providers count reasoning beside it; their total tells). Raises Contradiction.
    """
    prompt, completion = _count(raw, "prompt_tokens"), _count(raw, "completion_tokens")
    inside, outside = raw.get("prompt_tokens_details") or {}, raw.get("completion_tokens_details") or {}
    read, written = _count(inside, "cached_tokens"), _count(inside, "cache_write_tokens")
    reasoning = _count(outside, "reasoning_tokens")
    total = _count(raw, "total_tokens") or prompt + completion
    is_beside = reasoning > 0 and total == prompt + completion + reasoning
    fresh, visible = prompt - read - written, completion if is_beside else completion - reasoning
    figures = (fresh, read, written, visible, reasoning)
    if min(figures) < 0 or sum(figures) != total:  # before the usage is made, which refuses what is negative
        raise Contradiction(f"{dict(raw)}")
    return Usage(
        input_tokens=fresh,
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=visible,
        reasoning_tokens=reasoning,
        estimated=False,
    )


def estimated(input_tokens: int, output_tokens: int, reasoning_tokens: int = 0) -> Usage:
    """Return our own count as usage."""
    return Usage(
        input_tokens=input_tokens,
        cache_read_tokens=0,
        cache_write_tokens=0,
        output_tokens=output_tokens,
        reasoning_tokens=reasoning_tokens,
        estimated=True,
    )


def _count(figures: Mapping[str, Any], name: str) -> int:
    value = figures.get(name) or 0
    if not isinstance(value, int):
        raise Contradiction(f"{name} is {value!r}")
    return value
