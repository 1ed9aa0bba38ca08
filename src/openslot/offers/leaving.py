"""A patient takes their login away, and waits for nothing any more."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking.leaving import cancel_and_delete
from openslot.directory.rules import Actor
from openslot.offers import queries, search
from openslot.offers.models import OfferStatus, Waiting
from openslot.offers.offering import close_offer, end_entry


def delete_own_account(session: Session, actor: Actor, *, now: datetime, cutoff: timedelta) -> None:
    """Cancel a patient's appointments to come, end what they wait for and what they are offered,
    and delete the account, for good.

    The times that were kept for them are free at once. What is kept, and the errors, are those of
    booking/leaving.py.
    """
    if actor.patient_id is not None:
        _wait_no_longer(session, actor, actor.patient_id, now)
    cancel_and_delete(session, actor, now=now, cutoff=cutoff)


def _wait_no_longer(session: Session, actor: Actor, patient_id: UUID, now: datetime) -> None:
    for one in queries.open_offers(session, now=now, patient_ids=[patient_id]):
        close_offer(
            session,
            one.offer,
            one.kept,
            OfferStatus.WITHDRAWN,
            now=now,
            by=actor.origin,
        )
    for entry in search.open_entries(session, patient_id):
        end_entry(session, entry, Waiting.LEFT, now=now, by=actor.origin)
