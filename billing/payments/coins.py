"""Amounts as the payment provider counts them: in a currency's smallest unit. Pure integers.

The provider's table, not ISO's: it counts UGX and ISK in hundredths of which there is no coin, MGA in whole units, and
takes no more than two decimal places of currencies that have three.
Source: https://docs.stripe.com/currencies (zero-decimal currencies, special cases, three-decimal currencies).
"""

from django.utils.translation import gettext as _

from wukong.kernel.errors import Invalid
from wukong.kernel.money import NANO, short_amount

WITHOUT_PLACES = frozenset(
    "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split()  # noqa: SIM905 - a table reads as one
)
WHOLE_ONLY = frozenset({"ISK", "UGX"})
THREE_PLACES = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})


def unit_of(currency: str) -> int:
    """Return the nano-units of what the provider counts in.

    >>> unit_of("USD"), unit_of("JPY"), unit_of("KWD")
    (10000000, 1000000000, 1000000)
    """
    if currency in WITHOUT_PLACES:
        return NANO
    return NANO // 1000 if currency in THREE_PLACES else NANO // 100


def step_of(currency: str) -> int:
    """Return the nano-units that an amount to be paid is a multiple of.

    >>> step_of("USD"), step_of("UGX"), step_of("KWD")
    (10000000, 1000000000, 10000000)
    """
    if currency in WHOLE_ONLY:
        return NANO
    return max(unit_of(currency), NANO // 100)


def to_coins(nano: int, currency: str) -> int:
    """Return an amount as the provider counts it; raises Invalid for what cannot be paid in coins.

    >>> to_coins(12_340_000_000, "USD"), to_coins(500 * NANO, "JPY"), to_coins(12_340_000_000, "KWD")
    (1234, 500, 12340)
    """
    step = step_of(currency)
    if nano <= 0 or nano % step:
        text = _("An amount to pay is a multiple of %(step)s %(currency)s.") % {
            "step": short_amount(step),
            "currency": currency,
        }
        raise Invalid(text, {"amount": [text]})
    return nano // unit_of(currency)


def to_nano(coins: int, currency: str) -> int:
    """Return the nano-units of what the provider counted.

    >>> to_nano(1234, "USD"), to_nano(500, "JPY")
    (12340000000, 500000000000)
    """
    return coins * unit_of(currency)
