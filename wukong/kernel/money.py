"""Money as integers: nano-units of a currency (10^-9), decimal strings at the borders, never a float."""

import re
from collections.abc import Sequence

from wukong.kernel.errors import Invalid

NANO = 1_000_000_000
LIMIT_NANO = 9_000_000_000_000_000_000
_AMOUNT = re.compile(r"-?\d{1,10}(\.\d{1,9})?")


def format_amount(nano: int) -> str:
    """Return nano-units as a decimal string with nine places.

    >>> format_amount(12_345_678_901)
    '12.345678901'
    >>> format_amount(-1)
    '-0.000000001'
    """
    sign, value = ("-", -nano) if nano < 0 else ("", nano)
    return f"{sign}{value // NANO}.{value % NANO:09d}"


def short_amount(nano: int) -> str:
    """Return nano-units exactly, for a sentence: as many places as they need, at least two.

    >>> short_amount(4_974_022_000), short_amount(5 * NANO)
    ('4.974022', '5.00')
    """
    whole, _, places = format_amount(nano).partition(".")
    return f"{whole}.{places.rstrip('0').ljust(2, '0')}"


def parse_amount(text: str) -> int:
    """Return the nano-units of a decimal string with at most nine places; raises Invalid for anything else.

    >>> parse_amount("5.00")
    5000000000
    """
    if not _AMOUNT.fullmatch(text.strip()):
        raise Invalid("An amount is a number like 5 or 12.50, with at most nine decimal places.")
    sign, digits = (-1, text.strip().lstrip("-")) if text.strip().startswith("-") else (1, text.strip())
    whole, _, rest = digits.partition(".")
    nano = int(whole) * NANO + int(rest.ljust(9, "0") or "0")
    if nano > LIMIT_NANO:
        raise Invalid("An amount is at most 9,000,000,000.")
    return sign * nano


def money_json(nano: int, currency: str) -> dict[str, str]:
    """Return the shape in which the API speaks of money."""
    return {"amount": format_amount(nano), "currency": currency}


def share_out(amount: int, weights: Sequence[int]) -> list[int]:
    """Return `amount` shared out by weight, the largest remainders rounded up: the parts make up the amount exactly.

    Amount and weights are at least 0; without any weight all of it is the first part's.

    >>> share_out(10, [1, 1, 1])
    [4, 3, 3]
    """
    whole = sum(weights)
    if whole == 0:
        return [amount, *[0] * (len(weights) - 1)]
    parts = [amount * weight // whole for weight in weights]
    if left := amount - sum(parts):
        order = sorted(range(len(weights)), key=lambda place: (-(amount * weights[place] % whole), place))
        for place in order[:left]:
            parts[place] += 1
    return parts
