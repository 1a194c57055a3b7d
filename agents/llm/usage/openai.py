"""OpenAI: chat completions, which most others imitate, and responses. Pure."""

from agents.llm.usage.figures import Convention, Family, Figures, Report, at, count, found, required, same, split


def chat_figures(report: Report) -> Figures:
    """Read a `CompletionUsage`: https://platform.openai.com/docs/api-reference/chat/object.

    Some hosts put `cached_tokens` beside the details (genai-prices has such a shape); given twice, it has to agree.
    """
    return Figures(
        prompt=required(report, "prompt_tokens"),
        completion=required(report, "completion_tokens"),
        cache_read=same(report, ("prompt_tokens_details", "cached_tokens"), ("cached_tokens",)),
        cache_write=count(report, "prompt_tokens_details", "cache_write_tokens"),
        reasoning=count(report, "completion_tokens_details", "reasoning_tokens"),
        total=found(report, "total_tokens"),
    )


def responses_figures(report: Report) -> Figures:
    """Read a `ResponseUsage`: https://platform.openai.com/docs/api-reference/responses/object."""
    written = count(report, "input_tokens_details", "cache_write_tokens")
    split(report, written, "input_tokens_details", "cache_write_tokens_details")
    return Figures(
        prompt=required(report, "input_tokens"),
        completion=required(report, "output_tokens"),
        cache_read=count(report, "input_tokens_details", "cached_tokens"),
        cache_write=written,
        reasoning=count(report, "output_tokens_details", "reasoning_tokens"),
        total=required(report, "total_tokens"),
    )


CHAT = Family(
    name="openai_chat",
    convention=Convention(
        cache_read="inside",
        cache_write="inside",
        # OpenAI counts it inside; xAI and some others, who speak the same protocol, beside. Their totals tell.
        reasoning="told",
        source="OpenAI API reference, “The chat completion object”: usage; guide “Prompt caching”: cached_tokens are "
        "part of prompt_tokens; guide “Reasoning models”: reasoning_tokens are part of completion_tokens",
    ),
    figures=chat_figures,
    report=at(("usage",)),
)

RESPONSES = Family(
    name="openai_responses",
    convention=Convention(
        cache_read="inside",
        cache_write="inside",
        reasoning="inside",
        source="OpenAI API reference, “The response object”: usage; openai-python, types/responses/response_usage.py",
    ),
    figures=responses_figures,
    report=at(("response", "usage"), ("usage",)),
)
