"""Races for offered times, on every engine: one answer counts, and no diary is taken twice."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from factories import HALF_HOUR, MONDAY_9, NOW
from openslot.booking.absences import AbsenceDetails
from openslot.booking.errors import InvalidTransition, SlotTaken
from openslot.booking.models import Appointment, Status
from openslot.core.db import Database
from openslot.core.errors import DomainError
from openslot.schedules.models import AbsenceKind
from openslot.usecases import rebooking
from openslot.usecases.rebooking import Decided
from openslot.waiting_list import offering, search, waiting
from openslot.waiting_list.errors import AlreadyWaiting, OfferExpired, TooManyEntries
from openslot.waiting_list.models import AbsenceDecision, Choice, Offer, OfferStatus, Waiting
from racing import meeting, race
from town import Town, build_town
from waitroom import (
    SETTINGS,
    accept,
    appointment,
    assert_clean,
    book,
    cancel,
    decline,
    entry,
    expire_due,
    offers,
    wait,
)
from working import work

RACERS = 8
DAY = timedelta(days=1)


def attempt(act: Callable[[], Any]) -> Any:
    """What came of it; anything but a refusal in words is an error of the test."""
    try:
        return act()
    except DomainError as refusal:
        return refusal


def offered_move(database: Database, town: Town) -> tuple[Appointment, Offer]:
    """An appointment on Tuesday, and an open offer of Monday at nine instead."""
    later = book(database, town, 0, MONDAY_9 + DAY)
    wait(database, town, appointment_id=later.id, patient_id=None)
    expire_due(database)
    [offer] = offers(database)
    return later, offer


def test_a_patient_who_presses_twice_takes_it_once(database: Database) -> None:
    town = build_town(database)
    later, offer = offered_move(database, town)
    outcomes = race(RACERS, lambda _: attempt(lambda: accept(database, town.patient(), offer.id)))
    assert sum(isinstance(one, Appointment) for one in outcomes) == 1
    assert sum(isinstance(one, OfferExpired) for one in outcomes) == RACERS - 1
    assert appointment(database, later.id).starts_at == MONDAY_9
    assert_clean(database)


def test_an_answer_its_expiry_and_a_cancellation_end_in_one_of_them(database: Database) -> None:
    town = build_town(database)
    later, offer = offered_move(database, town)
    works = [
        lambda: accept(database, town.patient(), offer.id),
        lambda: decline(database, town.patient(), offer.id),
        lambda: cancel(database, later.id),
        lambda: database.run(
            lambda session: offering.expire_next(work(session, now=offer.expires_at))
        ),
    ]
    race(len(works), lambda number: attempt(works[number]))
    expire_due(database)
    after = database.read(lambda session: session.get_one(Offer, offer.id))
    assert after.status != OfferStatus.OPEN
    assert appointment(database, offer.hold_id).status == Status.EXPIRED
    left = appointment(database, later.id)
    if after.status == OfferStatus.ACCEPTED:
        assert left.starts_at == MONDAY_9
    else:
        assert left.starts_at == MONDAY_9 + DAY
    assert_clean(database)


def test_of_joining_twice_at_once_one_counts(database: Database) -> None:
    town = build_town(database)
    outcomes = race(RACERS, lambda _: attempt(lambda: wait(database, town)))
    assert sum(isinstance(one, AlreadyWaiting) for one in outcomes) == RACERS - 1
    assert len(database.read(lambda session: search.open_entries(session, town.patients[0]))) == 1


def test_of_a_department_that_joins_twice_at_once_one_counts(database: Database) -> None:
    town = build_town(database)
    later = book(database, town, None, MONDAY_9 + DAY, schedule=town.scan)  # type: ignore[arg-type]
    outcomes = race(
        RACERS,
        lambda _: attempt(
            lambda: wait(
                database,
                town,
                by=town.clerk,
                patient_id=None,
                schedule_id=town.scan,
                appointment_id=later.id,
                starts_from=NOW,
            )
        ),
    )
    assert sum(isinstance(one, AlreadyWaiting) for one in outcomes) == RACERS - 1


def test_the_list_takes_no_more_of_a_patient_than_it_may(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MOST_ENTRIES", 2)
    town = build_town(database)
    places = (town.gp_at_hospital, town.gp_at_clinic, town.physio_at_hospital)
    outcomes = race(
        len(places),
        lambda number: attempt(lambda: wait(database, town, schedule_id=places[number])),
    )
    assert [type(one) for one in outcomes].count(TooManyEntries) == 1
    assert len(database.read(lambda session: search.open_entries(session, town.patients[0]))) == 2


def test_workers_that_sweep_at_once_offer_each_time_and_each_entry_once(database: Database) -> None:
    people = 6
    town = build_town(database, patients=people)
    for number in range(people):
        wait(database, town, number, starts_until=MONDAY_9 + 4 * HALF_HOUR)
    race(4, lambda _: expire_due(database))
    made = offers(database)
    starts = {appointment(database, one.hold_id).starts_at for one in made}
    assert (len(made), len(starts), len({one.entry_id for one in made})) == (4, 4, 4)
    assert_clean(database)


def test_one_entry_gets_one_offer_though_times_come_free_elsewhere_meanwhile(
    database: Database,
) -> None:
    """Two sweeps look at different free times, so that no diary page decides between them."""
    town = build_town(database)
    one = wait(
        database,
        town,
        schedule_id=None,
        practitioner_id=None,
        profession="GP",
        centre_ids={town.hospital, town.clinic},
        starts_until=MONDAY_9 + DAY + HALF_HOUR,
    )
    first = [
        (one.id, schedule, MONDAY_9 + number * HALF_HOUR)
        for schedule in (town.gp_at_hospital, town.gp_at_clinic)
        for number in range(16)
    ]

    def look(number: int) -> Any:
        passed = first if number % 2 else []
        return database.run(
            lambda session: waiting.offer_next(
                work(session, now=NOW, offer_hours=24), passed=passed
            )
        )

    race(4, look)
    assert len(offers(database)) == 1
    assert_clean(database)


def test_a_booking_and_an_offer_of_one_time_have_one_winner(database: Database) -> None:
    town = build_town(database)
    wait(database, town)
    outcomes = race(
        2,
        lambda number: attempt(
            (lambda: expire_due(database)) if number else (lambda: book(database, town, 1))
        ),
    )
    booked = [one for one in outcomes if isinstance(one, Appointment)]
    refused = [one for one in outcomes if isinstance(one, SlotTaken)]
    assert len(booked) + len(offers(database)) == 1
    assert len(refused) == len(offers(database))
    assert_clean(database)


def test_the_patient_books_over_an_offer_that_is_taken_at_that_moment(database: Database) -> None:
    town = build_town(database)
    one = wait(database, town)
    expire_due(database)
    [offer] = offers(database)
    works = [
        lambda: accept(database, town.patient(), offer.id),
        lambda: book(database, town, 0, schedule=town.physio_at_hospital),
    ]
    outcomes = race(2, lambda number: attempt(works[number]))
    assert sum(isinstance(one, Appointment) for one in outcomes) == 1
    expire_due(database)
    served = entry(database, one).status == Waiting.SERVED
    assert served == isinstance(outcomes[0], Appointment)
    assert_clean(database)


@pytest.mark.parametrize("choice", [Choice.CANCEL, Choice.MOVE])
def test_workers_that_carry_out_one_decision_do_it_once(database: Database, choice: Choice) -> None:
    town = build_town(database)
    [decision] = decided(database, town, {0: choice})
    race(4, lambda _: rebooking.work_off(database, SETTINGS, decision, now=NOW))
    assert len(offers(database)) == (choice is Choice.MOVE)
    assert_clean(database)


def test_a_decision_that_changes_while_it_is_carried_out_is_not_lost(database: Database) -> None:
    town = build_town(database)
    [decision] = decided(database, town, {0: Choice.MOVE})
    [row] = database.read(lambda session: list(session.query(AbsenceDecision)))

    def again(session: Any) -> None:
        rebooking.decide(
            work(session, town.doctor, NOW), town.gp, {row.appointment_id: Decided(Choice.CANCEL)}
        )

    works = [
        lambda: rebooking.work_off(database, SETTINGS, decision, now=NOW),
        lambda: database.run(again),
    ]
    race(2, lambda number: attempt(works[number]))
    rebooking.work_off(database, SETTINGS, decision, now=NOW)
    assert appointment(database, row.appointment_id).status == Status.CANCELLED
    expire_due(database)
    assert offers(database) == []
    assert_clean(database)


def test_taking_a_proposal_against_its_withdrawal(database: Database) -> None:
    town = build_town(database)
    [decision] = decided(database, town, {0: Choice.MOVE})
    rebooking.work_off(database, SETTINGS, decision, now=NOW)
    [offer] = offers(database)
    [row] = database.read(lambda session: list(session.query(AbsenceDecision)))
    works = [
        lambda: accept(database, town.patient(), offer.id),
        lambda: database.run(
            lambda session: rebooking.end(
                work(session, town.doctor, NOW), town.gp, row.absence_id, withdraw=True
            )
        ),
    ]
    outcomes = race(2, lambda number: attempt(works[number]))
    assert not isinstance(outcomes[0], InvalidTransition)
    taken = isinstance(outcomes[0], Appointment)
    assert (appointment(database, row.appointment_id).starts_at == MONDAY_9) == (not taken)
    assert_clean(database)


def decided(database: Database, town: Town, choices: dict[int, Choice]) -> list[UUID]:
    """Leave on Monday over appointments of patients by number; the ids of what was decided."""
    hit = {
        book(database, town, number, MONDAY_9 + number * HALF_HOUR).id: choice
        for number, choice in choices.items()
    }
    there = (town.gp_at_hospital, MONDAY_9 + DAY)
    decisions = {
        key: Decided(choice, *there) if choice is Choice.MOVE else Decided(choice)
        for key, choice in hit.items()
    }
    leave = AbsenceDetails(kind=AbsenceKind.LEAVE, starts_at=MONDAY_9, ends_at=MONDAY_9 + DAY)
    database.run(
        lambda session: rebooking.enter(work(session, town.doctor, NOW), town.gp, leave, decisions)
    )
    return database.read(lambda session: [one.id for one in session.query(AbsenceDecision)])


@pytest.mark.parametrize("guarded", [True, False])
def test_the_version_of_an_entry_keeps_it_from_two_offers_at_once(
    database: Database, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """Both look before either writes, at times on pages that have nothing in common; the control
    has two offers."""
    # SQLite lets in one writer at a time: there the second looks when the first is done.
    alone = database.engine.dialect.name == "sqlite"
    town = build_town(database)
    one = wait(database, town, starts_until=MONDAY_9 + 2 * DAY + HALF_HOUR)
    if not guarded:
        monkeypatch.setattr(search, "touch", lambda _entry: None)
    meet, look = meeting(1 if alone else 2), search.waiters

    def both_look(session: Any) -> Any:
        found = look(session)
        meet()
        return found

    monkeypatch.setattr(search, "waiters", both_look)
    monday = [(one.id, town.gp_at_hospital, MONDAY_9 + number * HALF_HOUR) for number in range(16)]
    tuesday = [(key, schedule, start + DAY) for key, schedule, start in monday]
    busy = town.patients[0]
    monkeypatch.setattr(search, "live_keys", lambda *_arguments, **_more: {busy: set()})
    race(
        2,
        lambda number: database.run(
            lambda session: waiting.offer_next(
                work(session, now=NOW, offer_hours=24), passed=[*monday, *tuesday] if number else ()
            )
        ),
    )
    assert len(offers(database)) == (1 if guarded or alone else 2)
