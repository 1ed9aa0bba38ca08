"""The audit log: who did or read what, when and from where. Rows are only ever added."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, Uuid, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from openslot.core.db import Base, Instant
from openslot.core.ids import new_id
from openslot.core.work import Work


class AuditSeal(Base):
    """A sealed batch of audit events. ``digest`` is the SHA-256, in hexadecimal, of the events
    and of the previous seal's digest; see sealing.py."""

    __tablename__ = "audit_seal"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    digest: Mapped[str] = mapped_column(String(64))
    previous: Mapped[str] = mapped_column(String(64))
    events: Mapped[int] = mapped_column(Integer)
    sealed_at: Mapped[datetime] = mapped_column(Instant)


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
    actor = work.actor
    work.session.add(
        AuditEvent(
            id=new_id(),
            at=work.now,
            action=action,
            subject=subject,
            account_id=actor.account_id,
            address=actor.address,
            details=details | ({"program": actor.program} if actor.program else {}),
        )
    )


def events_of(session: Session, subject: str) -> list[AuditEvent]:
    """Return the events on ``subject``, oldest first."""
    query = select(AuditEvent).where(AuditEvent.subject == subject)
    return list(session.scalars(query.order_by(AuditEvent.at, AuditEvent.id)))
