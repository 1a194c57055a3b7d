"""One page of the ledger: the rows that a batch of ops is about, locked, changed in memory, written back at once.

Locks are taken in one order, everywhere: wallets by id. Holds, lots and counters belong to one wallet each and are
changed under its lock alone, so they need none of their own. Event streams come last.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _

from billing import cards, ops
from billing.counters import Counters
from billing.models import (
    Account,
    AccountKind,
    Alert,
    BudgetWindow,
    Hold,
    HoldState,
    LotCategory,
    RateCard,
    Transfer,
    TransferCode,
    UsageRecord,
    Wallet,
)
from billing.pricing import Tariff
from billing.purse import Purses
from billing.written import Written
from workspaces.events import services as events
from workspaces.people.models import Workspace
from wukong.kernel import rows
from wukong.kernel.clock import now
from wukong.kernel.errors import NotFound
from wukong.kernel.money import money_json, parse_amount

LATE = ":late"
WALLET_FIELDS = ("balance_nano", "held_nano", "credit_limit_nano")
HOLD_GROWN = ("amount_nano", "max_tokens", "checkpoint_tokens", "heartbeat_at", "expires_at")
HOLD_ENDED = ("captured_nano", "state", "closed_at", "reason")
PLACE = ("workspace_id", "run", "step", "call", "project", "swarm", "agent", "model")
_COMES_FROM = {
    TransferCode.TOPUP: AccountKind.CASH_CLEARING,
    TransferCode.GRANT: AccountKind.GRANT_PROMO,
    TransferCode.ADJUST: AccountKind.REVENUE,
}
_GOES_TO = {
    TransferCode.CAPTURE: AccountKind.REVENUE,
    TransferCode.ADJUST: AccountKind.REVENUE,
    TransferCode.REFUND: AccountKind.CASH_CLEARING,
    TransferCode.EXPIRE: AccountKind.BREAKAGE,
}


class Page:
    """The rows of a batch. Reading it locks; `write` is the last thing before the commit."""

    def __init__(self, batch: Sequence["ops.Op[Any]"]) -> None:
        on_calls = [op for op in batch if isinstance(op, ops.OnCall)]
        holds = [op for op in on_calls if isinstance(op, ops.Hold)]
        changes = [op for op in batch if isinstance(op, ops.SetBudget | ops.DropBudget)]
        keyed = [op.key for op in batch if isinstance(op, ops.Credit | ops.Adjust | ops.Refund)]
        self._new_accounts: list[Account] = []
        self._wallets, self._holds, self._ended = Written(), Written(), Written()
        self._new_transfers: list[Transfer] = []
        self._new_records: list[UsageRecord] = []
        self._moved: dict[UUID, set[tuple[str, UUID | None]]] = {}
        self._alerts: list[Alert] = []
        self._platform: dict[tuple[str, str], Account] = {}

        self.transfers: dict[str, Transfer] = {}
        owned = ops.Hold | ops.OnWallet | ops.SetBudget | ops.DropBudget
        owners = {op.workspace_id for op in batch if isinstance(op, owned)}
        keys = [op.key for op in on_calls if not isinstance(op, ops.Hold)]
        missing = self._load_wallets(owners, keys)
        # Under the locks: who has closed a period under them finds nothing booked in it later.
        self.at: datetime = now()
        self.purses = Purses(self.at, self.wallets.keys())
        self.holds = {row.key: row for row in rows.load(Hold, "key", [op.key for op in on_calls])}
        ended = [hold.key for hold in self.holds.values() if hold.state != HoldState.PENDING]
        self.records = {row.key: row for row in rows.load(UsageRecord, "key", ended)}
        keyed += [late_key(hold) for hold in self.holds.values() if hold.state == HoldState.EXPIRED]
        self.transfers |= {row.key: row for row in rows.load(Transfer, "key", keyed)}
        for workspace in Workspace.objects.filter(pk__in=missing).order_by("pk") if missing else ():
            self._open(workspace)
        self.counters = Counters(self.at, holds, changes, self.holds.values(), self._by_workspace.keys())
        self._expire_lots()
        self._cards: dict[tuple[str, str], RateCard] = {}
        self._pinned: dict[tuple[UUID, str], RateCard] = {}
        self._load_cards(holds)

    # --- reading -----------------------------------------------------------------------------------------------------
    def _load_wallets(self, owners: set[UUID], keys: list[str]) -> set[UUID]:
        """Lock the wallets; returns the workspaces that have none yet."""
        wanted = rows.select(Wallet, "account", "workspace", owners) + rows.select(Hold, "wallet", "key", keys)
        locked = rows.load_selected(Wallet, "account", wanted, lock=True)
        self.wallets: dict[UUID, Wallet] = {wallet.account_id: wallet for wallet in locked}
        self._by_workspace = {wallet.workspace_id: wallet for wallet in self.wallets.values()}
        return owners - self._by_workspace.keys()

    def _load_cards(self, holds: Sequence["ops.Hold"]) -> None:
        wanted: dict[str, set[str]] = {}
        for op in holds:
            if (wallet := self._by_workspace.get(op.workspace_id)) is not None:
                wanted.setdefault(wallet.currency, set()).add(cards.price_name(op.model))
        for currency, models in wanted.items():
            for model, card in cards.in_force(models, currency, self.at).items():
                self._cards[model, currency] = card
        names = set().union(*wanted.values())
        self._pinned = cards.pinned({op.workspace_id for op in holds}, names)

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

    def card(self, model: str, wallet: Wallet) -> RateCard:
        """Return the card that a wallet's workspace keeps, or the one in force; raises PriceMissing."""
        name = cards.price_name(model)
        card = self._pinned.get((wallet.workspace_id, name)) or self._cards.get((name, wallet.currency))
        if card is None:
            raise cards.price_missing(model, wallet.currency)
        return card

    def tariff(self, hold: Hold) -> Tariff:
        """Return the prices at which a hold was made."""
        return cards.tariff_of_card(hold.rate_card_id)

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
            for account in rows.load(Account, "currency", [currency], also=" AND workspace_id IS NULL"):
                self._platform[account.kind, currency] = account
        if (kind, currency) not in self._platform:
            made = self._platform[kind, currency] = Account(kind=kind, currency=currency)
            self._new_accounts.append(made)
        return self._platform[kind, currency]

    def credit(
        self,
        wallet: Wallet,
        *,
        key: str,
        code: TransferCode,
        nano: int,
        actor: str,
        note: str = "",
        priority: int = 50,
        expires_at: datetime | None = None,
        **place: Any,
    ) -> None:
        """Move money into a wallet; it is a lot of its own there.

        Only a top-up is money that somebody has paid and that may be paid back. Which lots a call has drawn is not
        written down: what a correction gives back may have been a gift, and is one.
        """
        wallet.balance_nano += nano
        category = LotCategory.PAID if code == TransferCode.TOPUP else LotCategory.PROMO
        self.purses.add(wallet, key, nano, category=category, priority=priority, expires_at=expires_at)
        kind = _COMES_FROM[code]
        self._move(wallet, self._account(kind, wallet.currency).pk, wallet.pk, key, code, nano, actor, note, **place)

    def debit(
        self, wallet: Wallet, *, key: str, code: TransferCode, nano: int, actor: str, note: str = "", **place: Any
    ) -> None:
        """Move money out of a wallet. Its lots are the caller's, who knows which."""
        wallet.balance_nano -= nano
        kind = _GOES_TO[code]
        self._move(wallet, wallet.pk, self._account(kind, wallet.currency).pk, key, code, nano, actor, note, **place)

    def _move(
        self,
        wallet: Wallet,
        debit: UUID,
        credit: UUID,
        key: str,
        code: TransferCode,
        nano: int,
        actor: str,
        note: str,
        **place: Any,
    ) -> None:
        self._wallets.touch(wallet)
        transfer = rows.make(
            Transfer,
            key=key,
            debit_id=debit,
            credit_id=credit,
            amount_nano=nano,
            currency=wallet.currency,
            code=str(code),
            actor=actor[:80],
            note=note[:200],
            occurred_at=self.at,
            booked_at=self.at,
            created_at=self.at,
            **{"workspace_id": wallet.workspace_id, **place},
        )
        self.transfers[transfer.key] = transfer
        self._new_transfers.append(transfer)
        self._moved.setdefault(wallet.pk, set()).add((transfer.actor, transfer.run))

    def charge(self, hold: Hold, nano: int) -> None:
        """Move money from a hold's wallet to revenue; counts it in the hold's counters."""
        if nano == 0:
            return
        wallet = self.wallets[hold.wallet_id]
        self.purses.draw(wallet, nano)
        actor = f"agent:{hold.agent}" if hold.agent else "system"
        self.debit(
            wallet,
            key=hold.key,
            code=TransferCode.CAPTURE,
            nano=nano,
            actor=actor,
            rate_card_id=hold.rate_card_id,
            **place_of(hold),
        )
        self._alerts += self.counters.spend(hold, nano)

    def correct(self, hold: Hold, nano: int, key: str, note: str) -> None:
        """Move what a hold was charged too little (negative: too much) after its charge, in its counters, too."""
        wallet = self.wallets[hold.wallet_id]
        move: dict[str, Any] = {
            "key": key,
            "code": TransferCode.ADJUST,
            "nano": abs(nano),
            "actor": "system",
            "note": note,
        }
        if nano < 0:
            self.credit(wallet, **move, **place_of(hold))
        else:
            self.purses.draw(wallet, nano)
            self.debit(wallet, **move, **place_of(hold))
        self._alerts += self.counters.spend(hold, nano)

    def reserve(self, hold: Hold, nano: int) -> None:
        """Add to (or take from) what a hold reserves in wallet and counters; the hold's own amount is the caller's."""
        wallet = self.wallets[hold.wallet_id]
        wallet.held_nano += nano
        self._wallets.touch(wallet)
        self.counters.reserve(hold, nano)

    def _expire_lots(self) -> None:
        """Take away the lots whose time is over, before anything is decided: nobody can use them any more.

        What is held for open calls stays until they have ended.
        """
        for wallet in self.wallets.values():
            for lot in self.purses.over(wallet):
                free = max(wallet.balance_nano - wallet.held_nano, 0)
                left = lot.remaining_nano
                if taken := self.purses.take(lot, free):
                    key = f"expire:{lot.pk}:{left}"
                    self.debit(wallet, key=key, code=TransferCode.EXPIRE, nano=taken, actor="system")

    def limit_credit(self, wallet: Wallet, nano: int) -> None:
        """Let a wallet be used down to minus `nano`; what it owes and holds already stays within."""
        wallet.credit_limit_nano = max(nano, wallet.held_nano - wallet.balance_nano)
        self._wallets.touch(wallet)

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
        self.purses.write()
        self.counters.write()
        self._holds.write(HOLD_GROWN)
        self._ended.write(HOLD_ENDED, made=self._holds.new)
        rows.insert(self._new_transfers)
        rows.insert(self._new_records)
        told = self.counters.write_alerts(self._alerts)
        happened = []
        for pk in sorted(self._moved.keys() | {window.wallet_id for _alert, window in told}):
            if pk in self._moved:
                happened.append(_moved(self.wallets[pk], self._moved[pk]))
            for alert, window in told:
                if window.wallet_id == pk:
                    happened.append(_reached(alert, window, self.wallets[pk].currency))
        if happened:
            events.record_all(happened)


def _moved(wallet: Wallet, causes: Iterable[tuple[str, UUID | None]]) -> events.Happening:
    actors, runs = {actor for actor, _run in causes}, {run for _actor, run in causes}
    return events.Happening(
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


def _reached(alert: Alert, window: BudgetWindow, currency: str) -> events.Happening:
    return events.Happening(
        workspace_id=alert.workspace_id,
        type="budget.reached",
        actor="system",
        data={
            "level": str(window.level),
            "name": window.name,
            "threshold": alert.threshold,
            "is_hard": window.is_hard,
            "spent": money_json(alert.spent_nano, currency),
            "limit": money_json(alert.limit_nano, currency),
        },
    )


def place_of(hold: Hold) -> dict[str, Any]:
    """Return what a movement of a hold belongs to, as fields of a row."""
    columns = vars(hold)  # past the descriptors of foreign keys, which cost more than the rest of a charge
    return {name: columns[name] for name in PLACE}


def late_key(hold: Hold) -> str:
    """Return the key of what corrects an expired hold's charge."""
    return hold.key + LATE
