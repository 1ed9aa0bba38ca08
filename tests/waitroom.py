"""What tests of offers do again and again: wait, sweep, and look at what is offered."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import factories
from factories import HALF_HOUR, MONDAY_9, NOW
from openslot.booking import check
from openslot.booking.models import Appointment, Status
from openslot.core import outbox
from openslot.core.actor import SYSTEM, Actor
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.usecases import booking as usecases
from openslot.usecases import rebooking
from openslot.waiting_list import answers, waiting
from openslot.waiting_list.details import WaitingDetails
from openslot.waiting_list.models import Offer, OfferStatus, WaitingEntry
from town import Town
from working import work

SETTINGS = Settings(_env_file=None)
WEEK = timedelta(days=7)


def book(
    database: Database, town: Town, patient: int, start: datetime = MONDAY_9, **more: Any
) -> Appointment:
    booking_request = town.booking_request(start, patient=patient, **more)
    return database.run(lambda session: usecases.book(work(session, SYSTEM, NOW), booking_request))


def cancel(database: Database, appointment: UUID, now: datetime = NOW) -> None:
    database.run(
        lambda session: factories.change_status(session, appointment, Status.CANCELLED, now=now)
    )


def waiting_details(town: Town, patient: int | None = 0, **more: Any) -> WaitingDetails:
    """For the GP at the hospital on Monday at nine and then only, unless told otherwise."""
    given = {
        "patient_id": None if patient is None else town.patients[patient],
        "schedule_id": town.gp_at_hospital,
        "starts_from": MONDAY_9,
        "starts_until": MONDAY_9 + HALF_HOUR,
        **more,
    }
    return WaitingDetails.model_validate(given)


def wait(
    database: Database,
    town: Town,
    patient: int = 0,
    *,
    by: Actor | None = None,
    now: datetime = NOW,
    **more: Any,
) -> WaitingEntry:
    actor = by or town.patient(patient)
    details = waiting_details(town, patient, **more)
    return database.run(lambda session: waiting.join(work(session, actor, now), details))


def expire_due(database: Database, now: datetime = NOW) -> int:
    return waiting.expire_due(database, SETTINGS, lambda: now)


def offers(database: Database, status: OfferStatus = OfferStatus.OPEN) -> list[Offer]:
    """The offers of a status, in the order in which they were made."""
    return database.read(
        lambda session: [
            one
            for one in session.query(Offer).order_by(Offer.made_at, Offer.id)
            if one.status == status
        ]
    )


def open_offer(database: Database, entry: WaitingEntry) -> Offer | None:
    return next((one for one in offers(database) if one.entry_id == entry.id), None)


def entry(database: Database, one: WaitingEntry) -> WaitingEntry:
    found = database.read(lambda session: session.get(WaitingEntry, one.id))
    assert found is not None
    return found


def appointment(database: Database, appointment_id: UUID) -> Appointment:
    found = database.read(lambda session: session.get(Appointment, appointment_id))
    assert found is not None
    return found


def accept(database: Database, actor: Actor, offer: UUID, now: datetime = NOW) -> Appointment:
    return database.run(lambda session: answers.accept(work(session, actor, now), offer))


def decline(database: Database, actor: Actor, offer: UUID, now: datetime = NOW) -> Offer:
    return database.run(lambda session: answers.decline(work(session, actor, now), offer))


def work_off(database: Database, now: datetime = NOW) -> None:
    """Do all that was decided, as the worker does."""
    for message in database.read(
        lambda session: outbox.messages(session, "absence.decided", limit=100, offset=0)
    ):
        rebooking.work_off(database, SETTINGS, UUID(message.payload["decision"]), now=now)


def assert_clean(database: Database) -> None:
    assert check.faults(database) == []
