"""Patients through the API: found, read, registered, changed."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from sqlalchemy.orm import Session

from openslot.core.errors import Invalid, NotFound
from openslot.core.fields import Day, Name
from openslot.directory import commands, dependents, own, queries
from openslot.directory.details import DependentDetails, PatientDetails
from openslot.directory.editing import Editor, check_changes
from openslot.directory.models import Patient as PatientRow
from openslot.directory.rules import Actor, may_see_patient
from openslot.entrypoints import bearer
from openslot.entrypoints.api.history import access_days, refuse
from openslot.entrypoints.api.operations import Answer, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.api.partial import Partial, merged
from openslot.entrypoints.failures import checked
from openslot.entrypoints.request import now, reader, write
from openslot.entrypoints.rules import Rule
from openslot.records import finding
from openslot.records.queries import exactly

service = Service("patients", "Patients", "Who receives care.")

PATH = "/api/v1/patients"
ONE = f"{PATH}/<uuid:patient_id>"


class Patient(Shown):
    """A patient, without any of the history."""

    id: UUID
    name: str
    born: Annotated[str | None, Field(description="A date.")]
    email: str | None
    phone: str | None
    medicare_number: str | None
    language: str | None
    time_zone: str | None
    active: bool


class FoundPatient(Shown):
    """Enough of a patient to tell whether it is the right one."""

    id: UUID
    name: str
    born: Annotated[str | None, Field(description="A date.")]


class PatientList(Listing[FoundPatient]):
    """Some patients, by name."""


class PatientQuery(Paged):
    """Whom to find: something must be named, as nobody needs to leaf through all patients."""

    q: Annotated[
        str | None,
        Field(max_length=200, description="Part of the name, e-mail, telephone or number."),
    ] = None
    name: Annotated[
        Name | None,
        Field(description="The whole name: with `born` it finds who is no patient of one's own."),
    ] = None
    born: Day | None = None


class NewPatient(PatientDetails):
    """Somebody who is to receive care."""

    anyway: Annotated[
        bool, Field(description="Though somebody of this name and date of birth is known.")
    ] = False


PatientChange = Partial.of(PatientDetails, "PatientChange", "What is to change of a patient.")


@service.operation(
    "GET", PATH, scope="patients:read", rule=Rule.RELATED, query=PatientQuery, answer=PatientList
)
def list_patients(query: PatientQuery) -> Listing[FoundPatient]:
    """Find patients, as somebody who works with them.

    Practitioners find those who have appointments with them; somebody else only by the whole name
    and the date of birth.
    """
    actor = bearer.actor()
    finding.check_may_find(actor)
    if query.name and query.born and not query.q:
        return PatientList(items=[_found(one) for one in _exactly(query.name, query)], next=None)
    if not (query.q or query.born):
        raise Invalid("Say whom to find.", field="q")
    after = read_cursor(query.after, str, UUID)
    rows = finding.found(
        reader(),
        actor,
        text=f"{query.q or ''} {query.name or ''}".strip(),
        born=query.born,
        after=after,
        now=now(),
        limit=query.limit + 1,
    )
    return page(PatientList, rows, query, _found, lambda row: (row.name, row.id))


@service.operation("GET", ONE, scope="patients:read", rule=Rule.RELATED, answer=Patient)
def get_patient(patient_id: UUID) -> Patient:
    """Read a patient: oneself, whom one cares for, or with whom one works.

    Practitioners read those whose history they may read, and whom they have just registered; to
    others there is nobody.
    """
    actor = bearer.actor()
    may_see_patient(actor, patient_id)
    if not finding.knows(reader(), actor, patient_id, now=now(), access_days=access_days()):
        refuse(patient_id)
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
    """Register a patient, as somebody who works with patients.

    Where somebody of the same name and date of birth is there already, `patient-known` asks
    first; `anyway` says that it is somebody else.
    """
    actor = bearer.actor()
    details = PatientDetails(**body.model_dump(exclude={"anyway"}))
    made = write(
        lambda session: finding.register(session, actor, details, anyway=body.anyway, now=now())
    )
    return Answer(_patient(made), headers={"Location": f"{PATH}/{made.id}"})


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
    """Change some of a patient: of oneself, of whom one cares for, or with whom one works.

    Practitioners change those with whom they have an appointment, and whom they have just
    registered; emergency access is for reading and adding to the history, and changes nothing here.
    The address with which one signs in oneself is changed on its page, where the password is asked
    for.
    """
    write(lambda session: _change(session, bearer.actor(), patient_id, body))
    return _patient(queries.patient(reader(), patient_id))


def _change(session: Session, actor: Actor, patient_id: UUID, body: Partial) -> None:
    if not finding.may_change(session, actor, patient_id, now=now(), access_days=access_days()):
        raise NotFound
    known = queries.patient(session, patient_id)
    details = merged(PatientDetails, known, body)
    if actor.patient_id == patient_id:
        own.change_own_patient(session, actor, details, now=now())
    elif actor.acts_for(patient_id):
        check_changes(PatientDetails, Editor.CARER, known, details)
        kept = details.model_dump(include=set(DependentDetails.model_fields))
        dependents.change(
            session, actor, patient_id, checked(DependentDetails.model_validate, kept), now=now()
        )
    else:
        commands.change_patient(session, actor, patient_id, details, now=now())


def _exactly(name: str, query: PatientQuery) -> list[PatientRow]:
    """Who bears this whole name and was born that day: for practitioners nobody else, and no
    hint of any."""
    return exactly(reader(), name, query.born)[: query.limit] if query.born else []


def _found(row: PatientRow) -> FoundPatient:
    return FoundPatient(id=row.id, name=row.name, born=_born(row))


def _patient(row: PatientRow) -> Patient:
    values: dict[str, Any] = {name: getattr(row, name) for name in Patient.model_fields}
    return Patient.model_validate(values | {"born": _born(row)})


def _born(row: PatientRow) -> str | None:
    return row.born.isoformat() if row.born else None
