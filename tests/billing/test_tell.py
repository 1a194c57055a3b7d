"""What the ledger tells: figures of runs and workspaces, and books that close or say that they do not."""

from datetime import UTC, date, datetime, timedelta
from io import StringIO
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from billing import cards, ledger, ops, services
from billing.contracts import RunFigures, Usage
from billing.models.statements import Statement
from billing.statements import store
from tests.billing.calendar import NOVEMBER, OCTOBER, SEPTEMBER, clock_at, issue, use
from tests.billing.conftest import SMALL
from wukong.kernel.clock import now
from wukong.kernel.ids import new_id
from wukong.kernel.money import parse_amount

PRICE = 1000 * 2_000 + 100 * 8_000


@pytest.fixture
def at(db):
    """Return a function within whose block it is another time, not before 2026; prices are in force from then on."""
    with clock_at(datetime(2026, 1, 1, tzinfo=UTC)):
        cards.in_force({"scripted", "local"}, "USD", now())
    return clock_at


def test_a_run_tells_its_cost_its_usage_and_what_it_holds(spend, hold):
    run, steps = new_id(), [new_id(), new_id()]
    spend(run=run, step=steps[0], agent="Writer")
    spend(run=run, step=steps[1], agent="Reviewer", usage=Usage(input_tokens=10, reasoning_tokens=5, estimated=True))
    failed, waiting = hold(run=run, step=steps[1]), hold(run=run)
    ledger.apply([failed, waiting, ops.NotCharged(call=failed.call, usage=SMALL, reason="broke off")])
    spend(run=new_id())

    figures = services.run_figures(run)

    assert figures.cost_nano == PRICE + 10 * 2_000 + 5 * 8_000
    assert figures.held_nano == PRICE
    assert figures.usage == Usage(input_tokens=1010, output_tokens=100, reasoning_tokens=5, estimated=True)
    assert figures.not_charged_tokens == 1100
    by_step = services.step_figures(run)
    assert by_step[steps[0]].cost_nano == PRICE
    assert by_step[steps[1]].usage.estimated
    assert by_step[steps[1]].not_charged_tokens == 1100
    assert set(by_step) == set(steps)
    assert sum(step.cost_nano for step in by_step.values()) == figures.cost_nano
    assert {agent: row.cost_nano for agent, row in services.agent_figures(run).items()} == {
        "Writer": PRICE,
        "Reviewer": 60_000,
    }


def test_a_run_that_has_not_begun_has_figures_of_nothing(db):
    run = new_id()

    assert services.run_figures(run) == RunFigures(cost_nano=0, usage=Usage(), held_nano=0)
    assert services.step_figures(run) == services.agent_figures(run) == {}
    assert services.open_holds(run) == []


def test_many_runs_are_told_in_three_queries(spend, django_assert_num_queries):
    runs = [new_id() for _ in range(5)]
    for run in runs:
        spend(run=run)

    with django_assert_num_queries(3):
        figures = services.runs_figures(runs)

    assert [figures[run].cost_nano for run in runs] == [PRICE] * 5


def test_usage_is_told_by_day_project_agent_and_model(workspace, spend, at):
    project = new_id()
    with at(datetime(2026, 3, 1, 12, tzinfo=UTC)):
        spend(agent="Writer", project=project)
        spend(agent="Writer", model="local", project=project)
    with at(datetime(2026, 3, 2, 12, tzinfo=UTC)):
        spend(agent="Reviewer")
    period = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)

    def told(by):
        return [(row.key, row.cost_nano) for row in services.usage_by(workspace, *period, by)]

    local = 1100 * 20
    assert told("day") == [("2026-03-01", PRICE + local), ("2026-03-02", PRICE)]
    assert told("agent") == [("Writer", PRICE + local), ("Reviewer", PRICE)]
    assert told("model") == [("scripted", 2 * PRICE), ("local", local)]
    assert told("project") == [(str(project), PRICE + local), ("", PRICE)]
    row = services.usage_by(workspace, *period, "model")[0]
    assert (row.usage.total_tokens, row.currency) == (2200, "USD")
    chart = services.spend_by_day(workspace, *period, "agent")
    assert [(row.day, row.key, row.tokens) for row in chart] == [
        (date(2026, 3, 1), "Writer", 2200),
        (date(2026, 3, 2), "Reviewer", 1100),
    ]
    assert services.usage_by(workspace, period[1], period[1] + timedelta(days=1), "day") == []
    assert services.period_figures(workspace.pk, *period).cost_nano == 2 * PRICE + local


def test_usage_and_its_statement_are_one_amount_also_of_what_was_corrected_later(api, ada, workspace, hold, project):
    """A correction counts in the period in which it was booked, for its call's project, agent, model and run."""
    run = new_id()
    adjusted = use(workspace, SEPTEMBER, SMALL, agent="Reviewer", run=run)
    with clock_at(datetime(2026, 9, 30, 23, 58, tzinfo=UTC)):
        op = hold(run=run, project=project.pk)
        ledger.post(op)
        services.extend(call=op.call, max_tokens=100, written_tokens=40)
    with clock_at(datetime(2026, 10, 1, 0, 5, tzinfo=UTC)):
        services.expire_stale()
    use(workspace, OCTOBER, SMALL)
    with clock_at(OCTOBER):
        services.settle(call=op.call, usage=Usage(output_tokens=10))
        booking = {"workspace_id": workspace.pk, "actor": "person:1", "note": "a wrong price"}
        services.adjust(**booking, signed_nano=7, key="1", call=adjusted)
        services.adjust(**booking, signed_nano=-11, key="2")
    assert issue(NOVEMBER) == 2

    for statement in Statement.objects.order_by("month"):
        bill, period = store.read(statement), (statement.period_start, statement.period_end)
        assert services.period_figures(workspace.pk, *period).cost_nano == bill.charged_nano
        for by in ("day", "project", "agent", "model"):
            asked = {"workspace": workspace.slug, "from": period[0], "to": period[1], "by": by}
            lines = api(ada).get("/api/v1/billing/usage/", asked).json()["results"]
            assert sum(parse_amount(line["cost"]["amount"]) for line in lines) == bill.charged_nano, by
            chart = services.spend_by_day(workspace, *period, by)
            assert sum(row.cost_nano for row in chart) == bill.charged_nano, by
    agents = {row.key: row.cost_nano for row in services.usage_by(workspace, *period, "agent")}
    assert agents == {"Writer": 10 * 8_000 + PRICE, "Reviewer": -7, "": 11}
    assert services.run_figures(run).cost_nano == 10 * 8_000 + PRICE - 7


def test_a_day_is_the_workspaces_own(workspace, spend, at):
    workspace.time_zone = "Asia/Shanghai"
    workspace.save()
    with at(datetime(2026, 3, 1, 17, tzinfo=UTC)):  # already the 2nd there
        spend()

    rows = services.usage_by(workspace, datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 5, tzinfo=UTC), "day")

    assert [row.key for row in rows] == ["2026-03-02"]


def test_a_month_begins_at_the_workspaces_midnight(workspace):
    workspace.time_zone = "America/New_York"

    start, end = services.month_of(workspace, datetime(2026, 3, 31, 23, tzinfo=UTC))

    assert start == datetime(2026, 3, 1, 5, tzinfo=UTC)
    assert end == datetime(2026, 4, 1, 4, tzinfo=UTC)  # summer time has begun
    december = services.month_of(workspace, datetime(2026, 12, 15, tzinfo=UTC))
    assert december[1] == datetime(2027, 1, 1, 5, tzinfo=UTC)


def test_the_meter_counts_what_was_charged(workspace, spend, hold):
    assert services.meter_reading(workspace.pk) == 0
    spend()
    failed = hold()
    ledger.apply([failed, ops.NotCharged(call=failed.call, usage=SMALL, reason="broke off")])

    assert services.meter_reading(workspace.pk) == 1100


def test_a_forecast_waits_for_three_days_and_keeps_the_pace(workspace, spend, at):
    moment = datetime(2026, 4, 11, tzinfo=UTC)  # a third of the month is over
    with mock.patch("billing.figures.now", return_value=moment):
        assert services.month_forecast(workspace) is None
        with at(moment - timedelta(days=2)):
            spend()
        assert services.month_forecast(workspace) is None
        with at(moment - timedelta(days=10)):
            spend()

        assert services.month_forecast(workspace) == 2 * PRICE + 2 * PRICE * 20 // 10

        with at(moment - timedelta(days=1)):  # what is given back once is no pace: it does not come again
            services.adjust(workspace_id=workspace.pk, signed_nano=10**9, key="a", actor="Bob", note="Sorry")
        assert services.month_forecast(workspace) == 2 * PRICE - 10**9 + 2 * PRICE * 20 // 10


def test_movements_are_told_newest_first(workspace, spend):
    spend(run=new_id())
    services.top_up(workspace_id=workspace.pk, amount_nano=7, key="p", actor="system")

    told = services.movements(workspace.pk, 10)

    assert [(row.code, row.signed_nano) for row in told] == [("topup", 7), ("capture", -PRICE), ("grant", 5 * 10**9)]
    assert told[1].agent == "Writer"
    assert services.movements(workspace.pk, 1) == told[:1]


# --- books ----------------------------------------------------------------------------------------------------------
def printed(*args):
    out = StringIO()
    call_command(*args, stdout=out)
    return out.getvalue().splitlines()


@pytest.fixture
def moved(workspace, spend, hold):
    """Books with everything in them."""
    run = new_id()
    spend(run=run)
    spend()
    open_hold, failed = hold(run=run), hold(run=run)
    ledger.apply([open_hold, failed, ops.NotCharged(call=failed.call, usage=SMALL, reason="x")])
    services.top_up(workspace_id=workspace.pk, amount_nano=10**9, key="p", actor="system")
    return workspace


def test_books_close(moved):
    assert services.books().difference_nano == 0
    lines = printed("books")
    assert lines[0] == "4 transfers, 4 holds"
    assert lines[-1] == "difference 0 nano"


def test_books_of_nothing_close(db):
    assert printed("books")[-1] == "difference 0 nano"


def _without_guards():
    """Give an attacker with the database's own rights the tables without their triggers, until the rollback."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            for (name,) in cursor.fetchall():
                cursor.execute(f"DROP TRIGGER {name}")
        else:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET LOCAL session_replication_role = replica")


@pytest.mark.parametrize(
    ("sql", "difference", "check"),
    [
        ("UPDATE billing_wallet SET balance_nano = balance_nano + 5", 5, "wallet balances"),
        ("UPDATE billing_wallet SET held_nano = held_nano + 3", 3, "wallet holds"),
        ("UPDATE billing_transfer SET amount_nano = amount_nano + 2 WHERE code = 'topup'", 2, "wallet balances"),
        ("DELETE FROM billing_transfer WHERE code = 'topup'", 10**9, "wallet balances"),
        ("UPDATE billing_usagerecord SET amount_nano = amount_nano + 7 WHERE amount_nano > 0", 14, "usage"),
        ("DELETE FROM billing_usagerecord WHERE amount_nano > 0", 2 * PRICE, "usage"),
        ("UPDATE billing_budgetwindow SET spent_nano = spent_nano + 1", 1, "budget spending"),
        ("UPDATE billing_budgetwindow SET held_nano = held_nano - 1", 1, "budget holds"),
        ("UPDATE billing_hold SET captured_nano = captured_nano - 1 WHERE state = 'captured'", 2, "holds = captures"),
    ],
)
def test_books_say_when_a_row_was_changed_behind_their_back(moved, sql, difference, check):
    with transaction.atomic():
        place = transaction.savepoint()
        _without_guards()
        with connection.cursor() as cursor:
            cursor.execute(sql)
        books = services.books()
        out = StringIO()
        with pytest.raises(SystemExit) as end:
            call_command("books", stdout=out)
        transaction.savepoint_rollback(place)

    assert books.difference_nano >= difference
    assert next(apart for name, apart in books.checks.items() if name.startswith(check)) == difference
    assert end.value.code == 1
    assert out.getvalue().splitlines()[-1] == f"difference {books.difference_nano} nano"


def test_top_up_prints_the_balance(workspace):
    assert printed("top_up", "northwind", "2.50") == ["7.500000000"]
    assert printed("top_up", "northwind", "1", "--key", "invoice 7") == ["8.500000000"]
    assert printed("top_up", "northwind", "1", "--key", "invoice 7") == ["8.500000000"]


@pytest.mark.parametrize("line", ["nowhere 1", "northwind much", "northwind 0", "northwind -- -1"])
def test_a_top_up_that_cannot_be_is_one_line(workspace, line):
    with pytest.raises(CommandError) as failure:
        call_command("top_up", *line.split())

    assert len(str(failure.value).splitlines()) == 1
