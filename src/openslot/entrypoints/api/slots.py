"""The operations that find free slots."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from flask import Response
from pydantic import Field

from openslot.booking.commands import appointment_for
from openslot.booking.queries import for_move
from openslot.booking.rules import is_of, place_for, takes_emergencies
from openslot.booking.slots import Run, earliest
from openslot.core.errors import Invalid, NotFound
from openslot.core.fields import InstantOrDay
from openslot.directory import queries as directory
from openslot.directory.details import ProfessionCode
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import JSON, Given, Service, Shown
from openslot.entrypoints.api.periods import TO, begin_of, end_of
from openslot.entrypoints.api.shapes import ForPatient, Id, Slot, booker, slots_written
from openslot.entrypoints.request import now, reader
from openslot.entrypoints.rules import Rule
from openslot.schedules import known
from openslot.schedules.known import Bookable
from openslot.search.bookable import free_runs

service = Service("slots", "Free times", "Slots that can be booked now.")

A_WEEK, MOST = timedelta(days=7), timedelta(days=31)
A_DAY = timedelta(days=1, hours=1)
"""The longest day, on which the clocks go back."""

A_SLICE, DIARY_DAYS = 28, 100_000
"""`earliest` searches slice by slice until there are enough slots. A slice has A_SLICE days, or
more if the schedules are few: about DIARY_DAYS days of all their diaries together."""


class Period(Given):
    """A period to search; a date is a day in the network's time zone."""

    from_: Annotated[InstantOrDay | None, Field(alias="from", description="Defaults to now.")] = (
        None
    )
    to: Annotated[
        InstantOrDay | None,
        Field(description=f"{TO} Defaults to a week later; at most 31 days later."),
    ] = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50


class SlotQuery(Period):
    """Filters for free slots; a date is a day in the network's time zone."""

    schedule: Id | None = None
    practitioner: Id | None = None
    centre: Id | None = None
    service: Id | None = None
    profession: ProfessionCode | None = None
    expertise: Annotated[str | None, Field(max_length=100)] = None
    suburb: Annotated[str | None, Field(max_length=100)] = None
    patient: ForPatient = None
    minutes: Annotated[
        int | None, Field(ge=5, le=1440, multiple_of=5, description="Length of the appointment.")
    ] = None
    emergency: Annotated[
        bool,
        Field(description="Include time kept free for emergencies where you give care."),
    ] = False
    earliest: Annotated[
        bool, Field(description="Ignore `to`, and search as far ahead as slots can be booked.")
    ] = False


NARROWING = {"practitioner", "centre", "service", "profession", "expertise", "suburb"}
"""The filters that leave out schedules."""


class MoveQuery(Period):
    """The period to search; a date is a day in the network's time zone."""

    schedule: Annotated[
        Id | None,
        Field(description="Another schedule of the practitioner. Defaults to the appointment's."),
    ] = None


class SlotList(Shown):
    """Free slots, earliest first."""

    items: list[Slot]


@service.operation(
    "GET",
    "/api/v1/slots",
    scope="directory:read",
    rule=Rule.PUBLIC,
    query=SlotQuery,
    answer=SlotList,
    may_fail=(404,),
)
def list_slots(query: SlotQuery) -> Response:
    """Find free slots, earliest first.

    Searches at most 31 days, or with `earliest` until `limit` slots are found. A time without an
    offset is refused. For a patient, leaves out slots at which they are busy, days on which they
    already see the practitioner, and slots that you cannot book for them. With `emergency` there
    are only slots of practitioners for whom you can book.
    """
    for_whom = booker(query.patient)
    work = bearer.work()
    bookable = known.bookable(work.session)
    matching = _matching(bookable, query)
    if query.profession and not matching:
        directory.profession_called(work.session, query.profession)
    if query.emergency:
        matching = _for_emergencies(matching)
    free: list[Run] = []
    left = query.limit
    for starts, ends in _windows(query, matching):
        found = free_runs(
            work,
            matching,
            starts,
            ends,
            minutes=query.minutes,
            limit=left,
            booker=for_whom,
            # In an emergency there is no notice, so schedules open earlier.
            among=None if query.emergency else bookable,
        )
        free += found
        left -= sum(len(run.ticks) for run in found)
        if not left:
            break
    return _answer(free, bookable, query.minutes)


@service.operation(
    "GET",
    "/api/v1/appointments/<uuid:appointment_id>/slots",
    scope="appointments:read",
    rule=Rule.RELATED,
    query=MoveQuery,
    answer=SlotList,
)
def list_moves(appointment_id: UUID, query: MoveQuery) -> Response:
    """Find slots that an appointment can be moved to, earliest first.

    They have its service and length, and its own time does not stand in their way.
    """
    work = bearer.work()
    appointment, _ = appointment_for(work, appointment_id)
    schedule_id = query.schedule or appointment.schedule_id
    bookable = known.bookable(reader())
    place = place_for(appointment, bookable[schedule_id].place) if schedule_id in bookable else None
    if place is None or not is_of(place, appointment):
        raise NotFound
    starts, ends = _period(query)
    free = earliest(
        work,
        {schedule_id: place},
        starts,
        ends,
        minutes=appointment.minutes,
        limit=query.limit,
        whom=for_move(work, appointment),
        moving=appointment,
    )
    return _answer(free, bookable, appointment.minutes)


def _answer(free: Iterable[Run], bookable: Mapping[int, Bookable], minutes: int | None) -> Response:
    """Return a SlotList as it is sent."""
    text = f'{{"items":[{slots_written(free, bookable, minutes)}]}}\n'
    return Response(text, mimetype=JSON)


def _matching(bookable: Mapping[int, Bookable], query: SlotQuery) -> Mapping[int, Bookable]:
    """Return the schedules that the query is about, each for the service that it names."""
    if query.schedule is not None:
        is_there = query.schedule in bookable
        bookable = {query.schedule: bookable[query.schedule]} if is_there else {}
    if not NARROWING & query.model_fields_set:
        return bookable
    matching = {key: one for key, one in bookable.items() if _matches(one, query)}
    return {
        key: one._replace(place=one.place.offering(query.service) or one.place)
        for key, one in matching.items()
    }


def _matches(bookable: Bookable, query: SlotQuery) -> bool:
    place = bookable.place
    return (
        query.practitioner in (None, place.practitioner_id)
        and query.centre in (None, place.centre_id)
        and query.profession in (None, place.profession)
        and (query.service is None or _offers(bookable, query.service))
        and (not query.expertise or _is(query.expertise, place.expertise))
        and (not query.suburb or _is(query.suburb, bookable.subject.centre.suburb))
    )


def _is(wanted: str, text: str | None) -> bool:
    return wanted.casefold() == (text or "").casefold()


def _offers(bookable: Bookable, service_id: int) -> bool:
    """Return whether a schedule is for the service, or offers it."""
    own = bookable.subject.service_id
    return service_id == own or bookable.place.offering(service_id) is not None


def _for_emergencies(matching: Mapping[int, Bookable]) -> Mapping[int, Bookable]:
    """Return the schedules of practitioners where the actor books emergencies."""
    return {
        key: schedule._replace(place=schedule.place.for_emergency())
        for key, schedule in matching.items()
        if takes_emergencies(bearer.actor(), schedule.place)
    }


def _period(query: Period) -> tuple[datetime, datetime]:
    """Return the period that a query names. Raises Invalid if it has no length or too much."""
    starts = begin_of(query.from_) if query.from_ else now()
    ends = end_of(query.to) if query.to else starts + A_WEEK
    most = MOST if isinstance(query.to, datetime) else MOST + A_DAY
    if not starts < ends <= starts + most:
        raise Invalid("Choose an end after the start, at most 31 days later.", field="to")
    return starts, ends


def _windows(
    query: SlotQuery, schedules: Mapping[int, Bookable]
) -> Iterator[tuple[datetime, datetime]]:
    """Yield the requested period; with ``earliest``, slice after slice up to the last horizon."""
    if not query.earliest:
        yield _period(query)
        return
    days = max((one.place.horizon_days for one in schedules.values()), default=0)
    starts = begin_of(query.from_) if query.from_ else now()
    starts, last = max(starts, now()), now() + timedelta(days=days + 1)
    slice_ = timedelta(days=max(A_SLICE, DIARY_DAYS // max(len(schedules), 1)))
    while starts < last:
        yield starts, min(starts + slice_, last)
        starts += slice_
