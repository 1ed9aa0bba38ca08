"""The instant from which an appointment gives its practitioner access to the health record.

Access is immediate, unless practitioners book with themselves: then it begins with the day of the
appointment at the centre, or when someone else checks the patient in. See records/access.py.
"""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from openslot.booking.errors import TooLateToRecord
from openslot.booking.models import Appointment, Status
from openslot.booking.rules import ReferralAuthorisation
from openslot.core.actor import SYSTEM, Actor
from openslot.schedules.rules import Place


def when_made(
    actor: Actor, place: Place, start: datetime, authorisation: ReferralAuthorisation | None
) -> datetime | None:
    """Return the start of access for an appointment that the actor books; None means at once.

    A referral to the practitioner counts as the patient's own wish for the appointment; a referral
    to an area of expertise does not, nor does one that the appointment only follows up.
    """
    if not _practises(actor, place.practitioner_id):
        return None
    if (
        authorisation is not None
        and authorisation.referral_id is not None
        and authorisation.practitioner_id == place.practitioner_id
    ):
        return None
    return _day_start(start, place.zone)


def when_moved(
    actor: Actor, place: Place, start: datetime, before: Appointment, now: datetime
) -> datetime | None:
    """Return the start of access for an appointment that the actor moves to ``start``.

    If practitioners move an upcoming appointment of their own, immediate access stays. One that
    has begun, or was a colleague's, counts as newly booked.
    """
    if not _practises(actor, place.practitioner_id):
        return None
    is_upcoming_own = (
        before.schedule.practitioner_id == place.practitioner_id and before.starts_at > now
    )
    stays_open = is_upcoming_own and before.opens_record_at is None
    return None if stays_open else _day_start(start, place.zone)


def when_undone(
    actor: Actor, place: Place, before: Appointment, *, by_actor: bool
) -> datetime | None:
    """Return the start of access for a cancelled appointment that the actor books again.

    If practitioners bring back their own that somebody else cancelled, it counts as newly booked:
    the patient did not want it. A cancellation of their own (``by_actor``) is only undone.
    """
    if by_actor or not _practises(actor, place.practitioner_id):
        return before.opens_record_at
    return _day_start(before.starts_at, place.zone)


RECORDED_WITHIN = timedelta(days=2)
"""After the end of an appointment; later its practitioner alone cannot say that someone came."""


def when_marked(
    actor: Actor, appointment: Appointment, to: Status, now: datetime
) -> datetime | None:
    """Return the start of access for an appointment whose status changes to ``to``.

    If someone other than the practitioner checks the patient in, access is immediate. The check-in
    without an account tells of nobody: it could be the practitioner. If the practitioner reopens a
    no-show, access begins with the day of the appointment. Raise TooLateToRecord if only the
    practitioner says that the patient came, more than RECORDED_WITHIN after the end.
    """
    is_own = _practises(actor, appointment.schedule.practitioner_id)
    is_unknown = replace(actor, address=None) == SYSTEM
    if to is Status.ARRIVED and not (is_own or is_unknown):
        return None
    reopens = appointment.status is Status.NO_SHOW and to is Status.BOOKED
    came = to is Status.ARRIVED and appointment.opens_record_at is not None
    if is_own and (reopens or came) and now > appointment.ends_at + RECORDED_WITHIN:
        raise TooLateToRecord
    if is_own and reopens:
        return _day_start(appointment.starts_at, appointment.zone)
    return appointment.opens_record_at


def _practises(actor: Actor, practitioner_id: int | None) -> bool:
    return practitioner_id is not None and practitioner_id == actor.practitioner_id


def _day_start(start: datetime, zone: ZoneInfo) -> datetime:
    """Return the start of the local day of ``start``, in UTC."""
    return datetime.combine(start.astimezone(zone).date(), time(), zone).astimezone(UTC)
