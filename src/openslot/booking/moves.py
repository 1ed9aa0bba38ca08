"""What becomes of an appointment: who may make which move, until when."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from openslot.booking.errors import (
    InvalidTransition,
    NoCheckIn,
    TooEarly,
    TooLateToChange,
)
from openslot.booking.models import Appointment, Status
from openslot.core import transitions
from openslot.core.actor import Actor, Role
from openslot.core.config import Settings
from openslot.core.errors import Forbidden, Invalid
from openslot.directory.models import Service
from openslot.schedules.models import Schedule

CLAIMING = frozenset({Status.HELD, Status.BOOKED, Status.ARRIVED, Status.FULFILLED, Status.NO_SHOW})
"""Appointments of these statuses keep their ticks taken."""

LIVE = frozenset({Status.BOOKED, Status.ARRIVED})
"""Appointments that are still to come or going on."""

FREES_DAY = frozenset(Status) - LIVE - {Status.HELD}
"""Appointments of these statuses leave the day free for another with the same practitioner."""


class Relation(StrEnum):
    """What somebody is to an appointment."""

    PATIENT = "patient"
    PRACTITIONER = "practitioner"
    STAFF = "staff"
    ADMIN = "admin"


_CARERS = frozenset({Relation.PRACTITIONER, Relation.STAFF, Relation.ADMIN})

_EVERYBODY = _CARERS | {Relation.PATIENT}

MOVES: Mapping[tuple[Status, Status], frozenset[Relation]] = {
    (Status.HELD, Status.BOOKED): _EVERYBODY,
    (Status.HELD, Status.EXPIRED): _EVERYBODY,
    (Status.BOOKED, Status.CANCELLED): _EVERYBODY,
    (Status.BOOKED, Status.ARRIVED): _EVERYBODY,
    (Status.BOOKED, Status.NO_SHOW): _CARERS,
    (Status.ARRIVED, Status.FULFILLED): _CARERS,
    # Slips of the finger are taken back; the appointment kept its time meanwhile.
    (Status.ARRIVED, Status.BOOKED): _CARERS,
    (Status.FULFILLED, Status.ARRIVED): _CARERS,
    (Status.NO_SHOW, Status.BOOKED): _CARERS,
    (Status.CANCELLED, Status.BOOKED): _EVERYBODY,
    **{
        (status, Status.ENTERED_IN_ERROR): frozenset({Relation.ADMIN})
        for status in Status
        if status not in (Status.ENTERED_IN_ERROR, Status.EXPIRED)
    },
}
"""Who may change one status to another; anything not listed is forbidden."""

UNDONE_WITHIN = timedelta(minutes=10)
"""How long a cancellation can be undone, while the time is free."""

ARRIVES_EARLIEST = timedelta(hours=12)
"""A patient is noted as arrived no earlier than this before the start."""

CHECKS_IN_FROM = timedelta(hours=1)
"""How long before the start patients say themselves that they are here, or late."""

MOST_LATE = 120
"""Minutes that somebody can be late who is still expected."""


def relation_to(actor: Actor, appointment: Appointment) -> Relation | None:
    """What the actor is to the appointment; None for a stranger, who may not know that it
    exists."""
    if actor.acts_for(appointment.patient_id):
        return Relation.PATIENT
    reaches = actor.reaches(appointment.patient_id)
    return relation_to_schedule(actor, appointment.schedule) if reaches else None


def relation_to_schedule(actor: Actor, schedule: Schedule) -> Relation | None:
    """Return what somebody who works there is to all appointments of a schedule, or None."""
    if actor.practitioner_id is not None and actor.practitioner_id == schedule.practitioner_id:
        return Relation.PRACTITIONER
    if actor.is_a(Role.NETWORK_ADMIN):
        return Relation.ADMIN
    if actor.works_at(schedule.centre_id):
        return Relation.ADMIN if actor.is_a(Role.CENTRE_ADMIN) else Relation.STAFF
    return None


def may_see_reason(actor: Actor, appointment: Appointment) -> bool:
    """Return whether the actor may read why the patient comes.

    The patient, the practitioner, staff of the service's department, the desk of a practitioner's
    centre (staff without a department), and programs may; administrators and other departments
    need not know.
    """
    relation = relation_to(actor, appointment)
    if relation is Relation.ADMIN:
        return actor.program is not None
    if relation is not Relation.STAFF:
        return relation is not None
    department = appointment.department
    return cares_for_department(actor, department.id if department else None)


def cares_for_department(actor: Actor, department_id: int | None) -> bool:
    """Return whether staff work where this is done: in the department of the service, or at the
    desk for what practitioners do."""
    return actor.department_id == department_id


def check_move(
    relation: Relation, appointment: Appointment, to: Status, *, now: datetime, cutoff: timedelta
) -> None:
    """Refuse a change of status that the table does not give, or that comes at a wrong time."""
    transitions.check(
        MOVES, (appointment.status, to), relation, unlisted=InvalidTransition, unmet=Forbidden
    )
    if to is Status.CANCELLED:
        check_change_time(relation, appointment, now=now, cutoff=cutoff)
    if appointment.status is Status.FULFILLED and to is Status.ARRIVED:
        _check_reopened(appointment, now)
    elif to is Status.ARRIVED:
        _check_arrival(relation, appointment, now)
    if to is Status.NO_SHOW and now < appointment.starts_at:
        raise TooEarly
    is_undone = appointment.status is Status.CANCELLED and to is Status.BOOKED
    if is_undone and not may_undo(appointment, now):
        raise InvalidTransition


def _check_reopened(appointment: Appointment, now: datetime) -> None:
    """Raise InvalidTransition if an appointment was completed too long ago to undo it."""
    if not _can_be_undone(appointment, now):
        raise InvalidTransition


def _check_arrival(relation: Relation, appointment: Appointment, now: datetime) -> None:
    """Raise TooEarly before somebody can be noted as arrived, and NoCheckIn for patients outside
    of the time in which they check in themselves."""
    if now < appointment.starts_at - ARRIVES_EARLIEST:
        raise TooEarly
    if relation is Relation.PATIENT and not may_check_in(appointment, now):
        raise NoCheckIn


def may_check_in(appointment: Appointment, now: datetime) -> bool:
    """Return whether patients can say now that they are here, or late: from an hour before the
    start until the end."""
    return (
        appointment.status is Status.BOOKED
        and appointment.starts_at - CHECKS_IN_FROM <= now < appointment.ends_at
    )


def check_late(relation: Relation, appointment: Appointment, minutes: int, now: datetime) -> None:
    """Refuse a note that the patient comes ``minutes`` late: InvalidTransition unless they are
    expected, NoCheckIn as for arriving, Invalid for minutes that cannot be."""
    if appointment.status is not Status.BOOKED:
        raise InvalidTransition
    _check_arrival(relation, appointment, now)
    if not 5 <= minutes <= MOST_LATE or minutes % 5:
        raise Invalid(
            "Enter from 5 to {most} minutes, in steps of 5.", field="minutes", most=MOST_LATE
        )


def may_undo(appointment: Appointment, now: datetime) -> bool:
    """Return whether it is early enough to undo the cancellation of an appointment."""
    return _can_be_undone(appointment, now) and now < appointment.starts_at


def undo_until(to: Status, now: datetime) -> datetime | None:
    """Return until when a change to this status can be undone, or None."""
    return now + UNDONE_WITHIN if to in (Status.CANCELLED, Status.FULFILLED) else None


def _can_be_undone(appointment: Appointment, now: datetime) -> bool:
    return appointment.undo_until is not None and now <= appointment.undo_until


def cutoff_of(service: Service | None, settings: Settings) -> timedelta:
    """Return how long before they start patients can move and cancel appointments for the service:
    what it says, else the network."""
    if service is None or service.cancel_hours is None:
        return settings.cancel_cutoff
    return timedelta(hours=service.cancel_hours)


def check_change_time(
    relation: Relation, appointment: Appointment, *, now: datetime, cutoff: timedelta
) -> None:
    """Patients move and cancel until the cut-off; those who give the care at any time."""
    if _is_late(relation, appointment, now, cutoff):
        raise TooLateToChange(hours=int(cutoff / timedelta(hours=1)))


def moves_now(
    relation: Relation, appointment: Appointment, *, now: datetime, cutoff: timedelta
) -> frozenset[Status]:
    """The statuses that this relation may give the appointment at this moment."""
    return transitions.allowed(
        Status, lambda to: check_move(relation, appointment, to, now=now, cutoff=cutoff)
    )


def may_reschedule(
    relation: Relation, appointment: Appointment, *, now: datetime, cutoff: timedelta
) -> bool:
    """Whether this relation may move or amend the appointment now."""
    is_late = _is_late(relation, appointment, now, cutoff)
    return appointment.status is Status.BOOKED and not is_late


def _is_late(
    relation: Relation, appointment: Appointment, now: datetime, cutoff: timedelta
) -> bool:
    return relation is Relation.PATIENT and now > appointment.starts_at - cutoff
