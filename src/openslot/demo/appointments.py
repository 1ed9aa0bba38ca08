"""The appointments of the demonstration, with absences, a closure and ratings."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from openslot.booking.absences import AbsenceDetails, enter_absence
from openslot.booking.commands import BookingRequest
from openslot.booking.imports import Recorded, record_appointments
from openslot.booking.itineraries import Gap, Unit
from openslot.booking.models import Appointment, Priority, Status
from openslot.booking.queries import for_whom
from openslot.booking.series import State, starts_by
from openslot.booking.sessions.commands import make_session
from openslot.booking.slots import slots
from openslot.core.ids import new_id
from openslot.core.work import Work
from openslot.demo.care import Scene, read_care, write_care
from openslot.demo.desk import DESK, settle_desk, status_now
from openslot.demo.network import Invented
from openslot.demo.people import STAFF_AT
from openslot.demo.plan import Plan, Planned
from openslot.directory import queries as directory
from openslot.directory.models import Centre, Patient
from openslot.feedback.models import Rating
from openslot.identity import queries as identities
from openslot.importers.progress import Progress
from openslot.schedules import commands as schedules
from openslot.schedules import diaries
from openslot.schedules import queries as schedule_queries
from openslot.schedules.availability import (
    Span,
    instant_of,
    mask_of,
    span_between,
    tick_at,
    window_over,
)
from openslot.schedules.models import AbsenceKind, Schedule
from openslot.schedules.rules import Place
from openslot.usecases import itineraries, series
from openslot.usecases.booking import book
from openslot.usecases.itineraries import Step

SYDNEY = ZoneInfo("Australia/Sydney")
PAST, COMING = timedelta(days=84), timedelta(days=28)

LOOKED_AT = ("toby@gmail.com", "samuel@gmail.com", "anna@gmail.com", "michael@gmail.com")
"""These practitioners work every day, so that each day of the demonstration has appointments."""

FULL, THINS_OUT, LOOKED_BACK = 0.85, timedelta(days=5), timedelta(days=12)
"""The share of the times of today that are booked by those one looks at, the time in which it falls
to a third in the weeks to come, and how far back their days are full."""

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

STARS = (5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 4, 4, 4, 4, 4, 4, 3, 3, 2, 1)


def write_appointments(work: Work, invented: Invented, *, progress: Progress) -> None:
    """Fill the calendars around ``now``, and rate the completed appointments."""
    places = list(schedule_queries.places(work.session).values())
    _write_absences(work, places)
    patients, _ = directory.patients(work.session, limit=1000, offset=0)
    plan, desk = _plan(work, invented, places, patients)
    written = list(_write_all(work, plan, progress))
    _write_class(work, plan, invented, places, patients)
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
    work: Work,
    plan: Plan,
    invented: Invented,
    places: Sequence[Place],
    patients: Sequence[Patient],
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
        for patient in _near(patients, own, invented)
        if not plan.busy[patient.diary_id] & taken
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
    offered = schedule_queries.subjects(work.session, Schedule.service_id.is_not(None))
    services = {one.id: one.service.name for one in offered if one.service}
    plan = Plan(rng, window, invented.reasons, taken, services)
    _plan_demo_patient(plan, places, patients, work.now)
    looked_at = [_first(places, email) for email in LOOKED_AT]
    at_desk, in_department = _of_desk(work, places), _of_staff(work, places)
    today = [*looked_at, *at_desk, *in_department]
    near = {place.schedule_id: _near(patients, place, invented) for place in places}
    for place in looked_at:
        _plan_present(plan, place, near[place.schedule_id], work.now)
    for place in today:
        _plan_today(plan, place, near[place.schedule_id], work.now)
    desk = [one for one in plan.appointments if one.place.centre_id == at_desk[0].centre_id]
    for place in today:
        _plan_weeks(plan, place, near[place.schedule_id], work.now)
    for place in places:
        if place not in today:
            _plan_place(plan, place, near[place.schedule_id], work.now)
    return plan, desk


def _first(places: Sequence[Place], email: str) -> Place:
    return next(place for place in places if place.practitioner_email == email)


def _of_desk(work: Work, places: Sequence[Place]) -> list[Place]:
    centre = directory.centre_by(work.session, Centre.name == DESK)
    return [place for place in places if centre is not None and place.centre_id == centre.id]


def _of_staff(work: Work, places: Sequence[Place]) -> list[Place]:
    """Return the schedules of the department whose staff can sign in."""
    centre, name = STAFF_AT
    department_ids = [
        department.id
        for at, department in directory.departments_of_all(work.session)
        if department and (at.name, department.name) == (centre, name)
    ]
    return [place for place in places if place.department_id in department_ids]


def _near(patients: Sequence[Patient], place: Place, invented: Invented) -> list[Patient]:
    """Return the patients in the time zone of a schedule, of a midwife only mothers."""
    return [
        patient
        for patient in patients
        if (patient.time_zone or SYDNEY.key) == place.zone.key
        and patient.email != DEMO_PATIENT
        and (place.profession != "Midwife" or patient.name in invented.mothers)
    ]


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


def _plan_present(plan: Plan, place: Place, patients: list[Patient], now: datetime) -> None:
    """Plan the appointment of the patient who has arrived, at whatever time one looks."""
    starts = plan.starts(place, _day(now, place.zone, 0))
    tick = next((one for one in starts if one + place.slot_ticks > tick_at(now)), starts[-1])
    plan.add(place, plan.rng.sample(patients, len(patients)), tick, Status.ARRIVED)


def _plan_today(plan: Plan, place: Place, patients: list[Patient], now: datetime) -> None:
    """Fill most times of today; of those at the desk, the next are there already."""
    starts = plan.starts(place, _day(now, place.zone, 0))
    chosen = plan.rng.sample(starts, round(FULL * len(starts)))
    is_alone = place.practitioner_email in LOOKED_AT

    def status_at(booked: Place, tick: int) -> Status:
        status = status_now(plan, booked, tick, now)
        return Status.BOOKED if is_alone and status is Status.ARRIVED else status

    plan.add_each(place, patients, chosen, status_at)


def _plan_weeks(plan: Plan, place: Place, patients: list[Patient], now: datetime) -> None:
    """Fill two weeks that are over, and weeks to come that thin out."""
    midnight = tick_at(_midnight(now, 0, place.zone))
    past = plan.starts(place, Span(tick_at(now - LOOKED_BACK), midnight))
    endings = _ways_to_end(plan.rng)
    gone = plan.rng.sample(past, round(FULL / 2 * len(past)))
    plan.add_each(place, patients, gone, lambda _place, _tick: next(endings))
    coming = plan.starts(place, _coming(place, now))
    chosen = [tick for tick in coming if plan.rng.random() < _share(tick, now)]
    plan.add_each(place, patients, chosen, lambda _place, _tick: Status.BOOKED)


def _share(tick: int, now: datetime) -> float:
    """Return the share of the times at ``tick`` that are booked by now."""
    return FULL * math.exp((now - instant_of(tick)) / THINS_OUT)


def _coming(place: Place, now: datetime) -> Span:
    return Span(tick_at(_midnight(now, 1, place.zone)), tick_at(now + COMING))


def _plan_place(plan: Plan, place: Place, patients: list[Patient], now: datetime) -> None:
    """Plan some appointments of the past weeks, and of those to come, more of them soon."""
    past = plan.starts(place, Span(tick_at(now - PAST), tick_at(_midnight(now, 0, place.zone))))
    coming = plan.starts(place, _coming(place, now))
    of_practitioner = place.practitioner_id is not None
    gone, to_come = (plan.rng.randint(6, 12), plan.rng.randint(4, 9)) if of_practitioner else (2, 1)
    endings = _ways_to_end(plan.rng)
    chosen = plan.rng.sample(past, min(gone, len(past)))
    plan.add_each(place, patients, chosen, lambda _place, _tick: next(endings))
    soon = plan.rng.choices(coming, [_share(tick, now) for tick in coming], k=to_come)
    plan.add_each(place, patients, set(soon), lambda _place, _tick: Status.BOOKED)


def _ways_to_end(rng: Random) -> Iterator[Status]:
    while True:
        yield rng.choices([Status.FULFILLED, Status.CANCELLED, Status.NO_SHOW], [16, 2, 1])[0]


def _write_all(work: Work, plan: Plan, progress: Progress) -> Iterator[tuple[Planned, Appointment]]:
    """Write the plan, each calendar in one go, and return it with its appointments."""
    calendars: dict[int, list[Planned]] = defaultdict(list)
    for planned in plan.appointments:
        calendars[planned.place.schedule_id].append(planned)
    for calendar in progress.track("Writing calendars", calendars.values(), len(calendars)):
        imported = [planned for planned in calendar if not _is_booked(planned)]
        recorded = [(planned.place, _recorded(work, planned, plan.rng)) for planned in imported]
        yield from zip(imported, record_appointments(work, recorded), strict=True)
        for planned in calendar:
            if _is_booked(planned):
                yield planned, _book(work, planned, plan.rng)


def _is_booked(planned: Planned) -> bool:
    """Return whether the appointment is booked: its needs are chosen, and the patient sees how."""
    is_watched = bool(planned.place.needs) or planned.patient.email == DEMO_PATIENT
    return planned.status is Status.BOOKED and is_watched


def _book(work: Work, planned: Planned, rng: Random) -> Appointment:
    booking_request = BookingRequest(
        planned.place.schedule_id,
        planned.starts_at,
        planned.minutes,
        planned.patient.id,
        planned.reason,
        _priority(planned, rng),
    )
    return book(replace(work, now=_booked_at(work, planned, rng)), booking_request)


def _recorded(work: Work, planned: Planned, rng: Random) -> Recorded:
    return Recorded(
        starts_at=planned.starts_at,
        ends_at=planned.ends_at,
        status=planned.status,
        patient=planned.patient,
        reason=planned.reason,
        status_reason="Can't come" if planned.status is Status.CANCELLED else None,
        priority=_priority(planned, rng),
        created_at=_booked_at(work, planned, rng),
    )


def _booked_at(work: Work, planned: Planned, rng: Random) -> datetime:
    before = timedelta(days=2, minutes=rng.randrange(20 * 24 * 60))
    return min(work.now, planned.starts_at) - before


def _priority(appointment: Planned, rng: Random) -> Priority:
    """Return urgent for some of the requests between departments."""
    urgent = appointment.place.practitioner_id is None and rng.random() < 0.12
    return Priority.URGENT if urgent else Priority.ROUTINE


def _write_ratings(session: Session, plan: Plan) -> None:
    """Write ratings by most patients of their practitioners and centres."""
    last_appointments: dict[tuple[Patient, str, int], Planned] = {}
    for appointment in plan.appointments:
        if appointment.status is Status.FULFILLED:
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
