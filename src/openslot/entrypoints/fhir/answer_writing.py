"""Creates and updates the answers before an appointment from QuestionnaireResponse resources."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from openslot.booking.commands import appointment_for
from openslot.booking.moves import may_see_reason
from openslot.core.errors import Conflict, Forbidden, Malformed, NotFound, StaleVersion
from openslot.core.work import Work
from openslot.entrypoints.fhir import questionnaire_response, search
from openslot.entrypoints.fhir.elements import Json, Site, target_of
from openslot.entrypoints.fhir.patient import read_uuid
from openslot.entrypoints.fhir.queries import COMPLETE
from openslot.entrypoints.fhir.questionnaire_response import APPOINTMENT, VALUES, Row, link_of
from openslot.entrypoints.fhir.received import (
    Coding,
    Element,
    Ref,
    UnprocessableResource,
    Words,
    named,
    parse,
)
from openslot.entrypoints.fhir.resource import Asked
from openslot.questions import commands, queries
from openslot.questions.errors import BadAnswer
from openslot.questions.models import AppointmentAnswer, Kind, ServiceQuestion

ROOT = "QuestionnaireResponse"


class AlreadyAnswered(Conflict):
    """This appointment has answers. Read them, change them and send them with PUT."""


class Value(BaseModel):
    """An answer: one of the elements that the kinds of questions have."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: Any = None
    extension: Any = None
    valueBoolean: bool | None = None
    valueDecimal: int | float | None = None
    valueInteger: int | None = None
    valueDate: str | None = None
    valueString: str | None = None
    valueCoding: Coding | None = None

    def words(self, kind: Kind) -> str | None:
        """Return the answer as people give it to a question of this kind; None for the value of
        another kind, and an empty text for a consent that is not given."""
        value = getattr(self, VALUES[kind])
        if kind is Kind.NUMBER and value is None:
            value = self.valueInteger
        if kind is Kind.CHOICE and self.valueCoding is not None:
            value = self.valueCoding.display or self.valueCoding.code
        if isinstance(value, bool):
            return "yes" if value else "" if kind is Kind.CONSENT else "no"
        return None if value is None else str(value)


class Item(Element):
    """A question with its answer."""

    linkId: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    answer: Annotated[tuple[Value, ...], Field(strict=False)] = ()
    item: Any = None


class Extension(Element):
    """An extension that may refer to the appointment."""

    url: Words
    valueReference: Ref | None = None


class Received(BaseModel):
    """A received QuestionnaireResponse; unknown elements are refused, those not stored ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    resourceType: Literal["QuestionnaireResponse"]
    status: Literal["in-progress", "completed", "amended", "entered-in-error", "stopped"]
    id: str | None = None
    questionnaire: Words | None = None
    extension: Annotated[tuple[Extension, ...], Field(strict=False)] = ()
    subject: Ref | None = None
    item: Annotated[tuple[Item, ...], Field(strict=False)] = ()
    # Elements of FHIR that are not stored.
    meta: Any = None
    language: Any = None
    text: Any = None
    contained: Any = None
    identifier: Any = None
    basedOn: Any = None
    partOf: Any = None
    encounter: Any = None
    authored: Any = None
    author: Any = None
    source: Any = None


def read(sent: Json) -> Received:
    """Parse a QuestionnaireResponse, or raise Malformed."""
    received = parse(Received, sent, ROOT)
    links = [item.linkId for item in received.item]
    if len(set(links)) < len(links):
        raise Malformed("Send each question once.", field=f"{ROOT}.item")
    return received


def create(work: Work, received: Received, base: str) -> Row:
    """Answer the questions before the appointment to which the extension refers."""
    key = _appointment_id(received, base)
    if key is None:
        raise UnprocessableResource(
            f"Refer to the Appointment in an extension {APPOINTMENT}.", field=f"{ROOT}.extension"
        )
    named(lambda: appointment_for(work, key))
    return add(work, key, received, base)


def add(work: Work, key: UUID, received: Received, base: str) -> Row:
    """Answer the questions before an appointment that has no answers yet."""
    _check_appointment(received, key, base)
    appointment, _ = appointment_for(work, key)
    if not may_see_reason(work.actor, appointment):
        raise Forbidden
    if queries.answers(work, [appointment])[key]:
        raise AlreadyAnswered
    return _save(work, key, received, base, there=())


def update(work: Work, key: UUID, received: Received, version: str | None, base: str) -> Row:
    """Replace the answers; those to questions that are no longer asked stay."""
    current = _current_row(work, key, base)
    if version not in (None, questionnaire_response.version(current)):
        raise StaleVersion
    if received.id != str(key):
        raise Malformed("Send the same id as in the address.", field=f"{ROOT}.id")
    _check_appointment(received, key, base)
    return _save(work, key, received, base, there=current.answers)


def _check_appointment(received: Received, key: UUID, base: str) -> None:
    if _appointment_id(received, base) not in (None, key):
        raise UnprocessableResource(
            "Answers cannot move to another appointment.", field=f"{ROOT}.extension"
        )


def _save(
    work: Work, key: UUID, received: Received, base: str, there: Sequence[AppointmentAnswer]
) -> Row:
    appointment, _ = appointment_for(work, key)
    if received.status in ("entered-in-error", "stopped"):
        raise UnprocessableResource(
            "Send answers as in-progress or completed.", field=f"{ROOT}.status"
        )
    service, asked = appointment.booked_service, queries.asked(work.session, appointment)
    canonical = (received.questionnaire or "").partition("|")[0]
    own = ("Questionnaire", str(service.id) if service else "")
    if canonical and target_of(canonical, base) != own:
        raise UnprocessableResource(
            "This appointment has another Questionnaire.", field=f"{ROOT}.questionnaire"
        )
    patient = target_of(received.subject.reference, base) if received.subject else None
    if patient not in (None, ("Patient", str(appointment.patient_id))):
        raise UnprocessableResource(
            "This appointment has another patient.", field=f"{ROOT}.subject"
        )
    try:
        commands.answer(work, key, _answers(received, asked, there))
    except BadAnswer as error:
        error.field = f"{ROOT}.item"
        raise
    row = _current_row(work, key, base, missing="Send an answer to one of the questions.")
    if received.status != "in-progress" and row.completeness != COMPLETE:
        raise UnprocessableResource(
            "Answer all required questions, or send the status in-progress.",
            field=f"{ROOT}.status",
        )
    return row


def _answers(
    received: Received,
    asked: Sequence[ServiceQuestion],
    there: Sequence[AppointmentAnswer],
) -> dict[int, str | None]:
    """Return the answers by question, None for those that are left out; those that were shown with
    a link of their own stay."""
    by_link = {str(question.id): question for question in asked}
    own = {link_of(answer) for answer in there if answer.question_id is None}
    given: dict[int, str | None] = dict.fromkeys(question.id for question in asked)
    for place, item in enumerate(received.item):
        if item.linkId in own:
            continue
        field = f"{ROOT}.item.{place}"
        question = by_link.get(item.linkId)
        if question is None:
            raise UnprocessableResource("This is not asked.", field=f"{field}.linkId")
        if item.item is not None or len(item.answer) > 1:
            raise UnprocessableResource("Send one answer to this question.", field=field)
        words = item.answer[0].words(question.kind) if item.answer else ""
        if words is None:
            raise UnprocessableResource(
                f"Answer this with {VALUES[question.kind]}.", field=f"{field}.answer"
            )
        given[question.id] = words
    return given


def _appointment_id(received: Received, base: str) -> UUID | None:
    """Return the appointment in the extension, or None without one."""
    for extension in received.extension:
        if extension.url == APPOINTMENT and extension.valueReference is not None:
            kind, key = target_of(extension.valueReference.reference, base)
            return read_uuid(key) if kind == "Appointment" else None
    return None


def _current_row(work: Work, key: UUID, base: str, missing: str | None = None) -> Row:
    """Return the answers as they are now. Raises NotFound, or with a sentence for what is
    ``missing`` UnprocessableResource, if there are none that the actor may see."""
    work.session.flush()
    asked = Asked(Site(base, work.now), ZoneInfo(work.settings.time_zone), work.actor)
    rows = search.by_keys(work.session, questionnaire_response.RESOURCE, [key], asked=asked)
    if not rows:
        raise UnprocessableResource(missing, field=f"{ROOT}.item") if missing else NotFound
    found: Row = rows[0]
    return found
