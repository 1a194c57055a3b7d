"""The usage page's picture: reading, money, chart and rows of one period, computed on read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing import services
from billing.contracts import DayRow, Grouping, Movement, RateRow, StepFigures, UsageRow
from billing.pages import chart
from workspaces.documents import access as documents
from workspaces.people.models import User, Workspace
from wukong.kernel.clock import now
from wukong.templatetags.ui import money, tokens

PeriodKey = Literal["week", "month", "quarter"]
PERIODS: tuple[PeriodKey, ...] = ("week", "month", "quarter")
GROUPS: tuple[Grouping, ...] = ("project", "agent", "model")
_MODELS = {"local": gettext_lazy("Built-in model"), "scripted": gettext_lazy("Scripted")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    key: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRow:
    """One line of the table; money in nano-units."""

    name: str
    hue: str
    tokens: int
    cost_nano: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsagePage:
    """What templates/billing/usage.html shows; money in nano-units of `currency`, counts in tokens."""

    title: str
    period: PeriodKey
    periods: Sequence[Choice]
    by: Grouping
    groups: Sequence[Choice]
    currency: str
    reading_tokens: int
    figures: StepFigures
    balance_nano: int
    held_nano: int
    forecast_nano: int | None
    lasts_days: int | None
    chart: chart.Chart
    rows: Sequence[NamedRow]
    rates: Sequence[RateRow]
    movements: Sequence[Movement]
    takes_payments: bool

    @property
    def input_tokens(self) -> int:
        return self.figures.usage.input_tokens + self.figures.usage.cache_write_tokens

    @property
    def cached_tokens(self) -> int:
        return self.figures.usage.cache_read_tokens

    @property
    def output_tokens(self) -> int:
        return self.figures.usage.output_tokens + self.figures.usage.reasoning_tokens

    @property
    def total_tokens(self) -> int:
        return self.figures.usage.total_tokens

    @property
    def spent_nano(self) -> int:
        return self.figures.cost_nano

    @property
    def not_charged_tokens(self) -> int:
        return self.figures.not_charged_tokens

    @property
    def average_nano_per_million(self) -> int:
        """Return 0 when nothing was charged for."""
        return self.spent_nano * 1_000_000 // self.total_tokens if self.total_tokens else 0

    @property
    def rows_title(self) -> str:
        return {"project": _("By project"), "agent": _("By agent"), "model": _("By model")}[self.by]

    @property
    def name_title(self) -> str:
        return {"project": _("Project"), "agent": _("Agent"), "model": _("Model")}[self.by]


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """The card of a home page: what this month has cost, by project."""

    currency: str
    spent_nano: int
    available_nano: int
    rows: Sequence[NamedRow]

    @property
    def shares(self) -> Sequence[tuple[str, int]]:
        return [(row.hue, row.cost_nano) for row in self.rows if row.cost_nano > 0]


def chosen(period: str, by: str) -> tuple[PeriodKey, Grouping]:
    """Return what was asked for, or the month by project."""
    known_period = period if period in PERIODS else "month"
    return known_period, by if by in GROUPS else "project"


def periods() -> list[Choice]:
    """Return the periods that can be looked at."""
    return [
        Choice(key=key, label=label)
        for key, label in (("week", _("7 days")), ("month", _("Month")), ("quarter", _("90 days")))
    ]


def span_of(workspace: Workspace, period: PeriodKey) -> tuple[datetime, datetime, str]:
    """Return [start, end) of a period that runs now, and its title."""
    start, end, first, _days = _span(workspace, period)
    return start, end, _title(workspace, period, first)


def page_of(user: User, workspace: Workspace, period: PeriodKey, by: Grouping) -> UsagePage:
    """Return the picture of one period, grouped by project, agent or model."""
    start, end, first, days = _span(workspace, period)
    names = _names(user, workspace)
    usage = services.usage_by(workspace, start, end, by)
    series = _series(usage, names, by)
    balance = services.balance_of(workspace.pk)
    return UsagePage(
        title=_title(workspace, period, first),
        period=period,
        periods=periods(),
        by=by,
        groups=[
            Choice(key=key, label=label)
            for key, label in (("project", _("Project")), ("agent", _("Agent")), ("model", _("Model")))
        ],
        currency=workspace.currency,
        reading_tokens=services.meter_reading(workspace.pk),
        figures=services.period_figures(workspace.pk, start, end),
        balance_nano=balance.balance_nano,
        held_nano=balance.held_nano,
        forecast_nano=services.month_forecast(workspace),
        lasts_days=services.lasts_days(workspace.pk),
        chart=_chart(workspace, services.spend_by_day(workspace, start, end, by), series, first, days),
        rows=_rows(usage, names, series, by),
        rates=[
            replace(rate, model=_name(rate.model, {}, "model"))
            for rate in services.rates_of(workspace.currency, workspace.pk)
        ],
        movements=services.movements(workspace.pk),
        takes_payments=services.takes_payments(),
    )


def month_of(user: User, workspace: Workspace) -> Month:
    """Return what the current month has cost, the five dearest projects first, the rest as one."""
    start, end = services.month_of(workspace)
    usage = [row for row in services.usage_by(workspace, start, end, "project") if row.cost_nano]
    names = _names(user, workspace)
    balance = services.balance_of(workspace.pk)
    return Month(
        currency=workspace.currency,
        spent_nano=sum(row.cost_nano for row in usage),
        available_nano=balance.available_nano,
        rows=_rows(usage, names, _series(usage, names, "project"), "project"),
    )


def _span(workspace: Workspace, period: PeriodKey) -> tuple[datetime, datetime, date, int]:
    """Return [start, end), the first day of the workspace's calendar and the number of days."""
    zone = ZoneInfo(workspace.time_zone)
    if period == "month":
        start, end = services.month_of(workspace)
        first, last = start.astimezone(zone).date(), (end - timedelta(hours=1)).astimezone(zone).date()
        return start, end, first, (last - first).days + 1
    days = 7 if period == "week" else 90
    first = now().astimezone(zone).date() - timedelta(days=days - 1)
    return _midnight(first, zone), _midnight(first + timedelta(days=days), zone), first, days


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _title(workspace: Workspace, period: PeriodKey, first: date) -> str:
    if period == "month":
        return date_format(first, "F Y")
    return _("The last 7 days") if period == "week" else _("The last 90 days")


def _names(user: User, workspace: Workspace) -> Mapping[str, str]:
    """Return the names of the workspace's projects, archived ones too, by id."""
    projects = documents.projects_seen_by(user).filter(workspace=workspace)
    return {str(project.pk): project.name for project in projects}


def _name(key: str, names: Mapping[str, str], by: Grouping) -> str:
    if by == "project":
        return names.get(key, _("Without a project"))
    if by == "model":
        return str(_MODELS.get(key, key))
    return key or _("Not named")


def _series(usage: Sequence[UsageRow], names: Mapping[str, str], by: Grouping) -> list[chart.Series]:
    """Return the dearest five by name, each with a hue of its own, and the rest as one."""
    charged = [row for row in usage if row.cost_nano or row.usage.total_tokens]
    series = [
        chart.Series(key=row.key, name=_name(row.key, names, by), hue=hue)
        for row, hue in zip(charged, chart.HUES, strict=False)
    ]
    if len(charged) > len(chart.HUES):
        series.append(chart.Series(key=chart.OTHER, name=_("Other"), hue=chart.OTHER))
    return series


def _rows(
    usage: Sequence[UsageRow], names: Mapping[str, str], series: Sequence[chart.Series], by: Grouping
) -> list[NamedRow]:
    hues = {one.key: one.hue for one in series}
    return [
        NamedRow(
            name=_name(row.key, names, by),
            hue=hues.get(row.key, chart.OTHER),
            tokens=row.usage.total_tokens,
            cost_nano=row.cost_nano,
        )
        for row in usage
        if row.cost_nano or row.usage.total_tokens
    ]


def _chart(
    workspace: Workspace, spent: Sequence[DayRow], series: Sequence[chart.Series], first: date, days: int
) -> chart.Chart:
    known = {one.key for one in series}
    counts: dict[tuple[date, str], int] = {}
    sums: dict[date, tuple[int, int]] = {}
    for row in spent:
        place = (row.day, row.key if row.key in known else chart.OTHER)
        counts[place] = counts.get(place, 0) + row.tokens
        all_tokens, cost = sums.get(row.day, (0, 0))
        sums[row.day] = (all_tokens + row.tokens, cost + row.cost_nano)
    titles = {
        day: _("%(day)s: %(tokens)s tokens, %(cost)s")
        % {"day": date_format(day, "j F"), "tokens": tokens(count), "cost": money(cost, workspace.currency)}
        for day, (count, cost) in sums.items()
    }
    shown = [first + timedelta(days=place) for place in range(days)]
    return chart.draw(
        title=_("Tokens per day"),
        first=first,
        days=days,
        today=now().astimezone(ZoneInfo(workspace.time_zone)).date(),
        series=series,
        tokens=counts,
        titles={day: titles.get(day, date_format(day, "j F")) for day in shown},
        today_label=_("Today"),
    )
