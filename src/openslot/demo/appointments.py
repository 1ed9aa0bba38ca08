"""The appointments of the demonstration, with absences, a closure and ratings."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from openslot.booking.absences import AbsenceDetails, enter_absence
from openslot.booking.commands import BookingRequest
from openslot.booking.imports import Recorded, record_appointment
from openslot.booking.itineraries import Gap, Unit
from openslot.booking.models import Appointment, Priority, Status
from openslot.booking.queries import for_whom
from openslot.booking.series import State, starts_by
from openslot.booking.sessions.commands import make_session
from openslot.booking.slots import slots
from openslot.core.ids import new_id
from openslot.core.work import Work
from openslot.demo.care import Scene, read_care, write_care
from openslot.demo.desk import DESK, plan_desk, settle_desk
from openslot.demo.network import Invented
from openslot.demo.plan import Plan, Planned
from openslot.directory import queries as directory
from openslot.directory.models import Centre, Patient
from openslot.feedback.models import Rating
from openslot.identity import queries as identities
from openslot.importers.progress import Progress
from openslot.schedules import commands as schedules
from openslot.schedules import diaries
from openslot.schedules import queries as schedule_queries
from openslot.schedules.availability import Span, mask_of, span_between, tick_at, window_over
from openslot.schedules.models import AbsenceKind
from openslot.schedules.rules import Place
from openslot.usecases import itineraries, series
from openslot.usecases.booking import book
from openslot.usecases.itineraries import Step

SYDNEY = ZoneInfo("Australia/Sydney")
PAST, COMING = timedelta(days=84), timedelta(days=28)

FULL_TODAY = ("toby@gmail.com", "samuel@gmail.com", "anna@gmail.com", "michael@gmail.com")
"""These practitioners work every day, so that each day of the demonstration has appointments."""

DEMO_PATIENT = "jack@gmail.com"
DEMO_STAFF = "staff@demo.example"
DEMO_APPOINTMENTS = (
    ("samuel@gmail.com", -41, Status.FULFILLED),
    ("michael@gmail.com", -23, Status.FULFILLED),
    ("anna@gmail.com", -16, Status.CANCELLED),
    ("toby@gmail.com", -9, Status.FULFILLED),
    ("samuel@gmail.com", 4, Status.BOOKED),
    ("toby@gmail.com", 11, Status.BOOKED),
)
"""Practitioner, days from today, and status."""

SERIES_BEGINS, SERIES_WEEKS = 13, 5
"""Days from today to the first of a series, and its length."""

BLOOD_TEST_THEN_GP, ITINERARY_BEGINS = ("toby@gmail.com", "samuel@gmail.com"), 20
"""Practitioners of the steps, and days from today to the first."""

ABSENCES = (
    ("priya.raman@example.org", AbsenceKind.LEAVE, 7, 14, "Annual leave"),
    ("marek.nowicki@example.org", AbsenceKind.LEAVE, 10, 12, "Conference"),
    ("gary@gmail.com", AbsenceKind.KEPT_FREE, 3, 4, "Kept free for emergencies"),
)
CLASS = ("bronwyn.ash@example.org", "Antenatal class", time(18), 7)
"""A session outside the hours: practitioner, service, start on a Thursday, number of patients."""

CLOSED = ("Parramatta Family Practice", 16, "Staff training")

MOST = 0.7
"""The share of possible ratings that are given."""

STARS = (5, 5, 5, 4, 4, 4, 4, 3, 3, 2)


def write_appointments(work: Work, invented: Invented, *, progress: Progress) -> None:
    """Fill the calendars around ``now``, and rate the completed appointments."""
    places = list(schedule_queries.places(work.session).values())
    _write_absences(work, places)
    patients, _ = directory.patients(work.session, limit=1000, offset=0)
    plan, desk = _plan(work, invented, places, patients)
    written = [
        (appointment, _write(work, appointment, plan.rng))
        for appointment in progress.track(
            "Writing appointments", plan.appointments, len(plan.appointments)
        )
    ]
    _write_class(work, plan, places, patients)
    settle_desk([appointment for planned, appointment in written if planned in desk], work.now)
    _write_ratings(work.session, plan)
    work.session.flush()
    scene = Scene(work, read_care(), plan.rng, written, places)
    demo_patient = next(patient for patient in patients if patient.email == DEMO_PATIENT)
    _write_series(work, places, demo_patient)
    _write_itinerary(work, places, demo_patient)
    staff_account = identities.by_email(work.session, DEMO_STAFF)
    if staff_account is None:
        raise LookupError(DEMO_STAFF)
    write_care(scene, demo_patient, staff_account)


def _write_series(work: Work, places: Sequence[Place], patient: Patient) -> None:
    """Book some weeks of physiotherapy for the patient, at times that are free."""
    place = next(
        place for place in places if place.profession == "Physiotherapist" and place.zone == SYDNEY
    )
    whom = for_whom(work, patient.id)
    earliest = slots(
        work,
        {place.schedule_id: place},
        _midnight(work.now, SERIES_BEGINS, place.zone),
        work.now + PAST,
        limit=1,
        whom=whom,
    )
    rule = f"FREQ=WEEKLY;COUNT={SERIES_WEEKS}"
    wanted = BookingRequest(
        place.schedule_id, earliest[0].start, place.slot_minutes, patient.id, "Knee after surgery"
    )
    found = series.preview(work, wanted, starts_by(rule, wanted.start, place.zone))
    series.book(work, wanted, [one.start for one in found.times if one.state is State.FREE])


def _write_itinerary(work: Work, places: Sequence[Place], patient: Patient) -> None:
    """Book a blood test for the patient, and the GP 2 to 7 days later, who has the results."""
    blood_test, consultation = (
        next(place.schedule_id for place in places if place.practitioner_email == email)
        for email in BLOOD_TEST_THEN_GP
    )
    steps = [
        Step(schedule_id=blood_test),
        Step(schedule_id=consultation, after=Gap(2, 7, Unit.DAYS)),
    ]
    begins = _midnight(work.now, ITINERARY_BEGINS, SYDNEY)
    [plan] = itineraries.find(work, patient.id, steps, begins, SERIES_BEGINS, limit=1)
    wanted = [
        BookingRequest(slot.schedule_id, slot.start, None, patient.id, "Iron, again low")
        for slot in plan
    ]
    itineraries.book(work, wanted)


def _write_absences(work: Work, places: Sequence[Place]) -> None:
    ids = {place.practitioner_email: place.practitioner_id for place in places}
    for email, kind, first, last, reason in ABSENCES:
        details = AbsenceDetails(
            kind=kind,
            starts_at=_midnight(work.now, first),
            ends_at=_midnight(work.now, last),
            reason=reason,
        )
        enter_absence(work, ids[email] or 0, details)
    name, day, reason = CLOSED
    centre = directory.centre_by(work.session, Centre.name == name)
    if centre is not None:
        schedules.close_centre(
            work,
            centre.id,
            starts=_midnight(work.now, day),
            ends=_midnight(work.now, day + 1),
            reason=reason,
        )


def _write_class(
    work: Work, plan: Plan, places: Sequence[Place], patients: Sequence[Patient]
) -> None:
    """Make a session on a Thursday evening, and book patients who are free then."""
    email, name, clock, count = CLASS
    own = next(place for place in places if place.practitioner_email == email)
    service_id = next(one.service_id for one in own.services if one.name == name)
    days = next(days for days in range(2, 9) if _midnight(work.now, days).weekday() == _THURSDAY)
    start = datetime.combine(_midnight(work.now, days).date(), clock, own.zone)
    group = make_session(work, own.schedule_id, start, service_id=service_id)
    taken = mask_of([span_between(group.starts_at, group.ends_at)], plan.window)
    free = [
        patient
        for patient in _patients_near(patients, own)
        if patient and not plan.busy[patient.diary_id] & taken
    ]
    for patient in free[:count]:
        booking_request = BookingRequest(
            own.schedule_id, start, None, patient.id, service_id=service_id
        )
        book(replace(work, now=work.now - timedelta(days=1)), booking_request)


_THURSDAY = 3


def _midnight(now: datetime, days: int, zone: ZoneInfo = SYDNEY) -> datetime:
    day = now.astimezone(zone).date() + timedelta(days=days)
    return datetime.combine(day, time(0), zone)


def _plan(
    work: Work, invented: Invented, places: Sequence[Place], patients: Sequence[Patient]
) -> tuple[Plan, list[Planned]]:
    """Return the plan, and the part of it that is today at the centre with the desk."""
    window = window_over(work.now - PAST, work.now + COMING)
    ids = {diary for place in places for diary in place.read_ids}
    taken = diaries.taken(work.session, ids, window)
    rng = Random("openslot")  # noqa: S311 # nosec B311 - the same choices each time
    plan = Plan(rng, window, invented.reasons, taken)
    _plan_demo_patient(plan, places, patients, work.now)
    for email in FULL_TODAY:
        place = next(place for place in places if place.practitioner_email == email)
        _plan_today(plan, place, _patients_near(patients, place), work.now)
    desk = _plan_desk(plan, work, places, patients)
    for place in places:
        _plan_place(plan, place, _patients_near(patients, place), work.now)
    return plan, desk


def _plan_desk(
    plan: Plan, work: Work, places: Sequence[Place], patients: Sequence[Patient]
) -> list[Planned]:
    centre = directory.centre_by(work.session, Centre.name == DESK)
    here = [place for place in places if centre is not None and place.centre_id == centre.id]
    near = [patient for patient in _patients_near(patients, here[0]) if patient is not None]
    return plan_desk(plan, here, near, _day(work.now, here[0].zone, 0), work.now)


def _patients_near(patients: Sequence[Patient], place: Place) -> list[Patient | None]:
    """Return the patients in the time zone of a schedule; some services have no patient."""
    patients_or_none: list[Patient | None] = [
        patient
        for patient in patients
        if (patient.time_zone or SYDNEY.key) == place.zone.key and patient.email != DEMO_PATIENT
    ]
    return patients_or_none if place.practitioner_id else [*patients_or_none, None, None, None]


def _plan_demo_patient(
    plan: Plan, places: Sequence[Place], patients: Sequence[Patient], now: datetime
) -> None:
    jack = [patient for patient in patients if patient.email == DEMO_PATIENT]
    for email, days, status in DEMO_APPOINTMENTS:
        place = next(place for place in places if place.practitioner_email == email)
        starts = plan.starts(place, _day(now, place.zone, days))
        plan.add(place, jack, starts[len(starts) // 3], status)


def _day(now: datetime, zone: ZoneInfo, days: int) -> Span:
    return span_between(_midnight(now, days, zone), _midnight(now, days + 1, zone))


def _plan_today(plan: Plan, place: Place, patients: list[Patient | None], now: datetime) -> None:
    """Fill every slot of today; one patient has arrived."""
    starts = plan.starts(place, _day(now, place.zone, 0))
    present = tick_at(now)
    arrived = next((tick for tick in starts if tick + place.slot_ticks > present), starts[-1])
    for tick in starts:
        status = Status.FULFILLED if tick < arrived else Status.BOOKED
        status = Status.ARRIVED if tick == arrived else status
        plan.add(place, plan.rng.sample(patients, len(patients)), tick, status)


def _plan_place(plan: Plan, place: Place, patients: list[Patient | None], now: datetime) -> None:
    past = Span(tick_at(now - PAST), tick_at(_midnight(now, 0, place.zone)))
    coming = Span(tick_at(_midnight(now, 1, place.zone)), tick_at(now + COMING))
    of_practitioner = place.practitioner_id is not None
    gone, to_come = (plan.rng.randint(5, 9), plan.rng.randint(2, 6)) if of_practitioner else (2, 1)
    plan.add_some(place, patients, past, _ways_to_end(plan.rng), gone)
    plan.add_some(place, patients, coming, iter(lambda: Status.BOOKED, None), to_come)


def _ways_to_end(rng: Random) -> Iterator[Status]:
    while True:
        yield rng.choices([Status.FULFILLED, Status.CANCELLED, Status.NO_SHOW], [8, 1, 1])[0]


def _write(work: Work, appointment: Planned, rng: Random) -> Appointment:
    booked = min(work.now, appointment.starts_at) - timedelta(
        days=2, minutes=rng.randrange(20 * 24 * 60)
    )
    priority = _priority(appointment, rng)
    # Booking a specialist needs a referral, so these appointments are imported like past ones.
    needs_referral = appointment.place.profession == "Specialist"
    if appointment.status is Status.BOOKED and not needs_referral:
        booking_request = BookingRequest(
            appointment.place.schedule_id,
            appointment.starts_at,
            appointment.minutes,
            appointment.patient.id if appointment.patient else None,
            appointment.reason,
            priority,
        )
        return book(replace(work, now=booked), booking_request)
    recorded = Recorded(
        starts_at=appointment.starts_at,
        ends_at=appointment.ends_at,
        status=appointment.status,
        patient=appointment.patient,
        reason=appointment.reason,
        status_reason="Can't come" if appointment.status is Status.CANCELLED else None,
        priority=priority,
        created_at=booked,
    )
    return record_appointment(work, appointment.place, recorded)


def _priority(appointment: Planned, rng: Random) -> Priority:
    """Return urgent for some of the requests between departments."""
    urgent = appointment.place.practitioner_id is None and rng.random() < 0.3
    return Priority.URGENT if urgent else Priority.ROUTINE


def _write_ratings(session: Session, plan: Plan) -> None:
    """Write ratings by most patients of their practitioners and centres."""
    last_appointments: dict[tuple[Patient, str, int], Planned] = {}
    for appointment in plan.appointments:
        if appointment.status is Status.FULFILLED and appointment.patient:
            last_appointments[appointment.patient, "centre_id", appointment.place.centre_id] = (
                appointment
            )
            if appointment.place.practitioner_id:
                last_appointments[
                    appointment.patient, "practitioner_id", appointment.place.practitioner_id
                ] = appointment
    for (patient, kind, subject), appointment in last_appointments.items():
        if plan.rng.random() < MOST:
            session.add(_rating(patient, {kind: subject}, appointment.ends_at, plan.rng))


def _rating(patient: Patient, subject: dict[str, int], after: datetime, rng: Random) -> Rating:
    return Rating(
        id=new_id(),
        patient_id=patient.id,
        stars=rng.choice(STARS),
        rated_at=after + timedelta(minutes=10),
        **subject,
    )
