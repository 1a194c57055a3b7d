"""Forms of the house's pages: they parse; the services judge."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from workspaces.people.access import SCOPES
from workspaces.people.models import Role
from workspaces.people.names import time_zones


class _Styled(forms.Form):
    """Gives each field the look of our design system."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            kind = "select" if isinstance(field.widget, forms.Select) else "input"
            field.widget.attrs.setdefault("class", kind)


class WorkspaceForm(_Styled):
    name = forms.CharField(label=_("Name"), max_length=80)
    time_zone = forms.ChoiceField(
        label=_("Time zone"), choices=[(zone, zone) for zone in sorted(time_zones())], initial="UTC"
    )


class NewWorkspaceForm(WorkspaceForm):
    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("your team or company"))


class ProfileForm(_Styled):
    name = forms.CharField(label=_("Name"), max_length=80)


class ProjectForm(_Styled):
    name = forms.CharField(label=_("Name"), max_length=120)


class InviteForm(_Styled):
    email = forms.EmailField(label=_("E-mail"))
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices, initial=Role.EDITOR)


SCOPE_WORDS = {
    "workspaces:read": _("See the workspace and its members"),
    "workspaces:write": _("Change the workspace and its members"),
    "projects:read": _("See projects"),
    "projects:write": _("Make and change projects"),
    "documents:read": _("Read documents"),
    "documents:write": _("Write documents"),
    "sources:read": _("Read sources"),
    "sources:write": _("Add sources"),
    "runs:read": _("See runs"),
    "runs:write": _("Start and stop runs"),
    "billing:read": _("Read the bill"),
    "billing:write": _("Set limits of spending"),
}


class KeyForm(_Styled):
    name = forms.CharField(label=_("Name"), max_length=80)
    scopes = forms.MultipleChoiceField(
        label=_("The key may"),
        choices=[(scope, SCOPE_WORDS[scope]) for scope in SCOPES if scope in SCOPE_WORDS],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one.")},
    )
