"""Rules of the waiting list: who may wait, who is offered what, and what becomes of offers."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from factories import HALF_HOUR, MONDAY_9, NOW
from openslot.booking import commands as booking
from openslot.booking import errors
from openslot.booking.errors import PriorityNotAllowed
from openslot.booking.models import Priority, Status
from openslot.core import audit, outbox
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.db import Database
from openslot.core.errors import Forbidden, NotFound
from openslot.referrals.models import Kept, Referral
from openslot.usecases import booking as usecases
from openslot.waiting_list import answers, waiting
from openslot.waiting_list.errors import (
    AlreadyWaiting,
    BadWindow,
    NobodyOffersThis,
    NoEarlierTime,
    OfferExpired,
    TooManyEntries,
)
from openslot.waiting_list.links import read_token, token_of
from openslot.waiting_list.models import OfferStatus, Waiting, WaitingEntry
from openslot.waiting_list.offering import subject_of
from town import Town, build_town
from waitroom import (
    WEEK,
    accept,
    appointment,
    assert_clean,
    book,
    cancel,
    decline,
    entry,
    expire_due,
    offers,
    open_offer,
    wait,
    waiting_details,
)
from working import found, work

TUESDAY_9 = MONDAY_9 + timedelta(days=1)
HALF_DAY = timedelta(hours=12)


def leave(database: Database, actor: Actor, entry_id: UUID) -> None:
    database.run(lambda session: waiting.leave(work(session, actor, NOW), entry_id))


# Who may wait for what


def test_a_patient_waits_for_themselves_and_never_as_urgent(
    sqlite_database: Database, town: Town
) -> None:
    with pytest.raises(PriorityNotAllowed):
        wait(sqlite_database, town, priority=Priority.URGENT)
    one = wait(sqlite_database, town)
    assert (one.patient_id, one.priority) == (town.patients[0], Priority.ROUTINE)
    found(sqlite_database, town.doctor, town.patients[1], NOW)
    urgent = wait(sqlite_database, town, 1, by=town.doctor, priority=Priority.URGENT)
    assert urgent.priority == Priority.URGENT


def test_nobody_waits_for_strangers(sqlite_database: Database, town: Town) -> None:
    strangers = [
        town.patient(1),
        Actor(role=Role.PRACTITIONER, practitioner_id=town.physio),
        Actor(role=Role.STAFF, centre_id=town.clinic),
        Actor(),
    ]
    for stranger in strangers:
        with pytest.raises((Forbidden, NotFound)):
            wait(sqlite_database, town, 0, by=stranger)


def test_who_cares_for_a_patient_waits_for_them(sqlite_database: Database, town: Town) -> None:
    carer = replace(town.patient(1), dependents=frozenset({town.patients[0]}))
    assert wait(sqlite_database, town, 0, by=carer).patient_id == town.patients[0]


def test_one_entry_for_one_thing_and_ten_in_all(sqlite_database: Database, town: Town) -> None:
    wait(sqlite_database, town)
    with pytest.raises(AlreadyWaiting):
        wait(sqlite_database, town)
    appointments = [
        book(sqlite_database, town, 0, TUESDAY_9 + timedelta(days=day)) for day in range(3)
    ]
    scopes = [{"appointment_id": one.id, "patient_id": None} for one in appointments]
    for scope in scopes:
        wait(sqlite_database, town, 0, **scope)
    for schedule in (town.gp_at_clinic, town.physio_at_hospital):
        wait(sqlite_database, town, 0, schedule_id=schedule)
    for practitioner in (town.gp, town.physio):
        wait(sqlite_database, town, 0, schedule_id=None, practitioner_id=practitioner)
    for profession in ("GP", "Physiotherapist"):
        wait(sqlite_database, town, 0, schedule_id=None, profession=profession)
    with pytest.raises(TooManyEntries):
        wait(sqlite_database, town, 0, schedule_id=town.scan)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"starts_from": NOW - WEEK, "starts_until": NOW}, BadWindow),
        ({"starts_until": NOW + timedelta(days=800)}, BadWindow),
        ({"minutes": 25}, errors.BadLength),
        ({"minutes": 600}, errors.BadLength),
        ({"schedule_id": 10**6}, NobodyOffersThis),
    ],
)
def test_what_cannot_be_waited_for_is_refused(
    sqlite_database: Database, town: Town, change: dict[str, Any], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        wait(sqlite_database, town, **change)


def test_a_specialist_is_waited_for_with_a_referral_only(
    sqlite_database: Database, town: Town
) -> None:
    book(sqlite_database, town, 1, schedule=town.gp_at_hospital)
    with pytest.raises(errors.ReferralRequired):
        wait(sqlite_database, town, schedule_id=town.specialist_at_hospital)
    sqlite_database.run(
        lambda session: session.add(
            Referral(
                patient_id=town.patients[0],
                gp_id=town.gp,
                expertise="Dental",
                letter="Teeth",
                status=Kept.SENT,
                created_at=NOW,
                sent_at=NOW,
                expires_at=NOW + 50 * WEEK,
            )
        )
    )
    one = wait(sqlite_database, town, schedule_id=town.specialist_at_hospital)
    assert expire_due(sqlite_database) == 1
    offer = open_offer(sqlite_database, one)
    assert offer is not None
    taken = accept(sqlite_database, town.patient(), offer.id)
    assert taken.referral_use is not None
    assert_clean(sqlite_database)


def test_an_appointment_is_replaced_by_earlier_times_within_its_reach_only(
    sqlite_database: Database, town: Town
) -> None:
    later = book(sqlite_database, town, 0, TUESDAY_9)
    replaced = {"appointment_id": later.id, "patient_id": None}
    with pytest.raises(NobodyOffersThis):
        wait(sqlite_database, town, schedule_id=town.physio_at_hospital, **replaced)
    with pytest.raises(NotFound):
        wait(sqlite_database, town, 1, **replaced)
    one = wait(sqlite_database, town, starts_until=TUESDAY_9 + WEEK, **replaced)
    assert (one.starts_until, one.patient_id) == (TUESDAY_9, town.patients[0])
    soon = TUESDAY_9 - timedelta(hours=1)
    with pytest.raises(NoEarlierTime):
        wait(sqlite_database, town, now=soon, **replaced)


def test_a_department_waits_with_an_appointment_that_has_no_patient(
    sqlite_database: Database, town: Town
) -> None:
    later = book(sqlite_database, town, None, TUESDAY_9, schedule=town.scan)  # type: ignore[arg-type]
    one = wait(
        sqlite_database,
        town,
        by=town.clerk,
        patient_id=None,
        schedule_id=town.scan,
        appointment_id=later.id,
        starts_from=NOW,
    )
    assert one.department_id == town.department
    assert expire_due(sqlite_database) == 1
    offer = open_offer(sqlite_database, one)
    assert offer is not None
    stranger = replace(town.clerk, department_id=10**6)
    with pytest.raises(NotFound):
        accept(sqlite_database, stranger, offer.id)
    assert accept(sqlite_database, town.clerk, offer.id).starts_at == MONDAY_9
    assert_clean(sqlite_database)


def test_a_department_waits_once_with_each_appointment(
    sqlite_database: Database, town: Town
) -> None:
    appointments = [
        book(sqlite_database, town, None, TUESDAY_9 + number * HALF_HOUR, schedule=town.scan)  # type: ignore[arg-type]
        for number in range(12)
    ]
    for one in appointments:
        wait_with(sqlite_database, town, one.id)
    with pytest.raises(AlreadyWaiting):
        wait_with(sqlite_database, town, appointments[0].id)


def wait_with(database: Database, town: Town, appointment_id: UUID) -> WaitingEntry:
    """The department waits for an earlier time than that of its appointment."""
    return wait(
        database,
        town,
        by=town.clerk,
        patient_id=None,
        schedule_id=town.scan,
        appointment_id=appointment_id,
        starts_from=NOW,
    )


# Who is offered what


def test_urgent_goes_first_and_then_who_waits_longest(
    sqlite_database: Database, town: Town
) -> None:
    first = wait(sqlite_database, town, 0, now=NOW)
    wait(sqlite_database, town, 1, now=NOW + timedelta(minutes=1))
    found(sqlite_database, town.doctor, town.patients[2], NOW)
    urgent = wait(
        sqlite_database,
        town,
        2,
        by=town.doctor,
        priority=Priority.URGENT,
        now=NOW + timedelta(minutes=2),
    )
    assert expire_due(sqlite_database) == 1
    [offer] = offers(sqlite_database)
    assert offer.entry_id == urgent.id
    decline(sqlite_database, town.patient(2), offer.id)
    assert expire_due(sqlite_database) == 1
    assert open_offer(sqlite_database, first) is not None


def test_an_offer_holds_the_time_is_told_and_says_in_the_audit_why(
    sqlite_database: Database, town: Town
) -> None:
    one = wait(sqlite_database, town)
    expire_due(sqlite_database)
    [offer] = offers(sqlite_database)
    assert offer.expires_at == NOW + HALF_DAY
    hold = appointment(sqlite_database, offer.hold_id)
    assert (hold.status, hold.offered, hold.held_until) == (Status.HELD, True, offer.expires_at)
    with pytest.raises(errors.SlotTaken):
        book(sqlite_database, town, 1)
    told = sqlite_database.read(
        lambda session: outbox.messages(session, "offer.made", limit=9, offset=0)
    )
    assert [message.payload for message in told] == [{"offer": str(offer.id)}]
    [event] = sqlite_database.read(lambda session: audit.events_of(session, subject_of(offer.id)))
    assert event.details["entry"] == str(one.id)
    assert (event.details["position"], event.details["of"]) == (1, 1)
    assert event.details["why"]
    assert_clean(sqlite_database)


def test_never_the_same_time_twice_and_one_offer_at_a_time(
    sqlite_database: Database, town: Town
) -> None:
    one = wait(sqlite_database, town, starts_until=MONDAY_9 + 2 * HALF_HOUR)
    assert (expire_due(sqlite_database), expire_due(sqlite_database)) == (1, 0)
    starts = []
    while offer := open_offer(sqlite_database, one):
        starts.append(appointment(sqlite_database, offer.hold_id).starts_at)
        assert len(starts) <= 2
        decline(sqlite_database, town.patient(), offer.id)
        expire_due(sqlite_database)
    assert starts == [MONDAY_9, MONDAY_9 + HALF_HOUR]
    assert entry(sqlite_database, one).status == Waiting.WAITING


@pytest.mark.parametrize("scope", ["practitioner", "profession", "elsewhere"])
def test_a_practitioner_anywhere_or_a_profession_at_chosen_centres(
    sqlite_database: Database, town: Town, scope: str
) -> None:
    scopes = {
        "practitioner": {"practitioner_id": town.gp},
        "profession": {"profession": "GP", "centre_ids": {town.clinic}},
        "elsewhere": {"profession": "Physiotherapist", "centre_ids": {town.clinic}},
    }
    if scope == "elsewhere":
        with pytest.raises(NobodyOffersThis):
            wait(sqlite_database, town, schedule_id=None, **scopes[scope])
        return
    one = wait(sqlite_database, town, schedule_id=None, **scopes[scope])
    expire_due(sqlite_database)
    offer = open_offer(sqlite_database, one)
    assert offer is not None
    expected = {"practitioner": town.gp_at_hospital, "profession": town.gp_at_clinic}
    assert appointment(sqlite_database, offer.hold_id).schedule_id == expected[scope]


def test_a_day_with_that_practitioner_already_is_not_offered(
    sqlite_database: Database, town: Town
) -> None:
    book(sqlite_database, town, 0, MONDAY_9 + 4 * HALF_HOUR, schedule=town.gp_at_clinic)
    one = wait(sqlite_database, town, starts_until=TUESDAY_9 + HALF_HOUR)
    expire_due(sqlite_database)
    offer = open_offer(sqlite_database, one)
    assert offer is not None
    assert appointment(sqlite_database, offer.hold_id).starts_at == TUESDAY_9


def test_what_is_too_soon_to_think_over_is_not_offered(
    sqlite_database: Database, town: Town
) -> None:
    wait(sqlite_database, town)
    assert expire_due(sqlite_database, MONDAY_9 - timedelta(minutes=89)) == 0
    assert expire_due(sqlite_database, MONDAY_9 - timedelta(minutes=90)) == 1
    [offer] = offers(sqlite_database)
    assert offer.expires_at == MONDAY_9 - timedelta(hours=1)


def test_times_that_fit_already_are_shown_instead(sqlite_database: Database, town: Town) -> None:
    details = waiting_details(town, schedule_id=None, practitioner_id=town.gp)

    def look(session: Any) -> list[int]:
        waiter = waiting.prepared(work(session, town.patient(), NOW), details)
        return [slot.schedule_id for slot in waiting.free_for(work(session, now=NOW), waiter)]

    assert sqlite_database.read(look) == [town.gp_at_hospital, town.gp_at_clinic]
    book(sqlite_database, town, 1)
    assert sqlite_database.read(look) == []


# What becomes of offers


def test_taking_an_offer_books_it_like_anything_else(sqlite_database: Database, town: Town) -> None:
    one = wait(sqlite_database, town)
    expire_due(sqlite_database)
    [offer] = offers(sqlite_database)
    taken = accept(sqlite_database, town.patient(), offer.id)
    assert (taken.status, taken.starts_at) == (Status.BOOKED, MONDAY_9)
    assert taken.one_a_day is not None
    assert entry(sqlite_database, one).status == Waiting.SERVED
    told = sqlite_database.read(
        lambda session: outbox.messages(session, "appointment.booked", limit=9, offset=0)
    )
    assert [message.payload["appointment"] for message in told] == [str(taken.id)]
    with pytest.raises(OfferExpired):
        accept(sqlite_database, town.patient(), offer.id)
    with pytest.raises(OfferExpired):
        decline(sqlite_database, town.patient(), offer.id)
    assert_clean(sqlite_database)


def test_taking_an_earlier_time_moves_the_appointment_and_frees_the_old(database: Database) -> None:
    town = build_town(database)
    later = book(database, town, 0, TUESDAY_9)
    wait(database, town, appointment_id=later.id, patient_id=None)
    assert expire_due(database) == 1
    [offer] = offers(database)
    hold = appointment(database, offer.hold_id)
    assert (hold.one_a_day, hold.referral_use) == (None, None)
    moved = accept(database, town.patient(), offer.id)
    assert (moved.id, moved.starts_at, moved.status) == (later.id, MONDAY_9, Status.BOOKED)
    assert appointment(database, offer.hold_id).status == Status.EXPIRED
    assert book(database, town, 1, TUESDAY_9).status == Status.BOOKED
    with pytest.raises(errors.DailyLimitReached):
        book(database, town, 0, MONDAY_9 + 4 * HALF_HOUR)
    [told] = database.read(
        lambda session: outbox.messages(session, "appointment.moved", limit=9, offset=0)
    )
    assert told.payload["was"] == later.starts_at.isoformat()
    assert_clean(database)


def test_an_offer_that_ran_out_goes_to_the_next_and_three_end_the_wait(database: Database) -> None:
    town = build_town(database)
    later = MONDAY_9 + timedelta(days=4)
    first = wait(database, town, 0, starts_until=later)
    second = wait(database, town, 1, now=NOW + timedelta(seconds=1))
    now = NOW + timedelta(minutes=1)
    missed = []
    for _ in range(3):
        expire_due(database, now)
        offer = open_offer(database, first)
        assert offer is not None
        missed.append(appointment(database, offer.hold_id).starts_at)
        now = offer.expires_at
    expire_due(database, now)
    assert entry(database, first).status == Waiting.ENDED
    assert entry(database, first).missed == 3
    assert len(set(missed)) == 3
    assert len(offers(database, OfferStatus.EXPIRED)) >= 3
    assert entry(database, second).status == Waiting.WAITING
    assert_clean(database)


def test_the_time_that_one_lets_run_out_is_offered_to_the_next(
    sqlite_database: Database, town: Town
) -> None:
    wait(sqlite_database, town, 0)
    second = wait(sqlite_database, town, 1, now=NOW + timedelta(seconds=1))
    expire_due(sqlite_database, NOW - timedelta(hours=6))
    [offer] = offers(sqlite_database)
    assert expire_due(sqlite_database, offer.expires_at) == 1
    [passed_on] = offers(sqlite_database)
    assert passed_on.entry_id == second.id
    with pytest.raises(OfferExpired):
        accept(sqlite_database, town.patient(0), offer.id, offer.expires_at)


def test_what_the_patient_books_instead_ends_the_offer_and_the_wait(
    sqlite_database: Database, town: Town
) -> None:
    one = wait(sqlite_database, town)
    expire_due(sqlite_database)
    [offer] = offers(sqlite_database)
    book(sqlite_database, town, 0, schedule=town.physio_at_hospital)
    with pytest.raises(OfferExpired):
        accept(sqlite_database, town.patient(), offer.id)
    expire_due(sqlite_database, NOW + timedelta(minutes=1))
    assert [one.id for one in offers(sqlite_database, OfferStatus.WITHDRAWN)] == [offer.id]
    assert entry(sqlite_database, one).status == Waiting.WAITING
    assert_clean(sqlite_database)


def test_who_books_it_by_themselves_is_served(sqlite_database: Database, town: Town) -> None:
    one = wait(sqlite_database, town, starts_until=MONDAY_9 + timedelta(hours=3))
    sqlite_database.run(
        lambda session: usecases.book(
            work(session, town.patient(), NOW + HALF_HOUR),
            town.booking_request(MONDAY_9 + HALF_HOUR),
        )
    )
    assert expire_due(sqlite_database, NOW + HALF_HOUR) == 0
    assert entry(sqlite_database, one).status == Waiting.SERVED


@pytest.mark.parametrize("how", ["cancelled", "moved earlier"])
def test_an_offer_for_an_appointment_that_is_not_there_any_more_is_withdrawn(
    sqlite_database: Database, town: Town, how: str
) -> None:
    later = book(sqlite_database, town, 0, TUESDAY_9)
    one = wait(
        sqlite_database,
        town,
        appointment_id=later.id,
        patient_id=None,
        starts_from=MONDAY_9 + HALF_HOUR,
        starts_until=TUESDAY_9,
    )
    expire_due(sqlite_database)
    [offer] = offers(sqlite_database)
    if how == "cancelled":
        cancel(sqlite_database, later.id)
    else:
        sqlite_database.run(
            lambda session: booking.move(
                work(session, town.patient(), NOW, cutoff=timedelta(0)), later.id, MONDAY_9
            )
        )
    expire_due(sqlite_database)
    assert [one.id for one in offers(sqlite_database, OfferStatus.WITHDRAWN)] == [offer.id]
    with pytest.raises(OfferExpired):
        accept(sqlite_database, town.patient(), offer.id)
    if how == "cancelled":
        assert entry(sqlite_database, one).status == Waiting.ENDED
    assert offers(sqlite_database) == []
    assert_clean(sqlite_database)


def test_leaving_lets_the_offered_time_go(sqlite_database: Database, town: Town) -> None:
    one = wait(sqlite_database, town)
    expire_due(sqlite_database)
    with pytest.raises(NotFound):
        sqlite_database.run(
            lambda session: waiting.leave(work(session, town.patient(1), NOW), one.id)
        )
    sqlite_database.run(lambda session: waiting.leave(work(session, town.patient(), NOW), one.id))
    assert entry(sqlite_database, one).status == Waiting.LEFT
    assert offers(sqlite_database) == []
    assert book(sqlite_database, town, 1).status == Status.BOOKED
    assert_clean(sqlite_database)


def test_a_window_that_is_over_ends_the_wait(sqlite_database: Database, town: Town) -> None:
    one = wait(sqlite_database, town)
    expire_due(sqlite_database, MONDAY_9 + HALF_HOUR)
    assert entry(sqlite_database, one).status == Waiting.ENDED


def test_strangers_are_not_told_that_an_offer_exists(sqlite_database: Database, town: Town) -> None:
    wait(sqlite_database, town)
    expire_due(sqlite_database)
    [offer] = offers(sqlite_database)
    strangers = [
        town.patient(1),
        Actor(),
        Actor(role=Role.PRACTITIONER, practitioner_id=town.physio),
        Actor(role=Role.STAFF, centre_id=town.clinic, department_id=town.department),
    ]
    for stranger in strangers:
        with pytest.raises(NotFound):
            accept(sqlite_database, stranger, offer.id)
        with pytest.raises(NotFound):
            decline(sqlite_database, stranger, offer.id)


def test_whoever_holds_the_link_answers_for_whom_it_was_written(
    sqlite_database: Database, town: Town
) -> None:
    wait(sqlite_database, town)
    expire_due(sqlite_database)
    [offer] = offers(sqlite_database)
    named = read_token("secret", token_of("secret", offer.id))

    def take(session: Any) -> Any:
        bearer = answers.bearer_of(answers.by_link(session, named), "192.0.2.1")
        return answers.accept(work(session, bearer, NOW), named)

    assert sqlite_database.run(take).patient_id == town.patients[0]


def test_a_link_that_we_did_not_sign_opens_nothing(sqlite_database: Database, town: Town) -> None:
    wait(sqlite_database, town)
    expire_due(sqlite_database)
    [offer] = offers(sqlite_database)
    token = token_of("secret", offer.id)
    # Not the last letter: some of its bits stand for nothing.
    altered = token[:-9] + ("A" if token[-9] != "A" else "B") + token[-8:]
    for forged in (altered, token.swapcase(), "nonsense", token_of("other", offer.id)):
        with pytest.raises(NotFound):
            read_token("secret", forged)


# Effort


@pytest.mark.parametrize("waiting_people", [2, 60])
def test_the_effort_of_a_look_does_not_grow_with_those_who_wait(
    database: Database, statements: Callable[[Database], Any], waiting_people: int
) -> None:
    town = build_town(database, patients=waiting_people + 1)
    book(database, town, waiting_people)
    for number in range(waiting_people):
        wait(database, town, number)
    with statements(database) as counted:
        made = database.run(
            lambda session: waiting.offer_next(work(session, now=NOW, offer_hours=12))
        )
    assert not made
    assert counted.count <= 8


def test_an_administrator_of_the_network_sees_every_entry(
    sqlite_database: Database, town: Town
) -> None:
    one = wait(sqlite_database, town)
    other = wait(sqlite_database, town, 1, schedule_id=town.physio_at_hospital)
    found = sqlite_database.read(
        lambda session: [
            waiting.entry_for(work(session, SYSTEM), wanted.id).id for wanted in (one, other)
        ]
    )
    assert found == [one.id, other.id]
