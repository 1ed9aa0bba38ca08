"""When a reminder goes out: pure arithmetic on the reader's clock."""

from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)

USEFUL = timedelta(hours=2)
"""A reminder nearer to the appointment than this comes too late to be of use."""


class Quiet(NamedTuple):
    """From when to when, on somebody's clock, no reminder goes out; often over midnight."""

    begins: time
    ends: time

    def holds_at(self, moment: datetime, zone: ZoneInfo) -> bool:
        """Whether it is quiet: decided by what the clock shows, so that a change of daylight
        saving needs no rule of its own."""
        shown = moment.astimezone(zone).time()
        if self.begins <= self.ends:
            return self.begins <= shown < self.ends
        return shown >= self.begins or shown < self.ends


def quiet_hours(written: str) -> Quiet | None:
    """The setting ``21:00-07:00`` read; None where it is empty."""
    if not written:
        return None
    begins, _, ends = written.partition("-")
    return Quiet(time.fromisoformat(begins), time.fromisoformat(ends))


def reminder_due(
    start: datetime, *, hours: int, quiet: Quiet | None, zone: ZoneInfo, now: datetime
) -> datetime | None:
    """When to remind of an appointment at ``start``; None where that is over, or ``hours`` is 0.

    ``hours`` before the start, unless that is in the quiet hours of the reader's clock: then
    when they end, if that is useful still, else in the last minute before they began.
    """
    # In UTC, since hours are counted and not what a clock shows.
    due = start.astimezone(UTC) - timedelta(hours=hours)
    if not hours or due <= now:
        return None
    if quiet is None or not quiet.holds_at(due, zone):
        return due
    later = awake(due, quiet=quiet, zone=zone)
    chosen = later if later <= start - USEFUL else _before(due, quiet, zone)
    return chosen if chosen > now else None


def awake(moment: datetime, *, quiet: Quiet | None, zone: ZoneInfo) -> datetime:
    """The first moment, from this one on, that is not quiet."""
    while quiet is not None and quiet.holds_at(moment, zone):
        moment = moment.replace(second=0, microsecond=0) + MINUTE
    return moment


def _before(moment: datetime, quiet: Quiet, zone: ZoneInfo) -> datetime:
    while quiet.holds_at(moment, zone):
        moment -= MINUTE
    return moment
