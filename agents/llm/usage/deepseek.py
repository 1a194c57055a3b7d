"""DeepSeek: a prompt is hits plus misses. Pure."""

from agents.llm.usage.figures import (
    Contradiction,
    Convention,
    Family,
    Figures,
    Report,
    at,
    count,
    found,
    required,
    same,
)


def figures(report: Report) -> Figures:
    """Read a `usage`: https://api-docs.deepseek.com/api/create-chat-completion.

    A miss is plain input: nothing is charged for writing to the cache. Other hosts of the models leave hits and
    misses out.
    """
    prompt = required(report, "prompt_tokens")
    hit = same(report, ("prompt_cache_hit_tokens",), ("prompt_tokens_details", "cached_tokens"))
    miss = found(report, "prompt_cache_miss_tokens")
    if miss is not None and hit + miss != prompt:
        raise Contradiction(f"hits and misses do not make the prompt: {dict(report)}")
    return Figures(
        prompt=prompt,
        completion=required(report, "completion_tokens"),
        cache_read=hit,
        reasoning=count(report, "completion_tokens_details", "reasoning_tokens"),
        total=required(report, "total_tokens"),
    )


CHAT = Family(
    name="deepseek",
    convention=Convention(
        cache_read="inside",
        cache_write="absent",
        reasoning="inside",
        source="DeepSeek API docs, “Create chat completion”: prompt_tokens equals prompt_cache_hit_tokens + "
        "prompt_cache_miss_tokens, total_tokens is prompt + completion; “Context caching”",
    ),
    figures=figures,
    report=at(("usage",)),
)
