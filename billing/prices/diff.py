"""How two price lists differ. Pure."""

from billing.meters import METERS
from billing.prices.contracts import PriceChange
from billing.pricing import Tariff


def changes(old: Tariff | None, new: Tariff) -> list[PriceChange]:
    """Return each price of `new` that is not that of `old`, by tier and meter; all of them without an `old`.

    A tier of one of the two is compared with what the other asks for so much input.
    """
    starts = sorted({*new.starts(), *(old.starts() if old is not None else ())})
    found = []
    for start in starts:
        before, after = old.at(start).by_meter() if old is not None else {}, new.at(start).by_meter()
        found += [
            PriceChange(meter=meter, from_tokens=start, old_pico=before.get(meter), new_pico=after[meter])
            for meter in METERS
            if before.get(meter) != after[meter]
        ]
    return found


def per_million(pico: int) -> str:
    """Return a price per token as that of a million tokens, exactly, with at least two places.

    >>> per_million(2_000_000), per_million(3_625)
    ('2.00', '0.003625')
    """
    whole, rest = divmod(pico, 1_000_000)
    return f"{whole:,}.{f'{rest:06d}'.rstrip('0').ljust(2, '0')}"


def in_percent(change: PriceChange) -> str:
    """Return a change in percent, with a sign; empty where there is nothing to compare with.

    >>> in_percent(PriceChange(meter="input", from_tokens=0, old_pico=2_000_000, new_pico=2_250_000))
    '+12.5 %'
    """
    permille = change.permille
    if permille is None:
        return ""
    whole, rest = divmod(abs(permille), 10)
    return f"{'+' if permille >= 0 else '−'}{whole}.{rest} %"
