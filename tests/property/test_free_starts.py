"""Free starts with margins and needed members, over changes of the clock, against an oracle that
tries every start and every choice of members."""

from datetime import UTC, datetime
from functools import reduce
from itertools import product
from operator import or_
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from openslot.booking.slots import Board, soonest
from openslot.schedules.availability import DAY, Weekly, Window, bits
from openslot.schedules.errors import BadHours, HoursOverlap, LongNight
from openslot.schedules.needs import Member, Need
from openslot.schedules.rules import Place, check_hours
from property.test_availability import (
    oracle,
    periods,
    recurring,
    starts_by_oracle,
    zones_and_windows,
)

OWNER = 1
EVERY_NIGHT = tuple(Weekly(day, 20 * 60, 10 * 60) for day in range(7))
margins = st.sampled_from([0, 5, 15, 30])
all_lengths = st.tuples(margins, st.sampled_from([10, 25, 50, 75]), margins)


def _sorted(hours: list[Weekly]) -> tuple[Weekly, ...]:
    try:
        return check_hours(hours)
    except (HoursOverlap, LongNight, BadHours):
        return EVERY_NIGHT


all_hours = st.just(EVERY_NIGHT) | st.lists(periods() | recurring(), min_size=1, max_size=2).map(
    _sorted
)


@st.composite
def members(draw: st.DrawFn) -> dict[int, Member]:
    """Two machines, which serve at any time, and somebody with hours."""
    machines = [Member(key, key, f"Machine {key}", "device") for key in (2, 3)]
    person = Member(4, 4, "Person", hours=draw(all_hours))
    return {one.diary_id: one for one in [*machines, person]}


@st.composite
def taken_times(draw: st.DrawFn) -> int:
    """Some spans of a window of six days at most."""
    spans = draw(st.lists(st.tuples(st.integers(0, 6 * DAY), st.integers(1, 60)), max_size=12))
    return reduce(or_, ((1 << length) - 1 << start for start, length in spans), 0)


def a_place(
    hours: tuple[Weekly, ...],
    zone: ZoneInfo,
    needs: tuple[Need, ...],
    lengths: tuple[int, int, int],
) -> Place:
    before, minutes, after = lengths
    return Place(
        schedule_id=1,
        centre_id=1,
        practitioner_id=None,
        profession=None,
        expertise=None,
        practitioner_email=None,
        diary_id=OWNER,
        room_id=None,
        closures_id=0,
        zone=zone,
        holiday_region=None,
        slot_minutes=minutes,
        max_slots=1,
        notice_minutes=0,
        horizon_days=9999,
        hours=hours,
        before=before,
        after=after,
        needs=needs,
    )


@settings(max_examples=25, deadline=None)
@given(
    data=st.data(),
    where=zones_and_windows(),
    hours=all_hours,
    able=members(),
    lengths=all_lengths,
)
def test_a_start_is_free_exactly_if_everybody_is_there_with_time_around_it(
    data: st.DataObject,
    where: tuple[ZoneInfo, Window],
    hours: tuple[Weekly, ...],
    able: dict[int, Member],
    lengths: tuple[int, int, int],
) -> None:
    zone, window = where
    choices = st.lists(st.sampled_from(sorted(able)), min_size=1, max_size=3, unique=True)
    needed = data.draw(st.lists(choices, max_size=2))
    needs = tuple(tuple(able[key] for key in sorted(need)) for need in needed)
    taken = {key: data.draw(taken_times()) for key in (OWNER, *able)}
    place = a_place(hours, zone, needs, lengths)
    found = Board(window, taken, datetime(2020, 1, 1, tzinfo=UTC)).free_starts(place)

    before, minutes, after = (length // 5 for length in lengths)
    length = before + minutes + after
    busy_starts = set()
    for period in hours:
        busy_starts |= starts_by_oracle(period, zone, window, length * 5, length * 5)
    free = {OWNER: oracle(hours, zone, window) & ~taken[OWNER]}
    for key, member in able.items():
        opened = ~0 if member.hours is None else oracle(member.hours, zone, window)
        free[key] = opened & ~taken[key]

    def is_free(key: int, at: int) -> bool:
        return all(free[key] >> tick & 1 for tick in range(at, at + length))

    def is_served(at: int) -> bool:
        able_then = [[key for key in need if is_free(key, at)] for need in needed]
        return any(len(set(chosen)) == len(chosen) for chosen in product(*able_then))

    expected = {
        at + before
        for at in (start - window.start for start in busy_starts)
        if at + length <= window.days * DAY and is_free(OWNER, at) and is_served(at)
    }
    assert set(bits(found)) == expected


@given(
    st.dictionaries(st.integers(1, 9), st.integers(0, 2**12 - 1)),
    st.none() | st.integers(1, 30),
)
def test_the_soonest_of_many_are_those_of_all_in_order(
    masks: dict[int, int], limit: int | None
) -> None:
    every = sorted(
        (bit, key) for key, mask in masks.items() for bit in range(12) if mask >> bit & 1
    )
    assert list(soonest(masks, limit)) == every[:limit]
