"""Visits that were agreed elsewhere and are only written down here."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import claims
from openslot.booking.events import subject_of
from openslot.booking.models import Appointment, Priority, Status
from openslot.booking.rules import CLAIMING, one_a_day_key
from openslot.core import audit
from openslot.core.ids import new_id
from openslot.directory.models import Patient
from openslot.directory.rules import Actor, may_run_network
from openslot.schedules import diaries
from openslot.schedules.availability import span_between
from openslot.schedules.rules import Place

_KEYED = frozenset({Status.BOOKED, Status.ARRIVED, Status.NO_SHOW})
"""Visits of these statuses are live, or may become so again."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A visit as another system kept it; both instants are whole ticks."""

    starts_at: datetime
    ends_at: datetime
    status: Status
    patient: Patient | None = None
    task: str | None = None
    reason: str | None = None
    status_reason: str | None = None
    priority: Priority = Priority.ROUTINE
    created_at: datetime | None = None
    created_by: UUID | None = None
    external_id: str | None = None


def record_appointment(
    session: Session, actor: Actor, place: Place, visit: Recorded, *, now: datetime
) -> Appointment:
    """Write a visit down, past or coming, and claim its time as every visit does.

    Opening hours, notice and horizon are not asked for: the visit was agreed under other
    rules. Nobody is told of it. Raises DiaryTaken where its time is taken.
    """
    may_run_network(actor)
    claimed = claims.claimed(place, visit.patient)
    if visit.status in CLAIMING:
        span = span_between(visit.starts_at, visit.ends_at)
        diaries.change(session, claim=claims.claims_in(claimed, span))
    appointment = Appointment(
        id=new_id(),
        schedule_id=place.schedule_id,
        patient_id=visit.patient.id if visit.patient else None,
        starts_at=visit.starts_at,
        ends_at=visit.ends_at,
        status=visit.status,
        priority=visit.priority,
        task=visit.task,
        reason=visit.reason,
        status_reason=visit.status_reason,
        extensions=0,
        one_a_day=_key(place, visit),
        version=1,
        created_at=visit.created_at or now,
        created_by=visit.created_by,
        changed_at=now,
        external_id=visit.external_id,
        **claimed,
    )
    session.add(appointment)
    subject = subject_of(appointment.id)
    audit.record(session, "appointment.recorded", subject, by=actor.origin, now=now)
    return appointment


def _key(place: Place, visit: Recorded) -> str | None:
    if visit.patient is None or visit.status not in _KEYED:
        return None
    return one_a_day_key(place, visit.patient.id, visit.starts_at)
