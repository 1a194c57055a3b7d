"""Strict serializers, and money in JSON."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework import serializers

from wukong.kernel.http.serializers import MoneyField, Strict


class Wallet(Strict):
    held = MoneyField(currency="workspace.currency", source="held_nano", required=False, allow_null=True)
    name = serializers.CharField(read_only=True)


def shape(held_nano):
    row = SimpleNamespace(held_nano=held_nano, name="n", workspace=SimpleNamespace(currency="EUR"))
    return Wallet(row).data["held"]


def parse(data, **context):
    wallet = Wallet(data=data, context=context)
    return wallet.validated_data if wallet.is_valid() else wallet.errors


def test_money_is_a_string_and_a_currency():
    assert shape(12_345_678_901) == {"amount": "12.345678901", "currency": "EUR"}
    assert shape(None) is None


def test_money_of_a_mapping():
    assert Wallet({"held_nano": 1, "name": "", "workspace": {"currency": "EUR"}}).data["held"]["currency"] == "EUR"


@given(st.integers(min_value=0, max_value=9_000_000_000_000_000_000))
def test_money_comes_back_as_it_went(nano):
    assert parse({"held": shape(nano)}) == {"held_nano": nano}
    assert parse({"held": shape(nano)["amount"]}) == {"held_nano": nano}


@pytest.mark.parametrize(
    "held",
    [1.5, 3, True, "much", "-1", "1.1234567891", {}, {"currency": "EUR"}, {"amount": 1}, {"amount": "1", "tip": 1}],
)
def test_what_is_no_money_is_refused(held):
    assert list(parse({"held": held})) == ["held"]


def test_another_currency_is_refused():
    assert parse({"held": {"amount": "1", "currency": "EUR"}}, currency="EUR") == {"held_nano": 1_000_000_000}
    assert "EUR" in str(parse({"held": {"amount": "1", "currency": "USD"}}, currency="EUR")["held"])


def test_unknown_and_read_only_fields_are_refused():
    assert {name: str(texts[0]) for name, texts in parse({"name": "x", "hold": "1"}).items()} == {
        "name": "This field cannot be written.",
        "hold": "Unknown field.",
    }
