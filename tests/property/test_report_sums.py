"""Whatever the appointments, the figures of reports fit together."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from openslot.booking.models import Status
from openslot.reports import figures
from openslot.reports.figures import COUNTED, Booked, Offer
from openslot.reports.rules import Group, Period
from openslot.schedules.availability import Weekly, bits, instant_of
from openslot.schedules.rules import Place

ZONES = [
    ZoneInfo(name)
    for name in ("Australia/Sydney", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns")
]
HOURS = (Weekly(0, 0, 1440), Weekly(2, 540, 1020), Weekly(5, 1320, 120), Weekly(6, 60, 240))
FIRST = datetime(2026, 3, 20, tzinfo=UTC)
"""Clocks change twice in the half year from here in some of the zones."""

offers = st.lists(
    st.builds(
        lambda centre, kind, zone: Offer(centre, f"Centre {centre}", kind, kind, zone),
        st.integers(1, 3),
        st.sampled_from(["GP", "Dentist", "services"]),
        st.sampled_from(ZONES),
    ),
    min_size=1,
    max_size=4,
).map(lambda found: dict(enumerate(found, 1)))
periods = st.builds(
    lambda start, days: Period(
        date(2026, 3, 23) + timedelta(days=start), date(2026, 3, 23) + timedelta(days=start + days)
    ),
    st.integers(0, 60),
    st.integers(0, 60),
)


@st.composite
def appointments(draw: st.DrawFn) -> list[Booked]:
    """Appointments of up to four schedules, some of which may lie anywhere around the period."""
    found = []
    for _ in range(draw(st.integers(0, 25))):
        starts = FIRST + timedelta(minutes=5 * draw(st.integers(0, 130 * 288)))
        ends = starts + timedelta(minutes=5 * draw(st.integers(1, 24)))
        created = starts - timedelta(minutes=draw(st.integers(-60, 60 * 24 * 40)))
        status = draw(st.sampled_from([*Status]))
        found.append(Booked(draw(st.integers(1, 5)), starts, ends, status, created))
    return found


@given(appointments(), offers, periods, st.sampled_from(Group), st.integers(0, 130))
def test_the_rows_of_appointments_sum_up_to_the_whole(
    given_appointments: list[Booked],
    offered: dict[int, Offer],
    period: Period,
    group: Group,
    days: int,
) -> None:
    now = FIRST + timedelta(days=days)
    found = figures.tallies(given_appointments, offered, period, group, now=now)
    rows = found.rows.values()
    for name in ("appointments", "cancelled", "due", "missed"):
        assert sum(getattr(row, name) for row in rows) == getattr(found.total, name)
    assert Counter(lead for row in rows for lead in row.leads) == Counter(found.total.leads)
    assert found.total.appointments + found.total.cancelled == sum(
        appointment.schedule_id in offered
        and appointment.status in COUNTED
        and period.first
        <= appointment.starts.astimezone(offered[appointment.schedule_id].zone).date()
        <= period.last
        for appointment in given_appointments
    )
    for row in [*rows, found.total]:
        assert 0 <= row.missed <= row.due <= row.appointments
        assert len(row.leads) <= row.appointments
        assert all(lead >= 0 for lead in row.leads)
        assert (row.lead(0.5) or 0) <= (row.lead(0.9) or 0)


@given(appointments(), offers, periods, st.sampled_from(Group), st.integers(0, 2**64))
def test_no_more_is_booked_than_open_and_weeks_sum_up(
    given_appointments: list[Booked],
    offered: dict[int, Offer],
    period: Period,
    group: Group,
    absent: int,
) -> None:
    places = {key: _place(key, offer) for key, offer in offered.items()}
    away = {1: absent << 300, 99: absent << 2000}
    window = figures.window_of(period)
    found = figures.uses(given_appointments, places, offered, away, period, group, window=window)
    rows = found.rows.values()
    assert sum(row.open for row in rows) == found.total.open
    assert sum(row.booked for row in rows) == found.total.booked
    for row in [*rows, found.total]:
        assert 0 <= row.booked <= row.open
        assert row.share is None or 0 <= row.share <= 1


@given(offers, periods)
def test_open_minutes_are_those_of_an_oracle_that_looks_at_each_tick(
    offered: dict[int, Offer], period: Period
) -> None:
    zone = offered[1].zone
    window, places = figures.window_of(period), {1: _place(1, offered[1])}
    found = figures.uses([], places, offered, {}, period, Group.WEEK, window=window)
    expected: Counter[date] = Counter()
    shown = datetime.min  # noqa: DTZ901 - what a clock shows that waits where others go back
    for bit in bits((1 << window.days * 288) - 1):
        local = instant_of(window.start + bit).astimezone(zone).replace(tzinfo=None)
        shown = max(shown, local)
        if period.first <= local.date() <= period.last and _is_open(shown):
            expected[period.week_of(local.date())] += 5
    assert {key: row.open for key, row in found.rows.items() if row.open} == expected


def _is_open(local: datetime) -> bool:
    minute = local.hour * 60 + local.minute
    return any(
        (local.weekday() == weekday and starts <= minute < (ends if ends > starts else 1440))
        or (ends <= starts and local.weekday() == (weekday + 1) % 7 and minute < ends)
        for weekday, starts, ends, *_ in HOURS
    )


def _place(key: int, offer: Offer) -> Place:
    return Place(
        key,
        offer.centre_id,
        key,
        offer.kind,
        None,
        None,
        key,
        None,
        99,
        offer.zone,
        None,
        5,
        4,
        0,
        180,
        HOURS,
    )
