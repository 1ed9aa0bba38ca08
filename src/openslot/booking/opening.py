"""From when an appointment opens the patient's health record to its practitioner.

At once, but where practitioners book for themselves: then no earlier than its day at the centre,
or than somebody else checks the patient in. What the day opens, records/access.py says.
"""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from openslot.booking.errors import TooLateToRecord
from openslot.booking.models import Appointment, Status
from openslot.booking.rules import ReferralAuthorisation
from openslot.directory.rules import Actor
from openslot.schedules.rules import Place


def when_made(
    actor: Actor, place: Place, start: datetime, authorisation: ReferralAuthorisation | None
) -> datetime | None:
    """Return the instant for an appointment that the actor books: None for at once.

    A referral that names the practitioner has asked for the appointment in the patient's name;
    one to an area of expertise has not asked for theirs.
    """
    if not _practises(actor, place.practitioner_id):
        return None
    if authorisation is not None and authorisation.practitioner_id == place.practitioner_id:
        return None
    return _day_start(start, place.zone)


def when_moved(
    actor: Actor,
    place: Place,
    start: datetime,
    before: Appointment,
    known: datetime | None,
    now: datetime,
) -> datetime | None:
    """Return the same for an appointment that the actor moves to ``start`` from ``before``.

    Practitioners who move one of their own that is still to come leave it as it was made; one
    that has begun, or was a colleague's, they make anew.
    """
    if not _practises(actor, place.practitioner_id):
        return None
    goes_on = before.schedule.practitioner_id == place.practitioner_id and before.starts_at > now
    return None if goes_on and known is None else _day_start(start, place.zone)


RECORDED_WITHIN = timedelta(days=2)
"""After the end of an appointment; later its practitioner alone cannot say that someone came."""


def when_marked(
    actor: Actor, appointment: Appointment, to: Status, now: datetime
) -> datetime | None:
    """Return the same for an appointment whose status changes to ``to``.

    Somebody else who checks the patient in has seen them. Of one that its practitioner takes
    back from no-show nobody has. Raise TooLateToRecord where only the practitioner says that the
    patient came, more than RECORDED_WITHIN after the end.
    """
    own = _practises(actor, appointment.schedule.practitioner_id)
    if to is Status.ARRIVED and not own:
        return None
    reopens = appointment.status is Status.NO_SHOW and to is Status.BOOKED
    came = to is Status.ARRIVED and appointment.opens_record_at is not None
    if own and (reopens or came) and now > appointment.ends_at + RECORDED_WITHIN:
        raise TooLateToRecord
    if own and reopens:
        return _day_start(appointment.starts_at, appointment.zone)
    return appointment.opens_record_at


def _practises(actor: Actor, practitioner_id: int | None) -> bool:
    return practitioner_id is not None and practitioner_id == actor.practitioner_id


def _day_start(start: datetime, zone: ZoneInfo) -> datetime:
    """The instant at which the date of ``start`` begins there."""
    return datetime.combine(start.astimezone(zone).date(), time(), zone).astimezone(UTC)
