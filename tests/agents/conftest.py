"""A crew that performs runs in the test's process: real rows, the real loop, the scripted model at full speed."""

from functools import partial

import pytest

from tests.agents.crew import Crew, install, told
from tests.rest import BRIEF


@pytest.fixture
def pace(settings):
    """Set the scripted model's tokens a second; by default it does not wait at all."""

    settings.WUKONG_SCRIPTED = True

    def at(tokens_per_second: int) -> None:
        settings.WUKONG_SCRIPTED_TPS = tokens_per_second

    at(0)
    return at


@pytest.fixture
def crew(transactional_db, pace):
    from agents.engine import loop

    loop.reopen()
    crew = Crew()
    undo = install(crew)
    yield crew
    loop.close()
    loop.reopen()
    undo()


@pytest.fixture
def deploy(crew, project, ada):
    """Return a function that creates a run of the scripted Campaign for Ada."""
    from agents.services import create_run

    return partial(create_run, project=project, template="campaign", goal=BRIEF, model="scripted", actor=ada)


@pytest.fixture
def expected(crew, deploy):
    """The words of a run that nobody disturbs."""
    run = deploy()
    crew.finish(run)
    return told(run)
