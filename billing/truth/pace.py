"""How fast money goes, by the hour of the week, and how long it will last. Pure.

Hours are counted from the epoch, in UTC; an hour of the week is one of 168. Each has its own moving average over the
weeks, in which the latest weighs most: nights and weekends are no surprise, and a habit that has ended fades.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction

WEEK = 168
WEEKS = 8
NEWEST_PERCENT = 40
"""What the latest week weighs in its average; the week before it this of the rest, and so on."""
LONGEST_DAYS = 366


def hour_of(moment: datetime) -> int:
    """Return the hour in which a moment lies, from the epoch."""
    return int(moment.timestamp()) // 3600


def profile(spent: Mapping[int, int], first: int, now: int) -> list[Fraction] | None:
    """Return the nano-units of each of the 168 hours of the week, of the spending by hour from `first` to before `now`.

    None before there has been a whole week: a guess would not be a forecast.
    """
    weeks = min((now - first) // WEEK, WEEKS)
    if weeks < 1:
        return None
    averages = [Fraction(0)] * WEEK
    for back in range(1, WEEK + 1):
        hours = [now - back - WEEK * week for week in range(weeks)]
        average = Fraction(spent.get(hours[-1], 0))
        for hour in reversed(hours[:-1]):
            average += (spent.get(hour, 0) - average) * NEWEST_PERCENT / 100
        averages[hours[0] % WEEK] = average
    return averages


def hours_left(nano: int, averages: Sequence[Fraction], now: int) -> int | None:
    """Return after how many whole hours so much money is used up; None when it lasts longer than a year or nothing
    is spent.
    """
    weekly = sum(averages)
    if nano <= 0:
        return 0
    if not weekly:
        return None
    weeks = int(nano // weekly)
    left = nano - weeks * weekly
    hours = weeks * WEEK
    if hours > LONGEST_DAYS * 24:
        return None
    for ahead in range(WEEK):
        left -= averages[(now + ahead) % WEEK]
        if left < 0:
            break
        hours += 1
    return hours if hours <= LONGEST_DAYS * 24 else None


def until(averages: Sequence[Fraction], now: int, end: int) -> int:
    """Return what will be spent from hour `now` to before hour `end`, in whole nano-units."""
    weeks, rest = divmod(max(end - now, 0), WEEK)
    return int(weeks * sum(averages) + sum(averages[(now + ahead) % WEEK] for ahead in range(rest)))
