"""Services that schedules offer: what is booked, for how long, with which time around it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

import factories
from factories import MONDAY_9, NOW
from openslot.booking import cells, check, errors, offered, slots
from openslot.booking import commands as booking
from openslot.booking.commands import BookingRequest
from openslot.booking.models import Appointment, Status
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.db import Database
from openslot.core.errors import Forbidden, Invalid, NotFound
from openslot.directory import queries as directory
from openslot.directory.commands import change_service
from openslot.directory.details import ServiceDetails
from openslot.directory.errors import NameTaken
from openslot.directory.models import BookableBy, Mode
from openslot.schedules import known
from openslot.schedules.availability import bits, tick_at, window_over
from openslot.schedules.commands import (
    Offering,
    ScheduleDetails,
    change_schedule,
    offer_services,
)
from openslot.usecases import booking as usecases
from openslot.usecases.deactivation import deactivate_service
from town import Town, build_town
from working import work

HALF_HOUR = timedelta(minutes=30)


class Offers(NamedTuple):
    """A town whose GP at the hospital offers three services."""

    town: Town
    short: int
    new: int
    staff_only: int


@pytest.fixture
def offers(database: Database) -> Iterator[Offers]:
    """The first is 30 minutes; a new patient takes 60, with 30 before and 15 after. Both can start
    each half hour."""
    town = build_town(database)

    def set_up(session: Session) -> tuple[int, int, int]:
        short = factories.offered_service(session, None, "Follow-up", minutes=30)
        new = factories.offered_service(
            session, town.hospital, "New patient", minutes=60, minutes_before=30, minutes_after=15
        )
        staff = factories.offered_service(
            session, town.hospital, "Review", minutes=30, bookable_by=BookableBy.COLLEAGUES
        )
        factories.offer(session, town.gp_at_hospital, short, new, staff)
        change_schedule(
            work(session, SYSTEM, NOW), town.gp_at_hospital, ScheduleDetails(step_minutes=30)
        )
        return short.id, new.id, staff.id

    yield Offers(town, *database.run(set_up))
    assert check.faults(database) == []


def request(
    offers: Offers, start: datetime = MONDAY_9, service: int | None = None
) -> BookingRequest:
    return replace(offers.town.booking_request(start), service_id=service, minutes=None)


def book(database: Database, actor: Actor, wanted: BookingRequest) -> Appointment:
    return database.run(lambda session: usecases.book(work(session, actor, NOW), wanted))


def starts(database: Database, offers: Offers, service: int, day: datetime = MONDAY_9) -> list[str]:
    def find(session: Session) -> list[str]:
        place = known.bookable(session)[offers.town.gp_at_hospital].place.offering(service)
        assert place is not None
        found = slots.slots(work(session, SYSTEM, NOW), {1: place}, day, day + timedelta(hours=12))
        return [f"{slot.start:%H:%M}" for slot in found]

    return database.read(find)


def test_what_is_booked_without_a_choice_is_the_first_service(
    database: Database, offers: Offers
) -> None:
    appointment = book(database, offers.town.patient(), request(offers))
    assert (appointment.service_id, appointment.minutes) == (offers.short, 30)


def test_a_service_has_its_length_and_takes_time_of_who_gives_the_care(
    database: Database, offers: Offers
) -> None:
    at_ten = MONDAY_9 + timedelta(hours=1)
    appointment = book(database, offers.town.patient(), request(offers, at_ten, offers.new))
    assert appointment.minutes == 60
    assert appointment.busy_from == at_ten - HALF_HOUR
    assert appointment.busy_until == at_ten + timedelta(minutes=75)
    free = starts(database, offers, offers.short)
    assert free[:3] == ["09:00", "11:30", "12:00"]


def test_preparation_must_fit_into_the_hours(database: Database, offers: Offers) -> None:
    assert starts(database, offers, offers.new)[0] == "09:30"
    with pytest.raises(errors.OutsideHours):
        book(database, offers.town.patient(), request(offers, MONDAY_9, offers.new))


def test_the_time_around_an_appointment_is_not_the_patients(
    database: Database, offers: Offers
) -> None:
    """Somebody who is elsewhere until ten can come at ten, though the room is prepared before."""
    elsewhere = offers.town.booking_request(MONDAY_9 + HALF_HOUR, schedule=offers.town.scan)
    book(database, offers.town.patient(), elsewhere)
    at_ten = MONDAY_9 + timedelta(hours=1)
    book(database, offers.town.patient(), request(offers, at_ten, offers.new))


@pytest.mark.parametrize("minutes", [-30, 30, 60])
def test_nobody_else_gets_the_time_around_it(
    database: Database, offers: Offers, minutes: int
) -> None:
    at_ten = MONDAY_9 + timedelta(hours=1)
    book(database, offers.town.patient(), request(offers, at_ten, offers.new))
    other = request(offers, at_ten + timedelta(minutes=minutes), offers.short)
    with pytest.raises(errors.SlotTaken):
        book(database, SYSTEM, replace(other, patient_id=offers.town.patients[1]))


def test_cancelling_frees_all_of_it(database: Database, offers: Offers) -> None:
    at_ten = MONDAY_9 + timedelta(hours=1)
    before = starts(database, offers, offers.short)
    appointment = book(database, offers.town.patient(), request(offers, at_ten, offers.new))
    database.run(
        lambda session: booking.change_status(
            work(session, offers.town.patient(), NOW), appointment.id, Status.CANCELLED
        )
    )
    assert starts(database, offers, offers.short) == before


def test_moving_keeps_service_and_length_whatever_is_offered_by_now(
    database: Database, offers: Offers
) -> None:
    at_ten = MONDAY_9 + timedelta(hours=1)
    appointment = book(database, offers.town.patient(), request(offers, at_ten, offers.new))
    database.run(
        lambda session: offer_services(
            work(session, SYSTEM, NOW),
            offers.town.gp_at_hospital,
            [Offering(service_id=offers.short)],
        )
    )
    at_noon = at_ten + timedelta(hours=2)
    moved = move(database, offers.town.patient(), appointment.id, at_noon)
    assert (moved.service_id, moved.minutes) == (offers.new, 60)
    assert moved.busy_from == at_noon - HALF_HOUR


def move(database: Database, actor: Actor, appointment_id: UUID, start: datetime) -> Appointment:
    return database.run(
        lambda session: booking.move(work(session, actor, NOW), appointment_id, start)
    )


def test_its_own_time_does_not_stand_in_the_way_of_a_move(
    database: Database, offers: Offers
) -> None:
    """An hour later: the preparation falls into what is its own time now."""
    at_ten = MONDAY_9 + timedelta(hours=1)
    appointment = book(database, offers.town.patient(), request(offers, at_ten, offers.new))
    later = at_ten + timedelta(hours=1)

    def offered(session: Session) -> bool:
        place = known.bookable(session)[offers.town.gp_at_hospital].place.offering(offers.new)
        assert place is not None
        found = slots.slots(
            work(session, SYSTEM, NOW),
            {1: place},
            later,
            later + timedelta(minutes=5),
            moving=appointment,
        )
        return bool(found)

    assert database.read(offered)
    assert move(database, offers.town.patient(), appointment.id, later).starts_at == later


def test_a_service_for_colleagues_is_not_booked_by_patients(
    database: Database, offers: Offers
) -> None:
    with pytest.raises(errors.NotForPatients):
        book(database, offers.town.patient(), request(offers, service=offers.staff_only))
    whole = request(offers, service=offers.staff_only)
    assert book(database, SYSTEM, whole).service_id == offers.staff_only


def test_who_can_move_an_appointment_is_as_its_own_service_says(
    database: Database, offers: Offers
) -> None:
    """Not as the first service of the schedule, which may be another."""
    review = book(database, SYSTEM, request(offers, service=offers.staff_only))
    with pytest.raises(errors.NotForPatients):
        move(database, offers.town.patient(), review.id, MONDAY_9 + timedelta(hours=1))

    def reverse(session: Session) -> None:
        ids = (offers.staff_only, offers.short)
        offerings = [Offering(service_id=one) for one in ids]
        offer_services(work(session, SYSTEM, NOW), offers.town.gp_at_hospital, offerings)

    wanted = replace(request(offers, service=offers.short), patient_id=offers.town.patients[1])
    short = book(database, offers.town.patient(1), replace(wanted, start=MONDAY_9 + 2 * HALF_HOUR))
    database.run(reverse)
    later = MONDAY_9 + 6 * HALF_HOUR
    assert move(database, offers.town.patient(1), short.id, later).starts_at == later


def test_an_offer_of_another_time_stays_good_when_the_service_changes_or_goes(
    database: Database, offers: Offers
) -> None:
    appointment = book(database, SYSTEM, request(offers, service=offers.short))
    longer = ServiceDetails(name="Follow-up", minutes=30, minutes_after=30)
    database.run(lambda session: change_service(work(session, SYSTEM, NOW), offers.short, longer))
    later, until = MONDAY_9 + 4 * HALF_HOUR, NOW + timedelta(hours=8)
    hold = database.run(
        lambda session: offered.hold_for_reschedule(
            work(session, SYSTEM, NOW), appointment.id, appointment.schedule_id, later, until=until
        )
    )
    beside = replace(request(offers, later + HALF_HOUR), patient_id=offers.town.patients[1])
    book(database, SYSTEM, beside)
    database.run(
        lambda session: deactivate_service(work(session, SYSTEM, NOW), offers.short, active=False)
    )
    patient = offers.town.patient()
    moved = database.run(
        lambda session: offered.take(
            work(session, patient, NOW), hold.id, instead_of=appointment.id
        )
    )
    assert moved.starts_at == later


def test_a_service_that_is_not_offered_is_not_booked(database: Database, offers: Offers) -> None:
    stranger = database.run(lambda session: factories.offered_service(session, None, "Surgery").id)
    with pytest.raises(NotFound) as refused:
        book(database, offers.town.patient(), request(offers, service=stranger))
    assert refused.value.field == "service"


def test_a_hold_is_confirmed_for_its_own_service_only(database: Database, offers: Offers) -> None:
    at_ten, patient = MONDAY_9 + timedelta(hours=1), offers.town.patient()
    held = database.run(
        lambda session: usecases.hold(
            work(session, patient, NOW), request(offers, at_ten, offers.new)
        )
    )
    booked = database.run(
        lambda session: usecases.book(
            work(session, patient, NOW), request(offers, at_ten, offers.short), hold_id=held.id
        )
    )
    assert (booked.service_id, booked.minutes) == (offers.short, 30)
    assert booked.id != held.id


def test_a_hold_without_a_length_is_confirmed_and_not_booked_anew(
    database: Database, offers: Offers
) -> None:
    """A program that holds the usual length need not name it."""
    patient, wanted = offers.town.patient(), request(offers, service=offers.new)
    wanted = replace(wanted, start=MONDAY_9 + HALF_HOUR)
    held = database.run(lambda session: usecases.hold(work(session, patient, NOW), wanted))
    booked = database.run(
        lambda session: usecases.book(work(session, patient, NOW), wanted, hold_id=held.id)
    )
    assert booked.id == held.id


def test_a_schedule_may_give_a_service_a_length_of_its_own(
    database: Database, offers: Offers
) -> None:
    database.run(
        lambda session: offer_services(
            work(session, SYSTEM, NOW),
            offers.town.gp_at_hospital,
            [Offering(service_id=offers.new, minutes=30)],
        )
    )
    at_ten = MONDAY_9 + timedelta(hours=1)
    assert book(database, offers.town.patient(), request(offers, at_ten)).minutes == 30


def test_a_service_that_is_deactivated_is_offered_no_longer(
    database: Database, offers: Offers
) -> None:
    database.run(
        lambda session: deactivate_service(work(session, SYSTEM, NOW), offers.short, active=False)
    )
    appointment = book(
        database, offers.town.patient(), request(offers, MONDAY_9 + timedelta(hours=1))
    )
    assert appointment.service_id == offers.new


def test_only_administrators_of_the_centre_say_what_is_offered(
    database: Database, offers: Offers
) -> None:
    own = Actor(role=Role.PRACTITIONER, practitioner_id=offers.town.gp)
    for actor in (own, offers.town.patient(), Actor(role=Role.CENTRE_ADMIN, centre_id=999)):
        with pytest.raises(Forbidden):
            database.run(
                lambda session, actor=actor: offer_services(
                    work(session, actor, NOW), offers.town.gp_at_hospital, []
                )
            )


def test_services_of_other_centres_and_twice_the_same_are_refused(
    database: Database, offers: Offers
) -> None:
    other = database.run(
        lambda session: factories.offered_service(session, offers.town.clinic, "Elsewhere").id
    )
    for wanted, refusal in (
        ([other], NotFound),
        ([offers.short, offers.short], Invalid),
    ):
        with pytest.raises(refusal):
            database.run(
                lambda session, wanted=wanted: offer_services(
                    work(session, SYSTEM, NOW),
                    offers.town.gp_at_hospital,
                    [Offering(service_id=key) for key in wanted],
                )
            )


def test_two_services_of_one_centre_have_two_names(database: Database, offers: Offers) -> None:
    with pytest.raises(NameTaken):
        database.run(
            lambda session: factories.offered_service(session, offers.town.hospital, "new PATIENT")
        )
    database.run(
        lambda session: factories.offered_service(session, offers.town.clinic, "New patient")
    )


def test_a_video_appointment_has_an_address_of_its_own(database: Database, offers: Offers) -> None:
    def video(session: Session) -> int:
        service = factories.offered_service(
            session, None, "Video", mode=Mode.VIDEO, video_url="https://meet.example.org/{id}"
        )
        factories.offer(session, offers.town.gp_at_hospital, service)
        return service.id

    database.run(video)
    booked = book(database, offers.town.patient(), request(offers))
    assert booked.video_url == f"https://meet.example.org/{booked.id}"
    assert database.read(lambda session: directory.service(session, booked.service_id)).mode == (
        Mode.VIDEO
    )


def test_the_grid_for_programs_agrees_with_the_slots_and_keeps_room_for_preparation(
    database: Database, offers: Offers
) -> None:
    """The first service needs half an hour before it: what is free is what can be booked."""
    database.run(
        lambda session: offer_services(
            work(session, SYSTEM, NOW),
            offers.town.gp_at_hospital,
            [Offering(service_id=offers.new), Offering(service_id=offers.short)],
        )
    )
    at_noon = MONDAY_9 + timedelta(hours=3)
    appointment = book(database, offers.town.patient(), request(offers, at_noon, offers.short))

    def both(session: Session) -> tuple[set[int], set[int], set[tuple[int, int]]]:
        unit = work(session, SYSTEM, NOW)
        place = known.bookable(session)[offers.town.gp_at_hospital].place
        window = window_over(MONDAY_9, MONDAY_9 + timedelta(hours=9))
        masks = slots.free_starts(unit, {place.schedule_id: place}, window)
        board = cells.full_board(unit, [place], window)
        kind = (place.schedule_id, place.slot_minutes, place.service_id or 0, cells.Use.FREE)
        free = board.masks[kind]
        own = {(cell.tick, cell.minutes) for cell in board.appointments}
        return set(bits(masks[place.schedule_id])), set(bits(free)), own

    bookable, free, own = database.read(both)
    assert free == bookable
    assert own == {(tick_at(appointment.starts_at), 30)}
