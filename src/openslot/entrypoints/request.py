"""What every request works with, whichever entry point answers it: settings, database, time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar, cast

from flask import current_app, g, request
from sqlalchemy.orm import Session

from openslot.core import clock
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.limits import Counts
from openslot.discovery.offered import Offered
from openslot.discovery.search import Directory

T = TypeVar("T")

EXTENSION = "openslot"


@dataclass(frozen=True, slots=True)
class Services:
    """What the app was made with."""

    settings: Settings
    database: Database
    network: Directory
    offered: Offered = field(default_factory=Offered)
    counts: Counts = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", Counts(_write_apart))  # the class is frozen


def services() -> Services:
    """The services of the app that answers this request."""
    return cast(Services, current_app.extensions[EXTENSION])


def settings() -> Settings:
    """The settings."""
    return services().settings


def root() -> str:
    """Where this deployment is, without a slash at the end. The configured address is believed
    before the request's Host header, which anybody can forge."""
    return (settings().public_url or request.host_url).rstrip("/")


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


def do_without_database() -> None:
    """Ask the database for nothing more in this request, not even who the reader is."""
    g.without_database = True


def does_without_database() -> bool:
    """Whether this request has met a database that is away."""
    return bool(g.get("without_database"))


def database() -> Database:
    """The database, for work that makes transactions of its own.

    An open reader would hold SQLite's writers back, ours too, so it is closed first.
    """
    close_reader()
    return services().database


def _write_apart(work: Callable[[Session], int]) -> int:
    return database().run(work)


def write(work: Callable[[Session], T]) -> T:
    """Do ``work`` in a transaction of its own; it may be called several times."""
    note: Callable[[Session], None] | None = g.get("alongside")
    if note is None:
        return database().run(work)

    def noted(session: Session) -> T:
        done = work(session)
        note(session)
        return done

    return database().run(noted)


@contextmanager
def alongside(note: Callable[[Session], None]) -> Iterator[None]:
    """Have each :func:`write` inside the block end with ``note``, in the same transaction."""
    g.alongside = note
    try:
        yield
    finally:
        del g.alongside
