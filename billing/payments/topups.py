"""A top-up from the wish to the wallet. Every step may be taken twice and says how far it has come.

open ──session──► (somebody pays) ──► paid ──ledger, key = payment──► booked       processing: the bank is slow
   └──────────────► cancelled | failed                                            (both may still become paid)

What is paid is what the provider says when it is asked, never what a browser or an event says. A crash between two
steps leaves a state from which `look` (the page, a webhook, the sweep: whoever comes first) goes on: before `paid`
nothing is lost, the provider knows; between `paid` and `booked` the ledger books once, whoever asks it how often.
"""

import logging
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError
from django.urls import reverse
from django.utils.translation import gettext as _

from billing import ledger, ops
from billing.models import AutoTopUp, TopUp, TopUpState
from billing.payments import coins, gateway, told
from workspaces.people.access import NOTHING, as_uuid
from workspaces.people.models import Workspace
from wukong.kernel import committer
from wukong.kernel.clock import now
from wukong.kernel.errors import Conflict, IdempotencyMismatch, Invalid, NotFound
from wukong.kernel.money import parse_amount, short_amount

MAX_KEY = 120
_FINAL = (TopUpState.BOOKED, TopUpState.CANCELLED, TopUpState.FAILED)
_log = logging.getLogger("wukong.billing")


# --- the wish --------------------------------------------------------------------------------------------------------
def begin(*, workspace_id: UUID, amount_nano: int, key: str, actor: str, saves_method: bool = False) -> TopUp:
    """Return a top-up with the page on which it is paid (`url`), one for each key of a workspace.

    Raises Conflict when no payments are taken, Invalid, NotFound, IdempotencyMismatch, Unavailable.
    """
    if not gateway.is_on():
        raise Conflict(_("This installation takes no payments."))
    if not 0 < len(key) <= MAX_KEY:
        text = _("A key has 1 to %(most)d characters.") % {"most": MAX_KEY}
        raise Invalid(text, {"key": [text]})
    wish = partial(_wish, workspace_id, amount_nano, key, actor, saves_method)
    try:
        topup = committer.run(wish)
    except IntegrityError:  # another process has just written the same wish down
        topup = committer.run(wish)
    if topup.session or topup.state != TopUpState.OPEN:
        return topup
    customer = AutoTopUp.objects.filter(pk=workspace_id).values_list("customer", flat=True).first() or ""
    try:
        page = _page_of(topup, customer)
    except NotFound:
        if not customer:
            raise
        page = _page_of(topup, "")  # it was deleted there, or is of another mode: the payment makes a new one
    return committer.run(partial(_note_page, topup.pk, page.id, page.url))


def _page_of(topup: TopUp, customer: str) -> gateway.Session:
    return gateway.open_session(
        topup=str(topup.pk),
        workspace=str(topup.workspace_id),
        coins=coins.to_coins(topup.amount_nano, topup.currency),
        currency=topup.currency,
        name=_("Credit for %(name)s") % {"name": topup.workspace.name},
        back=settings.WUKONG_URL.rstrip("/") + reverse("billing:top-up-state", args=[topup.workspace.slug, topup.pk]),
        customer=customer,
        saves_method=topup.saves_method,
    )


def check_amount(nano: int, currency: str) -> None:
    """Raise Invalid for an amount that is not topped up here."""
    least, most = parse_amount(settings.WUKONG_TOP_UP_MIN), parse_amount(settings.WUKONG_TOP_UP_MAX)
    if not least <= nano <= most:
        words = {"least": short_amount(least), "most": short_amount(most), "currency": currency}
        text = _("From %(least)s to %(most)s %(currency)s.") % words
        raise Invalid(text, {"amount": [text]})
    coins.to_coins(nano, currency)


def _wish(workspace_id: UUID, amount_nano: int, key: str, actor: str, saves_method: bool) -> TopUp:
    workspace = Workspace.objects.filter(pk=workspace_id).first()
    if workspace is None:
        raise NotFound(_("There is no such workspace."))
    known = TopUp.objects.select_related("workspace").filter(workspace=workspace, key=key).first()
    if known is not None:
        if known.amount_nano != amount_nano:
            raise IdempotencyMismatch(_("This was done before, with other arguments."), {"key": key})
        return known
    check_amount(amount_nano, workspace.currency)
    return TopUp.objects.create(
        workspace=workspace,
        key=key,
        amount_nano=amount_nano,
        currency=workspace.currency,
        actor=actor[:80],
        saves_method=saves_method,
    )


def _note_page(topup_id: UUID, session: str, url: str) -> TopUp:
    topup = locked(topup_id)
    if not topup.session:
        topup.session, topup.url = session, url
        topup.save(update_fields=["session", "url"])
    return topup


def locked(topup_id: UUID) -> TopUp:
    """Return a top-up whose row nobody else decides on until the end of this transaction. For jobs of the committer."""
    return TopUp.objects.select_for_update(of=("self",)).select_related("workspace").get(pk=topup_id)


# --- what the provider knows -----------------------------------------------------------------------------------------
def look(topup: TopUp) -> TopUp:
    """Ask the provider how a top-up stands, book what was paid, and return it as it stands now.

    Raises Unavailable when the provider or the ledger does not answer; nothing is lost, somebody looks again.
    """
    if topup.state == TopUpState.BOOKED:
        return topup
    if topup.state == TopUpState.PAID:
        return book(topup)
    if topup.payment_intent:
        return take(topup, gateway.intent(topup.payment_intent))
    if not topup.session:
        return topup
    page = gateway.session(topup.session)
    if page.payment_intent and page.status != "open":
        return take(topup, gateway.intent(page.payment_intent))
    return _move(topup, TopUpState.CANCELLED) if page.status == "expired" else topup


def cancel(topup: TopUp) -> TopUp:
    """Let a top-up not be paid any more, unless it was: then it is booked."""
    if topup.state == TopUpState.OPEN and topup.session:
        try:
            gateway.expire_session(topup.session)
        except Conflict:
            _log.info("top-up %s was not open any more when it was cancelled", topup.pk)
    return look(topup)


def give_up(topup: TopUp, failure: str) -> TopUp:
    """Let a top-up fail that cannot be paid."""
    return _move(topup, TopUpState.FAILED, failure=failure)


def of_payment(intent_id: str) -> TopUp | None:
    """Return the top-up of a payment, booked if it was paid; None for payments that are not ours."""
    known = TopUp.objects.select_related("workspace").filter(payment_intent=intent_id).first()
    if known is not None:
        return look(known)
    try:
        paid = gateway.intent(intent_id)
    except NotFound:
        return None
    found = by_name(paid.topup)
    if found is None or (found.session and paid.status != "succeeded"):  # who is refused on a page may try again there
        return found and look(found)
    return take(found, paid)


def of_session(session_id: str) -> TopUp | None:
    """Return the top-up of a page of the provider, as it stands now; None for pages that are not ours."""
    known = TopUp.objects.select_related("workspace").filter(session=session_id).first()
    if known is None:  # the page was made, and we died before its id was written down
        try:
            known = by_name(gateway.session(session_id).topup)
        except NotFound:
            return None
        if known is None or known.session:
            return None
        known = committer.run(partial(_note_page, known.pk, session_id, ""))
    return look(known)


def by_name(topup_id: str) -> TopUp | None:
    """Return the top-up that a payment says it is for."""
    return TopUp.objects.select_related("workspace").filter(pk=as_uuid(topup_id) or NOTHING).first()


def take(topup: TopUp, paid: gateway.Intent) -> TopUp:
    """Draw the conclusion from a payment: booked, processing, cancelled, failed, or as it was."""
    if paid.status == "succeeded":
        if not _is_for(topup, paid):
            return topup
        return book(committer.run(partial(_mark_paid, topup.pk, paid)))
    if paid.status == "processing":
        return _move(topup, TopUpState.PROCESSING, paid.id)
    if paid.status == "canceled":
        return _move(topup, TopUpState.CANCELLED, paid.id)
    if topup.is_auto or topup.state == TopUpState.PROCESSING or topup.session:
        return _move(topup, TopUpState.FAILED, paid.id, paid.failure or _("The payment was refused."))
    return topup


def _is_for(topup: TopUp, paid: gateway.Intent) -> bool:
    """Return whether a payment is what was asked for. If it is not, an operator has to look: nothing is booked."""
    asked = (str(topup.pk), str(topup.workspace_id), topup.currency, topup.amount_nano)
    came = (paid.topup, paid.workspace, paid.currency, coins.to_nano(paid.coins, paid.currency))
    if asked != came:
        _log.error("payment %s is not booked: it says %s, asked for was %s", paid.id, came, asked)
    return asked == came


def book(topup: TopUp) -> TopUp:
    """Move what was paid into the wallet, once for each payment."""
    ledger.post(
        ops.TopUp(
            workspace_id=topup.workspace_id,
            amount_nano=topup.amount_nano,
            key=f"topup:{topup.payment_intent}",
            actor=topup.actor,
            note=_("Automatic top-up") if topup.is_auto else "",
        )
    )
    return committer.run(partial(_mark_booked, topup.pk))


# --- steps: jobs of the committer ------------------------------------------------------------------------------------
def _move(topup: TopUp, state: TopUpState, intent_id: str = "", failure: str = "") -> TopUp:
    return committer.run(partial(_note_state, topup.pk, state, intent_id, failure))


def _note_state(topup_id: UUID, state: TopUpState, intent_id: str, failure: str) -> TopUp:
    topup = locked(topup_id)
    if topup.state in (TopUpState.PAID, *_FINAL) or topup.state == state:
        return topup
    topup.state, topup.failure = state, failure[:200]
    topup.payment_intent = topup.payment_intent or intent_id
    topup.closed_at = now() if state in _FINAL else None
    topup.save(update_fields=["state", "failure", "payment_intent", "closed_at"])
    if state == TopUpState.FAILED:
        told.failed(topup)
    return topup


def _mark_paid(topup_id: UUID, paid: gateway.Intent) -> TopUp:
    topup = locked(topup_id)
    if topup.state != TopUpState.BOOKED:
        topup.state, topup.payment_intent, topup.failure, topup.closed_at = TopUpState.PAID, paid.id, "", None
        topup.save(update_fields=["state", "payment_intent", "failure", "closed_at"])
    if topup.saves_method and paid.customer and paid.method:
        _remember(topup, paid)
    return topup


def _remember(topup: TopUp, paid: gateway.Intent) -> None:
    """Keep with what a workspace may top up by itself; it does not before somebody switches that on."""
    AutoTopUp.objects.update_or_create(
        workspace_id=topup.workspace_id,
        defaults={
            "customer": paid.customer,
            "payment_method": paid.method,
            "method_label": paid.method_label or _("The payment method that was used last"),
        },
    )


def _mark_booked(topup_id: UUID) -> TopUp:
    topup = locked(topup_id)
    if topup.state == TopUpState.PAID:
        topup.state, topup.closed_at = TopUpState.BOOKED, now()
        topup.save(update_fields=["state", "closed_at"])
        if topup.is_auto:
            AutoTopUp.objects.filter(pk=topup.workspace_id).update(failures=0, not_before=None)
    return topup
