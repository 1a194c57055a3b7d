"""The prices page's picture: what every model costs, by kind and tier, and what has changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing import services
from billing.contracts import METERS
from billing.prices.contracts import ModelPrices, PriceChange, PriceVersion
from billing.prices.diff import in_percent, per_million
from workspaces.people.models import Workspace

KINDS: dict[str, Promise] = {
    "input": gettext_lazy("Input"),
    "cache_read": gettext_lazy("Cached input"),
    "cache_write": gettext_lazy("Written to the cache"),
    "output": gettext_lazy("Output"),
    "reasoning": gettext_lazy("Reasoning"),
}
_MODELS = {"local": gettext_lazy("Built-in model"), "scripted": gettext_lazy("Scripted")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The prices of one kind of token, by tier."""

    kind: str
    prices: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One price that a version changed: both in words, `percent` with its sign."""

    kind: str
    old: str
    new: str
    percent: str
    is_dearer: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    version: int
    date: str
    is_first: bool
    is_shown: bool
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model's panel; `tiers` are the heads of the columns, empty when there is one price of each kind."""

    anchor: str
    name: str
    date: str
    version: int
    is_pinned: bool
    tiers: Sequence[str]
    rows: Sequence[Row]
    versions: Sequence[Version]


@dataclass(frozen=True, slots=True, kw_only=True)
class PricesPage:
    """What templates/billing/prices.html shows; prices are numbers of `currency` per million tokens."""

    currency: str
    models: Sequence[Model]
    has_tiers: bool
    has_pins: bool


def page_of(workspace: Workspace) -> PricesPage:
    """Return the picture of a workspace's prices."""
    zone = ZoneInfo(workspace.time_zone)
    listed = services.price_list(workspace)
    models = [_model(number, prices, zone) for number, prices in enumerate(listed, 1)]
    return PricesPage(
        currency=workspace.currency,
        models=models,
        has_tiers=any(model.tiers for model in models),
        has_pins=any(model.is_pinned for model in models),
    )


def _model(number: int, prices: ModelPrices, zone: ZoneInfo) -> Model:
    starts = prices.tariff.starts()
    columns = [prices.tariff.at(start).by_meter() for start in starts]
    return Model(
        anchor=f"model-{number}",
        name=str(_MODELS.get(prices.model, prices.model)),
        date=_date(prices.effective_from, zone),
        version=prices.version,
        is_pinned=prices.is_pinned,
        tiers=[_tier(starts, place) for place in range(len(starts))] if len(starts) > 1 else [],
        rows=[
            Row(kind=str(KINDS[meter]), prices=[per_million(column[meter]) for column in columns]) for meter in METERS
        ],
        versions=[_version(one, prices, zone) for one in prices.versions],
    )


def _tier(starts: Sequence[int], place: int) -> str:
    """Return the head of a tier's column. A tier counts from its first token on, people say above which number."""
    if place == 0:
        return _("Up to %(n)s tokens in") % {"n": f"{starts[1] - 1:,}"}
    return _("Over %(n)s") % {"n": f"{starts[place] - 1:,}"}


def _version(one: PriceVersion, prices: ModelPrices, zone: ZoneInfo) -> Version:
    return Version(
        version=one.version,
        date=_date(one.effective_from, zone),
        is_first=one is prices.versions[-1],
        is_shown=one.version == prices.version,
        changes=[_change(change) for change in one.changes],
    )


def _change(change: PriceChange) -> Change:
    kind = str(KINDS[change.meter])
    if change.from_tokens:
        kind = _("%(kind)s over %(n)s tokens in") % {"kind": kind, "n": f"{change.from_tokens - 1:,}"}
    return Change(
        kind=kind,
        old="–" if change.old_pico is None else per_million(change.old_pico),
        new=per_million(change.new_pico),
        percent=in_percent(change),
        is_dearer=change.old_pico is not None and change.new_pico > change.old_pico,
    )


def _date(moment: datetime, zone: ZoneInfo) -> str:
    return date_format(moment.astimezone(zone), "j M Y")
