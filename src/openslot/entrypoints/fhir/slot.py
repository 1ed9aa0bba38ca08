"""Slot: the cells of a schedule's grid, free or taken; computed, never stored.

An id has the schedule, the start (in ticks of five minutes since 1970) and the minutes, so that a
free slot can be read again once it is taken.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.orm import Session

from openslot.booking.cells import Board, Cell, Use, free_board, full_board
from openslot.booking.queries import Condition
from openslot.booking.rules import is_offered
from openslot.booking.slots import Booker, free_starts
from openslot.core.actor import Actor
from openslot.core.errors import Malformed
from openslot.core.work import Work
from openslot.directory.models import Centre, Department
from openslot.entrypoints import cursors
from openslot.entrypoints.fhir import dates, organization, subject
from openslot.entrypoints.fhir.elements import Json, Site, instant, reference, resource, target_of
from openslot.entrypoints.fhir.parameters import Reference, Text, read_number, split
from openslot.entrypoints.fhir.queries import centre_key, department_key
from openslot.entrypoints.fhir.resource import Asked, Computed, Parameter
from openslot.entrypoints.fhir.search import Found, Query, Resources, Term, conditions
from openslot.entrypoints.rules import Rule
from openslot.schedules.availability import DAY, Span, Window, instant_of, window_over
from openslot.schedules.models import Schedule
from openslot.schedules.queries import places, subjects
from openslot.schedules.rules import Place

MOST_DAYS = 31
STATUS = "http://hl7.org/fhir/slotstatus"

Key = tuple[int, int, int]
"""Tick, schedule and minutes: the sort order of a search."""

_ID = re.compile(r"([1-9]\d{0,8})-(\d{1,8})-([1-9]\d{0,4})", re.ASCII)


class Row(NamedTuple):
    """A slot with its schedule."""

    cell: Cell
    subject: Schedule


def read_id(text: str) -> Key | None:
    """Return the key of an id like ``schedule-tick-minutes``, or None if it cannot be one."""
    match = _ID.fullmatch(text)
    if match is None:
        return None
    schedule_id, tick, minutes = (int(part) for part in match.groups())
    is_valid = minutes % 5 == 0 and minutes <= 7 * 24 * 60 and tick < 24_000_000
    return (tick, schedule_id, minutes) if is_valid else None


def write_id(key: Sequence[int]) -> str:
    """Return the id of a key."""
    tick, schedule_id, minutes = key
    return f"{schedule_id}-{tick}-{minutes}"


def show(row: Row, site: Site) -> Json:
    """Return the slot; a taken one does not show what it is for."""
    cell, schedule = row
    zone = schedule.zone
    start = instant_of(cell.tick)
    is_free = cell.use is Use.FREE
    return resource(
        "Slot",
        write_id(cell.key),
        None,
        serviceCategory=subject.service_category(schedule, site) if is_free else None,
        serviceType=subject.service_type(schedule, site) if is_free else None,
        specialty=subject.specialty(schedule, site),
        schedule=reference("Schedule", cell.schedule_id),
        status=str(cell.use),
        start=instant(start, zone),
        end=instant(start + timedelta(minutes=cell.minutes), zone),
    )


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
    """Return a page of matching slots, sorted by start; at most four statements."""
    own = ("start", "end", "status", "_id")
    others = [term for term in query.terms if term.name not in own]
    uses = frozenset(Use)
    for term in query.terms:
        if term.name == "status":
            uses &= _STATUS.uses(term)
    keys = _keys(query.terms)
    ends_asked = [_asked_periods(term, asked) for term in query.terms if term.name == "end"]
    periods, assumed = _periods(query.terms, keys, ends_asked, asked)
    where = conditions(PROPOSED, others, resources, asked)
    schedules = _bookable(work.actor, places(work.session, *where), asked.booker)
    board = _board(work, schedules, periods, uses, asked)
    if keys is not None:
        board = board.only(keys)
    for ends in ends_asked:
        board = board.ending(_spans(ends))
    page = board.page(query.count + 1, _after(query.after)) if query.count else []
    shown = page[: query.count]
    after = cursors.write(shown[-1].key) if len(page) > query.count and shown else None
    return Found(_rows(work.session, shown), board.count(), after, assumed)


def read(work: Work, text: str, _asked: Asked) -> Row | None:
    """Return a slot, free or taken; several free slots in a row can be read as one."""
    key = read_id(text)
    if key is None:
        return None
    tick, schedule_id, minutes = key
    schedules = places(work.session, Schedule.id == schedule_id, inactive=True)
    rows = subjects(work.session, Schedule.id == schedule_id)
    if not schedules or not rows:
        return None
    is_bookable = subject.is_bookable(rows[0])
    window = Window(tick // DAY, (minutes * 60 // 300) // DAY + 2)
    uses = frozenset(Use) if is_bookable else frozenset(Use) - {Use.FREE}
    cells = full_board(work, schedules, window, uses=uses).only([key]).page(1)
    if not cells and is_bookable:
        masks = free_starts(work, schedules, window, minutes=minutes)
        if masks[schedule_id] >> (tick - window.start) & 1:
            cells = [Cell(*key, Use.FREE)]
    return Row(cells[0], rows[0]) if cells else None


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
    schedules: Mapping[int, Place],
    periods: Sequence[dates.Period],
    uses: frozenset[Use],
    asked: Asked,
) -> Board:
    spans = [_first_and_last(period) for period in periods if all(period)]
    if not spans or not uses or not schedules:
        return Board(Window(0, 1))
    first, last = min(spans).start, max(span.end for span in spans)
    # A slot may end after the last day, so the next day is needed too.
    window = window_over(instant_of(first), instant_of(last + DAY))
    if uses == {Use.FREE}:
        whom = asked.booker.whom if asked.booker else None
        board = free_board(work, schedules, window, whom=whom)
    else:
        board = full_board(work, schedules, window, uses=uses)
    return board.within(spans)


def _bookable(
    actor: Actor, schedules: Mapping[int, Place], booker: Booker | None
) -> Mapping[int, Place]:
    """Return the schedules that the booker can book, or without one those offered to the actor."""
    return {
        schedule_id: place
        for schedule_id, place in schedules.items()
        if is_offered(actor, place) and not (booker and booker.barrier(place))
    }


def _first_tick(at: datetime) -> int:
    """Return the first tick that starts at ``at`` or later."""
    return -(-int(at.timestamp() * 1000) // 300_000)


def _after(text: str | None) -> Key | None:
    if text is None:
        return None
    tick, schedule_id, minutes = cursors.read(text, int, int, int, field="_after")
    if not 0 <= tick < 24_000_000:
        raise cursors.BadCursor(field="_after")
    return tick, schedule_id, minutes


def _rows(session: Session, cells: Sequence[Cell]) -> list[Row]:
    if not cells:
        return []
    ids = {cell.schedule_id for cell in cells}
    by_id = {schedule.id: schedule for schedule in subjects(session, Schedule.id.in_(ids))}
    return [Row(cell, by_id[cell.schedule_id]) for cell in cells]


RESOURCE = Computed(
    name="Slot",
    rule=Rule.PUBLIC,
    about="Slots in the grid of each schedule, free or taken; taken ones do not show by whom.",
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
