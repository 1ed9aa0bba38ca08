"""Who is free first: found without looking at everybody, and the same as if everybody was."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openslot.booking.slots import Board
from openslot.directory.models import BookableBy, Mode
from openslot.schedules.availability import DAY, TICK, Weekly, Window, instant_of, ones
from openslot.schedules.known import Bookable
from openslot.schedules.models import Schedule, StartsFrom
from openslot.schedules.openings import KnownOpenings
from openslot.schedules.rules import Offered, Place, first_tick, times_of
from openslot.search import soonest
from openslot.search.soonest import Candidate, free_first
from openslot.search.times import NEVER
from property.test_availability import zones_and_windows
from property.test_free_starts import OWNER, a_place, all_hours, all_lengths, taken_times

ENDS = 5_000
"""The tick at which the searches end; SOON has 864."""


class Person(NamedTuple):
    """Somebody who opens at a tick, and is free later by so many ticks, or never."""

    opens: int
    later: int | None
    score: int

    @property
    def free(self) -> int:
        """The first free tick of the search."""
        tick = NEVER if self.later is None else self.opens + self.later
        return tick if tick < ENDS else NEVER


few = st.integers(0, 3)
people = st.lists(
    st.builds(
        Person,
        opens=few | st.integers(0, 2_000) | st.just(NEVER),
        later=few | st.integers(0, 4_000) | st.none(),
        score=few,
    ),
    max_size=60,
)


@given(people=people, count=st.integers(1, 20), first_look=st.integers(1, 10))
def test_who_is_free_first_is_who_would_be_if_all_were_looked_at(
    people: list[Person], count: int, first_look: int
) -> None:
    ranks = {number: (-one.score, number) for number, one in enumerate(people)}
    looked: list[int] = []

    def look(numbers: Sequence[int], before: int) -> list[int]:
        looked.extend(numbers)
        ticks = [people[number].free for number in numbers]
        return [tick if tick < before else NEVER for tick in ticks]

    everybody = sorted(ranks, key=lambda number: (people[number].free, ranks[number]))
    candidates = sorted(Candidate(one.opens, ranks[n], n) for n, one in enumerate(people))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(soonest, "FIRST_LOOK", first_look)
        patched.setattr(soonest, "WIDER", 2)
        assert free_first(candidates, count, look, ends=ENDS) == everybody[:count]
    assert all(looked.count(number) <= 2 for number in looked)


def test_most_are_not_looked_at_where_many_are_free() -> None:
    looked: list[int] = []

    def look(numbers: Sequence[int], _before: int) -> list[int]:
        looked.extend(numbers)
        return [number // 10 if number % 10 else NEVER for number in numbers]

    candidates = (Candidate(number // 10, number, number) for number in range(10_000))
    assert free_first(candidates, 4, look, ends=ENDS) == [1, 2, 3, 4]
    assert len(set(looked)) == soonest.FIRST_LOOK


@st.composite
def places(draw: st.DrawFn, zone: ZoneInfo) -> Place:
    """A place of any kind, with services or without."""
    place = a_place(draw(all_hours), zone, (), draw(all_lengths))._replace(
        schedule_id=draw(st.integers(1, 7)),
        starts_from=draw(st.sampled_from(StartsFrom)),
        flush=draw(st.booleans()),
        step_minutes=draw(st.sampled_from([None, 5, 20, 60])),
        notice_minutes=draw(st.sampled_from([0, 7, 120, 2880])),
        horizon_days=draw(st.sampled_from([1, 400])),
        holiday_region=draw(st.sampled_from([None, "AU-NSW"])),
    )
    offered = draw(st.lists(services, max_size=2))
    named = [one._replace(service_id=number) for number, one in enumerate(offered, 1)]
    return place.offering_all(named)


services = st.builds(
    Offered,
    service_id=st.just(0),
    name=st.just("Service"),
    category=st.none(),
    minutes=st.sampled_from([10, 45]),
    before=st.sampled_from([0, 15]),
    after=st.sampled_from([0, 15]),
    mode=st.just(Mode.IN_PERSON),
    bookable_by=st.just(BookableBy.PUBLIC),
    notice_minutes=st.sampled_from([0, 60]),
    horizon_days=st.just(30),
    most_a_day=st.none(),
    most_ahead=st.none(),
    places=st.sampled_from([1, 12]),
    needs=st.just(()),
)


@settings(max_examples=100, deadline=None)
@given(
    data=st.data(),
    where=zones_and_windows(),
    taken=taken_times(),
    after=st.timedeltas(timedelta(0), timedelta(days=3)),
)
def test_nothing_is_free_before_its_schedule_opens(
    data: st.DataObject, where: tuple[ZoneInfo, Window], taken: int, after: timedelta
) -> None:
    zone, window = where
    place = data.draw(places(zone))
    # A search reads what is needed before its first day too, and more days than are known.
    read = Window(window.first - 1, window.days + 8)
    schedules = {place.schedule_id: Bookable(place, Schedule())}
    known, begins = KnownOpenings(), datetime.fromtimestamp(window.start * 300, UTC)
    for now in (begins, begins + after, begins + after + data.draw(st.sampled_from([TICK, after]))):
        opens = known.at(schedules, first_tick(now)).ticks[place.schedule_id]
        for each in place.for_each():
            free = Board(read, {OWNER: taken}, now).free_starts(each)
            if free:
                first = read.start + (free & -free).bit_length() - 1
                assert first >= opens, (instant_of(first), instant_of(opens))


SYDNEY = ZoneInfo("Australia/Sydney")
A_DAY = a_place((Weekly(0, 9 * 60, 17 * 60), Weekly(3, 9 * 60, 17 * 60)), SYDNEY, (), (0, 30, 0))


def opens(known: KnownOpenings, place: Place, *when: int) -> datetime:
    """When a place opens, as of a time of November 2026."""
    tick = first_tick(datetime(2026, 11, *when, tzinfo=SYDNEY))
    schedules = {1: Bookable(place, Schedule())}
    return instant_of(known.at(schedules, tick).ticks[1]).astimezone(SYDNEY)


def test_a_schedule_opens_at_its_first_start_after_the_notice() -> None:
    known, place = KnownOpenings(), A_DAY._replace(notice_minutes=60)
    for when, expected in {
        (30, 7, 59): datetime(2026, 11, 30, 9, 0, tzinfo=SYDNEY),
        (30, 8, 0): datetime(2026, 11, 30, 9, 0, tzinfo=SYDNEY),
        (30, 8, 0, 1): datetime(2026, 11, 30, 9, 30, tzinfo=SYDNEY),
        (30, 16, 0): datetime(2026, 12, 3, 9, 0, tzinfo=SYDNEY),
        (2, 8, 0): datetime(2026, 11, 2, 9, 0, tzinfo=SYDNEY),  # as another process may ask later
    }.items():
        assert opens(known, place, *when) == expected


def test_what_starts_beside_others_opens_with_its_hours() -> None:
    place = A_DAY._replace(flush=True)
    assert opens(KnownOpenings(), place, 30, 9, 5) == datetime(2026, 11, 30, 9, 5, tzinfo=SYDNEY)
    assert opens(KnownOpenings(), place, 30, 8, 5) == datetime(2026, 11, 30, 9, 0, tzinfo=SYDNEY)


@given(data=st.data(), where=zones_and_windows())
def test_times_of_a_window_are_those_of_a_wider_one(
    data: st.DataObject, where: tuple[ZoneInfo, Window]
) -> None:
    zone, window = where
    place, inside = data.draw(places(zone)), ones(window.days * DAY)
    times = times_of(place, window)
    wide = times_of(place, Window(window.first - 2, window.days + 4))
    assert times.opened == wide.opened >> 2 * DAY & inside
    assert times.starts & inside == wide.starts >> 2 * DAY & inside


def test_what_is_prepared_on_the_day_before_is_known() -> None:
    begins = (Weekly(0, 9 * 60 + 30, 12 * 60),)
    place = A_DAY._replace(hours=begins, before=30)  # the day of UTC begins at 11 here
    for when in ((30, 10, 50), (30, 10, 57), (30, 11, 0)):
        assert opens(KnownOpenings(), place, *when) == datetime(2026, 11, 30, 11, 0, tzinfo=SYDNEY)


def test_sessions_can_be_made_at_any_time() -> None:
    place = A_DAY._replace(places=12)
    assert opens(KnownOpenings(), place, 30, 5, 35) == datetime(2026, 11, 30, 5, 35, tzinfo=SYDNEY)


def test_a_schedule_opens_by_whichever_of_its_services_is_first() -> None:
    offered = [
        Offered(
            service_id=number,
            name="Service",
            category=None,
            minutes=30,
            before=0,
            after=0,
            mode=Mode.IN_PERSON,
            bookable_by=BookableBy.PUBLIC,
            notice_minutes=notice,
            horizon_days=30,
            most_a_day=None,
            most_ahead=None,
        )
        for number, notice in ((1, 120), (2, 0))
    ]
    place = A_DAY.offering_all(offered)
    assert opens(KnownOpenings(), place, 30, 9, 5) == datetime(2026, 11, 30, 9, 30, tzinfo=SYDNEY)


def test_a_changed_schedule_opens_by_its_new_hours() -> None:
    known = KnownOpenings()
    opens(known, A_DAY, 30, 5, 0)
    earlier = A_DAY._replace(hours=(Weekly(0, 7 * 60, 8 * 60),))
    assert opens(known, earlier, 30, 5, 0) == datetime(2026, 11, 30, 7, 0, tzinfo=SYDNEY)
