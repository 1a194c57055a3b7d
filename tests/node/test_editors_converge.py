"""Three people with the product's own editor (Tiptap, y-prosemirror, Yjs): in the end all see what the log makes.

The schedules are those of tests/workspaces/documents/schedules.py, through the real consumer, gate and room.
"""

import os
from functools import partial

import pytest

from tests.node.people import Editors, Person, bundled
from tests.workspaces.documents.schedules import World, log_in_memory

pytestmark = [pytest.mark.node, pytest.mark.slow]

SCHEDULES = 200 if os.environ.get("HYPOTHESIS_PROFILE") == "ci" else 30
STEPS = 40


@pytest.fixture(scope="module")
def editors(tmp_path_factory):
    editors = Editors(bundled("editors.mjs", tmp_path_factory.mktemp("bundle")))
    yield editors
    editors.close()


async def test_editors_in_three_browsers_end_alike(editors):
    """y-prosemirror takes an element away that it cannot show (a list without items) from its own copy alone.

    While it has nothing to hide every copy has to be the log's. Afterwards a reload has to show everybody the same.
    """
    rows = undone = hiding = 0
    with log_in_memory():
        for seed in range(SCHEDULES):
            world = World(seed, [partial(Person, editors, at) for at in range(3)])
            await world.live(STEPS)
            await world.come_to_rest()
            people = world.replicas
            hides = any(one.seen()["hidden"] for one in people)  # type: ignore[attr-defined]
            if hides:
                for one in people:
                    one.reload()  # type: ignore[attr-defined]
            else:
                world.judge()
            seen = [one.seen() for one in people]  # type: ignore[attr-defined]
            assert [one["shown"] for one in seen] == [seen[0]["shown"]] * 3, f"schedule {seed}"
            rows += len(world.log.rows)
            undone += sum(one["undone"] for one in seen)
            hiding += hides

    assert rows > SCHEDULES * 4  # otherwise little has happened
    assert undone > 0
    assert hiding < SCHEDULES / 5
