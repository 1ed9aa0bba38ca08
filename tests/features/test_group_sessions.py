"""Sessions: several patients are seen together, each with a place of their own."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

import factories
from classes import PLACES, Classes, groups, offer_classes
from factories import HALF_HOUR, MONDAY_9, NOW
from openslot.booking import absences, cells, check, errors, slots
from openslot.booking import commands as booking
from openslot.booking.absences import AbsenceDetails
from openslot.booking.models import Appointment, GroupSession, Status
from openslot.booking.sessions import commands
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.db import Database
from openslot.core.errors import Forbidden, NotFound
from openslot.directory.commands import change_service
from openslot.directory.details import ServiceDetails
from openslot.directory.models import Service
from openslot.schedules import known
from openslot.schedules.availability import bits, window_over
from openslot.schedules.commands import ScheduleDetails, change_schedule
from openslot.schedules.models import AbsenceKind
from openslot.usecases import booking as usecases
from openslot.usecases import merging
from waitroom import accept, expire_due, offers, wait
from working import work

HOUR = timedelta(hours=1)


@pytest.fixture
def classes(sqlite_database: Database) -> Iterator[Classes]:
    yield offer_classes(sqlite_database)
    assert check.faults(sqlite_database) == []


def book(
    database: Database, classes: Classes, patient: int = 0, *, now: datetime = NOW, **more: object
) -> Appointment:
    return database.run(
        lambda session: usecases.book(
            work(session, classes.town.patient(patient), now),
            classes.request(patient, **more),  # type: ignore[arg-type]
        )
    )


def hold(database: Database, classes: Classes, patient: int) -> Appointment:
    return database.run(
        lambda session: usecases.hold(
            work(session, classes.town.patient(patient), NOW), classes.request(patient)
        )
    )


def cancel(database: Database, appointment: Appointment, actor: Actor = SYSTEM) -> Appointment:
    return database.run(
        lambda session: booking.change_status(
            work(session, actor, NOW), appointment.id, Status.CANCELLED
        )
    )


def offered(
    database: Database,
    classes: Classes,
    *,
    service: int | None = None,
    patient: int | None = None,
    moving: Appointment | None = None,
    now: datetime = NOW,
) -> dict[str, int | None]:
    """The starts of Monday morning, each with the places left."""

    def find(session: Session) -> dict[str, int | None]:
        unit = work(session, SYSTEM, now)
        place = known.bookable(session)[classes.town.gp_at_hospital].place
        place = place.offering(service or classes.yoga) or place
        whom = None
        if patient is not None:
            whom = slots.queries.for_whom(unit, classes.town.patients[patient])
        if moving is not None:
            whom = slots.queries.for_move(unit, moving)
        found = slots.slots(
            unit, {1: place}, MONDAY_9, MONDAY_9 + 3 * HOUR, whom=whom, moving=moving
        )
        return {f"{slot.start:%H:%M}": slot.places_left for slot in found}

    return database.read(find)


def test_the_first_booking_makes_the_session_and_others_join_it(
    sqlite_database: Database, classes: Classes
) -> None:
    first, second = (book(sqlite_database, classes, patient) for patient in (0, 1))
    (group,) = groups(sqlite_database)
    assert first.session_id == second.session_id == group.id
    assert (group.places, group.taken, group.made_by_staff) == (PLACES, 2, False)
    assert first.diary_id is None


def test_when_all_places_are_taken_the_next_is_told_so_with_other_times(
    sqlite_database: Database, classes: Classes
) -> None:
    for patient in range(PLACES):
        book(sqlite_database, classes, patient)
    with pytest.raises(errors.NoPlacesLeft) as refused:
        book(sqlite_database, classes, PLACES)
    assert refused.value.alternatives
    assert "09:00" not in offered(sqlite_database, classes)


def test_slots_tell_how_many_places_are_left(sqlite_database: Database, classes: Classes) -> None:
    book(sqlite_database, classes)
    assert offered(sqlite_database, classes) == {"09:00": 2, "10:30": 3, "11:00": 3, "11:30": 3}
    assert list(offered(sqlite_database, classes, service=classes.single).values()) == [None] * 3


def test_a_patient_is_not_offered_the_session_that_they_are_in(
    sqlite_database: Database, classes: Classes
) -> None:
    book(sqlite_database, classes)
    assert "09:00" not in offered(sqlite_database, classes, patient=0)
    assert "09:00" in offered(sqlite_database, classes, patient=1)
    with pytest.raises((errors.PatientBusy, errors.DailyLimitReached)):
        book(sqlite_database, classes)


def test_the_last_cancellation_gives_the_time_back(
    sqlite_database: Database, classes: Classes
) -> None:
    before = offered(sqlite_database, classes, service=classes.single)
    booked = [book(sqlite_database, classes, patient) for patient in (0, 1)]
    cancel(sqlite_database, booked[0])
    assert offered(sqlite_database, classes, service=classes.single) != before
    cancel(sqlite_database, booked[1])
    assert offered(sqlite_database, classes, service=classes.single) == before
    assert [group.released for group in groups(sqlite_database)] == [True]


def test_undoing_a_cancellation_takes_a_place_again(
    sqlite_database: Database, classes: Classes
) -> None:
    booked = book(sqlite_database, classes)
    cancel(sqlite_database, booked)
    sqlite_database.run(
        lambda session: booking.change_status(work(session, SYSTEM, NOW), booked.id, Status.BOOKED)
    )
    assert [group.taken for group in groups(sqlite_database) if not group.released] == [1]


def test_an_expired_hold_keeps_no_place(sqlite_database: Database, classes: Classes) -> None:
    hold(sqlite_database, classes, 0)
    for patient in range(1, PLACES):
        book(sqlite_database, classes, patient)
    later = NOW + HOUR
    assert offered(sqlite_database, classes, now=later)["09:00"] == 1
    book(sqlite_database, classes, PLACES, now=later)
    assert groups(sqlite_database)[0].taken == PLACES


def test_a_session_of_expired_holds_keeps_no_time(
    sqlite_database: Database, classes: Classes
) -> None:
    before = offered(sqlite_database, classes, service=classes.single)
    hold(sqlite_database, classes, 0)
    later = NOW + HOUR
    assert offered(sqlite_database, classes, service=classes.single, now=later) == before
    book(sqlite_database, classes, 1, now=later, service=classes.single)
    assert groups(sqlite_database)[0].released


def test_a_hold_becomes_the_place_that_is_booked(
    sqlite_database: Database, classes: Classes
) -> None:
    """The last place is held for the one who books it."""
    for patient in range(1, PLACES):
        book(sqlite_database, classes, patient)
    held = hold(sqlite_database, classes, 0)
    assert offered(sqlite_database, classes, patient=0)["09:00"] == 1
    book(sqlite_database, classes)
    assert groups(sqlite_database)[0].taken == PLACES
    assert held.session_id == groups(sqlite_database)[0].id


def move(database: Database, appointment: Appointment, start: datetime) -> Appointment:
    return database.run(
        lambda session: booking.move(work(session, SYSTEM, NOW), appointment.id, start)
    )


def test_moving_goes_from_one_session_to_another(
    sqlite_database: Database, classes: Classes
) -> None:
    stays, goes = (book(sqlite_database, classes, patient) for patient in (0, 1))
    move(sqlite_database, goes, MONDAY_9 + 3 * HALF_HOUR)
    assert [group.taken for group in groups(sqlite_database)] == [1, 1]
    moved = move(sqlite_database, stays, MONDAY_9 + HALF_HOUR * 3)
    assert [(group.taken, group.released) for group in groups(sqlite_database)] == [
        (0, True),
        (2, False),
    ]
    assert moved.session_id == groups(sqlite_database)[1].id


def test_the_only_one_moves_to_a_time_that_overlaps_the_old(
    sqlite_database: Database, classes: Classes
) -> None:
    booked = book(sqlite_database, classes)
    assert "09:30" in offered(sqlite_database, classes, moving=booked)
    assert move(sqlite_database, booked, MONDAY_9 + HALF_HOUR).starts_at == MONDAY_9 + HALF_HOUR
    assert "09:00" not in offered(sqlite_database, classes, patient=1)


def test_a_session_that_only_their_hold_keeps_is_free_for_the_patient(
    sqlite_database: Database, classes: Classes
) -> None:
    hold(sqlite_database, classes, 0)
    assert "09:00" in offered(sqlite_database, classes, service=classes.single, patient=0)
    assert "09:00" not in offered(sqlite_database, classes, service=classes.single, patient=1)
    book(sqlite_database, classes, service=classes.single)


def test_a_service_without_places_is_not_offered_where_it_had_a_session(
    sqlite_database: Database, classes: Classes
) -> None:
    """The schedule has sessions of another service still."""

    def once_a_class(session: Session) -> int:
        new = factories.offered_service(session, None, "Talk", minutes=60, places=3)
        others = (session.get_one(Service, key) for key in (classes.yoga, classes.single))
        factories.offer(session, classes.town.gp_at_hospital, *others, new)
        return new.id

    talk = sqlite_database.run(once_a_class)
    booked = book(sqlite_database, classes, service=talk)
    alone = ServiceDetails(name="Talk", minutes=60)
    sqlite_database.run(lambda session: change_service(work(session, SYSTEM, NOW), talk, alone))
    assert "09:00" not in _on_one_board(sqlite_database, classes, talk)
    assert move(sqlite_database, booked, MONDAY_9 + 2 * HOUR).session_id is None
    assert move(sqlite_database, booked, MONDAY_9).starts_at == MONDAY_9


def _on_one_board(database: Database, classes: Classes, service: int) -> list[str]:
    """The starts of a service on a board with those of the others at the schedule."""

    def find(session: Session) -> list[str]:
        places = known.bookable(session)[classes.town.gp_at_hospital].place.for_each()
        each = {place.service_id or 0: place for place in places}
        unit, until = work(session, SYSTEM, NOW), MONDAY_9 + 3 * HOUR
        found = slots.slots(unit, each, MONDAY_9, until)
        return [f"{slot.start:%H:%M}" for slot in found if slot.service_id == service]

    return database.read(find)


def test_check_finds_and_mends_a_wrong_number_of_taken_places(
    sqlite_database: Database, classes: Classes
) -> None:
    book(sqlite_database, classes)
    sqlite_database.run(lambda session: session.execute(update(GroupSession).values(taken=2)))
    (fault,) = check.faults(sqlite_database)
    assert "is a session with 1 places taken, and says 2" in str(fault)
    check.repair(sqlite_database, [fault])
    assert check.faults(sqlite_database) == []


def test_the_grid_for_programs_agrees_with_the_slots(
    sqlite_database: Database, classes: Classes
) -> None:
    book(sqlite_database, classes)
    book(sqlite_database, classes, 1, start=MONDAY_9 + 3 * HOUR, service=classes.single)

    def both(session: Session) -> tuple[set[int], set[int]]:
        unit = work(session, SYSTEM, NOW)
        place = known.bookable(session)[classes.town.gp_at_hospital].place
        window = window_over(MONDAY_9, MONDAY_9 + 9 * HOUR)
        masks = slots.free_starts(unit, {place.schedule_id: place}, window)
        board = cells.full_board(unit, [place], window)
        free = {cell.tick - window.start for cell in board.page(1000) if cell.use is cells.Use.FREE}
        return set(bits(masks[place.schedule_id])), free

    bookable, free = sqlite_database.read(both)
    assert free == bookable


# What the care team does with whole sessions


def make(database: Database, classes: Classes, start: datetime, **more: object) -> GroupSession:
    return database.run(
        lambda session: commands.make_session(
            work(session, SYSTEM, NOW),
            classes.town.gp_at_hospital,
            start,
            service_id=classes.yoga,
            **more,  # type: ignore[arg-type]
        )
    )


def test_staff_make_a_session_at_a_time_of_their_choice_and_patients_book_it(
    sqlite_database: Database, classes: Classes
) -> None:
    early = MONDAY_9 - 2 * HOUR + timedelta(minutes=5)
    group = make(sqlite_database, classes, early, count=2)
    booked = book(sqlite_database, classes, start=early)
    assert booked.session_id == group.id
    cancel(sqlite_database, booked)
    assert [(one.places, one.taken, one.released) for one in groups(sqlite_database)] == [
        (2, 0, False)
    ]
    with pytest.raises(errors.SessionExists):
        make(sqlite_database, classes, early)
    with pytest.raises(errors.SlotTaken):
        make(sqlite_database, classes, early + HALF_HOUR)


def test_places_are_never_fewer_than_are_taken(sqlite_database: Database, classes: Classes) -> None:
    booked, _other = (book(sqlite_database, classes, patient) for patient in (0, 1))
    group_id = booked.session_id
    assert group_id

    def change(count: int) -> GroupSession:
        return sqlite_database.run(
            lambda session: commands.change_places(work(session, SYSTEM, NOW), group_id, count)
        )

    with pytest.raises(errors.PlacesTaken):
        change(1)
    assert change(2).places == 2
    assert "09:00" not in offered(sqlite_database, classes)


def test_a_session_moves_with_everybody_or_not_at_all(
    sqlite_database: Database, classes: Classes
) -> None:
    booked = [book(sqlite_database, classes, patient) for patient in (0, 1)]
    group_id = booked[0].session_id
    assert group_id
    elsewhere = classes.town.booking_request(
        MONDAY_9 + HOUR, schedule=classes.town.physio_at_hospital, patient=1
    )
    sqlite_database.run(lambda session: usecases.book(work(session, SYSTEM, NOW), elsewhere))

    def move_all(start: datetime) -> GroupSession:
        return sqlite_database.run(
            lambda session: commands.move_session(work(session, SYSTEM, NOW), group_id, start)
        )

    with pytest.raises(errors.SomebodyBusy):
        move_all(MONDAY_9 + HALF_HOUR)
    moved = move_all(MONDAY_9 + 2 * HOUR)
    assert (moved.id, moved.starts_at, moved.taken) == (group_id, MONDAY_9 + 2 * HOUR, 2)
    times = sqlite_database.read(
        lambda session: {one.starts_at for one in commands.roster(work(session), group_id)}
    )
    assert times == {MONDAY_9 + 2 * HOUR}
    with pytest.raises(errors.SessionExists):
        move_all(MONDAY_9 + 2 * HOUR)


def test_a_session_that_moves_takes_the_room_that_its_schedule_has_by_then(
    sqlite_database: Database, classes: Classes
) -> None:
    def use(room: str) -> None:
        details = ScheduleDetails(step_minutes=30, room=room)
        schedule = classes.town.gp_at_hospital
        sqlite_database.run(
            lambda session: change_schedule(work(session, SYSTEM, NOW), schedule, details)
        )

    use("Room 1")
    group_id = make(sqlite_database, classes, MONDAY_9).id
    use("Room 2")
    sqlite_database.run(
        lambda session: commands.move_session(
            work(session, SYSTEM, NOW), group_id, MONDAY_9 + 2 * HOUR
        )
    )
    assert check.faults(sqlite_database) == []


def test_cancelling_a_session_cancels_all_of_it(
    sqlite_database: Database, classes: Classes
) -> None:
    before = offered(sqlite_database, classes)
    group = make(sqlite_database, classes, MONDAY_9)
    booked = book(sqlite_database, classes)
    hold(sqlite_database, classes, 1)
    sqlite_database.run(
        lambda session: commands.cancel_session(
            work(session, SYSTEM, NOW), group.id, why="The midwife is ill"
        )
    )
    cancelled = sqlite_database.read(lambda session: session.get_one(Appointment, booked.id))
    assert (cancelled.status, cancelled.status_reason) == (Status.CANCELLED, "The midwife is ill")
    assert offered(sqlite_database, classes) == before


def test_a_session_that_has_begun_is_not_cancelled_whole(
    sqlite_database: Database, classes: Classes
) -> None:
    booked = book(sqlite_database, classes)
    assert booked.session_id
    at_nine = booked.starts_at

    def act(session: Session) -> None:
        unit = work(session, SYSTEM, at_nine)
        booking.change_status(unit, booked.id, Status.ARRIVED)
        commands.cancel_session(unit, booked.session_id)  # type: ignore[arg-type]

    with pytest.raises(errors.SessionHasBegun):
        sqlite_database.run(act)


@pytest.mark.parametrize("who", ["patient", "another practitioner", "staff elsewhere", "visitor"])
def test_a_session_is_seen_and_changed_only_by_those_who_give_the_care(
    sqlite_database: Database, classes: Classes, who: str
) -> None:
    booked = book(sqlite_database, classes)
    actor = {
        "patient": classes.town.patient(),
        "another practitioner": Actor(role=Role.PRACTITIONER, practitioner_id=classes.town.physio),
        "staff elsewhere": Actor(role=Role.STAFF, centre_id=classes.town.clinic),
        "visitor": Actor(),
    }[who]
    group_id = booked.session_id
    assert group_id
    for act in (
        lambda unit: commands.session_for(unit, group_id),
        lambda unit: commands.change_places(unit, group_id, 9),
        lambda unit: commands.move_session(unit, group_id, MONDAY_9 + HOUR),
        lambda unit: commands.cancel_session(unit, group_id),
        lambda unit: commands.write_to_all(unit, group_id, commands.Message(message="Hello")),
        lambda unit: commands.make_session(
            unit, classes.town.gp_at_hospital, MONDAY_9 + 3 * HOUR, service_id=classes.yoga
        ),
    ):
        with pytest.raises((NotFound, Forbidden)):
            sqlite_database.run(lambda session, act=act: act(work(session, actor, NOW)))


def test_absences_list_the_appointments_of_a_session_and_stop_more(
    sqlite_database: Database, classes: Classes
) -> None:
    booked = book(sqlite_database, classes)
    leave = AbsenceDetails(kind=AbsenceKind.LEAVE, starts_at=MONDAY_9, ends_at=MONDAY_9 + HALF_HOUR)
    hit = sqlite_database.read(
        lambda session: absences.hit_by(work(session, SYSTEM, NOW), classes.town.gp, leave)
    )
    assert [one.id for one in hit] == [booked.id]
    sqlite_database.run(
        lambda session: absences.enter_absence(work(session, SYSTEM, NOW), classes.town.gp, leave)
    )
    assert "09:00" not in offered(sqlite_database, classes)
    with pytest.raises(errors.Absent):
        book(sqlite_database, classes, 1)


def test_a_place_that_becomes_free_is_offered_to_who_waits(
    sqlite_database: Database, classes: Classes
) -> None:
    booked = [book(sqlite_database, classes, patient) for patient in range(PLACES)]
    wait(sqlite_database, classes.town, PLACES, minutes=60)
    expire_due(sqlite_database)
    assert offers(sqlite_database) == []
    cancel(sqlite_database, booked[0])
    expire_due(sqlite_database)
    (offer,) = offers(sqlite_database)
    taken = accept(sqlite_database, classes.town.patient(PLACES), offer.id)
    assert taken.session_id == booked[1].session_id
    assert groups(sqlite_database)[0].taken == PLACES


def test_merging_a_duplicate_moves_its_place_to_the_patient(
    sqlite_database: Database, classes: Classes
) -> None:
    booked = book(sqlite_database, classes, 1)
    patient, duplicate = classes.town.patients[:2]
    sqlite_database.run(
        lambda session: merging.merge(work(session, SYSTEM, NOW), patient, duplicate)
    )
    moved = sqlite_database.read(lambda session: session.get_one(Appointment, booked.id))
    assert (moved.patient_id, moved.session_id) == (patient, booked.session_id)
    cancel(sqlite_database, moved)
    assert groups(sqlite_database)[0].released
