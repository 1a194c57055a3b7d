"""The report of waste, from the ledger's rows to the page."""

from datetime import UTC, datetime, timedelta

import pytest

from billing import ledger, ops, services
from billing.contracts import Rejected, Usage
from billing.models import UsageRecord
from wukong.kernel.ids import new_id

USAGE = Usage(input_tokens=1000, output_tokens=100)  # 0.0028
RUN, STEP = new_id(), new_id()


@pytest.fixture
def wasteful(workspace, hold, spend):
    """One run with some of each: a loop, a failure and its second try, rejected words, context that was sent again."""
    first = spend(run=RUN, step=STEP, question=1)
    spend(run=RUN, step=STEP, question=1, repeated_tokens=1000)
    op = hold(run=RUN, step=STEP, question=2)
    ledger.post(op)
    ledger.post(ops.NotCharged(call=op.call, usage=USAGE, reason="cut"))
    spend(run=RUN, step=STEP, question=2)
    call = spend(run=RUN, step=new_id(), question=3, repeated_tokens=600)
    words = [Rejected(key=f"{call}:{n}", call=call, tokens=n, by="reviewer") for n in (10, 30)]
    services.note_rejected(workspace_id=workspace.pk, words=[*words, words[0]])
    return first


def report(workspace):
    now = datetime.now(UTC)
    return services.waste_of(workspace, now - timedelta(days=1), now + timedelta(days=1))


def test_each_kind_has_its_part_of_the_rows(workspace, wasteful):
    found = report(workspace)

    assert {kind: one.nano for kind, one in found.by_kind.items()} == {
        "rejected": 40 * 8000,
        "loops": 2_800_000,
        "retries": 2_800_000,
        "repeated": (1000 + 600) * 2000,
        "failed": 2_800_000,
    }
    assert found.charged_nano == sum(UsageRecord.objects.values_list("amount_nano", flat=True)) == 4 * 2_800_000
    assert found.wasted_nano == sum(one.nano for one in found.runs if one.kind != "failed")
    assert {one.run for one in found.runs} == {RUN}


def test_of_others_and_of_other_times_nothing_is_told(workspace, wasteful):
    now = datetime.now(UTC)
    assert services.waste_of(workspace, now - timedelta(days=3), now - timedelta(days=1)).runs == []


def test_the_page_shows_it_with_its_rules(client, ada, workspace, wasteful):
    client.force_login(ada)
    page = client.get(f"/w/{workspace.slug}/waste/?period=week").content.decode()

    assert "USD 0.00912 of USD 0.0112 were not needed" in page
    assert page.count("0.0028") >= 3
    assert "the second try was" in page
    assert f"/runs/{RUN}/" in page or str(RUN) in page
    one = client.get(f"/w/{workspace.slug}/waste/?kind=loops").content.decode()
    assert "Asked again" in one
    assert "Second tries" not in one


def test_an_empty_month_and_a_stranger(client, ada, eve, workspace):
    client.force_login(ada)
    assert "nothing was wasted" in client.get(f"/w/{workspace.slug}/waste/").content.decode()
    client.force_login(eve)
    assert client.get(f"/w/{workspace.slug}/waste/").status_code == 404
