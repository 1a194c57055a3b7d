"""What the ledger says when it refuses, and what may be held at all."""

from collections.abc import Iterable
from typing import cast

from django.utils.translation import gettext as _

from billing.contracts import Balance, Scope
from billing.counters import Limit
from billing.models import Wallet
from wukong.kernel.errors import IdempotencyMismatch, InsufficientFunds
from wukong.kernel.money import format_amount, money_json


def balance_of(wallet: Wallet) -> Balance:
    """Return what a wallet has."""
    return Balance(
        balance_nano=wallet.balance_nano,
        held_nano=wallet.held_nano,
        credit_limit_nano=wallet.credit_limit_nano,
        currency=wallet.currency,
    )


def available_of(wallet: Wallet, limits: Iterable[Limit]) -> int:
    """Return what may be held now."""
    return max(left_of(wallet, limits)[0], 0)


def left_of(wallet: Wallet, limits: Iterable[Limit]) -> tuple[int, Scope]:
    """Return what the nearest limit leaves, and which one that is; below nothing where more is spent or held."""
    nearest, scope = wallet.available_nano, "wallet"
    for limit in limits:
        left = limit.left_nano
        if left is not None and left < nearest:
            nearest, scope = left, str(limit.level)
    return nearest, cast("Scope", scope)


def insufficient(needed: int, left: int, scope: Scope, currency: str) -> InsufficientFunds:
    """Return a refusal. `needed` is for the whole call: with less its answer would be cut, and paid for all the same.

    `left` is that of the nearest limit: what is spent beyond it is missing, too.
    """
    missing, available = max(needed - left, 1), max(left, 0)
    words = {"missing": format_amount(missing), "available": format_amount(available), "currency": currency}
    text = {
        "wallet": _("The balance is used up: the next call needs %(missing)s %(currency)s more than is available."),
        "run": _("The run's budget is used up: the next call needs %(missing)s %(currency)s more."),
        "agent": _("The agent's budget is used up: the next call needs %(missing)s %(currency)s more."),
        "swarm": _("The swarm's budget is used up: the next call needs %(missing)s %(currency)s more."),
        "project": _("The project's budget is used up: the next call needs %(missing)s %(currency)s more."),
        "workspace": _("The workspace's budget is used up: the next call needs %(missing)s %(currency)s more."),
    }[scope]
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


def mismatch(key: str) -> IdempotencyMismatch:
    return IdempotencyMismatch(_("This was done before, with other arguments."), {"key": key})
