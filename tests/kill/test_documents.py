"""Eight people type while their server is killed: nothing acknowledged is lost or there twice, and all get back in.

The small form of benchmarks/kill_documents.py, which says what is looked at.
"""

import os
import time

import pytest

from benchmarks.killing import sites
from benchmarks.killing.storm import Result, Storm

pytestmark = pytest.mark.kill

KILLS = 10 if os.environ.get("HYPOTHESIS_PROFILE") == "ci" else 3


@pytest.fixture
def seed() -> int:
    """Printed with a failure; set WUKONG_TEST_SEED to have the same dice again."""
    seed = int(os.environ.get("WUKONG_TEST_SEED", time.time_ns() % 1_000_000))
    print(f"WUKONG_TEST_SEED={seed}")
    return seed


def judge(target: sites.Target, result: Result) -> None:
    assert result.wrong() == {}, target.site.tail(60)
    assert result.number >= KILLS
    assert result.acked > KILLS * 5  # otherwise nobody has typed
    assert result.cold_loads > 0


async def test_words_survive_the_embedded_size(tmp_path, seed):
    with sites.embedded(tmp_path / "embedded", tmp_path) as target:
        judge(target, await Storm(target, seed).weather(KILLS))


@pytest.mark.services
async def test_words_survive_in_two_processes(tmp_path, seed):
    """One of two web processes dies, or a worker that writes as an agent; people go on at the one that lives."""
    with sites.pair(tmp_path / "production", tmp_path, 5) as target:
        judge(target, await Storm(target, seed).weather(KILLS))
