"""When an appointment is reminded of: arithmetic on the reader's clock, and the outbox."""

from dataclasses import asdict
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from openslot.core import outbox
from openslot.notifications.events import AppointmentEvent, Channel, OfferEvent, Topic
from openslot.notifications.recipients import Recipient

MINUTE = timedelta(minutes=1)

USEFUL = timedelta(hours=2)
"""A reminder nearer to the appointment than this, or than half of its hours, comes too late to be
of use."""


class Quiet(NamedTuple):
    """The hours, on the reader's clock, in which no reminder goes out; often over midnight."""

    begins: time
    ends: time

    def includes(self, moment: datetime, zone: ZoneInfo) -> bool:
        """Return whether it is quiet at an instant: decided by what the clock shows, so that a
        change of daylight saving needs no rule of its own."""
        shown = moment.astimezone(zone).time()
        if self.begins <= self.ends:
            return self.begins <= shown < self.ends
        return shown >= self.begins or shown < self.ends


def schedule(event: AppointmentEvent, to: Recipient) -> None:
    """Have the worker remind of an appointment at its present time, once for each time and each of
    the hours before it.

    One that is moved away and back again is reminded of as if it had stayed.
    """
    work, change = event.work, event.change
    topic, hours_before = {
        Channel.MAIL: (Topic.REMINDER, work.settings.reminder_hours),
        Channel.SMS: (Topic.REMINDER_BY_SMS, work.settings.sms_reminder_hours),
    }[to.channel]
    once = f"{change.appointment} {change.schedule} {change.start}"
    taken = set[datetime | None]({None})
    for number, hours in enumerate(hours_before):
        due = reminder_due(
            event.appointment.starts_at,
            hours=hours,
            quiet=quiet_hours(work.settings.quiet_hours),
            zone=_reader_zone(event, to),
            now=work.now,
        )
        if due not in taken:  # the night may bring two to one time
            taken.add(due)
            alone = asdict(change) | {"together": False}
            # Those that wait since there was only one have no number.
            outbox.send(work, topic, alone, due=due, once=f"{once} {number}" if number else once)


def awake(event: AppointmentEvent | OfferEvent, to: Recipient) -> datetime:
    """Return when the reader can be written to: now, or at the end of their quiet hours."""
    quiet = quiet_hours(event.work.settings.quiet_hours)
    return after_quiet_hours(event.work.now, quiet=quiet, zone=_reader_zone(event, to))


def quiet_hours(written: str) -> Quiet | None:
    """Return the setting ``21:00-07:00`` as times; None where it is empty."""
    if not written:
        return None
    begins, _, ends = written.partition("-")
    return Quiet(time.fromisoformat(begins), time.fromisoformat(ends))


def reminder_due(
    start: datetime, *, hours: int, quiet: Quiet | None, zone: ZoneInfo, now: datetime
) -> datetime | None:
    """Return when to remind of an appointment at ``start``; None if that is over.

    That is ``hours`` before the start, unless it falls in the quiet hours: then when they end,
    if that is still useful, else in the last minute before they began.
    """
    # In UTC, since hours are counted and not what a clock shows.
    due = start.astimezone(UTC) - timedelta(hours=hours)
    if due <= now:
        return None
    if quiet is None or not quiet.includes(due, zone):
        return due
    later = after_quiet_hours(due, quiet=quiet, zone=zone)
    useful = min(USEFUL, timedelta(hours=hours) / 2)
    chosen = later if later <= start - useful else _before(due, quiet, zone)
    return chosen if chosen > now else None


def after_quiet_hours(moment: datetime, *, quiet: Quiet | None, zone: ZoneInfo) -> datetime:
    """Return the first moment, from this one on, that is not quiet."""
    while quiet is not None and quiet.includes(moment, zone):
        moment = moment.replace(second=0, microsecond=0) + MINUTE
    return moment


def _reader_zone(event: AppointmentEvent | OfferEvent, to: Recipient) -> ZoneInfo:
    return ZoneInfo(to.zone) if to.zone else event.appointment.zone


def _before(moment: datetime, quiet: Quiet, zone: ZoneInfo) -> datetime:
    while quiet.includes(moment, zone):
        moment -= MINUTE
    return moment
