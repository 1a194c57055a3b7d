"""The JSON of statements."""

from typing import Any

from rest_framework import serializers

from billing.models.statements import Statement
from wukong.kernel.http.serializers import MoneyField


class StatementRead(serializers.ModelSerializer[Statement]):
    """A finished month. `total` is rounded once to whole cents, of the charges and `carry_in`; what is left is `carry`
    and goes to the next month.
    """

    workspace = serializers.UUIDField(source="workspace_id")
    opening_balance = MoneyField(source="opening_nano")
    closing_balance = MoneyField(source="closing_nano")
    total = MoneyField(source="total_nano")
    carry_in = MoneyField(source="carry_in_nano")
    carry = MoneyField(source="carry_nano")
    tax = MoneyField(source="tax_nano")

    class Meta:
        model = Statement
        fields = [
            "id",
            "workspace",
            "number",
            "month",
            "time_zone",
            "period_start",
            "period_end",
            "opening_reading",
            "closing_reading",
            "opening_balance",
            "closing_balance",
            "total",
            "carry_in",
            "carry",
            "tax_percent",
            "tax",
            "issued_at",
            "sha256",
            "created_at",
        ]
        read_only_fields = fields


class _InBill(serializers.Serializer[Any]):
    """A part of a bill: its money is in the bill's currency, which the context has."""

    def to_representation(self, instance: Any) -> dict[str, Any]:
        return super().to_representation(_WithCurrency(instance, self.context["currency"]))


class _WithCurrency:
    def __init__(self, part: Any, currency: str) -> None:
        self.part, self.currency = part, currency

    def __getattr__(self, name: str) -> Any:
        return getattr(self.part, name)


class StatementLineRead(_InBill):
    """One meter of one model at one price, that of calls with `from_tokens` input tokens or more.

    The amounts of all lines are the captures of the period, exactly.
    """

    model = serializers.CharField()
    meter = serializers.CharField()
    rate_card = serializers.UUIDField()
    version = serializers.IntegerField(source="card_version")
    from_tokens = serializers.IntegerField()
    opening_reading = serializers.IntegerField()
    closing_reading = serializers.IntegerField()
    tokens = serializers.IntegerField()
    calls = serializers.IntegerField()
    pico_per_token = serializers.IntegerField()
    amount = MoneyField(source="amount_nano")


class StatementMovementRead(_InBill):
    """Money besides usage, by code: above zero it came in. `is_charge`: a correction, part of the total."""

    code = serializers.CharField()
    is_charge = serializers.BooleanField()
    entries = serializers.IntegerField()
    amount = MoneyField(source="amount_nano")
    first_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()


class StatementNotChargedRead(_InBill):
    """Usage that cost nothing. `worth` is what it would have cost."""

    kind = serializers.CharField()
    calls = serializers.IntegerField()
    runs = serializers.IntegerField()
    tokens = serializers.IntegerField()
    worth = MoneyField(source="worth_nano")


class StatementProofRead(_InBill):
    """The statement compared with the ledger as it is now; `difference` is 0."""

    entries = serializers.IntegerField()
    difference = MoneyField(source="apart_nano")


class StatementDetail(StatementRead):
    """A statement with its lines, its other movements, what was not charged, and its comparison with the ledger."""

    lines = StatementLineRead(many=True, source="bill.lines")
    movements = StatementMovementRead(many=True, source="bill.movements")
    not_charged = StatementNotChargedRead(many=True, source="bill.not_charged")
    ledger = StatementProofRead(source="proof")

    class Meta(StatementRead.Meta):
        fields = [*StatementRead.Meta.fields, "lines", "movements", "not_charged", "ledger"]
        read_only_fields = fields
