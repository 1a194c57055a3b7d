"""The families by name, and which one an OpenAI-compatible endpoint belongs to. Pure."""

from collections.abc import Mapping

from agents.llm.usage import anthropic, dashscope, deepseek, gemini, llama_cpp, openai, openrouter
from agents.llm.usage.figures import Family, Report
from billing.contracts import Usage

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        openai.CHAT,
        openai.RESPONSES,
        anthropic.MESSAGES,
        gemini.GENERATE,
        deepseek.CHAT,
        dashscope.QWEN,
        openrouter.CHAT,
        llama_cpp.SERVER,
    )
}


def compatible(report: Report) -> Usage:
    """Return the meters of a `usage` from an endpoint that speaks OpenAI's chat protocol. Raises Contradiction.

    DeepSeek and DashScope are known by the fields that only they send, and that OpenAI's figures would miss.
    """
    if report.get("prompt_cache_hit_tokens") is not None:
        return deepseek.CHAT.usage(report)
    details = report.get("prompt_tokens_details")
    if isinstance(details, Mapping) and details.get("cache_creation_input_tokens") is not None:
        return dashscope.QWEN.usage(report)
    return openai.CHAT.usage(report)
