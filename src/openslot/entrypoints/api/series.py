"""Operations on series: appointments that are booked together by a rule."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated
from uuid import UUID

from flask import Response
from pydantic import AwareDatetime, Field

from openslot.booking import series as booking
from openslot.booking.commands import BookingRequest
from openslot.booking.models import Appointment as AppointmentRow
from openslot.booking.models import Priority
from openslot.booking.series import MOST, State
from openslot.booking.series import SeriesTime as Time
from openslot.booking.together import cancel, members, of_series
from openslot.core.errors import DomainError, Invalid
from openslot.core.fields import Instant, OptionalText, Prose
from openslot.entrypoints import bearer
from openslot.entrypoints.api.appointment_shapes import Appointment, appointment_shown
from openslot.entrypoints.api.appointments import Chosen, Minutes, Why
from openslot.entrypoints.api.operations import Answer, Given, Service, Shown
from openslot.entrypoints.api.shapes import Id
from openslot.entrypoints.appointment_calendar import MEDIA, appointments_calendar
from openslot.entrypoints.problems import sentence_of
from openslot.entrypoints.rules import Rule
from openslot.usecases import booking as usecases_booking
from openslot.usecases import series as usecases

service = Service("series", "Series", "Book, cancel and move appointments that recur.")

PATH = "/api/v1/series"
ONE = f"{PATH}/<uuid:series_id>"

Starts = Annotated[
    tuple[Instant, ...],
    Field(min_length=2, max_length=MOST, description="The start of each appointment."),
]
Recurrence = Annotated[
    str,
    Prose(200),
    Field(
        description="How it recurs from `start` on (RFC 5545), at the same time of the centre's "
        "clock: FREQ, INTERVAL, BYDAY, and COUNT or UNTIL.",
        examples=["FREQ=WEEKLY;INTERVAL=3;COUNT=8"],
    ),
]
Since = Annotated[
    UUID | None,
    Field(description="The first appointment that is changed; defaults to the next of the series."),
]


class SeriesRequest(Given):
    """What the appointments of a series have in common."""

    schedule: Id
    service: Chosen = None
    minutes: Minutes | None = None
    patient: Annotated[UUID | None, Field(description="Defaults to you if you are a patient.")] = (
        None
    )
    referral: UUID | None = None


class SeriesTerms(SeriesRequest):
    """A series to look at: `starts`, or `start` and `rule`."""

    start: Instant | None = None
    rule: Recurrence | None = None
    starts: Starts | None = None


class NewSeries(SeriesRequest):
    """A series to book: all of its times, or none."""

    starts: Starts
    reason: OptionalText = None
    priority: Priority = Priority.ROUTINE


class SeriesCancel(Given):
    """What of a series is cancelled, and why."""

    since: Since = None
    why: Why = None


class SeriesMove(Given):
    """Where the first appointment moves; the others move by the same days and time of the clock."""

    start: Instant
    since: Since = None


class SeriesTime(Shown):
    """A time of a series: whether it can be booked, and what else is free near it."""

    start: AwareDatetime
    state: State
    holiday: str | None
    same_day: list[AwareDatetime]
    same_week: list[AwareDatetime]


class SeriesProblem(Shown):
    """The rule that stops a whole series."""

    code: str
    detail: str


class SeriesPreview(Shown):
    """The times of a series. Nothing is held."""

    items: list[SeriesTime]
    problem: SeriesProblem | None


class Series(Shown):
    """A series with those of its appointments that you can see, by start."""

    id: UUID
    appointments: list[Appointment]


@service.operation(
    "POST",
    f"{PATH}/preview",
    scope="appointments:read",
    rule=Rule.RELATED,
    body=SeriesTerms,
    answer=SeriesPreview,
    may_fail=(404,),
    searches=True,
)
def preview_series(body: SeriesTerms) -> SeriesPreview:
    """Look at the times of a series before booking it.

    `state` says of each time whether it is free, and if it is not, why; `same_day` and `same_week`
    are the nearest free times. `problem` is a rule that stops all of them, such as a referral that
    covers one appointment.
    """
    asked = _request(body, body.start or (body.starts or [None])[0])
    found = usecases.preview(bearer.work(), asked, _starts(body, asked), referral_id=body.referral)
    return _preview(found.times, found.problem)


@service.operation(
    "POST",
    PATH,
    scope="appointments:write",
    rule=Rule.RELATED,
    body=NewSeries,
    answer=Series,
    status=201,
    may_fail=(404,),
    headers={"Location": "The address of the new series."},
)
def create_series(body: NewSeries) -> Answer:
    """Book a series: all of its times, or none.

    If one cannot be booked, the answer names it, as `starts.2` for the third.
    """
    asked = replace(_request(body, body.starts[0]), reason=body.reason, priority=body.priority)
    booked = bearer.write(usecases.book, asked, body.starts, referral_id=body.referral)
    shown = _series(booked)
    return Answer(shown, status=201, headers={"Location": f"{PATH}/{shown.id}"})


@service.operation("GET", ONE, scope="appointments:read", rule=Rule.RELATED, answer=Series)
def get_series(series_id: UUID) -> Series:
    """Read a series of yours."""
    return _series(members(bearer.work(), of_series(series_id)))


@service.operation(
    "GET", f"{ONE}/appointments.ics", scope="appointments:read", rule=Rule.RELATED, media=MEDIA
)
def get_series_calendar(series_id: UUID) -> Response:
    """Download a series as one calendar file."""
    found = members(bearer.work(), of_series(series_id))
    return appointments_calendar(found, bearer.actor().patient_id, None)


@service.operation(
    "POST",
    f"{ONE}/cancel",
    scope="appointments:write",
    rule=Rule.RELATED,
    body=SeriesCancel,
    answer=Series,
    may_fail=(409,),
)
def cancel_series(series_id: UUID, body: SeriesCancel) -> Series:
    """Cancel what is still to come of a series, or of it what follows from one appointment on.

    All of it is cancelled, or nothing.
    """
    bearer.write(cancel, of_series(series_id), since=body.since, why=body.why)
    return _series(members(bearer.work(), of_series(series_id)))


@service.operation(
    "POST",
    f"{ONE}/preview",
    scope="appointments:read",
    rule=Rule.RELATED,
    body=SeriesMove,
    answer=SeriesPreview,
    may_fail=(409,),
    searches=True,
)
def preview_series_move(series_id: UUID, body: SeriesMove) -> SeriesPreview:
    """Look at the times to which a series would move."""
    found = booking.preview_move(bearer.work(), series_id, body.start, since=body.since)
    return _preview(found.times, None)


@service.operation(
    "POST",
    f"{ONE}/move",
    scope="appointments:write",
    rule=Rule.RELATED,
    body=SeriesMove,
    answer=Series,
    may_fail=(409,),
)
def move_series(series_id: UUID, body: SeriesMove) -> Series:
    """Move what is still to come of a series, or of it what follows from one appointment on.

    All of it moves, or nothing; each appointment by the same days and time of the centre's clock.
    """
    bearer.write(booking.move, series_id, body.start, since=body.since)
    return _series(members(bearer.work(), of_series(series_id)))


def _request(body: SeriesRequest, start: datetime | None) -> BookingRequest:
    if start is None:
        raise Invalid("Send `starts`, or `start` and `rule`.", field="starts")
    return BookingRequest(
        schedule_id=body.schedule,
        start=start,
        minutes=body.minutes,
        patient_id=body.patient or bearer.actor().patient_id,
        service_id=body.service,
    )


def _starts(body: SeriesTerms, asked: BookingRequest) -> Sequence[datetime]:
    if (body.starts is None) is (body.rule is None):
        raise Invalid("Send `starts`, or `start` and `rule`.", field="starts")
    if body.rule is None:
        return body.starts or ()
    zone = usecases_booking.place_of(bearer.work(), asked).zone
    return booking.starts_by(body.rule, asked.start, zone)


def _preview(times: Sequence[Time], problem: DomainError | None) -> SeriesPreview:
    return SeriesPreview(
        items=[
            SeriesTime(
                start=one.start,
                state=one.state,
                holiday=one.holiday,
                same_day=list(one.same_day),
                same_week=list(one.same_week),
            )
            for one in times
        ],
        problem=problem and SeriesProblem(code=problem.code, detail=sentence_of(problem)),
    )


def _series(rows: Sequence[AppointmentRow]) -> Series:
    series_id = rows[0].series_id
    if series_id is None:
        raise LookupError
    return Series(id=series_id, appointments=[appointment_shown(one) for one in rows])
