"""Qwen on DashScope (Model Studio): its own protocol and the compatible one, cached parts inside the input. Pure."""

from agents.llm.usage.figures import Convention, Family, Figures, Report, at, found, required, same, split

_INPUT_DETAILS = ("prompt_tokens_details", "input_tokens_details")
_OUTPUT_DETAILS = ("completion_tokens_details", "output_tokens_details")


def figures(report: Report) -> Figures:
    """Read a `usage` of either protocol: https://help.aliyun.com/model-studio/context-cache.

    An explicit cache counts what it writes inside of the input, next to what it reads. `text_tokens` of the details
    is the whole again, with reasoning and cached parts, and no figure of its own.
    """
    written = same(report, *((details, "cache_creation_input_tokens") for details in _INPUT_DETAILS))
    for details in _INPUT_DETAILS:
        split(report, written, details, "cache_creation")
    is_native = found(report, "prompt_tokens") is None
    return Figures(
        prompt=required(report, "input_tokens" if is_native else "prompt_tokens"),
        completion=required(report, "output_tokens" if is_native else "completion_tokens"),
        cache_read=same(report, *((details, "cached_tokens") for details in _INPUT_DETAILS)),
        cache_write=written,
        reasoning=same(report, *((details, "reasoning_tokens") for details in _OUTPUT_DETAILS)),
        total=required(report, "total_tokens"),
    )


QWEN = Family(
    name="dashscope",
    convention=Convention(
        cache_read="inside",
        cache_write="inside",
        reasoning="inside",
        source="Alibaba Cloud Model Studio, “Context cache”: cached_tokens are contained in the input, "
        "cache_creation_input_tokens are billed at 125 % of its price; DashScope API reference: output_tokens_details",
    ),
    figures=figures,
    report=at(("usage",)),
)
