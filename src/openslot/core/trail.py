"""Queries of the audit log, newest events first, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from openslot.core import keyset
from openslot.core.audit import AuditEvent


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


def trail(
    session: Session, wanted: Wanted, *, after: Place | None = None, limit: int
) -> Sequence[AuditEvent]:
    """Return up to ``limit`` matching events, newest first, in one statement."""
    query = select(AuditEvent).where(*_conditions(wanted))
    newest = (AuditEvent.at.desc(), AuditEvent.id.desc())
    return session.scalars(keyset.page(query, newest, after, limit)).all()


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
