"""Context of a page: the account and the actor, in addition to entrypoints/request.py."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Concatenate, ParamSpec, TypeVar, cast
from urllib.parse import unquote
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import g, request, session
from werkzeug.wrappers import Response

from openslot.core.actor import Actor, Role
from openslot.core.fields import known_zones
from openslot.core.work import Work
from openslot.directory.commands import actor_of
from openslot.entrypoints.request import (
    close_reader,
    database,
    does_without_database,
    now,
    reader,
    reading_by,
    services,
    settings,
    visitor,
    write_by,
)
from openslot.entrypoints.rules import STATIC
from openslot.identity import sessions
from openslot.identity.factors import is_required
from openslot.identity.models import Account

P = ParamSpec("P")
T = TypeVar("T")

ZONE = "tz"
"""Cookie in which a script keeps the time zone of the device."""

TOKEN = "token"  # noqa: S105 # nosec B105 - the name of a field in the cookie

LOOKS = frozenset({"accounts.session_left", "desk.now"})
"""Endpoints that a page asks by itself, which does not count as using the session."""

STAYS = "accounts.stay_signed_in"
"""Endpoint that always counts as using the session."""

__all__ = [
    "account",
    "account_or_none",
    "actor",
    "close_reader",
    "database",
    "does_without_database",
    "has_step",
    "identity_id",
    "is_proved",
    "is_proved_since",
    "must_change_password",
    "must_enrol",
    "now",
    "reader",
    "reader_zone",
    "services",
    "session_left",
    "set_account",
    "settings",
    "work",
    "write",
]


def work() -> Work:
    """Return this request's reading as work of the reader."""
    return reading_by(actor())


def write(command: Callable[Concatenate[Work, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do a command of the reader in its own transaction; retries call it again."""
    return write_by(actor(), command, *args, **kwargs)


def actor() -> Actor:
    """Return the reader as an actor; without a role if not signed in."""
    if "actor" not in g:
        account = account_or_none()
        g.actor = actor_of(reader(), account, request.remote_addr) if account else visitor()
    return cast(Actor, g.actor)


def account_or_none() -> Account | None:
    """Return the signed-in account; None if there is none or the database is not needed."""
    if does_without_database():
        return None
    if "account" not in g:
        g.account = _account_of_session()
    return cast(Account | None, g.account)


def set_account(account: Account | None, as_actor: Actor | None = None) -> None:
    """Set the account for the rest of the request, after signing in or out; what a program does for
    it is done ``as_actor``, who may be less."""
    g.account, g.is_proved, g.factor, g.must_enrol = account, account is not None, None, False
    g.identity_id = None
    g.pop("actor", None)
    if as_actor is not None:
        g.actor = as_actor


def act_as(account: Account) -> None:
    """Set who this request comes from, by a link of theirs and not by signing in."""
    g.actor = Actor(Role(account.role), account.id, request.remote_addr)


def _account_of_session() -> Account | None:
    """Return the account of the session token in the cookie."""
    token = session.get(TOKEN)
    if not isinstance(token, str) or request.endpoint in STATIC:
        return None
    account_and_session = sessions.account_of_token(reading_by(visitor()), token)
    if account_and_session is None:
        return None
    account, row = account_and_session
    g.is_proved = sessions.is_proved(reading_by(visitor()), row.proved_at)
    g.identity_id, g.proved_at = row.identity_id, row.proved_at
    g.factor, g.must_enrol = row.factor, is_required(settings(), account.role) and not row.factor
    used = row.seen_at
    is_due = sessions.is_stale(row, now=now()) and request.endpoint not in LOOKS
    if is_due or request.endpoint == STAYS:
        write_by(visitor(), sessions.touch_session, token)
        used = now()
    g.session_ends = sessions.ends(reading_by(visitor()), account, used=used, row=row)
    return account


def session_left() -> int | None:
    """Return the seconds until the reader's session ends if it is not used; None if signed out."""
    signed_in = account_or_none()
    if signed_in is None:
        return None
    begun = sessions.ends(reading_by(visitor()), signed_in, used=now())
    return max(0, int((g.get("session_ends", begun) - now()).total_seconds()))


def is_proved() -> bool:
    """Return whether the password or a passkey was given in this browser a short time ago."""
    return account_or_none() is not None and bool(g.get("is_proved"))


def is_proved_since(instant: datetime) -> bool:
    """Return whether the password or a passkey was given in this browser since then."""
    proved_at = g.get("proved_at") if account_or_none() else None
    return proved_at is not None and proved_at >= instant


def has_step() -> bool:
    """Return whether the reader signed in with a second step, which is so if they have one: the
    first one ends all sessions that were begun without."""
    return account_or_none() is not None and bool(g.get("factor"))


def must_enrol() -> bool:
    """Return whether the reader has to set up a second step before anything else."""
    return account_or_none() is not None and bool(g.get("must_enrol"))


def identity_id() -> UUID | None:
    """Return the identity at a provider with which the reader has signed in, if they came so."""
    return cast(UUID | None, g.get("identity_id")) if account_or_none() else None


def must_change_password() -> bool:
    """Return whether the reader has signed in with a password that others may know."""
    reader = account_or_none()
    return reader is not None and reader.must_change_password and identity_id() is None


def account() -> Account:
    """Return the signed-in account; only for views that require signing in."""
    return cast(Account, account_or_none())


def reader_zone() -> ZoneInfo | None:
    """Return the time zone that the reader has chosen, else their device's, or None if unknown."""
    signed_in = account_or_none()
    name = (signed_in.time_zone if signed_in else None) or _zone_of_device()
    return ZoneInfo(name) if name in known_zones() else None


def _zone_of_device() -> str:
    return unquote(cookie(ZONE))


def cookie(name: str, default: str = "") -> str:
    """Return the value of a cookie of this site."""
    return request.cookies.get(settings().cookie(name), default)


def keep_cookie(response: Response, name: str, value: str, *, lasts: timedelta) -> None:
    """Have the browser keep a cookie for this site alone, out of reach of scripts."""
    response.set_cookie(
        settings().cookie(name),
        value,
        max_age=lasts,
        samesite="Lax",
        httponly=True,
        secure=settings().hides_cookies,
    )
