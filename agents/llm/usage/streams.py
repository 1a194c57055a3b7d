"""What a stream reported: counters that grow, taken once, at their largest. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from agents.llm.usage.figures import Contradiction, Family, Report
from billing.contracts import Usage


def cumulative(reports: Iterable[Report]) -> dict[str, Any]:
    """Return one report of many: each counter at its maximum, never the sum; of anything else what came last."""
    merged: dict[str, Any] = {}
    for report in reports:
        for name, value in report.items():
            known = merged.get(name)
            if isinstance(value, Mapping):
                merged[name] = cumulative([known, value] if isinstance(known, Mapping) else [value])
            elif _is_count(value) and _is_count(known):
                merged[name] = max(known, value)
            elif value is not None:
                merged[name] = value
    return merged


def of_stream(family: Family, events: Iterable[Report], own: Usage, *, is_complete: bool) -> Usage:
    """Return the meters of a stream from its events. Raises Contradiction if it is complete and does not add up.

    `own` is our count of it. A stream that was cut off, or whose provider counted no output where we saw some, costs
    what the provider said about the input and at least what we have seen of the output, estimated; without any report
    it costs our own count.
    """
    reports = [report for event in events if (report := family.report(event)) is not None]
    if not reports:
        return replace(own, estimated=True)
    report = cumulative(reports)
    if is_complete:
        usage = family.usage(report)
        is_counted = usage.output_tokens + usage.reasoning_tokens > 0 or own.output_tokens + own.reasoning_tokens == 0
        return usage if is_counted else _at_least(usage, own)
    try:
        return _at_least(family.usage(report), own)
    except Contradiction:  # the last report, with what was missing, never came
        return replace(own, estimated=True)


def _at_least(usage: Usage, own: Usage) -> Usage:
    return replace(
        usage,
        output_tokens=max(usage.output_tokens, own.output_tokens),
        reasoning_tokens=max(usage.reasoning_tokens, own.reasoning_tokens),
        estimated=True,
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
