"""The rule of who may read a patient's health record. It has no other place.

Patients read their own record and those of their dependents. A practitioner may read a record, and
add to it, from the moment they have an appointment with the patient, at any centre, or during an
emergency access. For everybody else it does not exist.

An appointment that the practitioner booked alone gives access on its day at the centre
(booking/opening.py), and afterwards only if the patient came. Before that day it takes an emergency
access, with a reason, of which the patient is notified.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from openslot.booking.models import Appointment, Status
from openslot.booking.moves import LIVE
from openslot.booking.queries import Condition
from openslot.core import audit
from openslot.core.actor import Actor, Role
from openslot.core.work import Work
from openslot.records import queries

READ = "record.read"
REFUSED = "record.refused"
"""Audit actions for reading a health record, and for an attempt that was refused."""

GIVING = LIVE | {Status.FULFILLED}
"""Appointments with these statuses give access. Holds, and appointments that were cancelled,
missed or entered in error, do not."""


ATTENDED = frozenset({Status.ARRIVED, Status.FULFILLED})
"""The patient came to appointments with these statuses."""

DAY = timedelta(days=1)


class Access(StrEnum):
    """The reason why a health record may be read.

    SELF_BOOKED: an appointment that the reader booked alone, on its day or if the patient came.
    When it is completed and its day is over, it counts as CARE.
    """

    OWN = "own"
    CARE = "care"
    SELF_BOOKED = "self-booked"
    EMERGENCY = "emergency"


WRITING = frozenset({Access.CARE, Access.SELF_BOOKED, Access.EMERGENCY})
"""Reasons that also allow adding to the record; patients only read."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The connection of an active practitioner with a patient.

    These are the ends of the last appointment that gives access, of the last one that the
    practitioner booked alone, and of the last emergency access.
    """

    last_appointment: datetime | None = None
    self_booked: datetime | None = None
    emergency_until: datetime | None = None


STRANGERS = Facts()
"""No connection."""


def decide(
    actor: Actor, patient_id: UUID, facts: Facts, *, now: datetime, access_days: int
) -> Access | None:
    """Return why the actor may read the record, or None if they may not know that it exists.

    Access ends ``access_days`` after the end of the last appointment, or never if that is 0.
    """
    if not actor.reaches(patient_id):
        return None
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
    """Match appointments that give access and that others had a part in booking.

    An appointment that the practitioner booked alone counts once it is completed and its day is
    over.
    """
    day = Appointment.opens_record_at
    completed = (Appointment.status == Status.FULFILLED) & (day <= now - DAY)
    return Appointment.status.in_(GIVING) & (day.is_(None) | completed)


def gives_its_day(now: datetime) -> Condition:
    """Match appointments that the practitioner booked alone, at times that :func:`is_its_day`
    allows."""
    return Appointment.status.in_(GIVING) & on_its_day(now)


def on_its_day(now: datetime) -> Condition:
    """Match the same times, for appointments of any status."""
    day = Appointment.opens_record_at
    attended = Appointment.status.in_(ATTENDED)
    lasts = (day > now - DAY) | (Appointment.ends_at > now) | attended
    return (day <= now) & lasts


def is_its_day(appointment: Appointment, now: datetime) -> bool:
    """Return True on the day of a self-booked appointment, or later if the patient came.

    :func:`on_its_day` is the same rule in SQL.
    """
    day = appointment.opens_record_at
    if day is None or day > now:
        return False
    return day > now - DAY or appointment.ends_at > now or appointment.status in ATTENDED


def may_read(work: Work, patient_id: UUID) -> Access | None:
    """Return why the actor may read the record, or None, without an audit event; one statement."""
    return readable(work, [patient_id]).get(patient_id)


def readable(work: Work, patient_ids: Collection[UUID]) -> dict[UUID, Access]:
    """Return the patients whose records the actor may read, and why; one statement."""
    facts = _facts(work, patient_ids)
    decisions = {
        patient_id: decide(
            work.actor,
            patient_id,
            facts.get(patient_id, STRANGERS),
            now=work.now,
            access_days=work.settings.history_access_days,
        )
        for patient_id in patient_ids
    }
    return {patient_id: access for patient_id, access in decisions.items() if access is not None}


def _facts(work: Work, patient_ids: Iterable[UUID]) -> dict[UUID, Facts]:
    if work.actor.practitioner_id is None:
        return {}
    kinds = (gives_care(work.now), gives_its_day(work.now))
    ties = queries.ties(work.session, work.actor.practitioner_id, patient_ids, kinds)
    return {patient_id: Facts(*ends) for patient_id, ends in ties.items()}


def open_to(actor: Actor, patient: Any, *, now: datetime, access_days: int) -> Condition:
    """Return :func:`decide` as a condition for searches.

    ``patient`` is the column with the id of the patient that the rows are about.
    """
    everything: Condition = patient.is_not(None)
    if actor.reads_all:
        return everything
    own: Condition = patient.in_({actor.patient_id} - {None} | actor.dependents)
    if not actor.is_a(Role.PRACTITIONER) or actor.practitioner_id is None:
        return own
    since = now - timedelta(days=access_days) if access_days else None
    opens = gives_care(now) | gives_its_day(now)
    tied = queries.tied_to(patient, actor.practitioner_id, opens, since=since, now=now)
    return own | (tied if actor.reaches(None) else tied & (patient == actor.only_patient))


def open_history(work: Work, patient_id: UUID) -> Access | None:
    """Return why the actor may read the record, or None, and write an audit event either way.

    A patient who does not exist is refused in exactly the same steps as one whose record the actor
    may not read.
    """
    reasons = open_histories(work, [patient_id])
    return reasons.get(patient_id)


def open_histories(work: Work, patient_ids: Collection[UUID]) -> dict[UUID, Access]:
    """Return the patients whose records the actor may read, and why; two statements.

    Write an audit event for each patient, as :func:`open_history` does.
    """
    reasons = readable(work, patient_ids)
    for patient_id in patient_ids:
        if patient_id in reasons:
            audit.record(work, READ, subject_of(patient_id), how=reasons[patient_id].value)
        else:
            note_refusal(work, patient_id)
    return reasons


def note_refusal(work: Work, patient_id: UUID) -> None:
    """Write an audit event: the actor asked for a record that they may not read."""
    audit.record(work, REFUSED, subject_of(patient_id))


def subject_of(patient_id: UUID) -> str:
    """Return the name of a patient, and so of their health record, in the audit."""
    return f"patient:{patient_id}"
