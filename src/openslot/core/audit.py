"""Who did or read what, when, from where: rows that are only ever added."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Index, String, Uuid, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from openslot.core.db import Base, Instant
from openslot.core.ids import new_id


class AuditEvent(Base):
    """One act. ``subject`` names what it was done to, such as ``appointment:0190…``."""

    __tablename__ = "audit_event"
    __table_args__ = (Index(None, "subject", "at"), Index(None, "at"))

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    at: Mapped[datetime] = mapped_column(Instant)
    action: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(String(80))
    account_id: Mapped[UUID | None] = mapped_column(Uuid)
    address: Mapped[str | None] = mapped_column(String(45))
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an act comes from: the account that did it and the network address."""

    account_id: UUID | None = None
    address: str | None = None


def record(
    session: Session, action: str, subject: str, *, by: Origin, now: datetime, **details: Any
) -> None:
    """Add an event to the transaction that it describes."""
    session.add(
        AuditEvent(
            id=new_id(),
            at=now,
            action=action,
            subject=subject,
            account_id=by.account_id,
            address=by.address,
            details=details,
        )
    )


def events_of(session: Session, subject: str) -> list[AuditEvent]:
    """All that was done to ``subject``, oldest first."""
    query = select(AuditEvent).where(AuditEvent.subject == subject)
    return list(session.scalars(query.order_by(AuditEvent.at, AuditEvent.id)))
