"""What services need besides their schedule: rooms, machines and people."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

import factories
from engines import Counted
from factories import HALF_HOUR, MONDAY_9, NOW
from imaging import (
    Imaging,
    book,
    build_imaging,
    diary_of,
    need,
    place_in,
    starts,
    taking_part,
)
from openslot.booking import absences, cells, check, slots
from openslot.booking import commands as booking
from openslot.booking.absences import AbsenceDetails, OutOfUse
from openslot.booking.cells import Use
from openslot.booking.check import NOT_TAKEN, TAKEN_BY_NOTHING, TAKEN_TWICE
from openslot.booking.errors import NeedsTaken
from openslot.booking.models import Appointment, AppointmentResource, Status
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.db import Database
from openslot.core.errors import DomainError, Forbidden, Invalid, NotFound
from openslot.directory.errors import HasAppointments, NameTaken
from openslot.directory.models import Practitioner, Room
from openslot.resources.commands import (
    GroupDetails,
    NeedDetails,
    RoomDetails,
    change_group,
    create_group,
    create_room,
    remove_group,
    set_needs,
)
from openslot.resources.errors import GroupNeeded, NeedNotHere, NeedOfNetwork, TooManyNeeds
from openslot.schedules import commands as schedules
from openslot.schedules import known
from openslot.schedules.availability import bits, tick_at, window_over
from openslot.schedules.commands import ScheduleDetails
from openslot.schedules.models import AbsenceKind
from openslot.schedules.queries import practitioner_places
from openslot.usecases import booking as usecases
from openslot.usecases import rebooking
from openslot.usecases.deactivation import deactivate_practitioner, deactivate_schedule
from working import work

AFTERNOON = MONDAY_9 + timedelta(hours=4)
DAY_LONG = {"starts_at": MONDAY_9, "ends_at": MONDAY_9 + timedelta(hours=8)}


@pytest.fixture
def imaging(database: Database) -> Iterator[Imaging]:
    yield build_imaging(database)
    assert check.faults(database) == []


@pytest.fixture
def quick(sqlite_database: Database) -> Iterator[Imaging]:
    yield build_imaging(sqlite_database)
    assert check.faults(sqlite_database) == []


def run(database: Database, act: Callable[..., Any], *values: Any, **named: Any) -> Any:
    return database.run(lambda session: act(work(session, SYSTEM, NOW), *values, **named))


# Booking


def test_an_appointment_takes_a_machine_and_a_radiographer(
    database: Database, imaging: Imaging
) -> None:
    appointment = book(database, imaging.request())
    # Raj works fewer hours, so that Rita's longer day stays whole.
    assert {one.row.name for one in appointment.resources} == {"Ultrasound 1", "Raj Rao"}
    assert sorted(taking_part(database, appointment.id)) == ["Raj Rao", "Ultrasound 1"]
    second = book(database, imaging.request(patient=1, schedule=imaging.town.physio_at_hospital))
    assert sorted(taking_part(database, second.id)) == ["Rita Röntgen", "Ultrasound 2"]


def test_a_start_is_free_if_all_that_it_needs_is_free(database: Database, imaging: Imaging) -> None:
    book(database, imaging.request(AFTERNOON, 1, imaging.town.physio_at_hospital))
    # Only Rita works then, so nobody is left for another.
    assert "13:00" not in starts(database, imaging)
    assert "13:30" in starts(database, imaging)
    with pytest.raises(NeedsTaken) as refused:
        book(database, imaging.request(AFTERNOON))
    assert AFTERNOON + HALF_HOUR in refused.value.alternatives


def test_without_anybody_who_works_there_nothing_is_free(
    sqlite_database: Database, quick: Imaging
) -> None:
    sqlite_database.run(lambda session: need(session, quick.ultrasound, profession="Midwife"))
    assert starts(sqlite_database, quick) == []


def test_a_cancelled_appointment_gives_back_all_that_it_took(
    database: Database, imaging: Imaging
) -> None:
    appointment = book(database, imaging.request(AFTERNOON))
    database.run(lambda session: factories.change_status(session, appointment.id, Status.CANCELLED))
    assert check.faults(database) == []
    again = book(database, imaging.request(AFTERNOON, 1, imaging.town.physio_at_hospital))
    database.run(lambda session: factories.change_status(session, again.id, Status.CANCELLED))
    run(database, booking.change_status, appointment.id, Status.BOOKED)
    assert sorted(taking_part(database, appointment.id)) == ["Rita Röntgen", "Ultrasound 1"]


def test_a_move_keeps_whom_it_has_where_they_are_free(database: Database, imaging: Imaging) -> None:
    first = book(database, imaging.request(MONDAY_9 + HALF_HOUR))
    assert "Raj Rao" in taking_part(database, first.id)
    run(database, booking.move, first.id, MONDAY_9)
    assert sorted(taking_part(database, first.id)) == ["Raj Rao", "Ultrasound 1"]
    run(database, booking.move, first.id, AFTERNOON)
    assert sorted(taking_part(database, first.id)) == ["Rita Röntgen", "Ultrasound 1"]


def test_a_move_prefers_whom_it_has_to_who_has_less_free_time(
    sqlite_database: Database, quick: Imaging
) -> None:
    physio, ten = quick.town.physio_at_hospital, MONDAY_9 + timedelta(hours=1)
    first = book(sqlite_database, quick.request())
    book(sqlite_database, quick.request(patient=1, schedule=physio))
    extra = book(sqlite_database, quick.request(ten, 2))
    book(sqlite_database, quick.request(ten, 3, physio))
    sqlite_database.run(
        lambda session: factories.change_status(session, extra.id, Status.CANCELLED)
    )
    # The second machine has less free time now, and would be chosen for another appointment.
    run(sqlite_database, booking.move, first.id, MONDAY_9 + timedelta(hours=2))
    assert "Ultrasound 1" in taking_part(sqlite_database, first.id)


def test_an_expired_hold_does_not_keep_a_machine(database: Database, imaging: Imaging) -> None:
    hold = imaging.request(AFTERNOON, 1, imaging.town.physio_at_hospital)
    run(database, usecases.hold, hold)
    with pytest.raises(NeedsTaken):
        book(database, imaging.request(AFTERNOON))
    later = NOW + timedelta(hours=1)

    def free(session: Session) -> list[int]:
        place, window = place_in(session, imaging), window_over(AFTERNOON, AFTERNOON + HALF_HOUR)
        masks = slots.free_starts(work(session, SYSTEM, later), {1: place}, window)
        return [window.start + bit for bit in bits(masks[1])]

    assert tick_at(AFTERNOON) in database.read(free)
    book(database, imaging.request(AFTERNOON), later)
    assert run(database, booking.expire_due) == 0


def test_a_hold_becomes_an_appointment_with_whom_it_holds(
    sqlite_database: Database, quick: Imaging
) -> None:
    request = replace(quick.request(), minutes=30)
    hold = run(sqlite_database, usecases.hold, request)
    booked = run(sqlite_database, usecases.book, request, hold_id=hold.id)
    assert booked.id == hold.id
    assert sorted(taking_part(sqlite_database, booked.id)) == ["Raj Rao", "Ultrasound 1"]


def test_who_walks_in_is_served_by_those_who_are_free(
    sqlite_database: Database, quick: Imaging
) -> None:
    evening = MONDAY_9 + timedelta(hours=10)

    def enter(session: Session) -> Appointment:
        unit = work(session, SYSTEM, evening)
        return usecases.enter(unit, quick.request(evening), Status.ARRIVED)

    entered = sqlite_database.run(enter)
    assert len(taking_part(sqlite_database, entered.id)) == 2


def test_the_owner_and_their_room_serve_no_need_twice(
    sqlite_database: Database, quick: Imaging
) -> None:
    """The physiotherapist is no second one, and the schedule's machine is taken once."""

    def set_up(session: Session) -> None:
        details = ScheduleDetails(room="Ultrasound 1")
        schedules.change_schedule(
            work(session, SYSTEM, NOW), quick.town.physio_at_hospital, details
        )
        needs = [NeedDetails(group=quick.group), NeedDetails(profession="Physiotherapist")]
        set_needs(work(session, SYSTEM, NOW), quick.ultrasound, needs)

    sqlite_database.run(set_up)
    with pytest.raises(NeedsTaken):
        book(sqlite_database, quick.request(schedule=quick.town.physio_at_hospital))
    sqlite_database.run(lambda session: need(session, quick.ultrasound, quick.group))
    own = book(sqlite_database, quick.request(schedule=quick.town.physio_at_hospital))
    assert taking_part(sqlite_database, own.id) == []
    assert taking_part(sqlite_database, book(sqlite_database, quick.request(patient=1)).id) == [
        "Ultrasound 2"
    ]


def test_two_of_one_group_are_two_machines(sqlite_database: Database, quick: Imaging) -> None:
    sqlite_database.run(lambda session: need(session, quick.ultrasound, quick.group, quick.group))
    assert starts(sqlite_database, quick)
    both = book(sqlite_database, quick.request())
    assert taking_part(sqlite_database, both.id) == ["Ultrasound 1", "Ultrasound 2"]
    sqlite_database.run(lambda session: need(session, quick.ultrasound, *[quick.group] * 3))
    assert starts(sqlite_database, quick) == []


def test_a_booking_with_needs_asks_two_statements_more(
    database: Database,
    imaging: Imaging,
    statements: Callable[[Database], AbstractContextManager[Counted]],
) -> None:
    book(database, imaging.request(MONDAY_9 + 4 * HALF_HOUR, 2))
    with statements(database) as with_needs:
        book(database, imaging.request(MONDAY_9 + HALF_HOUR))
    database.run(lambda session: need(session, imaging.ultrasound))
    book(database, imaging.request(MONDAY_9 + 6 * HALF_HOUR, 3))
    with statements(database) as without:
        book(database, imaging.request(MONDAY_9 + 2 * HALF_HOUR, 1))
    assert with_needs.count - without.count <= 2


def test_free_times_of_many_schedules_take_three_statements(
    sqlite_database: Database,
    quick: Imaging,
    statements: Callable[[Database], AbstractContextManager[Counted]],
) -> None:
    assert starts(sqlite_database, quick)  # what can be booked is in memory from now on

    def search(session: Session) -> None:
        bookable = known.bookable(session)
        places = {
            key: place
            for key in (quick.town.gp_at_hospital, quick.town.physio_at_hospital)
            if (place := bookable[key].place.offering(quick.ultrasound))
        }
        window = window_over(MONDAY_9, MONDAY_9 + timedelta(days=90))
        free = slots.free_starts(work(session, SYSTEM, NOW), places, window)
        assert len(free) == 2
        assert all(free.values())

    with statements(sqlite_database) as counted:
        sqlite_database.read(search)
    assert counted.count <= 3


# Slots for programs


def test_cells_are_busy_where_nobody_is_left(sqlite_database: Database, quick: Imaging) -> None:
    book(sqlite_database, quick.request(AFTERNOON, 1, quick.town.physio_at_hospital))

    def uses(session: Session, *, beside_other: bool = False) -> dict[Use, set[int]]:
        place, window = place_in(session, quick), window_over(MONDAY_9, AFTERNOON + HALF_HOUR)
        without_needs = [place._replace(needs=(), service_id=None)] if beside_other else []
        board = cells.full_board(work(session, SYSTEM, NOW), [place, *without_needs], window)
        found: dict[Use, set[int]] = {}
        for (*_, use), mask in board.masks.items():
            found[use] = found.get(use, set()) | set(bits(mask))
        return found

    found = sqlite_database.read(uses)
    at = tick_at(AFTERNOON) - window_over(MONDAY_9, AFTERNOON).start
    assert at in found[Use.BUSY] - found[Use.FREE]
    assert at + 6 in found[Use.FREE]
    # A service of the same length that needs nobody is free then, so the time is not busy.
    found = sqlite_database.read(lambda session: uses(session, beside_other=True))
    assert at in found[Use.FREE] - found[Use.BUSY]


# Absences


def test_a_machine_that_is_out_of_use_is_not_taken_and_lists_what_needs_it(
    database: Database, imaging: Imaging
) -> None:
    appointment = book(database, imaging.request())
    details = OutOfUse(**DAY_LONG, reason="Repair")

    absence = run(database, absences.take_out_of_use, imaging.machines[0], details)
    hit = run(database, absences.using, imaging.machines[0])
    assert [one.id for one in hit] == [appointment.id]
    other = book(
        database, imaging.request(MONDAY_9 + 2 * HALF_HOUR, 1, imaging.town.physio_at_hospital)
    )
    assert "Ultrasound 2" in taking_part(database, other.id)
    # Moved to the time that it has, it takes the machine that is left.
    run(database, booking.move, appointment.id, MONDAY_9)
    assert "Ultrasound 2" in taking_part(database, appointment.id)
    assert check.faults(database) == []
    run(database, absences.put_back_into_use, imaging.machines[0], absence.id)


def test_an_absent_radiographer_serves_nobody(sqlite_database: Database, quick: Imaging) -> None:
    booked = book(sqlite_database, quick.request(AFTERNOON))
    leave = AbsenceDetails(kind=AbsenceKind.LEAVE, **DAY_LONG)
    run(sqlite_database, absences.enter_absence, quick.all_day, leave)
    assert starts(sqlite_database, quick)[-1] == "11:30"

    hit = run(sqlite_database, absences.needing, quick.all_day)
    assert [one.id for one in hit] == [booked.id]


def test_who_is_needed_is_not_deactivated(sqlite_database: Database, quick: Imaging) -> None:
    book(sqlite_database, quick.request(AFTERNOON))
    with pytest.raises(HasAppointments):
        run(sqlite_database, deactivate_practitioner, quick.all_day, active=False)
    run(sqlite_database, deactivate_practitioner, quick.mornings, active=False)
    assert starts(sqlite_database, quick)[0] == "09:00"


def test_where_somebody_is_needed_they_go_on_working(
    sqlite_database: Database, quick: Imaging
) -> None:
    book(sqlite_database, quick.request(AFTERNOON))

    def schedule_of(session: Session) -> int:
        found = practitioner_places(session, quick.all_day)
        return next(iter(found))

    schedule_id = sqlite_database.read(schedule_of)
    with pytest.raises(HasAppointments):
        run(sqlite_database, deactivate_schedule, schedule_id, active=False)


# Groups and needs


def test_a_change_of_hours_or_a_group_is_seen_by_the_next_search(
    sqlite_database: Database, quick: Imaging
) -> None:
    """What can be booked is kept in memory."""
    assert len(starts(sqlite_database, quick)) == 16

    def shorter(session: Session) -> None:
        found = practitioner_places(session, quick.all_day)
        schedules.set_hours(work(session, SYSTEM, NOW), next(iter(found)), [])

    sqlite_database.run(shorter)
    assert len(starts(sqlite_database, quick)) == 6
    run(sqlite_database, change_group, quick.group, GroupDetails(name="Ultrasound machines"))
    assert starts(sqlite_database, quick) == []


def test_a_service_of_the_network_needs_what_each_centre_has_under_one_name(
    sqlite_database: Database, quick: Imaging
) -> None:
    town = quick.town

    def offer(session: Session) -> int:
        everywhere = factories.offered_service(session, None, "Ultrasound anywhere")
        set_needs(
            work(session, SYSTEM, NOW),
            everywhere.id,
            [NeedDetails(group_name="ultrasound  Machines")],
        )
        for schedule in (town.gp_at_hospital, town.gp_at_clinic):
            factories.offer(session, schedule, everywhere)
        return everywhere.id

    everywhere = sqlite_database.run(offer)
    wanted = quick._replace(ultrasound=everywhere)
    assert taking_part(sqlite_database, book(sqlite_database, wanted.request()).id) == [
        "Ultrasound 1"
    ]
    with pytest.raises(NeedsTaken):  # the clinic has no such group
        book(sqlite_database, wanted.request(patient=1, schedule=town.gp_at_clinic))
    with pytest.raises(GroupNeeded):
        run(sqlite_database, change_group, quick.group, GroupDetails(name="Scanners"))


@pytest.mark.parametrize(
    ("need_", "error"),
    [
        ({"group": 99}, NeedNotHere),
        ({"resource": 99}, NeedNotHere),
        ({"group_name": "Ultrasound machines"}, NeedNotHere),
    ],
)
def test_a_service_of_a_centre_needs_what_is_there(
    sqlite_database: Database, quick: Imaging, need_: dict[str, Any], error: type[DomainError]
) -> None:
    with pytest.raises(error):
        run(sqlite_database, set_needs, quick.ultrasound, [NeedDetails(**need_)])


def test_a_service_of_the_network_needs_nothing_of_one_centre(
    sqlite_database: Database, quick: Imaging
) -> None:
    everywhere = sqlite_database.run(
        lambda session: factories.offered_service(session, None, "Anywhere").id
    )
    for wrong, error in (
        ({"resource": quick.machines[0]}, NeedOfNetwork),
        ({"group": quick.group}, NeedOfNetwork),
        ({"group_name": "Nowhere"}, NotFound),
    ):
        with pytest.raises(error):
            run(sqlite_database, set_needs, everywhere, [NeedDetails.model_validate(wrong)])


def test_groups_and_needs_have_limits_and_owners(sqlite_database: Database, quick: Imaging) -> None:
    chief = Actor(role=Role.CENTRE_ADMIN, centre_id=quick.town.clinic)
    with pytest.raises(GroupNeeded):
        run(sqlite_database, remove_group, quick.group)
    with pytest.raises(NameTaken):
        run(
            sqlite_database,
            create_group,
            quick.town.hospital,
            GroupDetails(name="ultrasound MACHINES"),
        )
    with pytest.raises(NameTaken):
        run(sqlite_database, create_room, quick.town.hospital, RoomDetails(name="ultrasound 1"))
    details = GroupDetails(name="Ours", resources=quick.machines)
    with pytest.raises(NotFound):  # the clinic has no such machine
        run(sqlite_database, create_group, quick.town.clinic, details)
    needs = [NeedDetails(profession="Nurse")] * 7
    with pytest.raises(TooManyNeeds):
        run(sqlite_database, set_needs, quick.ultrasound, needs)
    for act, values in (
        (create_room, (quick.town.hospital, RoomDetails(name="Mine"))),
        (remove_group, (quick.group,)),
        (set_needs, (quick.ultrasound, [])),
        (absences.take_out_of_use, (quick.machines[0], OutOfUse(**DAY_LONG))),
    ):
        with pytest.raises(Forbidden):
            sqlite_database.run(
                lambda session, act=act, values=values: act(work(session, chief, NOW), *values)
            )


def test_a_need_is_one_thing() -> None:
    for wrong in ({}, {"group": 1, "profession": "Nurse"}):
        with pytest.raises(ValueError, match="Choose one of"):
            NeedDetails.model_validate(wrong)
    assert issubclass(NeedNotHere, Invalid)


# The check of the diaries


@pytest.mark.parametrize(
    ("plant", "kinds"),
    [
        ("lost", {TAKEN_BY_NOTHING}),
        ("invented", {NOT_TAKEN}),
        ("twice", {NOT_TAKEN, TAKEN_TWICE, TAKEN_BY_NOTHING}),
    ],
)
def test_check_finds_a_wrong_claim_of_what_an_appointment_needs(
    sqlite_database: Database, plant: str, kinds: set[str]
) -> None:
    imaging = build_imaging(sqlite_database)
    first = book(sqlite_database, imaging.request())
    second = book(
        sqlite_database, imaging.request(patient=1, schedule=imaging.town.physio_at_hospital)
    )

    def damage(session: Session) -> None:
        machine = diary_of(session, Room, imaging.machines[0])
        row = {"appointment_id": second.id, "diary_id": machine}
        if plant == "lost":
            of_first = AppointmentResource.appointment_id == first.id
            session.execute(delete(AppointmentResource).where(of_first))
        elif plant == "invented":
            free = diary_of(session, Practitioner, imaging.town.specialist)
            session.execute(insert(AppointmentResource).values(row | {"diary_id": free}))
        else:
            of_second = AppointmentResource.appointment_id == second.id
            session.execute(delete(AppointmentResource).where(of_second))
            session.execute(insert(AppointmentResource).values(row))

    sqlite_database.run(damage)
    found = check.faults(sqlite_database)
    assert found
    assert {fault.kind for fault in found} <= kinds


def test_other_times_have_what_the_service_of_the_appointment_needs(
    sqlite_database: Database,
) -> None:
    """The schedule's first service needs nothing; the only machine is in use at half past nine."""
    imaging = build_imaging(sqlite_database, machines=1)
    mine = imaging.request()
    machine = imaging.request(
        MONDAY_9 + HALF_HOUR, patient=1, schedule=imaging.town.physio_at_hospital
    )

    def suggested(session: Session) -> list[str]:
        unit = work(session, SYSTEM, NOW)
        own, _ = (usecases.book(unit, one) for one in (mine, machine))
        details = AbsenceDetails(
            kind=AbsenceKind.LEAVE, starts_at=MONDAY_9, ends_at=MONDAY_9 + HALF_HOUR
        )
        hits = rebooking.preview(unit, imaging.town.gp, details)
        assert [hit.appointment.id for hit in hits] == [own.id]
        return [f"{slot.start:%H:%M}" for slot in hits[0].slots[:2]]

    assert sqlite_database.run(suggested) == ["10:00", "10:30"]
