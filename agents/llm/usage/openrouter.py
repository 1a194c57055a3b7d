"""OpenRouter: native counts in OpenAI's shape, with a cost that is kept beside and prices nothing. Pure."""

from decimal import Decimal

from agents.llm.usage.figures import Convention, Family, Figures, Report, at, count, found, required


def figures(report: Report) -> Figures:
    """Read a `usage`: https://openrouter.ai/docs/use-cases/usage-accounting.

    Or the record of a generation (`GET /generation`), of which only the `native_tokens_*` are charged for:
    `tokens_prompt` and `tokens_completion` come from another tokenizer. It reports neither a total nor what was
    written to a cache, so a usage is to be preferred.
    """
    if found(report, "native_tokens_prompt") is not None:
        return Figures(
            prompt=required(report, "native_tokens_prompt"),
            completion=required(report, "native_tokens_completion"),
            cache_read=count(report, "native_tokens_cached"),
            reasoning=count(report, "native_tokens_reasoning"),
        )
    return Figures(
        prompt=required(report, "prompt_tokens"),
        completion=required(report, "completion_tokens"),
        cache_read=count(report, "prompt_tokens_details", "cached_tokens"),
        cache_write=count(report, "prompt_tokens_details", "cache_write_tokens"),
        reasoning=count(report, "completion_tokens_details", "reasoning_tokens"),
        total=required(report, "total_tokens"),
    )


def reported_cost(report: Report) -> str | None:
    """Return what OpenRouter says the call cost, in its credits, as decimal text; None if it says nothing.

    To be compared with, never to charge by: our price is that of the rate card.
    """
    for name in ("cost", "total_cost"):
        value = report.get(name)
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            return format(Decimal(str(value)), "f")  # str is the shortest text that stands for a number of JSON
    return None


CHAT = Family(
    name="openrouter",
    convention=Convention(
        cache_read="inside",
        cache_write="inside",
        reasoning="inside",
        source="OpenRouter docs, “Usage accounting”: native token counts, prompt_tokens_details.cached_tokens and "
        "cache_write_tokens; “Get request & usage metadata for a generation”",
    ),
    figures=figures,
    report=at(("usage",), ("data",)),
)
