"""Who acts, and who may change what in the directory."""

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
    """Who asks: an account with its role, and whom it stands for in the directory.

    ``role`` None is somebody who has not signed in. ``program`` names the key or client of a
    program that acts for the network, as far as its scopes let it.
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
        """The actor as the audit names it."""
        return Origin(self.account_id, self.address, self.program)

    def acts_for(self, patient_id: UUID | None) -> bool:
        """Whether the actor is this patient, or cares for them."""
        return patient_id is not None and (
            patient_id == self.patient_id or patient_id in self.dependents
        )

    def is_a(self, *roles: Role) -> bool:
        """Whether the actor has one of ``roles``."""
        return self.role in roles


SYSTEM = Actor(role=Role.NETWORK_ADMIN)
"""The command line, which whoever runs the server may use."""


def may_run_network(actor: Actor) -> None:
    """Only an administrator of the network may; Forbidden otherwise."""
    if not actor.is_a(Role.NETWORK_ADMIN):
        raise Forbidden


def runs_centre(actor: Actor, centre_id: int) -> bool:
    """Whether the actor administers this centre."""
    return actor.is_a(Role.NETWORK_ADMIN) or (
        actor.is_a(Role.CENTRE_ADMIN) and actor.centre_id == centre_id
    )


def may_run_centre(actor: Actor, centre_id: int) -> None:
    """An administrator of the centre or the network may; Forbidden otherwise."""
    if not runs_centre(actor, centre_id):
        raise Forbidden


def may_edit_department(actor: Actor, centre_id: int, department_id: int) -> None:
    """Its staff may, and whoever runs its centre; Forbidden otherwise."""
    own = actor.is_a(Role.STAFF) and actor.department_id == department_id
    if not (own or runs_centre(actor, centre_id)):
        raise Forbidden


def runs_every(actor: Actor, centre_ids: frozenset[int]) -> bool:
    """Whether the actor runs the network, or each of these centres and there is one."""
    every = bool(centre_ids) and all(runs_centre(actor, one) for one in centre_ids)
    return every or actor.is_a(Role.NETWORK_ADMIN)


def works_with_patients(actor: Actor) -> bool:
    """Whether the actor books for patients: staff, practitioners and administrators."""
    return actor.is_a(Role.STAFF, Role.CENTRE_ADMIN, Role.NETWORK_ADMIN, Role.PRACTITIONER)


def may_see_patient(actor: Actor, patient_id: UUID) -> None:
    """Oneself, one's dependents, and those who work with patients; NotFound for others."""
    if not (actor.acts_for(patient_id) or works_with_patients(actor)):
        raise NotFound


def check_born(born: date | None, today: date) -> None:
    """BirthInFuture and BirthTooLongAgo, unless a living person may be born then."""
    if born is not None and born > today:
        raise BirthInFuture(field="born")
    if born is not None and born.year < today.year - OLDEST_AGE:
        raise BirthTooLongAgo(field="born")


def check_holiday_region(region: str | None) -> None:
    """BadHolidayRegion unless the calendar of public holidays knows it: AU, AU-NSW, …"""
    if region is None:
        return
    country, _, part = region.partition("-")
    known = holidays.list_supported_countries()
    if country not in known or (part and part not in known[country]):
        raise BadHolidayRegion(field="holiday_region")


def check_expertise(profession: Profession, expertise: str | None) -> None:
    """A specialist has an area of expertise; ExpertiseMissing otherwise."""
    if profession == Profession.SPECIALIST and not expertise:
        raise ExpertiseMissing(field="expertise")
