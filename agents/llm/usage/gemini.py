"""Gemini: what is cached is part of the prompt; thoughts and the prompts of tools stand beside. Pure."""

from agents.llm.usage.figures import Convention, Family, Figures, Report, at, count, required


def figures(report: Report) -> Figures:
    """Read a `usageMetadata`: https://ai.google.dev/api/generate-content#UsageMetadata.

    What tools (a search, a page) put into the prompt is counted apart from it, and is input like the rest. A blocked
    prompt has no candidates.
    """
    return Figures(
        prompt=required(report, "promptTokenCount") + count(report, "toolUsePromptTokenCount"),
        completion=count(report, "candidatesTokenCount"),
        cache_read=count(report, "cachedContentTokenCount"),
        reasoning=count(report, "thoughtsTokenCount"),
        total=required(report, "totalTokenCount"),
    )


GENERATE = Family(
    name="gemini",
    convention=Convention(
        cache_read="inside",
        cache_write="absent",  # what a cache holds is charged by the hour, not by the call
        reasoning="beside",
        source="Gemini API reference, UsageMetadata: promptTokenCount includes the cached content; Vertex AI "
        "reference, GenerateContentResponse: totalTokenCount is the sum of promptTokenCount, candidatesTokenCount, "
        "toolUsePromptTokenCount and thoughtsTokenCount",
    ),
    figures=figures,
    report=at(("usageMetadata",)),
)
