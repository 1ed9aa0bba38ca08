"""Booking rules of a schedule, as lists of sensible values."""

from collections.abc import Callable, Mapping, Sequence

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from wtforms import BooleanField, SelectField, StringField

from openslot.entrypoints.web.formats import duration
from openslot.entrypoints.web.forms import Form
from openslot.schedules.models import Schedule, StartsFrom

SLOT_MINUTES = (*range(5, 125, 5), 150, 180, 210, 240, 300, 360, 420, 480)
STEP_MINUTES = (5, 10, 15, 20, 30, 40, 45, 60, 75, 90, 120, 180, 240, 480)
MAX_SLOTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 48)
NOTICE_MINUTES = (0, 30, 60, 120, 240, 720, 1440, 2880, 10080)
HORIZON_DAYS = (7, 14, 28, 56, 90, 180, 365, 730)


def _or_none(typed: str | None) -> str | None:
    return typed or None


STARTS_FROM: Mapping[StartsFrom, object] = {
    StartsFrom.OPENING: _l("From the beginning of each period"),
    StartsFrom.MIDNIGHT: _l("From midnight"),
}
"""Where starts are counted from, in words."""


class ScheduleFields(Form):
    """Form fields for ScheduleDetails; ``preview`` is what they and the hours give, if asked."""

    preview: object | None = None

    slot_minutes = SelectField(_l("Length of an appointment"), validate_choice=False)
    step_minutes = SelectField(_l("Times start"), validate_choice=False, coerce=_or_none)
    starts_from = SelectField(_l("Times are counted"), validate_choice=False)
    flush = BooleanField(_l("Also directly before and after what is booked, so that no gaps stay"))
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
        step = schedule.step_minutes if schedule else None
        steps = sorted({*STEP_MINUTES, *([step] if step else [])})
        self.step_minutes.choices = {"": _("One after the other")} | {
            str(value): _("Every %(length)s", length=_minutes(value)) for value in steps
        }
        self.starts_from.choices = {one.value: str(words) for one, words in STARTS_FROM.items()}
        starts_from = schedule.starts_from if schedule else StartsFrom.OPENING
        self.starts_from.data = self.starts_from.data or starts_from.value
        if request.method == "GET":  # None and False are answers too
            self.step_minutes.data = str(step) if step else None
            self.flush.data = schedule is not None and schedule.flush
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
