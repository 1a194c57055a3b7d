"""The JSON of the meter."""

from typing import Any

from rest_framework import serializers

from billing.contracts import Balance, BudgetRow, UsageRow
from billing.models import Hold, HoldState, Level, Period, Rate, TopUp, TopUpState, Transfer, TransferCode
from wukong.kernel.http.serializers import MoneyField, Strict


class BalanceRead(serializers.Serializer[Balance]):
    """`available` is `balance` less what open calls hold, plus `credit_limit`.

    `lasts_days`: for how many whole days that lasts at the pace of the last weeks, by the hours of the week; null while
    there is less than a week to go by, and for longer than a year.
    """

    balance = MoneyField(source="balance_nano")
    held = MoneyField(source="held_nano")
    available = MoneyField(source="available_nano")
    credit_limit = MoneyField(source="credit_limit_nano")
    lasts_days = serializers.SerializerMethodField()

    def get_lasts_days(self, _balance: Balance) -> int | None:
        days: int | None = self.context["lasts_days"]
        return days


class TransferRead(serializers.ModelSerializer[Transfer]):
    """Money from the debit to the credit account. `wallet` is the workspace's; usage goes from there to `revenue`."""

    workspace = serializers.UUIDField(source="workspace_id")
    code = serializers.ChoiceField(choices=TransferCode.choices)
    debit = serializers.CharField(source="debit.kind")
    credit = serializers.CharField(source="credit.kind")
    amount = MoneyField(source="amount_nano")
    rate_card = serializers.UUIDField(source="rate_card_id", allow_null=True)

    class Meta:
        model = Transfer
        fields = [
            "id",
            "workspace",
            "key",
            "code",
            "debit",
            "credit",
            "amount",
            "project",
            "run",
            "step",
            "call",
            "agent",
            "model",
            "rate_card",
            "occurred_at",
            "booked_at",
            "created_at",
        ]
        read_only_fields = fields


class HoldRead(serializers.ModelSerializer[Hold]):
    workspace = serializers.UUIDField(source="workspace_id")
    state = serializers.ChoiceField(choices=HoldState.choices)
    amount = MoneyField(source="amount_nano", currency="wallet.currency")
    captured = MoneyField(source="captured_nano", currency="wallet.currency")

    class Meta:
        model = Hold
        fields = [
            "id",
            "workspace",
            "key",
            "amount",
            "captured",
            "state",
            "run",
            "step",
            "call",
            "agent",
            "model",
            "expires_at",
            "created_at",
        ]
        read_only_fields = fields


class BudgetRead(serializers.Serializer[BudgetRow]):
    """A limit and what is used of it in the period that runs; `ends_at` null: it is counted in all."""

    id = serializers.UUIDField()
    level = serializers.ChoiceField(choices=Level.choices)
    name = serializers.CharField()
    period = serializers.ChoiceField(choices=Period.choices)
    limit = MoneyField(source="limit_nano")
    is_hard = serializers.BooleanField()
    spent = MoneyField(source="spent_nano")
    held = MoneyField(source="held_nano")
    is_exceeded = serializers.BooleanField()
    ends_at = serializers.DateTimeField(allow_null=True)


class BudgetWrite(Strict):
    """`name`: the id of a project, the name of a swarm or an agent, nothing of the workspace."""

    workspace = serializers.CharField()
    level = serializers.ChoiceField(choices=[choice for choice in Level.choices if choice[0] != Level.RUN])
    name = serializers.CharField(max_length=80, default="", allow_blank=True)
    period = serializers.ChoiceField(choices=Period.choices, default=Period.MONTH)
    limit = MoneyField()
    is_hard = serializers.BooleanField(default=True)


class Meters(serializers.Serializer[Any]):
    """Disjoint meters: their sum is the provider's total. `estimated`: some of it was counted by us."""

    input_tokens = serializers.IntegerField()
    cache_read_tokens = serializers.IntegerField()
    cache_write_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    reasoning_tokens = serializers.IntegerField()
    estimated = serializers.BooleanField()


class UsageLine(serializers.Serializer[UsageRow]):
    """`key` is a date, the id of a project (empty for none), the name of an agent or of a model."""

    key = serializers.CharField()
    usage = Meters()
    cost = MoneyField(source="cost_nano")
    not_charged_tokens = serializers.IntegerField()


class UsagePage(serializers.Serializer[Any]):
    """All lines at once, in the shape of a list."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = UsageLine(many=True)


class RateRead(serializers.ModelSerializer[Rate]):
    """The price of one meter of one version of a model's rate card; pico-units are 10^-12 of the currency.

    It counts for all tokens of a call whose input in all is at least `from_tokens`, up to the next such number.
    """

    rate_card = serializers.UUIDField(source="card_id")
    model = serializers.CharField(source="card.model")
    currency = serializers.CharField(source="card.currency")
    version = serializers.IntegerField(source="card.version")
    effective_from = serializers.DateTimeField(source="card.effective_from")

    class Meta:
        model = Rate
        fields = [
            "id",
            "rate_card",
            "model",
            "meter",
            "from_tokens",
            "pico_per_token",
            "currency",
            "version",
            "effective_from",
            "created_at",
        ]
        read_only_fields = fields


class TopUpRead(serializers.ModelSerializer[TopUp]):
    """A payment into the wallet. `open`: to be paid at `url`; `booked`: in the balance; `reason`: why it has failed."""

    workspace = serializers.UUIDField(source="workspace_id")
    state = serializers.ChoiceField(choices=TopUpState.choices)
    amount = MoneyField(source="amount_nano")
    url = serializers.SerializerMethodField()
    reason = serializers.CharField(source="failure")

    class Meta:
        model = TopUp
        fields = ["id", "workspace", "key", "amount", "state", "url", "is_auto", "reason", "closed_at", "created_at"]
        read_only_fields = fields

    def get_url(self, topup: TopUp) -> str | None:
        return (topup.url or None) if topup.state == TopUpState.OPEN else None


class TopUpWrite(Strict):
    """`key`: one payment for each key of a workspace; without it each request is one of its own."""

    workspace = serializers.CharField()
    amount = MoneyField()
    key = serializers.CharField(max_length=120, required=False)
