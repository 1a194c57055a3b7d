"""What a provider counted, what contains what, and the sum that both have to make. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from billing.contracts import Usage

Report = Mapping[str, Any]
"""The object in a provider's answer that holds its counts."""

Place = Literal["inside", "beside", "told", "absent"]
"""Where a part is counted: inside the larger figure (the prompt, the completion), beside it, as the total tells, or
nowhere (the family never reports it).
"""


class Contradiction(ValueError):
    """The provider's figures do not add up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Convention:
    """What a family counts where. `source` names the documentation that says so."""

    cache_read: Place
    cache_write: Place
    reasoning: Place
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The counts as they came, in tokens. `total` is None for a family that reports none: then their sum is it."""

    prompt: int
    completion: int
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Providers that count alike. `figures` reads a report, `report` finds it in a response or an event of a stream.

    `figures` raises Contradiction, `report` returns None where there is none.
    """

    name: str
    convention: Convention
    figures: Callable[[Report], Figures]
    report: Callable[[Report], Report | None]

    def usage(self, report: Report) -> Usage:
        """Return the meters of a report. Raises Contradiction."""
        return disjoint(self.figures(report), self.convention, report)


def disjoint(figures: Figures, convention: Convention, report: Report) -> Usage:
    """Return the meters of figures that follow `convention`; raises Contradiction, which shows the `report`."""
    parts: list[tuple[int, Place]] = [
        (figures.cache_read, convention.cache_read),
        (figures.cache_write, convention.cache_write),
        (figures.reasoning, convention.reasoning),
    ]
    if any(count and place == "absent" for count, place in parts):
        raise Contradiction(f"counts what this provider does not have: {dict(report)}")
    fresh = figures.prompt - sum(count for count, place in parts[:2] if place == "inside")
    visible = figures.completion if _is_beside(figures, convention) else figures.completion - figures.reasoning
    meters = (fresh, figures.cache_read, figures.cache_write, visible, figures.reasoning)
    if min(meters) < 0:  # before the usage is made, which refuses what is negative
        raise Contradiction(f"a part is larger than its whole: {dict(report)}")
    if figures.total is not None and sum(meters) != figures.total:
        raise Contradiction(f"{sum(meters)} tokens do not make {figures.total}: {dict(report)}")
    return Usage(
        input_tokens=fresh,
        cache_read_tokens=figures.cache_read,
        cache_write_tokens=figures.cache_write,
        output_tokens=visible,
        reasoning_tokens=figures.reasoning,
        estimated=False,
    )


def _is_beside(figures: Figures, convention: Convention) -> bool:
    if convention.reasoning != "told":
        return convention.reasoning == "beside"
    return figures.reasoning > 0 and figures.total == figures.prompt + figures.completion + figures.reasoning


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


def found(report: Report, *path: str) -> int | None:
    """Return the count at `path`, None if there is none. Raises Contradiction for what is not a whole number >= 0."""
    value: Any = report
    for name in path:
        if not isinstance(value, Mapping):
            raise Contradiction(f"{'.'.join(path)} leads through {value!r}")
        value = value.get(name)
        if value is None:
            return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Contradiction(f"{'.'.join(path)} is {value!r}")
    return value


def count(report: Report, *path: str) -> int:
    """Return the count at `path`, 0 if there is none."""
    return found(report, *path) or 0


def required(report: Report, *path: str) -> int:
    """Return the count at `path`; raises Contradiction if there is none: what is not counted cannot be charged."""
    value = found(report, *path)
    if value is None:
        raise Contradiction(f"no {'.'.join(path)}: {dict(report)}")
    return value


def same(report: Report, *paths: tuple[str, ...]) -> int:
    """Return the count that stands at each of `paths`, 0 if at none; raises Contradiction where they differ."""
    values = {value for path in paths if (value := found(report, *path)) is not None}
    if len(values) > 1:
        names = ", ".join(".".join(path) for path in paths)
        raise Contradiction(f"{names} differ: {dict(report)}")
    return next(iter(values), 0)


def split(report: Report, whole: int, *path: str) -> None:
    """Check that the parts at `path`, if there are any, make up `whole`. Raises Contradiction."""
    parts: Any = report
    for name in path:
        parts = parts.get(name) if isinstance(parts, Mapping) else None
    if isinstance(parts, Mapping) and sum(count(parts, name) for name in parts) != whole:
        raise Contradiction(f"{'.'.join(path)} does not make {whole}: {dict(report)}")


def at(*paths: tuple[str, ...]) -> Callable[[Report], Report | None]:
    """Return a function that finds the report at the first of `paths` where an object stands."""

    def report(response: Report) -> Report | None:
        for path in paths:
            value: Any = response
            for name in path:
                value = value.get(name) if isinstance(value, Mapping) else None
            if isinstance(value, Mapping) and value:
                return value
        return None

    return report
