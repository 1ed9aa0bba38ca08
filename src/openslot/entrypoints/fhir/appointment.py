"""Appointment: appointments, with holds as pending ones."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import identifiers, queries, search
from openslot.booking.cells import appointment_cells
from openslot.booking.diaries import OTHERS, load_others
from openslot.booking.models import Appointment, Priority, Status
from openslot.booking.moves import CLAIMING, may_see_reason, relation_to
from openslot.booking.queries import Condition, seen_by
from openslot.directory.models import Practitioner, Room, RoomKind
from openslot.entrypoints import bearer
from openslot.entrypoints.fhir import slot, subject
from openslot.entrypoints.fhir.elements import (
    URN,
    Json,
    Site,
    identifier,
    instant,
    meta,
    own_identifier,
    reference,
    resource,
    target_of,
)
from openslot.entrypoints.fhir.parameters import Choice, Identified, Moment, Reference, read_number
from openslot.entrypoints.fhir.patient import read_uuid
from openslot.entrypoints.fhir.queries import (
    APPOINTMENTS,
    BOOKED_CATEGORY,
    BOOKED_NAME,
    AnyOf,
)
from openslot.entrypoints.fhir.resource import Asked, Parameter, Resource
from openslot.entrypoints.request import reader
from openslot.entrypoints.rules import Rule
from openslot.referrals.rules import may_follow
from openslot.schedules.availability import instant_of, span_between
from openslot.schedules.models import Schedule

STATUS: Mapping[Status, str] = {
    Status.HELD: "pending",
    Status.BOOKED: "booked",
    Status.ARRIVED: "arrived",
    Status.FULFILLED: "fulfilled",
    Status.CANCELLED: "cancelled",
    Status.NO_SHOW: "noshow",
    Status.ENTERED_IN_ERROR: "entered-in-error",
    # Only shown in the response that releases a hold.
    Status.EXPIRED: "cancelled",
}
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
CODES = "http://hl7.org/fhir/appointmentstatus"
IHE = "https://profiles.ihe.net/ITI/Scheduling/OperationDefinition"
PRIORITY = {Priority.URGENT: 1, Priority.ROUTINE: 5}
"""Priorities from 1 (most urgent) to 9, as in calendars (RFC 5545, 3.8.1.9)."""


def show(appointment: Appointment, site: Site) -> Json:
    """Return the appointment, with times in the zone of its centre."""
    zone, schedule, booked = appointment.zone, appointment.schedule, appointment.booked_service
    is_off = appointment.status in (Status.CANCELLED, Status.NO_SHOW)
    return resource(
        "Appointment",
        appointment.id,
        meta(appointment.changed_at, str(appointment.version)),
        extension=_booked_together(appointment),
        identifier=[own_identifier(appointment.id), _foreign(appointment.external_id)],
        status=STATUS[appointment.status],
        cancelationReason={"text": appointment.status_reason}
        if is_off and appointment.status_reason
        else None,
        serviceCategory=[subject.service_category(booked, site)],
        serviceType=[subject.service_type(booked, site)],
        specialty=subject.specialty(schedule, site),
        reasonCode=[{"text": appointment.reason}]
        if may_see_reason(bearer.actor(), appointment)
        else None,
        priority=PRIORITY[appointment.priority],
        description=appointment.task,
        start=instant(appointment.starts_at, zone),
        end=instant(appointment.ends_at, zone),
        minutesDuration=appointment.minutes,
        slot=_slots(appointment),
        basedOn=[reference("ServiceRequest", appointment.referral_id)]
        if may_follow(bearer.actor(), appointment, site.now)
        else None,
        created=instant(appointment.created_at, zone),
        participant=_participants(appointment),
    )


def _booked_together(appointment: Appointment) -> list[Json]:
    """Return the series and the itinerary that it is part of, which other appointments share."""
    shared = {"series": appointment.series_id, "itinerary": appointment.itinerary_id}
    return [
        {"url": f"urn:openslot:extension:{name}", "valueIdentifier": own_identifier(key)}
        for name, key in shared.items()
        if key is not None
    ]


def _foreign(external_id: str | None) -> Json | None:
    system, _, value = (identifiers.shown(external_id) or "").rpartition("|")
    return identifier(value, system=system or None)


def _slots(appointment: Appointment) -> list[Json | None]:
    """Return references to the slots that the appointment takes. Appointments of a session have the
    same one, which links them; what is squeezed in takes none."""
    if appointment.status not in CLAIMING or appointment.squeezed_in:
        return []
    span = span_between(appointment.starts_at, appointment.ends_at)
    slot_ticks = None if appointment.service_id else appointment.schedule.slot_minutes // 5
    cells, service_id = appointment_cells(*span, slot_ticks), appointment.service_id or 0
    return [
        reference("Slot", slot.write_id((tick, appointment.schedule_id, minutes, service_id)))
        for tick, minutes in cells
    ]


def _participants(appointment: Appointment) -> list[Json]:
    accepts = "needs-action" if appointment.status is Status.HELD else "accepted"
    patient, practitioner, service = (
        appointment.patient,
        appointment.practitioner,
        appointment.booked_service,
    )
    actors = (
        (reference("Patient", patient.id, patient.name) if patient else None, accepts),
        (
            reference("Practitioner", practitioner.id, practitioner.name) if practitioner else None,
            "accepted",
        ),
        (reference("HealthcareService", service.id, service.name) if service else None, "accepted"),
        (reference("Location", appointment.centre.id, appointment.centre.name), "accepted"),
    )
    load_others(reader, [appointment])
    return [
        *(
            {"actor": actor, "required": "required", "status": status}
            for actor, status in actors
            if actor
        ),
        *map(_further, appointment.others),
    ]


FURTHER: list[Json] = [{"coding": [{"system": PARTICIPATION, "code": "SPRF"}]}]
"""The type of a practitioner who takes part besides the one of the schedule."""


def _further(row: Room | Practitioner) -> Json:
    """Return somebody or something that a service needs. Rooms and devices are not published, so
    they are named without a reference."""
    if isinstance(row, Room):
        kind = "Location" if row.kind is RoomKind.ROOM else "Device"
        actor: Json | None = {"type": kind, "display": row.name}
        return {"actor": actor, "required": "required", "status": "accepted"}
    actor = reference("Practitioner", row.id, row.name)
    return {"type": FURTHER, "actor": actor, "required": "required", "status": "accepted"}


def _identified(system: str | None, value: str) -> Condition | None:
    if not value:
        return (
            Appointment.id.is_not(None) if system == URN else search.identifier_begins(f"{system}|")
        )
    key = read_uuid(value.removeprefix("urn:uuid:")) if system in (None, URN) else None
    found = search.identifier_is(f"{system}|{value}" if system else value)
    if system is None:
        found |= Appointment.external_id.endswith(f"|{value}", autoescape=True)
    return found if key is None else found | (Appointment.id == key)


class BySlot(Reference):
    """The slot that an appointment takes, or a part of it."""

    def match(self, _name: str, text: str, _modifier: str, asked: Asked) -> Condition | None:
        """Return the condition for appointments that overlap the slot."""
        kind, own = target_of(text, asked.site.base)
        key = slot.read_id(own) if kind in ("", "Slot") else None
        if key is None:
            return None
        tick, schedule_id, minutes, _ = key
        return (
            (Appointment.schedule_id == schedule_id)
            & (Appointment.starts_at < instant_of(tick + minutes // 5))
            & (Appointment.ends_at > instant_of(tick))
            & Appointment.status.in_(CLAIMING)
        )


_PATIENT = (Appointment.patient_id, read_uuid)
_PRACTITIONER = (Schedule.practitioner_id, read_number)
_LOCATION = (Schedule.centre_id, read_number)
_SERVICE = (AnyOf(Schedule.service_id, Appointment.service_id), read_number)
_ACTOR = ("participant", "actor")

_VALUES: Mapping[str, list[Status]] = {
    code: [status for status, shown in STATUS.items() if shown == code and status != Status.EXPIRED]
    for code in (
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
    )
}

PARAMETERS: dict[str, Parameter] = {
    "patient": Reference("The patient.", {"Patient": _PATIENT}, path=_ACTOR),
    "practitioner": Reference("The practitioner.", {"Practitioner": _PRACTITIONER}, path=_ACTOR),
    "location": Reference("The centre.", {"Location": _LOCATION}, path=_ACTOR),
    "actor": Reference(
        "A participant: patient, practitioner, service or centre.",
        {
            "Patient": _PATIENT,
            "Practitioner": _PRACTITIONER,
            "HealthcareService": _SERVICE,
            "Location": _LOCATION,
        },
        path=_ACTOR,
    ),
    "date": Moment("The start.", Appointment.starts_at),
    "status": Choice("The status.", Appointment.status, CODES, _VALUES),
    "based-on": Reference(
        "The referral that it was booked with.",
        {"ServiceRequest": (Appointment.referral_id, read_uuid)},
        path=("basedOn",),
    ),
    "slot": BySlot("A slot that it overlaps.", {"Slot": (Appointment.id, read_uuid)}),
    "identifier": Identified("Its id as urn:uuid:…, or your own identifier.", _identified),
    **subject.codes(BOOKED_NAME, BOOKED_CATEGORY),
}


def _gone(session: Session, key: UUID, asked: Asked) -> bool:
    """Return whether it was a hold to which the actor has a relation."""
    appointment = queries.appointment(session, key)
    return (
        appointment is not None
        and appointment.status in (Status.HELD, Status.EXPIRED)
        and relation_to(asked.actor, appointment) is not None
    )


RESOURCE = Resource(
    name="Appointment",
    rule=Rule.RELATED,
    about="Appointments to which you have a relation; pending ones are holds.",
    rows=APPOINTMENTS,
    entities=(Appointment,),
    options=(*queries.LOADED, *OTHERS),
    key=Appointment.id,
    read_id=read_uuid,
    changed=Appointment.changed_at,
    show=show,
    seen=seen_by,
    gone=_gone,
    parameters=PARAMETERS,
    interactions=frozenset({"read", "vread", "search-type", "create", "update"}),
    operations={
        "find": f"{IHE}/appointment-find",
        "hold": f"{IHE}/appointment-hold",
        "book": f"{IHE}/appointment-book",
        "cancel": "urn:openslot:operation:appointment-cancel",
    },
)
