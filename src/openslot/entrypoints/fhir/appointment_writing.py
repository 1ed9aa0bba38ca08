"""Creates and updates appointments from Appointment resources."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import commands, identifiers, queries
from openslot.booking.commands import BookingRequest, appointment_for
from openslot.booking.models import Appointment, Priority, Status
from openslot.core.errors import Malformed, NotFound, StaleVersion
from openslot.core.work import Work
from openslot.entrypoints.fhir import access, answer_writing, services, slot
from openslot.entrypoints.fhir.appointment import FURTHER, STATUS
from openslot.entrypoints.fhir.codes import EMERGENCY, WALK_IN
from openslot.entrypoints.fhir.elements import URN, target_of
from openslot.entrypoints.fhir.parameters import read_number
from openslot.entrypoints.fhir.patient import read_uuid
from openslot.entrypoints.fhir.queries import OFFERED_ID, AnyOf
from openslot.entrypoints.fhir.received import Participant, Received, UnprocessableResource, named
from openslot.schedules.availability import instant_of
from openslot.schedules.models import Schedule
from openslot.schedules.queries import subjects
from openslot.usecases import booking as usecases


@dataclass(frozen=True, slots=True)
class Wanted:
    """The schedule, time, patient and service of a received appointment."""

    schedule_id: int
    start: datetime
    minutes: int
    patient_id: UUID | None
    service_id: int | None


def create(work: Work, received: Received, base: str) -> Appointment:
    """Book an appointment, hold its time if the status is pending, or enter one of a patient who is
    here without (arrived), or was (fulfilled)."""
    status = _status_of_new(received)
    _check_kept(received)
    request = _read_request(work, received, base)
    booking_request = BookingRequest(
        request.schedule_id,
        request.start,
        request.minutes,
        request.patient_id,
        reason=received.reason(),
        priority=_priority(received),
        emergency=received.is_of_type(EMERGENCY),
        service_id=request.service_id,
    )
    referral_id = _referral_id(received, base)

    def make() -> Appointment:
        if status is Status.HELD:
            return usecases.hold(work, booking_request, referral_id=referral_id)
        if status is Status.BOOKED:
            return usecases.book(work, booking_request, referral_id=referral_id)
        return usecases.enter(work, booking_request, status, referral_id=referral_id)

    appointment = named(make)
    external_id = _external_id(received)
    if external_id is not None:
        identifiers.give(work, appointment, external_id)
    _answer(work, appointment.id, received, base)
    return _current_row(work.session, appointment.id)


ENTERED: Mapping[str, Status] = {
    "arrived": Status.ARRIVED,
    "checked-in": Status.ARRIVED,
    "fulfilled": Status.FULFILLED,
}
"""Statuses of appointments that take place, or took place, without having been booked."""

_NEW: Mapping[str, Status] = {"pending": Status.HELD, "booked": Status.BOOKED, **ENTERED}


def _status_of_new(received: Received) -> Status:
    """Return the status of a new appointment; a patient who walks in has arrived."""
    status = _NEW.get(received.status)
    walks_in = received.is_of_type(WALK_IN)
    if status is None or (walks_in and status is Status.HELD):
        raise UnprocessableResource(
            "Create an appointment as booked or pending; or as arrived or fulfilled for a patient "
            "who is here without one, or was.",
            field="Appointment.status",
        )
    return Status.ARRIVED if walks_in and status is Status.BOOKED else status


def _answer(work: Work, key: UUID, received: Received, base: str) -> None:
    """Keep the answers that are contained, if any."""
    if (sent := received.answers()) is not None:
        access.demand("QuestionnaireResponse", "c")
        work.session.flush()
        answer_writing.add(work, key, answer_writing.read(sent), base)


def update(
    work: Work, key: UUID, received: Received, version: str | None, base: str
) -> Appointment:
    """Move, amend and change the status of an appointment, as far as they differ."""
    appointment, _ = appointment_for(work, key)
    if version is not None and version != str(appointment.version):
        raise StaleVersion
    status = next(
        (
            candidate
            for candidate, code in STATUS.items()
            if code == received.status and candidate is not Status.EXPIRED
        ),
        None,
    )
    if received.status == "checked-in":
        status = Status.ARRIVED
    if status is None:
        raise UnprocessableResource("This status is not supported.", field="Appointment.status")
    _check_unchanged(appointment, status, received, base)
    _check_kept(received)
    if status in (Status.HELD, Status.BOOKED) and appointment.status in (
        Status.HELD,
        Status.BOOKED,
    ):
        _move(work, appointment, received, base)
    _amend(work, appointment, received)
    current_id = _change_status(work, appointment, status, received, base)
    _answer(work, current_id, received, base)
    return _current_row(work.session, current_id)


def replace(
    work: Work, old_id: UUID, make: Callable[[], Appointment], why: str | None = None
) -> Appointment:
    """Cancel an appointment, and make another for its patient in the same transaction."""
    old = named(lambda: appointment_for(work, old_id))[0]
    if old.status is Status.HELD:
        commands.release_hold(work, old_id)
    else:
        commands.change_status(work, old_id, Status.CANCELLED, why=why)
    work.session.flush()
    made = make()
    if made.patient_id != old.patient_id or made.id == old_id:
        raise UnprocessableResource(
            "Send the id of another appointment of the same patient.", field="cancelled-appt-id"
        )
    return made


def _current_row(session: Session, key: UUID) -> Appointment:
    session.flush()
    appointment = queries.appointment(session, key)
    if appointment is None:
        raise NotFound
    return appointment


def _move(work: Work, appointment: Appointment, received: Received, base: str) -> None:
    request = _read_request(work, received, base, appointment)
    if (request.schedule_id, request.start, request.start + timedelta(minutes=request.minutes)) != (
        appointment.schedule_id,
        appointment.starts_at,
        appointment.ends_at,
    ):
        named(
            lambda: commands.move(
                work,
                appointment.id,
                request.start,
                minutes=request.minutes,
                schedule_id=request.schedule_id,
            )
        )


def _amend(work: Work, appointment: Appointment, received: Received) -> None:
    priority = _priority(received) if received.priority is not None else appointment.priority
    is_open = appointment.status in (Status.HELD, Status.BOOKED)
    reason = received.reason(besides=appointment.task)
    if is_open and (reason, priority) != (appointment.reason, appointment.priority):
        commands.amend(work, appointment.id, reason=reason, priority=priority)


def _change_status(
    work: Work, appointment: Appointment, to: Status, received: Received, base: str
) -> UUID:
    """Change the status, and return the id of the appointment.

    It is a new appointment if an offered hold is booked without its offer, or if a hold without a
    patient is booked for one.
    """
    if to is appointment.status:
        return appointment.id
    if appointment.status is Status.HELD and to is Status.BOOKED:
        booking_request = BookingRequest(
            appointment.schedule_id,
            appointment.starts_at,
            appointment.minutes,
            appointment.patient_id or _patient_id(_participants(received, base)),
            reason=appointment.reason,
            priority=appointment.priority,
            service_id=appointment.service_id,
        )
        booked = named(
            lambda: usecases.book(
                work, booking_request, hold_id=appointment.id, referral_id=appointment.referral_id
            )
        )
        _hand_over(work.session, appointment, booked)
        return booked.id
    if appointment.status is Status.HELD and to is Status.CANCELLED:
        commands.release_hold(work, appointment.id)
    else:
        why = received.cancelationReason.words if received.cancelationReason else None
        if why is not None and len(why) > 500:
            raise UnprocessableResource(
                "Shorten this to 500 characters.", field="Appointment.cancelationReason"
            )
        usecases.change_status(work, appointment.id, to, why=why)
    return appointment.id


def _hand_over(session: Session, hold: Appointment, booked: Appointment) -> None:
    """Move the external identifier to an appointment that replaces the hold."""
    external_id = hold.external_id
    if booked.id != hold.id and external_id is not None:
        hold.external_id = None
        session.flush()
        booked.external_id = external_id


def _check_unchanged(appointment: Appointment, to: Status, received: Received, base: str) -> None:
    """Raise an error if the id, patient, identifier or referral would change.

    A hold without a patient can be booked for any patient.
    """
    if received.id != str(appointment.id):
        raise Malformed("Send the same id as in the address.", field="Appointment.id")
    patient = _participants(received, base).get("Patient")
    current = str(appointment.patient.id) if appointment.patient else None
    is_open = current is None and appointment.status is Status.HELD and to is Status.BOOKED
    if patient is not None and patient != current and not is_open:
        raise UnprocessableResource(
            "The patient of an appointment cannot change. Book a new one.",
            field="Appointment.participant",
        )
    if _referral_id(received, base) not in (None, appointment.referral_id):
        raise UnprocessableResource(
            "The referral of an appointment cannot change. Book a new one.",
            field="Appointment.basedOn",
        )
    external_id = _external_id(received)
    if external_id not in (None, identifiers.shown(appointment.external_id)):
        raise UnprocessableResource(
            "The identifier of an appointment cannot change.", field="Appointment.identifier"
        )


_REFUSED = ("patientInstruction", "reasonReference")
"""Elements with a meaning for somebody who reads the appointment, which has no place for them."""


def _check_kept(received: Received) -> None:
    """Raise UnprocessableResource for what would be lost, and matters."""
    for name in _REFUSED:
        if getattr(received, name) is not None:
            raise UnprocessableResource(
                f"{name} is not kept here. Leave it out, or write it into comment.",
                field=f"Appointment.{name}",
            )
    if received.supportingInformation is not None and received.answers() is None:
        raise UnprocessableResource(
            "Refer to one contained QuestionnaireResponse; nothing else is kept here.",
            field="Appointment.supportingInformation",
        )
    if received.status in ("pending", "booked", "arrived", "fulfilled", "checked-in"):
        for place, participant in enumerate(received.participant):
            if participant.actor is not None and participant.status == "declined":
                raise UnprocessableResource(
                    "A participant cannot decline here. Cancel the appointment instead.",
                    field=f"Appointment.participant.{place}.status",
                )


def _referral_id(received: Received, base: str) -> UUID | None:
    """Return the referral that the appointment uses, if any."""
    if not received.basedOn:
        return None
    kind, key = target_of(received.basedOn[0].reference, base)
    referral_id = read_uuid(key)
    if len(received.basedOn) > 1 or kind != "ServiceRequest" or referral_id is None:
        raise UnprocessableResource(
            "Refer to one ServiceRequest of this server.", field="Appointment.basedOn"
        )
    return referral_id


def _priority(received: Received) -> Priority:
    """Return the priority: 1 to 4 are urgent, as in calendars; 0 is undefined."""
    return Priority.URGENT if 1 <= (received.priority or 0) <= 4 else Priority.ROUTINE


def _external_id(received: Received) -> str | None:
    """Return the identifier of another system, in the form in which it is stored. That of the
    appointment itself, which is its id as a URI, is only sent back."""
    own = (URN, f"urn:uuid:{received.id}")
    others = [one for one in received.identifier if (one.system, one.value) != own]
    if len(others) > 1:
        raise UnprocessableResource(
            "Send only one identifier of your own.", field="Appointment.identifier"
        )
    if not others:
        return None
    return f"{others[0].system}|{others[0].value}" if others[0].system else others[0].value


def _minutes(start: datetime, end: datetime) -> int:
    return int((end - start).total_seconds()) // 60


def _read_request(
    work: Work, received: Received, base: str, appointment: Appointment | None = None
) -> Wanted:
    """Return the schedule, time and service from slots or from participants, which must agree.

    For an existing ``appointment``, missing values stay. If the request has a start and the
    appointment's current slots, the start counts: the slots were only sent back.
    """
    begins, ends = received.begins, received.ends
    participants = _participants(received, base)
    slots = _slots(received, base)
    are_unchanged = (
        appointment is not None
        and begins is not None
        and slots is not None
        and slots[:3] == (appointment.schedule_id, appointment.starts_at, appointment.ends_at)
    )
    if slots and not are_unchanged:
        schedule_id, first, last, _ = slots
        if begins is not None and (begins, ends) != (first, last):
            raise UnprocessableResource(
                "Send the start and end of the slots, or leave them out.", field="Appointment.start"
            )
        begins, ends = first, last
        chosen: Sequence[Schedule] = subjects(work.session, Schedule.id == schedule_id)
    else:
        chosen = _of_participants(work.session, participants, appointment)
    schedule = _single_schedule(chosen)
    _check_participants(schedule, participants)
    names = services.Names(
        by_slot=slots[3] if slots else None,
        by_participant=read_number(participants.get("HealthcareService", "")),
        by_type=received.serviceType,
    )
    if appointment is None:
        service_id = services.chosen(work, schedule, names, base)
    else:
        service_id = services.unchanged(work, schedule, names, base, appointment)
    if begins is None or ends is None:
        raise UnprocessableResource("Send start and end, or a slot.", field="Appointment.start")
    if (ends - begins).total_seconds() % 60:
        raise UnprocessableResource("Use whole minutes.", field="Appointment.end")
    if (received.minutesDuration or 0) > _minutes(begins, ends):
        raise UnprocessableResource(
            "Send at most the minutes from start to end, or leave them out.",
            field="Appointment.minutesDuration",
        )
    minutes, patient_id = _minutes(begins, ends), _patient_id(participants)
    return Wanted(schedule.id, begins, minutes, patient_id, service_id)


def _patient_id(participants: Mapping[str, str]) -> UUID | None:
    """Return the patient among the participants, or raise UnprocessableResource for a bad id."""
    patient = participants.get("Patient")
    patient_id = read_uuid(patient) if patient is not None else None
    if patient is not None and patient_id is None:
        raise UnprocessableResource("Patient not found.", field="patient")
    return patient_id


def _slots(received: Received, base: str) -> tuple[int, datetime, datetime, int | None] | None:
    """Return the schedule, start, end and service of the slots, which must be consecutive."""
    if not received.slot:
        return None
    keys = []
    for link in received.slot:
        kind, text = target_of(link.reference, base)
        keys.append(slot.read_id(text) if kind in ("", "Slot") else None)
    valid = sorted(key for key in keys if key is not None)
    if len(valid) < len(keys):
        raise UnprocessableResource("Slot not found.", field="schedule")
    end = valid[0][0]
    first, schedule_id, _, service_id = valid[0]
    for tick, of_schedule, minutes, of_service in valid:
        if (of_schedule, of_service) != (schedule_id, service_id) or tick != end:
            raise UnprocessableResource("Send consecutive slots of one schedule.", field="schedule")
        end = tick + minutes // 5
    return schedule_id, instant_of(first), instant_of(end), service_id or None


PASSED_OVER = "RelatedPerson"
"""A kind of participant who may come along, and is not kept."""

_KINDS: Mapping[str, Any] = {
    "Practitioner": Schedule.practitioner_id,
    "HealthcareService": AnyOf(Schedule.service_id, OFFERED_ID),
    "PractitionerRole": Schedule.id,
    "Location": Schedule.centre_id,
}
"""Kinds of participants other than the patient, and their columns in a schedule."""


def _of_participants(
    session: Session, participants: Mapping[str, str], appointment: Appointment | None
) -> Sequence[Schedule]:
    """Return the schedules of the practitioner or service, at the centre if one is given."""
    if not participants.keys() & {"Practitioner", "HealthcareService", "PractitionerRole"}:
        if appointment is None:
            raise UnprocessableResource(
                "Send a slot, a practitioner or a service.", field="schedule"
            )
        return subjects(session, Schedule.id == appointment.schedule_id)
    where = {
        kind: column == (read_number(participants[kind]) or 0)
        for kind, column in _KINDS.items()
        if kind in participants
    }
    schedules = subjects(session, *where.values())
    if not schedules and where.keys() & {"Practitioner", "PractitionerRole"}:
        where.pop("HealthcareService", None)  # refused as not offered there
        schedules = subjects(session, *where.values())
    if appointment is not None and "Location" not in participants:
        current = [schedule for schedule in schedules if schedule.id == appointment.schedule_id]
        return current or schedules
    return schedules


def _single_schedule(schedules: Sequence[Schedule]) -> Schedule:
    if not schedules:
        raise UnprocessableResource(
            "These participants have no schedule that can be booked.", field="schedule"
        )
    if len(schedules) > 1:
        raise UnprocessableResource(
            "Send the practitioner and the location: there are several.", field="patient"
        )
    return schedules[0]


def _check_participants(schedule: Schedule, participants: Mapping[str, str]) -> None:
    """Raise UnprocessableResource if a participant is not the one of the schedule."""
    expected = {
        "Practitioner": schedule.practitioner_id,
        "PractitionerRole": schedule.id,
        "Location": schedule.centre_id,
    }
    if schedule.service_id is not None:
        expected["HealthcareService"] = schedule.service_id
    if any(
        participants[kind] != str(expected[kind]) for kind in participants.keys() & expected.keys()
    ):
        raise UnprocessableResource(
            "This slot belongs to another participant.", field="Appointment.participant"
        )


def _is_chosen_here(participant: Participant) -> bool:
    """Return whether a participant is a room, a device or a further practitioner, whom the server
    chooses and shows; a client may send them back."""
    actor = participant.actor
    if actor is not None and actor.reference is None:
        return actor.type in ("Location", "Device")
    return bool(participant.type == FURTHER)


def _participants(received: Received, base: str) -> dict[str, str]:
    """Return the ids of the participants by kind."""
    ids: dict[str, str] = {}
    for place, participant in enumerate(received.participant):
        actor = participant.actor
        if actor is None:
            continue
        kind, key = target_of(actor.reference, base)
        if PASSED_OVER in (kind, actor.type) or _is_chosen_here(participant):
            continue
        if kind not in ("Patient", *_KINDS):
            raise UnprocessableResource(
                "Refer to a Patient, Practitioner, PractitionerRole, HealthcareService or "
                "Location of this server.",
                field=f"Appointment.participant.{place}",
            )
        if ids.setdefault(kind, key) != key:
            sentence = "Send only one participant of each kind."
            if kind == "Patient":
                sentence = "Send only one patient: this appointment has another one."
            raise UnprocessableResource(sentence, field="Appointment.participant")
    return ids
