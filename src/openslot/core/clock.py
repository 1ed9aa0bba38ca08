"""The system clock, and steps of years. Only entry points read the clock; rules and commands take
``now``."""

from datetime import UTC, date, datetime
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
