"""llama.cpp's server: `usage` with the cached part inside, `timings` with it beside; they have to agree. Pure."""

from agents.llm.usage.figures import Contradiction, Convention, Family, Figures, Report, count, found, required


def report(response: Report) -> Report | None:
    """Return what counts in a response or chunk: its `usage` and its `timings`."""
    counted = {name: response[name] for name in ("usage", "timings") if response.get(name)}
    return counted or None


def figures(report: Report) -> Figures:
    """Read `usage` and `timings` (either will do): llama.cpp, tools/server/README.md, “Timings and context usage”.

    `timings.prompt_n` is what was processed, `cache_n` what was reused; together they are `usage.prompt_tokens`.
    Reasoning is part of the completion and not counted apart.
    """
    by_timings = _by_timings(report)
    if found(report, "usage", "prompt_tokens") is None:
        if by_timings is None:
            raise Contradiction(f"no counts: {dict(report)}")
        return by_timings
    by_usage = Figures(
        prompt=required(report, "usage", "prompt_tokens"),
        completion=required(report, "usage", "completion_tokens"),
        cache_read=count(report, "usage", "prompt_tokens_details", "cached_tokens"),
        total=required(report, "usage", "total_tokens"),
    )
    if by_timings is None:
        return by_usage
    is_split = found(report, "usage", "prompt_tokens_details", "cached_tokens") is not None  # older servers do not
    if (by_usage.prompt, by_usage.completion) != (by_timings.prompt, by_timings.completion) or (
        is_split and by_usage.cache_read != by_timings.cache_read
    ):
        raise Contradiction(f"usage and timings differ: {dict(report)}")
    return Figures(
        prompt=by_usage.prompt,
        completion=by_usage.completion,
        cache_read=by_timings.cache_read,
        total=by_usage.total,
    )


def _by_timings(report: Report) -> Figures | None:
    if found(report, "timings", "prompt_n") is None:
        return None
    cached = count(report, "timings", "cache_n")
    return Figures(
        prompt=cached + required(report, "timings", "prompt_n"),
        completion=required(report, "timings", "predicted_n"),
        cache_read=cached,
    )


SERVER = Family(
    name="llama_cpp",
    convention=Convention(
        cache_read="inside",
        cache_write="absent",
        reasoning="absent",
        source="llama.cpp, tools/server/README.md, “Timings and context usage”: the tokens in context are prompt_n + "
        "cache_n + predicted_n; usage.prompt_tokens_details.cached_tokens",
    ),
    figures=figures,
    report=report,
)
