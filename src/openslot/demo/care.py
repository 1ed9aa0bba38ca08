"""Health records, referrals, requests and favourites of the demonstration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from openslot.booking.commands import BookingRequest
from openslot.booking.models import Appointment, Priority, Status
from openslot.booking.moves import CLAIMING
from openslot.booking.slots import slots
from openslot.core import audit
from openslot.core.ids import new_id
from openslot.core.work import Work
from openslot.demo.people import STAFF_AT
from openslot.demo.plan import Planned
from openslot.department_requests.commands import subject_of
from openslot.department_requests.events import Topic
from openslot.department_requests.models import Kept, ServiceRequest
from openslot.directory import commands as directory
from openslot.directory.details import PatientDetails
from openslot.directory.models import Dependent, Patient
from openslot.feedback.models import Favourite
from openslot.identity.models import Account
from openslot.questions.models import AppointmentAnswer, Kind
from openslot.questions.queries import add, kept, questions
from openslot.records.models import AllergyState, Entry, EntryKind, Severity
from openslot.referrals.models import Kept as ReferralStatus
from openslot.referrals.models import Referral
from openslot.schedules import queries as schedules
from openslot.schedules.models import Schedule
from openslot.schedules.rules import Place
from openslot.usecases.booking import book
from openslot.waiting_list.models import WaitingEntry

FILE = Path(__file__).parent / "data" / "care.json"
YEAR = timedelta(days=365)
MEDICATED = 0.4
"""The share of GP appointments that end with a prescription."""
ANSWERED = 0.7
WAITED_FOR = ("Physiotherapist", "Assessment")
OPEN_REFERRALS = ("Cardiology", "Dermatology", "Cardiology", "Dental")
"""Fields of specialists to whom patients are referred and have not booked; the first is the
demonstration's patient."""

WAITING = ("priya.raman@example.org", "lucia.ferreira@example.org", "amira.haddad@example.org")
"""Practitioners for whom other patients wait, the first while she is on leave."""


class Care(BaseModel):
    """Texts for the demonstration: notes by profession, requests as task and description."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    notes: Mapping[str, tuple[str, ...]]
    medications: tuple[tuple[str, str, str], ...]
    allergies: tuple[tuple[str, str, Severity], ...]
    letters: tuple[str, ...]
    answers: tuple[str, ...]
    requests: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that the functions below need: the written appointments and their plan."""

    work: Work
    care: Care
    rng: Random
    appointments: Sequence[tuple[Planned, Appointment]]
    places: Sequence[Place]

    def place_of(self, email: str) -> Place:
        """Return the schedule of a practitioner."""
        return next(place for place in self.places if place.practitioner_email == email)


def write_care(scene: Scene, patient: Patient, staff: Account) -> None:
    """Write everything but appointments, most of it around the two demonstration accounts."""
    for planned, appointment in scene.appointments:
        if appointment.status == Status.FULFILLED and planned.place.practitioner_id:
            _record(scene, planned, appointment)
    _record_allergies(scene)
    _write_referrals(scene, patient)
    offered = _offered(scene.work.session)
    _write_requests(scene, offered)
    _write_open_requests(scene, offered)
    _write_family(scene, patient)
    _write_favourites(scene, patient, staff)
    _write_waiting_entries(scene, patient)
    _write_others_waiting(scene)
    _write_answers(scene)


def read_care() -> Care:
    """Return the texts of the file."""
    return Care.model_validate_json(FILE.read_bytes())


def _record(scene: Scene, planned: Planned, appointment: Appointment) -> None:
    """Write a note of the appointment, and after some GP appointments a prescription."""
    profession = planned.place.profession or ""
    note = _entry(
        planned, appointment, EntryKind.NOTE, scene.rng.choice(scene.care.notes[profession])
    )
    scene.work.session.add(note)
    if profession == "GP" and scene.rng.random() < MEDICATED:
        medication, dose, how = scene.rng.choice(scene.care.medications)
        entry = _entry(planned, appointment, EntryKind.PRESCRIPTION, how)
        entry.medication, entry.dose = medication, dose
        scene.work.session.add(entry)


def _record_allergies(scene: Scene) -> None:
    """Record at the first completed GP appointment of each patient what was said of allergies: of
    every third one, of the others that none are known."""
    seen = [
        (planned, appointment)
        for planned, appointment in scene.appointments
        if appointment.status == Status.FULFILLED and planned.place.profession == "GP"
    ]
    firsts: dict[UUID | None, tuple[Planned, Appointment]] = {}
    for planned, appointment in sorted(seen, key=lambda pair: pair[1].starts_at):
        firsts.setdefault(appointment.patient_id, (planned, appointment))
    for number, (planned, appointment) in enumerate(firsts.values()):
        entry = _entry(planned, appointment, EntryKind.NO_ALLERGIES, "")
        entry.state = AllergyState.ACTIVE
        if number % 3 == 0:
            entry.kind = EntryKind.ALLERGY
            allergy = scene.care.allergies[number // 3 % len(scene.care.allergies)]
            entry.substance, entry.text, entry.severity = allergy
        scene.work.session.add(entry)


def _entry(planned: Planned, appointment: Appointment, kind: EntryKind, text: str) -> Entry:
    return Entry(
        id=new_id(),
        patient_id=appointment.patient_id,
        practitioner_id=planned.place.practitioner_id,
        centre_id=planned.place.centre_id,
        appointment_id=appointment.id,
        kind=kind,
        text=text,
        recorded_at=appointment.ends_at,
    )


def _write_referrals(scene: Scene, patient: Patient) -> None:
    """Write a referral for every appointment with a specialist, and some to be booked."""
    gps = sorted(
        {
            place.practitioner_id
            for place in scene.places
            if place.profession == "GP" and place.practitioner_id
        }
    )
    for planned, appointment in scene.appointments:
        if planned.place.profession != "Specialist" or appointment.patient_id is None:
            continue
        sent = appointment.created_at - timedelta(days=scene.rng.randint(1, 20))
        referral = _referral(scene, appointment.patient_id, scene.rng.choice(gps), sent)
        referral.practitioner_id = planned.place.practitioner_id
        if appointment.status == Status.FULFILLED and scene.rng.random() < ANSWERED:
            referral.answer = scene.rng.choice(scene.care.answers)
            referral.answered_by = planned.place.practitioner_id
            referral.answered_at = appointment.ends_at + timedelta(hours=2)
        scene.work.session.add(referral)
        scene.work.session.flush()
        appointment.referral_id = referral.id
        appointment.referral_use = referral.id if appointment.status in CLAIMING else None
    own_gp = scene.place_of("samuel@gmail.com").practitioner_id or gps[0]
    others = [
        planned.patient.id
        for planned, _ in scene.appointments
        if planned.place.practitioner_id == own_gp and planned.patient.id != patient.id
    ]
    for number, (patient_id, expertise) in enumerate(
        zip((patient.id, *others), OPEN_REFERRALS, strict=False)
    ):
        waiting = _referral(scene, patient_id, own_gp, scene.work.now - timedelta(days=2 + number))
        waiting.expertise = expertise
        scene.work.session.add(waiting)


def _referral(scene: Scene, patient_id: UUID, gp_id: int, sent: datetime) -> Referral:
    return Referral(
        id=new_id(),
        patient_id=patient_id,
        gp_id=gp_id,
        letter=scene.rng.choice(scene.care.letters),
        status=ReferralStatus.SENT,
        created_at=sent,
        sent_at=sent,
        expires_at=sent + YEAR,
    )


def _write_requests(scene: Scene, offered: Mapping[int, Schedule]) -> None:
    """Write the requests of other departments for the appointments of services."""
    for planned, appointment in scene.appointments:
        schedule = offered.get(planned.place.schedule_id)
        requesting_ids = _other_departments(schedule, offered) if schedule else []
        if schedule is None or not requesting_ids:
            continue
        request = _request(scene, schedule, scene.rng.choice(requesting_ids), appointment.starts_at)
        request.status, request.appointment_id = Kept.ACCEPTED, appointment.id
        request.created_at = request.changed_at = appointment.created_at
        request.patient_id, request.priority = appointment.patient_id, appointment.priority
        if appointment.status == Status.FULFILLED:
            request.stars, request.rated_at = scene.rng.randint(3, 5), appointment.ends_at
        _store_request(scene, request)


def _write_open_requests(scene: Scene, offered: Mapping[int, Schedule]) -> None:
    """Write unanswered requests to the demonstration's department, and one that it made."""
    centre, name = STAFF_AT
    here = [schedule for schedule in offered.values() if schedule.centre.name == centre]
    own = [
        schedule for schedule in here if schedule.department and schedule.department.name == name
    ]
    others = [schedule for schedule in here if schedule not in own]
    inpatients = sorted(
        {
            appointment.patient_id
            for planned, appointment in scene.appointments
            if appointment.patient_id and planned.place.centre_id == own[0].centre_id
        }
    )
    for number in range(6):
        asked, asker = (own[number % len(own)], others) if number < 5 else (others[0], own)
        starts = _first_free(scene, asked, days=1 + number // 2)
        if starts is None:
            continue
        department = scene.rng.choice(asker).department
        request = _request(scene, asked, department.id if department else 0, starts)
        request.task, request.description = scene.care.requests[number]
        request.priority = Priority.URGENT if number < 2 else Priority.ROUTINE
        request.created_at = request.changed_at = scene.work.now - timedelta(
            minutes=25 + 70 * number
        )
        if number == 4:
            request.status, request.proposed_at = Kept.PROPOSED, starts + timedelta(hours=1)
            request.answer = "We're fully booked until then."
        request.patient_id = scene.rng.choice(inpatients)
        _store_request(scene, request)


def _store_request(scene: Scene, request: ServiceRequest) -> None:
    """Store a request with its first audit event."""
    scene.work.session.add(request)
    audit.record(replace(scene.work, now=request.created_at), Topic.MADE, subject_of(request.id))


def _other_departments(asked: Schedule, offered: Mapping[int, Schedule]) -> list[int]:
    """Return the ids of the other departments of the centre with services."""
    at_centre = {
        schedule.department.id
        for schedule in offered.values()
        if schedule.department and schedule.centre.id == asked.centre.id
    }
    return sorted(at_centre - {asked.department.id if asked.department else 0})


def _request(scene: Scene, asked: Schedule, asker: int, starts: datetime) -> ServiceRequest:
    task, description = scene.rng.choice(scene.care.requests)
    return ServiceRequest(
        id=new_id(),
        service_id=asked.service_id,
        department_id=asker,
        task=task,
        description=description,
        starts_at=starts,
        minutes=asked.slot_minutes,
    )


def _first_free(scene: Scene, asked: Schedule, *, days: int) -> datetime | None:
    """Return the first free start of a service at least ``days`` from now, or None."""
    places = {place.schedule_id: place for place in scene.places}
    schedule = {asked.id: places[asked.id]}
    begins = scene.work.now + timedelta(days=days)
    week = timedelta(days=7)
    free_slots = slots(scene.work, schedule, begins, begins + week, limit=1)
    return free_slots[0].start if free_slots else None


def _write_family(scene: Scene, patient: Patient) -> None:
    """Write a dependent with an appointment to come."""
    details = PatientDetails(
        name=f"Lily {patient.name.split()[-1]}", born=date(scene.work.now.year - 7, 5, 14)
    )
    child = directory.add_patient(replace(scene.work, now=scene.work.now - YEAR), details)
    scene.work.session.add(
        Dependent(patient_id=child.id, carer_id=patient.id, since=scene.work.now - YEAR)
    )
    scene.work.session.flush()
    place = scene.place_of("samuel@gmail.com")
    begins = scene.work.now + timedelta(days=6)
    free_slots = slots(
        scene.work, {place.schedule_id: place}, begins, begins + timedelta(days=7), limit=1
    )
    booking_request = BookingRequest(
        place.schedule_id, free_slots[0].start, place.slot_minutes, child.id, "School vaccines"
    )
    book(replace(scene.work, now=scene.work.now - timedelta(days=3)), booking_request)


def _write_favourites(scene: Scene, patient: Patient, staff: Account) -> None:
    gp = scene.place_of("samuel@gmail.com")
    departments = {
        schedule.department.id
        for schedule in _offered(scene.work.session).values()
        if schedule.department
        and schedule.centre.name == STAFF_AT[0]
        and schedule.department.name in ("Physiotherapy", "Podiatry")
    }
    scene.work.session.add_all(
        [
            Favourite(
                account_id=patient.account_id,
                practitioner_id=gp.practitioner_id,
                since=scene.work.now,
            ),
            Favourite(account_id=patient.account_id, centre_id=gp.centre_id, since=scene.work.now),
            *(
                Favourite(account_id=staff.id, department_id=department_id, since=scene.work.now)
                for department_id in sorted(departments)
            ),
        ]
    )


def _write_waiting_entries(scene: Scene, patient: Patient) -> None:
    """Put the patient on the waiting list, to replace the last of their appointments, and for a
    service of anybody in a profession."""
    upcoming = [
        (planned, appointment)
        for planned, appointment in scene.appointments
        if appointment.patient_id == patient.id and appointment.status == Status.BOOKED
    ]
    planned, appointment = max(upcoming, key=lambda pair: pair[1].starts_at)
    scene.work.session.add(
        WaitingEntry(
            id=new_id(),
            patient_id=patient.id,
            appointment_id=appointment.id,
            schedule_id=planned.place.schedule_id,
            minutes=planned.minutes,
            starts_from=scene.work.now,
            starts_until=appointment.starts_at,
            created_at=scene.work.now - timedelta(days=1),
            created_by=patient.account_id,
        )
    )
    profession, name = WAITED_FOR
    offered = next(
        offered
        for place in scene.places
        if place.profession == profession
        for offered in place.services
        if offered.name == name
    )
    scene.work.session.add(
        WaitingEntry(
            id=new_id(),
            patient_id=patient.id,
            profession=profession,
            service_id=offered.service_id,
            minutes=offered.minutes,
            starts_from=scene.work.now + timedelta(days=14),
            starts_until=scene.work.now + timedelta(days=28),
            created_at=scene.work.now - timedelta(days=1),
            created_by=patient.account_id,
        )
    )


def _write_others_waiting(scene: Scene) -> None:
    """Let patients wait for practitioners whom they saw."""
    for days, email in enumerate(WAITING, start=8):
        place = scene.place_of(email)
        seen = dict.fromkeys(
            planned.patient
            for planned, _ in scene.appointments
            if planned.place.practitioner_id == place.practitioner_id
        )
        scene.work.session.add_all(
            WaitingEntry(
                id=new_id(),
                patient_id=patient.id,
                practitioner_id=place.practitioner_id,
                service_id=place.service_id,
                minutes=place.slot_minutes,
                starts_from=scene.work.now + timedelta(days=days),
                starts_until=scene.work.now + timedelta(days=days + 5),
                created_at=scene.work.now - timedelta(days=days),
                created_by=patient.account_id,
            )
            for patient in list(seen)[:2]
        )


def _write_answers(scene: Scene) -> None:
    """Answer the questions before appointments; here and there what is not required is left out."""
    asked = questions(
        scene.work.session, {one.service_id for _, one in scene.appointments if one.service_id}
    )
    for _planned, appointment in scene.appointments:
        began = appointment.starts_at - timedelta(days=scene.rng.randint(3, 90))
        for question in asked.get(appointment.service_id or 0, ()):
            if not question.required and scene.rng.random() > ANSWERED:
                continue
            said = {Kind.CONSENT: "yes", Kind.DATE: began.date().isoformat()}
            answer = said.get(question.kind) or scene.rng.choice(question.options)
            row = AppointmentAnswer(appointment_id=appointment.id, question_id=question.id)
            add(scene.work.session, row, kept(question, answer))


def _offered(session: Session) -> dict[int, Schedule]:
    """Return the bookable services of departments by schedule id."""
    subjects = schedules.subjects(session, Schedule.service_id.is_not(None))
    return {schedule.id: schedule for schedule in subjects}
