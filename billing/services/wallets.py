"""Money that comes into a wallet, is paid back, or corrects a bill."""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from billing import ledger, ops, rules
from billing.contracts import (
    Balance,
)
from billing.models import Lot, Wallet
from billing.payments import returns
from workspaces.people.models import Workspace
from wukong.kernel.clock import now
from wukong.kernel.errors import Invalid
from wukong.kernel.money import parse_amount

MAX_KEY = 120
SWEEP = 500


def open_wallet(*, workspace_id: UUID) -> Balance:
    """Open a workspace's wallet with its welcome credit, once; other verbs do so when they meet a new workspace."""
    return ledger.post(ops.Open(workspace_id=workspace_id))


def balance_of(workspace_id: UUID) -> Balance:
    """Return what a workspace has. Opens its wallet; inside a transaction, says what the wallet will have instead."""
    wallet = Wallet.objects.filter(workspace_id=workspace_id).first()
    if wallet is not None:
        return rules.balance_of(wallet)
    if not connection.in_atomic_block or not Workspace.objects.filter(pk=workspace_id).exists():
        return open_wallet(workspace_id=workspace_id)
    currency = Workspace.objects.values_list("currency", flat=True).get(pk=workspace_id)
    welcome = parse_amount(settings.WUKONG_WELCOME_CREDIT)
    return Balance(balance_nano=welcome, held_nano=0, credit_limit_nano=0, currency=currency)


def top_up(*, workspace_id: UUID, amount_nano: int, key: str, actor: str, note: str = "") -> Balance:
    """Add money that was paid, once for each `key`. Raises Invalid, NotFound, IdempotencyMismatch."""
    return ledger.post(
        ops.TopUp(
            workspace_id=workspace_id, amount_nano=amount_nano, key=f"topup:{_checked(key)}", actor=actor, note=note
        )
    )


def grant(
    *,
    workspace_id: UUID,
    amount_nano: int,
    key: str,
    actor: str,
    note: str = "",
    priority: int = 50,
    expires_at: datetime | None = None,
) -> Balance:
    """Add credit that is given, once for each `key`; it is used in the order of models.Lot, until it expires.

    Raises Invalid, NotFound, IdempotencyMismatch.
    """
    if not 0 <= priority <= 100 or (expires_at is not None and expires_at <= now()):
        raise Invalid(_("Credit has a priority from 0 to 100 and ends in the future."))
    return ledger.post(
        ops.Grant(
            workspace_id=workspace_id,
            amount_nano=amount_nano,
            key=f"grant:{_checked(key)}",
            actor=actor,
            note=note,
            priority=priority,
            expires_at=expires_at,
        )
    )


def adjust(
    *, workspace_id: UUID, signed_nano: int, key: str, actor: str, note: str, call: UUID | None = None
) -> Balance:
    """Correct a bill in the open period, once for each `key`: positive goes back to the wallet, negative out of it.

    Raises Invalid, NotFound, IdempotencyMismatch, and InsufficientFunds for more than is available.
    """
    return ledger.post(
        ops.Adjust(
            workspace_id=workspace_id,
            signed_nano=signed_nano,
            key=f"adjust:{_checked(key)}",
            actor=actor,
            note=_reason(note),
            call=call,
        )
    )


def refund(*, workspace_id: UUID, topup: str, amount_nano: int, key: str, actor: str, note: str) -> Balance:
    """Pay back what is left of a top-up (its key), once for each `key`; what a payment provider brought, through it.

    Raises Conflict for more than is left of it, than is free of holds, or when the provider refuses; NotFound,
    IdempotencyMismatch; Unavailable when the provider does not answer: it goes on by itself when it does.
    """
    if (paid := returns.topup_of(workspace_id, topup)) is not None:
        return returns.refund(topup=paid, amount_nano=amount_nano, key=_checked(key), actor=actor, note=_reason(note))
    return ledger.post(
        ops.Refund(
            workspace_id=workspace_id,
            topup=f"topup:{_checked(topup)}",
            amount_nano=amount_nano,
            key=f"refund:{_checked(key)}",
            actor=actor,
            note=_reason(note),
        )
    )


def set_credit_limit(*, workspace_id: UUID, limit_nano: int) -> Balance:
    """Let a workspace pay afterwards, down to minus `limit_nano`. What it owes and holds already stays within."""
    return ledger.post(ops.SetCreditLimit(workspace_id=workspace_id, limit_nano=limit_nano))


def _reason(note: str) -> str:
    if not note.strip():
        raise Invalid(_("Say why."), {"note": [_("Say why.")]})
    return note.strip()


def _checked(key: str) -> str:
    if not 0 < len(key) <= MAX_KEY:
        raise Invalid(_("A key has 1 to %(most)d characters.") % {"most": MAX_KEY})
    return key


def expire_lots() -> int:
    """Take away credit whose time is over (`tick` calls it); returns how many wallets were looked at."""
    owners = list(Lot.objects.over(now()).values_list("wallet__workspace", flat=True).distinct()[:SWEEP])
    if owners:
        ledger.apply([ops.Sweep(workspace_id=owner) for owner in owners])
    return len(owners)
