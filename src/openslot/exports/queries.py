"""Statements about bulk exports."""

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from openslot.core.db import changed
from openslot.exports.models import BulkExport


def forget_until(session: Session, when: datetime) -> None:
    """Delete what was asked for before an instant."""
    changed(session, delete(BulkExport).where(BulkExport.asked_at < when))
