"""Money of a top-up that goes back: an operator's refund, refunds made at the provider, and disputes.

Of a payment there is `due` what the provider has given back in all; taken out of the wallet is only what is due and
has not been taken yet, so that a refund after a dispute, an event that comes twice and two events at once take once.
What was spent before is not there to be taken: a wallet does not fall below nothing for it.

    asked ──ledger──► done                     refunds at the provider, disputes
    asked ──ledger──► taken ──provider──► done  our refunds: first out of the wallet, so that nobody spends it meanwhile
    done, taken ───► giving ──ledger──► given   the dispute was won, the refund has failed: back into the wallet
"""

import logging
from collections.abc import Iterable
from functools import partial
from typing import Literal
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from billing import ledger, ops, rules
from billing.contracts import Balance
from billing.models import (
    Lot,
    ReturnKind,
    ReturnState,
    TopUp,
    TopUpReturn,
    TopUpState,
    Transfer,
    TransferCode,
    Wallet,
)
from billing.payments import coins, gateway, told
from billing.payments.topups import locked
from wukong.kernel import committer
from wukong.kernel.errors import Conflict, IdempotencyMismatch, Unavailable

TRIES = 5
Decided = Literal["done", "switched off", "too late"]
RETURNED = "returned:"
"""Begins the key, as of a top-up, of what was given back to a wallet."""
_log = logging.getLogger("wukong.billing")


# --- an operator's refund --------------------------------------------------------------------------------------------
def topup_of(workspace_id: UUID, key: str) -> TopUp | None:
    """Return the top-up with this ledger key (its payment's id), if the provider has brought it.

    "returned:<part>" is what came back into the wallet of a return of it: it goes the same way out.
    """
    if not key:
        return None
    of_payment = Q(payment_intent=key)
    if part := key.removeprefix(RETURNED) if key.startswith(RETURNED) else "":
        of_payment = Q(returns__key__in=[part, part.rpartition(":")[0]])
    return TopUp.objects.filter(of_payment, workspace=workspace_id, state=TopUpState.BOOKED).first()


def refund(*, topup: TopUp, amount_nano: int, key: str, actor: str, note: str) -> Balance:
    """Take money out of the wallet and let the provider pay it back, once for each key.

    Raises Conflict for more than is left and when the provider refuses (then it is back in the wallet), Invalid for
    what is no whole coin, Unavailable: it goes on by itself when the provider answers again.
    """
    if not gateway.is_on():
        raise Unavailable(_("This installation takes no payments."))
    coins.to_coins(amount_nano, topup.currency)
    row = committer.run(partial(_ask, topup.pk, amount_nano, key, actor, note))
    row = carry_out(row)
    if row.state in (ReturnState.FAILED, ReturnState.GIVING, ReturnState.GIVEN):
        raise Conflict(row.failure or _("The refund was refused."))
    return rules.balance_of(Wallet.objects.get(workspace=topup.workspace_id))


def _ask(topup_id: UUID, amount_nano: int, key: str, actor: str, note: str) -> TopUpReturn:
    topup = _decide_on(topup_id)
    known = TopUpReturn.objects.filter(key=key).first()
    if known is None:
        return topup.returns.create(
            key=key, kind=ReturnKind.REFUND, amount_nano=amount_nano, actor=actor[:80], note=note[:200]
        )
    if (known.topup_id, known.amount_nano, known.kind) != (topup_id, amount_nano, ReturnKind.REFUND):
        raise IdempotencyMismatch(_("This was done before, with other arguments."), {"key": key})
    return known


# --- what the provider has given back --------------------------------------------------------------------------------
def reconcile(topup: TopUp) -> None:
    """Ask the provider what of a top-up has gone back, and take what is due and not taken yet. Raises Unavailable."""
    if topup.state != TopUpState.BOOKED:
        return
    is_open = True
    while is_open:
        _look(topup)
        moved = [carry_out(row) for row in topup.returns.unfinished().order_by("id")]
        # a refund of ours that is refused stood for what was paid back without it, and that was not taken
        is_open = any(row.kind == ReturnKind.REFUND and row.state == ReturnState.GIVEN for row in moved)


def _look(topup: TopUp) -> None:
    for _attempt in range(TRIES):
        seen = TopUp.objects.values_list("version", flat=True).get(pk=topup.pk)
        returned = gateway.returned(topup.payment_intent)
        decided = committer.run(partial(_decide, topup.pk, seen, returned))
        if decided == "switched off":
            told.mail_disputed(topup, _NOTES[ReturnKind.DISPUTE]())
        if decided != "too late":
            return
    raise Unavailable(_("This payment changes all the time. Please try again."))


def _decide_on(topup_id: UUID) -> TopUp:
    """Lock a top-up and note that something is decided about it: who has looked before has an old picture."""
    topup = locked(topup_id)
    topup.version += 1
    topup.save(update_fields=["version"])
    return topup


def _decide(topup_id: UUID, seen: int, returned: gateway.Returned) -> Decided:
    """Write down what is to be taken and what is to be given back; nothing on an old picture."""
    topup = locked(topup_id)
    if topup.version != seen:
        return "too late"
    topup = _decide_on(topup_id)
    is_new = [_decide_dispute(topup, dispute) for dispute in returned.disputes]
    is_off = any(is_new) and told.disputed(topup, _NOTES[ReturnKind.DISPUTE]())
    due = min(coins.to_nano(returned.refunded_coins, topup.currency), topup.amount_nano)
    refunds = [row for row in topup.returns.standing() if row.kind != ReturnKind.DISPUTE]
    more = min(due - _sum(refunds), topup.amount_nano - _sum(topup.returns.standing()))
    if more > 0:
        _take_later(topup, ReturnKind.OUTSIDE, f"{topup.payment_intent}:{topup.returns.count()}", more)
    too_much = _sum([row for row in refunds if row.state == ReturnState.DONE]) - due
    for row in reversed([row for row in refunds if row.kind == ReturnKind.OUTSIDE and row.state == ReturnState.DONE]):
        if row.amount_nano <= too_much:  # it has failed at the provider
            too_much -= row.amount_nano
            _set(row, state=ReturnState.GIVING)
    return "switched off" if is_off else "done"


def _decide_dispute(topup: TopUp, dispute: gateway.Dispute) -> bool:
    """Write down what a dispute takes or gives back; returns whether it is a new one that takes."""
    key = f"dispute:{dispute.id}"
    known = topup.returns.filter(key=key).first()
    if known is not None:
        if not dispute.takes and known.state in (ReturnState.ASKED, ReturnState.DONE):
            _set(known, state=ReturnState.GIVING)
        return False
    if not dispute.takes:
        return False
    if dispute.currency != topup.currency:
        _log.error("dispute %s of top-up %s is in %s: nothing is taken back", dispute.id, topup.pk, dispute.currency)
        return True
    left = topup.amount_nano - _sum(topup.returns.standing())
    more = min(coins.to_nano(dispute.coins, topup.currency), left)
    if more > 0:
        _take_later(topup, ReturnKind.DISPUTE, key, more, dispute.id)
    return more > 0


def _take_later(topup: TopUp, kind: ReturnKind, key: str, nano: int, provider_id: str = "") -> None:
    topup.returns.create(key=key, kind=kind, amount_nano=nano, actor="system", provider_id=provider_id)


def _sum(rows: Iterable[TopUpReturn]) -> int:
    return sum(row.amount_nano for row in rows)


# --- carrying it out -------------------------------------------------------------------------------------------------
def carry_out(row: TopUpReturn) -> TopUpReturn:
    """Take the steps that are left of a return, each of them once; returns it as it stands then. Raises Unavailable."""
    if row.state == ReturnState.ASKED:
        row = _take(row)
    if row.state == ReturnState.TAKEN:
        row = _pay_back(row)
    if row.state == ReturnState.GIVING:
        row = _give_back(row)
    return row


def _take(row: TopUpReturn) -> TopUpReturn:
    row = _take_all(row) if row.kind == ReturnKind.REFUND else _take_what_is_there(row)
    if row.state in (ReturnState.FAILED, ReturnState.GIVING, ReturnState.GIVEN):
        _return_parts(row)  # that was decided while we took: what we took goes back
    return row


def _take_all(row: TopUpReturn) -> TopUpReturn:
    lots = _lots_of(row.topup)
    lot = next((key for key, left in lots if left >= row.amount_nano), f"topup:{row.topup.payment_intent}")
    try:
        _post(row, f"refund:{row.key}", lot, row.amount_nano)
    except IdempotencyMismatch:
        raise
    except Conflict as refusal:
        return committer.run(partial(_note, row.pk, ReturnState.ASKED, ReturnState.FAILED, failure=refusal.message))
    return committer.run(partial(_note, row.pk, ReturnState.ASKED, ReturnState.TAKEN, taken=row.amount_nano))


def _take_what_is_there(row: TopUpReturn) -> TopUpReturn:
    """Take as much as is left of the top-up and not held for open calls; what is held is waited for."""
    while row.state == ReturnState.ASKED and row.taken_nano < row.amount_nano and (part := _take_part(row)):
        taken = row.taken_nano + part
        row = committer.run(partial(_note, row.pk, ReturnState.ASKED, ReturnState.ASKED, taken=taken))
    if row.state != ReturnState.ASKED or (row.taken_nano < row.amount_nano and _lots_of(row.topup)):
        return row
    if missing := row.amount_nano - row.taken_nano:
        _log.warning("of return %s %s nano were spent before they could be taken", row.key, missing)
    return committer.run(partial(_note, row.pk, ReturnState.ASKED, ReturnState.DONE))


def _take_part(row: TopUpReturn) -> int:
    """Take the next part, out of one lot, and return how much that was; 0 when nothing is free."""
    key = f"refund:{row.key}:{row.taken_nano}"  # after a crash before it was noted, the part is found by its key
    for lot, remaining in [("", 0), *_lots_of(row.topup)]:
        nano = min(row.amount_nano - row.taken_nano, remaining)
        for _attempt in range(TRIES):
            booked = Transfer.objects.filter(key=key).values_list("amount_nano", flat=True).first()
            if booked is not None:
                return int(booked)
            if nano <= 0:
                break
            try:
                _post(row, key, lot, nano)
            except IdempotencyMismatch:  # somebody else has just taken a part under this key
                continue
            except Conflict as refusal:
                nano = min(nano, int(refusal.details.get("most_nano", 0)))
    return 0


def _lots_of(topup: TopUp) -> list[tuple[str, int]]:
    """Return the lots in which something of a top-up is left, and how much: its own, and what was given back of it."""
    ours = Q(key=f"topup:{topup.payment_intent}")
    for key in topup.returns.filter(state=ReturnState.GIVEN).values_list("key", flat=True):
        ours |= Q(key=f"topup:{RETURNED}{key}") | Q(key__startswith=f"topup:{RETURNED}{key}:")
    found = Lot.objects.filter(ours, wallet__workspace=topup.workspace_id, remaining_nano__gt=0)
    return list(found.order_by("id").values_list("key", "remaining_nano"))


def _post(row: TopUpReturn, key: str, lot: str, nano: int) -> None:
    ledger.post(
        ops.Refund(
            workspace_id=row.topup.workspace_id,
            key=key,
            topup=lot,
            amount_nano=nano,
            actor=row.actor,
            note=row.note or _NOTES[ReturnKind(row.kind)](),
        )
    )


def _pay_back(row: TopUpReturn) -> TopUpReturn:
    """Let the provider pay what was taken. After a crash it may have been asked before: look first."""
    intent, key = row.topup.payment_intent, row.key
    try:
        made = gateway.refund_for(intent, key) or gateway.refund(
            intent_id=intent, coins=coins.to_coins(row.amount_nano, row.topup.currency), key=key
        )
    except Unavailable:
        raise
    except Conflict as refusal:
        return _refused(row, "", refusal.message)
    if made.has_failed:
        return _refused(row, made.id, made.failure)
    return committer.run(partial(_note, row.pk, ReturnState.TAKEN, ReturnState.DONE, provider_id=made.id))


def _refused(row: TopUpReturn, refund_id: str, why: str) -> TopUpReturn:
    failure = why or _("The refund was refused.")
    return committer.run(
        partial(_note, row.pk, ReturnState.TAKEN, ReturnState.GIVING, provider_id=refund_id, failure=failure)
    )


def check_refund(row: TopUpReturn) -> TopUpReturn:
    """Look whether a refund of ours that was under way has failed since; then its money is in the wallet again."""
    if row.kind == ReturnKind.REFUND and row.state == ReturnState.DONE:
        made = gateway.refund_for(row.topup.payment_intent, row.key)
        if made is not None and made.has_failed:
            why = made.failure or _("The refund was refused.")
            row = committer.run(partial(_note, row.pk, ReturnState.DONE, ReturnState.GIVING, failure=why))
    return carry_out(row)


def _give_back(row: TopUpReturn) -> TopUpReturn:
    _return_parts(row)
    return committer.run(partial(_note, row.pk, ReturnState.GIVING, ReturnState.GIVEN))


def _return_parts(row: TopUpReturn) -> None:
    """Put every part that the ledger took for a return back into the wallet, each once, noted or not."""
    key = f"refund:{row.key}"
    for part in Transfer.objects.filter(Q(key=key) | Q(key__startswith=f"{key}:"), code=TransferCode.REFUND):
        ledger.post(
            ops.TopUp(
                workspace_id=row.topup.workspace_id,
                amount_nano=part.amount_nano,
                key=f"topup:{RETURNED}{part.key.removeprefix('refund:')}",
                actor="system",
                note=_("The dispute was won") if row.kind == ReturnKind.DISPUTE else _("The refund has failed"),
            )
        )


# --- steps: jobs of the committer ------------------------------------------------------------------------------------
def _note(
    row_id: UUID,
    before: ReturnState,
    after: ReturnState,
    *,
    taken: int | None = None,
    provider_id: str = "",
    failure: str | None = None,
) -> TopUpReturn:
    """Write down that a step was taken; nothing happens when somebody else has taken it."""
    topup_id = TopUpReturn.objects.values_list("topup", flat=True).get(pk=row_id)
    _decide_on(topup_id)
    row = TopUpReturn.objects.select_related("topup").get(pk=row_id)
    if after == ReturnState.FAILED and Transfer.objects.filter(key=f"refund:{row.key}").exists():
        after, failure = ReturnState.TAKEN, None  # somebody else was not refused
        taken = row.amount_nano
    if row.state == before:
        _set(
            row,
            state=after,
            taken_nano=row.taken_nano if taken is None else max(taken, row.taken_nano),
            provider_id=provider_id or row.provider_id,
            failure=row.failure if failure is None else failure[:200],
        )
    return row


def _set(row: TopUpReturn, **changes: object) -> None:
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(update_fields=list(changes))


_NOTES = {
    ReturnKind.REFUND: lambda: _("Refund"),
    ReturnKind.OUTSIDE: lambda: _("Paid back by the payment provider"),
    ReturnKind.DISPUTE: lambda: _("The payment is disputed"),
}
