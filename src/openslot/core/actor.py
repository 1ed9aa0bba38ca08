"""The actor: who does something, and in which role."""

from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """The role of an account; each account has exactly one."""

    PATIENT = "patient"
    PRACTITIONER = "practitioner"
    STAFF = "staff"
    CENTRE_ADMIN = "centre-admin"
    NETWORK_ADMIN = "network-admin"


@dataclass(frozen=True, slots=True)
class Actor:
    """The account behind an action, its role, and the patient, practitioner or staff it is.

    ``role`` is None for a visitor who has not signed in. ``further_centres`` are those whose desk
    the actor is at besides ``centre_id``. ``program`` names the key or client of a
    program, which acts for the network within its scopes. ``reads_all`` is whoever runs the server
    and exports everything; no caller of an entry point ever is. ``only_patient`` is whom all that
    the actor reads and does must be about, if a program acts for them with one patient.
    """

    role: Role | None = None
    account_id: UUID | None = None
    address: str | None = None
    patient_id: UUID | None = None
    practitioner_id: int | None = None
    centre_id: int | None = None
    department_id: int | None = None
    further_centres: frozenset[int] = frozenset()
    dependents: frozenset[UUID] = frozenset()
    program: str | None = None
    reads_all: bool = False
    only_patient: UUID | None = None

    def about(self, patient_id: UUID) -> "Actor":
        """Return the actor limited to one patient."""
        return replace(
            self,
            patient_id=patient_id if patient_id == self.patient_id else None,
            dependents=self.dependents & {patient_id},
            only_patient=patient_id,
        )

    def reaches(self, patient_id: UUID | None) -> bool:
        """Return False for any other patient, or none, if the actor is limited to one."""
        return self.only_patient in (None, patient_id)

    def works_at(self, centre_id: int) -> bool:
        """Return whether the actor belongs to the centre, or is at its desk too."""
        return centre_id == self.centre_id or centre_id in self.further_centres

    @property
    def centres(self) -> frozenset[int]:
        """Return all centres that the actor belongs to."""
        return self.further_centres | ({self.centre_id} if self.centre_id is not None else set())

    def acts_for(self, patient_id: UUID | None) -> bool:
        """Return whether the actor is this patient or their carer."""
        return patient_id is not None and (
            patient_id == self.patient_id or patient_id in self.dependents
        )

    def is_a(self, *roles: Role) -> bool:
        """Return whether the actor has one of ``roles``."""
        return self.role in roles


SYSTEM = Actor(role=Role.NETWORK_ADMIN)
"""The command line and the worker, which act with all rights."""
