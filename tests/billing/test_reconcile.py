"""Providers' counts, ours and the ledger beside each other."""

import re
from datetime import UTC, datetime
from html import unescape

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from billing import ledger, services
from billing.contracts import Rejected, Usage
from billing.models import DriftAlert, Rejection, Transfer, UsageRecord
from billing.truth import reconciling
from tests.billing.test_guard import refused
from tests.billing.test_tell import _without_guards
from wukong.kernel.ids import new_id


@pytest.fixture
def used(hold):
    """Return a function that settles a call of 10,000 tokens in and 1,000 out by the provider, and of our counts."""

    def of(own_input=10_000, own_output=1000, *, estimated=False, **given):
        op = hold(input_bound=20_000, input_guess=own_input, max_tokens=2000, **given)
        usage = Usage(input_tokens=4000, cache_read_tokens=6000, output_tokens=1000, estimated=estimated)
        ledger.post(op)
        services.settle(call=op.call, usage=usage, counted_tokens=own_output)
        return op.call

    return of


@pytest.fixture
def seen():
    today = datetime.now(UTC).date()
    return lambda *exported: services.reconcile(today, today, exported)


def reconcile(*args):
    """Return what the command prints, and its exit code."""
    from io import StringIO

    out = StringIO()
    try:
        call_command("reconcile", *args, stdout=out)
    except SystemExit as end:
        return out.getvalue(), end.code
    return out.getvalue(), 0


def test_our_count_is_kept_beside_the_providers(used):
    call = used(9_900, 990, question=-5, repeated_tokens=3)

    row = UsageRecord.objects.get(call=call)
    assert (row.source, row.own_input_tokens, row.own_output_tokens) == ("provider", 9_900, 990)
    assert (row.question, row.repeated_tokens) == (-5, 3)


def test_counts_are_compared_where_both_are_there(used, seen):
    used(9_900, 990)
    used(estimated=True)
    used(None or 0)  # its caller does not count what goes in

    (row,) = seen().rows
    assert (row.calls, row.counted, row.own_tokens, row.provider_tokens, row.all_tokens) == (
        3,
        1,
        10_890,
        11_000,
        33_000,
    )
    assert row.drift_bp == 100
    assert row.amount_nano == row.booked_nano == 3 * (8_000_000 + 1_200_000 + 8_000_000)
    assert seen().is_clean


def test_drift_is_told_once_for_each_model_and_day(used, seen, caplog):
    used(9_000, 1000)

    assert not seen().is_clean
    assert services.watch_drift() == 1
    assert services.watch_drift() == 0
    alert = DriftAlert.objects.get()
    assert (alert.model, alert.calls, alert.own_tokens, alert.provider_tokens) == ("scripted", 1, 10_000, 11_000)
    assert "drift apart" in caplog.text
    assert reconcile()[1] == 1


def test_the_limit_is_a_setting(used, seen, settings):
    used(9_000, 1000)  # 9.09 per cent
    settings.WUKONG_DRIFT_PERCENT = "9.1"
    assert seen().is_clean
    settings.WUKONG_DRIFT_PERCENT = "9.05"
    assert not seen().is_clean


def test_so_few_tokens_that_rounding_decides_are_not_judged(hold, seen, monkeypatch):
    op = hold(input_guess=90)
    ledger.post(op)
    services.settle(call=op.call, usage=Usage(input_tokens=100, output_tokens=10), counted_tokens=10)

    assert services.watch_drift() == 0
    monkeypatch.setattr(reconciling, "LEAST_TOKENS", 1)
    assert services.watch_drift() == 1


def test_a_transfer_that_is_not_its_usage_is_found(used, seen):
    used()
    amount = Transfer.objects.get(code="capture").amount_nano
    assert seen().apart_nano == 0
    with transaction.atomic():
        place = transaction.savepoint()
        _without_guards()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE billing_transfer SET amount_nano = amount_nano + 7 WHERE code = 'capture'")
        assert seen().apart_nano == 7
        text, code = reconcile("--days", "1")
        with connection.cursor() as cursor:
            cursor.execute("UPDATE billing_transfer SET key = 'call:gone' WHERE code = 'capture'")
        assert seen().apart_nano == amount + amount + 7
        transaction.savepoint_rollback(place)
    assert code == 1
    assert "usage and transfers: 7 nano apart" in text


def test_an_export_is_the_third_side(used, tmp_path):
    used()
    day = datetime.now(UTC).date()
    path = tmp_path / "usage.csv"
    path.write_text(f"day,model,input_tokens,output_tokens,cost\n{day},scripted,10000,1000,0.0172\n")
    text, code = reconcile("--export", str(path))
    assert code == 0
    assert "export and records: 0 apart" in text
    assert "0.0172" in text

    path.write_text(f"day,model,input_tokens,output_tokens\n{day},scripted,10000,1000\n{day},other,5,5\n")
    text, code = reconcile("--export", str(path))
    assert code == 1
    assert "export and records: 1 apart" in text


def test_the_database_keeps_what_was_told(workspace, used, spend):
    used(9_000, 1000)
    services.watch_drift()
    words = Rejected(key="call:1:b", call=new_id(), tokens=5, by="check")
    services.note_rejected(workspace_id=workspace.pk, words=[words])
    services.note_rejected(workspace_id=workspace.pk, words=[words])

    assert Rejection.objects.count() == 1
    for table in ("billing_driftalert", "billing_rejection"):
        assert refused(f"UPDATE {table} SET created_at = created_at"), table
        assert refused(f"DELETE FROM {table}"), table
    if connection.vendor == "sqlite":
        columns = "own_input_tokens", "own_output_tokens", "question", "repeated_tokens"
        names = [field.column for field in UsageRecord._meta.concrete_fields if field.column not in ("id", "key")]
        for column in columns:
            read = ", ".join("0.5" if name == column else name for name in names)
            copy = f"SELECT 'ab', 'x', {read} FROM billing_usagerecord LIMIT 1"
            assert refused(f"INSERT INTO billing_usagerecord (id, key, {', '.join(names)}) {copy}"), column


def test_the_books_still_close(used):
    used(9_000, 1000)
    assert services.books().difference_nano == 0


# --- the console -----------------------------------------------------------------------------------------------------
@pytest.fixture
def console(client, workspace):
    from workspaces.people.services import create_user

    operator = create_user(email="op@example.com", password="a long enough password", name="Olga", is_operator=True)
    client.force_login(operator)
    client.operator = operator
    return client


def test_the_console_shows_the_table_and_what_was_told(console, used):
    path = "/console/billing/driftalert/"
    assert "Nothing was used in these days." in console.get(path).content.decode()
    used(9_000, 1000)
    services.watch_drift()
    page = console.get(path).content.decode()

    assert "too far apart" in page
    assert page.count("9.09 %") == 2
    assert console.get(f"{path}add/").status_code == 403


def test_members_do_not_see_it(client, ada, workspace):
    client.force_login(ada)
    assert client.get("/console/billing/driftalert/").status_code == 302


def test_a_charge_is_corrected_by_an_operator_once(console, used, workspace):
    call = used()
    before = services.balance_of(workspace.pk).balance_nano
    table = console.get("/console/billing/usagerecord/").content.decode()
    link = unescape(re.search(r'href="([^"]+)">Correct the charge<', table)[1])
    form = console.get(link).content.decode()
    sent_to = re.search(r'class="booking" method="post" action="([^"]+)"', form)[1]
    fields = dict(re.findall(r'name="(action|key|_selected_action|call)" value="([^"]+)"', form))
    assert fields["call"] == str(call)
    assert "Northwind" in form

    def post(**more):
        return console.post(sent_to, fields | more, follow=True).content.decode()

    assert "This field is required." in post(amount="0.001", reason="")
    shown = post(amount="0.001", reason="counted twice by the provider")
    assert f"0.001000000 USD back to the wallet. Call {call}. counted twice by the provider" in shown
    assert services.balance_of(workspace.pk).balance_nano == before
    for _press in range(2):
        post(amount="0.001", reason="counted twice by the provider", confirmed="Book it")
    assert services.balance_of(workspace.pk).balance_nano == before + 1_000_000
    row = Transfer.objects.get(code="adjust")
    assert (row.call, row.note, row.actor) == (call, "counted twice by the provider", f"person:{console.operator.pk}")
    assert "more than is available" in post(key="m", amount="-900", reason="too much", confirmed="Book it")


@pytest.mark.parametrize("wanted", ["", "?workspace=x", "?workspace=00000000-0000-7000-8000-000000000000"])
def test_a_correction_without_a_wallet_leads_nowhere(console, wanted):
    assert console.get(f"/console/billing/wallet/adjust/{wanted}").status_code == 404


def test_members_do_not_correct_charges(client, ada, workspace):
    services.open_wallet(workspace_id=workspace.pk)
    client.force_login(ada)
    assert client.get(f"/console/billing/wallet/adjust/?workspace={workspace.pk}").status_code == 302
