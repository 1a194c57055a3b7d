"""Tables with sums and shares, computed by code (Decimal) from csv files and from lists of amounts in briefs."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from agents.writing.facts import SourceText, budget_rows, is_table, lines, sentences
from agents.writing.figures import figures

ADDITIVE = re.compile(
    r"amount|budget|cost|spend|total|sum|value|revenue|sales|expens|betrag|kosten|金额|预算|费用", re.IGNORECASE
)
UNIT_PRICE = re.compile(r"price|rate|fee|per |each|preis|单价|价格", re.IGNORECASE)
TOTAL = re.compile(
    r"^(?:grand |sub)?(?:total|sum|overall|all together|altogether|gesamt|summe|合计|总计)\b", re.IGNORECASE
)
MOST_ROWS = 12


@dataclass(frozen=True, slots=True)
class Row:
    label: str
    amount: Decimal
    written: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one source.

    `additive` says whether a sum means anything; `stated` is a total that the source itself names.
    """

    source_number: int
    source_name: str
    rows: tuple[Row, ...]
    currency: str = ""
    additive: bool = True
    stated: Decimal | None = None

    @property
    def total(self) -> Decimal:
        return sum((row.amount for row in self.rows), Decimal(0))

    @property
    def shares(self) -> tuple[int, ...]:
        """Whole per cents by largest remainder, so that they add up to 100."""
        total = self.total
        if total <= 0 or any(row.amount < 0 for row in self.rows):
            return ()
        exact = [row.amount * 100 / total for row in self.rows]
        whole = [int(share) for share in exact]
        order = sorted(range(len(exact)), key=lambda index: (whole[index] - exact[index], index))
        for index in order[: 100 - sum(whole)]:
            whole[index] += 1
        return tuple(whole)

    @property
    def largest(self) -> Row:
        return max(self.rows, key=lambda row: row.amount)

    def money(self, amount: Decimal) -> str:
        """`€16,000`, or `€16,000.50` when there are cents; a currency without a sign stands behind."""
        exact = amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
        words = f"{exact:,.2f}" if exact != exact.to_integral_value() else f"{exact.to_integral_value():,}"
        if not self.currency:
            return words
        return f"{words} {self.currency}" if self.currency.isalpha() else f"{self.currency}{words}"

    def cells(self) -> list[tuple[str, ...]]:
        """Label, amount, share; the last line is the total. Without sums: label and amount."""
        shown = self._shown()
        if not self.additive:
            return [(row.label, self.money(row.amount)) for row in shown.rows]
        shares = shown.shares
        if not shares:
            return [
                *((row.label, self.money(row.amount), "") for row in shown.rows),
                ("Total", self.money(self.total), ""),
            ]
        body = [(row.label, self.money(row.amount), f"{share}%") for row, share in zip(shown.rows, shares, strict=True)]
        return [*body, ("Total", self.money(self.total), "100%")]

    def _shown(self) -> Table:
        if len(self.rows) <= MOST_ROWS:
            return self
        rows = tuple(sorted(self.rows, key=lambda row: -row.amount))
        rest = sum((row.amount for row in rows[MOST_ROWS - 1 :]), Decimal(0))
        kept = (*rows[: MOST_ROWS - 1], Row("Other rows", rest, "")) if self.additive else rows[:MOST_ROWS]
        return Table(self.source_number, self.source_name, kept, self.currency, self.additive, self.stated)


def collect(sources: Sequence[SourceText]) -> list[Table]:
    """Tables of all sources; those whose sum means something first.

    Recognition is conservative: rather none than a wrong one.
    """
    found = []
    units = {figure.unit for source in sources for figure in figures(source.text)} - {"", "%"}
    shared = units.pop() if len(units) == 1 else ""
    for source in sources:
        made = _from_csv(source) if is_table(source) else _from_text(source)
        if made and len(made.rows) >= 2:
            found.append(made if made.currency else replace(made, currency=shared))
    return sorted(found, key=lambda table: (not table.additive, table.source_number))


def _from_csv(source: SourceText) -> Table | None:
    sample = source.text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    try:
        dialect: type[csv.Dialect] | csv.Dialect = csv.Sniffer().sniff(sample[:4000], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel
    try:
        lines_ = [row for row in csv.reader(io.StringIO(sample), dialect) if any(cell.strip() for cell in row)]
    except csv.Error:
        return None
    return _from_grid(source, lines_)


def _from_grid(source: SourceText, grid: Sequence[Sequence[str]]) -> Table | None:
    if len(grid) < 3:
        return None
    header, body = [cell.strip() for cell in grid[0]], [row for row in grid[1:] if len(row) == len(grid[0])]
    numeric = [
        column
        for column in range(len(header))
        if body and all(_number(row[column]) for row in body if row[column].strip())
    ]
    labels = [column for column in range(len(header)) if column not in numeric]
    if not numeric or not labels:
        return None
    amount = next((column for column in numeric if ADDITIVE.search(header[column])), None)
    price = next((column for column in numeric if UNIT_PRICE.search(header[column])), None)
    column = amount if amount is not None else price
    if column is None:
        return None
    rows, stated = [], None
    for line in body:
        figure = _number(line[column])
        if not figure or not line[labels[0]].strip():
            continue
        if TOTAL.match(line[labels[0]].strip()):
            stated = figure[0]
            continue
        rows.append(Row(line[labels[0]].strip(), figure[0], line[column].strip()))
    units = {figure[1] for line in body if (figure := _number(line[column])) and figure[1]}
    named = {figure_unit for figure_unit in (_currency(header[column]),) if figure_unit}
    currency = next(iter(units | named)) if len(units | named) == 1 else ""
    additive = amount is not None and not UNIT_PRICE.search(header[column])
    return (
        Table(source.number, source.name, tuple(rows), currency, additive, stated) if len(units | named) <= 1 else None
    )


def _number(cell: str) -> tuple[Decimal, str] | None:
    words = cell.strip()
    negative = words.startswith("-")
    found = figures(words.lstrip("-"))
    if len(found) != 1 or found[0].text != words.lstrip("-").strip() or found[0].unit == "%":
        return None
    return (-found[0].value if negative else found[0].value), found[0].unit


def _currency(words: str) -> str:
    found = re.search(r"[€£$¥]|\b(?:EUR|USD|GBP|CHF)\b", words, re.IGNORECASE)
    return figures(f"{found[0]} 1")[0].unit if found else ""


def _from_text(source: SourceText) -> Table | None:
    grid = [
        [cell.strip() for cell in line.text.strip("|").split("|")] for line in lines(source.text) if line.kind == "row"
    ]
    grid = [row for row in grid if not all(re.fullmatch(r":?-*:?", cell) for cell in row)]
    if table := _from_grid(source, grid):
        return table
    rows = [Row(_label(label), figures(amount)[0].value, amount) for _, label, amount in budget_rows(source)]
    units = {figures(amount)[0].unit for _, _, amount in budget_rows(source)}
    if len(rows) < 2:
        rows, units = _from_prose(source)
    stated = next((row.amount for row in rows if TOTAL.match(row.label) or row.label.lower() == "budget"), None)
    rows = [row for row in rows if not TOTAL.match(row.label) and row.label.lower() != "budget"]
    units.discard("")
    if len(rows) < 2 or len(units) > 1:
        return None
    currency = next(iter(units)) if units else _usual_currency(source.text)
    return Table(source.number, source.name, tuple(rows), currency, True, stated)


_MONEY = (
    r"(?:[€£$¥]|EUR |USD |GBP )\s?\d[\d.,]*\d"  # with its currency in front
    r"|\d{1,3}(?:,\d{3})+(?:\s?(?:€|EUR|euros?))?"
)
_PAIR = re.compile(
    rf"(?P<label>[^\W\d_][^\d,;:()€£$¥]{{2,60}}?)\s*[(:–-]?\s*(?P<amount>{_MONEY})\)?\s*(?=[,;.)]|and\b|$)",
    re.IGNORECASE,
)


def _from_prose(source: SourceText) -> tuple[list[Row], set[str]]:
    """`The budget: posters 16,000, events 12,000 and trail 6,000.` Only sentences that speak of a budget, three
    pairs or more.
    """
    for line in lines(source.text):
        for sentence in sentences(line.text):
            if not re.search(r"\b(?:budget|costs?|spend|split|allocat)", sentence, re.IGNORECASE):
                continue
            body = sentence.split(":", 1)[1] if ":" in sentence else sentence
            pairs = list(_PAIR.finditer(body))
            if len(pairs) < 3:
                continue
            rows = [Row(_label(pair["label"]), figures(pair["amount"])[0].value, pair["amount"]) for pair in pairs]
            if all(len(row.label) > 2 and len(row.label.split()) <= 6 for row in rows):
                return rows, {figures(pair["amount"])[0].unit for pair in pairs}
    return [], set()


def _label(words: str) -> str:
    bare = re.sub(r"^(?:and|with|for|of|on|the)\s+", "", words.strip(" -–—:.,;\t"), flags=re.IGNORECASE)
    bare = re.sub(r"\s+(?:of|at|for|is|takes|costs|gets)$", "", bare, flags=re.IGNORECASE)
    return bare[:1].upper() + bare[1:]


def _usual_currency(text: str) -> str:
    units = [figure.unit for figure in figures(text) if figure.unit and figure.unit != "%"]
    return max(set(units), key=units.count) if units else ""
