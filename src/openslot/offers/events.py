"""The outbox messages about offers that the worker handles."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from openslot.core import outbox
from openslot.offers.models import AbsenceDecision, Offer


class Topic(StrEnum):
    """Topics of the outbox. MADE: notify the recipient. DECIDED: carry the decision out."""

    MADE = "offer.made"
    DECIDED = "absence.decided"


def announce_offer(session: Session, offer: Offer, *, now: datetime) -> None:
    """Queue the notification of a new offer; it goes out after the commit."""
    outbox.send(session, Topic.MADE, {"offer": str(offer.id)}, now=now)


def have_carried_out(session: Session, decision: AbsenceDecision, *, now: datetime) -> None:
    """Queue a decision for the worker, which carries each out in its own transaction."""
    outbox.send(session, Topic.DECIDED, {"decision": str(decision.id)}, now=now)
