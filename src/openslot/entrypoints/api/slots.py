"""Free times of any part of the network."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from openslot.booking.slots import Slot as FreeSlot
from openslot.core.errors import Invalid
from openslot.core.fields import InstantOrDay
from openslot.directory.models import Profession
from openslot.discovery.offered import Bookable, free_slots
from openslot.entrypoints.api.operations import Given, Service, Shown
from openslot.entrypoints.api.shapes import ForPatient, Id, Slot, booker, slot
from openslot.entrypoints.request import now, reader, services, settings
from openslot.entrypoints.rules import Rule

service = Service("slots", "Free times", "What can be booked now, computed when it is asked.")

A_WEEK, MOST = timedelta(days=7), timedelta(days=31)
A_SLICE, DIARY_DAYS = 28, 100_000
"""The earliest times are looked for in slices until there are enough: of few schedules as far as
bookings go, of many so that a slice is about so many days of diaries, and no fewer days."""


class SlotQuery(Given):
    """Whose free times, and when; a date means midnight in the network's time zone."""

    schedule: Id | None = None
    practitioner: Id | None = None
    centre: Id | None = None
    service: Id | None = None
    profession: Profession | None = None
    expertise: Annotated[str | None, Field(max_length=100)] = None
    suburb: Annotated[str | None, Field(max_length=100)] = None
    patient: ForPatient = None
    from_: Annotated[InstantOrDay | None, Field(alias="from", description="By default now.")] = None
    to: Annotated[
        InstantOrDay | None, Field(description="By default a week later, at most 31 days.")
    ] = None
    minutes: Annotated[
        int | None, Field(ge=5, le=1440, multiple_of=5, description="Length of the appointment.")
    ] = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    earliest: Annotated[
        bool, Field(description="Look as far ahead as bookings go, instead of up to `to`.")
    ] = False


class SlotList(Shown):
    """Free starts, the earliest first."""

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
def list_slots(query: SlotQuery) -> SlotList:
    """Find free starts, the earliest first.

    At most 31 days a call; with `earliest` until `limit` are found. A time without an offset is
    refused, never guessed. For a patient, times at which they are busy or see the practitioner
    already are left out, and what cannot be booked for them by whoever asks.
    """
    for_whom = booker(query.patient)
    known = services().offered.fresh(reader())
    chosen = [one for one in known.values() if _fits(one, query)]
    found: list[FreeSlot] = []
    for starts, ends in _windows(query, chosen):
        found += free_slots(
            reader(),
            chosen,
            starts,
            ends,
            now=now(),
            minutes=query.minutes,
            limit=query.limit - len(found),
            booker=for_whom,
        )
        if len(found) == query.limit:
            break
    return SlotList(items=[slot(one, known[one.schedule_id].subject) for one in found])


def _fits(one: Bookable, query: SlotQuery) -> bool:
    schedule, person = one.subject, one.subject.practitioner
    expertise = (person.expertise or "").casefold() if person else ""
    return (
        query.schedule in (None, schedule.id)
        and query.practitioner in (None, schedule.practitioner_id)
        and query.centre in (None, schedule.centre_id)
        and query.service in (None, schedule.service_id)
        and query.profession in (None, one.place.profession)
        and (query.expertise or expertise).casefold() == expertise
        and (query.suburb or one.subject.centre.suburb).casefold()
        == one.subject.centre.suburb.casefold()
    )


def _windows(query: SlotQuery, chosen: list[Bookable]) -> Iterator[tuple[datetime, datetime]]:
    """The period asked for; with ``earliest`` slice after slice up to the furthest horizon."""
    starts = _instant(query.from_) or now()
    if not query.earliest:
        ends = _instant(query.to) or starts + A_WEEK
        if not starts < ends <= starts + MOST:
            raise Invalid("Ask for 31 days at most, from earlier to later.", field="to")
        yield starts, ends
        return
    days = max((one.place.horizon_days for one in chosen), default=0)
    starts, last = max(starts, now()), now() + timedelta(days=days + 1)
    slice_ = timedelta(days=max(A_SLICE, DIARY_DAYS // max(len(chosen), 1)))
    while starts < last:
        yield starts, min(starts + slice_, last)
        starts += slice_


def _instant(given: datetime | date | None) -> datetime | None:
    if given is None or isinstance(given, datetime):
        return given
    return datetime.combine(given, time(0), ZoneInfo(settings().time_zone))
