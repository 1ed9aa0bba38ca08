"""What the worker does about offers, through the outbox."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from openslot.core import outbox
from openslot.offers.models import AbsenceDecision, Offer


class Topic(StrEnum):
    """MADE is to be told to whom the offer is for; DECIDED is to be carried out."""

    MADE = "offer.made"
    DECIDED = "absence.decided"


def announce_offer(session: Session, offer: Offer, *, now: datetime) -> None:
    """Have whom it is for told of the offer, once this transaction is committed."""
    outbox.send(session, Topic.MADE, {"offer": str(offer.id)}, now=now)


def have_carried_out(session: Session, decision: AbsenceDecision, *, now: datetime) -> None:
    """Have the worker do what was decided about one appointment, in a transaction of its own."""
    outbox.send(session, Topic.DECIDED, {"decision": str(decision.id)}, now=now)
