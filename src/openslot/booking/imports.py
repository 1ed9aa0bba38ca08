"""Import of appointments that were booked in another system."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from openslot.booking import claims
from openslot.booking.events import subject_of
from openslot.booking.models import Appointment, Priority, Status
from openslot.booking.moves import CLAIMING
from openslot.booking.rules import one_a_day_key
from openslot.core import audit
from openslot.core.ids import new_id
from openslot.core.work import Work
from openslot.directory.models import Patient
from openslot.directory.rules import may_run_network
from openslot.schedules import diaries
from openslot.schedules.availability import span_between
from openslot.schedules.diaries import Claim
from openslot.schedules.rules import Place

_KEYED = frozenset({Status.BOOKED, Status.ARRIVED, Status.NO_SHOW})
"""Statuses of appointments that are live or can be reopened."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An appointment of another system; both instants are whole ticks."""

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


def record_appointment(work: Work, place: Place, recorded: Recorded) -> Appointment:
    """Import a past or upcoming appointment, and claim its time like any other.

    Opening hours, notice and horizon are not checked, since it was booked under other rules. No
    event is published. Raises DiaryTaken if its time is taken.
    """
    return record_appointments(work, [(place, recorded)])[0]


def record_appointments(
    work: Work, appointments: Sequence[tuple[Place, Recorded]]
) -> list[Appointment]:
    """Import appointments as :func:`record_appointment` does, and claim their time in one go."""
    may_run_network(work.actor)
    diaries.change(
        work.session,
        claim=[
            claim
            for place, recorded in appointments
            if recorded.status in CLAIMING
            for claim in _claims(place, recorded)
        ],
    )
    return [_add(work, place, recorded) for place, recorded in appointments]


def _claims(place: Place, recorded: Recorded) -> list[Claim]:
    span = span_between(recorded.starts_at, recorded.ends_at)
    return claims.claims_in(claims.claimed(place, recorded.patient), span, place.busy(span))


def _add(work: Work, place: Place, recorded: Recorded) -> Appointment:
    appointment = Appointment(
        id=new_id(),
        schedule_id=place.schedule_id,
        service_id=place.service_id,
        patient_id=recorded.patient.id if recorded.patient else None,
        starts_at=recorded.starts_at,
        ends_at=recorded.ends_at,
        status=recorded.status,
        priority=recorded.priority,
        task=recorded.task,
        reason=recorded.reason,
        status_reason=recorded.status_reason,
        extensions=0,
        one_a_day=_daily_key(place, recorded),
        version=1,
        created_at=recorded.created_at or work.now,
        created_by=recorded.created_by,
        changed_at=work.now,
        external_id=recorded.external_id,
        **claims.busy_times(place, span_between(recorded.starts_at, recorded.ends_at)),
        **claims.claimed(place, recorded.patient),
    )
    work.session.add(appointment)
    audit.record(work, "appointment.recorded", subject_of(appointment.id))
    return appointment


def _daily_key(place: Place, recorded: Recorded) -> str | None:
    if recorded.patient is None or recorded.status not in _KEYED:
        return None
    return one_a_day_key(place, recorded.patient.id, recorded.starts_at)
