"""Appointments as programs send them, and what is read of every resource: checked against
FHIR's own rules (400 where they fail)."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from flask import request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from openslot.core.errors import Malformed
from openslot.core.fields import problems
from openslot.entrypoints.failures import InvalidFields
from openslot.entrypoints.fhir.answers import JSONS
from openslot.entrypoints.fhir.elements import Json
from openslot.entrypoints.problems import UnsupportedMedia

_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
"""Control characters, and halves of characters, which no text has (FHIR R4, string)."""

OFF = ("cancelled", "noshow")

R = TypeVar("R", bound=BaseModel)

Words = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class MalformedFields(Malformed, InvalidFields):
    """Some elements are not allowed like this by FHIR itself."""

    code = Malformed.code
    sentence = Malformed.sentence


class Element(BaseModel):
    """Of a part of a resource, what we read; the rest may be there."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class Coding(Element):
    """A code."""

    display: Words | None = None
    code: Words | None = None


class Concept(Element):
    """A CodeableConcept."""

    text: Words | None = None
    coding: Annotated[tuple[Coding, ...], Field(strict=False)] = ()

    @property
    def words(self) -> str | None:
        """What it says to a person."""
        shown = (one.display or one.code for one in self.coding)
        return self.text or next((words for words in shown if words), None)


class Ref(Element):
    """A Reference."""

    reference: Words | None = None


class Identifier(Element):
    """An Identifier."""

    system: Annotated[str, StringConstraints(max_length=250, pattern=r"^[^\s|]+$")] | None = None
    value: Annotated[str, StringConstraints(max_length=250, pattern=r"^[^\s|]+( [^\s|]+)*$")]


class Participant(Element):
    """Somebody or something that takes part."""

    actor: Ref | None = None
    type: Any = None
    status: Literal["accepted", "declined", "tentative", "needs-action"]


Instant = Annotated[
    str,
    StringConstraints(
        pattern=r"^(19|20|21)\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$"
    ),
]


class Received(BaseModel):
    """An Appointment. Unknown elements are refused; what we have no place for is passed over."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    resourceType: Literal["Appointment"]
    status: Literal[
        "proposed",
        "pending",
        "booked",
        "arrived",
        "fulfilled",
        "cancelled",
        "noshow",
        "entered-in-error",
        "checked-in",
        "waitlist",
    ]
    participant: Annotated[tuple[Participant, ...], Field(min_length=1, strict=False)]
    id: str | None = None
    identifier: Annotated[tuple[Identifier, ...], Field(strict=False)] = ()
    cancelationReason: Concept | None = None
    reasonCode: Annotated[tuple[Concept, ...], Field(strict=False)] = ()
    priority: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    description: Words | None = None
    comment: Words | None = None
    start: Instant | None = None
    end: Instant | None = None
    minutesDuration: Annotated[int, Field(gt=0, le=2**31 - 1)] | None = None
    slot: Annotated[tuple[Ref, ...], Field(strict=False)] = ()
    basedOn: Annotated[tuple[Ref, ...], Field(strict=False)] = ()
    # What FHIR has and we do not keep.
    meta: Any = None
    language: Any = None
    text: Any = None
    contained: Any = None
    extension: Any = None
    serviceCategory: Any = None
    serviceType: Any = None
    specialty: Any = None
    appointmentType: Any = None
    reasonReference: Any = None
    supportingInformation: Any = None
    created: Any = None
    patientInstruction: Any = None
    requestedPeriod: Any = None

    @property
    def reason(self) -> str | None:
        """Why the patient comes."""
        coded = (one.words for one in self.reasonCode)
        return next((words for words in coded if words), None) or self.comment

    @property
    def begins(self) -> datetime | None:
        """The start as an instant."""
        return datetime.fromisoformat(self.start) if self.start else None

    @property
    def ends(self) -> datetime | None:
        """The end as an instant."""
        return datetime.fromisoformat(self.end) if self.end else None


def body() -> Json:
    """The resource of this request. Malformed or UnsupportedMedia where it is none."""
    if request.mimetype not in JSONS:
        raise UnsupportedMedia("Send the resource as application/fhir+json.")
    found = request.get_json(force=True, silent=True)
    if not isinstance(found, dict):
        raise Malformed("Send one resource as a JSON object.")
    return found


def parse(model: type[R], sent: Json, kind: str) -> R:
    """The resource of this kind that a JSON object is; Malformed where it is none."""
    check_json(sent, kind)
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        raise MalformedFields(
            [(f"{kind}.{field}", sentence) for field, sentence in problems(error)]
        ) from None


def read(sent: Json) -> Received:
    """The Appointment that a JSON object is; Malformed where it is none."""
    received = parse(Received, sent, "Appointment")
    _check_invariants(received)
    return received


def check_json(value: Any, path: str, *, depth: int = 0) -> None:
    """FHIR's JSON has no null, no empty list, object or text, and no control characters."""
    if depth > 20:
        raise Malformed("This is nested more deeply than any resource here.")
    if value is None or value in ("", [], {}):
        raise Malformed("Leave {path} out, or say something in it.", field=path, path=path)
    if isinstance(value, str) and _UNSEEN.search(value):
        raise Malformed("Take out characters that cannot be seen.", field=path)
    parts = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, part in parts:
        if isinstance(name, str) and not name.isprintable():
            raise Malformed("Take out characters that cannot be seen.")
        check_json(part, f"{path}.{name}"[:200], depth=depth + 1)


def _check_invariants(received: Received) -> None:
    """The rules app-1 to app-4 (https://hl7.org/fhir/R4/appointment.html#invs)."""
    if any(one.actor is None and one.type is None for one in received.participant):
        raise _broken("participant", "Each participant has a type or an actor.")
    if (received.start is None) != (received.end is None):
        raise _broken("start", "Give start and end, or neither.")
    open_ended = ("proposed", "cancelled", "waitlist")
    if received.start is None and not received.slot and received.status not in open_ended:
        raise _broken("start", "Give start and end, or a slot.")
    if received.cancelationReason and received.status not in OFF:
        raise _broken("cancelationReason", "Only cancelled and noshow have a cancelationReason.")
    try:
        begins, ends = received.begins, received.ends
    except ValueError:
        raise _broken("start", "Give start and end as instants that exist.") from None
    if begins and ends and ends <= begins:
        raise _broken("end", "Give an end that is after the start.")


def _broken(element: str, sentence: str) -> Malformed:
    return Malformed(sentence, field=f"Appointment.{element}")
