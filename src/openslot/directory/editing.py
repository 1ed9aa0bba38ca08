"""The details that each kind of editor can change: one table for pages, the API and imports."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from sqlalchemy.orm import Session

from openslot.core.actor import Actor, Role
from openslot.core.errors import Forbidden
from openslot.core.fields import Details
from openslot.directory import queries
from openslot.directory.details import (
    AccountDetails,
    CentreDetails,
    DepartmentDetails,
    PatientDetails,
    PractitionerDetails,
    ServiceDetails,
    StaffOwnDetails,
)
from openslot.directory.models import Patient, Service
from openslot.directory.rules import may_run_network, runs_centre, runs_every


class Editor(StrEnum):
    """The relation of an actor to the details that they change."""

    OWNER = "owner"
    """The person described by the details."""
    CARER = "carer"
    KEEPER = "keeper"
    """The care team of a patient without an account."""
    CARE_TEAM = "care-team"
    """The care team of a patient with an account."""
    DEPARTMENT = "department"
    PRACTITIONER = "practitioner"
    """A practitioner, as the owner of an account."""
    ONE_CENTRE = "one-centre"
    """The administrator of one of the practitioner's centres."""
    CENTRE = "centre"
    """The administrator of the centre, or of every centre of the practitioner."""
    NETWORK = "network"
    """An administrator of the network."""


def _all(kind: type[Details], *, but: Iterable[str] = ()) -> frozenset[str]:
    return frozenset(kind.model_fields) - set(but)


MAY_CHANGE: Mapping[type[Details], Mapping[Editor, frozenset[str]]] = {
    CentreDetails: {
        Editor.CENTRE: _all(CentreDetails, but=("name", "type", "business_number", "time_zone")),
        Editor.NETWORK: _all(CentreDetails),
    },
    DepartmentDetails: {
        Editor.DEPARTMENT: _all(DepartmentDetails),
        Editor.CENTRE: _all(DepartmentDetails),
        Editor.NETWORK: _all(DepartmentDetails),
    },
    ServiceDetails: {
        Editor.DEPARTMENT: _all(ServiceDetails),
        Editor.CENTRE: _all(ServiceDetails),
        Editor.NETWORK: _all(ServiceDetails),
    },
    PractitionerDetails: {
        Editor.OWNER: frozenset({"phone", "email", "languages", "gender", "about"}),
        Editor.ONE_CENTRE: frozenset(),
        Editor.CENTRE: _all(PractitionerDetails),
        Editor.NETWORK: _all(PractitionerDetails),
    },
    PatientDetails: {
        # The address for sign-in is changed elsewhere, after a check of the password.
        Editor.OWNER: _all(PatientDetails, but=("email",)),
        Editor.CARER: _all(PatientDetails, but=("time_zone", "language")),
        Editor.KEEPER: _all(PatientDetails),
        Editor.CARE_TEAM: _all(PatientDetails, but=("email",)),
        Editor.NETWORK: _all(PatientDetails),
    },
    AccountDetails: {
        Editor.OWNER: _all(AccountDetails),
        Editor.PRACTITIONER: frozenset({"time_zone"}),
    },
    StaffOwnDetails: {Editor.OWNER: _all(StaffOwnDetails)},
}
"""Fields that each editor can change; no others can be changed. The role, centre, department and
state of an account are not details, and have their own commands."""


class NotYoursToChange(Forbidden):
    """The editor cannot change this field."""

    code = "not-yours-to-change"
    sentence = "You cannot change this. Ask an administrator to."


SENTENCES: Mapping[tuple[type[Details], Editor], str] = {
    (CentreDetails, Editor.CENTRE): "Only a network administrator can change this.",
    (PractitionerDetails, Editor.OWNER): "Only an administrator can change this. Ask your centre, "
    "or the network if you work at several centres.",
    (PractitionerDetails, Editor.ONE_CENTRE): "This person also works at another centre. Ask them "
    "or a network administrator to change this.",
    (PatientDetails, Editor.OWNER): "Change this on your account page, where you confirm your "
    "password.",
    (PatientDetails, Editor.CARE_TEAM): "This patient has an account. Ask them to change their "
    "email address there.",
    (AccountDetails, Editor.PRACTITIONER): "Your name comes from the directory. Ask an "
    "administrator to change it.",
}


def check_changes(kind: type[Details], editor: Editor, known: object, details: Details) -> None:
    """Raise NotYoursToChange, with the field's name, for a change that the table does not allow."""
    sentence = SENTENCES.get((kind, editor), NotYoursToChange.sentence)
    check_kept(MAY_CHANGE[kind].get(editor, frozenset()), known, details, sentence)


def check_kept(own: frozenset[str], known: object, details: Details, sentence: str) -> None:
    """Raise NotYoursToChange, with the field's name, if a field outside ``own`` differs from its
    value in ``known``."""
    for name, value in details.model_dump().items():
        if name not in own and (getattr(known, name) or None) != (value or None):
            raise NotYoursToChange(sentence, field=name)


def editor_of_centre(actor: Actor, centre_id: int) -> Editor:
    """Return the actor's relation to a centre. Raises Forbidden unless they administer it."""
    if not runs_centre(actor, centre_id):
        raise Forbidden
    return Editor.NETWORK if actor.is_a(Role.NETWORK_ADMIN) else Editor.CENTRE


def editor_of_department(actor: Actor, centre_id: int, department_id: int) -> Editor:
    """Return the actor's relation to a department and its services. Raises Forbidden."""
    if actor.is_a(Role.STAFF) and actor.department_id == department_id:
        return Editor.DEPARTMENT
    return editor_of_centre(actor, centre_id)


def editor_of_service(session: Session, actor: Actor, service: Service) -> Editor:
    """Return the actor's relation to a service: of a department, a centre or the network. Raises
    Forbidden."""
    if service.department_id is not None:
        department = queries.department(session, service.department_id, inactive=True)
        return editor_of_department(actor, department.centre_id, department.id)
    if service.centre_id is not None:
        return editor_of_centre(actor, service.centre_id)
    may_run_network(actor)
    return Editor.NETWORK


def editor_of_practitioner(
    actor: Actor, practitioner_id: int, centre_ids: frozenset[int]
) -> Editor:
    """Return the actor's relation to a practitioner who works at these centres. Raises
    Forbidden."""
    if actor.is_a(Role.NETWORK_ADMIN):
        return Editor.NETWORK
    if actor.practitioner_id == practitioner_id:
        return Editor.OWNER
    if runs_every(actor, centre_ids):
        return Editor.CENTRE
    if not any(runs_centre(actor, centre) for centre in centre_ids):
        raise Forbidden
    return Editor.ONE_CENTRE


def editor_of_patient(actor: Actor, patient: Patient) -> Editor:
    """Return the relation to a patient of an actor who has access to them."""
    if actor.is_a(Role.NETWORK_ADMIN):
        return Editor.NETWORK
    if actor.patient_id == patient.id:
        return Editor.OWNER
    if actor.acts_for(patient.id):
        return Editor.CARER
    return Editor.KEEPER if patient.account_id is None else Editor.CARE_TEAM


def editor_of_account(actor: Actor) -> Editor:
    """Return the actor's relation to their own account."""
    return Editor.PRACTITIONER if actor.is_a(Role.PRACTITIONER) else Editor.OWNER
