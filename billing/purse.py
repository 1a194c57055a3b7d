"""The lots of the wallets of a page: what came in when, for how long, and which of it is used first."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from billing.models import Lot, LotCategory, Wallet
from billing.written import Written
from wukong.kernel import rows

LOT_FIELDS = ("remaining_nano",)


class Purses:
    """Of one page; changed under the locks of the wallets."""

    def __init__(self, at: datetime, wallets: Collection[UUID]) -> None:
        self._at = at
        self._written = Written()
        self._lots: dict[UUID, list[Lot]] = {}
        for lot in rows.load(Lot, "wallet", wallets, also=" AND remaining_nano > 0"):
            self._lots.setdefault(lot.wallet_id, []).append(lot)
        for lots in self._lots.values():
            lots.sort(key=lambda lot: lot.rank)

    def over(self, wallet: Wallet) -> list[Lot]:
        """Return the lots whose time is over and of which something is left."""
        return [lot for lot in self._lots.get(wallet.pk, []) if lot.is_over(self._at) and lot.remaining_nano]

    def add(
        self,
        wallet: Wallet,
        key: str,
        nano: int,
        *,
        category: LotCategory = LotCategory.PAID,
        priority: int = 50,
        expires_at: datetime | None = None,
    ) -> None:
        """Note a credit that is in the balance already: what it has paid of a debt is not left of it."""
        lot = rows.make(
            Lot,
            wallet_id=wallet.pk,
            key=key,
            category=str(category),
            priority=priority,
            amount_nano=nano,
            remaining_nano=max(min(nano, wallet.balance_nano), 0),
            expires_at=expires_at,
        )
        self._written.new.append(lot)
        lots = self._lots.setdefault(wallet.pk, [])
        lots.append(lot)
        lots.sort(key=lambda one: one.rank)

    def draw(self, wallet: Wallet, nano: int) -> None:
        """Use up so much, in the order of the lots; what is more than all of them is a debt."""
        for lot in self._lots.get(wallet.pk, []):
            if nano <= 0:
                return
            nano -= self.take(lot, nano)

    def take(self, lot: Lot, nano: int) -> int:
        """Take at most so much out of one lot; returns how much it was."""
        taken = min(lot.remaining_nano, nano)
        if taken:
            lot.remaining_nano -= taken
            self._written.touch(lot)
        return taken

    def of_key(self, wallet: Wallet, key: str) -> Lot | None:
        """Return the lot that a credit has brought, if anything is left of it."""
        return next((lot for lot in self._lots.get(wallet.pk, []) if lot.key == key), None)

    def write(self) -> None:
        self._written.write(LOT_FIELDS)
