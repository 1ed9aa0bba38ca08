"""Closures of a whole centre, in addition to public holidays."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response
from wtforms import DateField, StringField

from openslot.booking import queries as booking
from openslot.booking.queries import count_for
from openslot.core.fields import Details, Name
from openslot.core.work import Work
from openslot.directory import queries
from openslot.directory.models import Centre
from openslot.directory.rules import may_run_centre
from openslot.entrypoints.web import access, context
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.reading import EARLIEST, LATEST
from openslot.entrypoints.web.saving import NOT_UNDERSTOOD, SHOWN, Done, checked, do, see_other
from openslot.schedules import commands
from openslot.schedules import queries as schedules
from openslot.schedules.errors import BadHours
from openslot.schedules.models import Closure
from openslot.schedules.rules import holiday_name, read_clock

pages = Blueprint("admin_closures", __name__)

YEARS_AHEAD = timedelta(days=10 * 366)


class Reason(Details):
    """Reason for a closure, which patients see."""

    reason: Name


class ClosureForm(Form):
    """First and last day, and the times if the closure does not cover whole days."""

    first = DateField(_l("First day"))
    starts = StringField(_l("From"))
    last = DateField(_l("Last day"))
    ends = StringField(_l("To"))
    reason = StringField(_l("Reason"))

    def period(self, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
        """Return the start and end; a missing time means midnight.

        Return None if a field is wrong, with the errors beside the fields.
        """
        first = self._day("first")
        last = self._day("last") if self.last.raw_data and self.last.raw_data[0] else first
        starts, ends = self._minutes("starts", 0), self._minutes("ends", 24 * 60)
        if first is None or last is None or starts is None or ends is None:
            return None
        return _instant(first, starts, zone), _instant(last, ends, zone)

    def _day(self, name: str) -> date | None:
        day: date | None = self[name].data
        if day is None or not EARLIEST <= day <= LATEST:
            self.refuse(_("Enter a date such as 2026-11-23."), name)
            return None
        return day

    def _minutes(self, name: str, default: int) -> int | None:
        text = (self[name].data or "").strip()
        try:
            return read_clock(text) if text else default
        except BadHours:
            self.refuse(_("Enter a time such as 13:00, in steps of 5 minutes."), name)
            return None


def _instant(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """Return the instant of a wall-clock time; 24:00 is midnight of the next day."""
    whole_days, rest = divmod(minutes, 24 * 60)
    local = datetime.combine(day + timedelta(days=whole_days), time(*divmod(rest, 60)), zone)
    return local.astimezone(UTC)


@pages.route("/admin/centres/<int:centre_id>/closures", methods=["GET", "POST"])
@access.allow(access.ADMINS)
def listing(centre_id: int) -> ResponseReturnValue:
    """List upcoming closures, and add one."""
    may_run_centre(context.actor(), centre_id)
    centre = queries.centre(context.reader(), centre_id, inactive=True)
    form = ClosureForm()
    status = _close(form, centre) if request.method == "POST" else SHOWN
    if isinstance(status, Done):
        _flash_result(status.value)
        return redirect(url_for("admin_closures.listing", centre_id=centre_id), 303)
    now = context.now()
    closures = schedules.closures(context.reader(), centre_id, now, now + YEARS_AHEAD)
    zone = ZoneInfo(centre.time_zone)
    page = render_template(
        "admin/closures.html",
        form=form,
        centre=centre,
        closures=[(closure, _whole_days(closure, zone)) for closure in closures],
        holidays=_holidays(centre.holiday_region, now.astimezone(zone).date()),
    )
    return page, status


def _holidays(region: str | None, today: date) -> list[tuple[date, str]]:
    """Return the public holidays of the next year, with their names."""
    days = [today + timedelta(days=number) for number in range(365)] if region else []
    named = [(day, holiday_name(region or "", day)) for day in days]
    return [(day, name) for day, name in named if name]


def _whole_days(closure: Closure, zone: ZoneInfo) -> tuple[date, date] | None:
    """Return the first and last day of a closure from midnight to midnight, else None."""
    starts, ends = closure.starts_at.astimezone(zone), closure.ends_at.astimezone(zone)
    if starts.time() == ends.time() == time(0):
        return starts.date(), ends.date() - timedelta(days=1)
    return None


def _close(form: ClosureForm, centre: Centre) -> Done[Closure] | int:
    period = form.period(ZoneInfo(centre.time_zone))
    details = checked(form, Reason)
    if period is None or details is None:
        return NOT_UNDERSTOOD

    def close(work: Work) -> Closure:
        return commands.close_centre(
            work, centre.id, starts=period[0], ends=period[1], reason=details.reason
        )

    return do(form, close)


def _flash_result(closure: Closure) -> None:
    flash(_("The closure is added. This time can no longer be booked."), "good")
    inside = count_for(
        context.work(),
        booking.at_centre(closure.centre_id),
        booking.between(closure.starts_at, closure.ends_at),
        booking.to_come(context.now()),
    )
    if inside:
        flash(_("Appointments in this time: %(count)s. Move or cancel them.", count=inside), "warn")


@pages.post("/admin/centres/<int:centre_id>/closures/<int:closure_id>/end")
@access.allow(access.ADMINS)
def end(centre_id: int, closure_id: int) -> Response:
    """End a closure, without confirmation: it can easily be entered again."""
    context.write(commands.reopen_centre, closure_id)
    return see_other(
        url_for("admin_closures.listing", centre_id=centre_id),
        _("The closure is removed. The time can be booked again."),
    )
