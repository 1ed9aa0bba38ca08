"""Private calendar addresses that calendar programs subscribe to."""

import secrets
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.core import audit
from openslot.core.actor import Role
from openslot.core.db import remove
from openslot.core.errors import NotFound
from openslot.core.language import language
from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.identity.commands import subject_of
from openslot.identity.models import Account, CalendarFeed
from openslot.identity.sessions import token_hash
from openslot.notifications import ics, queries
from openslot.notifications.calendar_titles import part_title, side_of, title

ROLES = frozenset({Role.PATIENT, Role.PRACTITIONER, Role.STAFF})
"""The roles that have appointments which a calendar can show."""

LOOKS_BACK = timedelta(days=31)
"""How long past appointments stay in the calendar."""


def make_feed(work: Work, account_id: UUID) -> str:
    """Return a new random token for the account's calendar, and end the one before.

    It cannot be read again; only its SHA-256 is kept.
    """
    token = secrets.token_urlsafe(32)
    feed = work.session.get(CalendarFeed, account_id)
    if feed is None:
        feed = CalendarFeed(account_id=account_id)
        work.session.add(feed)
    feed.token_hash, feed.made_at = token_hash(token), work.now
    audit.record(work, "account.calendar-made", subject_of(account_id))
    return token


def end_feed(work: Work, account_id: UUID) -> None:
    """End the address of the account's calendar."""
    feed = work.session.get(CalendarFeed, account_id)
    if feed is not None:
        remove(work.session, feed)
        audit.record(work, "account.calendar-ended", subject_of(account_id))


def feed_of(session: Session, account_id: UUID) -> CalendarFeed | None:
    """Return the address of the account's calendar, if it has one."""
    return session.get(CalendarFeed, account_id)


class Feed(NamedTuple):
    """A calendar as a file, and whose it is."""

    account: Account
    text: bytes


def read_feed(work: Work, token: str, *, public_url: str) -> Feed:
    """Return the calendar at an address, from a month ago on, without what is cancelled.

    Those who give care find their sessions that nobody has booked yet too, and practitioners the
    appointments and sessions of others that need them. Takes three statements, and one to six more
    for these, however many appointments it has. Raises NotFound for an address that never existed
    or was ended, or whose account is deactivated.
    """
    owner = queries.owner_of(work.session, token_hash(token))
    if owner is None:
        raise NotFound
    account = owner.account
    standing = directory.standing_of(work.session, account.id)
    since = work.now - LOOKS_BACK
    appointments = queries.calendar_of(work.session, standing, since=since)
    empty = queries.empty_sessions_of(work.session, standing, since=since)
    needing = queries.parts_of(work.session, standing, since=since)
    tongue = language(account.locale, work.settings.locale)
    text = ics.calendar_feed(
        (
            (appointment, title(appointment, side_of(appointment, standing.patient_id), tongue))
            for appointment in appointments
        ),
        name=work.settings.network_name,
        public_url=public_url,
        parts=(
            *((group, tongue.gettext("Booked")) for group in empty),
            *((part, part_title(part, tongue)) for part in needing),
        ),
    )
    return Feed(account, text)
