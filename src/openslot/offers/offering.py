"""The life of an offer: its row, its hold, the audit events and the notification."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking.models import Appointment
from openslot.booking.offered import release_holds
from openslot.core import audit
from openslot.core.audit import Origin
from openslot.core.events import publish
from openslot.core.ids import new_id
from openslot.directory.rules import SYSTEM
from openslot.offers import queries, search
from openslot.offers.events import Topic
from openslot.offers.models import Offer, OfferStatus, Waiting, WaitingEntry
from openslot.offers.rules import MOST_MISSED


def make_offer(
    session: Session,
    kept: Appointment,
    *,
    now: datetime,
    until: datetime,
    entry_id: UUID | None = None,
    decision_id: UUID | None = None,
    appointment_id: UUID | None = None,
    by: Origin = SYSTEM.origin,
    **why: Any,
) -> Offer:
    """Offer the time of a hold; ``why`` is added to the audit event."""
    offer = Offer(
        id=new_id(),
        entry_id=entry_id,
        decision_id=decision_id,
        appointment_id=appointment_id,
        hold_id=kept.id,
        status=OfferStatus.OPEN,
        version=1,
        made_at=now,
        expires_at=until,
    )
    queries.add_offer(session, offer)
    audit.record(
        session,
        "offer.made",
        subject_of(offer.id),
        by=by,
        now=now,
        schedule=kept.schedule_id,
        start=kept.starts_at.isoformat(),
        **why,
    )
    publish(session, Topic.MADE, offer=offer.id, now=now)
    return offer


def close_offer(
    session: Session,
    offer: Offer,
    hold: Appointment | None,
    status: OfferStatus,
    *,
    now: datetime,
    by: Origin = SYSTEM.origin,
) -> None:
    """Close an offer and release its hold; ``hold`` is None for an accepted offer."""
    offer.status = status
    offer.answered_at = now
    if hold is not None:
        release_holds(session, [hold], now=now)
    audit.record(session, f"offer.{status}", subject_of(offer.id), by=by, now=now)


def expire_next(session: Session, *, now: datetime) -> bool:
    """End one expired or unusable offer, or one finished waiting list entry.

    Return False if there is none.
    """
    stale = queries.stale_offer(session, now=now)
    if stale is not None:
        expired = stale.offer.expires_at <= now
        status = OfferStatus.EXPIRED if expired else OfferStatus.WITHDRAWN
        close_offer(session, stale.offer, stale.hold, status, now=now)
        if expired and stale.entry is not None:
            _count_missed(session, stale.entry, now)
        return True
    entry = search.over_entry(session, now=now)
    if entry is not None:
        end_entry(session, entry, Waiting.ENDED, now=now)
        return True
    entry = search.served_entry(session)
    if entry is not None:
        end_entry(session, entry, Waiting.SERVED, now=now)
    return entry is not None


def end_entry(
    session: Session,
    entry: WaitingEntry,
    status: Waiting,
    *,
    now: datetime,
    by: Origin = SYSTEM.origin,
) -> None:
    """Take an entry off the waiting list."""
    entry.status = status
    entry.ended_at = now
    audit.record(session, f"waiting.{status}", entry_subject(entry.id), by=by, now=now)


def _count_missed(session: Session, entry: WaitingEntry, now: datetime) -> None:
    entry.missed += 1
    if entry.missed >= MOST_MISSED and entry.status == Waiting.WAITING:
        end_entry(session, entry, Waiting.ENDED, now=now)


def subject_of(offer_id: UUID) -> str:
    """Return the name of an offer in the audit."""
    return f"offer:{offer_id}"


def entry_subject(entry_id: UUID) -> str:
    """Return the name of a waiting list entry in the audit."""
    return f"waiting:{entry_id}"
