"""How long a failed step waits, and what its ending says. Pure."""

import pytest

from agents.engine.failures import LONGEST_S, backoff_s


def test_waits_double_up_to_a_minute():
    waits = [backoff_s(count) for count in range(12)]

    for count, wait_s in enumerate(waits):
        assert 0.75 * min(LONGEST_S, 2**count) <= wait_s <= 1.25 * min(LONGEST_S, 2**count)


@pytest.mark.parametrize("retry_after", [5.0, 300.0])
def test_a_provider_is_never_asked_before_it_wants_to(retry_after):
    assert backoff_s(0, retry_after) == retry_after


def test_waits_differ_so_that_agents_do_not_come_back_all_at_once():
    assert len({backoff_s(2) for _ in range(20)}) > 10
