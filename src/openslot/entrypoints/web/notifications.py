"""Notification settings, unsubscribe links and calendar subscriptions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar
from uuid import UUID

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse
from wtforms import BooleanField

from openslot.core.actor import Actor, Role
from openslot.core.errors import TRY_AGAIN, DomainError, Forbidden, NotFound
from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.directory.contacts import mobile_of
from openslot.entrypoints.request import write_by
from openslot.entrypoints.web import access, context, reading
from openslot.entrypoints.web.account_mail import absolute
from openslot.entrypoints.web.formats import duration, listing
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.saving import see_other
from openslot.entrypoints.web.zones import own_zone
from openslot.notifications import feeds, preferences, replies, sms
from openslot.notifications.events import Channel
from openslot.notifications.preferences import BY_SMS, KINDS, Kind, column
from openslot.notifications.sms import NotGenuine

pages = Blueprint("notifications", __name__)

WITHOUT_TOKEN = ("notifications.stop", "notifications.reply")
"""Views without a CSRF token, because programs post to them: those of mail (RFC 8058), which a
signed address authorises, and the provider of text messages, which signs what it sends."""

OWNERS = feeds.ROLES

Offered = Mapping[Channel, Sequence[Kind]]
"""The kinds that a reader can choose among, by channel."""

T = TypeVar("T")


class KindsForm(Form):
    """Kinds of mail and text messages; the ones that a role never gets are removed."""

    appointments = BooleanField()
    reminders = BooleanField()
    offers = BooleanField()
    referrals = BooleanField()
    requests = BooleanField()
    sms_appointments = BooleanField()
    sms_reminders = BooleanField()
    sms_offers = BooleanField()


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


def _reminder_hint(channel: Channel = Channel.MAIL) -> str:
    settings = context.settings()
    is_sms = channel is Channel.SMS
    hours = settings.sms_reminder_hours if is_sms else settings.reminder_hours
    if not hours:
        return str(_("This network does not send reminders."))
    lengths = listing([duration(one * 60) for one in hours])
    return str(_("Sent %(length)s before, but not at night.", length=lengths))


def sms_words() -> dict[Kind, Words]:
    """Return the labels and hints of the kinds of text messages."""
    return {
        Kind.APPOINTMENTS: Words(_("Your appointments: booked, moved, cancelled")),
        Kind.REMINDERS: Words(_("Reminders before each appointment"), _reminder_hint(Channel.SMS)),
        Kind.OFFERS: Words(_("Times that come free"), _("While you are on the waiting list.")),
    }


@pages.route("/profile/notifications", methods=["GET", "POST"])
@access.allow(access.SIGNED_IN)
def kinds() -> ResponseReturnValue:
    """Change the notification settings."""
    account = context.account()
    role = Role(account.role)
    offered = {Channel.MAIL: KINDS[role], Channel.SMS: _by_sms(role)}
    form = _kinds_form(account.id, offered)
    if request.method == "POST":
        return _choose(account.id, form, offered)
    mobile = _own_mobile() if offered[Channel.SMS] else None
    words = {Channel.MAIL: words_of(role), Channel.SMS: sms_words()}
    for channel, kind, name in _columns(offered):
        form[name].label.text, form[name].description = words[channel][kind]
    return render_template(
        "notifications/kinds.html",
        form=form,
        kinds=offered[Channel.MAIL],
        sms_kinds=[column(kind, Channel.SMS) for kind in offered[Channel.SMS]],
        mobile=mobile,
        has_stopped=mobile is not None and replies.has_stopped(context.work(), mobile),
        email=account.email,
    )


def _by_sms(role: Role) -> tuple[Kind, ...]:
    return BY_SMS.get(role, ()) if context.settings().sends_sms else ()


def _own_mobile() -> str | None:
    """Return the number that text messages to the reader go to."""
    patient_id = context.actor().patient_id
    patient = directory.patient(context.reader(), patient_id) if patient_id else None
    return mobile_of(patient.phone, context.settings()) if patient else None


def _columns(offered: Offered) -> Iterator[tuple[Channel, Kind, str]]:
    for channel, kinds in offered.items():
        for kind in kinds:
            yield channel, kind, column(kind, channel)


def _kinds_form(account_id: UUID, offered: Offered) -> KindsForm:
    """Return the form with the kinds that are offered, as they are chosen now."""
    now_on = {
        channel: preferences.preferences(context.reader(), account_id, channel)
        for channel in offered
    }
    data = {name: now_on[channel][kind] for channel, kind, name in _columns(offered)}
    form = KindsForm(data=data)
    for field in list(form):
        if field.name not in data:
            del form[field.name]
    return form


def _choose(account_id: UUID, form: KindsForm, offered: Offered) -> BaseResponse:
    def choose(work: Work) -> None:
        for channel, kinds in offered.items():
            chosen = {kind: bool(form[column(kind, channel)].data) for kind in kinds}
            preferences.choose(work, account_id, chosen, channel)

    context.write(choose)
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


@pages.post("/sms/replies")
@access.allow(access.ANYONE)
def reply() -> ResponseReturnValue:
    """Take a reply to a text message, as the provider passes it on."""
    if not context.settings().reads_replies:
        raise NotFound
    url = absolute("notifications.reply")
    try:
        said = sms.reply_of(url, request.headers.get, request.get_data(), context.settings())
    except NotGenuine:
        raise Forbidden from None
    visitor = Actor(address=request.remote_addr)
    try:
        write_by(visitor, replies.take, said)
    except TRY_AGAIN:
        raise
    except DomainError:
        write_by(visitor, replies.refuse, said)
    return Response(status=204)


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
@access.allow(OWNERS, fresh=True)
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
    subscribed = feeds.read_feed(
        context.work(), token, public_url=settings.public_url or request.url_root
    )
    context.act_as(subscribed.account)
    response = Response(subscribed.text, content_type="text/calendar; charset=utf-8")
    response.headers["Cache-Control"] = "private, no-cache"
    response.add_etag()
    return response.make_conditional(request)
