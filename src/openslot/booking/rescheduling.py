"""Moving an appointment to another time, on request or by accepting an offer."""

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
    """Claim the new time, which may be held by ``hold``, release the old one, and publish the
    move."""
    key, replaced_holds = key_for_move(session, actor, place, appointment, span, now)
    holds = {other for other in (*replaced_holds, hold) if other is not None}
    own_key = appointment.one_a_day
    with offering(session, place, span, appointment.patient_id, now, besides=own_key):
        claims.take(session, place, span, appointment.patient, [appointment, *holds], now)
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
    """Return the daily key of the appointment at its new time, and the patient's holds that it
    replaces."""
    patient_id = appointment.patient_id
    if patient_id is None:
        return None, []
    has_no_key = appointment.one_a_day is None
    key = None if has_no_key else one_a_day_key(place, patient_id, instant_of(span.start))
    _, others = queries.patient_with(session, patient_id, key)
    wanted = Wanted(span, key, None, offered=False, now=now)
    holds = [other for other in others if is_replaceable_hold(other, wanted)]
    others = [other for other in others if other not in (appointment, *holds)]
    if any(key is not None and other.one_a_day == key for other in others):
        check_second(actor, works_with_patients(actor))
        key = None
    return key, holds
