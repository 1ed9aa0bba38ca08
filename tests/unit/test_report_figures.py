"""Figures of reports against worlds that are small enough to reckon by hand."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from factories import ALL_DAY, SYDNEY, WEEKDAYS
from openslot.booking.models import Status
from openslot.core.actor import Actor, Role
from openslot.core.errors import Forbidden, NotFound
from openslot.core.spreadsheets import harmless
from openslot.entrypoints.web.charts import LEFT, WIDTH, Bar, lying, upright
from openslot.entrypoints.web.csv_file import line
from openslot.reports import figures
from openslot.reports.errors import PeriodBackwards, PeriodTooLong, UnknownChoice
from openslot.reports.figures import Booked, Free, Offer, Tally, Use, Wait
from openslot.reports.rules import (
    SERVICES,
    Group,
    Period,
    Scope,
    check_centre,
    check_kind,
    check_period,
    last_weeks,
    scope_of,
)
from openslot.schedules.availability import Weekly, mask_of, span_between
from openslot.schedules.rules import Place

PERTH = ZoneInfo("Australia/Perth")
OFFERS = {
    1: Offer(10, "Banksia", "GP", "GP", SYDNEY),
    2: Offer(10, "Banksia", "Dentist", "Dentist", SYDNEY),
    3: Offer(20, "acacia", "GP", "GP", PERTH),
}
NOVEMBER = Period(date(2026, 11, 2), date(2026, 11, 15))
"""Two weeks, Monday to Sunday."""

NOW = datetime(2026, 11, 10, 1, 0, tzinfo=UTC)
"""Tuesday 10 November, noon in Sydney."""


def booked(
    schedule: int,
    day: int,
    hour: int = 10,
    *,
    status: Status = Status.FULFILLED,
    days_before: int = 3,
    minutes: int = 30,
) -> Booked:
    """An appointment on a day of November, at an hour of the schedule's centre; in UTC, as it is
    read."""
    starts = datetime(2026, 11, day, hour, tzinfo=OFFERS[schedule].zone).astimezone(UTC)
    ends = starts + timedelta(minutes=minutes)
    return Booked(schedule, starts, ends, status, starts - timedelta(days=days_before))


def place(schedule: int, diary: int, hours: tuple[Weekly, ...] = WEEKDAYS) -> Place:
    """A schedule that is open from nine to five on weekdays."""
    offer = OFFERS[schedule]
    return Place(
        schedule,
        offer.centre_id,
        diary,
        offer.kind,
        None,
        None,
        diary,
        None,
        100 + offer.centre_id,
        offer.zone,
        None,
        30,
        4,
        0,
        180,
        hours,
    )


# Appointments


def test_appointments_are_counted_in_the_week_of_their_start() -> None:
    appointments = [booked(1, 2), booked(1, 8), booked(2, 9), booked(3, 15, 23)]
    found = figures.tallies(appointments, OFFERS, NOVEMBER, Group.WEEK, now=NOW)
    assert [(key, one.appointments) for key, one in found.rows.items()] == [
        (date(2026, 11, 2), 2),
        (date(2026, 11, 9), 2),
    ]


def test_weeks_are_those_of_the_centres_own_calendar() -> None:
    """Sunday 23:00 in Perth is Monday already in Sydney."""
    appointments = [booked(3, 8, 23)]
    found = figures.tallies(appointments, OFFERS, NOVEMBER, Group.WEEK, now=NOW)
    assert found.rows[date(2026, 11, 2)].appointments == 1


def test_appointments_outside_the_period_are_left_out() -> None:
    appointments = [booked(1, 1, 23), booked(1, 16, 0)]
    found = figures.tallies(appointments, OFFERS, NOVEMBER, Group.WEEK, now=NOW)
    assert found.total == Tally()


def test_cancelled_appointments_are_told_apart_and_errors_are_left_out() -> None:
    appointments = [
        booked(1, 3),
        booked(1, 4, status=Status.CANCELLED),
        booked(1, 5, status=Status.ENTERED_IN_ERROR),
        booked(1, 6, status=Status.HELD),
        booked(1, 6, status=Status.EXPIRED),
    ]
    total = figures.tallies(appointments, OFFERS, NOVEMBER, Group.WEEK, now=NOW).total
    assert (total.appointments, total.cancelled, total.leads) == (1, 1, [3])


def test_only_appointments_whose_time_has_come_can_have_been_missed() -> None:
    appointments = [
        booked(1, 3, status=Status.NO_SHOW),
        booked(1, 4),
        booked(1, 10, 12, status=Status.BOOKED),
        booked(1, 10, 13, status=Status.BOOKED),
    ]
    total = figures.tallies(appointments, OFFERS, NOVEMBER, Group.WEEK, now=NOW).total
    assert (total.due, total.missed) == (3, 1)
    assert total.missed_share == pytest.approx(1 / 3)


def test_nothing_due_is_no_share() -> None:
    assert Tally().missed_share is None
    assert Tally().lead(0.5) is None


def test_centres_stand_by_name_and_professions_too_also_without_appointments() -> None:
    by_centre = figures.tallies([booked(1, 3)], OFFERS, NOVEMBER, Group.CENTRE, now=NOW)
    assert [(key, one.appointments) for key, one in by_centre.rows.items()] == [(20, 0), (10, 1)]
    by_kind = figures.tallies([booked(2, 3)], OFFERS, NOVEMBER, Group.PROFESSION, now=NOW)
    assert [(key, one.appointments) for key, one in by_kind.rows.items()] == [
        ("Dentist", 1),
        ("GP", 0),
    ]


def test_lead_times_are_days_of_the_calendar_by_nearest_rank() -> None:
    appointments = [booked(1, 3, 8 + number, days_before=number) for number in range(1, 11)]
    total = figures.tallies(appointments, OFFERS, NOVEMBER, Group.WEEK, now=NOW).total
    assert (total.lead(0.5), total.lead(0.9)) == (5, 9)


def test_a_day_counts_by_its_date_and_not_by_24_hours() -> None:
    late = datetime(2026, 11, 2, 23, 0, tzinfo=SYDNEY)
    early = datetime(2026, 11, 3, 1, 0, tzinfo=SYDNEY)
    appointment = Booked(1, early, early + timedelta(minutes=30), Status.BOOKED, late)
    assert figures.tallies([appointment], OFFERS, NOVEMBER, Group.WEEK, now=NOW).total.leads == [1]


def test_what_was_written_down_after_the_appointment_has_no_lead_time() -> None:
    total = figures.tallies(
        [booked(1, 3, days_before=-2)], OFFERS, NOVEMBER, Group.WEEK, now=NOW
    ).total
    assert (total.appointments, total.leads) == (1, [])


# Open time


def uses(appointments: list[Booked], places: list[Place], **more: object) -> figures.Uses:
    """How much of the places is used in NOVEMBER."""
    by_id = {one.schedule_id: one for one in places}
    given = {"away": {}, "period": NOVEMBER, "group": Group.WEEK, **more}
    given.setdefault("window", figures.window_of(given["period"]))  # type: ignore[arg-type]
    return figures.uses(appointments, by_id, OFFERS, **given)  # type: ignore[arg-type] # by name


def test_open_time_is_the_hours_and_what_is_booked_of_them() -> None:
    found = uses([booked(1, 3, minutes=120), booked(1, 9)], [place(1, 5)])
    assert found.rows == {date(2026, 11, 2): Use(5 * 480, 120), date(2026, 11, 9): Use(5 * 480, 30)}
    assert found.total == Use(4800, 150)
    assert found.total.share == pytest.approx(150 / 4800)


def test_absences_and_closures_are_not_open() -> None:
    window = figures.window_of(NOVEMBER)
    monday = mask_of(
        [
            span_between(
                datetime(2026, 11, 2, 0, tzinfo=SYDNEY), datetime(2026, 11, 3, 0, tzinfo=SYDNEY)
            )
        ],
        window,
    )
    morning = mask_of(
        [
            span_between(
                datetime(2026, 11, 3, 9, tzinfo=SYDNEY), datetime(2026, 11, 3, 12, tzinfo=SYDNEY)
            )
        ],
        window,
    )
    appointments = [booked(1, 2), booked(1, 3, 11), booked(1, 3, 13)]
    found = uses(appointments, [place(1, 5)], away={110: monday, 5: morning})
    assert found.total == Use(4800 - 480 - 180, 30)


def test_appointments_outside_the_hours_are_not_counted_as_use() -> None:
    assert uses([booked(1, 7), booked(1, 3, 20)], [place(1, 5)]).total == Use(4800, 0)


def test_cancelled_appointments_use_nothing_and_missed_ones_do() -> None:
    appointments = [booked(1, 3, status=Status.CANCELLED), booked(1, 4, status=Status.NO_SHOW)]
    assert uses(appointments, [place(1, 5)]).total.booked == 30


def test_time_at_either_place_counts_at_both_and_once_in_the_whole() -> None:
    offers_at_two = {1: OFFERS[1], 2: OFFERS[2]._replace(centre_id=20, centre="acacia")}
    found = figures.uses(
        [booked(1, 3), booked(2, 4)],
        {1: place(1, 5), 2: place(2, 5)},
        offers_at_two,
        {},
        NOVEMBER,
        Group.CENTRE,
        window=figures.window_of(NOVEMBER),
    )
    assert found.rows == {10: Use(4800, 30), 20: Use(4800, 30)}
    assert found.total == Use(4800, 60)


@pytest.mark.parametrize(("sunday", "hours"), [(date(2026, 10, 4), 23), (date(2026, 4, 5), 25)])
def test_a_day_when_clocks_change_has_its_own_length(sunday: date, hours: int) -> None:
    found = uses([], [place(1, 5, ALL_DAY)], period=Period(sunday, sunday))
    assert found.total.open == 60 * hours


def test_weeks_around_a_change_of_clocks_hold_all_appointments_of_their_days() -> None:
    starts = datetime(2026, 10, 4, 23, 30, tzinfo=SYDNEY)
    appointment = Booked(1, starts, starts + timedelta(minutes=30), Status.BOOKED, starts)
    period = Period(date(2026, 9, 28), date(2026, 10, 11))
    found = uses([appointment], [place(1, 5, ALL_DAY)], period=period)
    assert found.rows[date(2026, 9, 28)] == Use(7 * 1440 - 60, 30)
    assert found.rows[date(2026, 10, 5)] == Use(7 * 1440, 0)


# Waiting


def free(schedule: int, diary: int, *days: int) -> Free:
    """Free starts on days of November, at ten, eleven, twelve."""
    zone = OFFERS[schedule].zone
    starts = [datetime(2026, 11, day, 10 + number, tzinfo=zone) for number, day in enumerate(days)]
    return Free(schedule, diary, starts)


def test_the_wait_is_to_the_third_free_start_and_counts_days() -> None:
    found = figures.waits([free(1, 5, 10, 11, 17)], OFFERS, Group.WEEK, now=NOW)
    assert found.rows == {("GP", 10): Wait(7, 7, 1)}


def test_together_people_are_free_sooner_than_one_of_them() -> None:
    waiting = [free(1, 5, 11, 12, 20), free(3, 6, 13, 20, 21), free(2, 7, 10, 10, 10)]
    found = figures.waits(waiting, OFFERS, Group.PROFESSION, now=NOW)
    assert found.rows == {("GP", None): Wait(3, 10, 2), ("Dentist", None): Wait(0, 0, 1)}


def test_whoever_can_be_at_either_place_is_free_once() -> None:
    waiting = [free(1, 5, 11, 12, 13), free(2, 5, 11, 12, 13)]
    assert figures.waits(waiting, OFFERS, Group.CENTRE, now=NOW).rows[None, 10].first == 3


def test_fewer_than_three_free_starts_are_no_figure() -> None:
    waiting = [free(1, 5, 11, 12), free(2, 6), free(3, 7, 11, 12, 13)]
    total = figures.waits(waiting, OFFERS, Group.WEEK, now=NOW).total
    assert (total.first, total.typical, total.schedules) == (2, None, 3)
    assert figures.waits([], OFFERS, Group.WEEK, now=NOW).total == Wait(None, None, 0)


def test_today_is_the_day_of_the_centre() -> None:
    """One at night on the 10th in Perth is still the 9th in UTC."""
    night = datetime(2026, 11, 9, 17, 0, tzinfo=UTC)
    assert figures.waits([free(3, 5, 11, 11, 11)], OFFERS, Group.WEEK, now=night).total.first == 1


# Rules


def test_weeks_are_cut_to_the_period() -> None:
    period = Period(date(2026, 11, 5), date(2026, 11, 17))
    assert list(period.weeks()) == [
        (date(2026, 11, 5), date(2026, 11, 8)),
        (date(2026, 11, 9), date(2026, 11, 15)),
        (date(2026, 11, 16), date(2026, 11, 17)),
    ]
    assert period.week_of(date(2026, 11, 7)) == date(2026, 11, 5)


def test_the_last_weeks_are_whole_and_over() -> None:
    assert last_weeks(4, date(2026, 11, 18)) == (date(2026, 10, 19), date(2026, 11, 15))
    with pytest.raises(UnknownChoice):
        last_weeks(5, date(2026, 11, 18))


def test_a_period_goes_forward_and_is_no_longer_than_a_year() -> None:
    assert check_period(date(2026, 1, 1), date(2026, 1, 1))
    with pytest.raises(PeriodBackwards):
        check_period(date(2026, 1, 2), date(2026, 1, 1))
    assert check_period(date(2026, 1, 1), date(2027, 1, 6))
    with pytest.raises(PeriodTooLong):
        check_period(date(2026, 1, 1), date(2027, 1, 7))


@pytest.mark.parametrize(
    ("actor", "scope"),
    [
        (Actor(role=Role.NETWORK_ADMIN), Scope()),
        (Actor(role=Role.CENTRE_ADMIN, centre_id=7), Scope(centre_id=7)),
        (Actor(role=Role.PRACTITIONER, practitioner_id=8), Scope(practitioner_id=8)),
    ],
)
def test_everybody_sees_the_figures_of_what_they_run_or_do(actor: Actor, scope: Scope) -> None:
    assert scope_of(actor) == scope


@pytest.mark.parametrize(
    "actor",
    [
        Actor(),
        Actor(role=Role.PATIENT),
        Actor(role=Role.STAFF, centre_id=7, department_id=1),
        Actor(role=Role.CENTRE_ADMIN),
        Actor(role=Role.PRACTITIONER),
    ],
)
def test_others_see_none(actor: Actor) -> None:
    with pytest.raises(Forbidden):
        scope_of(actor)


def test_a_centre_out_of_scope_is_not_there() -> None:
    assert check_centre(None, {1}) is None
    assert check_centre(1, {1}) == 1
    with pytest.raises(NotFound):
        check_centre(2, {1})


def test_professions_are_those_that_there_are() -> None:
    known = {"GP", SERVICES}
    assert [check_kind(kind, known) for kind in ("", "GP", SERVICES)] == [None, "GP", SERVICES]
    with pytest.raises(UnknownChoice):
        check_kind("Astrologer", known)


# Charts and files


def test_bars_stand_within_the_picture_on_a_scale_of_round_numbers() -> None:
    bars = [Bar(f"{number} Nov", number, number + 3) for number in range(1, 27)]
    picture = upright(bars, str)
    assert [text.words for text in picture.texts if text.anchor == "end"] == ["0", "10", "20", "30"]
    for one in [*picture.solid, *picture.dashed]:
        assert one.x >= LEFT
        assert one.x + one.width <= WIDTH
        assert 12 <= one.y <= one.y + one.height <= 140.1
    days = [text.x for text in picture.texts if text.anchor == "middle"]
    assert min(later - sooner for sooner, later in pairwise(days)) >= 50


def test_the_dashed_part_goes_on_where_the_filled_one_ends() -> None:
    picture = lying([Bar("GP", 3, 5), Bar("Dentist", 2)])
    (solid, _), (dashed,) = picture.solid, picture.dashed
    assert (solid.width, dashed.x, dashed.x + dashed.width) == (204, 204, WIDTH)


@pytest.mark.parametrize("bars", [[], [Bar("", None)], [Bar("", 0, 0)]])
def test_nothing_can_be_drawn_too(bars: list[Bar]) -> None:
    assert upright(bars, str).dashed == lying(bars).dashed == []


@pytest.mark.parametrize("start", [*"=+-@\t\r\n＝＋－＠", " =", "\u3000="])
def test_no_cell_of_a_file_begins_a_formula(start: str) -> None:
    assert harmless(f"{start}1+1") == f"'{start}1+1"


def test_a_line_of_a_file_keeps_commas_and_quotes() -> None:
    assert line(['Royal, "Randwick"', "5", ""]) == '"Royal, ""Randwick""",5,\r\n'
