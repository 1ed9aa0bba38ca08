"""The answers to an offer: accept or decline it."""

from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import offered
from openslot.booking.commands import place_of
from openslot.booking.errors import HoldExpired
from openslot.booking.models import Appointment
from openslot.booking.moves import relation_to
from openslot.booking.rules import ReferralAuthorisation, needs_referral
from openslot.core.actor import Actor, Role
from openslot.core.errors import NotFound
from openslot.core.work import Work
from openslot.referrals import commands as referrals
from openslot.waiting_list import queries
from openslot.waiting_list.errors import OfferExpired
from openslot.waiting_list.models import Offer, OfferStatus, Waiting
from openslot.waiting_list.offering import close_offer, end_entry


def offer_for(work: Work, offer_id: UUID) -> Offer:
    """Return an offer that the actor may answer.

    These are the patient, their carer, the department that waits, and staff at the centre, who
    answer by telephone. Raise NotFound for anybody else.
    """
    offer = queries.offer(work.session, offer_id)
    if offer is None or not may_answer(work.actor, offer):
        raise NotFound
    return offer


def open_for(work: Work) -> list[Offer]:
    """Return the open offers of the actor, their dependents and their department.

    The first to expire comes first. Takes two statements.
    """
    patients = {*work.actor.dependents, *([work.actor.patient_id] if work.actor.patient_id else [])}
    department = work.actor.department_id if work.actor.is_a(Role.STAFF) else None
    if not patients and department is None:
        return []
    return queries.open_offers(work, patient_ids=patients, department_id=department)


def by_link(session: Session, offer_id: UUID) -> Offer:
    """Return the offer that a signed link names, or raise NotFound.

    The link is the permission: there is no further check.
    """
    offer = queries.offer(session, offer_id)
    if offer is None:
        raise NotFound
    return offer


def bearer_of(found: Offer, address: str | None) -> Actor:
    """Return the actor that the holder of an offer's link acts as: its addressee."""
    if found.hold.patient is not None:
        return Actor(role=Role.PATIENT, patient_id=found.hold.patient.id, address=address)
    return Actor(
        role=Role.STAFF,
        centre_id=found.hold.centre.id,
        department_id=found.entry.department_id if found.entry else None,
        address=address,
    )


def accept(work: Work, offer_id: UUID) -> Appointment:
    """Book the offered time, or move the appointment to it, and end the waiting list entry.

    An appointment with a specialist uses the referral that :func:`openslot.usecases.booking.book`
    would use. Raise OfferExpired if the offer was answered or has expired, or if its time or
    appointment is gone, and otherwise what booking raises. The worker withdraws an offer that can
    never be accepted.
    """
    offer = _open_offer_for(work, offer_id)
    try:
        appointment = offered.take(
            work,
            offer.hold_id,
            instead_of=offer.appointment_id,
            authorisation=_authorisation(work, offer),
        )
    except HoldExpired:
        raise OfferExpired from None
    close_offer(work, offer, OfferStatus.ACCEPTED)
    if offer.entry is not None and offer.entry.status == Waiting.WAITING:
        end_entry(work, offer.entry, Waiting.SERVED)
    return appointment


def decline(work: Work, offer_id: UUID) -> Offer:
    """Decline an offer and release its time.

    The patient stays on the waiting list, or keeps the appointment.
    """
    offer = _open_offer_for(work, offer_id)
    close_offer(work, offer, OfferStatus.DECLINED)
    return offer


def _authorisation(work: Work, offer: Offer) -> ReferralAuthorisation | None:
    """Return the referral to book with, or None: a moved appointment keeps its own."""
    hold = offer.hold
    if offer.appointment is not None or hold.patient_id is None:
        return None
    place = place_of(work.session, hold.schedule.id, hold.service_id)
    if not needs_referral(place):
        return None
    found = referrals.authorisation_to_use(work, place, hold.patient_id, hold_id=hold.id)
    return found.authorisation


def _open_offer_for(work: Work, offer_id: UUID) -> Offer:
    offer = offer_for(work, offer_id)
    if not offer.is_open(work.now):
        raise OfferExpired
    return offer


def may_answer(actor: Actor, found: Offer) -> bool:
    """Return True if the actor may answer the offer."""
    if found.entry is not None and found.entry.department_id is not None:
        waits = found.entry.department_id == actor.department_id
        return waits and actor.is_a(Role.STAFF)
    return relation_to(actor, found.hold) is not None
