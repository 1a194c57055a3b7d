"""A statement's picture: the words and figures of its page, in whole cents that add up."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from billing.statements.bill import Bill, Line, Moved, NotCharged
from billing.statements.cents import in_cents, places_of, rounded
from billing.statements.services import Proof
from wukong.kernel.money import NANO, short_amount

_MODELS = {"local": gettext_lazy("Built-in model"), "scripted": gettext_lazy("Scripted")}
_METERS = {
    "input": gettext_lazy("Input"),
    "cache_read": gettext_lazy("Cached input"),
    "cache_write": gettext_lazy("Written to the cache"),
    "output": gettext_lazy("Output"),
    "reasoning": gettext_lazy("Reasoning"),
}
_CODES = {
    "topup": gettext_lazy("Credit added"),
    "grant": gettext_lazy("Credit given"),
    "capture": gettext_lazy("Usage without a record"),
    "adjust": gettext_lazy("Correction"),
    "refund": gettext_lazy("Refund"),
    "expire": gettext_lazy("Credit that expired"),
}
SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "CNY": "¥", "JPY": "¥"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRow:
    place: int
    name: str
    tokens: int
    price: str
    amount: str
    exact: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The lines of one model under one tariff."""

    name: str
    tariff: str
    tokens: int
    amount: str
    rows: Sequence[LineRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of words with a note and an amount; `exact` is the amount to the last digit."""

    name: str
    note: str = ""
    tokens: int | None = None
    amount: str = ""
    exact: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What templates/billing/statement.html shows."""

    bill: Bill
    title: str
    month_name: str
    key: str
    period: str
    currency: str
    total: str
    issued: str
    opened: str
    closed: str
    groups: Sequence[Group]
    corrections: Sequence[Row]
    carries: Sequence[Row]
    tax: Row | None
    not_charged: Sequence[Row]
    opening: Row
    credits: Sequence[Row]
    charged: Row
    closing: Row
    proof: Proof
    apart: str

    @property
    def is_issued(self) -> bool:
        return bool(self.bill.number)


def key_of(month: date) -> str:
    """Return how an address names a month."""
    return f"{month:%Y-%m}"


def month_of(key: str) -> date | None:
    """Return the first day of a month named in an address; None for what is none."""
    try:
        return datetime.strptime(key, "%Y-%m").replace(tzinfo=ZoneInfo("UTC")).date() if len(key) == 7 else None
    except ValueError:
        return None


def month_name(month: date) -> str:
    """Return a month as people write it: October 2026."""
    return date_format(month, "F Y")


def plain(nano: int, currency: str) -> str:
    """Return money as a bill writes it, rounded to cents, without its currency: 1,234.50."""
    places = places_of(currency)
    cent = NANO // 10**places
    whole, rest = divmod(abs(rounded(nano, cent)) // cent, 10**places)
    sign = "−" if rounded(nano, cent) < 0 else ""
    return f"{sign}{whole:,}.{rest:0{places}d}" if places else f"{sign}{whole:,}"


def with_currency(nano: int, currency: str) -> str:
    """Return money as a bill writes it, with its currency: € 1,234.50."""
    return f"{SYMBOLS.get(currency, currency)} {plain(nano, currency)}"


def issued_on(bill: Bill) -> str:
    """Return the day of issue, empty while there is none."""
    return date_format(bill.issued_at.astimezone(ZoneInfo(bill.time_zone)), "j F Y") if bill.issued_at else ""


def moment(at: datetime, bill: Bill) -> str:
    """Return a moment in the time zone of the bill: 3 Oct, 14:05:09."""
    return date_format(at.astimezone(ZoneInfo(bill.time_zone)), "j M, H:i:s")


def model_name(model: str) -> str:
    """Return a model's name for people."""
    return str(_MODELS.get(model, model))


def meter_name(meter: str) -> str:
    """Return a kind of token for people."""
    return str(_METERS[meter])


def sheet_of(bill: Bill, proof: Proof) -> Sheet:
    """Return the picture of a bill. Its amounts are whole cents, and each sum is that of what stands above it."""
    cent, currency = bill.cent, bill.currency
    exact = [line.amount_nano for line in bill.lines] + [-moved.amount_nano for moved in bill.corrections]
    shown, total = in_cents(exact, bill.carry_in_nano, cent)
    credits, _sum = in_cents(
        [moved.amount_nano for moved in bill.credits], _rest(bill.opening_nano + bill.carry_in_nano, cent), cent
    )
    first, last = _days(bill)
    opening = rounded(bill.opening_nano + bill.carry_in_nano, cent)
    return Sheet(
        bill=bill,
        title=_("Statement, %(month)s") % {"month": month_name(bill.month)},
        month_name=month_name(bill.month),
        key=key_of(bill.month),
        period=_("%(first)s to %(last)s, %(zone)s")
        % {
            "first": date_format(first, "j" if first.month == last.month else "j F"),
            "last": date_format(last, "j F Y"),
            "zone": bill.time_zone,
        },
        currency=SYMBOLS.get(currency, currency),
        total=with_currency(total, currency),
        issued=issued_on(bill),
        opened=_("%(day)s, 00:00") % {"day": date_format(first, "j M")},
        closed=_("%(day)s, 24:00") % {"day": date_format(last, "j M")} if bill.number else _("now"),
        groups=list(_groups(bill, shown)),
        corrections=[
            Row(
                name=_code(moved),
                note=_when(moved, bill),
                amount=plain(part, currency),
                exact=short_amount(-moved.amount_nano),
            )
            for moved, part in zip(bill.corrections, shown[len(bill.lines) :], strict=True)
        ],
        carries=list(_carries(bill)),
        tax=_tax(bill),
        not_charged=[_free(entry, bill) for entry in bill.not_charged],
        opening=Row(
            name=_("Balance on %(day)s") % {"day": date_format(first, "j F")},
            amount=plain(opening, currency),
            exact=short_amount(bill.opening_nano),
        ),
        credits=[
            Row(name=_code(moved), note=_when(moved, bill), amount=_signed(part, currency), exact=_exact(moved))
            for moved, part in zip(bill.credits, credits, strict=True)
        ],
        charged=Row(name=_("Consumption"), amount=_signed(-total, currency), exact=short_amount(-bill.charged_nano)),
        closing=Row(
            name=_("Balance on %(day)s") % {"day": date_format(last, "j F")} if bill.number else _("Balance now"),
            amount=with_currency(opening + sum(credits) - total, currency),
            exact=short_amount(bill.closing_nano),
        ),
        proof=proof,
        apart=short_amount(proof.apart_nano),
    )


def _rest(nano: int, cent: int) -> int:
    """Return what is left of money after rounding, from −½ to ½ cent."""
    return nano - rounded(nano, cent)


def _days(bill: Bill) -> tuple[date, date]:
    zone = ZoneInfo(bill.time_zone)
    return bill.month, (bill.period_end - timedelta(hours=1)).astimezone(zone).date()


def _groups(bill: Bill, shown: Sequence[int]) -> Iterator[Group]:
    placed = list(enumerate(zip(bill.lines, shown, strict=False), 1))
    for (model, _card, tier), rows in groupby(placed, key=lambda item: _price_list(item[1][0])):
        lines = list(rows)
        card_from = lines[0][1][0].card_from.astimezone(ZoneInfo(bill.time_zone))
        words = {"day": date_format(card_from, "j M Y"), "n": f"{tier:,}"}
        tariff = _("Tariff of %(day)s, %(n)s input tokens or more") if tier else _("Tariff of %(day)s")
        yield Group(
            name=model_name(model),
            tariff=tariff % words,
            tokens=sum(line.tokens for _place, (line, _part) in lines),
            amount=plain(sum(part for _place, (_line, part) in lines), bill.currency),
            rows=[_line(place, line, part, bill.currency) for place, (line, part) in lines],
        )


def _price_list(line: Line) -> tuple[str, UUID, int]:
    return line.model, line.rate_card, line.from_tokens


def _line(place: int, line: Line, part: int, currency: str) -> LineRow:
    return LineRow(
        place=place,
        name=meter_name(line.meter),
        tokens=line.tokens,
        price=price(line.pico_per_token),
        amount=plain(part, currency),
        exact=short_amount(line.amount_nano),
    )


def price(pico_per_token: int) -> str:
    """Return a price per million tokens, exactly: 2.20."""
    return short_amount(pico_per_token * 1000)


def _carries(bill: Bill) -> Iterator[Row]:
    """Yield what was below a cent, exactly: it is neither lost nor charged twice."""
    if bill.carry_in_nano:
        yield Row(name=_("Below a cent, from the month before"), amount=_minus(short_amount(bill.carry_in_nano)))
    if bill.carry_nano:
        yield Row(name=_("Below a cent, carried to the next month"), amount=_minus(short_amount(bill.carry_nano)))


def _tax(bill: Bill) -> Row | None:
    if not bill.tax_nano:
        return None
    return Row(
        name=_("Tax, %(rate)s %% of the total") % {"rate": bill.tax_percent},
        note=_("For information: credit is taxed when it is paid for."),
        amount=plain(bill.tax_nano, bill.currency),
    )


def _free(entry: NotCharged, bill: Bill) -> Row:
    names = {
        "failed": _("Calls that failed or timed out"),
        "restart": _("Repeated after a restart"),
        "above_hold": _("Above what was reserved"),
    }
    note = ngettext("%(n)s call", "%(n)s calls", entry.calls) % {"n": f"{entry.calls:,}"}
    if entry.kind == "restart":
        runs = ngettext("%(n)s run went on where it stopped", "%(n)s runs went on where they stopped", entry.runs)
        note = runs % {"n": f"{entry.runs:,}"}
    return Row(name=names[entry.kind], note=note, tokens=entry.tokens, amount=plain(0, bill.currency))


def _code(moved: Moved) -> str:
    return str(_CODES.get(moved.code, moved.code))


def _when(moved: Moved, bill: Bill) -> str:
    zone = ZoneInfo(bill.time_zone)
    first, last = moved.first_at.astimezone(zone), moved.last_at.astimezone(zone)
    if moved.entries == 1 or first.date() == last.date():
        return date_format(first, "j F")
    words = {"n": moved.entries, "first": date_format(first, "j F"), "last": date_format(last, "j F")}
    return _("%(n)s times, %(first)s to %(last)s") % words


def _exact(moved: Moved) -> str:
    return short_amount(moved.amount_nano)


def _signed(nano: int, currency: str) -> str:
    if nano == 0:
        return plain(0, currency)
    return f"{'−' if nano < 0 else '+'} {plain(abs(nano), currency)}"


def _minus(text: str) -> str:
    return text.replace("-", "−")
