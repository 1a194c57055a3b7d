"""Shares, cents and carries make up their sum, for any figures."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import services
from billing.contracts import Usage
from billing.models import Transfer
from billing.models.statements import Statement, StatementLine
from billing.statements import cents, check
from tests.billing.calendar import CENT, clock_at, issue, use
from tests.examples import few
from wukong.kernel import money
from wukong.kernel.ids import new_id

# --- for any figures -------------------------------------------------------------------------------------------------
NANO_UNITS = st.integers(0, 10**12)


@given(st.integers(0, 10**15), st.lists(st.integers(0, 10**15), min_size=1, max_size=6))
def test_shares_make_up_what_is_shared(amount, weights):
    parts = money.share_out(amount, weights)

    assert sum(parts) == amount
    assert min(parts) >= 0
    if whole := sum(weights):
        assert all(abs(part * whole - amount * weight) < whole for part, weight in zip(parts, weights, strict=True))


@given(
    st.lists(st.integers(-(10**12), 10**12), max_size=8),
    st.integers(-(CENT // 2), CENT // 2 - 1),
)
def test_cents_make_up_the_sum_and_are_next_to_what_is_exact(amounts, carry):
    parts, total = cents.in_cents(amounts, carry, CENT)

    assert sum(parts) == total
    assert -(CENT // 2) <= sum(amounts) + carry - total < CENT // 2 or not total % CENT
    for part, amount in zip(parts, amounts, strict=True):
        assert part % CENT == 0
        assert abs(part - amount) < CENT
        assert part == amount or amount % CENT


MONTHS = st.lists(
    st.lists(
        st.builds(
            Usage,
            input_tokens=st.integers(0, 3_000),
            cache_read_tokens=st.integers(0, 3),
            cache_write_tokens=st.integers(0, 3),
            output_tokens=st.integers(0, 900),
            reasoning_tokens=st.integers(0, 9),
        ),
        max_size=3,
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.django_db
@few(8)
@given(MONTHS, st.sampled_from(["0.000123,0.004567", "1.37,11.013", "0,0"]), st.integers(1, 10**8))
@pytest.mark.slow
def test_statements_and_the_carry_are_what_was_moved(months, prices, credit):
    """Σ totals + carry = Σ captures, and the balances are the ledger's, whatever is used in any month."""
    from django.test import override_settings

    from workspaces.people.services import create_user, create_workspace

    model = str(new_id())  # prices of its own: a card is never changed
    with override_settings(WUKONG_ENDPOINT_MODEL=model, WUKONG_ENDPOINT_PRICES=prices):
        house = create_workspace(name="House", owner=create_user(email=f"{model}@example.com", name="x"))
        with clock_at(datetime(2026, 1, 31, 23, 59, 59, 999_000, tzinfo=UTC)):
            services.top_up(workspace_id=house.pk, amount_nano=credit, key=model, actor="system")
        for number, month in enumerate(months, 1):
            for usage in month:
                use(house, datetime(2026, number + 1, 1, tzinfo=UTC), usage, model=model, floor_tokens=0)
        issue(datetime(2026, len(months) + 2, 1, 0, 5, tzinfo=UTC))

    issued = list(Statement.objects.filter(workspace=house).order_by("month"))
    captures = Transfer.objects.filter(workspace=house, code="capture").values_list("amount_nano", flat=True)
    lines = StatementLine.objects.filter(statement__workspace=house)
    assert len(issued) == len(months) + 1
    assert sum(row.total_nano for row in issued) + issued[-1].carry_nano == sum(captures)
    assert all(row.total_nano % CENT == 0 and -CENT // 2 <= row.carry_nano < CENT // 2 for row in issued)
    assert sum(lines.values_list("amount_nano", flat=True)) == sum(captures)
    assert issued[-1].closing_nano == services.balance_of(house.pk).balance_nano
    assert issued[-1].closing_reading == services.meter_reading(house.pk)
    assert check.difference() == 0
