"""Operations on mail preferences and the calendar address of an account."""

from typing import Annotated
from uuid import UUID

from flask import url_for
from pydantic import AwareDatetime, Field

from openslot.core.actor import Role
from openslot.core.errors import Forbidden, Invalid, NotFound
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Given, Service, Shown
from openslot.entrypoints.request import reader, root
from openslot.entrypoints.rules import Rule
from openslot.notifications import feeds, preferences
from openslot.notifications.preferences import KINDS, Kind

service = Service(
    "notifications", "Mail and calendar", "Mail preferences and calendar subscription."
)

MAIL, CALENDAR = "/api/v1/me/mail", "/api/v1/me/calendar"


class MailChoice(Shown):
    """Your mail preferences; null for kinds that your role never receives."""

    appointments: bool | None
    reminders: bool | None
    offers: bool | None
    referrals: bool | None
    requests: bool | None


class MailChange(Given):
    """Changes to mail preferences; fields that are left out stay as they are."""

    appointments: bool | None = None
    reminders: bool | None = None
    offers: bool | None = None
    referrals: bool | None = None
    requests: bool | None = None


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
    for name in chosen:
        if Kind(name) not in _kinds():
            raise Invalid("Your role does not receive this kind of mail.", field=name)
    choices = {Kind(name): on for name, on in chosen.items()}
    bearer.write(preferences.choose, account_id, choices)
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


def _kinds() -> tuple[Kind, ...]:
    role = bearer.actor().role
    return KINDS[Role(role)] if role else ()


def _choice() -> MailChoice:
    chosen, kinds = preferences.preferences(reader(), _account_id()), _kinds()
    return MailChoice(**{kind.value: chosen[kind] if kind in kinds else None for kind in Kind})
