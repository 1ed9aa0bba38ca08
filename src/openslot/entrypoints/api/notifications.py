"""Operations on mail preferences and the calendar address of an account."""

from typing import Annotated
from uuid import UUID

from flask import url_for
from pydantic import AwareDatetime, Field

from openslot.core.errors import Forbidden, Invalid, NotFound
from openslot.core.work import Work
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Given, Service, Shown
from openslot.entrypoints.request import reader, root, settings
from openslot.entrypoints.rules import Rule
from openslot.notifications import feeds, preferences
from openslot.notifications.events import Channel
from openslot.notifications.preferences import BY_SMS, KINDS, Kind, column

service = Service(
    "notifications", "Mail and calendar", "Mail preferences and calendar subscription."
)

MAIL, CALENDAR = "/api/v1/me/mail", "/api/v1/me/calendar"


class MailChoice(Shown):
    """Your mail preferences; null for kinds that your role never receives. Those with ``sms`` are
    text messages, where the network sends any."""

    appointments: bool | None
    reminders: bool | None
    offers: bool | None
    referrals: bool | None
    requests: bool | None
    sms_appointments: bool | None
    sms_reminders: bool | None
    sms_offers: bool | None


class MailChange(Given):
    """Changes to mail preferences; fields that are left out stay as they are."""

    appointments: bool | None = None
    reminders: bool | None = None
    offers: bool | None = None
    referrals: bool | None = None
    requests: bool | None = None
    sms_appointments: bool | None = None
    sms_reminders: bool | None = None
    sms_offers: bool | None = None


class Calendar(Shown):
    """The date on which your calendar address was made."""

    made: AwareDatetime


class CalendarAddress(Shown):
    """A private calendar address, shown once; anyone who has it can read the calendar."""

    address: Annotated[str, Field(description="Address of an .ics file, always up to date.")]


@service.operation("GET", MAIL, scope="account:read", rule=Rule.OWN, answer=MailChoice)
def get_mail() -> MailChoice:
    """Read your mail preferences."""
    return _choice()


@service.operation(
    "PATCH", MAIL, scope="account:write", rule=Rule.OWN, body=MailChange, answer=MailChoice
)
def change_mail(body: MailChange) -> MailChoice:
    """Change your mail preferences. Mail about the account itself is always sent."""
    account_id, chosen = _account_id(), body.model_dump(exclude_none=True)
    kinds = {column(kind, channel): (channel, kind) for channel, kind in _kinds()}
    for name in chosen:
        if name not in kinds:
            raise Invalid("Your role does not receive this kind of mail.", field=name)

    def choose(work: Work) -> None:
        for name, on in chosen.items():
            channel, kind = kinds[name]
            preferences.choose(work, account_id, {kind: on}, channel)

    bearer.write(choose)
    return _choice()


@service.operation(
    "GET", CALENDAR, scope="appointments:read", rule=Rule.OWN, answer=Calendar, may_fail=(404,)
)
def get_calendar() -> Calendar:
    """Read when your calendar address was made; 404 if there is none."""
    feed = feeds.feed_of(reader(), _owner_id())
    if feed is None:
        raise NotFound
    return Calendar(made=feed.made_at)


@service.operation(
    "POST",
    CALENDAR,
    scope="account:write",
    rule=Rule.OWN,
    answer=CalendarAddress,
    status=201,
    secret=True,
    fresh=True,
)
def create_calendar() -> CalendarAddress:
    """Create an address for your calendar; the previous one stops working."""
    bearer.demand("appointments:read")
    account_id = _owner_id()
    token = bearer.write(feeds.make_feed, account_id)
    return CalendarAddress(address=root() + url_for("notifications.feed", token=token))


@service.operation("DELETE", CALENDAR, scope="account:write", rule=Rule.OWN, status=204)
def delete_calendar() -> None:
    """Remove your calendar address, if there is one."""
    account_id = _owner_id()
    bearer.write(feeds.end_feed, account_id)


def _account_id() -> UUID:
    account_id = bearer.actor().account_id
    if account_id is None:
        raise Forbidden("A key has no account. Use an access token.")
    return account_id


def _owner_id() -> UUID:
    """Return the account's id, or raise Forbidden if its role has no calendar."""
    account_id = _account_id()
    if not bearer.actor().is_a(*feeds.ROLES):
        raise Forbidden
    return account_id


def _kinds() -> list[tuple[Channel, Kind]]:
    """Return the kinds that the actor's role receives, by channel."""
    role = bearer.actor().role
    if role is None:
        return []
    by_sms = BY_SMS.get(role, ()) if settings().sends_sms else ()
    return [(Channel.MAIL, kind) for kind in KINDS[role]] + [(Channel.SMS, kind) for kind in by_sms]


def _choice() -> MailChoice:
    chosen = {
        channel: preferences.preferences(reader(), _account_id(), channel) for channel in Channel
    }
    shown = {column(kind, channel): chosen[channel][kind] for channel, kind in _kinds()}
    return MailChoice(**dict.fromkeys(MailChoice.model_fields) | shown)
