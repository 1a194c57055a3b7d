"""Calls of models, made easy."""

from functools import partial
from uuid import UUID

import pytest

from billing import ledger, ops
from billing.contracts import Usage
from wukong.kernel.ids import new_id

SMALL = Usage(input_tokens=1000, output_tokens=100)


def hold_op(workspace_id: UUID, **given):
    """Return a hold of 1,000 tokens in and 100 out of the scripted model: 0.0028 of any currency."""
    asked = {
        "call": new_id(),
        "model": "scripted",
        "run": None,
        "step": None,
        "project": None,
        "agent": "Writer",
        "swarm": "",
        "input_bound": 1000,
        "input_guess": 0,
        "max_tokens": 100,
        "floor_tokens": 16,
        "run_budget_nano": None,
    }
    return ops.Hold(workspace_id=workspace_id, **asked | given)


@pytest.fixture
def hold(workspace):
    return partial(hold_op, workspace.pk)


@pytest.fixture
def spend(hold):
    """Return a function that holds and settles a call and gives its id."""

    def of(usage: Usage = SMALL, **given) -> UUID:
        op = hold(**{"input_bound": usage.total_tokens, "max_tokens": max(usage.total_tokens, 16)} | given)
        ledger.post(op)
        ledger.post(ops.Capture(call=op.call, usage=usage))
        return op.call

    return of


@pytest.fixture
def issued(workspace):
    """September and October, issued on the first of November."""
    from billing.models.statements import Statement
    from tests.billing.calendar import NOVEMBER, OCTOBER, SEPTEMBER, USAGE, issue, use

    use(workspace, SEPTEMBER, USAGE)
    use(workspace, OCTOBER, USAGE, run=new_id())
    assert issue(NOVEMBER) == 2
    return list(Statement.objects.order_by("month"))


@pytest.fixture
def stripe(settings, monkeypatch):
    """A Stripe on loopback that this installation takes payments with."""
    from billing.payments import care, gateway
    from tests.billing import fake_stripe

    with fake_stripe.FakeStripe() as fake:
        settings.WUKONG_STRIPE_KEY = fake_stripe.KEY
        settings.WUKONG_STRIPE_WEBHOOK_SECRET = fake_stripe.SECRET
        settings.WUKONG_STRIPE_URL = fake.url
        monkeypatch.setattr("stripe._http_client.HTTPClient.INITIAL_DELAY", 0)
        monkeypatch.setattr(care, "EVERY_S", 0)
        monkeypatch.setattr(care, "_next_at", 0)
        yield fake
        gateway.close()


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
    from billing import services
    from wukong.kernel.money import NANO

    def of(dollars: int = 25, **given) -> tuple:
        topup = services.begin_top_up(
            workspace_id=workspace.pk, amount_nano=dollars * NANO, key=str(new_id()), actor="person:1", **given
        )
        return topup, stripe.pay(topup.session)

    return of
