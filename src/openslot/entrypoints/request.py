"""Settings, database and time of the current request, for all entry points."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import structlog
from flask import current_app, g, request
from sqlalchemy.orm import Session

from openslot.core import audit, clock
from openslot.core.actor import Actor
from openslot.core.config import Settings
from openslot.core.db import Database, is_in_group
from openslot.core.limits import Counts
from openslot.core.people import gather
from openslot.core.redis_counts import RedisCounts
from openslot.core.security import Counter, Seen
from openslot.core.work import Work, doing
from openslot.records.shown import ShownPeople
from openslot.search.results import Directory

P = ParamSpec("P")
T = TypeVar("T")

EXTENSION = "openslot"

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    """Objects that live as long as the app."""

    settings: Settings
    database: Database
    network: Directory
    counts: Counts = field(init=False)
    security: Counter = field(init=False)
    shown: ShownPeople = field(default_factory=ShownPeople)

    def __post_init__(self) -> None:
        url = self.settings.redis_url.get_secret_value()
        shared = RedisCounts(url, self.settings.key()) if url else None
        object.__setattr__(self, "counts", Counts(_write_apart, shared))  # the class is frozen
        object.__setattr__(self, "security", Counter(_note_seen))


def services() -> Services:
    """Return the services of the current app."""
    return cast(Services, current_app.extensions[EXTENSION])


def settings() -> Settings:
    """Return the settings."""
    return services().settings


def root() -> str:
    """Return the address of this deployment, without a slash at the end.

    The configured address comes first, as the Host header can be forged.
    """
    return (settings().public_url or request.host_url).rstrip("/")


def now() -> datetime:
    """Return the instant at which this request began."""
    known: datetime | None = g.get("now")
    if known is None:
        known = g.now = clock.now()
    return known


def reader() -> Session:
    """Return the request's only read transaction, which begins at first use."""
    known: Session | None = g.get("reader")
    if known is None:
        g.reading = services().database.reading()
        known = g.reader = g.reading.__enter__()
        gather(known, g.setdefault("people", set()))
        try:
            _confirm(known)
        except BaseException:
            close_reader()  # nobody may read with one that was not confirmed
            raise
    return known


def confirm_first(check: Callable[[Session], object]) -> None:
    """Call ``check`` with the first session of this request, before anything else is read or
    written there; it raises if the request may not go on."""
    g.check = check


def confirm() -> None:
    """Call the check now, if the request has opened no session."""
    if "check" in g:
        reader()


def _confirm(session: Session) -> None:
    check: Callable[[Session], object] | None = g.get("check")
    if check is not None:
        check(session)
        if not is_in_group(session):
            del g.check


def close_reader(_error: BaseException | None = None) -> None:
    """End the read transaction; the next use of :func:`reader` begins a new one."""
    if g.pop("reader", None) is not None:
        g.pop("reading").__exit__(None, None, None)


def do_without_database() -> None:
    """Use the database no more in this request, not even to identify the reader."""
    g.without_database = True


def does_without_database() -> bool:
    """Return whether the database was unavailable in this request."""
    return bool(g.get("without_database"))


def database() -> Database:
    """Return the database, for work with its own transactions.

    Closes the reader first: an open one blocks SQLite's writers.
    """
    confirm()
    close_reader()
    return services().database


def _write_apart(work: Callable[[Session], int]) -> int:
    return database().run(work)


def note_apart(action: str, subject: str, **details: Any) -> None:
    """Write an audit event in its own transaction, which changes no answer, whatever fails."""
    try:
        database().run(
            doing(reader_actor(), now(), settings(), audit.record, action, subject, **details)
        )
    except Exception:
        log.exception("audit.not-noted", action=action)


def _note_seen(seen: Seen, details: Mapping[str, Any]) -> None:
    note_apart(seen.action, seen.subject, **details)


def reader_actor() -> Actor:
    """Return who this request is known to come from, so far."""
    caller = g.get("caller")
    return cast(Actor, g.get("actor") or (caller.actor if caller else None) or visitor())


def visitor() -> Actor:
    """Return someone who has not signed in, whatever key or session the request carries."""
    return Actor(address=request.remote_addr)


def reading_by(actor: Actor) -> Work:
    """Return the request's reading as work of ``actor``."""
    return Work(reader(), actor, now(), settings())


def write_by(
    actor: Actor, command: Callable[Concatenate[Work, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Do a command in its own transaction and return its result; retries call it again."""
    do = _doing(actor, lambda work: command(work, *args, **kwargs))
    close_reader()
    return services().database.run(do)


def write_in_group_by(
    actor: Actor, command: Callable[Concatenate[Work, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Do the same together with others, if it can be: see :meth:`openslot.core.db.Database.run`."""
    do = _doing(actor, lambda work: command(work, *args, **kwargs))
    close_reader()
    result = services().database.run(do, in_group=True)
    g.pop("check", None)
    return result


def _doing(actor: Actor, command: Callable[[Work], T]) -> Callable[[Session], T]:
    """Return what a database has to run for a command of this request."""
    note: Callable[[Session], None] | None = g.get("alongside")

    def do(session: Session) -> T:
        _confirm(session)
        result = command(Work(session, actor, now(), settings()))
        g.setdefault("audited", set()).update(audit.recorded(session))
        if note is not None:
            note(session)
        return result

    return do


@contextmanager
def alongside(note: Callable[[Session], None]) -> Iterator[None]:
    """Call ``note`` at the end of each :func:`write_by` in the block, in the same transaction."""
    g.alongside = note
    try:
        yield
    finally:
        del g.alongside
