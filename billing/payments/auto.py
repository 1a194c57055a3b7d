"""Automatic top-ups: below a mark by an amount, in a day at most so much money, never while one is pending."""

import logging
from datetime import timedelta
from functools import partial
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Exists, F, OuterRef, Sum
from django.utils.translation import gettext as _

from billing.models import AutoTopUp, TopUp, TopUpState, Wallet
from billing.payments import coins, gateway, topups
from billing.periods import midnight
from workspaces.people.models import Workspace
from wukong.kernel import committer
from wukong.kernel.clock import now
from wukong.kernel.errors import Conflict, Invalid, NotFound, WukongError
from wukong.kernel.ids import new_id

KEYS_LIVE = timedelta(hours=20)
"""How long the provider surely knows an idempotency key: 24 hours, less a margin."""
_log = logging.getLogger("wukong.billing")


def of(workspace: Workspace) -> AutoTopUp:
    """Return how a workspace tops up by itself; one that was never asked does not."""
    return AutoTopUp.objects.filter(pk=workspace.pk).first() or AutoTopUp(workspace=workspace)


def set_up(
    *, workspace_id: UUID, is_on: bool, below_nano: int, amount_nano: int, daily_most_nano: int, actor: str
) -> AutoTopUp:
    """Say below which balance a workspace tops up by how much, in a day at most so much. Failures are forgotten.

    Raises Conflict without a method to pay with, Invalid.
    """
    if not gateway.is_on():
        raise Conflict(_("This installation takes no payments."))
    return committer.run(partial(_set_up, workspace_id, is_on, below_nano, amount_nano, daily_most_nano, actor))


def _set_up(
    workspace_id: UUID, is_on: bool, below_nano: int, amount_nano: int, daily_most_nano: int, actor: str
) -> AutoTopUp:
    workspace = Workspace.objects.filter(pk=workspace_id).first()
    if workspace is None:
        raise NotFound(_("There is no such workspace."))
    auto = AutoTopUp.objects.select_for_update().filter(pk=workspace_id).first() or AutoTopUp(workspace=workspace)
    if is_on:
        if not auto.payment_method:
            raise Conflict(_("There is no payment method yet: top up once and let it be remembered."))
        topups.check_amount(amount_nano, workspace.currency)
        if daily_most_nano < amount_nano:
            text = _("The most of a day is at least one top-up.")
            raise Invalid(text, {"daily_most": [text]})
        auto.below_nano, auto.amount_nano, auto.daily_most_nano = below_nano, amount_nano, daily_most_nano
    auto.is_on, auto.failures, auto.not_before, auto.actor = is_on, 0, None, actor[:80]
    auto.save()
    return auto


def forget_method(*, workspace_id: UUID) -> None:
    """Forget with what a workspace pays by itself, here and at the provider; it no longer does."""
    method = committer.run(partial(_forget, workspace_id))
    if method:
        try:
            gateway.detach(method)
        except WukongError as error:  # here it is forgotten, nothing will be paid with it
            _log.warning("the provider has not forgotten the payment method %s: %s", method, error.message)


def _forget(workspace_id: UUID) -> str:
    auto = AutoTopUp.objects.select_for_update().filter(pk=workspace_id).first()
    if auto is None:
        return ""
    method = auto.payment_method
    auto.is_on, auto.customer, auto.payment_method, auto.method_label = False, "", "", ""
    auto.save(update_fields=["is_on", "customer", "payment_method", "method_label"])
    return method


def run() -> int:
    """Top up every workspace that is below its mark; returns how many that were. Raises Unavailable."""
    available = F("balance_nano") - F("held_nano") + F("credit_limit_nano")
    wallets = Wallet.objects.filter(workspace=OuterRef("pk")).annotate(available=available)
    is_low = Exists(wallets.filter(available__lt=OuterRef("below_nano")))
    low = list(AutoTopUp.objects.on(now()).filter(is_low).values_list("pk", flat=True))
    planned = [topup for topup in (committer.run(partial(_plan, pk)) for pk in low) if topup is not None]
    for topup in planned:
        pay(topup)
    return len(planned)


def _plan(workspace_id: UUID) -> TopUp | None:
    """Write down that a payment is about to be asked for; None where it may not be.

    Everything is looked at again, in this order: another process may have topped up, or failed, since `run` looked.
    """
    mine = AutoTopUp.objects.on(now()).filter(pk=workspace_id)
    auto = mine.select_for_update(of=("self",)).first()
    of_workspace = TopUp.objects.filter(workspace=workspace_id, is_auto=True)
    if auto is None or of_workspace.pending().exists():
        return None
    if Wallet.objects.get(workspace=workspace_id).available_nano >= auto.below_nano:
        return None
    zone = ZoneInfo(auto.workspace.time_zone)
    start = midnight(now().astimezone(zone).date(), zone)
    today = TopUp.objects.automatic_since(workspace_id, start).aggregate(sum=Sum("amount_nano"))["sum"] or 0
    if today + auto.amount_nano > auto.daily_most_nano:
        return None
    return TopUp.objects.create(
        workspace=auto.workspace,
        key=f"auto:{new_id()}",
        amount_nano=auto.amount_nano,
        currency=auto.workspace.currency,
        is_auto=True,
        actor="system",
    )


def pay(topup: TopUp) -> TopUp:
    """Ask for the payment of an automatic top-up, once; raises Unavailable when nobody knows whether it was made."""
    auto = AutoTopUp.objects.get(pk=topup.workspace_id)
    try:
        paid = gateway.charge(
            topup=str(topup.pk),
            workspace=str(topup.workspace_id),
            coins=coins.to_coins(topup.amount_nano, topup.currency),
            currency=topup.currency,
            customer=auto.customer,
            method=auto.payment_method,
        )
    except (Conflict, NotFound, Invalid) as error:
        return topups.give_up(topup, error.message)
    return topups.take(topup, paid)


def go_on(topup: TopUp) -> TopUp:
    """Find out what became of a payment of which nothing was heard; ask for it again if it was never made."""
    if topup.payment_intent or topup.state != TopUpState.OPEN:
        return topups.look(topup)
    customer = AutoTopUp.objects.get(pk=topup.workspace_id).customer
    if not customer:  # if it was paid after all, its event books it
        return topups.give_up(topup, _("The payment method was forgotten meanwhile."))
    found = gateway.payment_for(str(topup.pk), customer)
    if found is not None:
        return topups.take(topup, found)
    if topup.created_at > now() - KEYS_LIVE:
        return pay(topup)
    return topups.give_up(topup, _("The payment provider did not answer for a day."))
