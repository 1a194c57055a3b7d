"""What a new person is asked besides e-mail address and password."""

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from workspaces.people import services
from workspaces.people.models import User

INVITATION = "invitation"
"""Session key of the token of an invitation that somebody without an account has opened."""


class SignupForm(forms.Form):
    """Base of allauth's sign-up form."""

    name = forms.CharField(
        label=_("Your name"), max_length=80, widget=forms.TextInput(attrs={"autocomplete": "name", "autofocus": True})
    )
    field_order = ["name", "email", "password1"]

    def signup(self, request: HttpRequest, user: User) -> None:
        """Give the new person a place to work."""
        services.welcome(user=user, name=self.cleaned_data["name"], invitation=request.session.pop(INVITATION, ""))
