"""Anthropic messages: what is cached stands beside `input_tokens`, thinking is part of `output_tokens`. Pure."""

from collections.abc import Mapping

from agents.llm.usage.figures import Contradiction, Convention, Family, Figures, Report, at, count, required, split

_IN_THE_TOTALS = ("message", "fallback_message")


def figures(report: Report) -> Figures:
    """Read a `usage`: https://platform.claude.com/docs/en/api/messages.

    There is no total. Writes for five minutes and for an hour are one meter: a card prices the one that is asked for.
    Iterations of a compaction or of an advisor are not in the totals, and an advisor has prices of its own: refused.
    """
    iterations = report.get("iterations") or []
    for iteration in iterations:
        if not isinstance(iteration, Mapping) or iteration.get("type", "message") not in _IN_THE_TOTALS:
            raise Contradiction(f"an iteration is not in the totals: {dict(report)}")
    written = count(report, "cache_creation_input_tokens")
    if not iterations:  # with them, the split is that of the last one
        split(report, written, "cache_creation")
    return Figures(
        prompt=required(report, "input_tokens"),
        completion=required(report, "output_tokens"),
        cache_read=count(report, "cache_read_input_tokens"),
        cache_write=written,
        reasoning=count(report, "output_tokens_details", "thinking_tokens"),
    )


MESSAGES = Family(
    name="anthropic_messages",
    convention=Convention(
        cache_read="beside",
        cache_write="beside",
        reasoning="inside",
        source="Anthropic, “Prompt caching”, Tracking cache performance: total input = cache_read_input_tokens + "
        "cache_creation_input_tokens + input_tokens; “Extended thinking”: thinking is billed as output tokens; "
        "“Streaming messages”: the counts in message_delta are cumulative",
    ),
    figures=figures,
    report=at(("usage",), ("message", "usage")),
)
