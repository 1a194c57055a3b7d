"""A wallet that 64 callers use up is never below nothing and is used up. The small form of benchmarks/overspend.py."""

import os
import time

import pytest

from benchmarks import measure, overspend

pytestmark = pytest.mark.slow

OPERATIONS = 100_000 if os.environ.get("HYPOTHESIS_PROFILE") == "ci" else 4_000


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def test_a_wallet_runs_dry_and_not_below(kind):
    seed = int(os.environ.get("WUKONG_TEST_SEED", time.time_ns() % 1_000_000))
    print(f"WUKONG_TEST_SEED={seed}")
    bar = measure.Bar("overspend")

    found = overspend.run(kind, OPERATIONS, seed)

    overspend.judge(kind, found, bar)
    assert (bar.problems, bar.missed()) == ([], [])
    assert found["operations"] >= OPERATIONS
    assert found["least_nano"] >= 0
    assert found["looks"] > 10
    assert found["recounts"] > 1
