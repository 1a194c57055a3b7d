"""What all serializers share: strictness, and money."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from wukong.kernel.errors import Invalid
from wukong.kernel.money import money_json, parse_amount


class Strict(serializers.Serializer[Any]):
    """A serializer that refuses what it does not know, so that a misspelt field never is a silent default."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            writable = {field.field_name for field in self._writable_fields}
            if unknown := [name for name in data if name not in writable]:
                raise serializers.ValidationError(
                    {
                        name: [_("This field cannot be written.") if name in self.fields else _("Unknown field.")]
                        for name in unknown
                    }
                )
        return super().to_internal_value(data)


_MONEY_SCHEMA = {
    "type": "object",
    "properties": {
        "amount": {"type": "string", "example": "12.345678901"},
        "currency": {"type": "string", "example": "USD"},
    },
    "required": ["amount", "currency"],
}


@extend_schema_field(_MONEY_SCHEMA)
class MoneyField(serializers.Field[int, Any, Any, Any]):
    """Nano-units as {"amount": "12.345678901", "currency": "USD"}.

    Reads the integer at `source`, and the currency at `currency` (a dotted path on the same object or mapping).
    Written, it takes that object or just the amount's string and gives the nano-units; a currency other than the one
    in the serializer's context ("currency") is refused.
    """

    default_error_messages = {
        "currency": gettext_lazy("This workspace counts in {currency}."),
        "shape": gettext_lazy('Money is an amount like "12.50" or an object of amount and currency.'),
        "negative": gettext_lazy("An amount of money cannot be negative here."),
    }

    def __init__(self, *, currency: str = "currency", **kwargs: Any) -> None:
        self.currency = currency.split(".")
        super().__init__(**kwargs)

    def get_attribute(self, instance: Any) -> Any:
        nano = super().get_attribute(instance)
        if nano is None:
            return None
        return nano, serializers.Field.get_attribute(_At(self.currency), instance)

    def to_representation(self, value: Any) -> dict[str, str]:
        nano, currency = value
        return money_json(nano, currency)

    def to_internal_value(self, data: Any) -> int:
        expected = self.context.get("currency")
        if isinstance(data, Mapping):
            if set(data) - {"amount", "currency"} or "amount" not in data:
                self.fail("shape")
            if expected and data.get("currency", expected) != expected:
                self.fail("currency", currency=expected)
            data = data["amount"]
        if not isinstance(data, str):
            self.fail("shape")
        try:
            nano = parse_amount(data)
        except Invalid as error:
            raise serializers.ValidationError(error.message) from None
        if nano < 0:
            self.fail("negative")
        return nano


class _At(serializers.ReadOnlyField):
    """A path on an object, followed as fields follow their source."""

    def __init__(self, path: list[str]) -> None:
        super().__init__()
        self.source_attrs = path
