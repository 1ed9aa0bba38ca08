"""Periods in queries, whose ends are days of the network's time zone or instants."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from openslot.entrypoints.request import settings

TO = "The end; a day is included as a whole."


def begin_of(value: datetime | date) -> datetime:
    """Return the instant, or the midnight with which the day begins."""
    if isinstance(value, datetime):
        return value
    return datetime.combine(value, time(0), ZoneInfo(settings().time_zone))


def end_of(value: datetime | date) -> datetime:
    """Return the instant, or the midnight with which the day ends."""
    return value if isinstance(value, datetime) else begin_of(value + timedelta(days=1))
