"""Who may change which details: one table, for pages, the API, imports and programs alike."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from openslot.core.errors import Forbidden
from openslot.core.fields import Details
from openslot.directory.details import (
    AccountDetails,
    CentreDetails,
    DepartmentDetails,
    PatientDetails,
    PractitionerDetails,
    ServiceDetails,
    StaffOwnDetails,
)
from openslot.directory.models import Patient
from openslot.directory.rules import Actor, runs_centre, runs_every
from openslot.identity.models import Role


class Editor(StrEnum):
    """What an actor is to the details that they change."""

    OWNER = "owner"
    """The person whom they are about."""
    CARER = "carer"
    KEEPER = "keeper"
    """Who works with a patient that has no account."""
    CARE_TEAM = "care-team"
    """Who works with a patient that has one."""
    DEPARTMENT = "department"
    PRACTITIONER = "practitioner"
    """A practitioner, as owner of an account."""
    ONE_CENTRE = "one-centre"
    """Who runs one of several centres concerned."""
    CENTRE = "centre"
    """Who runs the centre, or every centre concerned."""
    NETWORK = "network"


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
        Editor.OWNER: frozenset({"phone", "email", "languages", "about"}),
        Editor.ONE_CENTRE: frozenset(),
        Editor.CENTRE: _all(PractitionerDetails),
        Editor.NETWORK: _all(PractitionerDetails),
    },
    PatientDetails: {
        # The address with which one signs in is changed where the password is asked for.
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
"""What each may change; what is not here nobody may. Roles, centres, departments, and whether an
account is active or let in, are in no details: they have commands of their own."""


class NotYoursToChange(Forbidden):
    """You cannot change this. Ask an administrator to."""


SENTENCES: Mapping[tuple[type[Details], Editor], str] = {
    (CentreDetails, Editor.CENTRE): "An administrator of the network keeps this. Ask them to "
    "change it.",
    (PractitionerDetails, Editor.OWNER): "An administrator keeps this. Ask the one of your centre, "
    "or of the network where you work at several, to change it.",
    (PractitionerDetails, Editor.ONE_CENTRE): "They work at another centre too. Ask them, or an "
    "administrator of the network, to change this.",
    (PatientDetails, Editor.OWNER): "Change this on the page of your account, where your password "
    "is asked for.",
    (PatientDetails, Editor.CARE_TEAM): "The patient has an account. Ask them to change their "
    "address there.",
    (AccountDetails, Editor.PRACTITIONER): "Your name is the one in the directory. Ask an "
    "administrator to change it.",
}


def check_changes(kind: type[Details], editor: Editor, known: object, details: Details) -> None:
    """Raise NotYoursToChange, with the field's name, for what the table does not give."""
    sentence = SENTENCES.get((kind, editor), NotYoursToChange.sentence)
    check_kept(MAY_CHANGE[kind].get(editor, frozenset()), known, details, sentence)


def check_kept(own: frozenset[str], known: object, details: Details, sentence: str) -> None:
    """Raise NotYoursToChange, with the field's name, for a value that is not as ``known`` and not
    among ``own``. Values that are sent back unchanged are fine."""
    for name, value in details.model_dump().items():
        if name not in own and (getattr(known, name) or None) != (value or None):
            raise NotYoursToChange(sentence, field=name)


def editor_of_centre(actor: Actor, centre_id: int) -> Editor:
    """What the actor is to a centre. Raise Forbidden for who does not run it."""
    if not runs_centre(actor, centre_id):
        raise Forbidden
    return Editor.NETWORK if actor.is_a(Role.NETWORK_ADMIN) else Editor.CENTRE


def editor_of_department(actor: Actor, centre_id: int, department_id: int) -> Editor:
    """What the actor is to a department and its services. Raise Forbidden for strangers."""
    if actor.is_a(Role.STAFF) and actor.department_id == department_id:
        return Editor.DEPARTMENT
    return editor_of_centre(actor, centre_id)


def editor_of_practitioner(
    actor: Actor, practitioner_id: int, centre_ids: frozenset[int]
) -> Editor:
    """What the actor is to a practitioner who works at these centres. Raise Forbidden for
    strangers."""
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
    """What the actor is to a patient whom they may change."""
    if actor.is_a(Role.NETWORK_ADMIN):
        return Editor.NETWORK
    if actor.patient_id == patient.id:
        return Editor.OWNER
    if actor.acts_for(patient.id):
        return Editor.CARER
    return Editor.KEEPER if patient.account_id is None else Editor.CARE_TEAM


def editor_of_account(actor: Actor) -> Editor:
    """What the actor is to their own account."""
    return Editor.PRACTITIONER if actor.is_a(Role.PRACTITIONER) else Editor.OWNER
