"""Sharing out and rounding so that parts always make up their sum. Pure integers."""

from collections.abc import Sequence

from wukong.kernel.money import NANO

# ISO 4217: currencies without a hundredth part.
_WITHOUT_CENTS = {
    "BIF",
    "CLP",
    "DJF",
    "GNF",
    "ISK",
    "JPY",
    "KMF",
    "KRW",
    "PYG",
    "RWF",
    "UGX",
    "VND",
    "XAF",
    "XOF",
    "XPF",
}


def places_of(currency: str) -> int:
    """Return the decimal places of a bill in a currency.

    >>> places_of("EUR"), places_of("JPY")
    (2, 0)
    """
    return 0 if currency in _WITHOUT_CENTS else 2


def cent_of(currency: str) -> int:
    """Return the nano-units of the smallest coin that a bill counts in."""
    return int(NANO // 10 ** places_of(currency))


def rounded(nano: int, cent: int) -> int:
    """Return nano-units rounded to whole cents, half up.

    >>> rounded(14_999_999, 10_000_000), rounded(15_000_000, 10_000_000), rounded(-5_000_000, 10_000_000)
    (10000000, 20000000, 0)
    """
    return (nano + cent // 2) // cent * cent


def in_cents(amounts: Sequence[int], carry: int, cent: int) -> tuple[list[int], int]:
    """Return each amount as whole cents, rounded down or up, and their sum: that of the exact amounts and the carry,
    rounded once.

    `carry` is what an earlier rounding left, at least −½ and less than ½ cent. What is exactly a number of cents stays.

    >>> in_cents([14_000_000, 14_000_000, 0], 0, 10_000_000)
    ([20000000, 10000000, 0], 30000000)
    """
    total = rounded(sum(amounts) + carry, cent)
    parts = [amount // cent * cent for amount in amounts]
    order = sorted(range(len(amounts)), key=lambda place: (-(amounts[place] % cent), place))
    for place in order[: (total - sum(parts)) // cent]:
        parts[place] += cent
    return parts, total
