"""Who may read a patient's history: the whole rule, and the only home that it has.

Patients read their own history, and those of whom they care for. A practitioner reads one, and adds
to it, from the moment that they have an appointment with the patient, at whichever centre, or for
as long as an emergency access runs. To everybody else it does not exist.

An appointment that the practitioner made alone opens nothing before its day at the centre
(booking/opening.py), and nothing after that day unless the patient came. Earlier, it takes an
emergency access, with a reason, which is told.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking.models import Appointment, Status
from openslot.booking.queries import Condition
from openslot.booking.rules import LIVE
from openslot.core import audit
from openslot.directory.rules import Actor
from openslot.identity.models import Role
from openslot.records import queries

READ = "record.read"
REFUSED = "record.refused"
"""What the audit calls it when somebody reads a history, or may not."""

GIVING = LIVE | {Status.FULFILLED}
"""Appointments of these statuses give access. Holds, and appointments that were cancelled, missed
or entered in error, give nothing."""


ATTENDED = frozenset({Status.ARRIVED, Status.FULFILLED})
"""Appointments of these statuses had their patient there."""

DAY = timedelta(days=1)


class Access(StrEnum):
    """Why somebody may read a history. SELF_BOOKED is an appointment that the reader made alone, on
    its day or where the patient came; once it is completed and its day is over, it is CARE."""

    OWN = "own"
    CARE = "care"
    SELF_BOOKED = "self-booked"
    EMERGENCY = "emergency"


WRITING = frozenset({Access.CARE, Access.SELF_BOOKED, Access.EMERGENCY})
"""Who reads for these reasons may add to the history; patients only read."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What ties an active practitioner to a patient: when the last appointment that gives access
    ends, the last of those that the practitioner made alone, and the last emergency access."""

    last_appointment: datetime | None = None
    self_booked: datetime | None = None
    emergency_until: datetime | None = None


STRANGERS = Facts()
"""Nothing ties them."""


def decide(
    actor: Actor, patient_id: UUID, facts: Facts, *, now: datetime, access_days: int
) -> Access | None:
    """Why the actor may read the history; None where they may not know that it exists.

    ``access_days`` after the end of the last appointment its access ends; 0 means that it does not.
    """
    if actor.acts_for(patient_id):
        return Access.OWN
    if not actor.is_a(Role.PRACTITIONER):
        return None
    if _lasts(facts.last_appointment, now, access_days):
        return Access.CARE
    if _lasts(facts.self_booked, now, access_days):
        return Access.SELF_BOOKED
    if facts.emergency_until is not None and now < facts.emergency_until:
        return Access.EMERGENCY
    return None


def _lasts(last_appointment: datetime | None, now: datetime, access_days: int) -> bool:
    if last_appointment is None:
        return False
    return access_days == 0 or now < last_appointment + timedelta(days=access_days)


def gives_care(now: datetime) -> Condition:
    """Appointments that somebody else had a part in making, or that are completed, their day
    over."""
    day = Appointment.opens_record_at
    completed = (Appointment.status == Status.FULFILLED) & (day <= now - DAY)
    return Appointment.status.in_(GIVING) & (day.is_(None) | completed)


def gives_its_day(now: datetime) -> Condition:
    """Appointments that the practitioner made alone, at such a time as :func:`is_its_day` says."""
    return Appointment.status.in_(GIVING) & on_its_day(now)


def on_its_day(now: datetime) -> Condition:
    """The same, whatever became of the appointment."""
    day = Appointment.opens_record_at
    attended = Appointment.status.in_(ATTENDED)
    lasts = (day > now - DAY) | (Appointment.ends_at > now) | attended
    return (day <= now) & lasts


def is_its_day(appointment: Appointment, now: datetime) -> bool:
    """Whether the day of an appointment that the practitioner made alone is now; or was, if the
    patient came. :func:`on_its_day` says the same in SQL."""
    day = appointment.opens_record_at
    if day is None or day > now:
        return False
    return day > now - DAY or appointment.ends_at > now or appointment.status in ATTENDED


def may_read(
    session: Session, actor: Actor, patient_id: UUID, *, now: datetime, access_days: int
) -> Access | None:
    """The same for the facts as they stand, with no trace of the question; one statement."""
    return readable(session, actor, [patient_id], now=now, access_days=access_days).get(patient_id)


def readable(
    session: Session,
    actor: Actor,
    patient_ids: Collection[UUID],
    *,
    now: datetime,
    access_days: int,
) -> dict[UUID, Access]:
    """Those of the patients whose history the actor may read, and why; one statement."""
    facts = _facts(session, actor, patient_ids, now)
    decided = {
        one: decide(actor, one, facts.get(one, STRANGERS), now=now, access_days=access_days)
        for one in patient_ids
    }
    return {one: access for one, access in decided.items() if access is not None}


def _facts(
    session: Session, actor: Actor, patient_ids: Iterable[UUID], now: datetime
) -> dict[UUID, Facts]:
    if actor.practitioner_id is None:
        return {}
    kinds = (gives_care(now), gives_its_day(now))
    ties = queries.ties(session, actor.practitioner_id, patient_ids, kinds)
    return {one: Facts(*ends) for one, ends in ties.items()}


def open_to(actor: Actor, patient: Any, *, now: datetime, access_days: int) -> Condition:
    """What :func:`decide` says, as a condition for searches: ``patient`` is the column with the
    id of the patient whose history the rows tell of."""
    own: Condition = patient.in_({actor.patient_id} - {None} | actor.dependents)
    if not actor.is_a(Role.PRACTITIONER) or actor.practitioner_id is None:
        return own
    since = now - timedelta(days=access_days) if access_days else None
    opens = gives_care(now) | gives_its_day(now)
    return own | queries.tied_to(patient, actor.practitioner_id, opens, since=since, now=now)


def open_history(
    session: Session, actor: Actor, patient_id: UUID, *, now: datetime, access_days: int
) -> Access | None:
    """Why the actor may read the history, for a page that shows it: every read and every
    refusal is written down.

    A patient who does not exist is refused in the same way, step by step, as one whom the
    actor may not read.
    """
    opened = open_histories(session, actor, [patient_id], now=now, access_days=access_days)
    return opened.get(patient_id)


def open_histories(
    session: Session,
    actor: Actor,
    patient_ids: Collection[UUID],
    *,
    now: datetime,
    access_days: int,
) -> dict[UUID, Access]:
    """The same for an answer that tells of several patients: those whose history the actor may
    read, and why; two statements."""
    found = readable(session, actor, patient_ids, now=now, access_days=access_days)
    for one in patient_ids:
        if one in found:
            audit.record(
                session, READ, subject_of(one), by=actor.origin, now=now, how=found[one].value
            )
        else:
            note_refusal(session, actor, one, now=now)
    return found


def note_refusal(session: Session, actor: Actor, patient_id: UUID, *, now: datetime) -> None:
    """Write down that somebody asked for a history that they may not read."""
    audit.record(session, REFUSED, subject_of(patient_id), by=actor.origin, now=now)


def subject_of(patient_id: UUID) -> str:
    """How the audit names a patient, and with them their history."""
    return f"patient:{patient_id}"
