"""Plans of itineraries are those that trying everything finds, the earliest first."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from openslot.booking.itineraries import Gap, Option, Unit, plans
from openslot.schedules.availability import DAY, Window, instant_of
from openslot.schedules.rules import Place

WINDOW = Window(20_545, 4)
"""From 1 April 2026 on: the clocks go back in Sydney on the 5th."""
HALF_HOURS = st.one_of(st.integers(0, 6), st.integers(90, 94), st.integers(0, 150)).map(
    lambda one: one * 6
)
"""Starts: some close together, so that plans exist, some about the change of the clocks."""

ZONES = ("Australia/Sydney", "Asia/Kathmandu")


def place(number: int, practitioner: int | None, zone: str, margin: int) -> Place:
    return Place(
        schedule_id=number,
        centre_id=1,
        practitioner_id=practitioner,
        profession=None,
        expertise=None,
        practitioner_email=None,
        diary_id=practitioner or 100 + number,
        room_id=None,
        closures_id=0,
        zone=ZoneInfo(zone),
        holiday_region=None,
        slot_minutes=30,
        max_slots=2,
        notice_minutes=0,
        horizon_days=90,
        hours=(),
        after=margin,
    )


@st.composite
def options(draw: st.DrawFn) -> list[Option]:
    found = []
    for number in range(draw(st.integers(1, 2))):
        ticks = draw(st.sets(HALF_HOURS, min_size=1, max_size=6))
        found.append(
            Option(
                place(
                    number,
                    draw(st.sampled_from([None, 1, 2])),
                    draw(st.sampled_from(ZONES)),
                    draw(st.sampled_from([0, 30])),
                ),
                sum(1 << tick for tick in ticks),
                draw(st.sampled_from([30, 60])),
            )
        )
    return found


@st.composite
def gaps(draw: st.DrawFn) -> Gap:
    unit = draw(st.sampled_from(Unit))
    few = st.integers(0, 2) if unit is Unit.DAYS else st.integers(0, 12).map(lambda one: one * 15)
    least, most = sorted((draw(few), draw(few)))
    return Gap(least, most, unit)


Found = tuple[tuple[int, int], ...]


def naive(steps: list[list[Option]], between: list[Gap]) -> Iterator[Found]:
    """For each first start the plan that comes first, of all that there are."""
    every = [
        [
            (tick, index)
            for index, option in enumerate(step)
            for tick in range(WINDOW.days * DAY)
            if option.starts >> tick & 1
        ]
        for step in steps
    ]
    fitting = sorted(plan for plan in product(*every) if fits(steps, between, plan))
    last = None
    for plan in fitting:
        if plan[0][0] != last:
            last = plan[0][0]
            yield plan


def fits(steps: list[list[Option]], between: list[Gap], plan: Found) -> bool:
    chosen = [
        (steps[number][index], instant_of(WINDOW.start + tick))
        for number, (tick, index) in enumerate(plan)
    ]
    for (one, start), (_other, after), gap in zip(chosen, chosen[1:], between, strict=False):
        ends = start + timedelta(minutes=one.minutes)
        if gap.unit is Unit.MINUTES:
            if not gap.least <= (after - ends) / timedelta(minutes=1) <= gap.most:
                return False
            continue
        zone = one.place.zone
        days = (after.astimezone(zone).date() - start.astimezone(zone).date()).days
        if after < ends or not gap.least <= days <= gap.most:
            return False
    return not any(
        excluded(chosen[first], chosen[second])
        for second in range(len(chosen))
        for first in range(second)
    )


def excluded(one: tuple[Option, object], other: tuple[Option, object]) -> bool:
    (first, starts), (second, after) = one, other
    if first.place.diary_id != second.place.diary_id:
        return False
    if first.place.practitioner_id is not None:
        days = [
            when.astimezone(option.place.zone).date()  # type: ignore[attr-defined] # an instant
            for option, when in (one, other)
        ]
        if days[0] == days[1]:
            return True
    taken = timedelta(minutes=first.minutes + first.place.after)
    return after < starts + taken  # type: ignore[operator] # instants


def test_what_is_prepared_and_cleaned_up_lies_between_two_steps_in_one_place() -> None:
    """Half an hour after the first: the next free start does not do."""
    one = place(0, None, ZONES[0], margin=30)
    (plan,) = plans(
        [[Option(one, 1, 30)], [Option(one, 1 << 6 | 1 << 12, 30)]], [Gap(0, 60)], WINDOW, limit=1
    )
    assert (plan[1].start - plan[0].end) == timedelta(minutes=30)


@given(
    st.lists(options(), min_size=2, max_size=3).flatmap(
        lambda steps: st.tuples(
            st.just(steps), st.lists(gaps(), min_size=len(steps) - 1, max_size=len(steps) - 1)
        )
    )
)
def test_plans_are_those_that_trying_everything_finds(
    drawn: tuple[list[list[Option]], list[Gap]],
) -> None:
    steps, between = drawn
    found = plans(steps, between, WINDOW, limit=10)
    expected = list(naive(steps, between))[:10]
    assert [
        [(int(slot.start.timestamp()) // 300 - WINDOW.start, slot.schedule_id) for slot in plan]
        for plan in found
    ] == [list(plan) for plan in expected]
