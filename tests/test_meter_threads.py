"""What has gone wrong with other people's money: the page of the meter is as true as that of the documents."""

import pytest

from tests import test_threads

LEAST = 12  # rows


@pytest.fixture(autouse=True)
def page(monkeypatch):
    monkeypatch.setattr(test_threads, "PAGE", test_threads.ROOT / "docs" / "acceptance" / "meter-threads.md")
    monkeypatch.setattr(test_threads, "LEAST", LEAST)


def test_every_thread_has_a_test_that_exists_or_a_reason():
    test_threads.test_every_thread_has_a_test_that_exists_or_a_reason()


def test_every_thread_is_named_by_one_of_its_tests():
    test_threads.test_every_thread_is_named_by_one_of_its_tests()
