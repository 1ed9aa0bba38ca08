"""Encounter: appointments that the patient attended, as a part of the health record."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from openslot.booking.models import Appointment, Status
from openslot.booking.moves import relation_to
from openslot.booking.queries import LOADED, Condition
from openslot.core.actor import Actor
from openslot.entrypoints import bearer
from openslot.entrypoints.fhir import histories, organization
from openslot.entrypoints.fhir.elements import (
    TERMINOLOGY,
    Json,
    Site,
    instant,
    meta,
    own_identifier,
    reference,
    resource,
)
from openslot.entrypoints.fhir.parameters import Choice, Moment, Reference, read_number
from openslot.entrypoints.fhir.patient import read_uuid
from openslot.entrypoints.fhir.queries import APPOINTMENTS, MET, PROVIDER
from openslot.entrypoints.fhir.resource import Resource
from openslot.entrypoints.rules import Rule
from openslot.schedules.models import Schedule

STATUS: Mapping[Status, str] = {Status.ARRIVED: "arrived", Status.FULFILLED: "finished"}
CODES = "http://hl7.org/fhir/encounter-status"
ACTS = f"{TERMINOLOGY}/v3-ActCode"
AMBULATORY = {"system": ACTS, "code": "AMB", "display": "ambulatory"}
PERFORMER = {
    "system": f"{TERMINOLOGY}/v3-ParticipationType",
    "code": "PPRF",
    "display": "primary performer",
}

_VALUES: Mapping[str, Sequence[Status]] = {
    code: [status for status, shown in STATUS.items() if shown == code]
    for code in (
        "planned",
        "arrived",
        "triaged",
        "in-progress",
        "onleave",
        "finished",
        "cancelled",
        "entered-in-error",
        "unknown",
    )
}


def show(appointment: Appointment, site: Site) -> Json:
    """Return the appointment, with times in the zone of its centre; no end while it goes on."""
    zone, patient = appointment.zone, appointment.patient
    practitioner, centre = appointment.practitioner, appointment.centre
    is_over = appointment.status is Status.FULFILLED
    return resource(
        "Encounter",
        appointment.id,
        meta(appointment.changed_at, str(appointment.version)),
        identifier=[own_identifier(appointment.id)],
        status=STATUS[appointment.status],
        **{"class": AMBULATORY},
        serviceType=site.concept(
            "service-type", appointment.booked_service.name if appointment.booked_service else None
        ),
        subject=reference("Patient", patient.id, patient.name) if patient else None,
        participant=[
            {
                "type": [{"coding": [PERFORMER]}],
                "individual": reference("Practitioner", practitioner.id, practitioner.name),
            }
        ]
        if practitioner
        else None,
        appointment=[_appointment(appointment)],
        period={
            "start": instant(appointment.starts_at, zone),
            "end": instant(appointment.ends_at, zone) if is_over else None,
        },
        reasonCode=[{"text": appointment.reason}],
        location=[
            {
                "location": reference("Location", centre.id, centre.name),
                "status": "completed" if is_over else "active",
            }
        ],
        serviceProvider=_provider(appointment),
    )


def _appointment(appointment: Appointment) -> Json | None:
    """Return a reference to the appointment, if the caller has a relation to it."""
    if relation_to(bearer.actor(), appointment) is None:
        return None
    return reference("Appointment", appointment.id)


def _provider(appointment: Appointment) -> Json | None:
    department, centre = appointment.department, appointment.centre
    if department is not None:
        key = organization.department_id(department.id)
        return reference("Organization", key, department.name)
    return reference("Organization", organization.centre_id(centre.id), centre.name)


def _seen(actor: Actor, now: datetime) -> Condition:
    return Appointment.status.in_(MET) & histories.seen_by(Appointment.patient_id)(actor, now)


_PATIENT = (Appointment.patient_id, read_uuid)
_PRACTITIONER = Reference(
    "The practitioner.",
    {"Practitioner": (Schedule.practitioner_id, read_number)},
    path=("participant", "individual"),
)

RESOURCE = Resource(
    name="Encounter",
    rule=Rule.CONFIDENTIAL,
    about="Appointments that the patient attended, if you may read their health record.",
    rows=APPOINTMENTS,
    entities=(Appointment,),
    options=LOADED,
    key=Appointment.id,
    read_id=read_uuid,
    changed=Appointment.changed_at,
    show=show,
    opened=histories.opened,
    seen=_seen,
    whose=Appointment.patient_id,
    parameters={
        "patient": Reference("The patient.", {"Patient": _PATIENT}, path=("subject",)),
        "subject": Reference("The patient.", {"Patient": _PATIENT}, path=("subject",)),
        "practitioner": _PRACTITIONER,
        "participant": _PRACTITIONER,
        "appointment": Reference(
            "The appointment that it came from.",
            {"Appointment": (Appointment.id, read_uuid)},
            path=("appointment",),
        ),
        "location": Reference(
            "The centre.",
            {"Location": (Schedule.centre_id, read_number)},
            path=("location", "location"),
        ),
        "service-provider": Reference(
            "The department, or the centre if there is none.",
            {"Organization": (PROVIDER, organization.read_id)},
            path=("serviceProvider",),
        ),
        "date": Moment("The start.", Appointment.starts_at),
        "status": Choice("The status: arrived or finished.", Appointment.status, CODES, _VALUES),
        "class": histories.Always(
            "AMB; all encounters have it.", Appointment.id.is_not(None), system=ACTS, code="AMB"
        ),
    },
)
