"""What was recorded, referred, asked and favoured in the demonstration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from openslot.booking.commands import BookingRequest, book
from openslot.booking.models import Appointment, Priority, Status
from openslot.booking.rules import CLAIMING
from openslot.booking.slots import slots
from openslot.core import audit
from openslot.core.ids import new_id
from openslot.directory import commands as directory
from openslot.directory.details import PatientDetails
from openslot.directory.models import Dependent, Patient, Profession
from openslot.directory.rules import SYSTEM
from openslot.exchange.demo_people import STAFF_AT
from openslot.exchange.demo_plan import Planned
from openslot.feedback.models import Favourite
from openslot.identity.models import Account
from openslot.offers.models import WaitingEntry
from openslot.records.models import Entry, EntryKind
from openslot.referrals.models import Kept as Letter
from openslot.referrals.models import Referral
from openslot.requests.commands import subject_of
from openslot.requests.events import Topic
from openslot.requests.models import Kept, ServiceRequest
from openslot.schedules import queries as schedules
from openslot.schedules.models import Schedule
from openslot.schedules.rules import Place

FILE = Path(__file__).parent / "demo_data" / "care.json"
YEAR = timedelta(days=365)
MEDICATED = 0.4
"""How many appointments to a GP end with a prescription."""
ANSWERED = 0.7


class Care(BaseModel):
    """What people write; ``notes`` by profession, requests as task and description."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    notes: Mapping[str, tuple[str, ...]]
    medications: tuple[tuple[str, str, str], ...]
    letters: tuple[str, ...]
    answers: tuple[str, ...]
    requests: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """The appointments that were written, with what they were planned as, and whom the stage is
    for."""

    session: Session
    care: Care
    rng: Random
    appointments: Sequence[tuple[Planned, Appointment]]
    places: Sequence[Place]
    now: datetime

    def place_of(self, email: str) -> Place:
        """Where a practitioner works."""
        return next(place for place in self.places if place.practitioner_email == email)


def write_care(scene: Scene, patient: Patient, staff: Account) -> None:
    """Write all that is more than appointments, above all around the two that the demonstration is
    tried as."""
    for planned, appointment in scene.appointments:
        if (
            appointment.status == Status.FULFILLED
            and planned.patient
            and planned.place.practitioner_id
        ):
            _record(scene, planned, appointment)
    _write_referrals(scene, patient)
    offered = _offered(scene.session)
    _write_requests(scene, offered)
    _ask_openly(scene, offered)
    _write_family(scene, patient)
    _write_favourites(scene, patient, staff)
    _wait_for_earlier(scene, patient)


def read_care() -> Care:
    """The texts."""
    return Care.model_validate_json(FILE.read_bytes())


def _record(scene: Scene, planned: Planned, appointment: Appointment) -> None:
    """A note of the appointment, and after some appointments to a GP a prescription."""
    profession = planned.place.profession or ""
    note = _entry(
        planned, appointment, EntryKind.NOTE, scene.rng.choice(scene.care.notes[profession])
    )
    scene.session.add(note)
    if profession == Profession.GP and scene.rng.random() < MEDICATED:
        medication, dose, how = scene.rng.choice(scene.care.medications)
        entry = _entry(planned, appointment, EntryKind.PRESCRIPTION, how)
        entry.medication, entry.dose = medication, dose
        scene.session.add(entry)


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
    """Every appointment to a specialist used a referral; one more waits to be booked."""
    gps = sorted(
        {
            place.practitioner_id
            for place in scene.places
            if place.profession == Profession.GP and place.practitioner_id
        }
    )
    for planned, appointment in scene.appointments:
        if planned.place.profession != Profession.SPECIALIST or appointment.patient_id is None:
            continue
        sent = appointment.created_at - timedelta(days=scene.rng.randint(1, 20))
        referral = _referral(scene, appointment.patient_id, scene.rng.choice(gps), sent)
        referral.practitioner_id = planned.place.practitioner_id
        if appointment.status == Status.FULFILLED and scene.rng.random() < ANSWERED:
            referral.answer = scene.rng.choice(scene.care.answers)
            referral.answered_by = planned.place.practitioner_id
            referral.answered_at = appointment.ends_at + timedelta(hours=2)
        scene.session.add(referral)
        scene.session.flush()
        appointment.referral_id = referral.id
        appointment.referral_use = referral.id if appointment.status in CLAIMING else None
    own_gp = scene.place_of("samuel@gmail.com").practitioner_id or gps[0]
    waiting = _referral(scene, patient.id, own_gp, scene.now - timedelta(days=2))
    waiting.expertise = "Cardiology"
    scene.session.add(waiting)


def _referral(scene: Scene, patient_id: UUID, gp_id: int, sent: datetime) -> Referral:
    return Referral(
        id=new_id(),
        patient_id=patient_id,
        gp_id=gp_id,
        letter=scene.rng.choice(scene.care.letters),
        status=Letter.SENT,
        created_at=sent,
        sent_at=sent,
        expires_at=sent + YEAR,
    )


def _write_requests(scene: Scene, offered: Mapping[int, Schedule]) -> None:
    """Appointments of services were asked for by other departments of the centre."""
    for planned, appointment in scene.appointments:
        asked = offered.get(planned.place.schedule_id)
        askers = _others(asked, offered) if asked else []
        if asked is None or not askers:
            continue
        request = _request(scene, asked, scene.rng.choice(askers), appointment.starts_at)
        request.status, request.appointment_id = Kept.ACCEPTED, appointment.id
        request.created_at = request.changed_at = appointment.created_at
        request.patient_id, request.priority = appointment.patient_id, appointment.priority
        if appointment.status == Status.FULFILLED:
            request.stars, request.rated_at = scene.rng.randint(3, 5), appointment.ends_at
        _keep(scene, request)


def _ask_openly(scene: Scene, offered: Mapping[int, Schedule]) -> None:
    """What waits for an answer in the department that the demonstration signs in to, and what
    that department asked of others."""
    centre, name = STAFF_AT
    here = [one for one in offered.values() if one.centre.name == centre]
    own = [one for one in here if one.department and one.department.name == name]
    others = [one for one in here if one not in own]
    for number in range(6):
        asked, asker = (own[number % len(own)], others) if number < 5 else (others[0], own)
        starts = _first_free(scene, asked, days=1 + number // 2)
        if starts is None:
            continue
        department = scene.rng.choice(asker).department
        request = _request(scene, asked, department.id if department else 0, starts)
        request.task, request.description = scene.care.requests[number]
        request.priority = Priority.URGENT if number < 2 else Priority.ROUTINE
        request.created_at = request.changed_at = scene.now - timedelta(minutes=25 + 70 * number)
        if number == 4:
            request.status, request.proposed_at = Kept.PROPOSED, starts + timedelta(hours=1)
            request.answer = "Everything is taken until then."
        _keep(scene, request)


def _keep(scene: Scene, request: ServiceRequest) -> None:
    """Write a request down, with the beginning of its story."""
    scene.session.add(request)
    audit.record(
        scene.session, Topic.MADE, subject_of(request.id), by=SYSTEM.origin, now=request.created_at
    )


def _others(asked: Schedule, offered: Mapping[int, Schedule]) -> list[int]:
    """The other departments of the centre that offer something."""
    there = {
        one.department.id
        for one in offered.values()
        if one.department and one.centre.id == asked.centre.id
    }
    return sorted(there - {asked.department.id if asked.department else 0})


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
    """The first free start of a service from so many days on."""
    places = {place.schedule_id: place for place in scene.places}
    own = {asked.id: places[asked.id]}
    begins = scene.now + timedelta(days=days)
    week = timedelta(days=7)
    found = slots(scene.session, own, begins, begins + week, now=scene.now, limit=1)
    return found[0].start if found else None


def _write_family(scene: Scene, patient: Patient) -> None:
    """A daughter, who was seen once and will be seen again."""
    details = PatientDetails(
        name=f"Lily {patient.name.split()[-1]}", born=date(scene.now.year - 7, 5, 14)
    )
    child = directory.add_patient(scene.session, SYSTEM, details, now=scene.now - YEAR)
    scene.session.add(Dependent(patient_id=child.id, carer_id=patient.id, since=scene.now - YEAR))
    scene.session.flush()
    place = scene.place_of("samuel@gmail.com")
    begins = scene.now + timedelta(days=6)
    found = slots(
        scene.session,
        {place.schedule_id: place},
        begins,
        begins + timedelta(days=7),
        now=scene.now,
        limit=1,
    )
    booking_request = BookingRequest(
        place.schedule_id, found[0].start, place.slot_minutes, child.id, "School vaccines"
    )
    book(scene.session, SYSTEM, booking_request, now=scene.now - timedelta(days=3))


def _write_favourites(scene: Scene, patient: Patient, staff: Account) -> None:
    gp = scene.place_of("samuel@gmail.com")
    departments = {
        one.department.id
        for one in _offered(scene.session).values()
        if one.department
        and one.centre.name == STAFF_AT[0]
        and one.department.name in ("Physiotherapy", "Podiatry")
    }
    scene.session.add_all(
        [
            Favourite(
                account_id=patient.account_id, practitioner_id=gp.practitioner_id, since=scene.now
            ),
            Favourite(account_id=patient.account_id, centre_id=gp.centre_id, since=scene.now),
            *(
                Favourite(account_id=staff.id, department_id=one, since=scene.now)
                for one in sorted(departments)
            ),
        ]
    )


def _wait_for_earlier(scene: Scene, patient: Patient) -> None:
    """The patient would come earlier than to the last of the appointments that they have."""
    own = [
        (planned, appointment)
        for planned, appointment in scene.appointments
        if appointment.patient_id == patient.id and appointment.status == Status.BOOKED
    ]
    planned, appointment = max(own, key=lambda pair: pair[1].starts_at)
    scene.session.add(
        WaitingEntry(
            id=new_id(),
            patient_id=patient.id,
            appointment_id=appointment.id,
            schedule_id=planned.place.schedule_id,
            minutes=planned.minutes,
            starts_from=scene.now,
            starts_until=appointment.starts_at,
            created_at=scene.now - timedelta(days=1),
            created_by=patient.account_id,
        )
    )


def _offered(session: Session) -> dict[int, Schedule]:
    """The bookable services of departments by their schedule."""
    found = schedules.subjects(session, Schedule.service_id.is_not(None))
    return {one.id: one for one in found}
