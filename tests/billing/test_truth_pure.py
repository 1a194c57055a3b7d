"""The sums behind reconciliation, waste, forecast and quote, without a database."""

from datetime import date
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.truth import export, likely, pace, sorting
from billing.truth.contracts import drift_bp, is_apart
from billing.truth.sorting import Used

few = settings(max_examples=25, deadline=None)
counts = st.integers(0, 10**12)


# --- drift -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("own", "other", "drift", "apart"),
    [
        pytest.param(1020, 1000, 200, False, id="two-percent-is-allowed"),
        pytest.param(980, 1000, 200, False, id="below-too"),
        pytest.param(1021, 1000, 210, True, id="more-is-not"),
        pytest.param(100_0001, 100_0000, 0, False, id="rounds"),
        pytest.param(0, 0, 0, False, id="nothing"),
        pytest.param(1, 0, None, True, id="of-nothing"),
    ],
)
def test_drift_is_judged_before_it_is_rounded(own, other, drift, apart):
    assert drift_bp(own, other) == drift
    assert is_apart(own, other, 200) is apart


@few
@given(own=counts, other=st.integers(1, 10**12), limit=st.integers(0, 20_000))
def test_drift_of_whole_numbers_is_that_of_fractions(own, other, limit):
    exact = Fraction(abs(own - other), other) * 10_000
    assert is_apart(own, other, limit) is (exact > limit)
    assert abs(drift_bp(own, other) - exact) <= Fraction(1, 2)


# --- a provider's export ---------------------------------------------------------------------------------------------
def test_an_export_is_summed_by_day_and_model_and_each_request_counts_once():
    found = export.read(
        [
            "request_id,model,day,input_tokens,output_tokens,cost,region",
            "a,m1,2026-03-01T10:00:00Z,100,10,0.0015,eu",
            "a,m1,2026-03-01T10:00:00Z,100,10,0.0015,eu",
            'b,m1,2026-03-01,"1,000",1,0.000000001,eu',
            "c,m2,2026-03-01,5,5,,eu",
        ]
    )
    assert [(one.day, one.model, one.requests, one.tokens, one.cost_nano) for one in found] == [
        (date(2026, 3, 1), "m1", 2, 1111, 1_500_001),
        (date(2026, 3, 1), "m2", 1, 10, None),
    ]


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        pytest.param(["day,model", "2026-03-01,m"], "line 1: no column input_tokens, output_tokens", id="columns"),
        pytest.param(["day,model,input_tokens,output_tokens", "1.3.2026,m,1,1"], "line 2", id="day"),
        pytest.param(["day,model,input_tokens,output_tokens", "2026-03-01,m,-1,1"], "line 2", id="below-nothing"),
        pytest.param(["day,model,input_tokens,output_tokens", "2026-03-01,m"], "line 2", id="short"),
        pytest.param([], "line 1", id="empty"),
    ],
)
def test_an_unreadable_export_says_where(lines, where):
    with pytest.raises(export.Unreadable, match=where):
        export.read(lines)


# --- how long money lasts --------------------------------------------------------------------------------------------
NOW = 168 * 2900 + 50


def test_nothing_is_said_before_a_whole_week():
    assert pace.profile({NOW - 1: 10}, NOW - 167, NOW) is None
    assert pace.profile({NOW - 1: 10}, NOW - 168, NOW) is not None


def test_nights_and_weekends_are_no_surprise():
    """Ten an hour for eight hours of the day, from the hour that comes next: an evening costs nothing."""
    spent = {hour: 10 for hour in range(NOW - 168 * 3, NOW) if (hour - NOW) % 24 < 8}
    averages = pace.profile(spent, NOW - 168 * 3, NOW)
    assert pace.hours_left(79, averages, NOW) == 7
    assert pace.hours_left(80, averages, NOW) == 24  # the eighth hour is paid, the next one begins tomorrow
    assert pace.hours_left(80 * 7 * 3 + 5, averages, NOW) == 21 * 24
    assert pace.until(averages, NOW, NOW + 30) == 80 + 60


def test_the_latest_week_weighs_most_and_an_old_habit_fades():
    spent = {NOW - 168 * 2: 100, NOW - 168: 200}
    assert pace.profile(spent, NOW - 168 * 2, NOW)[NOW % 168] == 140
    assert pace.profile({NOW - 168 * 5: 100}, NOW - 168 * 5, NOW)[NOW % 168] == 100 * Fraction(3, 5) ** 4


def test_what_lasts_longer_than_a_year_or_is_not_spent_has_no_end():
    averages = pace.profile({NOW - 1: 10}, NOW - 168, NOW)
    assert pace.hours_left(10 * 60, averages, NOW) is None
    assert pace.hours_left(10, [Fraction(0)] * 168, NOW) is None
    assert pace.hours_left(0, averages, NOW) == 0


@few
@given(
    spent=st.dictionaries(st.integers(NOW - 168 * 8, NOW - 1), st.integers(1, 10**9), max_size=40),
    nano=st.integers(1, 10**10),
)
def test_what_is_left_ends_in_the_hour_that_is_told(spent, nano):
    averages = pace.profile(spent, NOW - 168 * 8, NOW)
    hours = pace.hours_left(nano, averages, NOW)
    if hours is None:
        assert pace.until(averages, NOW, NOW + 366 * 24) <= nano
    else:
        assert pace.until(averages, NOW, NOW + hours) <= nano
        assert (
            sum(averages[(NOW + ahead) % 168] for ahead in range(hours % 168 + 1)) + (hours // 168) * sum(averages)
            > nano
            or hours == 366 * 24
        )


# --- what was wasted -------------------------------------------------------------------------------------------------
STEP, RUN = UUID(int=1), UUID(int=2)


def call(**given) -> Used:
    """Return a call of 1,000 tokens in at 2 nano, 100 out at 8 nano: 2,800 nano."""
    usual = {
        "run": RUN,
        "project": None,
        "agent": "Writer",
        "step": STEP,
        "question": None,
        "is_failed": False,
        "charge_nano": 2800,
        "saved_nano": 0,
        "input_tokens": 1000,
        "cached_tokens": 0,
        "output_tokens": 100,
        "input_pico": 2000,
        "output_pico": 8000,
        "repeated_tokens": 0,
        "rejected_tokens": 0,
    }
    return Used(**usual | given)


def sorted_as(*calls):
    return [(part.kind, part.tokens, part.nano) for _call, part in sorting.sort(calls)]


def test_an_answer_that_was_asked_for_again_is_a_loop_and_the_last_one_is_not():
    assert sorted_as(call(question=7), call(question=7), call(question=8), call(question=7)) == [
        ("loops", 1100, 2800),
        ("loops", 1100, 2800),
    ]
    assert sorted_as(call(question=7), call(question=7, step=UUID(int=3))) == []
    assert sorted_as(call(), call()) == []


def test_what_failed_is_saved_and_what_asks_again_is_a_retry():
    failed = call(question=7, is_failed=True, charge_nano=0, saved_nano=2800)
    assert sorted_as(failed, call(question=7), call(question=8)) == [("failed", 1100, 2800), ("retries", 1100, 2800)]


def test_rejected_words_cost_their_output_and_repeated_context_what_no_cache_gave():
    assert sorted_as(call(rejected_tokens=40, repeated_tokens=500)) == [("rejected", 40, 320), ("repeated", 500, 1000)]
    assert sorted_as(call(rejected_tokens=400)) == [("rejected", 100, 800)]
    assert sorted_as(call(repeated_tokens=500, cached_tokens=600)) == []


@few
@given(
    st.lists(
        st.builds(
            call,
            question=st.sampled_from([None, 1, 2]),
            charge_nano=st.integers(0, 5000),
            rejected_tokens=st.integers(0, 300),
            repeated_tokens=st.integers(0, 3000),
            cached_tokens=st.integers(0, 500),
        ),
        max_size=12,
    )
)
def test_no_call_wastes_more_than_it_was_charged_and_sums_are_kept(calls):
    parts = list(sorting.sort(calls))
    for one in calls:
        assert sum(part.nano for owner, part in parts if owner is one) <= one.charge_nano * sum(
            other is one for other in calls
        )
    assert sum(one.nano for one in sorting.by_run(parts)) == sum(part.nano for _call, part in parts)


# --- what a run will cost --------------------------------------------------------------------------------------------
def test_too_little_history_has_no_forecast():
    past = [likely.Past(n, 100) for n in range(likely.LEAST_STEPS)]
    assert likely.forecast(["Writer"], {"Writer": past[1:]}) is None
    assert likely.forecast(["Writer", "Editor"], {"Writer": past}) is None
    assert likely.forecast([], {"Writer": past}) is None
    assert likely.forecast(["Writer", "Writer"], {"Writer": past}) == (200, 200)


def test_steps_of_one_run_are_drawn_together():
    """Half of the runs are ten times as dear, in all of their steps: the dear ones are not averaged away."""
    past = {
        agent: [likely.Past(run, 1000 if run % 2 else 100) for run in range(20) for _ in range(3)] for agent in "abc"
    }
    assert likely.forecast(["a", "b", "c"] * 3, past) in {(900, 9000), (9000, 9000)}
