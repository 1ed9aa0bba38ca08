"""The day of a front desk, as it is when one looks: some are done, some wait, one is late."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from openslot.booking.models import Appointment, Status
from openslot.demo.plan import Plan, Planned
from openslot.directory.models import Patient
from openslot.schedules.availability import Span, instant_of, tick_at
from openslot.schedules.rules import Place

DESK = "Parramatta Family Practice"
"""The centre, whose practitioners work every day."""

FULL = 0.6
"""The share of its slots that are booked, while there are patients."""

WAITS = timedelta(minutes=20)
"""How long before their time the next patients are here."""

LATE = 15
"""Minutes that the next of those to come is late."""


def plan_desk(
    plan: Plan, places: Sequence[Place], patients: Sequence[Patient], day: Span, now: datetime
) -> list[Planned]:
    """Plan the day of the schedules, and return it: each patient comes once."""
    begin, left = len(plan.appointments), plan.rng.sample(patients, len(patients))
    starts = [(tick, place) for place in places for tick in plan.starts(place, day)]
    for tick, place in plan.rng.sample(starts, int(FULL * len(starts))):
        if plan.add(place, left, tick, _status(plan, tick, place.slot_ticks, now)):
            left = [one for one in left if one is not plan.appointments[-1].patient]
    return plan.appointments[begin:]


def _status(plan: Plan, tick: int, ticks: int, now: datetime) -> Status:
    if tick + ticks <= tick_at(now):
        return plan.rng.choices([Status.FULFILLED, Status.NO_SHOW], [9, 1])[0]
    return Status.ARRIVED if instant_of(tick) <= now + WAITS else Status.BOOKED


def settle_desk(appointments: Sequence[Appointment], now: datetime) -> None:
    """Note when those of the day came and went in, and that one is late."""
    in_order = sorted(appointments, key=lambda appointment: appointment.starts_at)
    came = [one for one in in_order if one.status in (Status.ARRIVED, Status.FULFILLED)]
    for number, appointment in enumerate(came, start=1):
        appointment.day_number = number
        appointment.came_at = min(appointment.starts_at, now) - timedelta(minutes=5 + number % 7)
        if appointment.starts_at <= now:
            appointment.called_at = appointment.starts_at
    to_come = [one for one in in_order if one.status is Status.BOOKED]
    if to_come and to_come[0].starts_at < now + timedelta(hours=1):
        to_come[0].late_minutes = LATE
