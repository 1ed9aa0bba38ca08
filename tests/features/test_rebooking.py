"""Rules of absences: what they hit, what is proposed instead, and how it is carried out."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

import factories
from factories import HALF_HOUR, MONDAY_9, NOW, WEEKDAYS
from openslot.booking import commands as booking
from openslot.booking.absences import AbsenceDetails, may_block
from openslot.booking.errors import Absent, BlocksElsewhere, NothingBlocked
from openslot.booking.models import Appointment, Status
from openslot.booking.slots import slots
from openslot.core import audit, outbox
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.db import Database
from openslot.core.errors import Busy, DomainError, Forbidden, Invalid, RateLimited, StaleVersion
from openslot.directory.models import Practitioner
from openslot.schedules import commands as schedules
from openslot.schedules import queries as schedule_queries
from openslot.schedules.models import Absence, AbsenceKind, Schedule
from openslot.usecases import rebooking
from openslot.usecases.rebooking import Decided, Hit
from openslot.waiting_list.errors import (
    DecisionsOutOfDate,
    DuplicateTime,
    HasArrived,
    OfferExpired,
    OutsideAbsence,
)
from openslot.waiting_list.models import AbsenceDecision, Choice, OfferStatus, Progress
from openslot.waiting_list.rules import nearest_bits
from town import Town, build_town
from waitroom import (
    SETTINGS,
    accept,
    appointment,
    assert_clean,
    book,
    cancel,
    decline,
    expire_due,
    offers,
    wait,
    work_off,
)
from working import work

DAY = timedelta(days=1)
KEEP = Decided(Choice.KEEP)
CANCEL = Decided(Choice.CANCEL)


def leave(days: int = 1, starts: datetime = MONDAY_9) -> AbsenceDetails:
    return AbsenceDetails(
        kind=AbsenceKind.LEAVE,
        starts_at=starts,
        ends_at=starts + timedelta(days=days),
        reason="An operation of my own",
    )


def look(database: Database, town: Town, details: AbsenceDetails) -> list[Hit]:
    return database.read(
        lambda session: rebooking.preview(work(session, town.doctor, NOW), town.gp, details)
    )


def enter(
    database: Database,
    town: Town,
    decisions: dict[UUID, Decided],
    by: Actor | None = None,
    details: AbsenceDetails | None = None,
) -> Absence:
    return database.run(
        lambda session: rebooking.enter(
            work(session, by or town.doctor, NOW), town.gp, details or leave(), decisions
        )
    )


def moved_to(schedule: int, start: datetime) -> Decided:
    return Decided(Choice.MOVE, schedule, start)


def moved_by_a_day(database: Database, town: Town) -> Appointment:
    """An appointment on Monday at nine, which an absence is to move to Tuesday at nine."""
    appointment = book(database, town, 0)
    enter(database, town, {appointment.id: moved_to(town.gp_at_hospital, MONDAY_9 + DAY)})
    return appointment


def decisions(database: Database) -> list[AbsenceDecision]:
    return database.read(lambda session: list(session.query(AbsenceDecision)))


def undecided(database: Database, town: Town, now: datetime = NOW) -> list[UUID]:
    found = database.read(
        lambda session: rebooking.undecided(work(session, SYSTEM, now), [town.gp])
    )
    return [one.appointment.id for one in found]


def suggested(database: Database, town: Town) -> list[tuple[int, datetime]]:
    """What is proposed for the appointments that need a decision."""

    def look_again(session: Any) -> list[Hit]:
        inside = rebooking.undecided(work(session, SYSTEM, NOW), [town.gp])
        return rebooking.suggestions(work(session, now=NOW), inside)

    found = database.read(look_again)
    return [(slot.schedule_id, slot.start) for hit in found for slot in hit.slots]


def test_who_runs_one_centre_decides_about_appointments_there_alone(
    sqlite_database: Database, town: Town
) -> None:
    here = book(sqlite_database, town, 0)
    there = book(sqlite_database, town, 1, MONDAY_9 + HALF_HOUR, schedule=town.gp_at_clinic)
    manager = Actor(role=Role.CENTRE_ADMIN, centre_id=town.hospital)
    kept = Decided(Choice.KEEP)
    enter(sqlite_database, town, {here.id: kept, there.id: kept})

    def decide(appointment: Appointment) -> int:
        decisions = {appointment.id: Decided(Choice.CANCEL)}
        return sqlite_database.run(
            lambda session: rebooking.decide(work(session, manager, NOW), town.gp, decisions)
        )

    with pytest.raises(OutsideAbsence):
        decide(there)
    assert decide(here) == 1


# Looking first


def test_the_nearest_times_are_proposed_and_never_one_twice(database: Database) -> None:
    town = build_town(database)
    hit = [book(database, town, number, MONDAY_9 + number * HALF_HOUR) for number in range(3)]
    found = look(database, town, leave())
    assert [one.appointment.id for one in found] == [one.id for one in hit]
    first = [one.slots[0] for one in found]
    assert len({slot.start for slot in first}) == 3
    assert all(slot.start >= MONDAY_9 + DAY for slot in first)
    assert {slot.schedule_id for slot in first} <= {town.gp_at_hospital, town.gp_at_clinic}


def test_others_of_the_profession_at_the_centre_step_in_when_one_is_away_for_long(
    sqlite_database: Database, town: Town
) -> None:
    colleague = other_gp(sqlite_database, town)
    book(sqlite_database, town, 0)
    [hit] = look(sqlite_database, town, leave(days=60))
    assert (hit.slots[0].schedule_id, hit.slots[0].start) == (colleague, MONDAY_9 + HALF_HOUR)
    [hit] = look(sqlite_database, town, leave(days=1))
    assert hit.slots[0].schedule_id == town.gp_at_hospital


def other_gp(database: Database, town: Town) -> int:
    def make(session: Any) -> int:
        person = factories.practitioner(session, "Noor Haddad")
        return factories.schedule(session, town.hospital, practitioner_id=person.id).id

    return database.run(make)


def test_a_patient_keeps_one_appointment_a_day_with_a_practitioner(
    sqlite_database: Database, town: Town
) -> None:
    book(sqlite_database, town, 0, MONDAY_9 + DAY, schedule=town.gp_at_clinic)
    book(sqlite_database, town, 0)
    [hit] = look(sqlite_database, town, leave())
    assert {slot.start.date() for slot in hit.slots} == {(MONDAY_9 + 2 * DAY).date()}


@pytest.mark.parametrize("appointments", [2, 40])
def test_the_effort_of_a_preview_does_not_grow_with_the_appointments(
    database: Database, statements: Callable[[Database], Any], appointments: int
) -> None:
    town = build_town(database, patients=appointments)
    for number in range(appointments):
        day, slot = divmod(number, 10)
        book(database, town, number, MONDAY_9 + day * DAY + slot * HALF_HOUR)
    with statements(database) as counted:
        found = look(database, town, leave(days=5))
    assert len({(one.slots[0].schedule_id, one.slots[0].start) for one in found}) == appointments
    assert counted.count <= 9


def test_the_nearest_bits_come_in_order() -> None:
    mask = 0b1001_0010_0001
    assert list(nearest_bits(mask, 5)) == [5, 8, 0, 11]
    assert list(nearest_bits(mask, 3)) == [5, 0, 8, 11]
    assert list(nearest_bits(mask, -2)) == [0, 5, 8, 11]
    assert list(nearest_bits(mask, 99)) == [11, 8, 5, 0]


# Deciding


def test_appointments_are_kept_moved_and_cancelled_as_decided(database: Database) -> None:
    town = build_town(database)
    kept, moves, ends = (
        book(database, town, number, MONDAY_9 + number * HALF_HOUR) for number in range(3)
    )
    there = moved_to(town.gp_at_clinic, MONDAY_9 + DAY)
    enter(database, town, {kept.id: KEEP, moves.id: there, ends.id: CANCEL})
    assert {one.progress for one in decisions(database)} == {Progress.PLANNED, Progress.DONE}
    assert appointment(database, ends.id).status == Status.BOOKED
    work_off(database)
    assert {one.progress for one in decisions(database)} == {Progress.DONE}
    statuses = [appointment(database, one.id).status for one in (kept, moves, ends)]
    assert statuses == [Status.BOOKED, Status.BOOKED, Status.CANCELLED]
    assert appointment(database, ends.id).status_reason is None, "why is no affair of patients"
    [offer] = offers(database)
    assert offer.expires_at == MONDAY_9 + HALF_HOUR - timedelta(hours=1)
    assert undecided(database, town) == []
    moved = accept(database, town.patient(1), offer.id)
    assert (moved.schedule_id, moved.starts_at) == (town.gp_at_clinic, MONDAY_9 + DAY)
    assert_clean(database)


def test_doing_it_again_changes_nothing_and_half_done_goes_on(database: Database) -> None:
    town = build_town(database)
    hit = [book(database, town, number, MONDAY_9 + number * HALF_HOUR) for number in range(3)]
    chosen = [CANCEL, moved_to(town.gp_at_hospital, MONDAY_9 + DAY), CANCEL]
    enter(database, town, dict(zip((one.id for one in hit), chosen, strict=True)))
    half = [one for one in decisions(database) if one.appointment_id != hit[2].id]
    for one in half:
        rebooking.work_off(database, SETTINGS, one.id, now=NOW)
    for _ in range(2):
        work_off(database)
    assert len(offers(database)) == 1
    cancelled = database.read(
        lambda session: outbox.messages(session, "appointment.cancelled", limit=9, offset=0)
    )
    assert len(cancelled) == 2
    assert_clean(database)


def test_what_was_killed_before_its_end_is_as_if_never_begun(
    sqlite_database: Database, town: Town
) -> None:
    moved_by_a_day(sqlite_database, town)
    [decision] = decisions(sqlite_database)

    class Killed(Exception):
        pass

    def die(session: Any) -> None:
        rebooking.carry_out(work(session, now=NOW, proposal_hours=24), decision.id)
        session.flush()
        raise Killed

    with pytest.raises(Killed):
        sqlite_database.run(die)
    assert offers(sqlite_database) == []
    assert_clean(sqlite_database)
    work_off(sqlite_database)
    assert len(offers(sqlite_database)) == 1


def test_a_proposed_time_that_is_gone_gives_way_to_the_nearest_other(
    sqlite_database: Database, town: Town
) -> None:
    moved_by_a_day(sqlite_database, town)
    book(sqlite_database, town, 1, MONDAY_9 + DAY)
    work_off(sqlite_database)
    [offer] = offers(sqlite_database)
    hold = appointment(sqlite_database, offer.hold_id)
    assert hold.starts_at == MONDAY_9 + DAY + HALF_HOUR
    [decision] = decisions(sqlite_database)
    assert decision.starts_at == hold.starts_at


def test_where_there_is_no_other_time_somebody_decides_again(
    sqlite_database: Database, town: Town
) -> None:
    one = moved_by_a_day(sqlite_database, town)
    for schedule in (town.gp_at_hospital, town.gp_at_clinic):
        sqlite_database.run(
            lambda session, schedule=schedule: schedules.set_hours(
                work(session, SYSTEM, NOW), schedule, ()
            )
        )
    work_off(sqlite_database)
    [decision] = decisions(sqlite_database)
    assert (decision.progress, decision.problem) == (Progress.FAILED, "no-time")
    assert undecided(sqlite_database, town) == [one.id]


def test_an_unanswered_proposal_leaves_the_appointment_and_comes_back(
    sqlite_database: Database, town: Town
) -> None:
    one = moved_by_a_day(sqlite_database, town)
    work_off(sqlite_database)
    [offer] = offers(sqlite_database)
    assert undecided(sqlite_database, town) == []
    expire_due(sqlite_database, offer.expires_at)
    assert appointment(sqlite_database, one.id).starts_at == MONDAY_9
    assert undecided(sqlite_database, town, offer.expires_at) == [one.id]
    with pytest.raises(OfferExpired):
        accept(sqlite_database, town.patient(), offer.id, offer.expires_at)
    assert_clean(sqlite_database)


def test_a_declined_proposal_comes_back_and_is_decided_again(
    sqlite_database: Database, town: Town
) -> None:
    one = moved_by_a_day(sqlite_database, town)
    work_off(sqlite_database)
    [offer] = offers(sqlite_database)
    decline(sqlite_database, town.patient(), offer.id)
    assert undecided(sqlite_database, town) == [one.id]
    sqlite_database.run(
        lambda session: rebooking.decide(work(session, town.doctor, NOW), town.gp, {one.id: CANCEL})
    )
    work_off(sqlite_database)
    assert appointment(sqlite_database, one.id).status == Status.CANCELLED
    assert undecided(sqlite_database, town) == []


def test_deciding_again_withdraws_what_was_offered(sqlite_database: Database, town: Town) -> None:
    one = moved_by_a_day(sqlite_database, town)
    work_off(sqlite_database)
    [offer] = offers(sqlite_database)
    sqlite_database.run(
        lambda session: rebooking.decide(work(session, town.doctor, NOW), town.gp, {one.id: KEEP})
    )
    with pytest.raises(OfferExpired):
        accept(sqlite_database, town.patient(), offer.id)
    assert undecided(sqlite_database, town) == []
    assert_clean(sqlite_database)


def test_only_what_was_looked_at_is_decided_about(sqlite_database: Database, town: Town) -> None:
    one = book(sqlite_database, town, 0)
    other = book(sqlite_database, town, 1, MONDAY_9 + HALF_HOUR)
    with pytest.raises(DecisionsOutOfDate):
        enter(sqlite_database, town, {one.id: KEEP})
    same = moved_to(town.gp_at_hospital, MONDAY_9 + DAY)
    with pytest.raises(DuplicateTime):
        enter(sqlite_database, town, {one.id: same, other.id: same})
    with pytest.raises(Invalid):
        enter(sqlite_database, town, {one.id: KEEP, other.id: Decided(Choice.MOVE)})
    with pytest.raises(OutsideAbsence):
        sqlite_database.run(
            lambda session: rebooking.decide(
                work(session, town.doctor, NOW), town.gp, {one.id: KEEP}
            )
        )
    assert decisions(sqlite_database) == []


def test_practitioners_and_who_runs_their_centre_block_time_and_nobody_else(
    sqlite_database: Database, town: Town
) -> None:
    assert enter(sqlite_database, town, {}, by=SYSTEM).kind == AbsenceKind.LEAVE
    chief = Actor(role=Role.CENTRE_ADMIN, centre_id=town.hospital)
    with pytest.raises(BlocksElsewhere):
        enter(sqlite_database, town, {}, by=chief)
    sqlite_database.read(lambda session: may_block(work(session, chief), town.physio))
    others = [
        town.patient(),
        town.clerk,
        Actor(role=Role.PRACTITIONER, practitioner_id=town.physio),
        Actor(),
    ]
    for other in others:
        with pytest.raises(Forbidden):
            enter(sqlite_database, town, {}, by=other)


@pytest.mark.parametrize("error", [Busy, RateLimited, StaleVersion])
def test_what_could_not_be_done_just_now_is_done_later(
    sqlite_database: Database, town: Town, monkeypatch: pytest.MonkeyPatch, error: type[DomainError]
) -> None:
    one = book(sqlite_database, town, 0)
    enter(sqlite_database, town, {one.id: CANCEL})

    def refuse(*_arguments: Any, **_more: Any) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(rebooking, "carry_out", refuse)
        with pytest.raises(error):
            work_off(sqlite_database)
    [decision] = decisions(sqlite_database)
    assert (decision.progress, decision.problem) == (Progress.PLANNED, None)
    work_off(sqlite_database)
    assert appointment(sqlite_database, one.id).status == Status.CANCELLED


# Appointments whose patients are there


def arrive(database: Database, appointment_id: UUID, now: datetime = MONDAY_9) -> None:
    database.run(
        lambda session: factories.change_status(session, appointment_id, Status.ARRIVED, now=now)
    )


@pytest.mark.parametrize("stands", [True, False])
def test_an_appointment_whose_patient_is_there_is_kept_and_nothing_else(
    sqlite_database: Database, town: Town, stands: bool
) -> None:
    """In an absence that stands, as in one that is entered."""
    one = book(sqlite_database, town, 0)

    def decide(chosen: Decided) -> Any:
        if not stands:
            return enter(sqlite_database, town, {one.id: chosen})
        return sqlite_database.run(
            lambda session: rebooking.decide(
                work(session, town.doctor, NOW), town.gp, {one.id: chosen}
            )
        )

    if stands:
        enter(sqlite_database, town, {one.id: moved_to(town.gp_at_hospital, MONDAY_9 + DAY)})
    arrive(sqlite_database, one.id)
    for chosen in (CANCEL, moved_to(town.gp_at_hospital, MONDAY_9 + 2 * DAY)):
        with pytest.raises(HasArrived, match="2026-11-23 at 09:00"):
            decide(chosen)
    decide(KEEP)
    work_off(sqlite_database)
    [decision] = decisions(sqlite_database)
    assert (decision.choice, decision.progress) == (Choice.KEEP, Progress.DONE)
    assert appointment(sqlite_database, one.id).status == Status.ARRIVED


@pytest.mark.parametrize("chosen", [CANCEL, Decided(Choice.MOVE, 1, MONDAY_9 + DAY)])
def test_of_a_patient_who_came_before_it_was_done_it_is_said_that_nothing_was(
    sqlite_database: Database, town: Town, chosen: Decided
) -> None:
    one = book(sqlite_database, town, 0)
    absence = enter(sqlite_database, town, {one.id: chosen})
    arrive(sqlite_database, one.id)
    work_off(sqlite_database)
    [decision] = decisions(sqlite_database)
    assert (decision.progress, decision.problem) == (Progress.FAILED, "has-arrived")
    assert appointment(sqlite_database, one.id).status == Status.ARRIVED
    assert offers(sqlite_database) == []
    assert undecided(sqlite_database, town) == []
    events = sqlite_database.read(lambda session: audit.events_of(session, f"absence:{absence.id}"))
    assert events[-1].action == f"absence.{chosen.choice}-failed"
    assert events[-1].details["problem"] == "has-arrived"


# What happens meanwhile


def test_an_appointment_that_was_moved_or_cancelled_meanwhile_is_left_alone(
    sqlite_database: Database, town: Town
) -> None:
    moved, ended = (
        book(sqlite_database, town, number, MONDAY_9 + number * HALF_HOUR) for number in range(2)
    )
    enter(sqlite_database, town, {moved.id: CANCEL, ended.id: CANCEL})
    sqlite_database.run(
        lambda session: booking.move(
            work(session, town.patient(), NOW, cutoff=timedelta(0)), moved.id, MONDAY_9 + DAY
        )
    )
    cancel(sqlite_database, ended.id)
    work_off(sqlite_database)
    assert appointment(sqlite_database, moved.id).status == Status.BOOKED
    assert {one.progress for one in decisions(sqlite_database)} == {Progress.DONE}


def test_a_patient_who_moves_the_appointment_elsewhere_gives_the_proposal_back(
    sqlite_database: Database, town: Town
) -> None:
    one = moved_by_a_day(sqlite_database, town)
    work_off(sqlite_database)
    [offer] = offers(sqlite_database)
    sqlite_database.run(
        lambda session: booking.move(
            work(session, town.patient(), NOW, cutoff=timedelta(0)), one.id, MONDAY_9 + 2 * DAY
        )
    )
    expire_due(sqlite_database)
    assert [one.id for one in offers(sqlite_database, OfferStatus.WITHDRAWN)] == [offer.id]
    assert book(sqlite_database, town, 1, MONDAY_9 + DAY).status == Status.BOOKED
    assert_clean(sqlite_database)


def test_time_that_is_blocked_is_offered_to_nobody_any_more(
    sqlite_database: Database, town: Town
) -> None:
    wait(sqlite_database, town)
    expire_due(sqlite_database)
    [offer] = offers(sqlite_database)
    enter(sqlite_database, town, {})
    with pytest.raises(OfferExpired):
        accept(sqlite_database, town.patient(), offer.id)
    assert expire_due(sqlite_database) == 0
    assert [one.id for one in offers(sqlite_database, OfferStatus.WITHDRAWN)] == [offer.id]
    assert_clean(sqlite_database)


def test_an_offered_time_inside_an_absence_cannot_be_taken(
    sqlite_database: Database, town: Town
) -> None:
    """However the absence came to be."""
    wait(sqlite_database, town)
    expire_due(sqlite_database)
    [offer] = offers(sqlite_database)

    def block(session: Any) -> None:
        hold = session.get(Appointment, offer.hold_id)
        hold.offered = False
        session.flush()
        enter_in(session, town)
        hold.offered = True

    sqlite_database.run(block)
    with pytest.raises(Absent):
        accept(sqlite_database, town.patient(), offer.id)
    assert_clean(sqlite_database)


def enter_in(session: Any, town: Town) -> None:
    rebooking.enter(work(session, town.doctor, NOW), town.gp, leave(), {})


@pytest.mark.parametrize("withdraw", [True, False])
def test_an_absence_that_ends_takes_its_decisions_and_if_wanted_its_offers_along(
    database: Database, withdraw: bool
) -> None:
    town = build_town(database)
    one, other = (
        book(database, town, number, MONDAY_9 + number * HALF_HOUR) for number in range(2)
    )
    there = moved_to(town.gp_at_hospital, MONDAY_9 + DAY)
    absence = enter(database, town, {one.id: there, other.id: CANCEL})
    planned = {row.appointment_id: row.id for row in decisions(database)}
    rebooking.work_off(database, SETTINGS, planned[one.id], now=NOW)
    database.run(
        lambda session: rebooking.end(
            work(session, town.doctor, NOW), town.gp, absence.id, withdraw=withdraw
        )
    )
    work_off(database)
    assert decisions(database) == []
    assert appointment(database, other.id).status == Status.BOOKED
    left = offers(database)
    assert len(left) == (0 if withdraw else 1)
    if left:
        assert accept(database, town.patient(), left[0].id).starts_at == MONDAY_9 + DAY
    assert_clean(database)


def reopen(
    database: Database, town: Town, starts: datetime, days: int = 1, *, withdraw: bool = False
) -> None:
    database.run(
        lambda session: rebooking.reopen(
            work(session, town.doctor, NOW), town.gp, starts, starts + days * DAY, withdraw=withdraw
        )
    )


def blocked(database: Database, town: Town) -> list[tuple[datetime, datetime]]:
    """The absences of the GP, in order."""
    rows = database.read(
        lambda session: schedule_queries.absences(
            session, session.get_one(Practitioner, town.gp).diary_id, NOW, NOW + 30 * DAY
        )
    )
    return [(row.starts_at, row.ends_at) for row in rows]


def free_days(database: Database, town: Town) -> set[int]:
    """The days from the first Monday on that can be booked at the hospital."""

    def read(session: Any) -> set[int]:
        places = schedule_queries.places(session, Schedule.id == town.gp_at_hospital)
        found = slots(work(session, now=NOW), places, MIDNIGHT, MIDNIGHT + 7 * DAY)
        return {(slot.start - MIDNIGHT).days for slot in found}

    return database.read(read)


MIDNIGHT = MONDAY_9.replace(hour=0)


def test_one_day_of_leave_that_was_entered_twice_is_given_back(database: Database) -> None:
    town = build_town(database)
    enter(database, town, {}, details=leave(5, MIDNIGHT))
    enter(database, town, {}, details=leave(3, MIDNIGHT + DAY))
    assert free_days(database, town) == set()
    reopen(database, town, MIDNIGHT + 2 * DAY)
    assert free_days(database, town) == {2}
    days = [
        ((start - MIDNIGHT).days, (end - MIDNIGHT).days) for start, end in blocked(database, town)
    ]
    assert sorted(days) == [(0, 2), (1, 2), (3, 4), (3, 5)]
    reopen(database, town, MIDNIGHT, 2)
    reopen(database, town, MIDNIGHT + 3 * DAY, 7)
    assert (blocked(database, town), free_days(database, town)) == ([], {0, 1, 2, 3, 4})
    with pytest.raises(NothingBlocked):
        reopen(database, town, MIDNIGHT, 7)
    assert_clean(database)


def test_what_ends_of_leave_entered_twice_stays_blocked_by_the_other(
    sqlite_database: Database, town: Town
) -> None:
    first = enter(sqlite_database, town, {}, details=leave(5, MIDNIGHT))
    enter(sqlite_database, town, {}, details=leave(2, MIDNIGHT + DAY))
    sqlite_database.run(
        lambda session: rebooking.end(
            work(session, town.doctor, NOW), town.gp, first.id, withdraw=False
        )
    )
    assert free_days(sqlite_database, town) == {0, 3, 4}
    assert_clean(sqlite_database)


def test_decisions_stay_with_what_is_left_of_an_absence(
    sqlite_database: Database, town: Town
) -> None:
    appointments = [
        book(sqlite_database, town, number, MONDAY_9 + number * DAY) for number in range(3)
    ]
    enter(
        sqlite_database,
        town,
        {one.id: Decided(Choice.KEEP) for one in appointments},
        details=leave(5, MIDNIGHT),
    )
    assert undecided(sqlite_database, town) == []
    reopen(sqlite_database, town, MIDNIGHT + DAY)
    assert undecided(sqlite_database, town) == []
    assert len({row.absence_id for row in decisions(sqlite_database)}) == 2
    assert free_days(sqlite_database, town) == {1}
    assert_clean(sqlite_database)


@pytest.mark.parametrize("withdraw", [True, False])
def test_offers_for_a_day_that_is_given_back_are_withdrawn_if_wanted(
    sqlite_database: Database, town: Town, withdraw: bool
) -> None:
    moved_by_a_day(sqlite_database, town)
    work_off(sqlite_database)
    reopen(sqlite_database, town, MIDNIGHT, withdraw=withdraw)
    assert len(offers(sqlite_database)) == (0 if withdraw else 1)
    assert_clean(sqlite_database)


def test_who_may_not_block_time_opens_none(sqlite_database: Database, town: Town) -> None:
    enter(sqlite_database, town, {}, details=leave(5, MIDNIGHT))
    for actor in (town.patient(), town.clerk):
        with pytest.raises(Forbidden):
            sqlite_database.run(
                lambda session, by=actor: rebooking.reopen(
                    work(session, by, NOW), town.gp, MIDNIGHT, MIDNIGHT + DAY, withdraw=False
                )
            )


def test_everything_is_in_the_audit(sqlite_database: Database, town: Town) -> None:
    one = book(sqlite_database, town, 0)
    there = moved_to(town.gp_at_hospital, MONDAY_9 + DAY)
    absence = enter(sqlite_database, town, {one.id: there})
    work_off(sqlite_database)
    events = sqlite_database.read(lambda session: audit.events_of(session, f"absence:{absence.id}"))
    assert [event.action for event in events] == [
        "absence.entered",
        "absence.decided",
        "absence.move-done",
    ]


def test_another_time_is_at_the_same_centre_where_there_is_one(
    sqlite_database: Database, town: Town
) -> None:
    """Also where the practitioner is free sooner elsewhere; other centres come behind."""
    book(sqlite_database, town, 0, schedule=town.gp_at_clinic)
    days = tuple(one for one in WEEKDAYS if one.weekday in (0, 4))
    sqlite_database.run(
        lambda session: schedules.set_hours(work(session, SYSTEM, NOW), town.gp_at_clinic, days)
    )
    [hit] = look(sqlite_database, town, leave())
    assert hit.slots[0].schedule_id == town.gp_at_clinic
    assert hit.slots[0].start == MONDAY_9 + 4 * DAY
    places = [slot.schedule_id for slot in hit.slots]
    assert places == sorted(places, key=lambda one: one != town.gp_at_clinic)
