"""What a request works with: settings, database, who asks, and the time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar, cast
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from flask import current_app, g, request
from flask_security import current_user
from sqlalchemy.orm import Session

from openslot.core import clock
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.fields import known_zones
from openslot.directory.commands import actor_of
from openslot.directory.rules import Actor
from openslot.discovery.search import Directory
from openslot.identity.models import Account

T = TypeVar("T")

EXTENSION = "openslot"


@dataclass(frozen=True, slots=True)
class Services:
    """What the app was made with."""

    settings: Settings
    database: Database
    network: Directory


def services() -> Services:
    """The services of the app that answers this request."""
    return cast(Services, current_app.extensions[EXTENSION])


def settings() -> Settings:
    """The settings."""
    return services().settings


def now() -> datetime:
    """The instant at which this request began; the same all through it."""
    if "now" not in g:
        g.now = clock.now()
    return cast(datetime, g.now)


def reader() -> Session:
    """The request's one read transaction, begun at first use and thrown away at its end."""
    if "reader" not in g:
        g.reading = services().database.reading()
        g.reader = g.reading.__enter__()
    return cast(Session, g.reader)


def close_reader(_error: BaseException | None = None) -> None:
    """End the read transaction; the next use of :func:`reader` begins a new one."""
    if g.pop("reader", None) is not None:
        g.pop("reading").__exit__(None, None, None)


def write(work: Callable[[Session], T]) -> T:
    """Do ``work`` in a transaction of its own; it may be called several times."""
    # An open reader would hold SQLite's writers back, ours too.
    actor()
    close_reader()
    return services().database.run(work)


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
    """The account that is signed in."""
    return current_user if current_user.is_authenticated else None


def account() -> Account:
    """The account that is signed in; only for views that are not open to anyone."""
    return cast(Account, current_user)


def reader_zone() -> ZoneInfo | None:
    """The time zone of the reader's device, or of their account; None when neither is known."""
    known = account_or_none()
    name = unquote(request.cookies.get("tz", "")) or (known.time_zone if known else None)
    return ZoneInfo(name) if name in known_zones() else None
