"""One page of the ledger: the rows that a batch of ops is about, locked, changed in memory, written back at once.

Locks are taken in one order, everywhere: wallets by id. Holds and budget windows belong to one wallet each and are
changed under its lock alone, so they need none of their own. Event streams come last.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Model
from django.utils.translation import gettext as _

from billing import cards, ops, rows
from billing.models import (
    Account,
    AccountKind,
    BudgetWindow,
    Hold,
    HoldState,
    RateCard,
    Transfer,
    TransferCode,
    UsageRecord,
    Wallet,
)
from billing.pricing import Tariff
from workspaces.events import services as events
from workspaces.people.models import Workspace
from wukong.kernel.clock import now
from wukong.kernel.errors import NotFound
from wukong.kernel.money import money_json, parse_amount

WALLET_FIELDS = ("balance_nano", "held_nano")
WINDOW_FIELDS = ("limit_nano", "spent_nano", "held_nano")
HOLD_GROWN = ("amount_nano", "max_tokens", "checkpoint_tokens", "heartbeat_at", "expires_at")
HOLD_ENDED = ("captured_nano", "state", "closed_at", "reason")


@dataclass(slots=True)
class _Rows:
    """Rows of one model that the page has made or changed."""

    new: list[Any] = field(default_factory=list)
    changed: dict[Any, Any] = field(default_factory=dict)

    def touch(self, row: Model) -> None:
        """Note that a row was changed; a new one is written as it is in the end."""
        self.changed[row.pk] = row

    def write(self, fields: Sequence[str], made: Sequence[Model] = ()) -> None:
        """Insert what is new, update the rest; `made` were inserted elsewhere, as they are in the end."""
        rows.insert(self.new)
        known = {row.pk for row in [*self.new, *made]}
        rows.update([row for pk, row in self.changed.items() if pk not in known], fields)


class Page:
    """The rows of a batch. Reading it locks; `write` is the last thing before the commit."""

    def __init__(self, batch: Sequence["ops.Op[Any]"]) -> None:
        self.at: datetime = now()
        on_calls = [op for op in batch if isinstance(op, ops.OnCall)]
        holds = [op for op in on_calls if isinstance(op, ops.Hold)]
        credits = [op for op in batch if isinstance(op, ops.Credit)]
        self._new_accounts: list[Account] = []
        self._wallets, self._windows, self._holds, self._ended = _Rows(), _Rows(), _Rows(), _Rows()
        self._new_transfers: list[Transfer] = []
        self._new_records: list[UsageRecord] = []
        self._moved: dict[UUID, set[tuple[str, UUID | None]]] = {}
        self._platform: dict[tuple[str, str], Account] = {}

        self.transfers: dict[str, Transfer] = {}
        self._load_wallets(
            owners={op.workspace_id for op in batch if isinstance(op, ops.Hold | ops.OnWallet)},
            keys=[op.key for op in on_calls if not isinstance(op, ops.Hold)],
        )
        self.holds = {row.key: row for row in rows.load(Hold, "key", [op.key for op in on_calls])}
        ended = [hold.key for hold in self.holds.values() if hold.state != HoldState.PENDING]
        self.records = {row.key: row for row in rows.load(UsageRecord, "key", ended)}
        self.transfers |= {row.key: row for row in rows.load(Transfer, "key", [op.key for op in credits])}
        self._load_windows({op.run for op in holds if op.run is not None})
        self._cards: dict[tuple[str, str], RateCard] = {}
        self._load_cards(holds)

    # --- reading -----------------------------------------------------------------------------------------------------
    def _load_wallets(self, owners: set[UUID], keys: list[str]) -> None:
        ids = rows.column(Wallet, "account", "workspace", owners) | rows.column(Hold, "wallet", "key", keys)
        self.wallets: dict[UUID, Wallet] = {
            wallet.pk: wallet for wallet in rows.load(Wallet, "account", ids, lock=True)
        }
        self._by_workspace = {wallet.workspace_id: wallet for wallet in self.wallets.values()}
        if missing := owners - self._by_workspace.keys():
            for workspace in Workspace.objects.filter(pk__in=missing).order_by("pk"):
                self._open(workspace)

    def _load_windows(self, runs: set[UUID]) -> None:
        known = {hold.window_id for hold in self.holds.values() if hold.window_id is not None}
        self._run_windows = {window.scope_id: window for window in rows.load(BudgetWindow, "scope_id", runs)}
        self._window_by_id = {window.pk: window for window in self._run_windows.values()}
        for window in rows.load(BudgetWindow, "id", known - self._window_by_id.keys()):
            self._run_windows[window.scope_id] = self._window_by_id[window.pk] = window

    def _load_cards(self, holds: Sequence["ops.Hold"]) -> None:
        wanted: dict[str, set[str]] = {}
        for op in holds:
            if (wallet := self._by_workspace.get(op.workspace_id)) is not None:
                wanted.setdefault(wallet.currency, set()).add(cards.price_name(op.model))
        for currency, models in wanted.items():
            for model, card in cards.in_force(models, currency).items():
                self._cards[model, currency] = card

    def wallet(self, workspace_id: UUID) -> Wallet:
        """Return the wallet of a workspace; raises NotFound when there is no such workspace."""
        wallet = self._by_workspace.get(workspace_id)
        if wallet is None:
            raise NotFound(_("There is no such workspace."))
        return wallet

    def held(self, key: str) -> Hold | None:
        """Return a hold whose wallet is locked; one that another process has made this very moment is not there yet."""
        hold = self.holds.get(key)
        return hold if hold is not None and hold.wallet_id in self.wallets else None

    def card(self, model: str, currency: str) -> RateCard:
        """Return the card in force; raises PriceMissing."""
        card = self._cards.get((cards.price_name(model), currency))
        if card is None:
            raise cards.price_missing(model, currency)
        return card

    def tariff(self, hold: Hold) -> Tariff:
        """Return the prices at which a hold was made."""
        return cards.tariff_of_card(hold.rate_card_id)

    def window_of(self, hold: Hold) -> BudgetWindow | None:
        return self._window_by_id[hold.window_id] if hold.window_id is not None else None

    def run_window(self, run: UUID | None, wallet: Wallet) -> BudgetWindow | None:
        """Return the counter of a run, None before its first hold. Raises NotFound when it is another wallet's run."""
        window = self._run_windows.get(run) if run is not None else None
        if window is not None and window.wallet_id != wallet.pk:
            raise NotFound(_("There is no such run in this workspace."))
        return window

    # --- changing ----------------------------------------------------------------------------------------------------
    def _open(self, workspace: Workspace) -> None:
        account = Account(kind=AccountKind.WALLET, currency=workspace.currency, workspace=workspace)
        wallet = Wallet(account=account, workspace=workspace, currency=workspace.currency)
        self._new_accounts.append(account)
        self._wallets.new.append(wallet)
        self.wallets[wallet.pk] = self._by_workspace[workspace.pk] = wallet
        if welcome := parse_amount(settings.WUKONG_WELCOME_CREDIT):
            self.credit(wallet, key=f"welcome:{workspace.pk}", code=TransferCode.GRANT, nano=welcome, actor="system")

    def _account(self, kind: AccountKind, currency: str) -> Account:
        """Return the platform's account of a kind, made at its first use."""
        if (kind, currency) not in self._platform:
            for account in Account.objects.filter(workspace=None, currency=currency):
                self._platform[account.kind, currency] = account
        if (kind, currency) not in self._platform:
            made = self._platform[kind, currency] = Account(kind=kind, currency=currency)
            self._new_accounts.append(made)
        return self._platform[kind, currency]

    def credit(self, wallet: Wallet, *, key: str, code: TransferCode, nano: int, actor: str) -> None:
        """Move money into a wallet."""
        kind = AccountKind.CASH_CLEARING if code == TransferCode.TOPUP else AccountKind.GRANT_PROMO
        wallet.balance_nano += nano
        self._wallets.touch(wallet)
        transfer = rows.make(
            Transfer,
            key=key,
            debit_id=self._account(kind, wallet.currency).pk,
            credit_id=wallet.pk,
            workspace_id=wallet.workspace_id,
            amount_nano=nano,
            currency=wallet.currency,
            code=code,
            actor=actor[:80],
            occurred_at=self.at,
        )
        self._book(wallet, transfer)

    def charge(self, hold: Hold, nano: int) -> None:
        """Move money from a hold's wallet to revenue; counts it in the run's window."""
        if nano == 0:
            return
        wallet = self.wallets[hold.wallet_id]
        wallet.balance_nano -= nano
        self._wallets.touch(wallet)
        if (window := self.window_of(hold)) is not None:
            window.spent_nano += nano
            self._windows.touch(window)
        transfer = rows.make(
            Transfer,
            key=hold.key,
            debit_id=wallet.pk,
            credit_id=self._account(AccountKind.REVENUE, wallet.currency).pk,
            amount_nano=nano,
            currency=wallet.currency,
            code=TransferCode.CAPTURE,
            rate_card_id=hold.rate_card_id,
            actor=f"agent:{hold.agent}"[:80] if hold.agent else "system",
            occurred_at=self.at,
            **place_of(hold),
        )
        self._book(wallet, transfer)

    def _book(self, wallet: Wallet, transfer: Transfer) -> None:
        self.transfers[transfer.key] = transfer
        self._new_transfers.append(transfer)
        self._moved.setdefault(wallet.pk, set()).add((transfer.actor, transfer.run))

    def reserve(self, hold: Hold, nano: int) -> None:
        """Add to (or take from) what a hold reserves in wallet and window; the hold's own amount is the caller's."""
        wallet = self.wallets[hold.wallet_id]
        wallet.held_nano += nano
        self._wallets.touch(wallet)
        if (window := self.window_of(hold)) is not None:
            window.held_nano += nano
            self._windows.touch(window)

    def open_window(self, run: UUID, wallet: Wallet) -> BudgetWindow:
        """Make the counter of a run."""
        window = BudgetWindow(wallet=wallet, scope="run", scope_id=run)
        self._run_windows[run] = self._window_by_id[window.pk] = window
        self._windows.new.append(window)
        return window

    def limit(self, window: BudgetWindow, nano: int | None) -> None:
        """Set a window's limit; what is spent and held already stays within it."""
        window.limit_nano = None if nano is None else max(nano, window.spent_nano + window.held_nano)
        self._windows.touch(window)

    def add_hold(self, hold: Hold) -> None:
        self.holds[hold.key] = hold
        self._holds.new.append(hold)

    def grow(self, hold: Hold) -> None:
        """Note that a hold has lived on."""
        self._holds.touch(hold)

    def end(self, hold: Hold) -> None:
        """Note that a hold has ended."""
        self._ended.touch(hold)

    def add_record(self, record: UsageRecord) -> None:
        self.records[record.key] = record
        self._new_records.append(record)

    # --- writing -----------------------------------------------------------------------------------------------------
    def write(self) -> None:
        """Write everything, parents first, then say in the workspaces' streams what moved."""
        rows.insert(self._new_accounts)
        self._wallets.write(WALLET_FIELDS)
        self._windows.write(WINDOW_FIELDS)
        self._holds.write(HOLD_GROWN)
        self._ended.write(HOLD_ENDED, made=self._holds.new)
        rows.insert(self._new_transfers)
        rows.insert(self._new_records)
        for pk in sorted(self._moved):
            self._tell(self.wallets[pk], self._moved[pk])

    def _tell(self, wallet: Wallet, causes: Iterable[tuple[str, UUID | None]]) -> None:
        actors, runs = {actor for actor, _run in causes}, {run for _actor, run in causes}
        events.record(
            workspace_id=wallet.workspace_id,
            type="balance.moved",
            actor=actors.pop() if len(actors) == 1 else "system",
            run=runs.pop() if len(runs) == 1 else None,
            data={
                "balance": money_json(wallet.balance_nano, wallet.currency),
                "held": money_json(wallet.held_nano, wallet.currency),
                "available": money_json(wallet.available_nano, wallet.currency),
            },
        )


def place_of(hold: Hold) -> dict[str, Any]:
    """Return what a movement of a hold belongs to, as fields of a row."""
    return {name: getattr(hold, name) for name in ("workspace_id", "run", "step", "call", "project", "agent", "model")}
