"""Who is at the front desk of a centre, and how somebody who waits stands."""

from datetime import datetime, timedelta
from enum import StrEnum

from openslot.booking.models import Status
from openslot.booking.moves import cares_for_department
from openslot.core.actor import Actor, Role
from openslot.core.errors import Forbidden, NotFound
from openslot.core.folding import folded
from openslot.directory.rules import runs_centre
from openslot.schedules.rules import Place

DUE_WITHIN = timedelta(minutes=30)
"""How long before their start patients are shown as due."""


class Standing(StrEnum):
    """How a patient stands on the day: more than the status of the appointment says."""

    HELD = "held"
    OFFERED = "offered"
    EXPECTED = "expected"
    LATE = "late"
    WAITING = "waiting"
    IN_ROOM = "in-room"
    DONE = "done"
    NO_SHOW = "no-show"
    GONE = "cancelled"


def standing(
    status: Status, called_at: datetime | None, late_minutes: int | None, *, offered: bool
) -> Standing:
    """Return how the patient of an appointment with such a status stands."""
    if status is Status.HELD:
        return Standing.OFFERED if offered else Standing.HELD
    if status is Status.ARRIVED:
        return Standing.IN_ROOM if called_at else Standing.WAITING
    if status is Status.BOOKED:
        return Standing.LATE if late_minutes else Standing.EXPECTED
    ends = {Status.FULFILLED: Standing.DONE, Status.NO_SHOW: Standing.NO_SHOW}
    return ends.get(status, Standing.GONE)


def check_desk(actor: Actor, centre_id: int) -> None:
    """Raise Forbidden unless the actor's role has a desk, and NotFound for another centre's."""
    if not actor.is_a(Role.STAFF, Role.CENTRE_ADMIN, Role.NETWORK_ADMIN):
        raise Forbidden
    is_staff_there = actor.is_a(Role.STAFF) and actor.works_at(centre_id)
    if not (is_staff_there or runs_centre(actor, centre_id)):
        raise NotFound


def is_receptionist(actor: Actor) -> bool:
    """Return whether the actor works at the desk of a centre, and in no department."""
    return actor.is_a(Role.STAFF) and actor.centre_id is not None and actor.department_id is None


def is_at_desk(actor: Actor, place: Place) -> bool:
    """Return whether the actor's desk shows the schedule: staff of a department have that of their
    department, all others that of the whole centre."""
    return not actor.is_a(Role.STAFF) or actor.department_id in (None, place.department_id)


def sees_reasons(actor: Actor, department_id: int | None) -> bool:
    """Return whether the desk shows why patients come for what a department, or a practitioner,
    does; see :func:`openslot.booking.moves.may_see_reason`."""
    return actor.is_a(Role.STAFF) and cares_for_department(actor, department_id)


def first_letter(text: str) -> str:
    """Return the first letter of a text, whatever signs are before it; empty without one."""
    return next(filter(folded, text), "")


def begins(name: str, text: str) -> bool:
    """Return whether one of the names of somebody begins so, or all of them together."""
    sought, whole = folded(text), folded(name)
    return sought != "" and (whole.startswith(sought) or f" {sought}" in whole)
