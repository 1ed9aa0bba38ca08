"""What a page works with: who asks, besides what every request has."""

from collections.abc import Callable
from typing import TypeVar, cast
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from flask import g, request
from flask_security import current_user
from sqlalchemy.orm import Session

from openslot.core.fields import known_zones
from openslot.directory.commands import actor_of
from openslot.directory.rules import Actor
from openslot.entrypoints.request import (
    close_reader,
    database,
    does_without_database,
    now,
    reader,
    services,
    settings,
)
from openslot.entrypoints.request import write as write_now
from openslot.identity.models import Account

T = TypeVar("T")

__all__ = [
    "account",
    "account_or_none",
    "actor",
    "close_reader",
    "database",
    "does_without_database",
    "forget_actor",
    "now",
    "reader",
    "reader_zone",
    "services",
    "settings",
    "write",
]


def write(work: Callable[[Session], T]) -> T:
    """Do ``work`` in a transaction of its own; it may be called several times."""
    # Who asks is read before the reader is closed, which a write does.
    actor()
    return write_now(work)


def actor() -> Actor:
    """Who asks; somebody without a role when nobody is signed in."""
    if "actor" not in g:
        account = account_or_none()
        g.actor = (
            actor_of(reader(), account, request.remote_addr)
            if account
            else Actor(address=request.remote_addr)
        )
    return cast(Actor, g.actor)


def forget_actor() -> None:
    """Ask anew who asks: signing in or out has just changed it."""
    g.pop("actor", None)


def account_or_none() -> Account | None:
    """The account that is signed in; None where the database cannot be asked."""
    if does_without_database():
        return None
    return current_user if current_user.is_authenticated else None


def account() -> Account:
    """The account that is signed in; only for views that are not open to anyone."""
    return cast(Account, current_user)


def reader_zone() -> ZoneInfo | None:
    """The time zone of the reader's device, or of their account; None when neither is known."""
    known = account_or_none()
    name = unquote(request.cookies.get("tz", "")) or (known.time_zone if known else None)
    return ZoneInfo(name) if name in known_zones() else None
