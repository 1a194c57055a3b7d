"""The drawing vocabulary of our pages: icons, avatars, money, shares. No HTML style attributes (strict CSP)."""

import json
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any

from django import template
from django.conf import settings
from django.templatetags.static import static
from django.utils.html import escape, format_html, format_html_join, json_script
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from wukong.kernel.money import short_amount
from wukong.templatetags.strings import BROWSER_STRINGS

register = template.Library()
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "CNY": "¥", "JPY": "¥", "CHF": "CHF"}


@cache
def _manifest() -> dict[str, Any]:
    """Return Vite's manifest of the committed bundle: entry → hashed file names."""
    path = settings.BASE_DIR / "static" / "dist" / "manifest.json"
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def _entry(name: str) -> dict[str, Any]:
    for source, entry in _manifest().items():
        if entry.get("isEntry") and source.rpartition("/")[2] == name:
            found: dict[str, Any] = entry
            return found
    raise template.TemplateSyntaxError(f"the bundle has no entry {name}: run make frontend")


@register.simple_tag
def bundle(name: str) -> SafeString:
    """Return the script (and its styles) of one entry of the bundle, for example `app.ts`."""
    entry = _entry(name)
    styles = format_html_join(
        "", '<link rel="stylesheet" href="{}">', ((static(f"dist/{file}"),) for file in entry.get("css", []))
    )
    return styles + format_html('<script type="module" src="{}"></script>', static(f"dist/{entry['file']}"))


@register.simple_tag
def stylesheets() -> SafeString:
    """Return a link for each of our style sheets, in cascade order: tokens first, the rest is layered."""
    folder = settings.BASE_DIR / "static" / "css"
    names = sorted((file.name for file in folder.glob("*.css")), key=lambda name: (name != "tokens.css", name))
    return format_html_join("\n  ", '<link rel="stylesheet" href="{}">', ((static(f"css/{name}"),) for name in names))


@register.simple_tag
def early_script() -> SafeString:
    """Return the small blocking script that sets the theme before the first paint."""
    return format_html('<script src="{}"></script>', static(f"dist/{_entry('early.ts')['file']}"))


@register.simple_tag
def browser_strings() -> SafeString:
    """Return what scripts say, in the reader's language, as a JSON block with the id `strings`."""
    return json_script({key: str(text) for key, text in BROWSER_STRINGS.items()}, "strings")


@register.simple_tag
def icon(name: str, size: str = "") -> SafeString:
    """Return a Lucide icon of our sprite; sizes: "", "sm", "xs"."""
    return format_html(
        '<svg class="icon{}" aria-hidden="true"><use href="{}#{}"/></svg>',
        f" icon-{size}" if size else "",
        static("icons/icons.svg"),
        name,
    )


@register.simple_tag
def agent(role: Any, size: str = "") -> SafeString:
    """Return the rounded square of an agent; `role` has `icon`, `hue` and `name`."""
    glyph = icon(role.icon, "" if size == "lg" else "xs" if size == "sm" else "sm")
    return format_html(
        '<span class="avatar avatar-agent{}" data-hue="{}" title="{}">{}</span>',
        f" avatar-{size}" if size else "",
        role.hue,
        role.name,
        glyph,
    )


@register.simple_tag
def person(user: Any, size: str = "") -> SafeString:
    """Return the round avatar of a person."""
    return format_html(
        '<span class="avatar{}" data-tone="{}" title="{}">{}</span>',
        f" avatar-{size}" if size else "",
        user.tone,
        user.display_name,
        user.initials,
    )


@register.filter
def money(nano: int | None, currency: str = "USD") -> str:
    """Return money for people: two places, and as many as needed below a cent (0.0042), never a rounded-away amount."""
    if nano is None:
        return "–"
    sign, value = ("−", -nano) if nano < 0 else ("", nano)
    places = 2
    while places < 9 and 0 < value < 10 ** (9 - places) * 10 and places < 6:
        places += 1
    rounded = (value + 10 ** (9 - places) // 2) // 10 ** (9 - places)
    whole, rest = divmod(rounded, 10**places)
    return f"{_SYMBOLS.get(currency, currency)} {sign}{whole:,}.{rest:0{places}d}"


@register.filter
def exactly(nano: int, currency: str = "USD") -> str:
    """Return money to the last place it has, at least two: what a person has set is shown as it was set.

    >>> exactly(12_500_000), exactly(1_000_000_000_000, "EUR")
    ('$ 0.0125', '€ 1,000.00')
    """
    whole, _dot, places = short_amount(abs(nano)).partition(".")
    return f"{_SYMBOLS.get(currency, currency)} {'−' if nano < 0 else ''}{int(whole):,}.{places}"


@register.filter
def tokens(count: int | None) -> str:
    """Return a number of tokens for people: 812, 34.1 k, 5.2 M."""
    if count is None:
        return "–"
    for limit, unit in ((1_000_000, "M"), (10_000, "k")):
        if count >= limit:
            return f"{count / (1_000_000 if unit == 'M' else 1_000):,.1f} {unit}"
    return f"{count:,}"


@register.filter
def clock(seconds: float | int | None) -> str:
    """Return a duration as 4:12 or 1:02:09."""
    total = int(seconds or 0)
    hours, rest = divmod(total, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


@register.simple_tag
def ago(moment: datetime | None) -> SafeString | str:
    """Return a <time> that reads "just now", "4 minutes ago", or the date."""
    if moment is None:
        return _("never")
    seconds = (now() - moment).total_seconds()
    if seconds < 60:
        text = _("just now")
    elif seconds < 3600:
        minutes = int(seconds // 60)
        text = ngettext("%(n)d minute ago", "%(n)d minutes ago", minutes) % {"n": minutes}
    elif seconds < 86_400:
        hours = int(seconds // 3600)
        text = ngettext("%(n)d hour ago", "%(n)d hours ago", hours) % {"n": hours}
    else:
        text = f"{moment.day} {moment:%b}" if moment.year == now().year else f"{moment.day} {moment:%b %Y}"
    return format_html('<time datetime="{}" data-relative>{}</time>', moment.isoformat(), text)


@register.simple_tag
def split(parts: Iterable[tuple[str, int]], limit: int | None = None, label: str = "") -> SafeString:
    """Return a bar of shares [(hue, amount)] of their sum, or of `limit` when that is larger."""
    shares = [(hue, amount) for hue, amount in parts if amount > 0]
    whole = max(sum(amount for _hue, amount in shares), limit or 0) or 1
    drawn, x = [], 0.0
    for hue, amount in shares:
        width = amount / whole * 1000
        drawn.append((hue, f"{x:.1f}", f"{max(width - 3, 1):.1f}"))
        x += width
    bars = format_html_join("", '<rect data-hue="{}" x="{}" width="{}" height="6"/>', drawn)
    name = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html('<svg class="split" viewBox="0 0 1000 6" preserveAspectRatio="none" {}>{}</svg>', name, bars)


@register.simple_tag
def lane(bars: Iterable[tuple[float, float, str]]) -> SafeString:
    """Return one agent's work on a run's time line: (from, to, kind) in thousandths; kinds "", "code", "wait"."""
    drawn = (
        (mark_safe(f' class="is-{kind}"') if kind else "", f"{start:g}", f"{max(end - start - 2, 2):g}")  # noqa: S308 - our kinds
        for start, end, kind in bars
    )
    rects = format_html_join("", '<rect{} x="{}" width="{}" y="3" height="14" rx="3"/>', drawn)
    return format_html(
        '<svg class="lane" viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true">{}</svg>', rects
    )


@register.simple_tag
def dials(count: int) -> SafeString:
    """Return a meter reading as rolling digits, the last one red, at least six of them."""
    digits = f"{count:06d}"
    cells = []
    for place, digit in enumerate(digits):
        if place and (len(digits) - place) % 3 == 0:
            cells.append(mark_safe("<i></i>"))
        last = ' class="last"' if place == len(digits) - 1 else ""
        cells.append(mark_safe(f"<b{last}>{digit}</b>"))  # noqa: S308 - a digit
    label = escape(ngettext("%(n)s token", "%(n)s tokens", count) % {"n": f"{count:,}"})
    return format_html(
        '<div class="dials" role="img" aria-label="{}" data-meter="{}">{}<span>{}</span></div>',
        label,
        count,
        mark_safe("".join(cells)),  # noqa: S308 - built above
        _("tokens"),
    )


@register.filter
def per_million(pico: int, currency: str = "USD") -> str:
    """Return a price in pico-units per token as money per million tokens."""
    return money(pico * 1_000_000 // 1_000, currency)


@register.filter
def ranges(numbers: Iterable[int]) -> str:
    """Return rising numbers with their neighbours joined: 1, 4–7."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = (f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(str(number) for number in run) for run in runs)
    return ", ".join(parts)


@register.filter
def percent(part: int, whole: int) -> int:
    """Return part of whole in whole percent."""
    return round(part / whole * 100) if whole else 0
