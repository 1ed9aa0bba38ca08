"""Values of the booking form, from the body or from the address."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import url_for

from openslot.booking.commands import BookingRequest
from openslot.booking.models import Priority
from openslot.booking.rules import (
    check_may_enter,
    first_offered,
    may_book_others,
    takes_emergencies,
)
from openslot.booking.slots import running
from openslot.core.errors import Forbidden, Invalid, NotFound
from openslot.entrypoints.web import context, reading, whom
from openslot.entrypoints.web.week import lengths
from openslot.schedules import known
from openslot.schedules.availability import instant_of, tick_at
from openslot.schedules.errors import BadHours
from openslot.schedules.rules import Place, on_clock, read_clock

LONGEST_REASON = 2000


def booking_request(schedule_id: int) -> BookingRequest:
    """Return the booking request: the time just pressed, else the selected one."""
    now_pressed = reading.optional_instant("start")
    minutes = reading.number("minutes" if now_pressed else "chosen_minutes", 0)
    place = place_of(schedule_id)
    return BookingRequest(
        schedule_id=schedule_id,
        start=now_pressed or reading.optional_instant("chosen") or reading.instant("start"),
        minutes=minutes or place.slot_minutes,
        patient_id=whom.patient_id(),
        reason=reason(),
        priority=reading.option("priority", Priority, Priority.ROUTINE),
        second_appointment=reading.text("second") == "yes",
        emergency=reading.text("emergency") == "yes",
        service_id=place.service_id,
    )


def entered(schedule_id: int) -> BookingRequest:
    """Return the request to enter an appointment: the day and the time by the centre's clock, by
    default that of the free slot that is running, else now. Raises Invalid for a time that cannot
    be read."""
    place = place_of(schedule_id)
    return BookingRequest(
        schedule_id=schedule_id,
        start=typed_start(place.zone) or _running_or_now(place),
        minutes=reading.number("entered_minutes", 0) or place.slot_minutes,
        patient_id=whom.patient_id(),
        reason=reason(),
        second_appointment=reading.text("second") == "yes",
        service_id=place.service_id,
        squeeze_in=reading.text("squeeze_in") == "yes",
    )


def _running_or_now(place: Place) -> datetime:
    slot = running(context.work(), {place.schedule_id: place}).get(place.schedule_id)
    return slot.start if slot else instant_of(tick_at(context.now()))


def typed_start(zone: ZoneInfo) -> datetime | None:
    """Return the typed day, by default today, and time by the clock of a zone; None without a time.
    Raises Invalid for a time that cannot be read."""
    day = reading.optional_day("day") or context.now().astimezone(zone).date()
    typed_clock = reading.text("clock")
    return clock_on(day, typed_clock, zone) if typed_clock else None


def clock_on(day: date, typed_clock: str, zone: ZoneInfo) -> datetime:
    """Return a day and a typed time by the clock of a zone. Raises Invalid for a time that cannot
    be read, and SkippedTime."""
    try:
        minutes = read_clock(typed_clock)
    except BadHours:
        raise Invalid("Enter a time such as 13:00, in steps of 5 minutes.", field="clock") from None
    return on_clock(day, minutes, zone, field="clock")


def may_enter(place: Place) -> bool:
    """Return whether the reader can enter an appointment of a patient who is here without one."""
    try:
        check_may_enter(context.actor(), place)
    except Forbidden:
        return False
    return True


def service_id() -> int | None:
    """Return the id of the service that was chosen among those that the schedule offers."""
    return reading.number("to_service", 0) or reading.number("service", 0) or None


def reason() -> str | None:
    """Return the typed reason; raise Invalid if it is too long."""
    return reading.long_text("reason", LONGEST_REASON)


def place_of(schedule_id: int) -> Place:
    """Return the bookable schedule, for the chosen service, or the first that the reader can book;
    in an emergency as that finds it. Raise NotFound if there is none."""
    found = known.one(context.reader(), schedule_id)
    if found is None:
        raise NotFound
    place = found.place.offering(service_id()) or found.place
    if service_id() is None:
        place = first_offered(context.actor(), place)
    in_emergency = reading.text("emergency") == "yes" and takes_emergencies(context.actor(), place)
    return place.for_emergency() if in_emergency else place


def address(schedule_id: int, **changed: object) -> str:
    """Return the address of this page with everything selected, but nothing typed."""
    start = pressed()
    day = reading.optional_day("look") or reading.optional_day("week")
    shown: dict[str, Any] = {
        "start": reading.instant_text(start) if start else None,
        "minutes": reading.number("minutes", 0) or None,
        "service": service_id(),
        "week": day,
        "patient": whom.carried(),
        "referral": reading.optional_id("referral"),
        "hold": reading.optional_id("hold"),
        "second": "yes" if reading.text("second") == "yes" else None,
        "emergency": "yes" if reading.text("emergency") == "yes" else None,
    }
    return url_for("booking.week_page", schedule_id=schedule_id, **{**shown, **changed})


def pressed() -> datetime | None:
    """Return the time just pressed, else the selected one."""
    return reading.optional_instant("start") or reading.optional_instant("chosen")


def is_second(place: Place) -> bool:
    """Return whether days with another appointment of the patient are included, which only those
    who book for others may do."""
    return reading.text("second") == "yes" and may_book_others(context.actor(), place)


def chosen_minutes(place: Place) -> int:
    """Return the selected length in minutes, by default one slot."""
    minutes = reading.number("minutes", 0)
    return minutes if minutes in lengths(place) else place.slot_minutes


def week_url(schedule_id: int) -> Callable[..., str]:
    """Return a function that builds addresses of this page for another week or length."""
    return lambda **changed: address(schedule_id, **changed)
