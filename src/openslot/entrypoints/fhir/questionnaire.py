"""Questionnaire: what services ask before the appointment. Its id is that of the service."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy.orm import Session

from openslot.booking.queries import Condition
from openslot.core.actor import Actor
from openslot.directory.models import Centre, Department, Service
from openslot.entrypoints.fhir import healthcare_service
from openslot.entrypoints.fhir.elements import TERMINOLOGY, Json, Site, meta, reference, resource
from openslot.entrypoints.fhir.parameters import Choice, Reference, Text, read_number
from openslot.entrypoints.fhir.queries import ASKS, SERVICE_CHANGED, SERVICES
from openslot.entrypoints.fhir.resource import Resource
from openslot.entrypoints.rules import Rule
from openslot.questions import queries
from openslot.questions.models import Kind, ServiceQuestion

CODES = "http://hl7.org/fhir/publication-status"
TYPES: Mapping[Kind, str] = {
    Kind.TEXT: "text",
    Kind.YES_NO: "boolean",
    Kind.CHOICE: "choice",
    Kind.DATE: "date",
    Kind.NUMBER: "decimal",
    Kind.CONSENT: "boolean",
}
PROGRAM = {"system": f"{TERMINOLOGY}/usage-context-type", "code": "program"}
"""The code with which a Questionnaire names what it is for."""


class Row(NamedTuple):
    """A service with what it asks."""

    owned: healthcare_service.Row
    questions: Sequence[ServiceQuestion]


def canonical(service_id: int, site: Site) -> str:
    """Return the address by which responses name the questionnaire of a service."""
    return f"{site.base}/Questionnaire/{service_id}"


def show(row: Row, site: Site) -> Json:
    """Return the questions of the service as a FHIR resource."""
    service = row.owned.service
    return resource(
        "Questionnaire",
        service.id,
        meta(healthcare_service.changed(row.owned)),
        url=canonical(service.id, site),
        title=service.name,
        status="active" if healthcare_service.is_active(row.owned) else "retired",
        subjectType=["Patient"],
        useContext=[
            {
                "code": PROGRAM,
                "valueReference": reference("HealthcareService", service.id, service.name),
            }
        ],
        item=[_item(question) for question in row.questions],
    )


def _item(question: ServiceQuestion) -> Json:
    return {
        "linkId": str(question.id),
        "text": question.words,
        "type": TYPES[question.kind],
        "required": question.required,
        "answerOption": [{"valueString": choice} for choice in question.options],
    }


def _make(service: Service, department: Department | None, centre: Centre | None) -> Row:
    return Row(healthcare_service.Row(service, department, centre), ())


def _complete(session: Session, rows: Sequence[Row]) -> Sequence[Row]:
    asked = queries.questions(session, [row.owned.service.id for row in rows])
    return [row._replace(questions=asked.get(row.owned.service.id, [])) for row in rows]


def _seen(_actor: Actor, _now: object) -> Condition:
    return ASKS


class Canonical(Reference):
    """The address of a questionnaire."""

    kind = "uri"


RESOURCE = Resource(
    name="Questionnaire",
    rule=Rule.PUBLIC,
    seen=_seen,
    about="What services ask before the appointment; the id is that of the HealthcareService.",
    rows=SERVICES,
    entities=(Service, Department, Centre),
    make=_make,
    complete=_complete,
    key=Service.id,
    read_id=read_number,
    changed=SERVICE_CHANGED,
    show=show,
    parameters={
        "title": Text("Part of the name of the service, from the start of a word.", Service.name),
        "status": Choice(
            "active or retired, as the service itself is.",
            Service.active,
            CODES,
            {"draft": (), "active": (True,), "retired": (False,), "unknown": ()},
        ),
        "url": Canonical("Its address.", {"Questionnaire": (Service.id, read_number)}),
    },
)
