"""Periods by a workspace's calendar. Pure. A new period is a new key: nothing has to be reset, whatever clocks do."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo


def first_day(period: str, at: datetime, zone: ZoneInfo) -> date | None:
    """Return the first day of the period (day, week from Monday, month, once) around a moment; None: of once."""
    day = at.astimezone(zone).date()
    match period:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "once":
            return None
    raise ValueError(f"not a period: {period}")


def end_day(period: str, first: date) -> date:
    """Return the day after the last one of a period that begins with `first`."""
    if period == "month":
        return (first + timedelta(days=32)).replace(day=1)
    return first + timedelta(days={"day": 1, "week": 7}[period])


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the moment at which a day begins somewhere, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def counter_key(level: str, workspace_id: UUID, name: str, first: date | None) -> str:
    """Return the key of a counter. Projects and runs have ids of their own; agents and swarms have names within one."""
    whose = name if level in ("project", "run") else f"{workspace_id}:{name}" if name else str(workspace_id)
    return f"{level}:{whose}" if first is None else f"{level}:{whose}:{first.isoformat()}"
