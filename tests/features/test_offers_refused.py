"""Offers that can no longer be taken: whoever takes one is told why, and the sweep withdraws it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

import factories
from factories import HALF_HOUR, MONDAY_9, NOW
from openslot.booking.errors import CentreClosed, ReferralSpent
from openslot.booking.models import Appointment, Status
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.core.errors import NotFound
from openslot.referrals import commands as referrals
from openslot.referrals.models import Referral
from openslot.schedules import commands as schedules
from openslot.usecases import deactivation
from openslot.waiting_list.errors import OfferExpired
from openslot.waiting_list.models import Offer, OfferStatus, Waiting, WaitingEntry
from referring import TUESDAY_9, Dentists
from town import Town, build_town
from waitroom import accept, appointment, assert_clean, book, entry, expire_due, offers, wait
from working import work

DAY = timedelta(days=1)
ACCEPTANCE = NOW + timedelta(hours=3)


def offered_dentist(dentists: Dentists, **more: Any) -> tuple[WaitingEntry, Offer]:
    """A patient waits for a specialist, and is offered Tuesday at nine."""
    one = wait(
        dentists.database,
        dentists.town,
        schedule_id=dentists.first_schedule,
        starts_from=TUESDAY_9,
        starts_until=TUESDAY_9 + HALF_HOUR,
        **more,
    )
    expire_due(dentists.database)
    [offer] = offers(dentists.database)
    return one, offer


def revoke(dentists: Dentists, letter: UUID) -> None:
    dentists.database.run(
        lambda session: referrals.revoke(work(session, dentists.town.doctor, NOW), letter)
    )


def run_out(dentists: Dentists, letter: UUID) -> None:
    factories.change(dentists.database, Referral, letter, expires_at=NOW + timedelta(hours=1))


def withdrawn(database: Database) -> list[UUID]:
    return [one.id for one in offers(database, OfferStatus.WITHDRAWN)]


# Referrals


@pytest.mark.parametrize("spoil", [revoke, run_out])
def test_an_offered_time_is_not_booked_with_a_letter_that_holds_no_more(
    database: Database, spoil: Callable[[Dentists, UUID], None]
) -> None:
    dentists = Dentists(database, build_town(database))
    letter = dentists.sent()
    one, offer = offered_dentist(dentists)
    spoil(dentists, letter)
    with pytest.raises(ReferralSpent):
        accept(database, dentists.town.patient(), offer.id, ACCEPTANCE)
    expire_due(database, ACCEPTANCE)
    assert withdrawn(database) == [offer.id]
    assert appointment(database, offer.hold_id).status == Status.EXPIRED
    assert entry(database, one).status == Waiting.WAITING
    with pytest.raises(OfferExpired):
        accept(database, dentists.town.patient(), offer.id, ACCEPTANCE)
    assert_clean(database)


@pytest.mark.parametrize("to_person", [True, False])
def test_another_letter_to_that_specialist_takes_the_place_of_one_that_was_revoked(
    database: Database, to_person: bool
) -> None:
    dentists = Dentists(database, build_town(database))
    first = dentists.sent()
    _, offer = offered_dentist(dentists)
    revoke(dentists, first)
    second = dentists.sent(to=dentists.first if to_person else None)
    expire_due(database)
    assert [one.id for one in offers(database)] == [offer.id]
    taken = accept(database, dentists.town.patient(), offer.id)
    assert (taken.referral_id, taken.referral_use) == (second, second)
    assert_clean(database)


def test_a_letter_to_another_specialist_does_not(sqlite_database: Database, town: Town) -> None:
    dentists = Dentists(sqlite_database, town)
    first = dentists.sent()
    _, offer = offered_dentist(dentists)
    revoke(dentists, first)
    dentists.sent(to=dentists.second)
    with pytest.raises(ReferralSpent):
        accept(sqlite_database, town.patient(), offer.id)
    expire_due(sqlite_database)
    assert withdrawn(sqlite_database) == [offer.id]


def test_a_letter_that_another_appointment_uses_does_not(
    sqlite_database: Database, town: Town
) -> None:
    dentists = Dentists(sqlite_database, town)
    first = dentists.sent()
    _, offer = offered_dentist(dentists)
    second = dentists.sent(to=dentists.first)
    dentists.book(dentists.booking_request(TUESDAY_9 + DAY), referral=second)
    revoke(dentists, first)
    with pytest.raises(ReferralSpent):
        accept(sqlite_database, town.patient(), offer.id)
    expire_due(sqlite_database)
    assert withdrawn(sqlite_database) == [offer.id]


def test_a_letter_that_another_hold_bears_is_taken_from_it(database: Database) -> None:
    dentists = Dentists(database, build_town(database))
    first = dentists.sent()
    _, offer = offered_dentist(dentists)
    revoke(dentists, first)
    second = dentists.sent()
    kept = dentists.hold(dentists.booking_request(TUESDAY_9 + DAY))
    assert kept.referral_use == second
    assert accept(database, dentists.town.patient(), offer.id).referral_use == second
    assert appointment(database, kept.id).status == Status.EXPIRED
    assert_clean(database)


# Places


def close(session: Any, town: Town) -> None:
    schedules.close_centre(
        work(session, SYSTEM, NOW),
        town.hospital,
        starts=MONDAY_9,
        ends=MONDAY_9 + DAY,
        reason="Flood",
    )


def deactivated(verb: Callable[..., None], what: str) -> Callable[[Any, Town], None]:
    def act(session: Any, town: Town) -> None:
        verb(work(session, SYSTEM, NOW), getattr(town, what), active=False)

    return act


GONE = {
    "closed": (close, CentreClosed),
    "schedule": (deactivated(deactivation.deactivate_schedule, "gp_at_hospital"), NotFound),
    "practitioner": (deactivated(deactivation.deactivate_practitioner, "gp"), NotFound),
    "centre": (deactivated(deactivation.deactivate_centre, "hospital"), NotFound),
}


@pytest.mark.parametrize("how", GONE)
def test_a_time_where_nobody_can_be_seen_any_more_is_withdrawn_and_the_wait_goes_on(
    database: Database, how: str
) -> None:
    town = build_town(database)
    one = wait(database, town)
    other = wait(database, town, 1, schedule_id=town.physio_at_hospital)
    expire_due(database)
    offer = next(row for row in offers(database) if row.entry_id == one.id)
    change, refusal = GONE[how]
    database.run(lambda session: change(session, town))
    with pytest.raises(refusal):
        accept(database, town.patient(), offer.id)
    expire_due(database)
    assert offer.id in withdrawn(database)
    assert appointment(database, offer.hold_id).status == Status.EXPIRED
    assert entry(database, one).status == Waiting.WAITING
    left = [row.entry_id for row in offers(database)]
    assert left == ([other.id] if how in ("schedule", "practitioner") else [])
    assert_clean(database)


@pytest.mark.parametrize("what", ["service", "department"])
def test_a_service_that_is_no_more_is_offered_no_longer(
    sqlite_database: Database, town: Town, what: str
) -> None:
    wait(sqlite_database, town, schedule_id=town.scan)
    expire_due(sqlite_database)
    [offer] = offers(sqlite_database)

    def change(session: Any) -> None:
        if what == "department":
            deactivation.deactivate_department(
                work(session, SYSTEM, NOW), town.department, active=False
            )
        else:
            schedule = session.get(schedules.Schedule, town.scan)
            deactivation.deactivate_service(
                work(session, SYSTEM, NOW), schedule.service_id, active=False
            )

    sqlite_database.run(change)
    expire_due(sqlite_database)
    assert withdrawn(sqlite_database) == [offer.id]


def test_whoever_waited_is_offered_the_next_time_when_the_centre_closes(
    sqlite_database: Database, town: Town
) -> None:
    one = wait(sqlite_database, town, starts_until=MONDAY_9 + 2 * DAY)
    expire_due(sqlite_database)
    sqlite_database.run(lambda session: close(session, town))
    assert expire_due(sqlite_database) == 1
    [offer] = offers(sqlite_database)
    assert (offer.entry_id, start_of(sqlite_database, offer)) == (one.id, MONDAY_9 + DAY)


def start_of(database: Database, offer: Offer) -> datetime:
    kept: Appointment = appointment(database, offer.hold_id)
    return kept.starts_at


def test_a_time_that_would_replace_an_appointment_is_withdrawn_too(
    sqlite_database: Database, town: Town
) -> None:
    later = book(sqlite_database, town, 0, MONDAY_9 + DAY)
    wait(sqlite_database, town, appointment_id=later.id, patient_id=None)
    expire_due(sqlite_database)
    [offer] = offers(sqlite_database)
    sqlite_database.run(lambda session: close(session, town))
    with pytest.raises(CentreClosed):
        accept(sqlite_database, town.patient(), offer.id)
    expire_due(sqlite_database)
    assert withdrawn(sqlite_database) == [offer.id]
    assert appointment(sqlite_database, later.id).status == Status.BOOKED
    assert_clean(sqlite_database)
