"""Which mail an account wants, and the address of its calendar."""

from typing import Annotated
from uuid import UUID

from flask import url_for
from pydantic import AwareDatetime, Field

from openslot.core.errors import Forbidden, Invalid, NotFound
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Given, Service, Shown
from openslot.entrypoints.request import now, reader, root, write
from openslot.entrypoints.rules import Rule
from openslot.identity.models import Role
from openslot.notifications import feeds, preferences
from openslot.notifications.preferences import KINDS, Kind

service = Service("notifications", "Mail and calendar", "What one is written, and subscribes to.")

MAIL, CALENDAR = "/api/v1/me/mail", "/api/v1/me/calendar"


class MailChoice(Shown):
    """Which mail one wants; null for what one's role is never written."""

    appointments: bool | None
    reminders: bool | None
    offers: bool | None
    referrals: bool | None
    requests: bool | None


class MailChange(Given):
    """What is to change; what is left out stays."""

    appointments: bool | None = None
    reminders: bool | None = None
    offers: bool | None = None
    referrals: bool | None = None
    requests: bool | None = None


class Calendar(Shown):
    """Since when one's calendar has an address."""

    made: AwareDatetime


class CalendarAddress(Shown):
    """The address for calendar programs, which is shown this once; whoever has it can read."""

    address: Annotated[str, Field(description="An .ics file that is always up to date.")]


@service.operation("GET", MAIL, scope="account:read", rule=Rule.OWN, answer=MailChoice)
def get_mail() -> MailChoice:
    """Read which mail one wants."""
    return _choice()


@service.operation(
    "PATCH", MAIL, scope="account:write", rule=Rule.OWN, body=MailChange, answer=MailChoice
)
def change_mail(body: MailChange) -> MailChoice:
    """Choose which mail one wants. What is about the account itself is always sent."""
    account_id, chosen = _account_id(), body.model_dump(exclude_none=True)
    for name in chosen:
        if Kind(name) not in _kinds():
            raise Invalid("Your role is written no mail of this kind.", field=name)
    choices = {Kind(name): on for name, on in chosen.items()}
    origin = bearer.actor().origin
    write(lambda session: preferences.choose(session, account_id, choices, by=origin, now=now()))
    return _choice()


@service.operation(
    "GET", CALENDAR, scope="appointments:read", rule=Rule.OWN, answer=Calendar, may_fail=(404,)
)
def get_calendar() -> Calendar:
    """Read whether one's calendar has an address; 404 where it has none."""
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
    """Make an address for one's calendar; the one before no longer works."""
    bearer.demand("appointments:read")
    account_id, origin = _owner_id(), bearer.actor().origin
    token = write(lambda session: feeds.make_feed(session, account_id, by=origin, now=now()))
    return CalendarAddress(address=root() + url_for("notifications.feed", token=token))


@service.operation("DELETE", CALENDAR, scope="account:write", rule=Rule.OWN, status=204)
def delete_calendar() -> None:
    """Switch the address off; nothing happens where there is none."""
    account_id, origin = _owner_id(), bearer.actor().origin
    write(lambda session: feeds.end_feed(session, account_id, by=origin, now=now()))


def _account_id() -> UUID:
    account_id = bearer.actor().account_id
    if account_id is None:
        raise Forbidden("A key stands for no account. Sign in for somebody.")
    return account_id


def _owner_id() -> UUID:
    """The account, if it has appointments that a calendar can show."""
    account_id = _account_id()
    if not bearer.actor().is_a(*feeds.ROLES):
        raise Forbidden
    return account_id


def _kinds() -> tuple[Kind, ...]:
    role = bearer.actor().role
    return KINDS[Role(role)] if role else ()


def _choice() -> MailChoice:
    wanted, kinds = preferences.preferences(reader(), _account_id()), _kinds()
    return MailChoice(**{kind.value: wanted[kind] if kind in kinds else None for kind in Kind})
