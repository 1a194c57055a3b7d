"""What other people's meters have counted wrongly, thread by thread: docs/acceptance/meter-threads.md."""

import pytest

from agents.llm.usage import FAMILIES, Contradiction, compatible, estimated, of_stream
from billing.meters import METERS, PriceMissing, Usage
from billing.pricing import charge_nano, tariff_of
from tests.agents.llm.corpus import tariff

SONNET = {"input": "3.00", "cache_read": "0.30", "cache_write": "3.75", "output": "15.00"}


def used(family, response):
    return FAMILIES[family].usage(FAMILIES[family].report(response))


def chat(prompt, completion, *, cached=0, reasoning=0):
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


def test_cached_tokens_inside_the_prompt_are_charged_once():
    """litellm #6215, #14849, langfuse #5568, #10592: the cached part was charged at its price and again at the full."""
    gpt = tariff({"input": "2.50", "cache_read": "1.25", "cache_write": "2.50", "output": "10.00"})

    for family in ("openai_chat", "openrouter"):
        usage = used(family, {"usage": chat(2006, 300, cached=1920)})
        assert usage == Usage(input_tokens=86, cache_read_tokens=1920, output_tokens=300)
        # 1000 × (86 × 2.50 + 1920 × 1.25 + 300 × 10.00); charged twice, it would be 10_415_000
        assert charge_nano(gpt, usage) == 5_615_000
        usage = used(family, {"usage": chat(17_903, 120, cached=17_817)})
        assert (usage.input_tokens, usage.total_tokens) == (86, 18_023)


def test_cached_tokens_beside_the_input_are_not_taken_from_it_nor_added_to_it():
    """litellm #40016, #9812: what Anthropic counts beside the input was added to an input that already had it."""
    usage = used(
        "anthropic_messages",
        {"usage": {"input_tokens": 3, "cache_creation_input_tokens": 12_304, "output_tokens": 550}},
    )

    assert usage == Usage(input_tokens=3, cache_write_tokens=12_304, output_tokens=550)
    # 1000 × (3 × 3.00 + 12304 × 3.75 + 550 × 15.00): the bill of Anthropic's console, there reported as 0.091311
    assert charge_nano(tariff(SONNET), usage) == 54_399_000


def test_a_prompt_that_is_nearly_all_cached_costs_nearly_nothing():
    """aider #5516: a fully cached call was reported at 10.9 times its cost, DeepSeek's hits at the full price."""
    haiku = tariff({"input": "1.00", "cache_read": "0.10", "cache_write": "1.25", "output": "5.00"})
    claude = used(
        "anthropic_messages", {"usage": {"input_tokens": 9, "cache_read_input_tokens": 17_102, "output_tokens": 1}}
    )
    hits = {"prompt_cache_hit_tokens": 17_102, "prompt_cache_miss_tokens": 9}
    deepseek = compatible(chat(17_111, 1, cached=17_102) | hits)

    assert claude == deepseek == Usage(input_tokens=9, cache_read_tokens=17_102, output_tokens=1)
    assert charge_nano(haiku, claude) == 1_724_200  # 1000 × (9 × 1.00 + 17102 × 0.10 + 1 × 5.00)


def test_reasoning_inside_the_completion_is_charged_once():
    """opencode #17566: 1,360 of 1,944 tokens were reasoning, and came on top of them."""
    pro = tariff({"input": "30.00", "cache_read": "30.00", "cache_write": "30.00", "output": "180.00"})
    usage = compatible(chat(14_746, 1944, reasoning=1360))

    assert (usage.output_tokens, usage.reasoning_tokens, usage.total_tokens) == (584, 1360, 16_690)
    assert charge_nano(pro, usage) == 792_300_000  # 1000 × (14746 × 30.00 + 1944 × 180.00)


def test_thinking_inside_the_output_is_charged_once():
    """llmgateway #3435: 31 of 136 tokens were thinking; 167 were charged, 23 % too many."""
    report = {"input_tokens": 51, "output_tokens": 136, "output_tokens_details": {"thinking_tokens": 31}}
    usage = used("anthropic_messages", {"usage": report})

    assert (usage.output_tokens, usage.reasoning_tokens, usage.total_tokens) == (105, 31, 187)
    assert charge_nano(tariff(SONNET), usage) == 2_193_000  # 1000 × (51 × 3.00 + 136 × 15.00)


def test_thoughts_beside_the_candidates_are_charged():
    """litellm #10567: reasoning was never charged; PostHog #71065: twice. Google's bill for this one is 0.0000577."""
    flash = tariff({"input": "0.30", "cache_read": "0.03", "cache_write": "0.30", "output": "2.50"})
    counts = {"promptTokenCount": 9, "candidatesTokenCount": 1, "thoughtsTokenCount": 21, "totalTokenCount": 31}
    usage = used("gemini", {"usageMetadata": counts})

    assert (usage.output_tokens, usage.reasoning_tokens) == (1, 21)
    assert charge_nano(flash, usage) == 57_700  # 1000 × (9 × 0.30 + 1 × 2.50 + 21 × 2.50)


def test_more_reasoning_than_completion_is_refused():
    """opencode #24268: 77 tokens with 78 of reasoning were charged as 155."""
    with pytest.raises(Contradiction):
        compatible(chat(20, 77, reasoning=78))


def test_usage_that_grows_with_each_chunk_is_counted_once():
    """langfuse #8808: the input was multiplied by the number of chunks; litellm #1787: chunks were added up."""
    chunks = [{"usage": chat(1000, written)} for written in range(1, 41)]

    usage = of_stream(FAMILIES["openai_chat"], chunks, estimated(900, 40), is_complete=True)

    assert usage == Usage(input_tokens=1000, output_tokens=40)


def test_a_missing_price_is_an_error_and_zero_is_a_price():
    """litellm #25874: a model without a price was taken for a free one, and no budget held for it."""
    for missing in ("input", "cache_read", "cache_write", "output"):
        with pytest.raises(PriceMissing):
            tariff_of({meter: 1 for meter in METERS if meter not in (missing, "reasoning")})
    with pytest.raises(PriceMissing):
        tariff_of({})

    assert charge_nano(tariff_of(dict.fromkeys(METERS, 0)), Usage(input_tokens=1000, output_tokens=1000)) == 0


def test_a_stream_that_was_hung_up_costs_what_was_seen_of_it():
    """litellm #13245, #14457: who disconnected left no usage, and what the provider charges for went uncounted."""
    words = [{"choices": [{"delta": {"content": "tea"}}], "usage": None}] * 26

    usage = of_stream(FAMILIES["openai_chat"], words, estimated(18, 26), is_complete=False)

    assert usage == Usage(input_tokens=18, output_tokens=26, estimated=True)
    assert charge_nano(tariff(SONNET), usage) == 444_000  # 1000 × (18 × 3.00 + 26 × 15.00)


def test_the_placeholder_of_a_stream_that_was_hung_up_is_not_its_output():
    """litellm #39893: of a cancelled stream, the 1 token that message_start announces was charged."""
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 45, "output_tokens": 1}}}

    usage = of_stream(FAMILIES["anthropic_messages"], [start], estimated(50, 511), is_complete=False)

    assert usage == Usage(input_tokens=45, output_tokens=511, estimated=True)
