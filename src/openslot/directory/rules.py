"""The access rules of the directory."""

from datetime import date
from uuid import UUID

import holidays

from openslot.core.actor import Actor, Role
from openslot.core.births import BirthDate
from openslot.core.errors import Forbidden, NotFound
from openslot.directory.errors import (
    BadHolidayRegion,
    BirthInFuture,
    BirthTooLongAgo,
    ExpertiseMissing,
)

OLDEST_AGE = 130


def may_run_network(actor: Actor) -> None:
    """Raise Forbidden unless the actor is a network administrator."""
    if not actor.is_a(Role.NETWORK_ADMIN):
        raise Forbidden


def runs_centre(actor: Actor, centre_id: int) -> bool:
    """Return whether the actor administers this centre or the network."""
    return actor.is_a(Role.NETWORK_ADMIN) or (
        actor.is_a(Role.CENTRE_ADMIN) and actor.centre_id == centre_id
    )


def may_run_centre(actor: Actor, centre_id: int) -> None:
    """Raise Forbidden unless the actor administers this centre or the network."""
    if not runs_centre(actor, centre_id):
        raise Forbidden


def may_edit_department(actor: Actor, centre_id: int, department_id: int) -> None:
    """Raise Forbidden unless the actor is staff of the department or runs its centre."""
    is_own = actor.is_a(Role.STAFF) and actor.department_id == department_id
    if not (is_own or runs_centre(actor, centre_id)):
        raise Forbidden


def runs_every(actor: Actor, centre_ids: frozenset[int]) -> bool:
    """Return whether the actor runs the network or all of these centres; False if there are
    none."""
    runs_all = bool(centre_ids) and all(runs_centre(actor, centre) for centre in centre_ids)
    return runs_all or actor.is_a(Role.NETWORK_ADMIN)


def works_with_patients(actor: Actor) -> bool:
    """Return whether the actor is in the care team: staff, practitioners, administrators."""
    return actor.is_a(Role.STAFF, Role.CENTRE_ADMIN, Role.NETWORK_ADMIN, Role.PRACTITIONER)


def may_see_patient(actor: Actor, patient_id: UUID) -> None:
    """Raise NotFound unless the actor is the patient, their carer or in the care team."""
    if not (actor.acts_for(patient_id) or works_with_patients(actor)):
        raise NotFound


def check_born(born: BirthDate | None, today: date) -> None:
    """Raise BirthInFuture or BirthTooLongAgo if no living person can be born on that day."""
    if born is not None and born.first > today:
        raise BirthInFuture(field="born")
    if born is not None and born.last.year < today.year - OLDEST_AGE:
        raise BirthTooLongAgo(field="born")


def check_holiday_region(region: str | None) -> None:
    """Raise BadHolidayRegion unless the region has a holiday calendar: AU, AU-NSW, …"""
    if region is None:
        return
    country, _, subdivision = region.partition("-")
    supported = holidays.list_supported_countries()
    if country not in supported or (subdivision and subdivision not in supported[country]):
        raise BadHolidayRegion(field="holiday_region")


def check_expertise(*, needs_referral: bool, expertise: str | None) -> None:
    """Raise ExpertiseMissing for somebody who needs a referral without an area of expertise."""
    if needs_referral and not expertise:
        raise ExpertiseMissing(field="expertise")
