"""The audit log: who did or read what, when and from where. Rows are only ever added."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    JSON,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    String,
    Uuid,
    and_,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from openslot.core import keyset, security
from openslot.core.ids import new_id
from openslot.core.rows import add_row
from openslot.core.tables import Base, Instant
from openslot.core.work import Work

_RECORDED = "recorded"


class AuditSeal(Base):
    """A sealed batch of audit events. ``digest`` is a keyed SHA-256, in hexadecimal, of the events
    and of the previous seal's digest; see sealing.py. ``removed_at`` is when its events were
    removed because they were older than the network keeps them; the seal itself stays, with a
    keyed proof in ``removal``."""

    __tablename__ = "audit_seal"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    digest: Mapped[str] = mapped_column(String(64))
    previous: Mapped[str] = mapped_column(String(64))
    events: Mapped[int] = mapped_column(Integer)
    sealed_at: Mapped[datetime] = mapped_column(Instant)
    removed_at: Mapped[datetime | None] = mapped_column(Instant)
    removal: Mapped[str | None] = mapped_column(String(64))


class AuditEvent(Base):
    """One action. ``subject`` names its object, for example ``appointment:0190…``."""

    __tablename__ = "audit_event"
    __table_args__ = (
        Index(None, "subject", "at"),
        Index(None, "at"),
        Index(None, "account_id", "at"),
        Index(None, "seal_number"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    at: Mapped[datetime] = mapped_column(Instant)
    action: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(String(80))
    account_id: Mapped[UUID | None] = mapped_column(Uuid)
    address: Mapped[str | None] = mapped_column(String(45))
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    seal_number: Mapped[int | None] = mapped_column(ForeignKey("audit_seal.number"))


def record(work: Work, /, action: str, subject: str, **details: Any) -> None:
    """Add an audit event by the actor to the transaction that it describes."""
    actor, event_id = work.actor, new_id()
    work.session.info.setdefault(_RECORDED, set()).add(action)
    if security.is_security(action):
        security.log_when_committed(work.session, event_id, action, actor.account_id)
    add_row(
        work.session,
        AuditEvent,
        proves=True,
        id=event_id,
        at=work.now,
        action=action,
        subject=subject,
        account_id=actor.account_id,
        address=actor.address,
        details=details | ({"program": actor.program} if actor.program else {}),
    )


def recorded(session: Session) -> set[str]:
    """Return the actions of the events that this session has added."""
    actions: set[str] = session.info.get(_RECORDED, set())
    return actions


def events_of(session: Session, subject: str) -> list[AuditEvent]:
    """Return the events on ``subject``, oldest first."""
    query = select(AuditEvent).where(AuditEvent.subject == subject)
    return list(session.scalars(query.order_by(AuditEvent.at, AuditEvent.id)))


class Place(NamedTuple):
    """The position of an event in the audit log; a page begins right after it."""

    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Scope:
    """The events that an account may see: those by ``accounts``, those on ``subjects``, and
    those by ``watched`` accounts whose action is one of ``actions``."""

    accounts: frozenset[UUID] = frozenset()
    subjects: frozenset[str] = frozenset()
    watched: frozenset[UUID] = frozenset()
    actions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter of audit events; None or an empty tuple selects all. ``beginnings`` are prefixes
    of actions, for example ``appointment.``; ``until`` is exclusive."""

    beginnings: tuple[str, ...] = ()
    accounts: frozenset[UUID] | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    scope: Scope | None = None


def events(
    session: Session, wanted: Wanted, *, after: Place | None = None, limit: int
) -> Sequence[AuditEvent]:
    """Return up to ``limit`` matching events, newest first, in one statement."""
    query = select(AuditEvent).where(*_conditions(wanted))
    newest = (AuditEvent.at.desc(), AuditEvent.id.desc())
    return session.scalars(keyset.page(query, newest, after, limit)).all()


class Opened(NamedTuple):
    """How many subjects an account did an action to."""

    action: str
    account_id: UUID
    subjects: int


def subjects_by_account(
    session: Session, actions: Collection[str], *, since: datetime
) -> list[Opened]:
    """Return for each of ``actions`` and each account to how many subjects it did that since then,
    in one statement."""
    subjects = func.count(AuditEvent.subject.distinct())
    rows = session.execute(
        select(AuditEvent.action, AuditEvent.account_id, subjects)
        .where(
            AuditEvent.at >= since,
            AuditEvent.action.in_(actions),
            AuditEvent.account_id.isnot(None),
        )
        .group_by(AuditEvent.action, AuditEvent.account_id)
        .order_by(AuditEvent.action, AuditEvent.account_id)
    )
    return [Opened(action, who, number) for action, who, number in rows if who is not None]


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.beginnings:
        prefixes = wanted.beginnings
        begins = (AuditEvent.action.startswith(prefix, autoescape=True) for prefix in prefixes)
        conditions.append(or_(*begins))
    if wanted.accounts is not None:
        conditions.append(AuditEvent.account_id.in_(wanted.accounts))
    if wanted.subject is not None:
        conditions.append(AuditEvent.subject == wanted.subject)
    if wanted.since is not None:
        conditions.append(AuditEvent.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(AuditEvent.at < wanted.until)
    if wanted.scope is not None:
        conditions.append(_within(wanted.scope))
    return conditions


def _within(scope: Scope) -> ColumnElement[bool]:
    watched = and_(AuditEvent.account_id.in_(scope.watched), AuditEvent.action.in_(scope.actions))
    return or_(
        AuditEvent.account_id.in_(scope.accounts), AuditEvent.subject.in_(scope.subjects), watched
    )
