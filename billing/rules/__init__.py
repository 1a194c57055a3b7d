"""What the ledger answers to each op, and how it moves the rows of a page. A refusal moves no money."""

from collections.abc import Callable
from typing import Any

from billing import ops
from billing.page import Page
from billing.rules import calls, wallets
from billing.rules.calls import HOLD_LIVES, last_known, usage_of
from billing.rules.refusals import balance_of

__all__ = ["HOLD_LIVES", "balance_of", "decide", "last_known", "usage_of"]


def decide(page: Page, op: "ops.Op[Any]") -> Any:
    """Return the ledger's answer (see the ops) and make the change; raises a WukongError when it refuses."""
    return _RULES[type(op)](page, op)


_RULES: dict[type, Callable[[Page, Any], Any]] = {
    ops.Hold: calls.hold,
    ops.Extend: calls.extend,
    ops.Capture: calls.capture,
    ops.NotCharged: calls.not_charged,
    ops.Void: calls.void,
    ops.Expire: calls.expire,
    ops.TopUp: wallets.credit,
    ops.Grant: wallets.credit,
    ops.Adjust: wallets.adjust,
    ops.Refund: wallets.refund,
    ops.SetCreditLimit: wallets.limit_credit,
    ops.Open: wallets.look,
    ops.Sweep: wallets.look,
    ops.SetBudget: wallets.set_budget,
    ops.DropBudget: wallets.drop_budget,
}
