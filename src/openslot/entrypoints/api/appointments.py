"""Operations on holds and appointments."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from flask import Response
from pydantic import AwareDatetime, Field

from openslot.booking import commands, queries
from openslot.booking.commands import BookingRequest, appointment_for
from openslot.booking.diaries import load_others
from openslot.booking.models import Appointment as AppointmentRow
from openslot.booking.models import Priority, Status
from openslot.booking.moves import MOST_LATE
from openslot.booking.sessions import queries as sessions
from openslot.core.errors import Invalid
from openslot.core.fields import Instant, InstantOrDay, OptionalText, Prose
from openslot.core.work import Work
from openslot.desk import commands as desk
from openslot.directory.details import DependentDetails
from openslot.entrypoints import bearer
from openslot.entrypoints.api.answers import GivenAnswer, by_question
from openslot.entrypoints.api.appointment_shapes import Appointment, appointment_shown
from openslot.entrypoints.api.dependents import NewDependent
from openslot.entrypoints.api.operations import Answer, Given, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.api.periods import TO, begin_of, end_of
from openslot.entrypoints.api.shapes import Id
from openslot.entrypoints.api.versions import etag, sent_version
from openslot.entrypoints.appointment_calendar import MEDIA, appointment_calendar
from openslot.entrypoints.cursors import instant
from openslot.entrypoints.request import reader
from openslot.entrypoints.rules import Rule
from openslot.questions.commands import MOST_QUESTIONS, answer
from openslot.usecases import booking as usecases

service = Service("appointments", "Appointments", "Hold, book, move and cancel appointments.")

HOLDS, PATH = "/api/v1/holds", "/api/v1/appointments"
ONE = f"{PATH}/<uuid:appointment_id>"
ETAG = {"ETag": "The version of the appointment. Send it as If-Match to change only that version."}
MADE = {"Location": "The address of the new appointment.", **ETAG}

Why = Annotated[
    str | None,
    Prose(500, lines=True, optional=True),
    Field(description="The reason for cancelling."),
]
Minutes = Annotated[
    int, Field(ge=5, le=1440, multiple_of=5, description="Defaults to one slot of the schedule.")
]
Emergency = Annotated[
    bool,
    Field(
        description="Use time kept free for emergencies too: for those who give care there. The "
        "`reason` says why, and the appointment is urgent."
    ),
]


Chosen = Annotated[
    Id | None,
    Field(description="A service that the schedule offers; defaults to its first."),
]


class NewHold(Given):
    """A time to hold for a few minutes; `patient` defaults to you if you are a patient."""

    schedule: Id
    service: Chosen = None
    start: Instant
    minutes: Minutes | None = None
    patient: UUID | None = None
    referral: UUID | None = None
    emergency: Emergency = False


class Hold(Shown):
    """A time that is held until it is booked, released or expires."""

    id: UUID
    schedule: int
    start: AwareDatetime
    end: AwareDatetime
    until: Annotated[AwareDatetime, Field(description="When the hold expires.")]


class Made(StrEnum):
    """The status of a new appointment."""

    BOOKED = "booked"
    ARRIVED = "arrived"
    FULFILLED = "fulfilled"


class NewAppointment(Given):
    """An appointment to book; `hold` books the time that it holds."""

    schedule: Id
    service: Chosen = None
    start: Instant
    minutes: Minutes | None = None
    patient: UUID | None = None
    dependent: Annotated[
        NewDependent | None,
        Field(
            description="Somebody you care for and have not added yet: added and booked for, or "
            "neither. Instead of `patient`, with the scope `patients:write`."
        ),
    ] = None
    hold: UUID | None = None
    referral: Annotated[
        UUID | None, Field(description="Defaults to a matching referral, if one is needed.")
    ] = None
    reason: OptionalText = None
    answers: Annotated[
        tuple[GivenAnswer, ...],
        Field(
            max_length=MOST_QUESTIONS,
            description="To what the service asks, now or later until the appointment.",
        ),
    ] = ()
    priority: Priority = Priority.ROUTINE
    second_appointment: Annotated[
        bool, Field(description="Allow a second appointment with a practitioner on one day.")
    ] = False
    emergency: Emergency = False
    squeeze_in: Annotated[
        bool,
        Field(
            description="Add it over time that is taken, for those who give or arrange care there. "
            "The `reason` says why. Time that is free is booked as usual."
        ),
    ] = False
    status: Annotated[
        Made,
        Field(
            description="`arrived` for a patient who is here without an appointment, from half an "
            "hour ago on; `fulfilled` for one who was, within a week. Such an appointment starts "
            "at any five minutes whose time is free."
        ),
    ] = Made.BOOKED


class Move(StrEnum):
    """A status that an appointment can be set to."""

    BOOKED = "booked"
    ARRIVED = "arrived"
    FULFILLED = "fulfilled"
    NO_SHOW = "no-show"
    CANCELLED = "cancelled"
    ENTERED_IN_ERROR = "entered-in-error"


class AppointmentChange(Given):
    """Changes to the time, reason, priority, status or attendance of an appointment."""

    start: Instant | None = None
    minutes: Minutes | None = None
    schedule: Annotated[
        Id | None, Field(description="Another schedule of the same practitioner.")
    ] = None
    reason: OptionalText = None
    priority: Priority | None = None
    status: Move | None = None
    why: Why = None
    late: Annotated[
        int | None,
        Field(ge=0, le=MOST_LATE, description="Minutes that the patient will be late; 0 for none."),
    ] = None
    called: Annotated[
        bool | None, Field(description="Whether a patient who has arrived went in.")
    ] = None


class AppointmentList(Listing[Appointment]):
    """A page of appointments, sorted by start."""


class AppointmentQuery(Paged):
    """Filters by start; a date is a day in the network's time zone."""

    from_: Annotated[InstantOrDay | None, Field(alias="from")] = None
    to: Annotated[InstantOrDay | None, Field(description=TO)] = None
    status: tuple[Move, ...] = ()
    schedule: Id | None = None
    service: Id | None = None
    session: UUID | None = None
    patient: UUID | None = None
    priority: Priority | None = None


@service.operation(
    "POST",
    HOLDS,
    scope="appointments:write",
    rule=Rule.RELATED,
    body=NewHold,
    answer=Hold,
    status=201,
    may_fail=(404,),
)
def create_hold(body: NewHold) -> Hold:
    """Hold a time for a few minutes.

    What people hold for the patient is released for what a person holds. A program's hold lasts
    until it is booked, released or expires; it leaves other holds as they are.
    """
    booking_request = BookingRequest(
        schedule_id=body.schedule,
        start=body.start,
        minutes=body.minutes,
        patient_id=body.patient or bearer.actor().patient_id,
        emergency=body.emergency,
        service_id=body.service,
    )
    hold = bearer.write_in_group(usecases.hold, booking_request, referral_id=body.referral)
    return _hold(hold)


@service.operation(
    "POST",
    f"{HOLDS}/<uuid:hold_id>/extend",
    scope="appointments:write",
    rule=Rule.RELATED,
    answer=Hold,
    may_fail=(410,),
)
def extend_hold(hold_id: UUID) -> Hold:
    """Extend a hold; the network limits how often."""
    hold = bearer.write(commands.extend_hold, hold_id)
    return _hold(hold)


@service.operation(
    "DELETE", f"{HOLDS}/<uuid:hold_id>", scope="appointments:write", rule=Rule.RELATED, status=204
)
def release_hold(hold_id: UUID) -> None:
    """Release a hold; a hold that has ended is left as it is."""
    bearer.write(commands.release_hold, hold_id)


@service.operation(
    "POST",
    PATH,
    scope="appointments:write",
    rule=Rule.RELATED,
    body=NewAppointment,
    answer=Appointment,
    status=201,
    may_fail=(404, 410),
    headers=MADE,
)
def create_appointment(body: NewAppointment) -> Answer:
    """Book an appointment.

    If the time is taken, the answer is 409 `slot-taken` with the nearest free times. Answers are
    kept with the appointment, or neither is.
    """
    booking_request = BookingRequest(
        schedule_id=body.schedule,
        start=body.start,
        minutes=body.minutes,
        patient_id=body.patient or bearer.actor().patient_id,
        reason=body.reason,
        priority=body.priority,
        second_appointment=body.second_appointment,
        emergency=body.emergency,
        service_id=body.service,
        squeeze_in=body.squeeze_in,
    )

    newcomer = _newcomer(body)

    def save(work: Work) -> AppointmentRow:
        if newcomer is not None:
            made = usecases.book_for_dependent(work, booking_request, newcomer, hold_id=body.hold)
        elif body.status is Made.BOOKED:
            made = usecases.book(
                work, booking_request, hold_id=body.hold, referral_id=body.referral
            )
        else:
            status = Status(body.status)
            made = usecases.enter(work, booking_request, status, referral_id=body.referral)
        if body.answers:
            work.session.flush()
            answer(work, made.id, by_question(body.answers))
        return made

    has_more = newcomer is not None or body.hold is not None or body.answers
    made = (bearer.write if has_more else bearer.write_in_group)(save)
    if newcomer is not None and made.patient_id is not None:
        bearer.take_on(made.patient_id)
    return _answer(made, status=201)


@service.operation(
    "GET",
    PATH,
    scope="appointments:read",
    rule=Rule.RELATED,
    query=AppointmentQuery,
    answer=AppointmentList,
)
def list_appointments(query: AppointmentQuery) -> Listing[Appointment]:
    """List your appointments by start: those of a patient, practitioner, department or centre."""
    where = [AppointmentRow.status != Status.HELD, *_filters(query)]
    after = read_cursor(query.after, instant, UUID)
    rows = queries.appointments_for(bearer.work(), *where, after=after, limit=query.limit + 1)
    load_others(reader, rows)
    return page(AppointmentList, rows, query, appointment_shown, _key)


@service.operation(
    "GET", ONE, scope="appointments:read", rule=Rule.RELATED, answer=Appointment, headers=ETAG
)
def get_appointment(appointment_id: UUID) -> Answer:
    """Read one of your appointments."""
    return _answer(appointment_for(bearer.work(), appointment_id)[0])


@service.operation(
    "GET", f"{ONE}/appointment.ics", scope="appointments:read", rule=Rule.RELATED, media=MEDIA
)
def get_calendar(appointment_id: UUID) -> Response:
    """Download an appointment as a calendar file."""
    appointment, _relation = appointment_for(bearer.work(), appointment_id)
    return appointment_calendar(appointment, bearer.actor().patient_id, None)


@service.operation(
    "PATCH",
    ONE,
    scope="appointments:write",
    rule=Rule.RELATED,
    body=AppointmentChange,
    answer=Appointment,
    may_fail=(409,),
    headers=ETAG,
    if_match=True,
)
def change_appointment(appointment_id: UUID, body: AppointmentChange) -> Answer:
    """Move an appointment, change its reason, priority or status, or note how the patient comes.

    Either all changes are made or none. With If-Match, only that version is changed.
    """
    if not body.model_fields_set:
        raise Invalid("Send at least one change.")
    version = sent_version(lambda: appointment_for(bearer.work(), appointment_id)[0].version)

    def save(work: Work) -> AppointmentRow:
        _change(work, appointment_id, body, version)
        work.session.flush()
        return appointment_for(work, appointment_id)[0]

    return _answer(bearer.write(save))


def _change(work: Work, appointment_id: UUID, body: AppointmentChange, version: int | None) -> None:
    """Make each kind of change with its command; the first one checks the version."""
    if body.start is not None or body.minutes is not None or body.schedule is not None:
        current = appointment_for(work, appointment_id)[0]
        commands.move(
            work,
            appointment_id,
            body.start or current.starts_at,
            minutes=body.minutes,
            schedule_id=body.schedule,
            version=version,
        )
        version = None
    if body.model_fields_set & {"reason", "priority"}:
        current = appointment_for(work, appointment_id)[0]
        reason = body.reason if "reason" in body.model_fields_set else current.reason
        commands.amend(work, appointment_id, reason=reason, priority=body.priority, version=version)
        work.session.flush()
        version = None
    if body.status is not None:
        usecases.change_status(
            work, appointment_id, Status(body.status), why=body.why, version=version
        )
        version = None
    _change_attendance(work, appointment_id, body, version)


def _change_attendance(
    work: Work, appointment_id: UUID, body: AppointmentChange, version: int | None
) -> None:
    if body.late is not None:
        desk.run_late(work, appointment_id, body.late, version=version)
        work.session.flush()
        version = None
    if body.called is not None:
        note = desk.call if body.called else desk.call_back
        note(work, appointment_id, version=version)


def _filters(query: AppointmentQuery) -> list[queries.Condition]:
    conditions: list[queries.Condition] = []
    if query.from_ is not None:
        conditions.append(AppointmentRow.starts_at >= begin_of(query.from_))
    if query.to is not None:
        conditions.append(AppointmentRow.starts_at < end_of(query.to))
    if query.status:
        conditions.append(AppointmentRow.status.in_([str(status) for status in query.status]))
    if query.schedule:
        conditions.append(queries.on_schedule(query.schedule))
    if query.service:
        conditions.append(queries.for_service(query.service))
    if query.session:
        conditions.append(sessions.in_session(query.session))
    if query.patient:
        conditions.append(queries.of_patient(query.patient))
    if query.priority:
        conditions.append(AppointmentRow.priority == query.priority)
    return conditions


def _key(appointment: AppointmentRow) -> tuple[str, UUID]:
    return appointment.starts_at.isoformat(), appointment.id


def _newcomer(body: NewAppointment) -> DependentDetails | None:
    """Return the dependent who is added with the booking, if one is sent."""
    if body.dependent is None:
        return None
    bearer.demand("patients:write")
    if body.patient or body.referral or body.status is not Made.BOOKED:
        raise Invalid("Send dependent without patient, referral and status.", field="dependent")
    return DependentDetails(**body.dependent.model_dump())


def _answer(appointment: AppointmentRow, *, status: int = 200) -> Answer:
    headers = {"ETag": etag(appointment.version)}
    if status == 201:
        headers["Location"] = f"{PATH}/{appointment.id}"
    return Answer(appointment_shown(appointment), status=status, headers=headers)


def _hold(row: AppointmentRow) -> Hold:
    return Hold(
        id=row.id,
        schedule=row.schedule_id,
        start=row.starts_at.astimezone(row.zone),
        end=row.ends_at.astimezone(row.zone),
        until=(row.held_until or row.starts_at).astimezone(row.zone),
    )
