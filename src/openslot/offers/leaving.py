"""Account deletion for patients, with their waiting list entries and offers."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking.leaving import cancel_and_delete
from openslot.directory.rules import Actor
from openslot.offers import queries, search
from openslot.offers.models import OfferStatus, Waiting
from openslot.offers.offering import close_offer, end_entry


def delete_own_account(session: Session, actor: Actor, *, now: datetime, cutoff: timedelta) -> None:
    """Delete the actor's account and cancel what the patient still has ahead.

    Upcoming appointments are cancelled, waiting list entries end, and open offers are withdrawn, so
    their times are free at once. See booking/leaving.py for what is stored further and what is
    raised.
    """
    if actor.patient_id is not None:
        _leave_waiting_list(session, actor, actor.patient_id, now)
    cancel_and_delete(session, actor, now=now, cutoff=cutoff)


def _leave_waiting_list(session: Session, actor: Actor, patient_id: UUID, now: datetime) -> None:
    for offered in queries.open_offers(session, now=now, patient_ids=[patient_id]):
        close_offer(
            session,
            offered.offer,
            offered.kept,
            OfferStatus.WITHDRAWN,
            now=now,
            by=actor.origin,
        )
    for entry in search.open_entries(session, patient_id):
        end_entry(session, entry, Waiting.LEFT, now=now, by=actor.origin)
