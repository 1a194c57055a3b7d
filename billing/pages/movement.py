"""One movement's picture: what it is, and the call behind it down to each meter."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from billing.explorer.balances import Entry
from billing.explorer.calls import Call, MeterLine
from billing.models import AccountKind, HoldState, Transfer, TransferCode
from billing.pages import bill_page
from workspaces.people.models import Workspace
from wukong.kernel.money import short_amount

_STATES = {
    HoldState.PENDING: gettext_lazy("still open"),
    HoldState.CAPTURED: gettext_lazy("charged at its end"),
    HoldState.VOIDED: gettext_lazy("given back"),
    HoldState.EXPIRED: gettext_lazy("ended without a sign of life"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A name and what there is; `run` when it leads to a run."""

    name: str
    text: str
    run: UUID | None = None
    is_code: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A meter of the call: tokens, the price of a million of them, their part; amounts are exact."""

    name: str
    tokens: int
    price: str
    amount: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sibling:
    """Another movement of the same call."""

    id: UUID
    label: str
    when: str
    note: str
    amount: str
    is_this: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSheet:
    """The call behind a movement. Σ `lines` − `uncharged` = `charged`; Σ `movements` = `total`."""

    tariff: str
    held: Sequence[Fact]
    notes: Sequence[str]
    lines: Sequence[Line]
    uncharged: str
    why: str
    charged: str
    movements: Sequence[Sibling]
    total: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPage:
    """What templates/billing/ledger_entry.html shows."""

    title: str
    currency: str
    amount: str
    balance: str
    note: str
    facts: Sequence[Fact]
    call: CallSheet | None


def exact(nano: int, places: int = 2) -> str:
    """Return an amount to its last digit, at least so many places, thousands apart: −1,234.5678."""
    whole, _dot, digits = short_amount(abs(nano)).partition(".")
    return f"{'−' if nano < 0 else ''}{int(whole):,}.{digits.ljust(places, '0')}"


def signed(nano: int, places: int = 2) -> str:
    """Return an amount to its last digit with its sign: +5.00."""
    return f"{'−' if nano < 0 else '+'}{exact(abs(nano), places)}"


def places_of(amounts: Iterable[int]) -> int:
    """Return how many places a column of amounts needs, so that its points stand below each other."""
    return max((len(short_amount(abs(nano)).partition(".")[2]) for nano in amounts), default=2)


def place_of(transfer: Any, names: Mapping[UUID, str]) -> str:
    """Return the project of a movement by name, as far as the reader may see it; empty without one."""
    return names.get(transfer.project, _("another project")) if transfer.project else ""


def page_of(workspace: Workspace, entry: Entry, call: Call | None, names: Mapping[UUID, str]) -> EntryPage:
    """Return the picture of a movement."""
    row, zone = entry.transfer, ZoneInfo(workspace.time_zone)
    return EntryPage(
        title=str(TransferCode(row.code).label),
        currency=bill_page.SYMBOLS.get(row.currency, row.currency),
        amount=signed(entry.signed_nano),
        balance=exact(entry.balance_nano),
        note=row.note,
        facts=list(_facts(row, zone, names)),
        call=_sheet(row, call, zone) if call is not None else None,
    )


def _facts(row: Transfer, zone: ZoneInfo, names: Mapping[UUID, str]) -> Sequence[Fact]:
    found = [
        Fact(name=_("When"), text=_moment(row.booked_at, zone)),
        Fact(name=_("Project"), text=place_of(row, names)),
        Fact(name=_("Run"), text=_("Open the run") if row.run else "", run=row.run),
        Fact(name=_("Step"), text=str(row.step or ""), is_code=True),
        Fact(name=_("Swarm"), text=row.swarm.capitalize()),
        Fact(name=_("Agent"), text=row.agent),
        Fact(name=_("Model"), text=bill_page.model_name(row.model) if row.model else ""),
        Fact(name=_("Call"), text=str(row.call or ""), is_code=True),
        Fact(name=_("Number"), text=str(row.pk), is_code=True),
    ]
    return [fact for fact in found if fact.text]


def _sheet(row: Transfer, call: Call, zone: ZoneInfo) -> CallSheet:
    moved = [_signed(one) for one in call.movements]
    column = places_of([*(line.amount_nano for line in call.lines), call.uncharged_nano, call.charged_nano])
    below = places_of([*moved, sum(moved)])
    return CallSheet(
        tariff=_tariff(call, zone),
        held=list(_held(call, zone)),
        notes=list(_notes(call)),
        lines=[_line(line, column) for line in call.lines],
        uncharged=exact(-call.uncharged_nano, column) if call.uncharged_nano else "",
        why=_why(call),
        charged=exact(call.charged_nano, column),
        movements=[
            Sibling(
                id=one.pk,
                label=str(TransferCode(one.code).label),
                when=_moment(one.booked_at, zone),
                note=one.note,
                amount=signed(nano, below),
                is_this=one.pk == row.pk,
            )
            for one, nano in zip(call.movements, moved, strict=True)
        ],
        total=signed(sum(moved), below),
    )


def _held(call: Call, zone: ZoneInfo) -> Sequence[Fact]:
    hold = call.hold
    if hold is None:
        return []
    facts = [
        Fact(name=_("Held"), text=exact(hold.amount_nano)),
        Fact(name=_("For at most"), text=_most(hold.input_bound, hold.max_tokens)),
        Fact(name=_("Charged of it"), text=exact(hold.captured_nano)),
        Fact(name=_("Given back"), text=exact(call.given_back_nano)),
        Fact(name=_("How it ended"), text=str(_STATES[HoldState(hold.state)])),
    ]
    if hold.closed_at is not None:
        facts.append(Fact(name=_("Ended"), text=_moment(hold.closed_at, zone)))
    if hold.checkpoint_tokens:
        written = ngettext("%(n)s token", "%(n)s tokens", hold.checkpoint_tokens) % {"n": f"{hold.checkpoint_tokens:,}"}
        facts.append(Fact(name=_("Last checkpoint"), text=_("%(written)s written") % {"written": written}))
    return facts


def _notes(call: Call) -> Sequence[str]:
    """Return what is unusual about a call, a sentence each."""
    found = []
    if call.is_expired:
        found.append(_("Nobody heard of this call for two minutes: what it had written by its last checkpoint counts."))
    if call.is_late:
        found.append(_("Its own count came late and was booked afterwards, never beyond what was held or left."))
    if call.record is not None and call.record.estimated:
        found.append(_("The provider reported no usage, so the tokens are our own count."))
    return found


def _why(call: Call) -> str:
    """Return why some of a call was not charged."""
    record = call.record
    if record is None or not record.uncharged_nano:
        return ""
    return record.not_charged or _("above what was reserved for the call")


def _tariff(call: Call, zone: ZoneInfo) -> str:
    if call.card is None:
        return ""
    words = {
        "version": call.card.version,
        "day": date_format(call.card.effective_from.astimezone(zone), "j M Y"),
        "n": f"{call.from_tokens:,}",
    }
    if call.from_tokens:
        return _("Tariff version %(version)s of %(day)s, prices from %(n)s tokens of input") % words
    return _("Tariff version %(version)s of %(day)s") % words


def _line(line: MeterLine, places: int) -> Line:
    return Line(
        name=bill_page.meter_name(line.meter),
        tokens=line.tokens,
        price=bill_page.price(line.pico_per_token),
        amount=exact(line.amount_nano, places),
    )


def _signed(transfer: Transfer) -> int:
    is_out = transfer.debit.kind == AccountKind.WALLET
    return -transfer.amount_nano if is_out else transfer.amount_nano


def _most(into: int, out: int) -> str:
    return _("%(into)s tokens in, %(out)s out") % {"into": f"{into:,}", "out": f"{out:,}"}


def _moment(at: Any, zone: ZoneInfo) -> str:
    return date_format(at.astimezone(zone), "j M Y, H:i:s")
