"""The doctor-schedule service, with its own shapes: doctors and 15-minute appointments."""

import datetime as dt
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import Field, RootModel, field_validator

from openslot.booking import commands as booking
from openslot.booking import queries as appointments
from openslot.booking.commands import BookingRequest
from openslot.booking.models import Appointment, Status
from openslot.booking.queries import appointments_for
from openslot.core.errors import Invalid, NotFound
from openslot.core.fields import Day, Name, refuse
from openslot.core.work import Work
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Answer, Given, Service, Shown
from openslot.entrypoints.api.paging import NEXT, Bounded, next_page, read_cursor
from openslot.entrypoints.api.schedules import Clock
from openslot.entrypoints.api.shapes import Id
from openslot.entrypoints.cursors import instant
from openslot.entrypoints.request import reader, settings
from openslot.entrypoints.rules import Rule
from openslot.schedules.availability import Weekly
from openslot.schedules.rules import clock_text, on_clock, parse_clock
from openslot.usecases import booking as usecases
from openslot.usecases import doctors
from openslot.usecases.deactivation import deactivate_practitioner
from openslot.usecases.doctors import DoctorDetails

service = Service(
    "doctors", "Doctors", "The doctor-schedule service, which shares the diaries of this API."
)

A_DAY, CUTOFF = timedelta(days=1), timedelta(0)
END_OF_DAY = 24 * 60
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
Week = dict[str, list[Annotated[list[str], Field(min_length=2, max_length=2)]]]
Period = Annotated[list[Clock], Field(min_length=2, max_length=2)]


class DoctorGiven(Given):
    """A doctor; the hours apply at every location, with one appointment at a time."""

    name: Name
    locations: Annotated[tuple[Name, ...], Field(min_length=1, max_length=50)]
    schedule: Annotated[
        dict[str, Annotated[list[Period], Field(max_length=20)]],
        Field(description="Lists of [from, to] by weekday: monday, tuesday, …"),
    ]

    @field_validator("schedule")
    @classmethod
    def _weekdays(cls, week: Week) -> Week:
        if week.keys() - set(WEEKDAYS):
            raise refuse("Use the names monday to sunday.")
        return week

    def details(self) -> DoctorDetails:
        """Return the doctor as the command expects it."""
        hours = [
            Weekly(WEEKDAYS.index(day), parse_clock(starts), parse_clock(ends), None, None)
            for day, periods in self.schedule.items()
            for starts, ends in periods
        ]
        return DoctorDetails(name=self.name, locations=self.locations, hours=tuple(hours))


class DoctorChange(DoctorGiven):
    """A doctor as GET returns it; `id` and `location_ids` may be sent back unchanged."""

    id: Annotated[Id | None, Field(description="The id in the address.")] = None
    location_ids: Annotated[
        tuple[Id, ...] | None,
        Field(description="The current locations. Use `locations` to change them."),
    ] = None

    def check(self, known: doctors.Doctor) -> None:
        """Raise Invalid if the id or the location ids differ from those of ``known``."""
        if self.id not in (None, known.practitioner.id):
            raise Invalid("This id does not match the address.", field="id")
        ids = tuple(centre.id for centre in known.locations)
        if self.location_ids not in (None, ids):
            raise Invalid(
                "Send these unchanged or leave them out. Use locations to change the locations.",
                field="location_ids",
            )


class Doctor(Shown):
    """A doctor."""

    id: int
    name: str
    locations: list[str]
    location_ids: Annotated[list[int], Field(description="In the order of the locations.")]
    schedule: Week


class DoctorList(RootModel[list[Doctor]]):
    """Doctors, by id."""


class AppointmentGiven(Given):
    """A 15-minute appointment, in the local time of the location."""

    doctor_id: Id
    location_id: Id
    date: Day
    time: Clock
    patient_id: Annotated[
        UUID | None, Field(description="The patient; the appointment may have none.")
    ] = None


class AppointmentNamed(Given):
    """The doctor and start that identify an appointment."""

    doctor_id: Id
    date: Day
    time: Clock


class DoctorAppointment(Shown):
    """An appointment, in the local time of the location."""

    id: UUID
    doctor_id: int
    location_id: int
    date: dt.date
    time: str
    minutes: int
    patient_id: Annotated[UUID | None, Field(description="Null if it has no patient.")]


class DoctorAppointmentList(RootModel[list[DoctorAppointment]]):
    """Appointments, the earliest first."""


@service.operation(
    "GET",
    "/doctors",
    scope="doctors",
    rule=Rule.PROGRAMS,
    query=Bounded,
    answer=DoctorList,
    headers=NEXT,
)
def list_doctors(query: Bounded) -> Answer:
    """List the doctors who have the same hours at all their locations, by id."""
    after = read_cursor(query.after, int) or [0]
    found, last = doctors.doctors(reader(), after=after[0], limit=query.limit)
    return Answer(DoctorList([_doctor(doctor) for doctor in found]), headers=next_page(last))


@service.operation(
    "POST",
    "/doctors",
    scope="doctors",
    rule=Rule.PROGRAMS,
    body=DoctorGiven,
    answer=Doctor,
    status=201,
)
def create_doctor(body: DoctorGiven) -> Answer:
    """Add a doctor; a centre is added for each unknown location."""
    doctor = bearer.write(doctors.open_doctor, body.details(), zone=settings().time_zone)
    return Answer(_doctor(doctor), headers={"Location": f"/doctors/{doctor.practitioner.id}"})


@service.operation(
    "GET", "/doctors/<int:doctor_id>", scope="doctors", rule=Rule.PROGRAMS, answer=Doctor
)
def get_doctor(doctor_id: int) -> Doctor:
    """Read a doctor."""
    return _doctor(doctors.doctor(reader(), doctor_id))


@service.operation(
    "PUT",
    "/doctors/<int:doctor_id>",
    scope="doctors",
    rule=Rule.PROGRAMS,
    body=DoctorChange,
    answer=Doctor,
    may_fail=(409,),
)
def change_doctor(doctor_id: int, body: DoctorChange) -> Doctor:
    """Replace a doctor's details; what GET returns can be sent back."""

    def save(work: Work) -> doctors.Doctor:
        body.check(doctors.doctor(work.session, doctor_id))
        return doctors.change_doctor(work, doctor_id, body.details(), zone=settings().time_zone)

    return _doctor(bearer.write(save))


@service.operation(
    "DELETE",
    "/doctors/<int:doctor_id>",
    scope="doctors",
    rule=Rule.PROGRAMS,
    status=204,
    may_fail=(409,),
)
def remove_doctor(doctor_id: int) -> None:
    """Deactivate a doctor; refused while they have upcoming appointments."""
    bearer.write(deactivate_practitioner, doctor_id, active=False)


@service.operation(
    "POST",
    "/appointment",
    scope="doctors",
    rule=Rule.PROGRAMS,
    body=AppointmentGiven,
    answer=DoctorAppointment,
    status=201,
    may_fail=(404,),
)
def create_appointment(body: AppointmentGiven) -> DoctorAppointment:
    """Book 15 minutes with a doctor, or the shortest length where appointments are longer; the
    patient is optional."""

    def save(work: Work) -> Appointment:
        schedule = doctors.schedule_at(work.session, body.doctor_id, body.location_id)
        start = _instant(body.date, body.time, schedule.zone)
        minutes = doctors.minutes_at(schedule)
        booking_request = BookingRequest(schedule.schedule_id, start, minutes, body.patient_id)
        return usecases.book(work, booking_request)

    return _appointment(bearer.write_in_group(save))


@service.operation(
    "GET",
    "/appointments/<int:doctor_id>",
    scope="doctors",
    rule=Rule.PROGRAMS,
    query=Bounded,
    answer=DoctorAppointmentList,
    headers=NEXT,
)
def list_appointments(doctor_id: int, query: Bounded) -> Answer:
    """List a doctor's appointments that are not cancelled, however they were booked."""
    doctors.doctor(reader(), doctor_id)
    booked = appointments_for(
        bearer.work(),
        appointments.of_practitioner(doctor_id),
        appointments.live_or_done(),
        after=read_cursor(query.after, instant, UUID),
        limit=query.limit + 1,
    )
    shown, more = booked[: query.limit], len(booked) > query.limit
    answer = DoctorAppointmentList([_appointment(appointment) for appointment in shown])
    last = (shown[-1].starts_at, shown[-1].id) if more else None
    return Answer(answer, headers=next_page(last))


@service.operation(
    "DELETE",
    "/appointment",
    scope="doctors",
    rule=Rule.PROGRAMS,
    body=AppointmentNamed,
    status=204,
    may_fail=(404, 409),
)
def cancel_appointment(body: AppointmentNamed) -> None:
    """Cancel an appointment; its time is free at once."""

    def save(work: Work) -> None:
        appointment = _appointment_at(work, body)
        booking.change_status(work, appointment.id, Status.CANCELLED)

    bearer.write(save)


def _appointment_at(work: Work, body: AppointmentNamed) -> Appointment:
    """Return the appointment by its start in the centre's local time, or raise NotFound."""
    day_before, day_after = (
        datetime.combine(body.date, dt.time(0), UTC) + days * A_DAY for days in (-1, 2)
    )
    nearby = appointments_for(
        work,
        appointments.of_practitioner(body.doctor_id),
        appointments.live(),
        appointments.between(day_before, day_after),
    )
    for appointment in nearby:
        local = appointment.starts_at.astimezone(appointment.zone)
        if (local.date(), f"{local:%H:%M}") == (body.date, body.time):
            return appointment
    raise NotFound("This doctor has no appointment at that time.", field="time")


def _instant(day: dt.date, clock: str, zone: ZoneInfo) -> datetime:
    """Return the instant of a local time; the first one if the clocks go back over it."""
    minutes = parse_clock(clock)
    if minutes == END_OF_DAY:
        raise Invalid("This time does not exist on that day.", field="time")
    return on_clock(day, minutes, zone, field="time")


def _appointment(appointment: Appointment) -> DoctorAppointment:
    local = appointment.starts_at.astimezone(appointment.zone)
    return DoctorAppointment(
        id=appointment.id,
        doctor_id=appointment.schedule.practitioner_id or 0,
        location_id=appointment.centre.id,
        date=local.date(),
        time=f"{local:%H:%M}",
        minutes=appointment.minutes,
        patient_id=appointment.patient_id,
    )


def _doctor(doctor: doctors.Doctor) -> Doctor:
    week: Week = {}
    for period in doctor.hours:
        day = week.setdefault(WEEKDAYS[period.weekday], [])
        day.append([clock_text(period.starts), clock_text(period.ends)])
    return Doctor(
        id=doctor.practitioner.id,
        name=doctor.practitioner.name,
        locations=[centre.address or centre.name for centre in doctor.locations],
        location_ids=[centre.id for centre in doctor.locations],
        schedule=week,
    )
