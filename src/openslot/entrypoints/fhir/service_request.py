"""ServiceRequest: referrals; searches show them without their text."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from openslot.booking.queries import Condition
from openslot.core.actor import Actor
from openslot.core.work import Work
from openslot.entrypoints.fhir.elements import (
    SUBSETTED,
    Json,
    Site,
    instant,
    meta,
    own_identifier,
    reference,
    resource,
)
from openslot.entrypoints.fhir.parameters import Choice, Code, Moment, Reference, read_number
from openslot.entrypoints.fhir.patient import read_uuid
from openslot.entrypoints.fhir.queries import REFERRAL_AUTHORED, REFERRAL_CHANGED
from openslot.entrypoints.fhir.resource import Asked, Resource
from openslot.entrypoints.rules import Rule
from openslot.referrals import commands
from openslot.referrals.models import Referral, State
from openslot.referrals.queries import LOADED, REFERRALS, within_reach

STATUS: Mapping[State, str] = {
    State.DRAFT: "draft",
    State.SENT: "active",
    State.USED: "completed",
    State.REVOKED: "revoked",
    # FHIR has no status for it; an extension gives the reason.
    State.EXPIRED: "revoked",
}
CODES = "http://hl7.org/fhir/request-status"
STATUS_REASON = "http://hl7.org/fhir/StructureDefinition/request-statusReason"
REFERRAL = {"system": "http://snomed.info/sct", "code": "3457005", "display": "Patient referral"}


class Row(NamedTuple):
    """A referral, and when it last changed."""

    referral: Referral
    changed: datetime


def show(row: Row, site: Site) -> Json:
    """Return the referral without its text and answer, for searches."""
    subset = _shown(row, site)
    return subset | {"meta": subset["meta"] | {"tag": [SUBSETTED]}}


def whole(row: Row, site: Site) -> Json:
    """Return the referral with its text as a note, and the specialist's answer as a second one."""
    return _shown(row, site, note=_notes(row.referral))


def version(row: Row, now: datetime) -> str:
    """Return a version that changes with every visible change, also when the referral expires."""
    state = row.referral.state_at(now)
    return f"{row.referral.version}-{meta(row.changed)['versionId']}-{state}"


def _shown(row: Row, site: Site, **more: Any) -> Json:
    referral = row.referral
    patient, gp, addressee = referral.patient, referral.gp, referral.addressee
    state = referral.state_at(site.now)
    return resource(
        "ServiceRequest",
        referral.id,
        meta(row.changed, version(row, site.now)),
        extension=[{"url": STATUS_REASON, "valueCodeableConcept": {"text": "Expired"}}]
        if state is State.EXPIRED
        else None,
        identifier=[own_identifier(referral.id)],
        status=STATUS[state],
        intent="order",
        category=[{"coding": [REFERRAL], "text": "Referral"}],
        quantityQuantity={"value": referral.most_appointments}
        if referral.most_appointments
        else None,
        subject=reference("Patient", patient.id, patient.name),
        occurrencePeriod=_validity(referral),
        authoredOn=instant(referral.sent_at or referral.created_at),
        requester=reference("Practitioner", gp.id, gp.name),
        performerType=site.concept("specialty", referral.expertise),
        performer=[reference("Practitioner", addressee.id, addressee.name)] if addressee else None,
        **more,
    )


def _validity(referral: Referral) -> Json | None:
    """Return the period in which the patient can book with it."""
    if referral.sent_at is None or referral.expires_at is None:
        return None
    return {"start": instant(referral.sent_at), "end": instant(referral.expires_at)}


def _notes(referral: Referral) -> list[Json]:
    notes = [(referral.gp_id, referral.sent_at or referral.created_at, referral.letter)]
    if referral.answer and referral.answered_by and referral.answered_at:
        notes.append((referral.answered_by, referral.answered_at, referral.answer))
    return [
        {"authorReference": reference("Practitioner", author), "time": instant(at), "text": text}
        for author, at, text in notes
    ]


class Stands(Choice):
    """The status of a referral, which depends on appointments and the time."""

    def match(self, name: str, text: str, _modifier: str, asked: Asked) -> Condition | None:
        """Match referrals in the states of the code."""
        condition: Condition | None = None
        for state in self.chosen(name, text) or ():
            in_state = Referral.in_state(state, asked.site.now)
            condition = in_state if condition is None else condition | in_state
        return condition


_VALUES: Mapping[str, list[State]] = {
    code: [state for state, shown in STATUS.items() if shown == code]
    for code in (
        "draft",
        "active",
        "on-hold",
        "revoked",
        "completed",
        "entered-in-error",
        "unknown",
    )
}
_PATIENT = {"Patient": (Referral.patient_id, read_uuid)}


def _seen(actor: Actor, now: datetime) -> Condition:
    return within_reach(actor, now)


def _opened(work: Work, row: Row, _asked: Asked) -> None:
    commands.note_read(work, row.referral.id)


RESOURCE = Resource(
    name="ServiceRequest",
    rule=Rule.CONFIDENTIAL,
    about="Referrals to which you have a relation; searches show them without their text.",
    rows=REFERRALS,
    entities=(Referral, REFERRAL_CHANGED),
    options=LOADED,
    make=Row,
    key=Referral.id,
    read_id=read_uuid,
    changed=REFERRAL_CHANGED,
    show=show,
    whole=whole,
    opened=_opened,
    seen=_seen,
    parameters={
        "patient": Reference("The patient who is referred.", _PATIENT, path=("subject",)),
        "subject": Reference("The patient who is referred.", _PATIENT, path=("subject",)),
        "requester": Reference(
            "The GP who wrote it.",
            {"Practitioner": (Referral.gp_id, read_number)},
            path=("requester",),
        ),
        "performer": Reference(
            "The specialist to whom it is addressed.",
            {"Practitioner": (Referral.practitioner_id, read_number)},
            path=("performer",),
        ),
        "performer-type": Code(
            "The area of expertise to which it is addressed.",
            Referral.expertise,
            system="specialty",
        ),
        "status": Stands("The status.", Referral.status, CODES, _VALUES),
        "authored": Moment("When it was sent, or written if it is a draft.", REFERRAL_AUTHORED),
    },
    interactions=frozenset({"read", "vread", "search-type", "create", "update"}),
)
