"""Offered times: off the waiting list, or instead of an appointment whose time cannot be kept."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field
from sqlalchemy.orm import Session

from openslot.booking.commands import appointment_for
from openslot.booking.models import Appointment as AppointmentRow
from openslot.core import keyset
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
from openslot.entrypoints.request import now, reader, write
from openslot.entrypoints.rules import Rule
from openslot.offers import answers
from openslot.offers.models import OfferStatus
from openslot.offers.queries import Offered

service = Service("offers", "Offers", "Times that are kept for somebody until they answer.")

PATH = "/api/v1/offers"
ONE = f"{PATH}/<uuid:offer_id>"


class Offer(Shown):
    """A time that is kept for somebody; taking it books it, or moves the appointment that it
    names."""

    id: UUID
    status: OfferStatus
    open: Annotated[bool, Field(description="Whether it can be taken now.")]
    patient: PatientRef | None
    schedule: int
    practitioner: PractitionerRef | None
    centre: CentreRef
    service: ServiceRef | None
    start: AwareDatetime
    end: AwareDatetime
    answer_by: AwareDatetime
    appointment: Annotated[UUID | None, Field(description="The appointment that would move.")]
    waitlist: Annotated[UUID | None, Field(description="The entry that it comes from.")]
    rebooking: Annotated[
        bool,
        Field(description="Whether the time of the appointment cannot be kept, as of an absence."),
    ]


class OfferList(Listing[Offer]):
    """What can be taken now, the soonest to end first."""


@service.operation("GET", PATH, scope="care:read", rule=Rule.RELATED, query=Paged, answer=OfferList)
def list_offers(query: Paged) -> Listing[Offer]:
    """List what one can take now: for oneself, whom one cares for, or one's department."""
    after = read_cursor(query.after, instant, UUID)
    offers = answers.open_for(reader(), bearer.actor(), now=now())
    return page(OfferList, keyset.sort_after(offers, _place, after), query, _shown, _place)


@service.operation("GET", ONE, scope="care:read", rule=Rule.RELATED, answer=Offer)
def get_offer(offer_id: UUID) -> Offer:
    """Read an offer, and what became of it."""
    return _shown(answers.offer_for(reader(), bearer.actor(), offer_id))


@service.operation(
    "POST",
    f"{ONE}/accept",
    scope="care:write",
    rule=Rule.RELATED,
    answer=Appointment,
    may_fail=(410,),
)
def accept_offer(offer_id: UUID) -> Appointment:
    """Take the time: it is booked, or the appointment moves onto it."""
    actor = bearer.actor()

    def work(session: Session) -> AppointmentRow:
        appointment = answers.accept(session, actor, offer_id, now=now())
        session.flush()
        return appointment_for(session, actor, appointment.id)[0]

    return appointment_shown(write(work))


@service.operation(
    "POST", f"{ONE}/decline", scope="care:write", rule=Rule.RELATED, status=204, may_fail=(410,)
)
def decline_offer(offer_id: UUID) -> None:
    """Leave the time to others: who waits goes on waiting, and an appointment keeps its time."""
    write(lambda session: answers.decline(session, bearer.actor(), offer_id, now=now()))


def _place(one: Offered) -> tuple[object, UUID]:
    return one.offer.expires_at, one.offer.id


def _shown(one: Offered) -> Offer:
    offer, kept = one.offer, one.kept
    row, zone = kept, kept.zone
    return Offer(
        id=offer.id,
        status=OfferStatus(offer.status),
        open=one.is_open(now()),
        patient=patient_ref(kept.patient),
        schedule=row.schedule_id,
        practitioner=practitioner_ref(kept.practitioner),
        centre=centre_ref(kept.centre),
        service=service_ref(kept.service, kept.department),
        start=row.starts_at.astimezone(zone),
        end=row.ends_at.astimezone(zone),
        answer_by=offer.expires_at.astimezone(zone),
        appointment=offer.appointment_id,
        waitlist=offer.entry_id,
        rebooking=one.is_rebooking,
    )
