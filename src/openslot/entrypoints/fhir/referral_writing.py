"""Creates and updates referrals from ServiceRequest resources."""

from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from openslot.core.errors import Malformed, NotFound, StaleVersion
from openslot.core.work import Work
from openslot.entrypoints.failures import InvalidFields
from openslot.entrypoints.fhir import search, service_request
from openslot.entrypoints.fhir.elements import Json, Site, target_of
from openslot.entrypoints.fhir.parameters import read_number
from openslot.entrypoints.fhir.patient import read_uuid
from openslot.entrypoints.fhir.received import Concept, Element, Ref, UnprocessableResource, parse
from openslot.entrypoints.fhir.resource import Asked
from openslot.entrypoints.fhir.service_request import STATUS, Row
from openslot.entrypoints.problems import problems_of
from openslot.referrals import commands
from openslot.referrals.details import AnswerDetails, ReferralDetails
from openslot.referrals.models import Referral

ELEMENTS = {
    "letter": "ServiceRequest.note",
    "answer": "ServiceRequest.note",
    "expertise": "ServiceRequest.performerType",
    "most_appointments": "ServiceRequest.quantityQuantity",
}
"""Elements of the resource by the fields of a referral."""


class Note(Element):
    """An Annotation."""

    text: Annotated[str, StringConstraints(min_length=1)]


class Quantity(Element):
    """How many appointments it is for."""

    value: int


class Received(BaseModel):
    """A received ServiceRequest; unknown elements are refused, those not stored are ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    resourceType: Literal["ServiceRequest"]
    status: Literal[
        "draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown"
    ]
    intent: Literal[
        "proposal",
        "plan",
        "directive",
        "order",
        "original-order",
        "reflex-order",
        "filler-order",
        "instance-order",
        "option",
    ]
    subject: Ref
    id: str | None = None
    doNotPerform: bool = False
    requester: Ref | None = None
    performer: Annotated[tuple[Ref, ...], Field(strict=False)] = ()
    performerType: Concept | None = None
    note: Annotated[tuple[Note, ...], Field(strict=False)] = ()
    code: Concept | None = None
    quantityQuantity: Quantity | None = None
    orderDetail: Any = None
    # Elements of FHIR that are not stored.
    meta: Any = None
    language: Any = None
    text: Any = None
    contained: Any = None
    extension: Any = None
    identifier: Any = None
    instantiatesCanonical: Any = None
    instantiatesUri: Any = None
    basedOn: Any = None
    replaces: Any = None
    requisition: Any = None
    category: Any = None
    priority: Any = None
    quantityRatio: Any = None
    quantityRange: Any = None
    encounter: Any = None
    occurrenceDateTime: Any = None
    occurrencePeriod: Any = None
    occurrenceTiming: Any = None
    asNeededBoolean: Any = None
    asNeededCodeableConcept: Any = None
    authoredOn: Any = None
    locationCode: Any = None
    locationReference: Any = None
    reasonCode: Any = None
    reasonReference: Any = None
    insurance: Any = None
    supportingInfo: Any = None
    specimen: Any = None
    bodySite: Any = None
    patientInstruction: Any = None
    relevantHistory: Any = None


def read(sent: Json) -> Received:
    """Parse a ServiceRequest, or raise Malformed."""
    received = parse(Received, sent, "ServiceRequest")
    if received.orderDetail is not None and received.code is None:  # FHIR's rule prr-1
        raise Malformed("Send orderDetail only with a code.", field="ServiceRequest.orderDetail")
    return received


def create(work: Work, received: Received, base: str) -> Row:
    """Write a referral, and send it if its status is active."""
    if received.status not in ("draft", "active"):
        raise UnprocessableResource(
            "Create a referral as draft or active.", field="ServiceRequest.status"
        )
    _check_meaning(received)
    if len(received.note) != 1:
        raise UnprocessableResource(
            "Send the text of the referral as one note.", field="ServiceRequest.note"
        )
    patient_id = read_uuid(_id(received.subject, "Patient", "subject", base))
    _check_requester(received, work.actor.practitioner_id, base)
    details = _details(received, received.note[0].text, base)
    try:
        if patient_id is None:
            raise NotFound
        row = commands.write(work, patient_id, details)
    except NotFound:
        raise UnprocessableResource(
            "You cannot refer this patient.", field="ServiceRequest.subject"
        ) from None
    if received.status == "active":
        _send(work, row.id)
    return _current_row(work, row.id, base)


def update(work: Work, key: UUID, received: Received, version: str | None, base: str) -> Row:
    """Make the changes that differ from the stored referral: text, addressee, status or answer.

    A read by a specialist is audited.
    """
    row, _ = commands.referral_for(work, key)
    current = _current_row(work, key, base)
    if version not in (None, service_request.version(current, work.now)):
        raise StaleVersion
    _check_unchanged(row, received, base)
    shown = STATUS[row.state_at(work.now)]
    commands.note_read(work, key)
    _rewrite(work, row, received, base)
    _answer(work, row, received)
    if received.status != shown:
        _change_status(work, key, received)
    return _current_row(work, key, base)


def _check_meaning(received: Received) -> None:
    if received.intent != "order":
        raise UnprocessableResource(
            "Send a referral with the intent order.", field="ServiceRequest.intent"
        )
    if received.doNotPerform:
        raise UnprocessableResource(
            "A referral cannot have doNotPerform.", field="ServiceRequest.doNotPerform"
        )


def _check_requester(received: Received, gp_id: int | None, base: str) -> None:
    if received.requester is None:
        return
    requester_id = _id(received.requester, "Practitioner", "requester", base)
    if gp_id is not None and requester_id != str(gp_id):
        raise UnprocessableResource(
            "The requester must be the GP who writes the referral.",
            field="ServiceRequest.requester",
        )


def _check_unchanged(row: Referral, received: Received, base: str) -> None:
    """Raise an error if the patient, the GP or the id would change."""
    if received.id != str(row.id):
        raise Malformed("Send the same id as in the address.", field="ServiceRequest.id")
    _check_meaning(received)
    _check_requester(received, row.gp_id, base)
    if _id(received.subject, "Patient", "subject", base) != str(row.patient_id):
        raise UnprocessableResource(
            "The patient of a referral cannot change. Write a new referral.",
            field="ServiceRequest.subject",
        )
    if len(received.note) > 2:
        raise UnprocessableResource(
            "Send the text as the first note and the answer as the second one.",
            field="ServiceRequest.note",
        )


def _rewrite(work: Work, row: Referral, received: Received, base: str) -> None:
    """Change the text or the addressee; without a note, as searches show it, the text stays."""
    text = received.note[0].text if received.note else row.letter
    details = _details(received, text, base, most=row.most_appointments)
    if details != ReferralDetails.model_validate(row, from_attributes=True):
        commands.change(work, row.id, details)
        work.session.flush()


def _answer(work: Work, row: Referral, received: Received) -> None:
    if len(received.note) < 2:
        return
    try:
        details = AnswerDetails(answer=received.note[1].text)
    except ValidationError as error:
        raise _fields(error) from None
    if details.answer != row.answer:
        commands.answer(work, row.id, details)


def _change_status(work: Work, key: UUID, received: Received) -> None:
    if received.status == "active":
        _send(work, key)
    elif received.status == "revoked":
        commands.revoke(work, key)
    else:
        raise UnprocessableResource(
            "Set the status to active or revoked.", field="ServiceRequest.status"
        )


def _send(work: Work, key: UUID) -> None:
    commands.send(work, key)


def _details(
    received: Received, text: str, base: str, *, most: int | None = None
) -> ReferralDetails:
    """Return the details of the referral; a named specialist takes priority over an area."""
    performers = [
        _id(performer, "Practitioner", "performer", base) for performer in received.performer
    ]
    expertise = received.performerType.words if received.performerType else None
    if len(performers) > 1 or not (performers or expertise):
        raise UnprocessableResource(
            "Send one specialist as performer, or an area of expertise as performerType.",
            field="ServiceRequest.performer",
        )
    specialist = read_number(performers[0]) if performers else None
    if performers and specialist is None:
        raise UnprocessableResource("Practitioner not found.", field="ServiceRequest.performer")
    try:
        return ReferralDetails(
            practitioner_id=specialist,
            expertise=None if performers else expertise,
            letter=text,
            most_appointments=received.quantityQuantity.value
            if received.quantityQuantity
            else most,
        )
    except ValidationError as error:
        raise _fields(error) from None


def _fields(error: ValidationError) -> InvalidFields:
    return InvalidFields(
        [(ELEMENTS.get(name, "ServiceRequest"), sentence) for name, sentence in problems_of(error)]
    )


def _id(link: Ref, kind: str, element: str, base: str) -> str:
    """Return the id in a reference to a resource of this kind."""
    link_kind, key = target_of(link.reference, base)
    if link_kind != kind or not key:
        raise UnprocessableResource(
            f"Refer to a {kind} of this server.", field=f"ServiceRequest.{element}"
        )
    return key


def _current_row(work: Work, key: UUID, base: str) -> Row:
    """Return the referral as it is now."""
    work.session.flush()
    asked = Asked(Site(base, work.now), ZoneInfo(work.settings.time_zone), work.actor)
    rows = search.by_keys(work.session, service_request.RESOURCE, [key], asked=asked)
    if not rows:
        raise NotFound
    found: Row = rows[0]
    return found
