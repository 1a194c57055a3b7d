"""A Stripe on loopback for tests, events that it sends, top-ups that are paid there."""

from collections.abc import Iterator

import pytest

from billing import services
from billing.payments import care, gateway
from tests.billing import fake_stripe
from wukong.kernel.ids import new_id
from wukong.kernel.money import NANO


@pytest.fixture(scope="session")
def stripe_server() -> Iterator[fake_stripe.FakeStripe]:
    with fake_stripe.FakeStripe() as fake:
        yield fake
        gateway.close()


@pytest.fixture
def stripe(settings, monkeypatch, stripe_server):
    """A Stripe on loopback, empty, that this installation takes payments with."""
    settings.WUKONG_STRIPE_KEY = fake_stripe.KEY
    settings.WUKONG_STRIPE_WEBHOOK_SECRET = fake_stripe.SECRET
    settings.WUKONG_STRIPE_URL = stripe_server.url
    monkeypatch.setattr("stripe._http_client.HTTPClient.INITIAL_DELAY", 0)
    monkeypatch.setattr(care, "EVERY_S", 0)
    monkeypatch.setattr(care, "_next_at", 0)
    stripe_server.empty()
    return stripe_server


@pytest.fixture
def deliver(stripe, client):
    """Return a function that delivers an event about an object, or the body of one; it gives the status."""

    def of(kind: str | bytes, object_id: str = "", event_id: str = "") -> int:
        body = kind if isinstance(kind, bytes) else stripe.event(kind, object_id, event_id)
        answer = client.post(
            "/billing/stripe/webhook/", body, "application/json", headers={"Stripe-Signature": stripe.sign(body)}
        )
        return answer.status_code

    return of


@pytest.fixture
def paid(stripe, workspace):
    """Return a function that begins a top-up and pays it at Stripe; it gives the row and the payment's id."""

    def of(dollars: int = 25, **given) -> tuple:
        topup = services.begin_top_up(
            workspace_id=workspace.pk, amount_nano=dollars * NANO, key=str(new_id()), actor="person:1", **given
        )
        return topup, stripe.pay(topup.session)

    return of
