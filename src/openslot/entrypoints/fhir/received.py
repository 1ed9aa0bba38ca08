"""Models of received resources, checked against the rules of FHIR (400 if they fail)."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from flask import request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from openslot.core.errors import Invalid, Malformed, NotFound
from openslot.entrypoints.failures import InvalidFields
from openslot.entrypoints.fhir.answers import sends_json
from openslot.entrypoints.fhir.codes import APPOINTMENT_TYPE
from openslot.entrypoints.fhir.elements import Json
from openslot.entrypoints.problems import UnsupportedMedia, problems_of

_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
"""Control characters and lone surrogates, which FHIR text cannot have (FHIR R4, string)."""

OFF = ("cancelled", "noshow")

R = TypeVar("R", bound=BaseModel)
T = TypeVar("T")

Words = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class MalformedFields(Malformed, InvalidFields):
    """Some elements are not allowed like this by FHIR itself."""

    code = Malformed.code
    sentence = Malformed.sentence


class UnprocessableResource(Invalid):
    """The resource is valid FHIR, but cannot be processed here."""

    sentence = Invalid.sentence


def named(work: Callable[[], T]) -> T:
    """Do ``work``; turn NotFound, which is about the body, into UnprocessableResource."""
    try:
        return work()
    except NotFound as missing:
        raise UnprocessableResource(missing.message, field=missing.field) from None


class Element(BaseModel):
    """A part of a resource; members that are not read are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class Coding(Element):
    """A code."""

    system: Words | None = None
    display: Words | None = None
    code: Words | None = None


class Concept(Element):
    """A CodeableConcept."""

    text: Words | None = None
    coding: Annotated[tuple[Coding, ...], Field(strict=False)] = ()

    @property
    def words(self) -> str | None:
        """The text for people: its own, or that of the first code that has one."""
        texts = (coding.display or coding.code for coding in self.coding)
        return self.text or next((text for text in texts if text), None)


class Ref(Element):
    """A Reference."""

    reference: Words | None = None
    type: Any = None


class Identifier(Element):
    """An Identifier."""

    system: Annotated[str, StringConstraints(max_length=250, pattern=r"^[^\s|]+$")] | None = None
    value: Annotated[str, StringConstraints(max_length=250, pattern=r"^[^\s|]+( [^\s|]+)*$")]


class Participant(Element):
    """A participant."""

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
    """A received Appointment; unknown elements are refused, those not stored are ignored."""

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
    serviceType: Annotated[tuple[Concept, ...], Field(strict=False)] = ()
    slot: Annotated[tuple[Ref, ...], Field(strict=False)] = ()
    basedOn: Annotated[tuple[Ref, ...], Field(strict=False)] = ()
    appointmentType: Concept | None = None
    contained: Annotated[tuple[Json, ...], Field(strict=False)] = ()
    supportingInformation: Annotated[tuple[Ref, ...] | None, Field(strict=False)] = None
    # Elements of FHIR that are not stored.
    meta: Any = None
    language: Any = None
    text: Any = None
    extension: Any = None
    serviceCategory: Any = None
    specialty: Any = None
    reasonReference: Any = None
    created: Any = None
    patientInstruction: Any = None
    requestedPeriod: Any = None

    def is_of_type(self, code: str) -> bool:
        """Return whether this is the type of the appointment (HL7 v2-0276)."""
        codings = self.appointmentType.coding if self.appointmentType else ()
        return any(one.code == code and one.system in (None, APPOINTMENT_TYPE) for one in codings)

    def answers(self) -> Json | None:
        """Return the contained QuestionnaireResponse to which supportingInformation refers."""
        links = [link.reference for link in self.supportingInformation or ()]
        return next(
            (
                one
                for one in self.contained
                if one.get("resourceType") == "QuestionnaireResponse"
                and links == [f"#{one.get('id')}"]
            ),
            None,
        )

    def reason(self, *, besides: str | None = None) -> str | None:
        """Return the reason for the appointment: a line for each reason, and the comment.

        The description counts too, unless it is ``besides``, which is kept elsewhere.
        """
        described = None if self.description == besides else self.description
        texts = [*(concept.words for concept in self.reasonCode), described, self.comment]
        lines = [line for text in texts if text for line in text.splitlines()]
        return "\n".join(dict.fromkeys(lines)) or None

    @property
    def begins(self) -> datetime | None:
        """The start as an instant."""
        return datetime.fromisoformat(self.start) if self.start else None

    @property
    def ends(self) -> datetime | None:
        """The end as an instant."""
        return datetime.fromisoformat(self.end) if self.end else None


def body() -> Json:
    """Return the resource in this request, or raise Malformed or UnsupportedMedia."""
    if not sends_json():
        raise UnsupportedMedia("Send the resource as application/fhir+json.")
    found = request.get_json(force=True, silent=True)
    if not isinstance(found, dict):
        raise Malformed("Send one resource as a JSON object.")
    return found


def parse(model: type[R], sent: Json, kind: str) -> R:
    """Parse a resource of this kind, or raise Malformed."""
    check_json(sent, kind)
    known = {name: value for name, value in sent.items() if not _is_sibling(name, model)}
    try:
        return model.model_validate(known)
    except ValidationError as error:
        raise MalformedFields(
            [(f"{kind}.{field}", sentence) for field, sentence in problems_of(error)]
        ) from None


def _is_sibling(name: str, model: type[BaseModel]) -> bool:
    """Return whether this is the ``_name`` of an element, with its id and extensions."""
    return name.startswith("_") and name[1:] in model.model_fields


def read(sent: Json) -> Received:
    """Parse an Appointment, or raise Malformed."""
    received = parse(Received, sent, "Appointment")
    _check_invariants(received)
    return received


def check_json(value: Any, path: str, *, depth: int = 0) -> None:
    """Raise Malformed for null, empty values and control characters, which FHIR's JSON forbids."""
    if depth > 20:
        raise Malformed("This resource is nested too deeply.")
    if value is None or value in ("", [], {}):
        raise Malformed("Leave {path} out, or give it a value.", field=path, path=path)
    if isinstance(value, str) and _UNSEEN.search(value):
        raise Malformed("Remove characters that cannot be seen.", field=path)
    parts = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    gaps = isinstance(value, list) and _may_have_gaps(value, path)
    for name, part in parts:
        if gaps and part is None:
            continue
        if isinstance(name, str) and not name.isprintable():
            raise Malformed("Remove characters that cannot be seen.")
        check_json(part, f"{path}.{name}"[:200], depth=depth + 1)


def _may_have_gaps(values: list[Any], path: str) -> bool:
    """Return whether these are primitives or their siblings, in which null fills a gap."""
    is_sibling = path.rpartition(".")[2].startswith("_")
    return any(value is not None for value in values) and (
        is_sibling or not any(isinstance(value, dict | list) for value in values)
    )


def _check_invariants(received: Received) -> None:
    """Check the rules app-1 to app-4 (https://hl7.org/fhir/R4/appointment.html#invs)."""
    if any(part.actor is None and part.type is None for part in received.participant):
        raise _broken("participant", "Give each participant a type or an actor.")
    if (received.start is None) != (received.end is None):
        raise _broken("start", "Send start and end, or neither.")
    open_ended = ("proposed", "cancelled", "waitlist")
    if received.start is None and not received.slot and received.status not in open_ended:
        raise _broken("start", "Send start and end, or a slot.")
    if received.cancelationReason and received.status not in OFF:
        raise _broken("cancelationReason", "Send it only with the status cancelled or noshow.")
    try:
        begins, ends = received.begins, received.ends
    except ValueError:
        raise _broken("start", "Send a start and end that exist.") from None
    if begins and ends and ends <= begins:
        raise _broken("end", "Choose an end after the start.")


def _broken(element: str, sentence: str) -> Malformed:
    return Malformed(sentence, field=f"Appointment.{element}")
