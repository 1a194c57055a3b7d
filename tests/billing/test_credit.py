"""Money in: once for each key, and the workspace hears of it."""

import pytest

from billing import services
from billing.models import Transfer
from workspaces.models import Event
from wukong.kernel.errors import IdempotencyMismatch, Invalid, NotFound
from wukong.kernel.ids import new_id

WELCOME = 5_000_000_000


def add(workspace, nano=1_000_000_000, key="payment 1", verb=services.top_up):
    return verb(workspace_id=workspace.pk, amount_nano=nano, key=key, actor="system")


@pytest.mark.parametrize(
    ("verb", "code", "source"),
    [(services.top_up, "topup", "cash_clearing"), (services.grant, "grant", "grant_promo")],
)
def test_money_comes_in_once_for_each_key(workspace, verb, code, source):
    for _ in range(3):
        balance = add(workspace, verb=verb)

    assert balance.balance_nano == WELCOME + 1_000_000_000
    transfer = Transfer.objects.exclude(key__startswith="welcome").get()
    assert (transfer.code, transfer.debit.kind, transfer.credit.workspace_id) == (code, source, workspace.pk)


def test_the_same_key_for_another_amount_is_refused(workspace):
    add(workspace)

    with pytest.raises(IdempotencyMismatch):
        add(workspace, nano=2)


def test_the_same_key_for_another_workspace_is_refused(workspace, ada):
    from workspaces.people.services import create_workspace

    add(workspace)

    with pytest.raises(IdempotencyMismatch):
        add(create_workspace(name="Other", owner=ada))


@pytest.mark.parametrize("nano", [0, -1, 9_000_000_000_000_000_000])
def test_an_amount_that_cannot_be_is_refused(workspace, nano):
    services.open_wallet(workspace_id=workspace.pk)

    with pytest.raises(Invalid):
        add(workspace, nano=nano)

    assert services.balance_of(workspace.pk).balance_nano == WELCOME


@pytest.mark.parametrize("key", ["", "x" * 121])
def test_a_key_that_cannot_be_is_refused(workspace, key):
    with pytest.raises(Invalid):
        add(workspace, key=key)


def test_an_unknown_workspace_is_not_found(db):
    with pytest.raises(NotFound):
        services.balance_of(new_id())


def test_the_workspace_hears_that_its_balance_moved(workspace, spend):
    Event.objects.all().delete()
    add(workspace)
    run = new_id()
    spend(run=run)

    welcome_and_top_up, captured = Event.objects.filter(type="balance.moved").order_by("seq")

    assert welcome_and_top_up.payload["balance"] == {"amount": "6.000000000", "currency": "USD"}
    assert (welcome_and_top_up.actor, welcome_and_top_up.run) == ("system", None)
    assert (captured.actor, captured.run) == ("agent:Writer", run)
    assert set(captured.payload) == {"balance", "held", "available"}
