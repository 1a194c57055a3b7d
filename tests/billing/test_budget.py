"""Budgets of five levels: the nearest one refuses, each counts its own period, and people are told once."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import ledger, ops, periods, services
from billing.contracts import Usage
from billing.models import Alert, Budget, BudgetWindow, Hold
from tests.billing.conftest import hold_op
from wukong.kernel.errors import InsufficientFunds, Invalid
from wukong.kernel.ids import new_id

USAGE = Usage(input_tokens=1000, output_tokens=100)
PRICE = 2_800_000  # what `hold_op` holds and USAGE costs
PROJECT = UUID(int=7)
SCOPES = [("workspace", ""), ("project", str(PROJECT)), ("swarm", "campaign"), ("agent", "Writer")]


def limit(workspace, level, name="", *, nano=2 * PRICE, period="month", is_hard=True):
    return services.set_budget(
        workspace_id=workspace.pk,
        level=level,
        name=name,
        period=period,
        limit_nano=nano,
        is_hard=is_hard,
        actor="person:1",
    )


def spend(workspace, **more):
    """Hold and settle one call; returns its id."""
    op = hold_op(workspace.pk, project=PROJECT, swarm="campaign", **more)
    ledger.post(op)
    ledger.post(ops.Capture(call=op.call, usage=USAGE))
    return op.call


@pytest.fixture
def at(monkeypatch):
    """Return a function that puts the ledger's clock to a moment."""

    def put(moment: datetime) -> None:
        for module in ("billing.page", "billing.budgets"):
            monkeypatch.setattr(f"{module}.now", lambda: moment)

    return put


@pytest.mark.parametrize(("level", "name"), SCOPES)
def test_a_hard_limit_refuses_what_would_go_beyond_it_and_says_whose_it_is(workspace, level, name):
    limit(workspace, level, name)
    spend(workspace)
    spend(workspace)

    with pytest.raises(InsufficientFunds) as refusal:
        spend(workspace)

    assert refusal.value.details["scope"] == level
    assert refusal.value.details["available_nano"] == 0
    (row,) = services.budgets_of(workspace)
    assert (row.spent_nano, row.held_nano, row.used_percent) == (2 * PRICE, 0, 100)


@pytest.mark.parametrize(("level", "name"), SCOPES)
def test_a_raised_limit_counts_for_the_next_call_in_the_same_counter(workspace, level, name):
    limit(workspace, level, name, nano=PRICE)
    spend(workspace)

    limit(workspace, level, name, nano=2 * PRICE)

    spend(workspace)
    (window,) = BudgetWindow.objects.filter(level=level)
    assert (window.spent_nano, window.limit_nano) == (2 * PRICE, 2 * PRICE)


def test_a_soft_limit_only_says_so(workspace):
    limit(workspace, "workspace", nano=PRICE, is_hard=False)

    spend(workspace)
    spend(workspace)

    assert [alert.threshold for alert in Alert.objects.order_by("id")] == [50, 80, 100]
    assert BudgetWindow.objects.get(level="workspace").spent_nano == 2 * PRICE


def test_a_call_counts_in_every_counter_above_it_and_in_no_other(workspace):
    for level, name in [*SCOPES, ("agent", "Editor"), ("swarm", "report"), ("project", str(new_id()))]:
        limit(workspace, level, name, nano=100 * PRICE)

    run = new_id()
    spend(workspace, run=run)

    found = {(window.level, window.name): window.spent_nano for window in BudgetWindow.objects.all()}
    assert found == dict.fromkeys([*SCOPES, ("run", str(run))], PRICE)


def test_of_two_limits_the_nearer_one_lowers_max_tokens(workspace):
    limit(workspace, "workspace", nano=2_400_000)
    limit(workspace, "agent", "Writer", nano=2_560_000)

    granted = ledger.post(hold_op(workspace.pk))

    assert granted.max_tokens == 50  # 2,000,000 for the input, 8,000 a token


def test_limits_of_one_workspace_are_not_those_of_another(workspace, ada):
    from workspaces.people.services import create_workspace

    other = create_workspace(name="Another", owner=ada)
    limit(workspace, "agent", "Writer", nano=0)

    spend(other)

    with pytest.raises(InsufficientFunds):
        spend(workspace)


def test_a_lowered_limit_takes_nothing_back_that_is_held(workspace):
    limit(workspace, "workspace", nano=3 * PRICE)
    held = hold_op(workspace.pk)
    ledger.post(held)

    limit(workspace, "workspace", nano=1)

    assert ledger.post(ops.Capture(call=held.call, usage=USAGE)).amount_nano == PRICE
    with pytest.raises(InsufficientFunds):
        spend(workspace)


def test_without_its_limit_a_scope_spends_on(workspace):
    limit(workspace, "workspace", nano=PRICE)
    spend(workspace)

    services.drop_budget(workspace_id=workspace.pk, level="workspace")
    services.drop_budget(workspace_id=workspace.pk, level="workspace")

    spend(workspace)
    assert not Budget.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [{"level": "run"}, {"level": "team"}, {"period": "year"}, {"nano": -1}, {"nano": 10**19}],
)
def test_what_is_no_limit_is_refused(workspace, wrong):
    with pytest.raises(Invalid):
        limit(workspace, **{"level": "workspace", **wrong})

    assert not Budget.objects.exists()


# --- alerts ---------------------------------------------------------------------------------------------------------
def test_people_are_told_once_of_each_threshold(workspace):
    limit(workspace, "workspace", nano=10 * PRICE)

    for _ in range(10):
        spend(workspace)

    assert [(one.threshold, one.spent_nano) for one in Alert.objects.order_by("id")] == [
        (50, 5 * PRICE),
        (80, 8 * PRICE),
        (100, 10 * PRICE),
    ]


def test_who_meets_a_threshold_exactly_or_leaps_over_two_is_told(workspace):
    limit(workspace, "workspace", nano=PRICE)

    spend(workspace)

    assert {one.threshold for one in Alert.objects.all()} == {50, 80, 100}


def test_a_raised_limit_does_not_tell_the_same_again(workspace):
    limit(workspace, "workspace", nano=2 * PRICE)
    spend(workspace)
    limit(workspace, "workspace", nano=4 * PRICE)
    spend(workspace)

    assert [one.threshold for one in Alert.objects.order_by("id")] == [50]


# --- periods --------------------------------------------------------------------------------------------------------
ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour of summer time
    "America/Santiago",  # its day begins at one o'clock when summer time begins
    "Asia/Kolkata",
    "Pacific/Apia",
]
_moments = st.datetimes(datetime(2024, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - made aware


@given(zone=st.sampled_from(ZONES), at=_moments, period=st.sampled_from(["day", "week", "month"]))
def test_every_moment_lies_in_one_period_of_its_calendar(zone, at, period):
    where = ZoneInfo(zone)
    first = periods.first_day(period, at, where)
    end = periods.end_day(period, first)

    assert periods.midnight(first, where) <= at < periods.midnight(end, where)
    assert periods.first_day(period, periods.midnight(end, where), where) == end
    last = periods.midnight(end, where) - timedelta(microseconds=1)
    assert periods.first_day(period, last, where) == first


@pytest.mark.parametrize(
    ("zone", "last", "first"),
    [
        ("Europe/Berlin", datetime(2026, 10, 31, 22, 59, 59, tzinfo=UTC), datetime(2026, 10, 31, 23, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 11, 1, 3, 59, 59, tzinfo=UTC), datetime(2026, 11, 1, 4, tzinfo=UTC)),
    ],
)
def test_a_month_begins_at_midnight_of_the_workspace_whatever_its_clocks_do(workspace, at, zone, last, first):
    workspace.time_zone = zone
    workspace.save()
    limit(workspace, "workspace", nano=PRICE)

    at(last)
    spend(workspace)
    with pytest.raises(InsufficientFunds):
        spend(workspace)
    at(first)
    spend(workspace)

    assert [window.spent_nano for window in BudgetWindow.objects.order_by("period")] == [PRICE, PRICE]


def test_a_call_counts_in_the_period_in_which_it_was_held(workspace, at):
    limit(workspace, "workspace", nano=PRICE, period="day")
    at(datetime(2026, 11, 26, 23, 59, tzinfo=UTC))
    op = hold_op(workspace.pk)
    ledger.post(op)

    at(datetime(2026, 11, 27, 0, 1, tzinfo=UTC))
    ledger.post(ops.Capture(call=op.call, usage=USAGE))
    spend(workspace)

    assert [(one.period, one.spent_nano, one.held_nano) for one in BudgetWindow.objects.order_by("period")] == [
        ("2026-11-26", PRICE, 0),
        ("2026-11-27", PRICE, 0),
    ]
    assert Hold.objects.count() == 2
