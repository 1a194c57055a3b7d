"""What a real run leaves for the meter's truth: two counts, waste with its causes, a past to quote from."""

from datetime import UTC, datetime, timedelta

import pytest

from agents.models import Run
from agents.services import quote_of
from billing import services as billing
from billing.models import Rejection, UsageRecord
from billing.truth import likely


def waste(workspace):
    now = datetime.now(UTC)
    return billing.waste_of(workspace, now - timedelta(hours=1), now + timedelta(hours=1))


@pytest.mark.slow
def test_both_counts_of_every_call_are_kept_and_agree(crew, deploy, workspace):
    crew.finish(deploy())
    today = datetime.now(UTC).date()

    found = billing.reconcile(today - timedelta(days=1), today)
    (row,) = found.rows[-1:]
    assert row.calls == row.counted > 3
    assert row.own_tokens == row.provider_tokens > 1000
    assert found.is_clean
    assert not UsageRecord.objects.filter(question=None).exists()


@pytest.mark.slow
def test_a_call_that_was_cut_is_saved_and_its_second_try_is_a_retry(crew, deploy, workspace):
    run = deploy(model="scripted:cut")
    crew.finish(run, ticks=True)
    found = waste(workspace)

    assert run.state == "done"
    failed = UsageRecord.objects.exclude(not_charged="")
    assert found.of("failed").nano == sum(failed.values_list("uncharged_nano", flat=True)) > 0
    assert found.of("retries").calls > 0
    assert found.charged_nano == billing.run_figures(run.pk).cost_nano >= found.wasted_nano


@pytest.mark.slow
def test_words_that_checks_take_back_are_rejected_in_money(crew, deploy, workspace):
    run = deploy(model="scripted:chinese")
    crew.finish(run, ticks=True)

    assert Rejection.objects.filter(by="check").exists()
    assert waste(workspace).of("rejected").nano > 0
    assert set(Rejection.objects.values_list("call", flat=True)) <= set(
        UsageRecord.objects.filter(run=run.pk).values_list("call", flat=True)
    )


@pytest.mark.slow
def test_a_draft_is_quoted_from_the_runs_before_it(crew, deploy, client, ada, monkeypatch):
    def draft():
        run = deploy(start=False)
        crew.until(lambda: Run.objects.get(pk=run.pk).state == "draft")
        run.refresh_from_db()
        page = client.get(f"/runs/{run.pk}/plan/").content.decode()
        return run, page, client.get(f"/api/v1/runs/{run.pk}/").json()["plan"]

    client.force_login(ada)
    first, page, plan = draft()
    assert "Nine of ten" not in page
    assert "Never more than" in page
    assert (plan["basis"], plan["p90"]) == ("plan", None)
    client.post(f"/runs/{first.pk}/start/")
    crew.finish(first)
    cost = billing.run_figures(first.pk).cost_nano

    for name in ("LEAST_STEPS", "LEAST_RUNS"):
        monkeypatch.setattr(likely, name, 1)
    second, page, plan = draft()
    quote = quote_of(second)
    assert "Nine of ten stay within" in page
    assert plan["basis"] == "history"
    assert plan["p90"]["amount"] >= plan["about"]["amount"]
    assert 0.8 * cost < quote.about_nano <= quote.most_nano <= quote.limit_nano
    client.post(f"/runs/{second.pk}/start/")
    crew.finish(second)
    assert quote_of(second).most_nano is None
