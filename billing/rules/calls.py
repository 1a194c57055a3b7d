"""Calls: what is held for them, how that grows, and how it ends."""

import logging
from datetime import timedelta

from django.utils.translation import gettext as _

from billing import cards, ops, pricing
from billing.contracts import Authorisation, Charge, Usage
from billing.models import Hold, HoldState, UsageRecord
from billing.page import Page, late_key, place_of
from billing.rules.refusals import available_of, insufficient, left_of, mismatch
from wukong.kernel import rows
from wukong.kernel.errors import Conflict, NotFound

HOLD_LIVES = timedelta(seconds=120)
"""How long a hold stands without a sign of life of its call, which gives one every thirty seconds (`extend`)."""

_log = logging.getLogger("wukong.billing")


# --- reserving ------------------------------------------------------------------------------------------------------
def hold(page: Page, op: ops.Hold) -> Authorisation:
    if (known := page.holds.get(op.key)) is not None:
        if not _is_same(known, op):
            raise mismatch(op.key)
        return _authorisation(known)
    wallet = page.wallet(op.workspace_id)
    card = page.card(op.model, wallet)
    tariff = cards.tariff_of_card(card.pk)
    limits = page.counters.of(op, wallet)
    left, scope = left_of(wallet, limits)
    tokens = min(op.max_tokens, pricing.affordable_tokens(tariff, op.input_bound, left))
    if tokens < min(op.floor_tokens, op.max_tokens):
        needed = pricing.hold_nano(tariff, op.input_bound, op.max_tokens)
        raise insufficient(needed, left, scope, wallet.currency)
    hold = rows.make(
        Hold,
        key=op.key,
        wallet_id=wallet.pk,
        rate_card_id=card.pk,
        workspace_id=wallet.workspace_id,
        run=op.run,
        step=op.step,
        call=op.call,
        project=op.project,
        swarm=op.swarm,
        agent=op.agent,
        model=cards.price_name(op.model),
        amount_nano=pricing.hold_nano(tariff, op.input_bound, tokens),
        input_bound=op.input_bound,
        input_guess=min(op.input_guess, op.input_bound),
        asked_tokens=op.max_tokens,
        max_tokens=tokens,
        question=op.question,
        repeated_tokens=op.repeated_tokens,
        created_at=page.at,
        heartbeat_at=page.at,
        expires_at=page.at + HOLD_LIVES,
        **page.counters.open(limits, wallet),
    )
    page.add_hold(hold)
    page.reserve(hold, hold.amount_nano)
    return _authorisation(hold)


def extend(page: Page, op: ops.Extend) -> Authorisation:
    hold = _known(page, op.key)
    if hold.state != HoldState.PENDING:
        raise Conflict(_("This call is over."))
    tariff, wallet = page.tariff(hold), page.wallets[hold.wallet_id]
    hold.heartbeat_at, hold.expires_at = page.at, page.at + HOLD_LIVES
    hold.checkpoint_tokens = max(hold.checkpoint_tokens, op.checkpoint_tokens)
    page.grow(hold)
    if op.max_tokens > hold.max_tokens:
        left, scope = left_of(wallet, page.counters.of_hold(hold))
        room = max(left, 0) + hold.amount_nano
        tokens = min(op.max_tokens, pricing.affordable_tokens(tariff, hold.input_bound, room))
        if tokens <= hold.max_tokens:
            needed = pricing.hold_nano(tariff, hold.input_bound, op.max_tokens)
            raise insufficient(needed - hold.amount_nano, left, scope, wallet.currency)
        amount = pricing.hold_nano(tariff, hold.input_bound, tokens)
        page.reserve(hold, amount - hold.amount_nano)
        hold.amount_nano, hold.max_tokens = amount, tokens
    return _authorisation(hold)


# --- ending ---------------------------------------------------------------------------------------------------------
def capture(page: Page, op: ops.Capture) -> Charge:
    hold, record = _known(page, op.key), page.records.get(op.key)
    if record is not None:
        if record.not_charged:
            raise Conflict(_("This call was booked as not charged."))
        if _is_swept(hold) and usage_of(record) != op.usage:
            price = min(pricing.charge_nano(page.tariff(hold), op.usage), hold.amount_nano)
            return _correct(page, hold, record, price, _("The call's own count came late."))
        if usage_of(record) != op.usage:
            raise mismatch(op.key)
        return Charge(hold_key=op.key, amount_nano=record.amount_nano)
    if hold.state == HoldState.VOIDED:
        raise Conflict(_("The hold of this call was given back."))
    price = pricing.charge_nano(page.tariff(hold), op.usage)
    amount = min(price, hold.amount_nano)
    if hold.state == HoldState.PENDING:
        _close(page, hold, HoldState.CAPTURED, "")
        hold.captured_nano = amount
    else:  # it expired, its money may have gone elsewhere: late usage is paid from what is left
        amount = min(amount, available_of(page.wallets[hold.wallet_id], page.counters.of_hold(hold)))
    if price > amount:
        _log.warning("call %s: %s nano of usage lie above its hold and are not charged", hold.call, price - amount)
    page.charge(hold, amount)
    page.add_record(_record(page, hold, op.usage, amount=amount, price=price, counted=op.counted_tokens))
    return Charge(hold_key=op.key, amount_nano=amount)


def not_charged(page: Page, op: ops.NotCharged) -> Charge:
    hold, record = _known(page, op.key), page.records.get(op.key)
    if record is None:
        if hold.state == HoldState.PENDING:
            _close(page, hold, HoldState.VOIDED, op.reason)
        price = pricing.charge_nano(page.tariff(hold), op.usage)
        reason = op.reason[:200] or "failed"
        page.add_record(_record(page, hold, op.usage, amount=0, price=price, not_charged=reason))
    elif _is_swept(hold) and record.amount_nano:
        return _correct(page, hold, record, 0, op.reason)
    elif not record.not_charged:
        raise Conflict(_("This call was charged."))
    return Charge(hold_key=op.key, amount_nano=0)


def _is_swept(hold: Hold) -> bool:
    """Return whether the sweep charged a hold by its checkpoint; without one, what is booked is the call's own word."""
    return hold.state == HoldState.EXPIRED and hold.checkpoint_tokens > 0


def _correct(page: Page, hold: Hold, record: UsageRecord, price: int, note: str) -> Charge:
    """Adjust what an expired hold was charged to what its call has cost, once, in its counters, too.

    What is missing is taken as far as there is money left under every limit; the answer says what was paid in all.
    """
    key, wallet = late_key(hold), page.wallets[hold.wallet_id]
    known = page.transfers.get(key)
    if known is not None:
        more = known.amount_nano if known.debit_id == wallet.pk else -known.amount_nano
        return Charge(hold_key=hold.key, amount_nano=record.amount_nano + more)
    more = price - record.amount_nano
    if more > 0:
        more = min(more, available_of(wallet, page.counters.of_hold(hold)))
    if more:
        page.correct(hold, more, key, note)
    return Charge(hold_key=hold.key, amount_nano=record.amount_nano + more)


def _release(page: Page, op: "ops.OnCall[Charge]", state: HoldState, reason: str) -> Charge:
    hold = page.held(op.key)
    if hold is not None and hold.state == HoldState.PENDING:
        _close(page, hold, state, reason)
    return _paid(page, hold, op.key)


def _paid(page: Page, hold: Hold | None, key: str) -> Charge:
    record = page.records.get(key)  # what came after the end of a hold stands there alone
    paid = record.amount_nano if record is not None else hold.captured_nano if hold is not None else 0
    return Charge(hold_key=key, amount_nano=paid)


def expire(page: Page, op: ops.Expire) -> Charge:
    hold = page.held(op.key)
    if hold is None or hold.state != HoldState.PENDING or hold.expires_at > page.at:  # it was extended meanwhile
        return _paid(page, hold, op.key)
    usage = last_known(hold)
    if usage.total_tokens == 0:
        return _release(page, op, HoldState.EXPIRED, "")
    price = pricing.charge_nano(page.tariff(hold), usage)
    amount = min(price, hold.amount_nano)
    _close(page, hold, HoldState.EXPIRED, "")
    hold.captured_nano = amount
    page.charge(hold, amount)
    page.add_record(_record(page, hold, usage, amount=amount, price=price))
    return Charge(hold_key=op.key, amount_nano=amount)


def _close(page: Page, hold: Hold, state: HoldState, reason: str) -> None:
    page.reserve(hold, -hold.amount_nano)
    hold.state, hold.closed_at, hold.reason = state, page.at, reason[:200]
    page.end(hold)


def void(page: Page, op: ops.Void) -> Charge:
    return _release(page, op, HoldState.VOIDED, op.reason)


def last_known(hold: Hold) -> Usage:
    """Return what a call is charged for that is never heard of again.

    Nothing, when nothing is known to have come: the provider has most likely not answered.
    """
    written = hold.checkpoint_tokens
    return Usage(input_tokens=hold.input_guess if written else 0, output_tokens=written, estimated=True)


# --- shapes ---------------------------------------------------------------------------------------------------------
def usage_of(record: UsageRecord) -> Usage:
    """Return what a record counted."""
    return Usage(**{name: getattr(record, name) for name in UsageRecord.METERS}, estimated=record.estimated)


def _record(
    page: Page, hold: Hold, usage: Usage, *, amount: int, price: int, not_charged: str = "", counted: int | None = None
) -> UsageRecord:
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
        created_at=page.at,
        own_input_tokens=hold.input_guess or None,
        own_output_tokens=counted,
        question=hold.question,
        repeated_tokens=hold.repeated_tokens,
        **{name: getattr(usage, name) for name in UsageRecord.METERS},
        **place_of(hold),
    )


def _authorisation(hold: Hold) -> Authorisation:
    return Authorisation(
        hold_key=hold.key, amount_nano=hold.amount_nano, max_tokens=hold.max_tokens, rate_card=hold.rate_card_id
    )


def _is_same(hold: Hold, op: ops.Hold) -> bool:
    asked = (op.workspace_id, op.run, op.step, op.project, op.swarm, op.agent, op.input_bound, op.max_tokens)
    known = (
        *(hold.workspace_id, hold.run, hold.step, hold.project, hold.swarm, hold.agent),
        *(hold.input_bound, hold.asked_tokens),
    )
    return asked == known and hold.model == cards.price_name(op.model)


def _known(page: Page, key: str) -> Hold:
    hold = page.held(key)
    if hold is None:
        raise NotFound(_("There is no hold for this call."))
    return hold
