"""Notification settings, unsubscribe links and calendar subscriptions."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar
from uuid import UUID

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse
from wtforms import BooleanField

from openslot.core.actor import Actor, Role
from openslot.core.work import Work
from openslot.entrypoints.web import access, context, reading
from openslot.entrypoints.web.account_mail import absolute
from openslot.entrypoints.web.formats import duration
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.saving import see_other
from openslot.entrypoints.web.zones import own_zone
from openslot.notifications import feeds, preferences
from openslot.notifications.preferences import KINDS, Kind

pages = Blueprint("notifications", __name__)

WITHOUT_TOKEN = ("notifications.stop",)
"""Views without a CSRF token, because mail programs post to them (RFC 8058); the signed address
authorises them."""

OWNERS = feeds.ROLES

T = TypeVar("T")


class KindsForm(Form):
    """Kinds of mail; the ones that a role never gets are removed."""

    appointments = BooleanField()
    reminders = BooleanField()
    offers = BooleanField()
    referrals = BooleanField()
    requests = BooleanField()


class Words(NamedTuple):
    """Label and hint of a kind of mail."""

    label: str
    hint: str = ""


def words_of(role: Role) -> dict[Kind, Words]:
    """Return the labels and hints of the kinds of mail for a role."""
    gives_care = role is Role.PRACTITIONER
    return {
        Kind.APPOINTMENTS: Words(
            _("Appointments with your department: booked, moved, cancelled")
            if role is Role.STAFF
            else _("Appointments with you: booked, moved, cancelled")
            if gives_care
            else _("Your appointments: booked, moved, cancelled"),
            _(
                "Each email includes a calendar entry. If your department has its own "
                "email address, we always send these emails there."
            )
            if role is Role.STAFF
            else _("Each email includes a calendar entry."),
        ),
        Kind.REMINDERS: Words(_("A reminder before each appointment"), _reminder_hint()),
        Kind.OFFERS: Words(
            _("Times that come free"),
            _(
                "While you are on the waiting list. If we cannot tell you about a time, "
                "we offer it to the next person."
            ),
        ),
        Kind.REFERRALS: Words(
            _("Referrals to you, and answers to yours")
            if gives_care
            else _("Referrals: written for you, or revoked")
        ),
        Kind.REQUESTS: Words(
            _("Requests between departments"),
            _("If your department has its own email address, we always send these emails there."),
        ),
    }


def _reminder_hint() -> str:
    hours = context.settings().reminder_hours
    if not hours:
        return str(_("This network does not send reminders."))
    length = duration(hours * 60)
    return str(_("Sent %(length)s before, but not at night.", length=length))


@pages.route("/profile/notifications", methods=["GET", "POST"])
@access.allow(access.SIGNED_IN)
def kinds() -> ResponseReturnValue:
    """Change the notification settings."""
    account = context.account()
    role = Role(account.role)
    now_on = preferences.preferences(context.reader(), account.id)
    form = KindsForm(data={kind.value: on for kind, on in now_on.items()})
    for kind in Kind:
        if kind not in KINDS[role]:
            del form[kind]
    if request.method == "POST":
        return _choose({kind: bool(form[kind].data) for kind in KINDS[role]})
    words = words_of(role)
    for kind in KINDS[role]:
        form[kind].label.text, form[kind].description = words[kind]
    return render_template(
        "notifications/kinds.html", form=form, kinds=KINDS[role], email=account.email
    )


def _choose(choices: dict[Kind, bool]) -> BaseResponse:
    account_id = context.account().id
    context.write(preferences.choose, account_id, choices)
    return see_other(url_for("notifications.kinds"), _("Your notification settings are saved."))


@pages.route("/unsubscribe/<token>", methods=["GET", "POST"])
@access.allow(access.ANYONE)
def stop(token: str) -> ResponseReturnValue:
    """Stop a kind of mail with the link in it, or turn it on again.

    A GET changes nothing, because mail scanners open links.
    """
    account, kind = preferences.account_to_stop(context.work(), token)
    is_on = preferences.preferences(context.reader(), account.id)[kind]
    if request.method == "POST":
        is_on = reading.text("again") == "yes"
        owner = Actor(account_id=account.id, address=request.remote_addr)
        context.write(lambda work: preferences.choose(work.by(owner), account.id, {kind: is_on}))
    return render_template(
        "notifications/stop.html",
        token=token,
        kind=words_of(Role(account.role))[kind],
        is_on=is_on,
        is_done=request.method == "POST",
    )


@pages.get("/profile/calendar")
@access.allow(OWNERS)
def calendar() -> str:
    """Show the calendar subscription and how to use it."""
    return _calendar_page()


def _calendar_page(address: str | None = None) -> str:
    feed = feeds.feed_of(context.reader(), context.account().id)
    return render_template(
        "notifications/calendar.html", feed=feed, address=address, zone=own_zone()
    )


@pages.post("/profile/calendar")
@access.allow(OWNERS)
def make_calendar() -> str:
    """Create a new calendar address, and show it once."""
    token = _for_own_account(feeds.make_feed)
    return _calendar_page(absolute("notifications.feed", token=token))


@pages.post("/profile/calendar/end")
@access.allow(OWNERS)
def end_calendar() -> BaseResponse:
    """End the calendar address."""
    _for_own_account(feeds.end_feed)
    return see_other(
        url_for("notifications.calendar"),
        _("The address no longer works. No one can read your calendar with it."),
    )


def _for_own_account(verb: Callable[[Work, UUID], T]) -> T:
    return context.write(verb, context.account().id)


@pages.get("/calendars/<token>.ics")
@access.allow(access.ANYONE)
def feed(token: str) -> BaseResponse:
    """Return the calendar behind an address; 304 if it has not changed."""
    settings = context.settings()
    written = feeds.read_feed(
        context.work(), token, public_url=settings.public_url or request.url_root
    )
    response = Response(written, content_type="text/calendar; charset=utf-8")
    response.headers["Cache-Control"] = "private, no-cache"
    response.add_etag()
    return response.make_conditional(request)
