"""Appointments made and changed by programs: what they send, as commands of booking."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import commands, identifiers, queries
from openslot.booking.commands import BookingRequest, appointment_for
from openslot.booking.models import Appointment, Priority, Status
from openslot.core.config import Settings
from openslot.core.errors import Invalid, Malformed, NotFound, StaleVersion
from openslot.directory.rules import Actor
from openslot.entrypoints.fhir import slot
from openslot.entrypoints.fhir.appointment import STATUS
from openslot.entrypoints.fhir.elements import URN
from openslot.entrypoints.fhir.parameters import read_number
from openslot.entrypoints.fhir.patient import read_uuid
from openslot.entrypoints.fhir.received import Received
from openslot.referrals import commands as referrals
from openslot.schedules.availability import instant_of
from openslot.schedules.models import Schedule
from openslot.schedules.queries import subjects

T = TypeVar("T")


class UnprocessableResource(Invalid):
    """The resource is valid FHIR, and asks for what cannot be done here."""

    sentence = Invalid.sentence


@dataclass(frozen=True, slots=True)
class Context:
    """Who writes, under which settings, when, and at what address this server is."""

    actor: Actor
    settings: Settings
    now: datetime
    base: str

    @property
    def cutoff(self) -> timedelta:
        """Until how long before an appointment patients may change it."""
        return timedelta(hours=self.settings.cancel_cutoff_hours)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who is to meet whom, where and when."""

    schedule_id: int
    start: datetime
    minutes: int
    patient_id: UUID | None


def create(session: Session, received: Received, context: Context) -> Appointment:
    """Book an appointment, or keep its time where it is to be pending."""
    if received.status not in ("booked", "pending"):
        raise UnprocessableResource(
            "A new appointment is booked or pending.", field="Appointment.status"
        )
    wanted = _wanted(session, received, context)
    booking_request = BookingRequest(
        wanted.schedule_id,
        wanted.start,
        wanted.minutes,
        wanted.patient_id,
        reason=received.reason or received.description,
        priority=_priority(received),
    )
    actor, now, letter = context.actor, context.now, _letter(received, context)
    if received.status == "pending":
        keep = timedelta(minutes=context.settings.hold_minutes)
        made = named(
            lambda: referrals.hold(
                session, actor, booking_request, now=now, keep=keep, referral_id=letter
            )
        )
    else:
        made = named(
            lambda: referrals.book(session, actor, booking_request, now=now, referral_id=letter)
        )
    external_id = _external_id(received)
    if external_id is not None:
        identifiers.name(session, made, external_id)
    return _again(session, made.id)


def update(
    session: Session, key: UUID, received: Received, version: str | None, context: Context
) -> Appointment:
    """Move, amend, and change the status, as far as it differs from what is there."""
    appointment, _ = appointment_for(session, context.actor, key)
    if version is not None and version != str(appointment.version):
        raise StaleVersion
    status = next(
        (
            own
            for own, shown in STATUS.items()
            if shown == received.status and own is not Status.EXPIRED
        ),
        None,
    )
    if received.status == "checked-in":
        status = Status.ARRIVED
    if status is None:
        raise UnprocessableResource(
            "No appointment here has this status.", field="Appointment.status"
        )
    _check_same(appointment, status, received, context)
    if status in (Status.HELD, Status.BOOKED) and appointment.status in (
        Status.HELD,
        Status.BOOKED,
    ):
        _move(session, appointment, received, context)
    _amend(session, appointment, received, context)
    return _again(session, _change_status(session, appointment, status, received, context))


def named(work: Callable[[], T]) -> T:
    """The work done; what it does not find was named by the body, not by the address."""
    try:
        return work()
    except NotFound as missing:
        raise UnprocessableResource(missing.message, field=missing.field) from None


def _again(session: Session, key: UUID) -> Appointment:
    session.flush()
    appointment = queries.appointment(session, key)
    if appointment is None:
        raise NotFound
    return appointment


def _move(session: Session, appointment: Appointment, received: Received, context: Context) -> None:
    wanted = _wanted(session, received, context, appointment)
    row = appointment
    if (wanted.schedule_id, wanted.start, wanted.start + timedelta(minutes=wanted.minutes)) != (
        row.schedule_id,
        row.starts_at,
        row.ends_at,
    ):
        named(
            lambda: commands.move(
                session,
                context.actor,
                row.id,
                wanted.start,
                now=context.now,
                cutoff=context.cutoff,
                minutes=wanted.minutes,
                schedule_id=wanted.schedule_id,
            )
        )


def _amend(
    session: Session, appointment: Appointment, received: Received, context: Context
) -> None:
    row = appointment
    priority = _priority(received) if received.priority is not None else Priority(row.priority)
    is_open = appointment.status in (Status.HELD, Status.BOOKED)
    if is_open and (received.reason, priority) != (row.reason, row.priority):
        commands.amend(
            session,
            context.actor,
            row.id,
            reason=received.reason,
            priority=priority,
            now=context.now,
            cutoff=context.cutoff,
        )


def _change_status(
    session: Session, appointment: Appointment, to: Status, received: Received, context: Context
) -> UUID:
    """The id of the appointment, which is another where what we offered is booked without its
    offer, and where a time that was kept for nobody is booked for somebody."""
    row, actor, now = appointment, context.actor, context.now
    if to is appointment.status:
        return row.id
    if appointment.status is Status.HELD and to is Status.BOOKED:
        booking_request = BookingRequest(
            row.schedule_id,
            row.starts_at,
            _minutes(row.starts_at, row.ends_at),
            row.patient_id or _patient_id(_participants(received, context)),
            reason=row.reason,
            priority=Priority(row.priority),
        )
        booked = named(
            lambda: referrals.book(
                session,
                actor,
                booking_request,
                now=now,
                hold_id=row.id,
                referral_id=row.referral_id,
            )
        )
        _hand_over(session, row, booked)
        return booked.id
    if appointment.status is Status.HELD and to is Status.CANCELLED:
        commands.release_hold(session, actor, row.id, now=now)
    else:
        why = received.cancelationReason.words if received.cancelationReason else None
        if why is not None and len(why) > 500:
            raise UnprocessableResource(
                "Shorten this to 500 characters.", field="Appointment.cancelationReason"
            )
        commands.change_status(session, actor, row.id, to, now=now, cutoff=context.cutoff, why=why)
    return row.id


def _hand_over(session: Session, kept: Appointment, booked: Appointment) -> None:
    """The identifier of another system goes over to an appointment that took the place of the
    hold."""
    number = kept.external_id
    if booked.id != kept.id and number is not None:
        kept.external_id = None
        session.flush()
        identifiers.name(session, booked, number)


def _check_same(appointment: Appointment, to: Status, received: Received, context: Context) -> None:
    """Whom an appointment is for, and the number and letter it came with, stay as they are; a time
    that was kept for nobody yet is booked for the patient who is named then."""
    if received.id != str(appointment.id):
        raise Malformed("Send the id that stands in the address.", field="Appointment.id")
    patient = _participants(received, context).get("Patient")
    known = str(appointment.patient.id) if appointment.patient else None
    is_open = known is None and appointment.status is Status.HELD and to is Status.BOOKED
    if patient is not None and patient != known and not is_open:
        raise UnprocessableResource(
            "The patient of an appointment stays the same. Book another.",
            field="Appointment.participant",
        )
    if _letter(received, context) not in (None, appointment.referral_id):
        raise UnprocessableResource(
            "The letter of an appointment stays the same. Book another.",
            field="Appointment.basedOn",
        )
    external_id = _external_id(received)
    if external_id not in (None, appointment.external_id):
        raise UnprocessableResource(
            "The identifier of an appointment stays the same.", field="Appointment.identifier"
        )


def _letter(received: Received, context: Context) -> UUID | None:
    """The letter of referral that the appointment is to use."""
    if not received.basedOn:
        return None
    sent = [(one.reference or "").removeprefix(f"{context.base}/") for one in received.basedOn]
    kind, _, key = sent[0].partition("/")
    letter = read_uuid(key)
    if len(sent) > 1 or kind != "ServiceRequest" or letter is None:
        raise UnprocessableResource(
            "Refer to one ServiceRequest of this server.", field="Appointment.basedOn"
        )
    return letter


def _priority(received: Received) -> Priority:
    """1 to 4 are urgent, as in calendars; 0 says nothing."""
    return Priority.URGENT if 1 <= (received.priority or 0) <= 4 else Priority.ROUTINE


def _external_id(received: Received) -> str | None:
    """The identifier that another system gave, as it is kept."""
    others = [one for one in received.identifier if one.system != URN]
    if len(others) > 1:
        raise UnprocessableResource(
            "Give one identifier of your own.", field="Appointment.identifier"
        )
    if not others:
        return None
    return f"{others[0].system}|{others[0].value}" if others[0].system else others[0].value


def _minutes(start: datetime, end: datetime) -> int:
    return int((end - start).total_seconds()) // 60


def _wanted(
    session: Session, received: Received, context: Context, appointment: Appointment | None = None
) -> Wanted:
    """The schedule and the time, from slots or from participants, which must not differ.

    Of an appointment that is there already, what is not said stays; slots that are its own say
    nothing of a time that is said.
    """
    begins, ends = received.begins, received.ends
    named = _participants(received, context)
    told = _slots(received, context)
    own = appointment is not None and begins is not None and _is_old(told, appointment)
    if told and not own:
        schedule_id, first, last = told
        if begins is not None and (begins, ends) != (first, last):
            raise UnprocessableResource(
                "Give the start and end of the slots, or leave them out.", field="Appointment.start"
            )
        begins, ends = first, last
        chosen: Sequence[Schedule] = subjects(session, Schedule.id == schedule_id)
    else:
        chosen = _of_participants(session, named, appointment)
    subject = _only(chosen)
    _check_participants(subject, named)
    if begins is None or ends is None:
        raise UnprocessableResource("Give start and end, or a slot.", field="Appointment.start")
    if (ends - begins).total_seconds() % 60:
        raise UnprocessableResource("Give whole minutes.", field="Appointment.end")
    if (received.minutesDuration or 0) > _minutes(begins, ends):
        raise UnprocessableResource(
            "Give no more minutes than there are from start to end, or leave them out.",
            field="Appointment.minutesDuration",
        )
    return Wanted(subject.id, begins, _minutes(begins, ends), _patient_id(named))


def _patient_id(named: Mapping[str, str]) -> UUID | None:
    """The patient among the participants; UnprocessableResource for an id that is none."""
    patient = named.get("Patient")
    patient_id = read_uuid(patient) if patient is not None else None
    if patient is not None and patient_id is None:
        raise UnprocessableResource("There is no such patient.", field="patient")
    return patient_id


def _is_old(told: tuple[int, datetime, datetime] | None, appointment: Appointment) -> bool:
    row = appointment
    return told == (row.schedule_id, row.starts_at, row.ends_at)


def _slots(received: Received, context: Context) -> tuple[int, datetime, datetime] | None:
    """Schedule, start and end of the slots, which follow each other."""
    if not received.slot:
        return None
    keys = []
    for one in received.slot:
        text = (one.reference or "").removeprefix(f"{context.base}/").removeprefix("Slot/")
        keys.append(slot.read_id(text))
    known = sorted(key for key in keys if key is not None)
    if len(known) < len(keys):
        raise UnprocessableResource("There is no such slot.", field="schedule")
    end = known[0][0]
    for tick, schedule_id, minutes in known:
        if schedule_id != known[0][1] or tick != end:
            raise UnprocessableResource(
                "Give slots of one schedule that follow each other.", field="schedule"
            )
        end = tick + minutes // 5
    return known[0][1], instant_of(known[0][0]), instant_of(end)


_KINDS: Mapping[str, Any] = {
    "Practitioner": Schedule.practitioner_id,
    "HealthcareService": Schedule.service_id,
    "PractitionerRole": Schedule.id,
    "Location": Schedule.centre_id,
}
"""Kinds of participants besides the patient, and where a schedule has them."""


def _of_participants(
    session: Session, named: Mapping[str, str], appointment: Appointment | None
) -> Sequence[Schedule]:
    """The schedules of the practitioner or service, at the centre if one is named."""
    if not named.keys() & {"Practitioner", "HealthcareService", "PractitionerRole"}:
        if appointment is None:
            raise UnprocessableResource(
                "Name a slot, a practitioner or a service.", field="schedule"
            )
        return subjects(session, Schedule.id == appointment.schedule_id)
    where = [
        column == (read_number(named[kind]) or 0)
        for kind, column in _KINDS.items()
        if kind in named
    ]
    found = subjects(session, *where)
    if appointment is not None and "Location" not in named:
        here = [one for one in found if one.id == appointment.schedule_id]
        return here or found
    return found


def _only(found: Sequence[Schedule]) -> Schedule:
    if not found:
        raise UnprocessableResource(
            "Nothing can be booked with these participants.", field="schedule"
        )
    if len(found) > 1:
        raise UnprocessableResource("Name the location too: there are several.", field="patient")
    return found[0]


def _check_participants(subject: Schedule, named: Mapping[str, str]) -> None:
    """Participants that are named are those of the schedule."""
    schedule = subject
    known = {
        "Practitioner": schedule.practitioner_id,
        "HealthcareService": schedule.service_id,
        "PractitionerRole": schedule.id,
        "Location": schedule.centre_id,
    }
    if any(named[kind] != str(known[kind]) for kind in named.keys() & known.keys()):
        raise UnprocessableResource(
            "This slot is not with that participant.", field="Appointment.participant"
        )


def _participants(received: Received, context: Context) -> dict[str, str]:
    """The ids of the participants by kind."""
    found: dict[str, str] = {}
    for one in received.participant:
        if one.actor is None:
            continue
        text = (one.actor.reference or "").removeprefix(f"{context.base}/")
        kind, _, key = text.partition("/")
        if kind not in ("Patient", *_KINDS):
            raise UnprocessableResource(
                "Refer to a Patient, Practitioner, PractitionerRole, HealthcareService or "
                "Location of this server.",
                field="Appointment.participant",
            )
        if found.setdefault(kind, key) != key:
            sentence = "Name one participant of each kind."
            if kind == "Patient":
                sentence = "Name one patient: this is for another already."
            raise UnprocessableResource(sentence, field="Appointment.participant")
    return found
