"""Pages through Django's client: who may open them, and what their forms do."""

from dataclasses import dataclass

import pytest
from django.test import Client

from tests.agents.conftest import crew, deploy, pace  # noqa: F401 - fixtures
from tests.billing.payments import deliver, paid, stripe, stripe_server  # noqa: F401 - fixtures
from tests.rest import BRIEF
from tests.signed_in import sign_in

PRICES = "Item,Amount\nSocial advertising,€8400\nLocal radio,€7200\n"


@pytest.fixture
def at():
    """Return a function that gives a browser in which somebody (or nobody) is signed in."""

    def browser(person=None) -> Client:
        client = Client()
        if person is not None:
            sign_in(client, person)
        return client

    return browser


@dataclass
class World:
    """One of everything that has a page."""

    workspace: object
    project: object
    document: object
    source: object
    run: object


@pytest.fixture
def world(workspace, project, document, ada, monkeypatch):
    from agents.engine import wake
    from agents.services import create_run
    from workspaces.sources.services import add_source

    monkeypatch.setattr(wake, "deliver", lambda _step: None)
    source = add_source(project=project, name="Prices.csv", data=PRICES, media_type="text/csv", actor=ada)
    run = create_run(
        project=project,
        template="campaign",
        goal=BRIEF,
        model="scripted",
        sources=[source],
        actor=ada,
        document=document,
    )
    return World(workspace=workspace, project=project, document=document, source=source, run=run)
