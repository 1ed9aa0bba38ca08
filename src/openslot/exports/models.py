"""Bulk exports that programs have asked for."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from openslot.core.ids import new_id
from openslot.core.tables import Base, Instant


class BulkExport(Base):
    """What a program asked for: which ``kinds`` of resources (with commas), changed ``since`` an
    instant or at any time, until ``asked_at``; and the address it asked at. Its files are made when
    they are read."""

    __tablename__ = "bulk_export"
    __table_args__ = (Index(None, "asked_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    program_id: Mapped[UUID]
    asked_at: Mapped[datetime] = mapped_column(Instant)
    address: Mapped[str] = mapped_column(String(2000))
    kinds: Mapped[str] = mapped_column(String(1000))
    since: Mapped[datetime | None] = mapped_column(Instant)
