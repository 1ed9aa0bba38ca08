"""The kinds of mail and text messages that an account wants, and the links that stop mail."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.core import audit, signing
from openslot.core.actor import Role
from openslot.core.config import Settings
from openslot.core.errors import NotFound
from openslot.core.signing import NotSigned
from openslot.core.work import Work
from openslot.identity import queries as accounts
from openslot.identity.commands import subject_of
from openslot.identity.models import Account
from openslot.notifications import queries
from openslot.notifications.events import Channel
from openslot.notifications.models import Preference


class Kind(StrEnum):
    """A kind of mail that can be switched off; the names of Preference's columns. Those of text
    messages have ``sms_`` before them."""

    APPOINTMENTS = "appointments"
    REMINDERS = "reminders"
    OFFERS = "offers"
    REFERRALS = "referrals"
    REQUESTS = "requests"


KINDS: Mapping[Role, tuple[Kind, ...]] = {
    Role.PATIENT: (Kind.APPOINTMENTS, Kind.REMINDERS, Kind.OFFERS, Kind.REFERRALS),
    Role.PRACTITIONER: (Kind.APPOINTMENTS, Kind.REFERRALS),
    Role.STAFF: (Kind.APPOINTMENTS, Kind.REQUESTS, Kind.OFFERS),
    Role.CENTRE_ADMIN: (),
    Role.NETWORK_ADMIN: (),
}
"""The kinds that each role gets. Nobody can stop mail about the account itself or about emergency
access."""

BY_SMS: Mapping[Role, tuple[Kind, ...]] = {
    Role.PATIENT: (Kind.APPOINTMENTS, Kind.REMINDERS, Kind.OFFERS)
}
"""The kinds that each role can also have by SMS."""

STOP_WITHIN = timedelta(days=365)
"""Time for which the link in a mail stops a kind of mail; later, the account's page does."""

_PURPOSE = "stop mail"
"""Prevents links for other purposes, signed with the same key, from stopping mail."""


def preferences(
    session: Session, account_id: UUID, channel: Channel = Channel.MAIL
) -> dict[Kind, bool]:
    """Return which kinds the account wants by a channel; one statement."""
    row = session.get(Preference, account_id)
    offered = Kind if channel is Channel.MAIL else BY_SMS[Role.PATIENT]
    return {kind: _is_on(row, kind, channel) for kind in offered}


def column(kind: Kind, channel: Channel) -> str:
    """Return the name of the column of Preference, and of the field where it is chosen."""
    return f"sms_{kind}" if channel is Channel.SMS else str(kind)


def _is_on(row: Preference | None, kind: Kind, channel: Channel) -> bool:
    if channel is Channel.MAIL:
        return row is None or bool(getattr(row, kind))
    is_offered = kind in BY_SMS[Role.PATIENT]
    return is_offered and row is not None and bool(getattr(row, column(kind, channel)))


class Choices(NamedTuple):
    """What accounts have chosen, by their ids."""

    by_account: Mapping[UUID, Preference]

    def wants(self, account_id: UUID | None, kind: Kind, channel: Channel) -> bool:
        """Return whether a message of a kind may be sent; without an account nothing is switched
        off."""
        return account_id is None or _is_on(self.by_account.get(account_id), kind, channel)


def choices(session: Session, account_ids: Collection[UUID]) -> Choices:
    """Return what the accounts have chosen, in one statement."""
    return Choices(queries.preferences(session, account_ids) if account_ids else {})


def wants(
    session: Session, account_id: UUID | None, kind: Kind, channel: Channel = Channel.MAIL
) -> bool:
    """Return whether a message of a kind may be sent; without an account nothing is switched
    off."""
    return choices(session, [account_id] if account_id else []).wants(account_id, kind, channel)


def choose(
    work: Work,
    account_id: UUID,
    choices: Mapping[Kind, bool],
    channel: Channel = Channel.MAIL,
) -> None:
    """Switch kinds on or off for a channel; those that are not named stay as they are."""
    before = preferences(work.session, account_id, channel)
    changed = {column(kind, channel): on for kind, on in choices.items() if before[kind] is not on}
    if not changed:
        return
    row = work.session.get(Preference, account_id)
    if row is None:
        row = Preference(account_id=account_id, **{kind.value: True for kind in Kind})
        work.session.add(row)
    for name, on in changed.items():
        setattr(row, name, on)
    fields = [f"{name}: {'on' if on else 'off'}" for name, on in changed.items()]
    audit.record(work, "account.mail-chosen", subject_of(account_id), fields=fields)


def stop_link(settings: Settings, account_id: UUID | None, kind: Kind) -> str | None:
    """Return the address that stops a kind without signing in; None if there can be none.

    It lasts for STOP_WITHIN, and can do nothing else.
    """
    if account_id is None or not settings.public_url:
        return None
    return f"{settings.public_url.rstrip('/')}/unsubscribe/{stop_token(settings, account_id, kind)}"


def stop_token(settings: Settings, account_id: UUID, kind: Kind) -> str:
    """Return the token of the link: account and kind, signed."""
    return signing.sign_dated(settings.signing_keys(), _PURPOSE, [account_id.hex, kind])


def account_to_stop(work: Work, token: str) -> tuple[Account, Kind]:
    """Return the account and kind that a link names. Raises NotFound if we did not sign it,
    or too long ago."""
    try:
        account_id, kind = signing.read_dated(
            work.settings.signing_keys(), _PURPOSE, token, lasts=STOP_WITHIN
        )
    except NotSigned:
        raise NotFound from None
    account = accounts.by_id(work.session, UUID(account_id))
    if account is None:
        raise NotFound
    return account, Kind(kind)
