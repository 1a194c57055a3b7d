"""Kill anything, lose nothing: every acknowledged word once, every run done, every call charged once, no hold left."""

import os
import random
import time

import pytest

from tests import servers
from tests.kill.storm import Storm

pytestmark = pytest.mark.kill

KILLS = 20 if os.environ.get("HYPOTHESIS_PROFILE") == "ci" else 3
FASTER = "300"  # tokens a second: a run of 15 seconds becomes one of 4


@pytest.fixture
def seed() -> int:
    """Printed with a failure; set WUKONG_TEST_SEED to have the same moments again."""
    seed = int(os.environ.get("WUKONG_TEST_SEED", time.time_ns() % 1_000_000))
    print(f"WUKONG_TEST_SEED={seed}")
    return seed


async def test_the_embedded_size_survives(tmp_path, seed):
    site = servers.embedded(tmp_path / "embedded", WUKONG_SCRIPTED_TPS=FASTER)

    def strike(_moments: random.Random) -> str:
        site.kill()
        return "everything"

    try:
        await Storm(site, seed, strike, longest_s=2.5).weather(KILLS)
    except BaseException:
        print(site.tail(60))
        raise
    finally:
        site.kill()


@pytest.mark.services
async def test_the_production_size_survives(tmp_path, seed):
    """Half of the kills take every process, the others one of them while the rest goes on."""
    with servers.production(tmp_path / "production", WUKONG_SCRIPTED_TPS=FASTER) as site:

        def strike(moments: random.Random) -> str:
            part = moments.choice(["everything"] * 3 + ["worker", "web1", "web2"])
            site.kill() if part == "everything" else site.kill_part(part)
            return part

        try:
            await Storm(site, seed, strike, longest_s=2.5).weather(KILLS)
        except BaseException:
            print(site.tail(60))
            raise
