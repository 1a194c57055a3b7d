"""The margin of the settings. Pure."""

import re

from wukong.kernel.errors import Invalid

_PERCENT = re.compile(r"\d{1,4}(\.\d{1,2})?")


def margin_bp(text: str) -> int:
    """Return a margin in percent, at most two places, as basis points; raises Invalid.

    >>> margin_bp("12.5")
    1250
    """
    if not _PERCENT.fullmatch(text.strip()):
        raise Invalid("WUKONG_MARGIN is a percentage like 20 or 12.5, with at most two decimal places.")
    whole, _, rest = text.strip().partition(".")
    return int(whole) * 100 + int(rest.ljust(2, "0") or "0")


def in_percent(bp: int) -> str:
    """Return basis points as percent.

    >>> in_percent(1250), in_percent(0)
    ('12.5 %', '0 %')
    """
    whole, rest = divmod(bp, 100)
    return f"{whole}{f'.{rest:02d}'.rstrip('0').rstrip('.')} %"
