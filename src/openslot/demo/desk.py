"""The day of a front desk, as it is when one looks: some are done, some wait, one is late."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from openslot.booking.models import Appointment, Status
from openslot.demo.plan import Plan
from openslot.schedules.availability import instant_of, tick_at
from openslot.schedules.rules import Place

DESK = "Parramatta Family Practice"
"""The centre, whose practitioners work every day."""

WAITS = timedelta(minutes=30)
"""How long before their time the next patients are here."""

LATE = 15
"""Minutes that the next of those to come is late."""


def status_now(plan: Plan, place: Place, tick: int, now: datetime) -> Status:
    """Return the status of an appointment of today, as far as the clock is."""
    if tick + place.slot_ticks <= tick_at(now):
        return plan.rng.choices([Status.FULFILLED, Status.NO_SHOW], [12, 1])[0]
    return Status.ARRIVED if instant_of(tick) <= now + WAITS else Status.BOOKED


def settle_desk(appointments: Sequence[Appointment], now: datetime) -> None:
    """Note when those of the day came and went in, and that one is late."""
    in_order = sorted(appointments, key=lambda appointment: appointment.starts_at)
    came = [one for one in in_order if one.status in (Status.ARRIVED, Status.FULFILLED)]
    for place, appointment in enumerate(came):
        appointment.came_at = min(appointment.starts_at, now) - timedelta(minutes=5 + place % 7)
        if appointment.starts_at <= now:
            appointment.called_at = appointment.starts_at
    for number, appointment in enumerate(sorted(came, key=_came_at), start=1):
        appointment.day_number = number
    to_come = [one for one in in_order if one.status is Status.BOOKED]
    if to_come and to_come[0].starts_at < now + timedelta(hours=1):
        to_come[0].late_minutes = LATE


def _came_at(appointment: Appointment) -> datetime:
    return appointment.came_at or appointment.starts_at
