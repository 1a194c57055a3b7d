"""Identifiers rise, amounts survive the way there and back."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wukong.kernel.errors import Invalid
from wukong.kernel.ids import new_id
from wukong.kernel.money import LIMIT_NANO, format_amount, parse_amount


def test_ids_of_a_process_rise_strictly_and_are_version_7():
    ids = [new_id() for _ in range(10_000)]

    assert ids == sorted(set(ids))
    assert {one.version for one in ids} == {7}
    assert all(isinstance(one, UUID) for one in ids)


@given(st.integers(min_value=-LIMIT_NANO, max_value=LIMIT_NANO))
def test_an_amount_survives_the_way_there_and_back(nano):
    assert parse_amount(format_amount(nano)) == nano


@pytest.mark.parametrize(
    "text", ["", "1e3", "1.0000000001", "NaN", "1,000", "--1", "1.", "12345678901", "9000000000.000000001"]
)
def test_what_is_not_an_amount_is_refused(text):
    with pytest.raises(Invalid):
        parse_amount(text)
