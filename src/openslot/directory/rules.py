"""The actor of an action, and the access rules of the directory."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

import holidays

from openslot.core.audit import Origin
from openslot.core.errors import Forbidden, NotFound
from openslot.directory.errors import (
    BadHolidayRegion,
    BirthInFuture,
    BirthTooLongAgo,
    ExpertiseMissing,
)
from openslot.directory.models import Profession
from openslot.identity.models import Role

OLDEST_AGE = 130


@dataclass(frozen=True, slots=True)
class Actor:
    """The account behind an action, its role, and the patient, practitioner or staff it is.

    ``role`` is None for a visitor who has not signed in. ``program`` names the key or client of a
    program, which acts for the network within its scopes.
    """

    role: Role | None = None
    account_id: UUID | None = None
    address: str | None = None
    patient_id: UUID | None = None
    practitioner_id: int | None = None
    centre_id: int | None = None
    department_id: int | None = None
    dependents: frozenset[UUID] = frozenset()
    program: str | None = None

    @property
    def origin(self) -> Origin:
        """Return the origin of audit events by this actor."""
        return Origin(self.account_id, self.address, self.program)

    def acts_for(self, patient_id: UUID | None) -> bool:
        """Return whether the actor is this patient or their carer."""
        return patient_id is not None and (
            patient_id == self.patient_id or patient_id in self.dependents
        )

    def is_a(self, *roles: Role) -> bool:
        """Return whether the actor has one of ``roles``."""
        return self.role in roles


SYSTEM = Actor(role=Role.NETWORK_ADMIN)
"""The command line, which acts with all rights."""


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


def check_born(born: date | None, today: date) -> None:
    """Raise BirthInFuture or BirthTooLongAgo if no living person can be born on that day."""
    if born is not None and born > today:
        raise BirthInFuture(field="born")
    if born is not None and born.year < today.year - OLDEST_AGE:
        raise BirthTooLongAgo(field="born")


def check_holiday_region(region: str | None) -> None:
    """Raise BadHolidayRegion unless the region has a holiday calendar: AU, AU-NSW, …"""
    if region is None:
        return
    country, _, subdivision = region.partition("-")
    supported = holidays.list_supported_countries()
    if country not in supported or (subdivision and subdivision not in supported[country]):
        raise BadHolidayRegion(field="holiday_region")


def check_expertise(profession: Profession, expertise: str | None) -> None:
    """Raise ExpertiseMissing for a specialist without an area of expertise."""
    if profession == Profession.SPECIALIST and not expertise:
        raise ExpertiseMissing(field="expertise")
