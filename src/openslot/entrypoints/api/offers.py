"""Operations on offers, from the waiting list or after an absence."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from openslot.booking.commands import appointment_for
from openslot.booking.models import Appointment as AppointmentRow
from openslot.core import keyset
from openslot.core.work import Work
from openslot.entrypoints import bearer
from openslot.entrypoints.api.appointment_shapes import Appointment, appointment_shown
from openslot.entrypoints.api.operations import Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.api.shapes import (
    CentreRef,
    PatientRef,
    PractitionerRef,
    ServiceRef,
    centre_ref,
    patient_ref,
    practitioner_ref,
    service_ref,
)
from openslot.entrypoints.cursors import instant
from openslot.entrypoints.request import now
from openslot.entrypoints.rules import Rule
from openslot.waiting_list import answers
from openslot.waiting_list.models import Offer as OfferRow
from openslot.waiting_list.models import OfferStatus

service = Service("offers", "Offers", "Times held for a patient until they answer.")

PATH = "/api/v1/offers"
ONE = f"{PATH}/<uuid:offer_id>"


class Offer(Shown):
    """A time held for a patient; accepting it books it, or moves `appointment` to it."""

    id: UUID
    status: OfferStatus
    open: Annotated[bool, Field(description="True while it can be accepted.")]
    patient: PatientRef | None
    schedule: int
    practitioner: PractitionerRef | None
    centre: CentreRef
    service: ServiceRef | None
    start: AwareDatetime
    end: AwareDatetime
    answer_by: AwareDatetime
    appointment: Annotated[UUID | None, Field(description="The appointment that would move.")]
    waitlist: Annotated[UUID | None, Field(description="The waiting-list entry that it answers.")]
    rebooking: Annotated[
        bool,
        Field(description="True if the appointment must move, for example because of an absence."),
    ]


class OfferList(Listing[Offer]):
    """A page of open offers, sorted by when they expire."""


@service.operation("GET", PATH, scope="care:read", rule=Rule.RELATED, query=Paged, answer=OfferList)
def list_offers(query: Paged) -> Listing[Offer]:
    """List the open offers for you, your dependents or your department."""
    after = read_cursor(query.after, instant, UUID)
    offers = answers.open_for(bearer.work())
    return page(OfferList, keyset.sort_after(offers, _sort_key, after), query, _shown, _sort_key)


@service.operation("GET", ONE, scope="care:read", rule=Rule.RELATED, answer=Offer)
def get_offer(offer_id: UUID) -> Offer:
    """Read an offer and its status."""
    return _shown(answers.offer_for(bearer.work(), offer_id))


@service.operation(
    "POST",
    f"{ONE}/accept",
    scope="care:write",
    rule=Rule.RELATED,
    answer=Appointment,
    may_fail=(410,),
)
def accept_offer(offer_id: UUID) -> Appointment:
    """Accept an offer: the time is booked, or the appointment moves to it."""

    def save(work: Work) -> AppointmentRow:
        appointment = answers.accept(work, offer_id)
        work.session.flush()
        return appointment_for(work, appointment.id)[0]

    return appointment_shown(bearer.write(save))


@service.operation(
    "POST", f"{ONE}/decline", scope="care:write", rule=Rule.RELATED, status=204, may_fail=(410,)
)
def decline_offer(offer_id: UUID) -> None:
    """Decline an offer: the time is released; a waiting-list entry or appointment stays."""
    bearer.write(answers.decline, offer_id)


def _sort_key(offer: OfferRow) -> tuple[object, UUID]:
    return offer.expires_at, offer.id


def _shown(offer: OfferRow) -> Offer:
    hold = offer.hold
    zone = hold.zone
    return Offer(
        id=offer.id,
        status=OfferStatus(offer.status),
        open=offer.is_open(now()),
        patient=patient_ref(hold.patient),
        schedule=hold.schedule_id,
        practitioner=practitioner_ref(hold.practitioner),
        centre=centre_ref(hold.centre),
        service=service_ref(hold.booked_service, hold.department),
        start=hold.starts_at.astimezone(zone),
        end=hold.ends_at.astimezone(zone),
        answer_by=offer.expires_at.astimezone(zone),
        appointment=offer.appointment_id,
        waitlist=offer.entry_id,
        rebooking=offer.is_rebooking,
    )
