"""Slot: the cells of a schedule's grid, free or taken; worked out, never stored.

An id says schedule, start (in ticks of five minutes since 1970) and minutes, so that what was
free can be read again once it is taken.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.orm import Session

from openslot.booking.cells import Board, Cell, Use, free_board, full_board
from openslot.booking.queries import Condition
from openslot.booking.slots import free_starts
from openslot.booking.whom import Booker
from openslot.core.errors import Malformed
from openslot.directory.models import Centre, Department
from openslot.entrypoints import cursors
from openslot.entrypoints.fhir import dates, organization, subject
from openslot.entrypoints.fhir.elements import Json, Site, instant, reference, resource
from openslot.entrypoints.fhir.parameters import Reference, Text, read_number, split
from openslot.entrypoints.fhir.queries import centre_key, department_key
from openslot.entrypoints.fhir.resource import Asked, Computed, Parameter
from openslot.entrypoints.fhir.search import (
    Found,
    Query,
    Resources,
    Term,
    conditions,
)
from openslot.entrypoints.rules import Rule
from openslot.schedules.availability import DAY, Span, Window, instant_of, window_over
from openslot.schedules.models import Schedule
from openslot.schedules.queries import places, subjects
from openslot.schedules.rules import Place

MOST_DAYS = 31
STATUS = "http://hl7.org/fhir/slotstatus"

Key = tuple[int, int, int]
"""Tick, schedule, minutes: in the order of the search."""

_ID = re.compile(r"([1-9]\d{0,8})-(\d{1,8})-([1-9]\d{0,4})", re.ASCII)


class Row(NamedTuple):
    """A slot with whom or what it books."""

    cell: Cell
    subject: Schedule


def read_id(text: str) -> Key | None:
    """The key in ``schedule-tick-minutes``; None for what cannot be one."""
    match = _ID.fullmatch(text)
    if match is None:
        return None
    schedule_id, tick, minutes = (int(part) for part in match.groups())
    is_whole = minutes % 5 == 0 and minutes <= 7 * 24 * 60 and tick < 24_000_000
    return (tick, schedule_id, minutes) if is_whole else None


def write_id(key: Sequence[int]) -> str:
    """The id of a key."""
    tick, schedule_id, minutes = key
    return f"{schedule_id}-{tick}-{minutes}"


def show(row: Row, site: Site) -> Json:
    """The slot; of what is taken it is not said what for."""
    cell, known = row
    zone = known.zone
    start = instant_of(cell.tick)
    is_free = cell.use is Use.FREE
    return resource(
        "Slot",
        write_id(cell.key),
        None,
        serviceCategory=subject.service_category(known, site) if is_free else None,
        serviceType=subject.service_type(known, site) if is_free else None,
        specialty=subject.specialty(known, site),
        schedule=reference("Schedule", cell.schedule_id),
        status=str(cell.use),
        start=instant(start, zone),
        end=instant(start + timedelta(minutes=cell.minutes), zone),
    )


class Start(Parameter):
    """When it starts; the search sees to it by itself."""

    kind, descends = "date", False


class SlotStatus(Parameter):
    """Free or not; the search sees to it by itself."""

    modifiers = frozenset({"not"})

    def uses(self, term: Term) -> frozenset[Use]:
        """What a term asks for. Malformed for a word that no slot has."""
        found = set()
        for value in term.values:
            system, code = split(value)
            if code not in (*Use, "entered-in-error"):
                raise Malformed(
                    "Give status as one of: {codes}.", field="status", codes=", ".join(Use)
                )
            if system in (None, STATUS) and code in set(Use):
                found.add(Use(code))
        return frozenset(Use) - found if term.modifier == "not" else frozenset(found)


class SlotId(Parameter):
    """The id; the search sees to it by itself."""


_STATUS = SlotStatus("free, busy, busy-tentative (held) or busy-unavailable (an absence).")


_EARLIEST, _LATEST = (
    datetime.fromisoformat(f"{year}-01-01T00:00:00+00:00") for year in (1970, 2190)
)


def find(session: Session, query: Query, resources: Resources, asked: Asked) -> Found:
    """The slots that fit, by start; four statements at most."""
    own = ("start", "status", "_id")
    others = [term for term in query.terms if term.name not in own]
    uses = frozenset(Use)
    for term in query.terms:
        if term.name == "status":
            uses &= _STATUS.uses(term)
    keys = _keys(query.terms)
    periods, more = _periods(query.terms, keys, asked)
    where = conditions(PROPOSED, others, resources, asked)
    able = _bookable(places(session, *where), asked.booker)
    board = _board(session, able, periods, uses, asked)
    if keys is not None:
        board = board.only(keys)
    page = board.page(query.count + 1, _after(query.after)) if query.count else []
    shown = page[: query.count]
    after = cursors.write(shown[-1].key) if len(page) > query.count and shown else None
    return Found(_rows(session, shown), board.count(), after, more)


def read(session: Session, text: str, asked: Asked) -> Row | None:
    """One slot, whoever has taken it since; also of several free slots in a row as one."""
    key = read_id(text)
    if key is None:
        return None
    tick, schedule_id, minutes = key
    found = places(session, Schedule.id == schedule_id, inactive=True)
    known = subjects(session, Schedule.id == schedule_id)
    if not found or not known:
        return None
    is_bookable = subject.is_bookable(known[0])
    window = Window(tick // DAY, (minutes * 60 // 300) // DAY + 2)
    now = asked.site.now
    uses = frozenset(Use) if is_bookable else frozenset(Use) - {Use.FREE}
    cells = full_board(session, found, window, now=now, uses=uses).only([key]).page(1)
    if not cells and is_bookable:
        masks = free_starts(session, found, window, now=now, minutes=minutes)
        if masks[schedule_id] >> (tick - window.start) & 1:
            cells = [Cell(*key, Use.FREE)]
    return Row(cells[0], known[0]) if cells else None


def _keys(terms: Sequence[Term]) -> set[Key] | None:
    """The ids that are asked for; None where none are."""
    found = [set(map(read_id, term.values)) for term in terms if term.name == "_id"]
    if not found:
        return None
    return {key for key in set.intersection(*found) if key is not None}


def _periods(
    terms: Sequence[Term], keys: set[Key] | None, asked: Asked
) -> tuple[list[dates.Period], tuple[tuple[str, str], ...]]:
    """When slots may start, and what of that was not said but assumed."""
    periods: list[dates.Period] = [(None, None)]
    if keys is not None:
        periods = [(instant_of(tick), instant_of(tick + 1)) for tick, *_ in sorted(keys)]
    for term in terms:
        if term.name == "start":
            one = [
                period
                for value in term.values
                for period in dates.read("start", value, asked.zone).periods()
            ]
            periods = dates.within(periods, one)
    if not periods:
        return [], ()
    low = min((low for low, _ in periods if low), default=None)
    high = max((high for _, high in periods if high), default=None)
    low = None if any(begin is None for begin, _ in periods) else low
    high = None if any(end is None for _, end in periods) else high
    bound, more = _bound(low, high)
    periods = dates.within(periods, [bound])
    return dates.within(periods, [(_EARLIEST, _LATEST)]), more


def _bound(
    low: datetime | None, high: datetime | None
) -> tuple[dates.Period, tuple[tuple[str, str], ...]]:
    """At most MOST_DAYS; from a start without an end so many days on, said in the self link."""
    most = timedelta(days=MOST_DAYS)
    if low is not None and high is None:
        high = low + most
        return (low, high), (("start", f"lt{instant(high)}"),)
    if low is None or high is None or high - low > most:
        raise Malformed(
            "Say from when and until when slots are to start, at most {days} days, such as "
            "start=ge2027-03-08&start=lt2027-03-15.",
            field="start",
            days=MOST_DAYS,
        )
    return (low, high), ()


def _board(
    session: Session,
    found: Mapping[int, Place],
    periods: Sequence[dates.Period],
    uses: frozenset[Use],
    asked: Asked,
) -> Board:
    spans = [Span(_first_tick(low), _first_tick(high)) for low, high in periods if low and high]
    if not spans or not uses or not found:
        return Board(Window(0, 1))
    first, last = min(spans).start, max(span.end for span in spans)
    # A slot may run on after the last start: one more day shows whether it is free.
    window = window_over(instant_of(first), instant_of(last + DAY))
    if uses == {Use.FREE}:
        whom = asked.booker.whom if asked.booker else None
        board = free_board(session, found, window, now=asked.site.now, whom=whom)
    else:
        board = full_board(session, found, window, now=asked.site.now, uses=uses)
    return board.within(spans)


def _bookable(found: Mapping[int, Place], booker: Booker | None) -> Mapping[int, Place]:
    """What the booker can book; all, without one."""
    return {key: one for key, one in found.items() if not (booker and booker.barrier(one))}


def _first_tick(at: datetime) -> int:
    """The first tick that starts at ``at`` or later."""
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
    known = {one.id: one for one in subjects(session, Schedule.id.in_(ids))}
    return [Row(cell, known[cell.schedule_id]) for cell in cells]


RESOURCE = Computed(
    name="Slot",
    rule=Rule.PUBLIC,
    about="Times by the grid of each schedule, free or taken; busy ones do not say by whom.",
    show=show,
    find=find,
    read=read,
    parameters={
        "schedule": Reference(
            "The schedule.", {"Schedule": (Schedule.id, read_number)}, path=("schedule",)
        ),
        "start": Start(f"The start, within at most {MOST_DAYS} days.", order="start"),
        "status": _STATUS,
        "_id": SlotId("The slot's id."),
        **subject.CODES,
    },
)


class ByOrganization(Reference):
    """Slots at a centre, or of a department's services."""

    def match(self, name: str, text: str, modifier: str, asked: Asked) -> Condition | None:
        """The schedules of the centre or of the department."""
        at_centre = super().match(name, text, modifier, asked)
        if at_centre is None:
            return None
        own = text.removeprefix(f"{asked.site.base}/").removeprefix("Organization/")
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
"""What $find searches: slots, by what IHE's appointment-find has besides."""
