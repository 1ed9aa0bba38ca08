"""An appointment goes from one time to another: by those who move it, or who take an offered
time."""

from datetime import datetime

from sqlalchemy.orm import Session

from openslot.booking import claims, opening, queries
from openslot.booking.events import Topic, former, record_and_publish
from openslot.booking.instead import offering
from openslot.booking.models import Appointment
from openslot.booking.rules import Wanted, check_second, is_replaceable_hold, one_a_day_key
from openslot.directory.rules import Actor, works_with_patients
from openslot.schedules.availability import Span, instant_of
from openslot.schedules.rules import Place


def reschedule(
    session: Session,
    actor: Actor,
    appointment: Appointment,
    place: Place,
    span: Span,
    now: datetime,
    *,
    hold: Appointment | None = None,
) -> Appointment:
    """Claim the new time, which ``hold`` may keep, and release the old one; tell of it."""
    key, holds = key_for_move(session, actor, place, appointment, span, now)
    kept = [one for one in (*holds, hold) if one is not None]
    own = appointment.one_a_day
    with offering(session, place, span, appointment.patient_id, now, besides=own):
        claims.take(session, place, span, appointment.patient, [appointment, *set(kept)], now)
    appointment.opens_record_at = opening.when_moved(
        actor, place, instant_of(span.start), appointment, appointment.opens_record_at, now
    )
    was = former(appointment)
    if appointment.schedule_id != place.schedule_id:
        appointment.schedule_id = place.schedule_id
        session.expire(appointment, ["schedule"])
    for name, diary_id in claims.claimed(place, appointment.patient).items():
        setattr(appointment, name, diary_id)
    appointment.starts_at, appointment.ends_at = instant_of(span.start), instant_of(span.end)
    appointment.one_a_day = key
    appointment.changed_at = now
    session.flush()
    record_and_publish(session, actor, appointment, Topic.MOVED, now, was=was)
    return appointment


def key_for_move(
    session: Session,
    actor: Actor,
    place: Place,
    appointment: Appointment,
    span: Span,
    now: datetime,
) -> tuple[str | None, list[Appointment]]:
    """What is unique of the appointment at its new time, and the patient's holds that give way."""
    patient_id = appointment.patient_id
    if patient_id is None:
        return None, []
    bears_none = appointment.one_a_day is None
    key = None if bears_none else one_a_day_key(place, patient_id, instant_of(span.start))
    _, others = queries.patient_with(session, patient_id, key)
    wanted = Wanted(span, key, None, offered=False, now=now)
    holds = [other for other in others if is_replaceable_hold(other, wanted)]
    others = [other for other in others if other not in (appointment, *holds)]
    if any(key is not None and other.one_a_day == key for other in others):
        check_second(actor, works_with_patients(actor))
        key = None
    return key, holds
