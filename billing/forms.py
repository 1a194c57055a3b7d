"""Forms of the meter's pages: they parse; the services judge."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from billing.models import Period
from wukong.kernel.clock import now
from wukong.kernel.errors import Invalid
from wukong.kernel.money import parse_amount


def nano_of(text: str, least: int) -> int:
    """Return an amount in nano-units; raises ValidationError below `least`, and for what is no amount."""
    try:
        nano = parse_amount(text)
    except Invalid as error:
        raise forms.ValidationError(error.message) from None
    if nano < least:
        raise forms.ValidationError(_("An amount to add is more than 0.") if least else _("A limit is 0 or more."))
    return nano


class LimitForm(forms.Form):
    """A limit of one of the `scopes`: (`level:name`, label)."""

    scope = forms.ChoiceField(label=_("For"))
    limit = forms.CharField(label=_("At most"), max_length=20)
    period = forms.ChoiceField(label=_("Counted"), choices=[], initial=Period.MONTH)
    kind = forms.ChoiceField(
        label=_("When it is reached"),
        choices=[("hard", _("stop what would go beyond it")), ("soft", _("only tell"))],
        initial="hard",
    )

    def __init__(self, data: Any = None, *, scopes: Sequence[tuple[str, str]], currency: str) -> None:
        super().__init__(data)
        self.fields["scope"].choices = scopes  # type: ignore[attr-defined]
        self.fields["period"].choices = [  # type: ignore[attr-defined]
            (Period.DAY, _("each day")),
            (Period.WEEK, _("each week")),
            (Period.MONTH, _("each month")),
            (Period.ONCE, _("in all")),
        ]
        self.fields["limit"].help_text = currency
        self.fields["limit"].widget.attrs.update({"inputmode": "decimal", "autocomplete": "off"})
        for field in self.fields.values():
            field.widget.attrs["class"] = "select" if isinstance(field.widget, forms.Select) else "input"

    def clean_limit(self) -> int:
        """Return the nano-units."""
        return nano_of(self.cleaned_data["limit"], 0)


class PinForm(forms.Form):
    """The moment whose prices the chosen workspaces keep, and of which models."""

    moment = forms.DateTimeField(label=_("Moment"), initial=now, help_text=_("In UTC, like 2026-01-31 12:00."))
    models = forms.CharField(
        label=_("Models"), required=False, max_length=2000, help_text=_("Separated by commas; empty: all.")
    )

    def clean_models(self) -> list[str]:
        """Return the names."""
        return [name.strip() for name in self.cleaned_data["models"].split(",") if name.strip()]


class TopUpForm(forms.Form):
    """An amount to pay: one of those that are offered, or another one. `key` makes it one payment."""

    OTHER = "other"

    choice = forms.ChoiceField(label=_("Amount"), widget=forms.RadioSelect)
    other = forms.CharField(label=_("Another amount"), max_length=20, required=False)
    remembers = forms.BooleanField(label=_("Remember the payment method for automatic top-ups"), required=False)
    key = forms.CharField(widget=forms.HiddenInput, max_length=60)

    def __init__(self, data: Any = None, *, offered: Sequence[tuple[str, str]], currency: str, **more: Any) -> None:
        super().__init__(data, **more)
        self.fields["choice"].choices = [*offered, (self.OTHER, _("Another amount"))]  # type: ignore[attr-defined]
        self.fields["other"].help_text = currency
        self.fields["other"].widget.attrs.update(
            {"class": "input num", "inputmode": "decimal", "autocomplete": "off", "aria-label": _("Another amount")}
        )

    def clean(self) -> dict[str, Any]:
        """Add `amount` in nano-units."""
        given = super().clean() or {}
        chosen = given.get("choice")
        if chosen is not None:
            try:
                given["amount"] = nano_of(given.get("other", "") if chosen == self.OTHER else chosen, 1)
            except forms.ValidationError as error:
                self.add_error("other", error)
        return given


class AutoTopUpForm(forms.Form):
    """When a workspace tops up by itself, and by how much."""

    below = forms.CharField(label=_("When the balance falls below"), max_length=20)
    amount = forms.CharField(label=_("Top up by"), max_length=20)
    daily_most = forms.CharField(label=_("In a day at most"), max_length=20)

    def __init__(self, data: Any = None, *, currency: str, **more: Any) -> None:
        super().__init__(data, **more)
        for field in self.fields.values():
            field.help_text = currency
            field.widget.attrs.update({"class": "input num", "inputmode": "decimal", "autocomplete": "off"})

    def clean_below(self) -> int:
        """Return the nano-units."""
        return nano_of(self.cleaned_data["below"], 0)

    def clean_amount(self) -> int:
        """Return the nano-units."""
        return nano_of(self.cleaned_data["amount"], 1)

    def clean_daily_most(self) -> int:
        """Return the nano-units."""
        return nano_of(self.cleaned_data["daily_most"], 1)
