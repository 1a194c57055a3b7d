"""What the settings page shows of the models."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from agents import metered
from agents.ports import ModelInfo
from billing import services as billing
from workspaces.people.models import Workspace
from wukong.templatetags.ui import per_million


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalView:
    """The built-in model: `percent` of the phase that is under way."""

    ok: bool
    state: str
    label: str
    percent: int
    detail: str

    @property
    def is_moving(self) -> bool:
        return self.state in {"downloading", "starting"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    model: ModelInfo
    input: str
    cached: str
    output: str


def local_view(status: dict[str, Any]) -> LocalView:
    """Return the picture of `metered.local_status()`."""
    labels = {
        "off": _("Off"),
        "downloading": _("Downloading"),
        "starting": _("Warming up"),
        "ready": _("Ready"),
        "failed": _("Failed"),
    }
    state = str(status.get("state", "off"))
    return LocalView(
        ok=bool(status.get("ok")),
        state=state,
        label=labels.get(state, state),
        percent=round(float(status.get("progress") or 0) * 100),
        detail=str(status.get("detail", "")),
    )


def rows_of(workspace: Workspace) -> list[ModelRow]:
    """Return each model with its present prices per million tokens."""
    rates = {rate.model: rate for rate in billing.rates_of(workspace.currency, workspace.pk)}
    rows = []
    for model in metered.models():
        rate = rates.get(model.id)
        prices = (rate.input_pico, rate.cache_read_pico, rate.output_pico) if rate else (None, None, None)
        texts = [per_million(pico, workspace.currency) if pico is not None else "–" for pico in prices]
        rows.append(ModelRow(model=model, input=texts[0], cached=texts[1], output=texts[2]))
    return rows
