"""Tokens per day as bars, computed here and drawn by templates/billing/_chart.html. Pure: numbers in, numbers out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

WIDTH, LEFT, BASE, TOP = 920, 40, 206, 14
HUES: Final = ("violet", "teal", "amber", "blue", "rose")
OTHER: Final = "slate"
_SHARE: Final = 0.62  # of a day's place that its bar takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One project, agent or model; `hue` is a name of our palette."""

    key: str
    name: str
    hue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the grid with what it stands for."""

    y: float
    label: str

    @property
    def text_y(self) -> float:
        return self.y + 3.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    hue: str
    y: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One day: its parts from the bottom up, its place, and what a pointer over it says."""

    hit_x: float
    step: float
    x: float
    width: float
    title: str
    label: str
    is_today: bool
    parts: Sequence[Part]

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    title: str
    series: Sequence[Series]
    grid: Sequence[Line]
    bars: Sequence[Bar]


def draw(
    *,
    title: str,
    first: date,
    days: int,
    today: date,
    series: Sequence[Series],
    tokens: Mapping[tuple[date, str], int],
    titles: Mapping[date, str],
    today_label: str,
) -> Chart:
    """Return the chart of `days` days; `tokens` has the count of each (day, key of a series)."""
    shown = [first + timedelta(days=place) for place in range(days)]
    peak, ticks = scale(max((sum(tokens.get((day, one.key), 0) for one in series) for day in shown), default=0))
    step = (WIDTH - LEFT) / days
    bars = []
    for place, day in enumerate(shown):
        hit_x = LEFT + place * step
        bars.append(
            Bar(
                hit_x=round(hit_x, 1),
                step=round(step, 1),
                x=round(hit_x + step * (1 - _SHARE) / 2, 1),
                width=round(step * _SHARE, 1),
                title=titles.get(day, day.isoformat()),
                label=today_label if day == today else _day_label(day, place, days, today),
                is_today=day == today,
                parts=_parts(day, series, tokens, peak),
            )
        )
    grid = [Line(y=round(_y(tick, peak), 1), label=short(tick)) for tick in ticks]
    return Chart(title=title, series=series, grid=grid, bars=bars)


def scale(most: int) -> tuple[int, list[int]]:
    """Return a round number at or above `most` and the values of three or four grid lines from 0 up to it."""
    if most <= 0:
        return 1, [0]
    unit = 10 ** (len(str(most)) - 1)
    for factor in (1, 2, 3, 4, 6, 8, 10):
        if unit * factor >= most:
            parts = 3 if factor in (3, 6) else 2
            peak = unit * factor
            return peak, [peak * part // parts for part in range(parts + 1)]
    raise AssertionError("ten times the leading power of ten is above every number")


def short(count: int) -> str:
    """Return 0, 800, 40 k, 6 M."""
    for limit, unit in ((1_000_000, "M"), (1_000, "k")):
        if count >= limit:
            return f"{count / limit:g} {unit}"
    return str(count)


def _y(value: int, peak: int) -> float:
    return BASE - value / peak * (BASE - TOP)


def _parts(day: date, series: Sequence[Series], tokens: Mapping[tuple[date, str], int], peak: int) -> list[Part]:
    parts, below = [], 0
    for one in series:
        if count := tokens.get((day, one.key), 0):
            top = _y(below + count, peak)
            # a hair of paper between two parts, and never a part too thin to be seen
            height = max(_y(below, peak) - top - 1.2, 0.5)
            parts.append(Part(hue=one.hue, y=round(top, 1), height=round(height, 1)))
            below += count
    return parts


def _day_label(day: date, place: int, days: int, today: date) -> str:
    every = 1 if days <= 8 else 5 if days <= 31 else 14
    is_near_today = 0 < abs((day - today).days) < (2 if days <= 31 else 6)
    if place % every or (is_near_today and days > 8):
        return ""
    return f"{day.day}" if days <= 31 else f"{day.day}.{day.month}."
