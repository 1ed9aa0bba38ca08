"""Slot: the cells of a schedule's grid, free or taken; computed, never stored.

An id has the schedule, the start (in ticks of five minutes since 1970) and the minutes, so that a
free slot can be read again once it is taken. That of a slot for one of the services that a schedule
offers ends with the service; without, such an id is for the usual service.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from openslot.booking.cells import Board, Cell, Key, Use, free_board, full_board
from openslot.booking.models import Appointment
from openslot.booking.queries import Condition, for_move
from openslot.booking.rules import is_of, is_offered, place_for, takes_emergencies
from openslot.booking.slots import free_starts
from openslot.core.actor import Actor
from openslot.core.errors import Malformed
from openslot.core.work import Work
from openslot.directory.models import Centre, Department, Service
from openslot.entrypoints import cursors
from openslot.entrypoints.fhir import dates, healthcare_service, organization, subject
from openslot.entrypoints.fhir.elements import Json, Site, clean, instant, reference, target_of
from openslot.entrypoints.fhir.parameters import Reference, Text, read_number, split
from openslot.entrypoints.fhir.queries import centre_key, department_key, named_services
from openslot.entrypoints.fhir.resource import Asked, Computed, Parameter
from openslot.entrypoints.fhir.search import Found, Query, Resources, Term, conditions
from openslot.entrypoints.rules import Rule
from openslot.schedules import known
from openslot.schedules.availability import DAY, Span, Window, instant_of, window_over
from openslot.schedules.known import Bookable
from openslot.schedules.models import Schedule
from openslot.schedules.queries import matching, places, subjects
from openslot.schedules.rules import Offered, Place

MOST_DAYS = 31
STATUS = "http://hl7.org/fhir/slotstatus"

_ID = re.compile(r"([1-9]\d{0,8})-(\d{1,8})-([1-9]\d{0,4})(?:-([1-9]\d{0,8}))?", re.ASCII)


class Row(NamedTuple):
    """A slot with its schedule, the service that a free one is for, and what they show, which many
    slots have in common; ``in_emergency`` if it can be booked for an emergency."""

    cell: Cell
    subject: Schedule
    service: Service | Offered | None
    about: Json
    in_emergency: bool = False


def read_id(text: str) -> Key | None:
    """Return the key of an id like ``schedule-tick-minutes`` or ``schedule-tick-minutes-service``,
    or None if it cannot be one."""
    match = _ID.fullmatch(text)
    if match is None:
        return None
    schedule_id, tick, minutes, service_id = (int(part or 0) for part in match.groups())
    is_valid = minutes % 5 == 0 and minutes <= 7 * 24 * 60 and tick < 24_000_000
    return (tick, schedule_id, minutes, service_id) if is_valid else None


def write_id(key: Key) -> str:
    """Return the id of a key."""
    tick, schedule_id, minutes, service_id = key
    return f"{schedule_id}-{tick}-{minutes}" + (f"-{service_id}" if service_id else "")


def about(schedule: Schedule, service: Service | Offered | None, site: Site) -> Json:
    """Return the elements of slots that follow from their schedule and service."""
    elements: Json = clean(
        {
            "serviceCategory": [subject.service_category(service, site)],
            "serviceType": [subject.service_type(service, site)],
            "specialty": subject.specialty(schedule, site),
            "schedule": reference("Schedule", schedule.id),
        }
    )
    return elements


def show(row: Row, _site: Site) -> Json:
    """Return the slot; a taken one does not show what it is for."""
    cell, zone = row.cell, row.subject.zone
    return {
        "resourceType": "Slot",
        "id": write_id(cell.key),
        **row.about,
        "status": str(cell.use),
        "start": tick_written(cell.tick, zone),
        "end": tick_written(cell.tick + cell.minutes // 5, zone),
    }


@lru_cache(maxsize=8192)
def tick_written(tick: int, zone: ZoneInfo) -> str:
    """Return the start of a tick as an instant in a time zone."""
    return instant(instant_of(tick), zone)


class Start(Parameter):
    """The start; handled in :func:`find`."""

    kind, descends = "date", False


class End(Parameter):
    """The end; handled in :func:`find`."""

    kind = "date"


class SlotStatus(Parameter):
    """The status; handled in :func:`find`."""

    modifiers = frozenset({"not"})

    def uses(self, term: Term) -> frozenset[Use]:
        """Return the uses that a term matches, or raise Malformed for an unknown status."""
        chosen = set()
        for value in term.values:
            system, code = split(value)
            if code not in (*Use, "entered-in-error"):
                raise Malformed(
                    "Send status as one of: {codes}.", field="status", codes=", ".join(Use)
                )
            if system in (None, STATUS) and code in set(Use):
                chosen.add(Use(code))
        return frozenset(Use) - chosen if term.modifier == "not" else frozenset(chosen)


class SlotId(Parameter):
    """The id; handled in :func:`find`."""


_STATUS = SlotStatus("free, busy, busy-tentative (held) or busy-unavailable (an absence).")


_EARLIEST, _LATEST = (
    datetime.fromisoformat(f"{year}-01-01T00:00:00+00:00") for year in (1970, 2190)
)


def find(work: Work, query: Query, resources: Resources, asked: Asked) -> Found:
    """Return a page of matching slots, sorted by start; at most five statements."""
    uses = frozenset(Use)
    for term in query.terms:
        if term.name == "status":
            uses &= _STATUS.uses(term)
    keys = _keys(query.terms)
    ends_asked = [_asked_periods(term, asked) for term in query.terms if term.name == "end"]
    periods, assumed = _periods(query.terms, keys, ends_asked, asked)
    found = _matching(work.session, query.terms, resources, asked)
    chosen = _places(work, found, query.terms, resources, asked)
    if asked.in_emergency and not asked.moving:
        chosen = [_for_emergency(work.actor, place) for place in chosen]
    board = _board(work, chosen, periods, uses, asked)
    if keys is not None:
        board = board.only({key: key[3] or _usual(found, key) for key in keys})
    for ends in ends_asked:
        board = board.ending(_spans(ends))
    page = board.page(query.count + 1, _after(query.after)) if query.count else []
    shown = page[: query.count]
    after = cursors.write(shown[-1].key) if len(page) > query.count and shown else None
    rows = _rows(found, shown, asked.site)
    emergencies = {place.schedule_id for place in chosen if place.in_emergency}
    rows = [row._replace(in_emergency=row.subject.id in emergencies) for row in rows]
    return Found(rows, board.count(), after, assumed)


def read(work: Work, text: str, asked: Asked) -> Row | None:
    """Return a slot, free or taken; several free slots in a row can be read as one."""
    key = read_id(text)
    if key is None:
        return None
    tick, schedule_id, minutes, service_id = key
    schedules = places(work.session, Schedule.id == schedule_id, inactive=True)
    rows = subjects(work.session, Schedule.id == schedule_id)
    if not schedules or not rows:
        return None
    bookable = Bookable(schedules[schedule_id], rows[0])
    offered = bookable.place.offering(service_id or None)
    place = offered or bookable.place
    can_be_free = offered is not None and subject.is_bookable(bookable.subject)
    window = Window(tick // DAY, (minutes * 60 // 300) // DAY + 2)
    uses = frozenset(Use) if can_be_free else frozenset(Use) - {Use.FREE}
    board = full_board(work, [place], window, uses=uses)
    cells = board.only({key: place.service_id or 0}).page(1)
    if not cells and can_be_free:
        masks = free_starts(work, {schedule_id: place}, window, minutes=minutes)
        if masks[schedule_id] >> (tick - window.start) & 1:
            cells = [Cell(*key, Use.FREE)]
    return next(iter(_rows({schedule_id: bookable}, cells, asked.site)), None)


def _usual(found: Mapping[int, Bookable], key: Key) -> int:
    """Return the service of an id that names none, or 0."""
    bookable = found.get(key[1])
    return bookable.place.service_id or 0 if bookable else 0


def _matching(
    session: Session, terms: Sequence[Term], resources: Resources, asked: Asked
) -> dict[int, Bookable]:
    """Return the schedules that can be booked and match the terms, in at most two statements."""
    own = ("start", "end", "status", "_id")
    others = [term for term in terms if term.name not in own]
    bookable = known.bookable(session)
    where = conditions(PROPOSED, others, resources, asked)
    ids = matching(session, *where) if where else bookable
    return {schedule_id: bookable[schedule_id] for schedule_id in ids if schedule_id in bookable}


def _places(
    work: Work,
    found: Mapping[int, Bookable],
    terms: Sequence[Term],
    resources: Resources,
    asked: Asked,
) -> list[Place]:
    """Return what the slots are of: the schedules for the services that the terms name, else for
    the first that the caller can book. An appointment that moves keeps its own.
    """
    if asked.moving:
        own = (one.place for one in found.values() if is_of(one.place, asked.moving))
        return [place for place in (place_for(asked.moving, one) for one in own) if place]
    named = _named_services(work.session, terms, resources, asked)
    of_any = any(term.name == "_id" for term in terms)

    def can_book(place: Place) -> bool:
        return is_offered(work.actor, place) and not (asked.booker and asked.booker.barrier(place))

    chosen: list[Place] = []
    for bookable in found.values():
        among = _among(bookable.place, named)
        each = bookable.place.for_each()
        can = [place for place in each if can_book(place)]
        if among is not None:
            chosen += [place for place in can if place.service_id in among]
        else:
            chosen += can if of_any else can[:1]
    return chosen


def _for_emergency(actor: Actor, place: Place) -> Place:
    """Return the place as an emergency finds it, where the actor books emergencies."""
    return place.for_emergency() if takes_emergencies(actor, place) else place


def _among(place: Place, named: Iterable[AbstractSet[int]]) -> AbstractSet[int] | None:
    """Return the services of a place that all terms name; None if no term does, and the place
    matches otherwise, for example by its profession."""
    own = {offered.service_id for offered in place.services}
    among = [own & services for services in named if own & services]
    return set.intersection(*among) if among else None


def _named_services(
    session: Session, terms: Sequence[Term], resources: Resources, asked: Asked
) -> list[set[int]]:
    """Return the services that each term about services names, in at most one statement."""
    about = [_names(term, resources, asked) for term in terms if term.modifier != "not"]
    where = [condition for condition in about if condition is not None]
    return named_services(session, where) if where else []


def _names(term: Term, resources: Resources, asked: Asked) -> Condition | None:
    """Return the condition for services that a term names, or None if it is about others."""
    if term.name in ("service-type", "service-category"):
        return conditions(healthcare_service.RESOURCE, [term], resources, asked)[0]
    if (term.name, term.chained) != ("schedule", "actor"):
        return None
    targets = [target_of(value, asked.site.base) for value in term.values]
    keys = [read_number(key) for kind, key in targets if "HealthcareService" in (kind, term.inner)]
    return Service.id.in_([key for key in keys if key]) if keys else None


def _keys(terms: Sequence[Term]) -> set[Key] | None:
    """Return the ids in the search, or None if it has none."""
    ids = [set(map(read_id, term.values)) for term in terms if term.name == "_id"]
    if not ids:
        return None
    return {key for key in set.intersection(*ids) if key is not None}


def _asked_periods(term: Term, asked: Asked) -> list[dates.Period]:
    """Return the periods that match one of the values of a term."""
    return [
        period
        for value in term.values
        for period in dates.read(term.name, value, asked.zone).periods()
    ]


def _spans(periods: Sequence[dates.Period]) -> list[Span]:
    return [_first_and_last(period) for period in dates.within(periods, [(_EARLIEST, _LATEST)])]


def _first_and_last(period: dates.Period) -> Span:
    low, high = period
    return Span(_first_tick(low or _EARLIEST), _first_tick(high or _LATEST))


def _periods(
    terms: Sequence[Term],
    keys: set[Key] | None,
    ends_asked: Sequence[Sequence[dates.Period]],
    asked: Asked,
) -> tuple[list[dates.Period], tuple[tuple[str, str], ...]]:
    """Return the periods in which slots may start, and the parameters that were assumed."""
    periods: list[dates.Period] = [(None, None)]
    if keys is not None:
        periods = [(instant_of(tick), instant_of(tick + 1)) for tick, *_ in sorted(keys)]
    for term in terms:
        if term.name == "start":
            periods = dates.within(periods, _asked_periods(term, asked))
    for ends in ends_asked:  # a slot starts before it ends
        periods = dates.within(periods, [(None, _latest(ends))])
    if not periods:
        return [], ()
    low = min((low for low, _ in periods if low), default=None)
    high = max((high for _, high in periods if high), default=None)
    low = None if any(begin is None for begin, _ in periods) else low
    high = None if any(end is None for _, end in periods) else high
    bound, assumed = _bound(low, high)
    periods = dates.within(periods, [bound])
    return dates.within(periods, [(_EARLIEST, _LATEST)]), assumed


def _latest(periods: Sequence[dates.Period]) -> datetime | None:
    """Return the end of the last period, or None if one is open."""
    highs = [high for _, high in periods]
    return max((high for high in highs if high), default=None) if None not in highs else None


def _bound(
    low: datetime | None, high: datetime | None
) -> tuple[dates.Period, tuple[tuple[str, str], ...]]:
    """Return a period of at most MOST_DAYS; an assumed end is added to the self link."""
    most = timedelta(days=MOST_DAYS)
    if low is not None and high is None:
        high = low + most
        return (low, high), (("start", f"lt{instant(high)}"),)
    if low is None or high is None or high - low > most:
        raise Malformed(
            "Send the first and last start, at most {days} days apart, for example "
            "start=ge2027-03-08&start=lt2027-03-15.",
            field="start",
            days=MOST_DAYS,
        )
    return (low, high), ()


def _board(
    work: Work,
    chosen: Sequence[Place],
    periods: Sequence[dates.Period],
    uses: frozenset[Use],
    asked: Asked,
) -> Board:
    spans = [_first_and_last(period) for period in periods if all(period)]
    if not spans or not uses or not chosen:
        return Board(Window(0, 1))
    first, last = min(spans).start, max(span.end for span in spans)
    # A slot may end after the last day, so the next day is needed too.
    window = window_over(instant_of(first), instant_of(last + DAY))
    if asked.moving:
        board = _board_to_move(work, chosen, window, asked.moving)
    elif uses == {Use.FREE}:
        whom = asked.booker.whom if asked.booker else None
        board = free_board(work, chosen, window, whom=whom)
    else:
        board = full_board(work, chosen, window, uses=uses)
    return board.within(spans)


def _board_to_move(
    work: Work, chosen: Sequence[Place], window: Window, appointment: Appointment
) -> Board:
    whom, minutes = for_move(work, appointment), appointment.minutes
    return free_board(work, chosen, window, minutes=minutes, whom=whom, moving=appointment)


def _first_tick(at: datetime) -> int:
    """Return the first tick that starts at ``at`` or later."""
    return -(-int(at.timestamp() * 1000) // 300_000)


def _after(text: str | None) -> Key | None:
    if text is None:
        return None
    tick, schedule_id, minutes, service_id = cursors.read(text, int, int, int, int, field="_after")
    if not 0 <= tick < 24_000_000:
        raise cursors.BadCursor(field="_after")
    return tick, schedule_id, minutes, service_id


def _rows(found: Mapping[int, Bookable], cells: Sequence[Cell], site: Site) -> list[Row]:
    @cache
    def with_service(
        schedule_id: int, service_id: int, *, is_free: bool
    ) -> tuple[Schedule, Service | Offered | None, Json]:
        place, schedule = found[schedule_id]
        offering = place.offering(service_id or None)
        service = (offering and offering.offered) or schedule.service if is_free else None
        return schedule, service, about(schedule, service, site)

    return [
        Row(
            cell,
            *with_service(cell.schedule_id, cell.service_id, is_free=cell.use is Use.FREE),
        )
        for cell in cells
    ]


RESOURCE = Computed(
    name="Slot",
    rule=Rule.PUBLIC,
    about="Slots in the grid of each schedule, free or taken; taken ones do not show by whom. They "
    "are of the services that service-type, service-category or schedule.actor names; without, of "
    "the first service of each schedule that you can book.",
    show=show,
    find=find,
    read=read,
    parameters={
        "schedule": Reference(
            "The schedule.", {"Schedule": (Schedule.id, read_number)}, path=("schedule",)
        ),
        "start": Start(f"The start, within at most {MOST_DAYS} days.", order="start"),
        "end": End("The end; use it together with start."),
        "status": _STATUS,
        "_id": SlotId("The slot's id."),
        **subject.CODES,
    },
)


class ByOrganization(Reference):
    """The centre, or the department whose services are booked."""

    def match(self, name: str, text: str, modifier: str, asked: Asked) -> Condition | None:
        """Match the schedules of the centre or department."""
        at_centre = super().match(name, text, modifier, asked)
        if at_centre is None:
            return None
        _, own = target_of(text, asked.site.base)
        of_department: Condition = department_key(Department.id) == organization.read_id(own)
        return at_centre | of_department


PROPOSED = replace(
    RESOURCE,
    parameters={
        **RESOURCE.parameters,
        "organization": ByOrganization(
            "The centre or department.",
            {"Organization": (centre_key(Schedule.centre_id), organization.read_id)},
        ),
        "location-string": Text("Part of the address.", Centre.address, Centre.suburb),
    },
)
"""Slots as $find searches them, with the further parameters of IHE's appointment-find."""
