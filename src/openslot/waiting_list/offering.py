"""The life of an offer: its row, its hold, the audit events and the notification."""

from datetime import datetime
from typing import Any
from uuid import UUID

from openslot.booking.models import Appointment
from openslot.booking.offered import release_holds
from openslot.core import audit
from openslot.core.events import publish
from openslot.core.ids import new_id
from openslot.core.work import Work
from openslot.waiting_list import queries, search
from openslot.waiting_list.events import Topic
from openslot.waiting_list.models import Offer, OfferStatus, Waiting, WaitingEntry
from openslot.waiting_list.rules import MOST_MISSED


def make_offer(
    work: Work,
    hold: Appointment,
    *,
    until: datetime,
    entry_id: UUID | None = None,
    decision_id: UUID | None = None,
    appointment_id: UUID | None = None,
    **why: Any,
) -> Offer:
    """Offer the time of a hold; ``why`` is added to the audit event."""
    offer = Offer(
        id=new_id(),
        entry_id=entry_id,
        decision_id=decision_id,
        appointment_id=appointment_id,
        hold_id=hold.id,
        status=OfferStatus.OPEN,
        version=1,
        made_at=work.now,
        expires_at=until,
    )
    queries.add_offer(work.session, offer)
    audit.record(
        work,
        "offer.made",
        subject_of(offer.id),
        schedule=hold.schedule_id,
        start=hold.starts_at.isoformat(),
        **why,
    )
    publish(work, Topic.MADE, offer=offer.id)
    return offer


def close_offer(work: Work, offer: Offer, status: OfferStatus) -> None:
    """Close an offer, and release its hold unless it was accepted."""
    offer.status = status
    offer.answered_at = work.now
    if status is not OfferStatus.ACCEPTED:
        release_holds(work, [offer.hold])
    audit.record(work, f"offer.{status}", subject_of(offer.id))


def expire_next(work: Work) -> bool:
    """End one expired or unusable offer, or one finished waiting list entry.

    Return False if there is none.
    """
    stale = queries.stale_offer(work)
    if stale is not None:
        expired = stale.expires_at <= work.now
        status = OfferStatus.EXPIRED if expired else OfferStatus.WITHDRAWN
        close_offer(work, stale, status)
        if expired and stale.entry is not None:
            _count_missed(work, stale.entry)
        return True
    entry = search.over_entry(work)
    if entry is not None:
        end_entry(work, entry, Waiting.ENDED)
        return True
    entry = search.served_entry(work.session)
    if entry is not None:
        end_entry(work, entry, Waiting.SERVED)
    return entry is not None


def end_entry(work: Work, entry: WaitingEntry, status: Waiting) -> None:
    """Take an entry off the waiting list."""
    entry.status = status
    entry.ended_at = work.now
    audit.record(work, f"waiting.{status}", entry_subject(entry.id))


def _count_missed(work: Work, entry: WaitingEntry) -> None:
    entry.missed += 1
    if entry.missed >= MOST_MISSED and entry.status == Waiting.WAITING:
        end_entry(work, entry, Waiting.ENDED)


def subject_of(offer_id: UUID) -> str:
    """Return the name of an offer in the audit."""
    return f"offer:{offer_id}"


def entry_subject(entry_id: UUID) -> str:
    """Return the name of a waiting list entry in the audit."""
    return f"waiting:{entry_id}"
