"""Booking rules of a schedule, as lists of sensible values."""

from collections.abc import Callable, Sequence

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy.orm import Session
from wtforms import SelectField, StringField

from openslot.entrypoints.web.formats import duration
from openslot.entrypoints.web.forms import Form
from openslot.schedules import queries
from openslot.schedules.models import Schedule

SLOT_MINUTES = (5, 10, 15, 20, 30, 40, 45, 60, 90, 120, 180, 240)
MAX_SLOTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 48)
NOTICE_MINUTES = (0, 30, 60, 120, 240, 720, 1440, 2880, 10080)
HORIZON_DAYS = (7, 14, 28, 56, 90, 180, 365, 730)


class ScheduleFields(Form):
    """Form fields for ScheduleDetails."""

    slot_minutes = SelectField(_l("Times start every"), validate_choice=False)
    max_slots = SelectField(_l("Longest booking"), validate_choice=False)
    notice_minutes = SelectField(_l("Book until"), validate_choice=False)
    horizon_days = SelectField(_l("Book from"), validate_choice=False)
    room = StringField(_l("Room"))

    def offer(self, schedule: Schedule | None = None, room: str | None = None) -> None:
        """Set the choices, including the schedule's current values."""
        if self.room.data is None:
            self.room.data = room
        slot = schedule.slot_minutes if schedule else 30
        self._choose("slot_minutes", SLOT_MINUTES, slot, _minutes)
        self._choose("max_slots", MAX_SLOTS, schedule.max_slots if schedule else 4, _slots)
        notice = schedule.notice_minutes if schedule else 0
        self._choose("notice_minutes", NOTICE_MINUTES, notice, notice_words)
        self._choose(
            "horizon_days", HORIZON_DAYS, schedule.horizon_days if schedule else 180, days_words
        )

    def _choose(
        self, name: str, usual: Sequence[int], now: int, words: Callable[[int], str]
    ) -> None:
        field = self[name]
        field.choices = {str(value): words(value) for value in sorted({*usual, now})}
        if field.data is None:
            field.data = str(now)


def _minutes(value: int) -> str:
    return str(duration(value))


def _slots(value: int) -> str:
    return str(ngettext("%(num)s slot", "Up to %(num)s slots", value))


def notice_words(value: int) -> str:
    """Return until when something can be booked, in words."""
    if not value:
        return str(_("The start"))
    length = _days_words(value // 1440) if value % 1440 == 0 else _minutes(value)
    return str(_("%(length)s before", length=length))


def days_words(value: int) -> str:
    """Return from when something can be booked, in words."""
    return str(_("%(length)s before", length=_days_words(value)))


def _days_words(value: int) -> str:
    return str(ngettext("%(num)s day", "%(num)s days", value))


def room_name(session: Session, schedule: Schedule | None) -> str | None:
    """Return the name of the room that a schedule uses."""
    if schedule is None or schedule.room_id is None:
        return None
    rooms = queries.rooms(session, schedule.centre_id)
    return next((room.name for room in rooms if room.id == schedule.room_id), None)
