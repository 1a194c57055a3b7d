"""Forms of the operators' console: they parse; the services judge."""

from django import forms
from django.utils.translation import gettext_lazy as _

from wukong.kernel.errors import Invalid
from wukong.kernel.money import parse_amount


class GrantForm(forms.Form):
    """Credit for the chosen wallets. `key` makes it once, however often the button is pressed."""

    amount = forms.CharField(label=_("Amount for each wallet"), max_length=20)
    key = forms.CharField(widget=forms.HiddenInput, max_length=60)

    def clean_amount(self) -> int:
        """Return the nano-units."""
        try:
            nano = parse_amount(self.cleaned_data["amount"])
        except Invalid as error:
            raise forms.ValidationError(error.message) from None
        if nano <= 0:
            raise forms.ValidationError(_("An amount to add is more than 0."))
        return nano
