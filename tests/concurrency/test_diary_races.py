"""What writes diaries beside booking races with it and with its like, on every engine.

Two transactions read all that they decide by before either writes: where an engine lets several
write at once, they meet just before the compare-and-set. One of them loses it, and does its work
again on what the other left. The control writes without comparing, and leaves wrong diaries.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

import engines
import factories
from engines import DATA_KEYS
from factories import HALF_HOUR, MONDAY_9, NOW, WEEKDAYS, claimed_by
from openslot.booking import absences, check
from openslot.booking import commands as booking
from openslot.booking.absences import AbsenceDetails
from openslot.booking.errors import Absent, CentreClosed
from openslot.booking.models import Appointment, Status
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.core.errors import DomainError, NotFound
from openslot.core.ids import new_id
from openslot.directory.errors import HasAppointments
from openslot.directory.models import Room
from openslot.schedules import commands as schedules
from openslot.schedules import diaries
from openslot.schedules.availability import DAY, Span, Weekly, tick_at
from openslot.schedules.commands import ScheduleDetails
from openslot.schedules.diaries import Page, PageKey
from openslot.schedules.models import Absence, AbsenceKind, DiaryPage, OpeningHours, Schedule
from openslot.schema import metadata
from openslot.usecases import booking as usecases
from openslot.usecases import deactivation
from racing import PATIENCE, meeting, race
from town import Town, build_town
from working import work

MORNING = MONDAY_9 + 6 * HALF_HOUR
DAY_ENDS = MONDAY_9 + 16 * HALF_HOUR
FEW = 8


@dataclass
class Desk:
    """What people do at one practice, each in a transaction of its own."""

    database: Database
    town: Town

    def run(self, act: Callable[[Session], Any]) -> Any:
        """What came of it, a refusal in words among it."""
        try:
            return self.database.run(act)
        except DomainError as refusal:
            return refusal

    def book(self, start: Any = MONDAY_9, patient: int = 0, schedule: int | None = None) -> Any:
        booking_request = self.town.booking_request(start, patient=patient, schedule=schedule)
        return self.run(lambda session: usecases.book(work(session, SYSTEM, NOW), booking_request))

    def cancel(self, appointment: UUID) -> Any:
        return self.run(
            lambda session: factories.change_status(session, appointment, Status.CANCELLED)
        )

    def move(self, appointment: UUID, start: Any) -> Any:
        return self.run(
            lambda session: booking.move(
                work(session, SYSTEM, NOW, cutoff=timedelta(0)), appointment, start
            )
        )

    def away(self, ends: Any = DAY_ENDS, starts: Any = MONDAY_9) -> Any:
        leave = AbsenceDetails(kind=AbsenceKind.LEAVE, starts_at=starts, ends_at=ends)
        return self.run(
            lambda session: absences.enter_absence(work(session, SYSTEM, NOW), self.town.gp, leave)
        )

    def back(self, absence: UUID) -> Any:
        return self.run(
            lambda session: absences.end_absence(work(session, SYSTEM, NOW), self.town.gp, absence)
        )

    def close(self, ends: Any = DAY_ENDS) -> Any:
        return self.run(
            lambda session: schedules.close_centre(
                work(session, SYSTEM, NOW),
                self.town.hospital,
                starts=MONDAY_9,
                ends=ends,
                reason="Flood",
            )
        )

    def reopen(self, closure: int) -> Any:
        return self.run(
            lambda session: schedules.reopen_centre(work(session, SYSTEM, NOW), closure)
        )

    def give_room(self, schedule: int, room: str | None) -> Any:
        details = ScheduleDetails(room=room)
        return self.run(
            lambda session: schedules.change_schedule(work(session, SYSTEM, NOW), schedule, details)
        )


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database, build_town(database, patients=FEW))


Steps = tuple[Callable[[], Any], ...]


def end_of_leave_and_cancel(desk: Desk) -> Steps:
    leave, appointment = _leave_around_an_appointment(desk)
    return lambda: desk.back(leave.id), lambda: desk.cancel(appointment.id)


def end_of_leave_and_move(desk: Desk) -> Steps:
    leave, appointment = _leave_around_an_appointment(desk)
    later = MONDAY_9 + timedelta(days=1)
    return lambda: desk.back(leave.id), lambda: desk.move(appointment.id, later)


def leave_exactly_over_an_appointment_and_cancel(desk: Desk) -> Steps:
    appointment = desk.book()
    return lambda: desk.away(MONDAY_9 + HALF_HOUR), lambda: desk.cancel(appointment.id)


def leave_of_a_day_and_cancel(desk: Desk) -> Steps:
    appointment = desk.book()
    return desk.away, lambda: desk.cancel(appointment.id)


def leave_and_move_out_of_it(desk: Desk) -> Steps:
    appointment = desk.book()
    return lambda: desk.away(MORNING), lambda: desk.move(appointment.id, MORNING)


def leave_and_end_of_an_older_one(desk: Desk) -> Steps:
    older = desk.away()
    return desk.away, lambda: desk.back(older.id)


def closure_and_end_of_an_older_one(desk: Desk) -> Steps:
    older = desk.close()
    return desk.close, lambda: desk.reopen(older.id)


def two_leaves_that_overlap_end(desk: Desk) -> Steps:
    first, second = desk.away(), desk.away(MORNING)
    return lambda: desk.back(first.id), lambda: desk.back(second.id)


def _leave_around_an_appointment(desk: Desk) -> tuple[Any, Any]:
    appointment = desk.book()
    return desk.away(), appointment


CROSSINGS = [
    end_of_leave_and_cancel,
    end_of_leave_and_move,
    leave_exactly_over_an_appointment_and_cancel,
    leave_of_a_day_and_cancel,
    leave_and_move_out_of_it,
    leave_and_end_of_an_older_one,
    closure_and_end_of_an_older_one,
    two_leaves_that_overlap_end,
]


@pytest.mark.parametrize("crossing", CROSSINGS)
def test_crossing_changes_leave_the_diaries_right(
    desk: Desk, crossing: Callable[[Desk], Steps], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = crossing(desk)
    if desk.database.engine.dialect.name != "sqlite":  # which lets one write at a time
        meet_before_writing(monkeypatch, diaries._compare_and_set)
    outcomes = race(2, lambda number: steps[number]())
    assert not [one for one in outcomes if isinstance(one, Exception)]
    assert check.faults(desk.database) == []


@pytest.mark.parametrize("engine_name", engines.SERVERS)
@pytest.mark.parametrize("crossing", CROSSINGS)
def test_control_without_comparing_crossing_changes_leave_them_wrong(
    desk: Desk, crossing: Callable[[Desk], Steps], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second writes what it reckoned from what was there before the first."""
    first, second = crossing(desk)
    first_is_done, seconds = threading.Event(), list[threading.Thread]()

    def act(number: int) -> None:
        if number == 0:
            first()
            first_is_done.set()
        else:
            seconds.append(threading.current_thread())
            second()

    def write_late(session: Session, old: dict[PageKey, Page], new: dict[PageKey, int]) -> None:
        if threading.current_thread() in seconds:
            first_is_done.wait(PATIENCE)
        write_blindly(session, old, new)

    meet_before_writing(monkeypatch, write_late)
    race(2, act)
    assert check.faults(desk.database) != []


def meet_before_writing(monkeypatch: pytest.MonkeyPatch, write: Callable[..., None]) -> None:
    """Let each of two threads write its first pages when both have read theirs."""
    meet = meeting(2)

    def writing(session: Session, old: dict[PageKey, Page], new: dict[PageKey, int]) -> None:
        if new:
            meet()
        write(session, old, new)

    monkeypatch.setattr(diaries, "_compare_and_set", writing)


def write_blindly(session: Session, old: dict[PageKey, Page], new: dict[PageKey, int]) -> None:
    """Write the pages as if nobody else did, and only those whose bits change."""
    for (diary_id, day), mask in sorted(new.items()):
        page = old.get((diary_id, day))
        if page is not None and page.taken == mask:
            continue
        taken = mask.to_bytes(diaries.PAGE_BYTES, "little")
        where = (DiaryPage.diary_id == diary_id, DiaryPage.day == day)
        written = session.execute(update(DiaryPage).where(*where).values(taken=taken))
        if written.rowcount == 0:
            session.execute(insert(DiaryPage).values(diary_id=diary_id, day=day, taken=taken))


# What was ended is ended once


def test_of_many_who_end_a_leave_one_does(desk: Desk) -> None:
    """The others hear that it is no longer there, and what was booked meanwhile keeps its time."""
    for number in range(3):
        day = timedelta(days=number)
        leave = desk.away(DAY_ENDS + day, MONDAY_9 + day)

        def act(racer: int, leave: UUID = leave.id, start: Any = MONDAY_9 + day) -> Any:
            return desk.back(leave) if racer < 4 else desk.book(start, patient=racer)

        outcomes = race(FEW, act)
        assert [type(one) for one in outcomes[:4] if one is not None] == [NotFound] * 3
        booked = [one for one in outcomes[4:] if isinstance(one, Appointment)]
        assert len(booked) <= 1
        assert check.faults(desk.database) == []


def test_different_days_of_one_leave_are_given_back_at_once(desk: Desk) -> None:
    """Each takes its day out of what the others leave; without the lock one undoes another."""
    day, first = timedelta(days=1), MONDAY_9.replace(hour=0)
    desk.away(first + 2 * FEW * day, first)

    def give_back(number: int) -> Any:
        starts = first + 2 * number * day
        return desk.run(
            lambda session: absences.reopen(
                work(session, SYSTEM, NOW), desk.town.gp, starts, starts + day
            )
        )

    outcomes = race(FEW, give_back)
    assert not [one for one in outcomes if isinstance(one, Exception)]
    left = desk.database.read(lambda session: session.scalars(select(Absence)).all())
    days = sorted((one.starts_at - first) / day for one in left)
    assert [round(one) for one in days] == [2 * number + 1 for number in range(FEW)]
    assert check.faults(desk.database) == []


def test_of_many_who_open_a_centre_again_one_does(desk: Desk) -> None:
    closure = desk.close()
    outcomes = race(4, lambda _number: desk.reopen(closure.id))
    assert [type(one) for one in outcomes if one is not None] == [NotFound] * 3
    assert check.faults(desk.database) == []


def test_after_a_crossing_nobody_books_into_what_stands(desk: Desk) -> None:
    older_leave, older_closure = desk.away(), desk.close()
    race(2, lambda number: (desk.away, lambda: desk.back(older_leave.id))[number]())
    assert isinstance(desk.book(schedule=desk.town.gp_at_clinic), Absent)
    race(2, lambda number: (desk.close, lambda: desk.reopen(older_closure.id))[number]())
    assert isinstance(desk.book(schedule=desk.town.physio_at_hospital), CentreClosed)


# Rooms and hours change under what is booked


def test_an_appointment_stays_in_the_room_that_it_claimed(desk: Desk) -> None:
    town = desk.town
    for schedule in (town.gp_at_hospital, town.physio_at_hospital):
        desk.give_room(schedule, "Room 1")
    appointment = desk.book()
    desk.give_room(town.gp_at_hospital, "Room 2")
    assert check.faults(desk.database) == []
    # Room 1 is taken still, and room 2 is free for a third.
    assert isinstance(desk.book(patient=1, schedule=town.physio_at_hospital), DomainError)
    desk.give_room(town.specialist_at_hospital, "Room 2")
    other = desk.move(appointment.id, MONDAY_9 + HALF_HOUR)
    assert isinstance(other, Appointment)
    assert check.faults(desk.database) == []
    # It moved into room 2, and gave room 1 back.
    assert isinstance(desk.book(patient=1, schedule=town.physio_at_hospital), Appointment)
    desk.cancel(appointment.id)
    assert check.faults(desk.database) == []


def test_rooms_change_while_people_book_and_cancel(desk: Desk) -> None:
    town = desk.town
    places = (town.gp_at_hospital, town.physio_at_hospital)
    for schedule in places:
        desk.give_room(schedule, "Room 1")

    def act(number: int) -> None:
        for step in range(4):
            if number < 2:
                desk.give_room(places[number], f"Room {1 + (step + number) % 2}")
                continue
            appointment = desk.book(MONDAY_9 + step * HALF_HOUR, number, places[number % 2])
            if isinstance(appointment, Appointment) and step % 2:
                desk.cancel(appointment.id)

    race(FEW, act)
    assert check.faults(desk.database) == []


def test_a_room_that_two_spell_differently_at_once_is_one(desk: Desk) -> None:
    """Each room has a diary of its own, so that a second one could be booked beside the first."""
    schedules_ = [desk.town.gp_at_hospital, desk.town.physio_at_hospital]
    for number in range(FEW):
        spelled = [f"Theatre {number}", f"theatre {number}"]
        race(2, lambda one, spelled=spelled: desk.give_room(schedules_[one], spelled[one]))
    rooms = desk.database.read(lambda session: session.scalars(select(Room.name)).all())
    names = [name.casefold() for name in rooms if name.casefold().startswith("theatre")]
    assert sorted(set(names)) == sorted(names)
    assert len(names) == FEW


def service_of(session: Session, schedule_id: int) -> int:
    service_id = session.get_one(Schedule, schedule_id).service_id
    assert service_id is not None
    return service_id


DEACTIVATIONS: dict[str, Callable[[Session, Town], None]] = {
    "schedule": lambda session, town: deactivation.deactivate_schedule(
        work(session, SYSTEM, NOW), town.gp_at_hospital, active=False
    ),
    "practitioner": lambda session, town: deactivation.deactivate_practitioner(
        work(session, SYSTEM, NOW), town.gp, active=False
    ),
    "centre": lambda session, town: deactivation.deactivate_centre(
        work(session, SYSTEM, NOW), town.hospital, active=False
    ),
    "service": lambda session, town: deactivation.deactivate_service(
        work(session, SYSTEM, NOW), service_of(session, town.scan), active=False
    ),
    "department": lambda session, town: deactivation.deactivate_department(
        work(session, SYSTEM, NOW), town.department, active=False
    ),
}


@pytest.mark.parametrize("what", DEACTIVATIONS)
def test_of_a_booking_and_a_deactivation_at_once_one_is_refused(
    desk: Desk, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = desk.town.scan if what in ("service", "department") else None
    if desk.database.engine.dialect.name != "sqlite":
        meet_before_writing(monkeypatch, diaries._compare_and_set)
    steps = (
        lambda: desk.book(schedule=schedule),
        lambda: desk.run(lambda session: DEACTIVATIONS[what](session, desk.town)),
    )
    booked, deactivated = race(2, lambda number: steps[number]())
    assert isinstance(booked, NotFound) is not isinstance(deactivated, HasAppointments)
    assert isinstance(booked, Appointment) is not (deactivated is None)
    assert check.faults(desk.database) == []


def test_of_two_who_change_hours_at_once_the_later_stands(desk: Desk) -> None:
    """Not both, one beside the other."""
    hours = [[weekly] for weekly in _mornings()]

    def act(number: int) -> Any:
        return desk.run(
            lambda session: schedules.set_hours(
                work(session, SYSTEM, NOW), desk.town.gp_at_hospital, hours[number % 2]
            )
        )

    race(FEW, act)
    left = desk.database.read(
        lambda session: (
            session.query(OpeningHours)
            .filter(OpeningHours.schedule_id == desk.town.gp_at_hospital)
            .count()
        )
    )
    assert left == 1


def _mornings() -> list[Weekly]:
    return [WEEKDAYS[0]._replace(ends=12 * 60), WEEKDAYS[0]._replace(ends=13 * 60)]


# Looking and repairing while people book

PAST = 5_000


@pytest.fixture
def old_practice(desk: Desk) -> Iterator[Desk]:
    """With many past appointments, so that a look at all of them takes its time, as much as
    `openslot check` has."""

    def fill(session: Session) -> None:
        place = claimed_by(session, desk.town.physio_at_hospital)
        monday = MONDAY_9.astimezone(UTC)
        diary_id, now = place["diary_id"], tick_at(monday)
        for ends in range(now, now - PAST * 6, -100 * DAY):
            starts = max(ends - 100 * DAY, now - PAST * 6)
            diaries.change(session, claim=[(diary_id, Span(starts, ends))])
        session.execute(
            insert(Appointment),
            [
                {
                    "id": new_id(),
                    "schedule_id": desk.town.physio_at_hospital,
                    **place,
                    "starts_at": monday - number * HALF_HOUR,
                    "status": Status.FULFILLED,
                    "ends_at": monday - (number - 1) * HALF_HOUR,
                    "priority": "routine",
                    "extensions": 0,
                    "offered": False,
                    "version": 1,
                    "created_at": NOW,
                    "changed_at": NOW,
                }
                for number in range(1, PAST + 1)
            ],
        )

    url = desk.database.engine.url.render_as_string(hide_password=False)
    unhurried = Database(url, DATA_KEYS, hurried=False)
    unhurried.run(fill)
    yield Desk(unhurried, desk.town)
    engines.empty(unhurried.engine, metadata)
    unhurried.close()


@pytest.fixture
def busy(old_practice: Desk) -> Iterator[Desk]:
    """People book and cancel all the while."""
    over = threading.Event()

    def keep_booking(patient: int) -> None:
        while not over.is_set():
            for step in range(16):
                if over.is_set():
                    break
                appointment = old_practice.book(MONDAY_9 + step * HALF_HOUR, patient)
                if isinstance(appointment, Appointment):
                    old_practice.cancel(appointment.id)

    clerks = [threading.Thread(target=keep_booking, args=(number,)) for number in range(3)]
    for clerk in clerks:
        clerk.start()
    yield old_practice
    over.set()
    for clerk in clerks:
        clerk.join()


def test_a_check_of_a_busy_practice_raises_no_false_alarm(busy: Desk) -> None:
    assert [check.faults(busy.database) for _ in range(3)] == [[]] * 3


def test_a_repair_of_a_busy_practice_frees_nothing_that_is_booked(busy: Desk) -> None:
    """Whatever is called a fault, a page is put right by what claims it when it is written."""
    everything = busy.database.read(_all_called_a_fault)
    for _ in range(2):
        check.repair(busy.database, everything)
        assert check.faults(busy.database) == []


def _all_called_a_fault(session: Session) -> list[check.Fault]:
    """Each page of the days that are booked, as if it were wrong."""
    days = session.query(DiaryPage.diary_id, DiaryPage.day).filter(
        DiaryPage.day >= tick_at(MONDAY_9) // DAY
    )
    return [
        check.Fault(check.TAKEN_BY_NOTHING, diary_id, Span(day * DAY, day * DAY + 1))
        for diary_id, day in days
    ]
