"""Wallets: money in and back, what corrects a bill, credit limits, and budgets."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from billing import ops
from billing.contracts import Balance, BudgetRow
from billing.models import Hold, LotCategory, TransferCode, Wallet
from billing.page import Page, place_of
from billing.rules.refusals import balance_of, insufficient, mismatch
from wukong.kernel.errors import Conflict, Invalid
from wukong.kernel.money import LIMIT_NANO, format_amount


# --- money in -------------------------------------------------------------------------------------------------------
def credit(page: Page, op: ops.Credit) -> Balance:
    code = TransferCode.TOPUP if isinstance(op, ops.TopUp) else TransferCode.GRANT
    wallet = page.wallet(op.workspace_id)
    if _is_booked(page, op.key, code, op.amount_nano, credit=wallet.pk):
        return balance_of(wallet)
    _check_amount(wallet, op.amount_nano)
    page.credit(
        wallet,
        key=op.key,
        code=code,
        nano=op.amount_nano,
        actor=op.actor,
        note=op.note,
        priority=op.priority,
        expires_at=op.expires_at,
    )
    return balance_of(wallet)


def adjust(page: Page, op: ops.Adjust) -> Balance:
    wallet, nano = page.wallet(op.workspace_id), abs(op.signed_nano)
    sides = {"credit": wallet.pk} if op.signed_nano > 0 else {"debit": wallet.pk}
    if _is_booked(page, op.key, TransferCode.ADJUST, nano, **sides):
        return balance_of(wallet)
    said: dict[str, Any] = {
        "key": op.key,
        "code": TransferCode.ADJUST,
        "nano": nano,
        "actor": op.actor,
        "note": op.note,
    }
    if op.signed_nano > 0:
        _check_amount(wallet, nano)
        page.credit(wallet, **said, **_place_of_call(wallet, op.call))
        return balance_of(wallet)
    if not 0 < nano <= wallet.available_nano:
        raise insufficient(nano, wallet.available_nano, "wallet", wallet.currency)
    page.purses.draw(wallet, nano)
    page.debit(wallet, **said, **_place_of_call(wallet, op.call))
    return balance_of(wallet)


def _place_of_call(wallet: Wallet, call: UUID | None) -> dict[str, Any]:
    """Return where an adjustment of a call belongs: to what the call belongs to, so that their sums stay together."""
    hold = Hold.objects.filter(wallet=wallet.pk, key=f"call:{call}").first() if call is not None else None
    return place_of(hold) if hold is not None else {"call": call}


def refund(page: Page, op: ops.Refund) -> Balance:
    wallet = page.wallet(op.workspace_id)
    if _is_booked(page, op.key, TransferCode.REFUND, op.amount_nano, debit=wallet.pk):
        return balance_of(wallet)
    lot = page.purses.of_key(wallet, op.topup)
    most = min(lot.remaining_nano, wallet.balance_nano - wallet.held_nano) if lot is not None else 0
    if lot is None or lot.category != LotCategory.PAID or not 0 < op.amount_nano <= most:
        words = {"most": format_amount(max(most, 0)), "currency": wallet.currency}
        raise Conflict(_("Of this top-up %(most)s %(currency)s can be paid back.") % words, {"most_nano": max(most, 0)})
    page.purses.take(lot, op.amount_nano)
    page.debit(wallet, key=op.key, code=TransferCode.REFUND, nano=op.amount_nano, actor=op.actor, note=op.note)
    return balance_of(wallet)


def _is_booked(page: Page, key: str, code: TransferCode, nano: int, **sides: UUID) -> bool:
    """Return whether this was done before. Raises IdempotencyMismatch if something else was, under this key."""
    known = page.transfers.get(key)
    if known is None:
        return False
    if (known.amount_nano, known.code) != (nano, code) or any(
        getattr(known, f"{side}_id") != account for side, account in sides.items()
    ):
        raise mismatch(key)
    return True


def _check_amount(wallet: Wallet, nano: int) -> None:
    if not 0 < nano <= LIMIT_NANO - max(wallet.balance_nano, 0):
        raise Invalid(_("An amount to add is more than 0."), {"amount": [_("An amount to add is more than 0.")]})


def limit_credit(page: Page, op: ops.SetCreditLimit) -> Balance:
    wallet = page.wallet(op.workspace_id)
    if not 0 <= op.limit_nano <= LIMIT_NANO:
        raise Invalid(_("A credit limit is 0 or more."), {"credit_limit": [_("A credit limit is 0 or more.")]})
    page.limit_credit(wallet, op.limit_nano)
    return balance_of(wallet)


# --- budgets --------------------------------------------------------------------------------------------------------
def set_budget(page: Page, op: ops.SetBudget) -> BudgetRow:
    wallet = page.wallet(op.workspace_id)
    return page.counters.row(page.counters.set(op), wallet.currency)


def drop_budget(page: Page, op: ops.DropBudget) -> None:
    page.wallet(op.workspace_id)
    page.counters.drop(op)


def look(page: Page, op: ops.OnWallet) -> Balance:
    """Nothing is left to do: with the page the wallet has been opened, and its lots have been swept."""
    return balance_of(page.wallet(op.workspace_id))
