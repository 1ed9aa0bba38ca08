"""Deletion of a patient's account, with what the patient still has ahead."""

from uuid import UUID

from openslot.booking import queries as booking
from openslot.booking.commands import change_status
from openslot.booking.errors import AccountIsKept, HasDependents
from openslot.booking.models import Status
from openslot.booking.moves import Relation, cutoff_of, moves_now
from openslot.core.actor import Actor, Role
from openslot.core.errors import Forbidden
from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.identity import commands as identity
from openslot.waiting_list import queries as offers
from openslot.waiting_list import search
from openslot.waiting_list.models import OfferStatus, Waiting
from openslot.waiting_list.offering import close_offer, end_entry


def delete_own_account(work: Work) -> None:
    """Delete the actor's account for good.

    Upcoming appointments are cancelled, waiting list entries end, and open offers are withdrawn, so
    their times are free at once. The patient's record and past appointments stay, as the law
    requires. Appointments that are too near to be cancelled stay too: the patient must phone the
    practice. Raises HasDependents if a dependent would be left without a carer.
    """
    actor = work.actor
    check_may_delete(actor)
    if actor.account_id is None:
        raise Forbidden
    if actor.patient_id is not None:
        if directory.dependents_of(work.session, actor.patient_id):
            raise HasDependents
        _leave_waiting_list(work, actor.patient_id)
        _cancel_appointments(work, actor.patient_id)
    identity.delete_account(work, actor.account_id)


def check_may_delete(actor: Actor) -> None:
    """Raise AccountIsKept unless the actor is a patient: others answer for what they recorded."""
    if not actor.is_a(Role.PATIENT):
        raise AccountIsKept


def _leave_waiting_list(work: Work, patient_id: UUID) -> None:
    for offer in offers.open_offers(work, patient_ids=[patient_id]):
        close_offer(work, offer, OfferStatus.WITHDRAWN)
    for entry in search.open_entries(work.session, patient_id):
        end_entry(work, entry, Waiting.LEFT)


def _cancel_appointments(work: Work, patient_id: UUID) -> None:
    upcoming = (booking.of_patient(patient_id), booking.to_come(work.now))
    for appointment in booking.appointments(work.session, *upcoming):
        cutoff = cutoff_of(appointment.booked_service, work.settings)
        if Status.CANCELLED in moves_now(
            Relation.PATIENT, appointment, now=work.now, cutoff=cutoff
        ):
            change_status(work, appointment.id, Status.CANCELLED)
