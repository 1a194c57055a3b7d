"""The meter's rows. Money is nano-units of the row's currency, prices are pico-units per token, tokens are counts.

Transfers, usage records and rate cards are append-only, holds only ever leave `pending`: triggers of both databases see
to that (migration 0002; a later migration that alters one of these tables on SQLite has to put its triggers back).
Ids of runs, steps, calls and projects are bare: the meter does not know the appliances.
"""

from billing.models.accounts import Account, AccountKind, Lot, LotCategory, Wallet
from billing.models.budgets import Alert, Budget, BudgetWindow, Level, Period
from billing.models.movements import (
    Hold,
    HoldState,
    Placed,
    Transfer,
    TransferCode,
    UsageRecord,
)
from billing.models.payments import (
    AutoTopUp,
    ReturnKind,
    ReturnState,
    StripeEvent,
    TopUp,
    TopUpReturn,
    TopUpState,
)
from billing.models.proposals import PricePin, PriceProposal, ProposalState
from billing.models.rates import Rate, RateCard
from billing.models.statements import MeterReading, Statement, StatementLine
from billing.models.truth import DriftAlert, RejectedBy, Rejection

__all__ = [
    "Account",
    "AccountKind",
    "Alert",
    "AutoTopUp",
    "Budget",
    "BudgetWindow",
    "DriftAlert",
    "Hold",
    "HoldState",
    "Level",
    "Lot",
    "LotCategory",
    "MeterReading",
    "Period",
    "Placed",
    "PricePin",
    "PriceProposal",
    "ProposalState",
    "Rate",
    "RateCard",
    "RejectedBy",
    "Rejection",
    "ReturnKind",
    "ReturnState",
    "Statement",
    "StatementLine",
    "StripeEvent",
    "TopUp",
    "TopUpReturn",
    "TopUpState",
    "Transfer",
    "TransferCode",
    "UsageRecord",
    "Wallet",
]
