"""What is done with an offer: it is taken, left, or withdrawn."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import offered
from openslot.booking.commands import place_of
from openslot.booking.errors import HoldExpired
from openslot.booking.models import Appointment
from openslot.booking.rules import ReferralAuthorisation, needs_referral, part_in
from openslot.core.errors import NotFound
from openslot.directory.rules import Actor
from openslot.identity.models import Role
from openslot.offers import queries
from openslot.offers.errors import OfferExpired
from openslot.offers.models import Offer, OfferStatus, Waiting
from openslot.offers.offering import close_offer, end_entry
from openslot.offers.queries import Offered
from openslot.referrals import queries as referrals
from openslot.schedules.rules import Place


def offer_for(session: Session, actor: Actor, offer_id: UUID) -> Offered:
    """An offer to oneself, to whom one cares for, to one's department, or at one's place, as
    somebody answers by telephone; NotFound for strangers."""
    found = queries.offered(session, offer_id)
    if found is None or not may_answer(actor, found):
        raise NotFound
    return found


def open_for(session: Session, actor: Actor, *, now: datetime) -> list[Offered]:
    """The open offers that an actor answers for themselves, for whom they care for, or for
    their department, the soonest to end first; two statements."""
    patients = {*actor.dependents, *([actor.patient_id] if actor.patient_id else [])}
    department = actor.department_id if actor.is_a(Role.STAFF) else None
    if not patients and department is None:
        return []
    return queries.open_offers(session, now=now, patient_ids=patients, department_id=department)


def named(session: Session, offer_id: UUID) -> Offered:
    """The offer that a link of ours names, whoever holds it."""
    found = queries.offered(session, offer_id)
    if found is None:
        raise NotFound
    return found


def bearer_of(found: Offered, address: str | None) -> Actor:
    """Whoever holds the link to an offer, as the one to whom it was written."""
    if found.kept.patient is not None:
        return Actor(role=Role.PATIENT, patient_id=found.kept.patient.id, address=address)
    return Actor(
        role=Role.STAFF,
        centre_id=found.kept.centre.id,
        department_id=found.entry.department_id if found.entry else None,
        address=address,
    )


def accept(session: Session, actor: Actor, offer_id: UUID, *, now: datetime) -> Appointment:
    """Take the time: it is booked, or the appointment moves onto it, and the entry is served.

    A specialist's is booked with the referral that :func:`openslot.referrals.commands.book`
    would take. OfferExpired where it was answered, has run out, or its time or appointment is gone.
    Raises what booking raises; an offer that is refused for good is withdrawn by the sweep.
    """
    found = _open(session, actor, offer_id, now)
    place = place_of(session, found.kept.schedule.id)
    try:
        appointment = offered.take(
            session,
            actor,
            found.offer.hold_id,
            now=now,
            instead_of=found.offer.appointment_id,
            place=place,
            authorisation=_authorisation(session, found, place, now),
        )
    except HoldExpired:
        raise OfferExpired from None
    close_offer(session, found.offer, None, OfferStatus.ACCEPTED, now=now, by=actor.origin)
    if found.entry is not None and found.entry.status == Waiting.WAITING:
        end_entry(session, found.entry, Waiting.SERVED, now=now, by=actor.origin)
    return appointment


def decline(session: Session, actor: Actor, offer_id: UUID, *, now: datetime) -> Offer:
    """Leave the time to others; whoever waits goes on waiting, and an appointment keeps its
    time."""
    found = _open(session, actor, offer_id, now)
    close_offer(
        session,
        found.offer,
        found.kept,
        OfferStatus.DECLINED,
        now=now,
        by=actor.origin,
    )
    return found.offer


def _authorisation(
    session: Session, found: Offered, place: Place, now: datetime
) -> ReferralAuthorisation | None:
    """The referral with which the patient books the time; an appointment that moves brings its
    own."""
    hold = found.kept
    if found.old is not None or hold.patient_id is None or not needs_referral(place):
        return None
    return referrals.authorisation_for(
        session, place, hold.patient_id, now=now, hold_id=hold.id
    ).authorisation


def _open(session: Session, actor: Actor, offer_id: UUID, now: datetime) -> Offered:
    found = offer_for(session, actor, offer_id)
    if not found.is_open(now):
        raise OfferExpired
    return found


def may_answer(actor: Actor, found: Offered) -> bool:
    """Whether the offer is the actor's to answer."""
    if found.entry is not None and found.entry.department_id is not None:
        waits = found.entry.department_id == actor.department_id
        return waits and actor.is_a(Role.STAFF)
    return part_in(actor, found.kept) is not None
