"""The preview below the editor of hours: what results from them, before anything is saved."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from flask import request

from openslot.core.errors import DomainError
from openslot.directory.models import Centre
from openslot.entrypoints.problems import status_of
from openslot.entrypoints.web import context
from openslot.entrypoints.web.saving import SHOWN
from openslot.entrypoints.web.schedule_form import ScheduleFields
from openslot.schedules import queries
from openslot.schedules.availability import Weekly
from openslot.schedules.commands import ScheduleDetails, details_of
from openslot.schedules.models import Schedule
from openslot.schedules.preview import OpenDay, preview
from openslot.schedules.rules import (
    Offered,
    Place,
    check_hours,
    check_slot_minutes,
    check_step_minutes,
)

DAYS = 14


@dataclass(frozen=True, slots=True)
class Preview:
    """The next two weeks as the hours and booking rules would make them."""

    days: Sequence[OpenDay]
    slot_minutes: int

    @property
    def starts(self) -> int:
        """The number of starts."""
        return sum(len(one.starts) for day in self.days for one in day.openings)

    @property
    def lost(self) -> int:
        """The minutes that are left over."""
        return sum(one.lost for day in self.days for one in day.openings)


def is_asked() -> bool:
    """Return whether the form is sent for a preview only."""
    return request.form.get("preview") == "yes"


def show_preview(
    form: ScheduleFields,
    centre: Centre,
    details: ScheduleDetails,
    weekly: Sequence[Weekly],
    offered: Sequence[Offered] = (),
) -> int:
    """Add a preview of what was typed to the form, and return the status; nothing is saved."""
    try:
        check_slot_minutes(details.slot_minutes)
        check_step_minutes(details.step_minutes)
        periods = check_hours(weekly, centre.holiday_region)
    except DomainError as error:
        form.refuse(error)
        return status_of(error)
    form.preview = preview_of(centre, details, periods, offered)
    return SHOWN


def saved_preview(schedule: Schedule) -> Preview:
    """Return the preview of a schedule as it is, with its centre loaded."""
    details = details_of(context.reader(), schedule)
    place = _place(schedule)
    return preview_of(schedule.centre, details, place.hours, place.services)


def offered_at(schedule: Schedule) -> tuple[Offered, ...]:
    """Return the services that a schedule offers, as they are there."""
    return _place(schedule).services


def _place(schedule: Schedule) -> Place:
    places = queries.places(context.reader(), Schedule.id == schedule.id, inactive=True)
    return places[schedule.id]


def preview_of(
    centre: Centre,
    details: ScheduleDetails,
    hours: Sequence[Weekly],
    offered: Sequence[Offered] = (),
) -> Preview:
    """Return what a schedule at a centre would be, whether it is saved or not, with the services
    that hours can be limited to."""
    zone = ZoneInfo(centre.time_zone)
    place = Place(
        schedule_id=0,
        centre_id=centre.id,
        practitioner_id=None,
        profession=None,
        expertise=None,
        practitioner_email=None,
        diary_id=0,
        room_id=None,
        closures_id=centre.diary_id,
        zone=zone,
        holiday_region=centre.holiday_region,
        slot_minutes=details.slot_minutes,
        max_slots=details.max_slots,
        notice_minutes=details.notice_minutes,
        horizon_days=details.horizon_days,
        hours=tuple(hours),
        starts_from=details.starts_from,
        step_minutes=details.step_minutes,
        services=tuple(offered),
    )
    return Preview(preview(place, _today(zone), DAYS), details.slot_minutes)


def _today(zone: ZoneInfo) -> date:
    return context.now().astimezone(zone).date()
