"""The operators' console: the ledger can be looked at, credit can be granted, nothing can be edited."""

import re

import pytest
from django.urls import reverse

from billing import services
from billing.models import Transfer, Wallet

TABLES = ["wallet", "transfer", "hold", "usagerecord", "budgetwindow", "ratecard", "lot", "budget", "alert"]
LATER = ["statement", "meterreading"]


@pytest.fixture
def console(client, workspace):
    from workspaces.people.services import create_user

    operator = create_user(email="op@example.com", password="a long enough password", name="Olga", is_operator=True)
    client.force_login(operator)
    client.operator = operator
    return client


@pytest.mark.parametrize("table", TABLES)
def test_tables_can_be_looked_at_and_not_changed(console, spend, workspace, table):
    from wukong.kernel.ids import new_id

    services.set_budget(
        workspace_id=workspace.pk, level="workspace", period="month", limit_nano=3_000_000, is_hard=False, actor="x"
    )
    spend(run=new_id())
    look_at(console, table)


@pytest.mark.parametrize("table", LATER)
def test_statements_can_be_looked_at_and_not_changed(console, issued, table):
    look_at(console, table)


def look_at(console, table):
    listed = console.get(reverse(f"admin:billing_{table}_changelist"), {"q": "north"} if table != "ratecard" else {})
    assert listed.status_code == 200
    everything = console.get(reverse(f"admin:billing_{table}_changelist")).content.decode()
    path = re.search(rf'href="(/console/billing/{table}/[^"]+/change/)', everything)[1]

    page = console.get(path)
    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()
    assert "_nano" not in page.content.decode()  # amounts as people read them
    assert console.post(path, {"amount_nano": "1"}).status_code == 403
    assert console.get(reverse(f"admin:billing_{table}_add")).status_code == 403
    assert console.post(path.replace("change", "delete"), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("table", TABLES)
def test_members_are_not_operators(client, ada, table):
    client.force_login(ada)

    assert client.get(reverse(f"admin:billing_{table}_changelist")).status_code == 302


def grant(console, wallet, **fields):
    path = reverse("admin:billing_wallet_changelist")
    return console.post(path, {"action": "grant_credit", "_selected_action": [str(wallet.pk)], **fields}, follow=True)


def test_credit_is_granted_once_however_often_the_button_is_pressed(console, workspace):
    services.open_wallet(workspace_id=workspace.pk)
    wallet = Wallet.objects.get()
    form = grant(console, wallet).content.decode()
    key = re.search(r'name="key" value="([^"]+)"', form)[1]
    assert "Northwind" in form

    for _ in range(2):
        done = grant(console, wallet, amount="2.50", key=key)

    assert "Northwind now has 7.500000000 USD." in done.content.decode()
    transfer = Transfer.objects.exclude(key__startswith="welcome").get()
    assert (transfer.amount_nano, transfer.code) == (2_500_000_000, "grant")
    assert transfer.actor == f"person:{console.operator.pk}"


@pytest.mark.parametrize("amount", ["", "much", "0", "-3", "1.0000000001"])
def test_an_amount_that_cannot_be_is_said_so(console, workspace, amount):
    services.open_wallet(workspace_id=workspace.pk)

    answer = grant(console, Wallet.objects.get(), amount=amount, key="k")

    assert "errorlist" in answer.content.decode()
    assert Transfer.objects.count() == 1


def test_an_amount_that_is_too_large_for_the_ledger_is_said_so(console, workspace):
    services.open_wallet(workspace_id=workspace.pk)

    answer = grant(console, Wallet.objects.get(), amount="9000000000", key="k")

    assert "An amount to add" in answer.content.decode()
    assert Transfer.objects.count() == 1
