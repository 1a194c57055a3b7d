"""What a movement comes from: the call that it paid for, what was held for it, and each meter at its tariff."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from billing import cards, pricing
from billing.models import Hold, HoldState, RateCard, Transfer, TransferCode, UsageRecord
from billing.page import late_key


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterLine:
    """Tokens of one kind, the price of one of them in pico-units, and their part of the price of the call."""

    meter: str
    tokens: int
    pico_per_token: int
    amount_nano: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call in full. Σ `lines` − `uncharged_nano` is what was charged for it at its end.

    `movements` are all that belong to it, oldest first: its charge, what was corrected when its own count came late,
    and adjustments that people made for it.
    """

    call: UUID
    hold: Hold | None
    record: UsageRecord | None
    card: RateCard | None
    from_tokens: int
    lines: Sequence[MeterLine]
    movements: Sequence[Transfer]

    @property
    def uncharged_nano(self) -> int:
        return self.record.uncharged_nano if self.record is not None else 0

    @property
    def charged_nano(self) -> int:
        return self.record.amount_nano if self.record is not None else 0

    @property
    def is_expired(self) -> bool:
        """Return whether its hold ended without a sign of life: its last checkpoint was charged."""
        return self.hold is not None and self.hold.state == HoldState.EXPIRED

    @property
    def is_late(self) -> bool:
        """Return whether its usage was booked after its hold had ended."""
        hold = self.hold
        if hold is None or not self.is_expired:
            return False
        after = self.record is not None and hold.closed_at is not None and self.record.occurred_at > hold.closed_at
        return after or any(row.key == late_key(hold) for row in self.movements)

    @property
    def given_back_nano(self) -> int:
        """Return what of the hold went back to the wallet when it ended."""
        hold = self.hold
        return 0 if hold is None or hold.state == HoldState.PENDING else hold.amount_nano - hold.captured_nano


def call_of(transfer: Transfer) -> Call | None:
    """Return the call that a movement belongs to; None: it belongs to none."""
    if transfer.call is None:
        return None
    key = f"call:{transfer.call}"
    of_workspace = Transfer.objects.filter(workspace_id=transfer.workspace_id).select_related("debit")
    corrections = of_workspace.filter(code=TransferCode.ADJUST, call=transfer.call)
    charge = of_workspace.filter(key=key)
    hold = Hold.objects.filter(key=key, workspace_id=transfer.workspace_id).first()
    record = UsageRecord.objects.filter(key=key, workspace_id=transfer.workspace_id).first()
    card = RateCard.objects.filter(pk=record.rate_card_id).first() if record is not None else None
    start, lines = (0, []) if record is None else lines_of(record)
    return Call(
        call=transfer.call,
        hold=hold,
        record=record,
        card=card,
        from_tokens=start,
        lines=lines,
        movements=sorted([*charge, *corrections], key=lambda row: row.pk),
    )


def lines_of(record: UsageRecord) -> tuple[int, list[MeterLine]]:
    """Return the tier of a call (from so many tokens in; 0: the first) and its meters at the prices of that tier.

    The parts make up the price of the call, which is rounded once, to the nano-unit.
    """
    tariff = cards.tariff_of_card(record.rate_card_id)
    tokens = [getattr(record, name) for name in UsageRecord.METERS]
    start, parts = pricing.by_meter_nano(tariff, tokens, record.amount_nano + record.uncharged_nano)
    rows = zip(tariff.at(start).by_meter().items(), tokens, parts, strict=True)
    found = [
        MeterLine(meter=meter, tokens=count, pico_per_token=pico, amount_nano=part)
        for (meter, pico), count, part in rows
    ]
    return start, [line for line in found if line.tokens or line.amount_nano]
