"""Tokens neither drift nor vanish; the five meters are disjoint, their sum is the provider's total."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.llm import counting
from agents.llm.usage import Contradiction, compatible, estimated
from agents.ports import Turn

TEXTS = st.text(alphabet=st.sampled_from("abc de.,\n é€体验茶 🍵"), max_size=80)
SMALL = st.integers(0, 5_000)


@given(TEXTS)
def test_pieces_joined_are_the_text_again(text):
    assert "".join(counting.pieces(text)) == text


@given(st.lists(TEXTS, max_size=12))
def test_a_text_in_parts_counts_like_the_whole(parts):
    tally, whole = counting.Tally(), counting.Tally()
    assert sum(tally.add(part) for part in parts) == whole.add("".join(parts)) == tally.tokens


@given(st.lists(st.builds(Turn, st.sampled_from(["system", "user", "assistant"]), TEXTS), max_size=6))
def test_a_guess_is_never_more_than_the_bound(turns):
    assert 0 <= counting.guess(turns) <= counting.bound(turns)
    assert counting.exact(turns) <= counting.bound(turns)


def test_chinese_counts_dearer_than_latin():
    assert counting.Tally().add("体验茶叶品牌推广") == 5
    assert counting.Tally().add("tea brand") == 3
    assert [counting.piece_tokens(piece) for piece in counting.pieces("Tea launches everywhere.")] == [1, 2, 3]


@given(fresh=SMALL, read=SMALL, written=SMALL, visible=SMALL, hidden=st.integers(1, 5_000), is_beside=st.booleans())
def test_meters_are_disjoint_and_sum_up_to_the_total(fresh, read, written, visible, hidden, is_beside):
    prompt, total = fresh + read + written, fresh + read + written + visible + hidden
    usage = compatible(
        {
            "prompt_tokens": prompt,
            "completion_tokens": visible if is_beside else visible + hidden,
            "total_tokens": total,
            "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
            "completion_tokens_details": {"reasoning_tokens": hidden},
        }
    )
    meters = (usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens, usage.output_tokens)
    assert (*meters, usage.reasoning_tokens) == (fresh, read, written, visible, hidden)
    assert sum(meters) + usage.reasoning_tokens == total
    assert not usage.estimated


def test_missing_details_count_as_none():
    usage = compatible({"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": None})
    assert (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens) == (9, 4, 0)


@pytest.mark.parametrize(
    "raw",
    [
        {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 99},
        {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 11}},
        {"prompt_tokens": "many", "completion_tokens": 5},
    ],
)
def test_figures_that_contradict_each_other_are_refused(raw):
    with pytest.raises(Contradiction):
        compatible(raw)


def test_our_own_count_is_marked():
    assert estimated(3, 4, 5).estimated
