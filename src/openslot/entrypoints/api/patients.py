"""Operations on patients."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from openslot.core.errors import Invalid, NotFound
from openslot.core.fields import Birth, Line, Name
from openslot.core.work import Work
from openslot.directory import commands, dependents, own, queries
from openslot.directory.details import DependentDetails, PatientDetails
from openslot.directory.editing import Editor, check_changes
from openslot.directory.models import Patient as PatientRow
from openslot.directory.rules import may_see_patient
from openslot.entrypoints import bearer
from openslot.entrypoints.api.history import refuse
from openslot.entrypoints.api.operations import Answer, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.api.partial import Partial, merged
from openslot.entrypoints.failures import checked
from openslot.entrypoints.request import reader
from openslot.entrypoints.rules import Rule
from openslot.records import finding

service = Service("patients", "Patients", "People who receive care.")

PATH = "/api/v1/patients"
ONE = f"{PATH}/<uuid:patient_id>"


class Patient(Shown):
    """A patient, without the health record."""

    id: UUID
    name: str
    born: Annotated[str | None, Field(description="A date, or only its year or month.")]
    email: str | None
    phone: str | None
    medicare_number: str | None
    language: str | None
    time_zone: str | None
    active: bool


class FoundPatient(Shown):
    """A patient in search results."""

    id: UUID
    name: str
    born: Annotated[str | None, Field(description="A date, or only its year or month.")]


class PatientList(Listing[FoundPatient]):
    """A page of patients, sorted by name."""


class PatientQuery(Paged):
    """Search terms; at least one is required."""

    q: Annotated[
        str | None,
        Field(max_length=200, description="Part of the name, email, telephone or Medicare number."),
    ] = None
    name: Annotated[
        Name | None,
        Field(
            description="Full name; with `born` or `identifier` it also finds people who are not "
            "your patients."
        ),
    ] = None
    born: Birth | None = None
    identifier: Annotated[
        Line | None, Field(description="Medicare number, phone number or email address, whole.")
    ] = None


class NewPatient(PatientDetails):
    """A patient to register."""

    anyway: Annotated[
        bool,
        Field(description="Register even if someone alike exists, or only a name is known."),
    ] = False


PatientChange = Partial.of(PatientDetails, "PatientChange", "Changes to a patient.")


@service.operation(
    "GET", PATH, scope="patients:read", rule=Rule.RELATED, query=PatientQuery, answer=PatientList
)
def list_patients(query: PatientQuery) -> Listing[FoundPatient]:
    """Find patients, as a member of the care team.

    Practitioners find patients who have appointments with them, staff and administrators of a
    centre those who have one there. All find other patients only by full name and date of birth or
    identifier, and know them for some hours. Each search is audited.
    """
    actor = bearer.actor()
    finding.check_may_find(actor)
    if query.name and (query.born or query.identifier) and not query.q:
        matches = bearer.write(
            finding.look_up, query.name, born=query.born, identifier=query.identifier
        )
        return PatientList(items=[_found(row) for row in matches[: query.limit]], next=None)
    if query.identifier:
        raise Invalid("Enter the full name too.", field="name")
    if not (query.q or query.born):
        raise Invalid("Enter a name or date of birth.", field="q")
    after = read_cursor(query.after, str, UUID)
    rows = finding.found(
        bearer.work(),
        text=f"{query.q or ''} {query.name or ''}".strip(),
        born=query.born,
        after=after,
        limit=query.limit + 1,
    )
    bearer.write(finding.note_search, min(len(rows), query.limit))
    return page(PatientList, rows, query, _found, lambda row: (row.name, row.id))


@service.operation("GET", ONE, scope="patients:read", rule=Rule.RELATED, answer=Patient)
def get_patient(patient_id: UUID) -> Patient:
    """Read a patient: yourself, your dependent, or a patient you work with.

    Practitioners read patients whose health record they may read, or whom they have just
    registered. For everyone else the answer is 404.
    """
    actor = bearer.actor()
    may_see_patient(actor, patient_id)
    if not finding.knows(bearer.work(), patient_id):
        refuse(patient_id)
    bearer.write(finding.note_details_read, patient_id)
    return _patient(queries.patient(reader(), patient_id))


@service.operation(
    "POST",
    PATH,
    scope="patients:write",
    rule=Rule.RELATED,
    body=NewPatient,
    answer=Patient,
    status=201,
    headers={"Location": "The address of the new patient."},
)
def create_patient(body: NewPatient) -> Answer:
    """Register a patient, as a member of the care team.

    If a patient may be the same person, the answer is `patient-known`: two of name, date of birth,
    phone and email agree, or the Medicare number does. With a name alone the answer is
    `too-few-details`. Send `anyway` if it is a different person, or if no more is known.
    """
    details = PatientDetails(**body.model_dump(exclude={"anyway"}))
    patient = bearer.write(finding.register, details, anyway=body.anyway)
    return Answer(_patient(patient), headers={"Location": f"{PATH}/{patient.id}"})


@service.operation(
    "PATCH",
    ONE,
    scope="patients:write",
    rule=Rule.RELATED,
    body=PatientChange,
    answer=Patient,
    may_fail=(409,),
)
def change_patient(patient_id: UUID, body: Partial) -> Patient:
    """Change the details of a patient: yourself, your dependent, or a patient you work with.

    Practitioners change patients with whom they have an appointment, or whom they have just
    registered. Emergency access does not allow it. To change the email address with which you sign
    in, use the account page, which asks for your password.
    """
    if not body.model_fields_set:
        raise Invalid("Send at least one change.")
    bearer.write(_change, patient_id, body)
    return _patient(queries.patient(reader(), patient_id))


def _change(work: Work, patient_id: UUID, body: Partial) -> None:
    if not finding.may_change(work, patient_id):
        raise NotFound
    current = queries.patient(work.session, patient_id)
    details = merged(PatientDetails, current, body)
    if work.actor.patient_id == patient_id:
        own.change_own_patient(work, details)
    elif work.actor.acts_for(patient_id):
        check_changes(PatientDetails, Editor.CARER, current, details)
        dependent_details = details.model_dump(include=set(DependentDetails.model_fields))
        dependents.change(
            work, patient_id, checked(DependentDetails.model_validate, dependent_details)
        )
    else:
        commands.change_patient(work, patient_id, details)


def _found(row: PatientRow) -> FoundPatient:
    return FoundPatient(id=row.id, name=row.name, born=_born(row))


def _patient(row: PatientRow) -> Patient:
    values: dict[str, Any] = {name: getattr(row, name) for name in Patient.model_fields}
    return Patient.model_validate(values | {"born": _born(row)})


def _born(row: PatientRow) -> str | None:
    return row.born
