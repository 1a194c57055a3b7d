"""Figures in text: find them, compare them whatever their spelling, and take them out of what a small model reads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache

_MONTHS = "January February March April May June July August September October November December"
_WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
MONTHS = tuple(_MONTHS.split())
WEEKDAYS = tuple(_WEEKDAYS.split())
SYMBOLS = {"€": "€", "£": "£", "$": "$", "¥": "¥", "eur": "€", "euro": "€", "euros": "€", "gbp": "£", "pounds": "£",
           "usd": "$", "dollars": "$", "chf": "CHF", "cny": "¥", "rmb": "¥"}  # fmt: skip
_CODES = "EUR|USD|GBP|CHF|CNY|RMB"
_AMOUNT = (
    r"\d{1,3}(?P<mark>[,.’' \u00a0\u202f])\d{3}(?:(?P=mark)\d{3})*(?:[.,]\d{1,2})?(?!\d)"  # one mark for all thousands
    r"|\d+(?:[.,]\d+)?"
)
FIGURE = re.compile(
    rf"(?P<before>[€£$¥]|\b(?:{_CODES})\b)?[ \u00a0]?(?P<digits>{_AMOUNT})"
    rf"(?P<after>[ \u00a0]?(?:%|€|£|¥|percent\b|per cent\b|(?:{_CODES}|euros?|pounds|dollars)\b))?",
    re.IGNORECASE,
)
CITATION = re.compile(r"\s?\[\d+\]")


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure in a text: its value, what it counts ("%", a currency, or ""), where it stands, how it is written."""

    value: Decimal
    unit: str
    start: int
    end: int
    text: str


def parse_decimal(digits: str) -> Decimal | None:
    """`1,200` `1.200` `1 200` `1.234,56` `12.5`; a single group of three digits after a mark counts as thousands."""
    plain = re.sub(r"[ \u00a0\u202f’']", "", digits)
    marks = [mark for mark in plain if mark in ",."]
    if len(set(marks)) == 2:
        decimal_mark = marks[-1]
        plain = plain.replace("," if decimal_mark == "." else ".", "").replace(decimal_mark, ".")
    elif len(marks) > 1 or (marks and re.search(r"[,.]\d{3}$", plain) and not plain.startswith("0")):
        plain = plain.replace(",", "").replace(".", "")
    else:
        plain = plain.replace(",", ".")
    try:
        return Decimal(plain)
    except InvalidOperation:
        return None


@lru_cache(maxsize=4096)
def _figures(text: str) -> tuple[Figure, ...]:
    found = []
    for match in FIGURE.finditer(text):
        value = parse_decimal(match["digits"])
        if value is None:
            continue
        after = (match["after"] or "").strip().lower()
        unit = "%" if after in ("%", "percent", "per cent") else SYMBOLS.get((match["before"] or after).lower(), "")
        start = match.start("before") if match["before"] else match.start("digits")
        found.append(Figure(value, unit, start, match.end(), text[start : match.end()].strip()))
    return tuple(found)


def figures(text: str) -> tuple[Figure, ...]:
    """Figures of a text without its citations `[n]`; offsets refer to the text without them."""
    return _figures(CITATION.sub("", text))


def has_digits(text: str) -> bool:
    return any(character.isdigit() for character in text)


_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_MONTH = "|".join(MONTHS)
_GIST = (
    (re.compile(rf"\bon (?:{_DAY} ({_MONTH})|({_MONTH}) {_DAY})(?:,? \d{{4}})?\b"), r"in \1\2"),
    (re.compile(rf"\b(?:{_DAY} ({_MONTH})|({_MONTH}) {_DAY})(?:,? \d{{4}})?\b"), r"\1\2"),
    (re.compile(rf"\b({_MONTH}) \d{{4}}\b"), r"\1"),
    (re.compile(r"\buntil \d{1,2}(?:[:.]\d\d)? ?(?:[ap]\.?m\.?|o'clock)?(?=\W|$)", re.IGNORECASE), "until late"),
    (re.compile(r"\b\d{1,2}(?:[:.]\d\d)? ?[ap]\.?m\b\.?", re.IGNORECASE), "a set hour"),
    (re.compile(r"\b(?:under|over|above|below|aged) \d+\b", re.IGNORECASE), "of a certain age"),
    (re.compile(r"\b(?:in|of|for|by|since|from) (?:19|20)\d\d\b"), "in that year"),
)
_AFTER_DETERMINER = re.compile(
    r"\b(the|these|those|first|last|next|our|its|their|all|than|every|per|in) $", re.IGNORECASE
)
_SUMS = re.compile(r"(?:a fixed sum\b.*){2}")


def gist(text: str) -> str:
    """The fact without its figures, still a sentence: a model that sees no digit never wants to write one.

    Where a grammar forbids digits but the prompt shows them, a small model emits broken words instead ("ortal").
    """
    words = CITATION.sub("", text)
    for pattern, plain in _GIST:
        words = pattern.sub(plain, words)
    parts, last = [], 0
    for figure in _figures(words):
        parts.append(words[last : figure.start])
        parts.append(_plain_quantity(figure, (words[: figure.start])[-12:], words[figure.end :]))
        last = figure.end
    gone = "".join([*parts, words[last:]])
    gone = re.sub(r"\b([\w-]*\d[\w-]*)\b", "", gone)
    head, colon, rest = gone.partition(":")
    if colon and _SUMS.search(rest):  # a list of amounts: the table shows it
        gone = f"{head}."
    gone = re.sub(r" (?:of|at|for) a fixed sum\b", "", gone)
    gone = re.sub(r"\b(a fixed sum|several|many|a share)(,? and|,) \1\b", r"\1", gone)
    gone = re.sub(r"\s+([.,;:!?])", r"\1", re.sub(r"\s{2,}", " ", gone)).strip()
    return gone[:1].upper() + gone[1:]


def _plain_quantity(figure: Figure, before: str, after: str) -> str:
    if figure.unit == "%":
        if after.lstrip().startswith("of "):
            return "a share"
        return "most" if figure.value > 50 else "a share"
    if figure.unit:
        return "a fixed sum"
    if figure.value == 1:
        return "one"
    if _AFTER_DETERMINER.search(before):
        return ""
    if not re.match(r"\s*[a-zA-Z]", after):
        return "a set number" if figure.value >= 20 else "several"
    return "many" if figure.value >= 20 else "several"
