"""Each family says what contains what; whatever was used, its report leads back to the same five meters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.llm.usage import FAMILIES, Contradiction, Figures, compatible, cumulative, estimated, of_stream
from agents.llm.usage.figures import disjoint
from billing.meters import Usage

SMALL = st.integers(0, 300_000)


def _chat(usage, **more):
    prompt = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": usage.output_tokens + usage.reasoning_tokens,
        "total_tokens": usage.total_tokens,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    } | more


def _details(usage, written):
    return {"cached_tokens": usage.cache_read_tokens, written: usage.cache_write_tokens}


def _deepseek(usage):
    hit = usage.cache_read_tokens
    return _chat(usage, prompt_cache_hit_tokens=hit, prompt_cache_miss_tokens=usage.input_tokens)


def _llama(usage):
    timings = {
        "cache_n": usage.cache_read_tokens,
        "prompt_n": usage.input_tokens,
        "predicted_n": usage.output_tokens,
        "predicted_ms": 1.5,
    }
    cached = {"cached_tokens": usage.cache_read_tokens}
    return {"usage": _chat(usage, prompt_tokens_details=cached), "timings": timings}


REPORTS = {
    "openai_chat": lambda u: _chat(u, prompt_tokens_details=_details(u, "cache_write_tokens")),
    "openrouter": lambda u: _chat(u, prompt_tokens_details=_details(u, "cache_write_tokens"), cost=0.95),
    "dashscope": lambda u: _chat(u, prompt_tokens_details=_details(u, "cache_creation_input_tokens")),
    "deepseek": _deepseek,
    "llama_cpp": _llama,
    "openai_responses": lambda u: {
        "input_tokens": u.input_tokens + u.cache_read_tokens + u.cache_write_tokens,
        "output_tokens": u.output_tokens + u.reasoning_tokens,
        "input_tokens_details": _details(u, "cache_write_tokens"),
        "output_tokens_details": {"reasoning_tokens": u.reasoning_tokens},
        "total_tokens": u.total_tokens,
    },
    "anthropic_messages": lambda u: {
        "input_tokens": u.input_tokens,
        "cache_read_input_tokens": u.cache_read_tokens,
        "cache_creation_input_tokens": u.cache_write_tokens,
        "output_tokens": u.output_tokens + u.reasoning_tokens,
        "output_tokens_details": {"thinking_tokens": u.reasoning_tokens},
    },
    "gemini": lambda u: {
        "promptTokenCount": u.input_tokens // 2 + u.cache_read_tokens,
        "toolUsePromptTokenCount": u.input_tokens - u.input_tokens // 2,
        "cachedContentTokenCount": u.cache_read_tokens,
        "candidatesTokenCount": u.output_tokens,
        "thoughtsTokenCount": u.reasoning_tokens,
        "totalTokenCount": u.total_tokens,
    },
}


@pytest.mark.parametrize("family", FAMILIES)
@given(read=SMALL, fresh=SMALL, written=SMALL, visible=SMALL, hidden=SMALL)
def test_a_report_leads_back_to_what_was_used(family, read, fresh, written, visible, hidden):
    convention = FAMILIES[family].convention
    usage = Usage(
        input_tokens=fresh,
        cache_read_tokens=read,
        cache_write_tokens=0 if convention.cache_write == "absent" else written,
        output_tokens=visible,
        reasoning_tokens=0 if convention.reasoning == "absent" else hidden,
    )

    assert FAMILIES[family].usage(REPORTS[family](usage)) == usage


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "anthropic_messages"])
@given(off=st.integers(-5, 5).filter(bool))
def test_a_total_that_is_off_by_one_is_refused(family, off):
    usage = Usage(input_tokens=40, cache_read_tokens=20, output_tokens=30)
    report = REPORTS[family](usage)
    holder = report["usage"] if family == "llama_cpp" else report
    name = "totalTokenCount" if family == "gemini" else "total_tokens"

    with pytest.raises(Contradiction):
        FAMILIES[family].usage(report | {"usage": holder | {name: holder[name] + off}, name: holder[name] + off})


def test_every_family_cites_what_it_follows():
    assert all(family.name == name and len(family.convention.source) > 40 for name, family in FAMILIES.items())


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_counters_that_grow_are_taken_once_in_any_order(steps, random):
    counts = [sum(steps[: end + 1]) for end in range(len(steps))]
    reports = [{"output_tokens": count, "details": {"reasoning_tokens": count // 2}, "cost": 0.5} for count in counts]
    random.shuffle(reports)

    assert cumulative(reports) == {
        "output_tokens": counts[-1],
        "details": {"reasoning_tokens": counts[-1] // 2},
        "cost": 0.5,
    }


def test_an_endpoint_that_speaks_chat_is_known_by_its_fields():
    deepseek = {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105, "prompt_cache_hit_tokens": 64}
    qwen = {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105}
    qwen["prompt_tokens_details"] = {"cached_tokens": 20, "cache_creation_input_tokens": 70}

    assert compatible(deepseek).cache_read_tokens == 64
    assert compatible(qwen) == Usage(input_tokens=10, cache_read_tokens=20, cache_write_tokens=70, output_tokens=5)
    with pytest.raises(Contradiction):
        compatible(deepseek | {"prompt_cache_miss_tokens": 35})


def test_a_whole_stream_that_does_not_add_up_is_refused_and_one_cut_off_is_counted_by_us():
    wrong = [{"usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 99}}]
    own = estimated(12, 6)

    with pytest.raises(Contradiction):
        of_stream(FAMILIES["openai_chat"], wrong, own, is_complete=True)
    assert of_stream(FAMILIES["openai_chat"], wrong, own, is_complete=False) == own


def test_our_own_count_of_a_stream_is_marked_whoever_made_it():
    own = Usage(input_tokens=12, output_tokens=6)

    assert of_stream(FAMILIES["openai_chat"], [{"usage": None}], own, is_complete=True).estimated
    cut = of_stream(FAMILIES["openai_chat"], [{"usage": {"prompt_tokens": 9}}], own, is_complete=False)
    assert (cut.input_tokens, cut.estimated) == (12, True)


@pytest.mark.parametrize("meter", ["cache_write", "reasoning"])
def test_what_a_family_never_counts_is_refused(meter):
    figures = Figures(prompt=10, completion=10, **{meter: 3})

    with pytest.raises(Contradiction):
        disjoint(figures, FAMILIES["llama_cpp"].convention, {})


def test_zeros_for_an_answer_that_we_have_seen_are_not_believed():
    zeros = [{"usage": {"prompt_tokens": 10, "completion_tokens": 0, "total_tokens": 10}}]

    usage = of_stream(FAMILIES["openai_chat"], zeros, estimated(12, 6), is_complete=True)

    assert usage == Usage(input_tokens=10, output_tokens=6, estimated=True)
