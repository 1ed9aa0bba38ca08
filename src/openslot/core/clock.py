"""The system clock, steps of years, and local days. Only entry points read the clock; rules and
commands take ``now``."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TypeVar

Day = TypeVar("Day", bound=date)


def now() -> datetime:
    """Return the current instant in UTC, to the microsecond."""
    return datetime.now(UTC)


def years_after(day: Day, years: int) -> Day:
    """Return the same day of a later year, or 1 March for 29 February; of an earlier one if
    ``years`` is negative."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, month=3, day=1)


def day_in(day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the start and the end of a day as it is in ``zone``."""
    starts = datetime.combine(day, time(), zone)
    return starts, datetime.combine(day + timedelta(days=1), time(), zone)
