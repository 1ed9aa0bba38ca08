"""QuestionnaireResponse: the answers before an appointment. Its id is that of the appointment."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from openslot.booking.models import Appointment
from openslot.booking.queries import LOADED, Condition, reasons_seen_by
from openslot.core.actor import Actor
from openslot.entrypoints.fhir.elements import (
    Json,
    Site,
    meta,
    own_identifier,
    reference,
    resource,
)
from openslot.entrypoints.fhir.parameters import Choice, Moment, Reference, read_number
from openslot.entrypoints.fhir.patient import read_uuid
from openslot.entrypoints.fhir.queries import (
    ANSWERED,
    APPOINTMENTS,
    ASKING,
    COMPLETE,
    COMPLETENESS,
    INCOMPLETE,
)
from openslot.entrypoints.fhir.questionnaire import canonical
from openslot.entrypoints.fhir.resource import Resource
from openslot.entrypoints.rules import Rule
from openslot.questions import queries
from openslot.questions.models import AppointmentAnswer, Kind

APPOINTMENT = "urn:openslot:extension:appointment"
"""The extension that refers to the appointment: R4 has no element for it."""

CODES = "http://hl7.org/fhir/questionnaire-answers-status"
STATUS: Mapping[str, str] = {COMPLETE: "completed", INCOMPLETE: "in-progress"}

VALUES: Mapping[Kind, str] = {
    Kind.TEXT: "valueString",
    Kind.YES_NO: "valueBoolean",
    Kind.CHOICE: "valueString",
    Kind.DATE: "valueDate",
    Kind.NUMBER: "valueDecimal",
    Kind.CONSENT: "valueBoolean",
}
"""The element of an answer by the kind of its question."""


class Row(NamedTuple):
    """An appointment with its answers."""

    appointment: Appointment
    completeness: str
    answers: Sequence[AppointmentAnswer] = ()


def version(row: Row) -> str:
    """Return a version that changes also when the service asks something else."""
    return f"{row.appointment.version}-{STATUS[row.completeness]}"


def show(row: Row, site: Site) -> Json:
    """Return the answers with the words of the questions as they were."""
    appointment, patient = row.appointment, row.appointment.patient
    service = appointment.booked_service
    return resource(
        "QuestionnaireResponse",
        appointment.id,
        meta(appointment.changed_at, version(row)),
        extension=[
            {"url": APPOINTMENT, "valueReference": reference("Appointment", appointment.id)}
        ],
        identifier=own_identifier(appointment.id),
        questionnaire=canonical(service.id, site) if service else None,
        status=STATUS[row.completeness],
        subject=reference("Patient", patient.id, patient.name) if patient else None,
        item=[_item(answer) for answer in row.answers],
    )


def link_of(answer: AppointmentAnswer) -> str:
    """Return the id of the question, or one of the answer's own if it is no longer asked."""
    return str(answer.question_id or f"answer-{answer.id}")


def _item(answer: AppointmentAnswer) -> Json:
    return {
        "linkId": link_of(answer),
        "text": answer.words,
        "answer": [{VALUES[answer.kind]: _value(answer)}],
    }


def _value(answer: AppointmentAnswer) -> Any:
    if answer.kind in (Kind.YES_NO, Kind.CONSENT):
        return answer.answer == "yes"
    if answer.kind is Kind.NUMBER:
        number = Decimal(answer.answer)
        return int(number) if number == int(number) else float(number)
    return answer.answer


def _complete(session: Session, rows: Sequence[Row]) -> Sequence[Row]:
    given = queries.answers_of(session, [row.appointment.id for row in rows])
    return [row._replace(answers=given[row.appointment.id]) for row in rows]


def _seen(actor: Actor, now: datetime) -> Condition:
    return ANSWERED & reasons_seen_by(actor, now)


_PATIENT = {"Patient": (Appointment.patient_id, read_uuid)}

RESOURCE = Resource(
    name="QuestionnaireResponse",
    rule=Rule.RELATED,
    seen=_seen,
    about="Answers before appointments, if you may see why the patient comes; the id is that of "
    "the Appointment.",
    rows=APPOINTMENTS,
    entities=(Appointment, COMPLETENESS),
    options=LOADED,
    make=Row,
    complete=_complete,
    key=Appointment.id,
    read_id=read_uuid,
    changed=Appointment.changed_at,
    show=show,
    parameters={
        "patient": Reference("The patient.", _PATIENT, path=("subject",)),
        "subject": Reference("The patient.", _PATIENT, path=("subject",)),
        "appointment": Reference(
            "The appointment.",
            {"Appointment": (Appointment.id, read_uuid)},
            path=("extension", "valueReference"),
        ),
        "questionnaire": Reference("What is answered.", {"Questionnaire": (ASKING, read_number)}),
        "status": Choice(
            "completed, or in-progress while a required answer is missing.",
            COMPLETENESS,
            CODES,
            {
                "in-progress": (INCOMPLETE,),
                "completed": (COMPLETE,),
                "amended": (),
                "entered-in-error": (),
                "stopped": (),
            },
        ),
        "date": Moment("The start of the appointment.", Appointment.starts_at),
    },
    interactions=frozenset({"read", "vread", "search-type", "create", "update"}),
)
