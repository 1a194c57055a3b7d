"""Guards against models that never come to an end."""

import pytest

from agents.engine.guards import Answers, Looping, Repeats


def feed(text: str, size: int = 7) -> bool:
    repeats = Repeats()
    return all(repeats.feed(text[at : at + size]) for at in range(0, len(text), size))


def test_a_sentence_that_comes_again_and_again_is_a_loop():
    assert not feed("The plan needs one owner and one date. " * 6)


def test_a_short_refrain_is_none():
    assert feed("Yes. " * 50)


def test_a_long_text_with_different_sentences_is_none():
    assert feed(" ".join(f"Sentence number {n} says something of its own." for n in range(200)))


def test_chinese_sentences_are_seen_too():
    assert not feed("这个计划需要一个负责人和一个日期并且每周都要由负责人检查一次进度。" * 6)


def test_the_same_question_with_the_same_answer_a_third_time_is_a_loop():
    answers = Answers()
    answers.feed("What now?", "Wait.")
    answers.feed("What now?", "Wait.")

    with pytest.raises(Looping):
        answers.feed("What now?", "Wait.")


def test_the_same_question_with_new_answers_is_none():
    answers = Answers()
    for n in range(10):
        answers.feed("What now?", f"Step {n}.")
