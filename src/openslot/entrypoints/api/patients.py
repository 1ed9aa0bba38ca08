"""Operations on patients."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from openslot.core.errors import Invalid, NotFound
from openslot.core.fields import Birth, Line, Name
from openslot.core.folding import folded
from openslot.core.keyset import Key
from openslot.core.work import Work
from openslot.directory import commands, dependents, own, queries
from openslot.directory.details import DependentDetails, PatientDetails
from openslot.directory.editing import Editor, check_changes
from openslot.directory.models import Patient as PatientRow
from openslot.directory.rules import may_see_patient
from openslot.entrypoints import bearer, limits
from openslot.entrypoints.api.history import refuse
from openslot.entrypoints.api.operations import Answer, Given, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.api.partial import Partial, merged
from openslot.entrypoints.cursors import BadCursor
from openslot.entrypoints.failures import checked
from openslot.entrypoints.request import reader
from openslot.entrypoints.rules import Rule
from openslot.records import finding
from openslot.records.errors import PatientKnown

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


class PatientTerms(Given):
    """Search terms; at least one is required."""

    q: Annotated[
        str | None,
        Field(
            max_length=200,
            description="Part of the name, email or telephone, or a Medicare number.",
        ),
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


class PatientQuery(Paged, PatientTerms):
    """Search terms in the address; at least one is required."""


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

    Addresses are written to logs, so send names by `POST /patients/search`.
    """
    return _find(query, query)


@service.operation(
    "POST",
    f"{PATH}/search",
    scope="patients:read",
    rule=Rule.RELATED,
    query=Paged,
    body=PatientTerms,
    answer=PatientList,
    searches=True,
)
def search_patients(query: Paged, body: PatientTerms) -> Listing[FoundPatient]:
    """Find patients as by GET, with the terms in the body and not in the address.

    Send the same body to `next` for the next page.
    """
    return _find(body, query)


def _find(terms: PatientTerms, asked: Paged) -> Listing[FoundPatient]:
    finding.check_may_find(bearer.actor())
    if terms.name and (terms.born or terms.identifier) and not terms.q:
        matches = bearer.write(
            finding.look_up, terms.name, born=terms.born, identifier=terms.identifier
        )
        return PatientList(items=[_found(row) for row in matches[: asked.limit]], next=None)
    if terms.identifier:
        raise Invalid("Enter the full name too.", field="name")
    text = f"{terms.q or ''} {terms.name or ''}".strip()
    if not (folded(text) or terms.born):
        raise Invalid("Enter a name or date of birth.", field="q")
    rows = finding.found(
        bearer.work(),
        text=text,
        born=terms.born,
        after=_place(asked.after),
        limit=asked.limit + 1,
    )
    bearer.write(finding.note_search, min(len(rows), asked.limit))
    return page(PatientList, rows, asked, _found, lambda row: (row.id,))


def _place(cursor: str | None) -> Key | None:
    """Return where a page begins: the cursor, which is in an address, has no name."""
    key = read_cursor(cursor, UUID)
    if key is None:
        return None
    try:
        last = finding.patient_for(bearer.work(), *key)
    except NotFound:
        raise BadCursor(field="after") from None
    return last.name, last.id


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
    limits.registration(bearer.actor())
    try:
        patient = bearer.write(finding.register, details, anyway=body.anyway)
    except PatientKnown as known:
        bearer.write(finding.note_search, len(known.alike))
        raise
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
