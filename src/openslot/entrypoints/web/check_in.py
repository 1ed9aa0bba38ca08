"""Checking in without an account at a centre, and the screen of its waiting room.

Whatever is typed, the answer is the same: it tells nobody whether somebody has an appointment.
"""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as BaseResponse
from wtforms import StringField

from openslot.core.clock import day_in
from openslot.core.fields import Birth, Details, Name
from openslot.desk import commands, queries
from openslot.directory import queries as directory
from openslot.directory.models import Centre
from openslot.entrypoints import limits
from openslot.entrypoints.web import access, asked, context, desk_links
from openslot.entrypoints.web.births import BirthField, example
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.saving import checked

pages = Blueprint("check_in", __name__)

CALLED_FOR = timedelta(minutes=10)
"""How long the screen shows that a number was called."""

EVERY = 10
"""Seconds after which the screen looks for what has changed."""


class CheckInDetails(Details):
    """What somebody who arrives says of themselves."""

    initial: Name
    born: Birth


class CheckInForm(Form):
    """Form for CheckInDetails."""

    missing: ClassVar[Mapping[str, object]] = {
        "initial": _l("Enter the first letter of your name."),
        "born": _l("Enter your date of birth."),
    }

    initial = StringField(_l("First letter of your name"))
    born = BirthField(_l("Date of birth"))


@pages.route("/check-in/<token>", methods=["GET", "POST"])
@access.allow(access.ANYONE)
@asked.keeping("initial", "born")
def kiosk(token: str) -> ResponseReturnValue:
    """Check somebody in who gives the first letter of a name and their date of birth."""
    centre = directory.centre(context.reader(), desk_links.of_check_in(token))
    form, is_sent = CheckInForm(), False
    if request.method == "POST":
        limits.check_in(centre.id)
        is_sent = _checked_in(form, centre)
    page = render_template(
        "check_in/kiosk.html",
        centre=centre,
        form=form,
        is_sent=is_sent,
        token=token,
        birth_example=example(),
    )
    return page, 422 if form.errors else 200


def _checked_in(form: CheckInForm, centre: Centre) -> bool:
    """Check in whoever it is, if anybody; return whether both fields could be read."""
    details = checked(form, CheckInDetails)
    if details is None:
        return False
    context.write(commands.check_in, centre.id, details.initial, details.born)
    return True


@pages.get("/waiting-room/<token>")
@access.allow(access.ANYONE)
def screen(token: str) -> str:
    """Show the numbers that are called and that wait, for the screen of a waiting room."""
    return render_template("check_in/screen.html", token=token, every=EVERY, **_numbers(token))


@pages.get("/waiting-room/<token>/now")
@access.allow(access.ANYONE)
def screen_now(token: str) -> BaseResponse:
    """Return the numbers, if they have changed."""
    page = render_template("check_in/_numbers.html", **_numbers(token))
    answer = Response(page)
    answer.set_etag(hashlib.sha256(page.encode()).hexdigest()[:32], weak=True)
    return answer.make_conditional(request)


def _numbers(token: str) -> dict[str, Any]:
    centre = directory.centre(context.reader(), desk_links.of_screen(token))
    zone, now = ZoneInfo(centre.time_zone), context.now()
    here = queries.numbers(context.reader(), centre.id, *day_in(now.astimezone(zone).date(), zone))
    called = [one for one in here if one.called_at and one.called_at > now - CALLED_FOR]
    called.sort(key=lambda one: one.called_at or now, reverse=True)
    return {
        "centre": centre,
        "called": called,
        "waiting": [one.number for one in here if one.called_at is None],
        "zone": zone,
        "now": now,
    }
