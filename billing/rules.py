"""What the ledger answers to each op, and how it moves the rows of a page. A refusal moves no money."""

import logging
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _

from billing import cards, ops, pricing, rows
from billing.contracts import Authorisation, Balance, Charge, Scope, Usage
from billing.models import BudgetWindow, Hold, HoldState, TransferCode, UsageRecord, Wallet
from billing.page import Page, place_of
from wukong.kernel.errors import Conflict, IdempotencyMismatch, InsufficientFunds, Invalid, NotFound
from wukong.kernel.money import LIMIT_NANO, format_amount, money_json

HOLD_LIVES = timedelta(hours=1)
"""How long a hold stands without being extended: longer than any call, so only what nobody remembers expires."""

_log = logging.getLogger("wukong.billing")


def decide(page: Page, op: "ops.Op[Any]") -> Authorisation | Charge | Balance:
    """Return the ledger's answer and make the change; raises a WukongError when it refuses."""
    match op:
        case ops.Hold():
            return _hold(page, op)
        case ops.Extend():
            return _extend(page, op)
        case ops.Capture():
            return _capture(page, op)
        case ops.NotCharged():
            return _not_charged(page, op)
        case ops.Void():
            return _release(page, op, HoldState.VOIDED, op.reason)
        case ops.Expire():
            return _expire(page, op)
        case ops.Credit():
            return _credit(page, op)
        case ops.Open():
            return balance_of(page.wallet(op.workspace_id))
    raise TypeError(f"not an op: {op!r}")


def balance_of(wallet: Wallet) -> Balance:
    """Return what a wallet has."""
    return Balance(
        balance_nano=wallet.balance_nano,
        held_nano=wallet.held_nano,
        credit_limit_nano=wallet.credit_limit_nano,
        currency=wallet.currency,
    )


# --- reserving ------------------------------------------------------------------------------------------------------
def _hold(page: Page, op: ops.Hold) -> Authorisation:
    if (known := page.holds.get(op.key)) is not None:
        if not _is_same(known, op):
            raise _other(op.key)
        return _authorisation(known)
    wallet = page.wallet(op.workspace_id)
    card = page.card(op.model, wallet.currency)
    tariff = cards.tariff_of_card(card.pk)
    window = page.run_window(op.run, wallet)
    available, scope = _available(wallet, window, op.run_budget_nano)
    tokens = min(op.max_tokens, pricing.affordable_tokens(tariff, op.input_bound, available))
    if tokens < min(op.floor_tokens, op.max_tokens):
        needed = pricing.hold_nano(tariff, op.input_bound, op.max_tokens)
        raise _insufficient(needed, available, scope, wallet.currency)
    if window is None and op.run is not None:
        window = page.open_window(op.run, wallet)
    hold = rows.make(
        Hold,
        key=op.key,
        wallet_id=wallet.pk,
        window_id=window.pk if window is not None else None,
        rate_card_id=card.pk,
        workspace_id=wallet.workspace_id,
        run=op.run,
        step=op.step,
        call=op.call,
        project=op.project,
        agent=op.agent,
        model=cards.price_name(op.model),
        amount_nano=pricing.hold_nano(tariff, op.input_bound, tokens),
        input_bound=op.input_bound,
        asked_tokens=op.max_tokens,
        max_tokens=tokens,
        heartbeat_at=page.at,
        expires_at=page.at + HOLD_LIVES,
    )
    page.add_hold(hold)
    page.reserve(hold, hold.amount_nano)
    if window is not None:
        page.limit(window, op.run_budget_nano)
    return _authorisation(hold)


def _extend(page: Page, op: ops.Extend) -> Authorisation:
    hold = _known(page, op.key)
    if hold.state != HoldState.PENDING:
        raise Conflict(_("This call is over."))
    tariff, wallet, window = page.tariff(hold), page.wallets[hold.wallet_id], page.window_of(hold)
    hold.heartbeat_at, hold.expires_at = page.at, page.at + HOLD_LIVES
    hold.checkpoint_tokens = max(hold.checkpoint_tokens, op.checkpoint_tokens)
    page.grow(hold)
    if op.max_tokens > hold.max_tokens:
        room, scope = _available(wallet, window, _limit_of(window))
        room += hold.amount_nano
        tokens = min(op.max_tokens, pricing.affordable_tokens(tariff, hold.input_bound, room))
        if tokens <= hold.max_tokens:
            needed = pricing.hold_nano(tariff, hold.input_bound, op.max_tokens)
            raise _insufficient(needed - hold.amount_nano, room - hold.amount_nano, scope, wallet.currency)
        amount = pricing.hold_nano(tariff, hold.input_bound, tokens)
        page.reserve(hold, amount - hold.amount_nano)
        hold.amount_nano, hold.max_tokens = amount, tokens
    return _authorisation(hold)


def _available(wallet: Wallet, window: BudgetWindow | None, budget_nano: int | None) -> tuple[int, Scope]:
    """Return what may be held now, and which limit is the nearest."""
    if budget_nano is not None:
        left = budget_nano - (window.spent_nano + window.held_nano if window is not None else 0)
        if left < wallet.available_nano:
            return max(left, 0), "run"
    return max(wallet.available_nano, 0), "wallet"


def _limit_of(window: BudgetWindow | None) -> int | None:
    return window.limit_nano if window is not None else None


def _insufficient(needed: int, available: int, scope: Scope, currency: str) -> InsufficientFunds:
    missing = max(needed - available, 1)
    words = {"missing": format_amount(missing), "available": format_amount(available), "currency": currency}
    text = (
        _("The run's budget is used up: the next call needs %(missing)s %(currency)s more.")
        if scope == "run"
        else _("The balance is used up: the next call needs %(missing)s %(currency)s more than is available.")
    )
    details = {
        "scope": scope,
        "currency": currency,
        "missing": money_json(missing, currency),
        "available": money_json(available, currency),
        "missing_nano": missing,
        "available_nano": available,
        "needed_nano": needed,
    }
    return InsufficientFunds(text % words, details)


# --- ending ---------------------------------------------------------------------------------------------------------
def _capture(page: Page, op: ops.Capture) -> Charge:
    hold, record = _known(page, op.key), page.records.get(op.key)
    if record is not None:
        if record.not_charged:
            raise Conflict(_("This call was booked as not charged."))
        if usage_of(record) != op.usage:
            raise _other(op.key)
        return Charge(hold_key=op.key, amount_nano=record.amount_nano)
    if hold.state == HoldState.VOIDED:
        raise Conflict(_("The hold of this call was given back."))
    price = pricing.charge_nano(page.tariff(hold), op.usage)
    amount = min(price, hold.amount_nano)
    if hold.state == HoldState.PENDING:
        _close(page, hold, HoldState.CAPTURED, "")
        hold.captured_nano = amount
    else:  # it expired, its money may have gone elsewhere: late usage is paid from what is left
        window = page.window_of(hold)
        amount = min(amount, _available(page.wallets[hold.wallet_id], window, _limit_of(window))[0])
    if price > amount:
        _log.warning("call %s: %s nano of usage lie above its hold and are not charged", hold.call, price - amount)
    page.charge(hold, amount)
    page.add_record(_record(page, hold, op.usage, amount=amount, price=price))
    return Charge(hold_key=op.key, amount_nano=amount)


def _not_charged(page: Page, op: ops.NotCharged) -> Charge:
    hold, record = _known(page, op.key), page.records.get(op.key)
    if record is None:
        if hold.state == HoldState.PENDING:
            _close(page, hold, HoldState.VOIDED, op.reason)
        price = pricing.charge_nano(page.tariff(hold), op.usage)
        reason = op.reason[:200] or "failed"
        page.add_record(_record(page, hold, op.usage, amount=0, price=price, not_charged=reason))
    elif not record.not_charged:
        raise Conflict(_("This call was charged."))
    return Charge(hold_key=op.key, amount_nano=0)


def _release(page: Page, op: "ops.OnCall[Charge]", state: HoldState, reason: str) -> Charge:
    hold = page.held(op.key)
    if hold is not None and hold.state == HoldState.PENDING:
        _close(page, hold, state, reason)
    return Charge(hold_key=op.key, amount_nano=hold.captured_nano if hold is not None else 0)


def _expire(page: Page, op: ops.Expire) -> Charge:
    hold = page.held(op.key)
    if hold is not None and hold.expires_at > page.at:  # it was extended meanwhile
        return Charge(hold_key=op.key, amount_nano=hold.captured_nano)
    return _release(page, op, HoldState.EXPIRED, "")


def _close(page: Page, hold: Hold, state: HoldState, reason: str) -> None:
    page.reserve(hold, -hold.amount_nano)
    hold.state, hold.closed_at, hold.reason = state, page.at, reason[:200]
    page.end(hold)


# --- money in -------------------------------------------------------------------------------------------------------
def _credit(page: Page, op: ops.Credit) -> Balance:
    code = TransferCode.TOPUP if isinstance(op, ops.TopUp) else TransferCode.GRANT
    wallet = page.wallet(op.workspace_id)
    if (known := page.transfers.get(op.key)) is not None:
        if (known.credit_id, known.amount_nano, known.code) != (wallet.pk, op.amount_nano, code):
            raise _other(op.key)
        return balance_of(wallet)
    if not 0 < op.amount_nano <= LIMIT_NANO - max(wallet.balance_nano, 0):
        raise Invalid(_("An amount to add is more than 0."), {"amount": [_("An amount to add is more than 0.")]})
    page.credit(wallet, key=op.key, code=code, nano=op.amount_nano, actor=op.actor)
    return balance_of(wallet)


# --- shapes ---------------------------------------------------------------------------------------------------------
def usage_of(record: UsageRecord) -> Usage:
    """Return what a record counted."""
    return Usage(**{name: getattr(record, name) for name in UsageRecord.METERS}, estimated=record.estimated)


def _record(page: Page, hold: Hold, usage: Usage, *, amount: int, price: int, not_charged: str = "") -> UsageRecord:
    return rows.make(
        UsageRecord,
        key=hold.key,
        currency=page.wallets[hold.wallet_id].currency,
        rate_card_id=hold.rate_card_id,
        source="own" if usage.estimated else "provider",
        amount_nano=amount,
        uncharged_nano=price - amount,
        not_charged=not_charged,
        occurred_at=page.at,
        **{name: getattr(usage, name) for name in UsageRecord.METERS},
        **place_of(hold),
    )


def _authorisation(hold: Hold) -> Authorisation:
    return Authorisation(
        hold_key=hold.key, amount_nano=hold.amount_nano, max_tokens=hold.max_tokens, rate_card=hold.rate_card_id
    )


def _is_same(hold: Hold, op: ops.Hold) -> bool:
    asked = (op.workspace_id, op.run, op.step, op.project, op.agent, op.input_bound, op.max_tokens)
    known = (hold.workspace_id, hold.run, hold.step, hold.project, hold.agent, hold.input_bound, hold.asked_tokens)
    return asked == known and hold.model == cards.price_name(op.model)


def _known(page: Page, key: str) -> Hold:
    hold = page.held(key)
    if hold is None:
        raise NotFound(_("There is no hold for this call."))
    return hold


def _other(key: str) -> IdempotencyMismatch:
    return IdempotencyMismatch(_("This was done before, with other arguments."), {"key": key})
