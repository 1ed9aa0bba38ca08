"""Filters and globals of templates: addresses, groupings, words."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton
from flask import Flask, url_for
from flask_babel import get_locale, gettext

from openslot.booking.models import Appointment
from openslot.booking.moves import may_see_reason
from openslot.booking.slots import Slot
from openslot.core.config import Settings
from openslot.core.language import settled
from openslot.entrypoints.web import context
from openslot.entrypoints.web.audit_words import act
from openslot.entrypoints.web.hours_words import by_weekday, on_other_days, period_text
from openslot.entrypoints.web.looks import badge, look
from openslot.entrypoints.web.reading import again, instant_text, ticked
from openslot.entrypoints.web.service_words import GENDERS
from openslot.entrypoints.web.zones import own_clock, zone_beside, zone_differs
from openslot.search.queries import Entry


def install(app: Flask, settings: Settings) -> None:
    """Register the filters and globals."""
    app.jinja_env.filters.update(
        by_schedule=by_schedule,
        by_weekday=by_weekday,
        on_other_days=on_other_days,
        event_title=act,
        first_day=first_day,
        gender_words=GENDERS.get,
        groupby_day=groupby_day,
        instant_text=instant_text,
        language_name=language_name,
        look=look,
        own_clock=own_clock,
        term=term,
        zone_beside=zone_beside,
        zone_differs=zone_differs,
        at_minute=at_minute,
        hour_text=hour_text,
        period_text=period_text,
        appointments_by_day=appointments_by_day,
        badge=badge,
    )
    app.jinja_env.globals.update(
        again=again,
        ticked=ticked,
        entry_url=entry_url,
        more_url=more_url,
        sees_reason=sees_reason,
        weeks_ahead=settings.search_days // 7,
        one_day=timedelta(days=1),
        one_minute=timedelta(minutes=1),
    )


def term(text: str) -> str:
    """Return a word of the network in the reader's language; of several with commas between them
    each, such as a profession with its expertise."""
    return str(gettext(", ")).join(gettext(part) for part in text.split(", ") if part)


def sees_reason(appointment: Appointment) -> bool:
    """Return whether the reader may see why the patient comes."""
    return may_see_reason(context.actor(), appointment)


def first_day(slots: Sequence[Slot]) -> list[Slot]:
    """Return the slots on the local date of the first."""
    return [slot for slot in slots if slot.start.date() == slots[0].start.date()]


def groupby_day(slots: Sequence[Slot]) -> list[tuple[date, list[Slot]]]:
    """Return the slots grouped by local date."""
    return [(day, list(own)) for day, own in groupby(slots, lambda slot: slot.start.date())]


def by_schedule(slots: Sequence[Slot]) -> list[tuple[int, list[Slot]]]:
    """Return the slots grouped by schedule, in order of their first slot."""
    slots_of: dict[int, list[Slot]] = {}
    for slot in slots:
        slots_of.setdefault(slot.schedule_id, []).append(slot)
    return list(slots_of.items())


def appointments_by_day(
    appointments: Sequence[Appointment], zone: ZoneInfo
) -> list[tuple[date, list[Appointment]]]:
    """Return the appointments grouped by the date of their start in ``zone``."""
    days = groupby(appointments, lambda appointment: appointment.starts_at.astimezone(zone).date())
    return [(day, list(own)) for day, own in days]


def at_minute(day: date, minute: int, zone: ZoneInfo) -> str:
    """Return a minute of a local day as an ISO instant, for scripts."""
    return datetime.combine(day, time(minute // 60, minute % 60), zone).isoformat()


def hour_text(hour: time) -> str:
    """Format an hour beside the calendar: ``9 am``."""
    return str(format_skeleton("h", hour, locale=get_locale()))


def language_name(known: str) -> str:
    """Return a language's name in the reader's language: ``zh`` is Chinese.

    Anything that is not a code is returned as typed, because some languages have none here, such as
    Auslan.
    """
    return str(settled(get_locale()).languages.get(known.replace("-", "_"), known))


def entry_url(entry: Entry, patient: str = "") -> str:
    """Return the address of a search result's profile."""
    arguments: dict[str, Any] = {f"{entry.kind}_id": entry.id, "patient": patient or None}
    return url_for(f"profiles.{entry.kind}", **arguments)


def more_url(entry: Entry, slots: Sequence[Slot], patient: str = "") -> str:
    """Return the address with more times: a practitioner's week, or the profile of a centre or
    department."""
    if entry.kind != "practitioner" or not slots:
        return entry_url(entry, patient)
    return url_for("booking.week_page", schedule_id=slots[0].schedule_id, patient=patient or None)
