"""The days an audience works with: local days of its own time zone, turned into instants."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS_BACK = 3
DAYS_AHEAD = 14


def zone_of(name: str) -> tzinfo:
    """The zone of that IANA name; UTC for one this machine does not know (days then roll hours late)."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def local_day(now: datetime, time_zone: str) -> date:
    """The calendar day it is there."""
    return now.astimezone(zone_of(time_zone)).date()


def end_of(day: date, time_zone: str) -> datetime:
    """The instant until which it is that day there, or an earlier one."""
    return _midnight(day + timedelta(days=1), zone_of(time_zone))


def window_of(day: date, time_zone: str) -> tuple[datetime, datetime]:
    """The instants [start, end) of local days -3 … +14 around `day`, as long as the zone makes them."""
    zone = zone_of(time_zone)
    start, end = day - timedelta(days=DAYS_BACK), day + timedelta(days=DAYS_AHEAD + 1)
    return _midnight(start, zone), _midnight(end, zone)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
