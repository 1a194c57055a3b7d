"""The tax rate of this installation: for information, because credit is what is paid for, and taxed."""

from django.conf import settings
from django.utils.translation import gettext as _

from billing.statements.cents import rounded
from wukong.kernel.errors import Invalid
from wukong.kernel.money import NANO, parse_amount, short_amount


def percent() -> str:
    """Return the rate in percent as a decimal string without needless zeros, "0" for none; raises Invalid."""
    return short_amount(_nano(settings.WUKONG_TAX_PERCENT)).removesuffix(".00")


def tax_of(total_nano: int, rate: str, cent: int) -> int:
    """Return the tax of a sum at a rate in percent, rounded once to whole cents, half up.

    >>> tax_of(71_930_000_000, "19", 10_000_000)
    13670000000
    """
    return rounded(total_nano * _nano(rate) // (100 * NANO), cent)


def _nano(text: str) -> int:
    nano = parse_amount(text)
    if not 0 <= nano <= 100 * NANO:
        raise Invalid(_("WUKONG_TAX_PERCENT is a number from 0 to 100."))
    return nano
