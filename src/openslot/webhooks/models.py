"""The tables of webhooks: endpoints and deliveries."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Boolean, ForeignKey, Index, Integer, String, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from openslot.core.encryption import EncryptedText
from openslot.core.ids import new_id
from openslot.core.tables import Base, Instant


class Endpoint(Base):
    """An address of another program that gets events. ``events`` are names separated by blanks.

    ``secret`` signs the requests; until ``old_secret_ends_at``, ``old_secret`` signs them as well.
    After ``misses`` attempts in a row without an answer, none is made before ``rests_until``.
    """

    __tablename__ = "webhook_endpoint"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    url: Mapped[str] = mapped_column(String(500))
    events: Mapped[str] = mapped_column(Text)
    secret: Mapped[str] = mapped_column(EncryptedText)
    old_secret: Mapped[str | None] = mapped_column(EncryptedText)
    old_secret_ends_at: Mapped[datetime | None] = mapped_column(Instant)
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    stopped_at: Mapped[datetime | None] = mapped_column(Instant)
    misses: Mapped[int] = mapped_column(Integer, default=0)
    rests_until: Mapped[datetime | None] = mapped_column(Instant)


class DeliveryState(StrEnum):
    """Status of a delivery."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


class Delivery(Base):
    """One event for one endpoint. Its id is the webhook-id, the same on every attempt.

    ``answer`` is the result of the last attempt, ``next_at`` the time of the next one.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (Index(None, "endpoint_id", "created_at"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoint.id", ondelete="CASCADE"))
    event: Mapped[str] = mapped_column(String(60))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(10), default=DeliveryState.WAITING)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(Instant)
    tried_at: Mapped[datetime | None] = mapped_column(Instant)
    next_at: Mapped[datetime | None] = mapped_column(Instant)
    answer: Mapped[str | None] = mapped_column(String(200))
