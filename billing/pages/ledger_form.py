"""The filters of the ledger's page, as they stand in its address."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext_lazy as _

from billing import periods
from billing.explorer.wanted import Wanted
from billing.models import TransferCode


class _Day(forms.DateInput):
    input_type = "date"


class FilterForm(forms.Form):
    """Days of the workspace's calendar, a kind, and whose movements; nothing chosen is everything."""

    use_required_attribute = False
    since = forms.DateField(label=_("From"), required=False, widget=_Day(format="%Y-%m-%d"))
    until = forms.DateField(label=_("To"), required=False, widget=_Day(format="%Y-%m-%d"))
    code = forms.ChoiceField(label=_("Kind"), required=False)
    project = forms.ChoiceField(label=_("Project"), required=False)
    agent = forms.ChoiceField(label=_("Agent"), required=False)
    model = forms.ChoiceField(label=_("Model"), required=False)
    run = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, data: Any, *, projects: Mapping[UUID, str], agents: Sequence[str], models: Sequence[tuple[str, str]]
    ) -> None:
        super().__init__(data)
        choices: dict[str, list[tuple[str, Any]]] = {
            "code": [("", _("Every kind")), *TransferCode.choices],
            "project": [("", _("Every project")), *((str(pk), name) for pk, name in projects.items())],
            "agent": [("", _("Every agent")), *((name, name) for name in agents)],
            "model": [("", _("Every model")), *models],
        }
        for name, wanted in choices.items():
            self.fields[name].choices = wanted  # type: ignore[attr-defined]
        for field in self.visible_fields():
            field.field.widget.attrs["class"] = "input" if isinstance(field.field.widget, _Day) else "select"

    def clean(self) -> dict[str, Any]:
        """Refuse a period that ends before it begins."""
        found: dict[str, Any] = self.cleaned_data
        if found.get("since") and found.get("until") and found["until"] < found["since"]:
            self.add_error("until", _("The end lies before the beginning."))
        return found

    def wanted(self, zone: ZoneInfo) -> Wanted:
        """Return what was asked for, of a form that is valid; the last day counts."""
        found = self.cleaned_data
        since, until = found["since"], found["until"]
        return Wanted(
            start=periods.midnight(since, zone) if since else None,
            end=periods.midnight(until + timedelta(days=1), zone) if until else None,
            code=found["code"],
            project=UUID(found["project"]) if found["project"] else None,
            run=found["run"],
            agent=found["agent"],
            model=found["model"],
        )
