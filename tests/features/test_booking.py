"""Booking, moving, cancelling: each rule, and each refusal with its own code."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

import factories
from clinic import open_clinic
from factories import HALF_HOUR, MONDAY_9, NOW, SYDNEY
from openslot.booking import absences, check, errors, slots
from openslot.booking import commands as booking
from openslot.booking.absences import AbsenceDetails
from openslot.booking.models import Appointment, Status
from openslot.core import audit, outbox
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.db import Database
from openslot.core.errors import DomainError, Forbidden, Malformed, NotFound, StaleVersion
from openslot.directory import commands as directory
from openslot.directory.details import PractitionerDetails
from openslot.schedules import commands as schedules
from openslot.schedules import known
from openslot.schedules import queries as schedule_queries
from openslot.schedules.commands import ScheduleDetails
from openslot.schedules.models import AbsenceKind, Schedule
from openslot.usecases import booking as usecases
from town import Town, build_town
from working import found, work

NO_CUTOFF = timedelta(0)
TEN_MINUTES = timedelta(minutes=10)


def book(
    database: Database, actor: Actor, booking_request: booking.BookingRequest, now: datetime = NOW
) -> Appointment:
    return database.run(lambda session: usecases.book(work(session, actor, now), booking_request))


def hold(
    database: Database, actor: Actor, booking_request: booking.BookingRequest, now: datetime = NOW
) -> Appointment:
    return database.run(lambda session: usecases.hold(work(session, actor, now), booking_request))


def move(
    database: Database,
    actor: Actor,
    appointment: UUID,
    start: datetime,
    *,
    now: datetime = NOW,
    cutoff: timedelta = NO_CUTOFF,
    **more: Any,
) -> Appointment:
    return database.run(
        lambda session: booking.move(
            work(session, actor, now, cutoff=cutoff), appointment, start, **more
        )
    )


def set_status(
    database: Database,
    actor: Actor,
    appointment: UUID,
    to: Status,
    *,
    now: datetime = NOW,
    cutoff: timedelta = NO_CUTOFF,
    **more: Any,
) -> Appointment:
    return database.run(
        lambda session: booking.change_status(
            work(session, actor, now, cutoff=cutoff), appointment, to, **more
        )
    )


def assert_clean(database: Database) -> None:
    assert check.faults(database) == []


def test_a_booked_appointment_takes_its_time_and_tells_the_world(
    sqlite_database: Database, town: Town
) -> None:
    appointment = book(sqlite_database, town.patient(), town.booking_request())
    assert appointment.status == Status.BOOKED
    assert appointment.starts_at == MONDAY_9
    assert appointment.ends_at == MONDAY_9 + HALF_HOUR
    assert_clean(sqlite_database)
    queued = sqlite_database.read(
        lambda session: outbox.messages(session, "appointment.booked", limit=9, offset=0)
    )
    assert [message.payload["appointment"] for message in queued] == [str(appointment.id)]
    events = sqlite_database.read(
        lambda session: audit.events_of(session, booking.subject_of(appointment.id))
    )
    assert [event.action for event in events] == ["appointment.booked"]


Change = Callable[[Town], booking.BookingRequest]

REFUSED_REQUESTS: list[tuple[str, type[DomainError], Change]] = [
    (
        "in the past",
        errors.InThePast,
        lambda t: t.booking_request(NOW.astimezone(SYDNEY) - 2 * HALF_HOUR),
    ),
    (
        "beyond the horizon",
        errors.BeyondHorizon,
        lambda t: t.booking_request(MONDAY_9 + timedelta(days=182)),
    ),
    (
        "not on the grid",
        errors.OffGrid,
        lambda t: t.booking_request(MONDAY_9 + timedelta(minutes=10)),
    ),
    ("off the tick", errors.OffGrid, lambda t: t.booking_request(MONDAY_9 + timedelta(seconds=1))),
    ("before opening", errors.OutsideHours, lambda t: t.booking_request(MONDAY_9 - HALF_HOUR)),
    (
        "over closing",
        errors.OutsideHours,
        lambda t: t.booking_request(MONDAY_9 + 15 * HALF_HOUR, minutes=60),
    ),
    (
        "on a weekend",
        errors.OutsideHours,
        lambda t: t.booking_request(MONDAY_9 + timedelta(days=5)),
    ),
    ("too long", errors.TooLong, lambda t: t.booking_request(minutes=150)),
    ("part of a slot", errors.BadLength, lambda t: t.booking_request(minutes=45)),
    ("of no length", errors.BadLength, lambda t: t.booking_request(minutes=0)),
    ("of negative length", errors.BadLength, lambda t: t.booking_request(minutes=-30)),
    (
        "with a specialist",
        errors.ReferralRequired,
        lambda t: t.booking_request(schedule=t.specialist_at_hospital),
    ),
    ("on an unknown schedule", NotFound, lambda t: t.booking_request(schedule=999_999)),
    ("for nobody", errors.NeedsPatient, lambda t: t.booking_request(patient=None)),
    ("for somebody else", errors.NeedsPatient, lambda t: t.booking_request(patient=1)),
    (
        "at a time without a zone",
        Malformed,
        lambda t: t.booking_request(MONDAY_9.replace(tzinfo=None)),
    ),
]


@pytest.mark.parametrize(
    ("kind", "refusal", "booking_request"),
    REFUSED_REQUESTS,
    ids=[row[0] for row in REFUSED_REQUESTS],
)
def test_a_booking_request_that_breaks_a_rule_is_refused_and_changes_nothing(
    sqlite_database: Database,
    town: Town,
    kind: str,
    refusal: type[DomainError],
    booking_request: Change,
) -> None:
    with pytest.raises(refusal) as caught:
        book(sqlite_database, town.patient(), booking_request(town))
    assert str(caught.value)
    assert caught.value.code == refusal.code
    assert_clean(sqlite_database)
    left = sqlite_database.read(
        lambda session: outbox.messages(session, "appointment.booked", limit=9, offset=0)
    )
    assert left == []


def test_each_refusal_of_booking_has_a_code_of_its_own() -> None:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and kind.__module__ == errors.__name__
    ]
    codes = [kind.code for kind in kinds]
    assert len(codes) == len(set(codes))
    assert all(kind.sentence for kind in kinds)


def test_notice_is_kept(sqlite_database: Database, town: Town) -> None:
    details = ScheduleDetails(notice_minutes=24 * 60)
    sqlite_database.run(
        lambda session: schedules.change_schedule(
            work(session, SYSTEM, NOW), town.gp_at_hospital, details
        )
    )
    with pytest.raises(errors.TooShortNotice):
        book(sqlite_database, town.patient(), town.booking_request())
    later = book(
        sqlite_database, town.patient(), town.booking_request(MONDAY_9 + timedelta(days=1))
    )
    assert later.status == Status.BOOKED


def test_a_taken_slot_names_the_nearest_free_starts(sqlite_database: Database, town: Town) -> None:
    ten = MONDAY_9 + 2 * HALF_HOUR
    book(sqlite_database, town.patient(0), town.booking_request(ten))
    with pytest.raises(errors.SlotTaken) as caught:
        book(sqlite_database, town.patient(1), town.booking_request(ten, patient=1))
    assert caught.value.alternatives == (ten - 2 * HALF_HOUR, ten - HALF_HOUR, ten + HALF_HOUR)


def test_a_practitioner_is_at_one_place_at_a_time(sqlite_database: Database, town: Town) -> None:
    book(sqlite_database, town.patient(0), town.booking_request())
    with pytest.raises(errors.SlotTaken):
        book(
            sqlite_database,
            town.patient(1),
            town.booking_request(schedule=town.gp_at_clinic, patient=1),
        )


def test_a_patient_is_at_one_place_at_a_time(sqlite_database: Database, town: Town) -> None:
    book(sqlite_database, town.patient(), town.booking_request())
    with pytest.raises(errors.PatientBusy):
        book(
            sqlite_database, town.patient(), town.booking_request(schedule=town.physio_at_hospital)
        )


def test_one_appointment_a_day_with_a_practitioner_unless_staff_say_so(
    sqlite_database: Database, town: Town
) -> None:
    book(sqlite_database, town.patient(), town.booking_request())
    afternoon = town.booking_request(MONDAY_9 + timedelta(hours=6), schedule=town.gp_at_clinic)
    with pytest.raises(errors.DailyLimitReached):
        book(sqlite_database, town.patient(), afternoon)
    with pytest.raises(errors.DailyLimitReached):
        book(sqlite_database, town.patient(), replace(afternoon, second_appointment=True))
    again = town.booking_request(MONDAY_9 + timedelta(hours=6), second_appointment=True)
    assert book(sqlite_database, town.clerk, again).status == Status.BOOKED


def test_the_day_of_the_rule_is_the_centres_day(sqlite_database: Database, town: Town) -> None:
    """9 am and 4 pm in Sydney lie on two UTC days; 4 pm and 9 am next day on one."""
    book(sqlite_database, town.patient(), town.booking_request(MONDAY_9 + timedelta(hours=7)))
    next_day = book(
        sqlite_database, town.patient(), town.booking_request(MONDAY_9 + timedelta(days=1))
    )
    assert next_day.status == Status.BOOKED


def test_practitioners_book_neither_themselves_nor_as_patients(
    sqlite_database: Database, town: Town
) -> None:
    def same_person(session: Any) -> UUID:
        details = PractitionerDetails(
            name="Samuel Jackson", profession="GP", email="samuel@example.com", either_place=True
        )
        directory.change_practitioner(
            work(session, SYSTEM, NOW), town.gp, details, centre_ids=frozenset()
        )
        return factories.patient(session, details.name, email=details.email).id

    own_record = sqlite_database.run(same_person)
    found(sqlite_database, town.doctor, own_record, NOW)
    with pytest.raises(errors.SelfBooking):
        book(sqlite_database, town.doctor, replace(town.booking_request(), patient_id=own_record))
    with pytest.raises(errors.NeedsPatient):
        book(sqlite_database, town.doctor, town.booking_request(patient=None))
    elsewhere = town.booking_request(schedule=town.physio_at_hospital, patient=None)
    with pytest.raises(Forbidden):
        book(sqlite_database, town.doctor, elsewhere)


def test_staff_book_for_patients_at_their_own_centre_only(
    sqlite_database: Database, town: Town
) -> None:
    assert book(sqlite_database, town.clerk, town.booking_request()).status == Status.BOOKED
    with pytest.raises(Forbidden):
        book(
            sqlite_database,
            town.clerk,
            town.booking_request(MONDAY_9 + HALF_HOUR, schedule=town.gp_at_clinic, patient=1),
        )


def test_unknown_and_inactive_patients_are_refused(sqlite_database: Database, town: Town) -> None:
    with pytest.raises(NotFound):
        book(sqlite_database, town.clerk, replace(town.booking_request(), patient_id=uuid4()))


def test_nothing_is_booked_on_a_schedule_that_is_switched_off(
    sqlite_database: Database, town: Town
) -> None:
    sqlite_database.run(
        lambda session: schedules.set_active(work(session, SYSTEM, NOW), town.gp_at_hospital, False)
    )
    with pytest.raises(NotFound):
        book(sqlite_database, town.patient(), town.booking_request())


def test_nothing_is_booked_in_a_closure(sqlite_database: Database, town: Town) -> None:
    closure = sqlite_database.run(
        lambda session: schedules.close_centre(
            work(session, SYSTEM, NOW),
            town.hospital,
            starts=MONDAY_9,
            ends=MONDAY_9 + timedelta(hours=2),
            reason="Flood",
        )
    )
    with pytest.raises(errors.CentreClosed):
        book(sqlite_database, town.patient(), town.booking_request())
    elsewhere = book(
        sqlite_database, town.patient(), town.booking_request(schedule=town.gp_at_clinic)
    )
    assert elsewhere.status == Status.BOOKED
    assert_clean(sqlite_database)
    sqlite_database.run(
        lambda session: schedules.reopen_centre(work(session, SYSTEM, NOW), closure.id)
    )
    again = book(
        sqlite_database,
        town.patient(1),
        town.booking_request(schedule=town.physio_at_hospital, patient=1),
    )
    assert again.status == Status.BOOKED
    assert_clean(sqlite_database)


def test_several_adjacent_slots_are_one_booking(sqlite_database: Database, town: Town) -> None:
    appointment = book(sqlite_database, town.patient(0), town.booking_request(minutes=120))
    assert appointment.ends_at - appointment.starts_at == timedelta(hours=2)
    with pytest.raises(errors.SlotTaken):
        book(
            sqlite_database,
            town.patient(1),
            town.booking_request(MONDAY_9 + 3 * HALF_HOUR, patient=1),
        )
    after = book(
        sqlite_database, town.patient(1), town.booking_request(MONDAY_9 + 4 * HALF_HOUR, patient=1)
    )
    assert after.status == Status.BOOKED


def test_an_appointment_over_midnight_utc_takes_both_pages(
    sqlite_database: Database, town: Town
) -> None:
    """11 am in Sydney is midnight UTC in summer."""
    book(
        sqlite_database, town.patient(), town.booking_request(MONDAY_9 + 3 * HALF_HOUR, minutes=60)
    )
    assert_clean(sqlite_database)


# Moving


def test_moving_takes_the_new_time_and_frees_the_old(sqlite_database: Database, town: Town) -> None:
    appointment = book(sqlite_database, town.patient(0), town.booking_request())
    moved = move(sqlite_database, town.patient(0), appointment.id, MONDAY_9 + timedelta(days=1))
    assert moved.starts_at == MONDAY_9 + timedelta(days=1)
    assert moved.version == appointment.version + 1
    assert_clean(sqlite_database)
    freed = book(sqlite_database, town.patient(1), town.booking_request(patient=1))
    assert freed.status == Status.BOOKED


def test_a_refused_move_keeps_the_old_time(sqlite_database: Database, town: Town) -> None:
    appointment = book(sqlite_database, town.patient(0), town.booking_request())
    book(sqlite_database, town.patient(1), town.booking_request(MONDAY_9 + HALF_HOUR, patient=1))
    with pytest.raises(errors.SlotTaken):
        move(sqlite_database, town.patient(0), appointment.id, MONDAY_9 + HALF_HOUR)
    kept = sqlite_database.read(lambda session: session.get(Appointment, appointment.id))
    assert kept is not None
    assert kept.starts_at == MONDAY_9
    assert_clean(sqlite_database)


def test_an_appointment_moves_onto_part_of_its_own_time(
    sqlite_database: Database, town: Town
) -> None:
    appointment = book(sqlite_database, town.patient(), town.booking_request(minutes=60))
    moved = move(sqlite_database, town.patient(), appointment.id, MONDAY_9 + HALF_HOUR)
    assert moved.ends_at - moved.starts_at == timedelta(hours=1)
    assert_clean(sqlite_database)


def test_an_appointment_moves_to_another_place_of_the_same_practitioner_only(
    sqlite_database: Database, town: Town
) -> None:
    appointment = book(sqlite_database, town.patient(), town.booking_request())
    moved = move(
        sqlite_database, town.patient(), appointment.id, MONDAY_9, schedule_id=town.gp_at_clinic
    )
    assert moved.schedule_id == town.gp_at_clinic
    with pytest.raises(NotFound):
        move(
            sqlite_database,
            town.patient(),
            appointment.id,
            MONDAY_9,
            schedule_id=town.physio_at_hospital,
        )


def test_a_stale_change_is_refused(sqlite_database: Database, town: Town) -> None:
    appointment = book(sqlite_database, town.patient(), town.booking_request())
    move(sqlite_database, town.patient(), appointment.id, MONDAY_9 + HALF_HOUR)
    with pytest.raises(StaleVersion):
        move(sqlite_database, town.patient(), appointment.id, MONDAY_9, version=appointment.version)


def test_moving_onto_a_day_with_another_appointment_is_refused(
    sqlite_database: Database, town: Town
) -> None:
    book(sqlite_database, town.patient(), town.booking_request())
    tuesday = book(
        sqlite_database, town.patient(), town.booking_request(MONDAY_9 + timedelta(days=1))
    )
    with pytest.raises(errors.DailyLimitReached):
        move(sqlite_database, town.patient(), tuesday.id, MONDAY_9 + 4 * HALF_HOUR)


# Who and when


def test_strangers_are_not_told_that_an_appointment_exists(
    sqlite_database: Database, town: Town
) -> None:
    appointment = book(sqlite_database, town.patient(0), town.booking_request())
    strangers = [
        town.patient(1),
        Actor(role=Role.PRACTITIONER, practitioner_id=town.physio),
        Actor(role=Role.STAFF, centre_id=town.clinic),
        Actor(role=Role.CENTRE_ADMIN, centre_id=town.clinic),
    ]
    for stranger in strangers:
        with pytest.raises(NotFound):
            set_status(sqlite_database, stranger, appointment.id, Status.CANCELLED)


def test_patients_cancel_until_the_cut_off_and_carers_later(
    sqlite_database: Database, town: Town
) -> None:
    appointment = book(sqlite_database, town.patient(), town.booking_request())
    late = {"now": MONDAY_9 - timedelta(hours=1), "cutoff": timedelta(hours=2)}
    with pytest.raises(errors.TooLateToChange):
        set_status(sqlite_database, town.patient(), appointment.id, Status.CANCELLED, **late)
    with pytest.raises(errors.TooLateToChange):
        move(sqlite_database, town.patient(), appointment.id, MONDAY_9 + timedelta(days=1), **late)
    done = set_status(sqlite_database, town.doctor, appointment.id, Status.CANCELLED, **late)
    assert done.status == Status.CANCELLED
    assert_clean(sqlite_database)


def test_the_day_of_an_appointment(sqlite_database: Database, town: Town) -> None:
    appointment = book(sqlite_database, town.patient(), town.booking_request())
    at_nine = {"now": MONDAY_9}
    with pytest.raises(Forbidden):
        set_status(sqlite_database, town.patient(), appointment.id, Status.NO_SHOW, **at_nine)
    with pytest.raises(errors.TooEarly):
        set_status(sqlite_database, town.doctor, appointment.id, Status.NO_SHOW)
    with pytest.raises(errors.InvalidTransition):
        set_status(sqlite_database, town.doctor, appointment.id, Status.FULFILLED, **at_nine)
    set_status(sqlite_database, town.doctor, appointment.id, Status.ARRIVED, **at_nine)
    set_status(sqlite_database, town.doctor, appointment.id, Status.BOOKED, **at_nine)
    set_status(sqlite_database, town.doctor, appointment.id, Status.ARRIVED, **at_nine)
    done = set_status(sqlite_database, town.doctor, appointment.id, Status.FULFILLED, **at_nine)
    assert done.status == Status.FULFILLED
    with pytest.raises(errors.InvalidTransition):
        set_status(sqlite_database, town.patient(), appointment.id, Status.CANCELLED, **at_nine)
    assert_clean(sqlite_database)


def test_entered_in_error_is_for_administrators_and_frees_the_time(
    sqlite_database: Database, town: Town
) -> None:
    appointment = book(sqlite_database, town.patient(), town.booking_request())
    with pytest.raises(Forbidden):
        set_status(sqlite_database, town.doctor, appointment.id, Status.ENTERED_IN_ERROR)
    chief = Actor(role=Role.CENTRE_ADMIN, centre_id=town.hospital)
    set_status(sqlite_database, chief, appointment.id, Status.ENTERED_IN_ERROR)
    assert_clean(sqlite_database)
    told = sqlite_database.read(
        lambda session: outbox.messages(session, "appointment.cancelled", limit=9, offset=0)
    )
    assert len(told) == 1
    assert book(sqlite_database, town.patient(), town.booking_request()).status == Status.BOOKED


# Holds


def test_a_hold_takes_the_time_until_it_runs_out_with_no_worker(
    sqlite_database: Database, town: Town
) -> None:
    hold(sqlite_database, town.patient(0), town.booking_request())
    with pytest.raises(errors.SlotTaken):
        book(
            sqlite_database,
            town.patient(1),
            town.booking_request(patient=1),
            NOW + timedelta(minutes=9),
        )
    taken = book(
        sqlite_database, town.patient(1), town.booking_request(patient=1), NOW + TEN_MINUTES
    )
    assert taken.status == Status.BOOKED
    assert_clean(sqlite_database)


def test_a_hold_that_ran_out_still_confirms_while_nobody_took_it(
    sqlite_database: Database, town: Town
) -> None:
    kept = hold(sqlite_database, town.patient(), town.booking_request())
    late = NOW + timedelta(hours=1)
    appointment = sqlite_database.run(
        lambda session: usecases.book(
            work(session, town.patient(), late), town.booking_request(), hold_id=kept.id
        )
    )
    assert appointment.id == kept.id
    assert appointment.status == Status.BOOKED
    assert_clean(sqlite_database)


def test_a_hold_that_was_taken_over_does_not_confirm(sqlite_database: Database, town: Town) -> None:
    kept = hold(sqlite_database, town.patient(0), town.booking_request())
    late = NOW + timedelta(hours=1)
    book(sqlite_database, town.patient(1), town.booking_request(patient=1), late)
    with pytest.raises(errors.SlotTaken):
        sqlite_database.run(
            lambda session: usecases.book(
                work(session, town.patient(0), late), town.booking_request(), hold_id=kept.id
            )
        )


def test_one_hold_a_patient(sqlite_database: Database, town: Town) -> None:
    first = hold(sqlite_database, town.patient(), town.booking_request())
    hold(sqlite_database, town.patient(), town.booking_request(MONDAY_9 + HALF_HOUR))
    assert_clean(sqlite_database)
    gone = sqlite_database.read(lambda session: session.get(Appointment, first.id))
    assert gone is not None
    assert gone.status == Status.EXPIRED
    other = book(sqlite_database, town.patient(1), town.booking_request(patient=1))
    assert other.status == Status.BOOKED


def test_a_hold_cannot_be_stretched_without_end(sqlite_database: Database, town: Town) -> None:
    kept = hold(sqlite_database, town.patient(), town.booking_request())

    def extend(session: Any) -> Appointment:
        return booking.extend_hold(
            work(session, town.patient(), NOW, keep=TEN_MINUTES, hold_extensions=2), kept.id
        )

    sqlite_database.run(extend)
    sqlite_database.run(extend)
    with pytest.raises(errors.NoMoreExtensions):
        sqlite_database.run(extend)


def test_letting_a_hold_go_frees_it_and_twice_does_no_harm(
    sqlite_database: Database, town: Town
) -> None:
    kept = hold(sqlite_database, town.patient(0), town.booking_request())

    def release(session: Any) -> None:
        booking.release_hold(work(session, town.patient(0), NOW), kept.id)

    sqlite_database.run(release)
    assert_clean(sqlite_database)
    with pytest.raises(NotFound):
        sqlite_database.run(release)
    assert (
        book(sqlite_database, town.patient(1), town.booking_request(patient=1)).status
        == Status.BOOKED
    )


def test_the_sweep_puts_away_what_ran_out_and_nothing_else(
    sqlite_database: Database, town: Town
) -> None:
    hold(sqlite_database, town.patient(0), town.booking_request())
    later = NOW + timedelta(minutes=5)
    hold(
        sqlite_database,
        town.patient(1),
        town.booking_request(MONDAY_9 + HALF_HOUR, patient=1),
        later,
    )
    swept = sqlite_database.run(
        lambda session: booking.expire_due(work(session, now=NOW + timedelta(minutes=12)))
    )
    assert swept == 1
    assert_clean(sqlite_database)


# How much the database is asked


def know_schedules(database: Database) -> None:
    """Have the schedules in memory, as they are after the first booking."""
    database.read(known.bookable)


def test_a_booking_takes_at_most_9_statements(
    database: Database, statements: Callable[[Database], Any]
) -> None:
    town = build_town(database)
    know_schedules(database)
    eleven = MONDAY_9 + 3 * HALF_HOUR
    for number, booking_request in enumerate(
        [
            town.booking_request(),
            town.booking_request(eleven, patient=1, minutes=60),
            town.booking_request(eleven, patient=2),
        ]
    ):
        booking_request = replace(
            booking_request, start=booking_request.start + timedelta(days=number % 2)
        )
        with statements(database) as counted:
            book(database, town.patient(number), booking_request)
        assert counted.count <= 9, counted.texts
    assert_clean(database)


def test_a_hold_and_its_confirmation_take_few_statements(
    sqlite_database: Database, town: Town, statements: Callable[[Database], Any]
) -> None:
    know_schedules(sqlite_database)
    with statements(sqlite_database) as counted:
        kept = hold(sqlite_database, town.patient(), town.booking_request())
    assert counted.count <= 7, counted.texts
    with statements(sqlite_database) as counted:
        sqlite_database.run(
            lambda session: usecases.book(
                work(session, town.patient(), NOW), town.booking_request(), hold_id=kept.id
            )
        )
    assert counted.count <= 7, counted.texts


def test_a_new_appointment_is_as_if_it_had_been_read(
    sqlite_database: Database, town: Town, statements: Callable[[Database], Any]
) -> None:
    def act(session: Session) -> UUID:
        made = usecases.book(work(session, town.patient(), NOW), town.booking_request())
        with statements(sqlite_database) as counted:
            assert (made.task, made.came_at, made.external_id, made.resources) == (None,) * 3 + (
                [],
            )
        assert not counted.count, counted.texts
        made.reason = "cough"
        return made.id

    appointment_id = sqlite_database.run(act)
    with sqlite_database.reading() as session:
        row = session.get_one(Appointment, appointment_id)
        assert (row.reason, row.version) == ("cough", 2)


def test_utc_is_as_good_as_any_zone(sqlite_database: Database, town: Town) -> None:
    appointment = book(
        sqlite_database, town.patient(), town.booking_request(MONDAY_9.astimezone(UTC))
    )
    assert appointment.starts_at == MONDAY_9


def test_hours_of_one_practitioner_at_two_centres_may_not_overlap(
    sqlite_database: Database, town: Town
) -> None:
    with pytest.raises(DomainError) as caught:
        sqlite_database.run(
            lambda session: factories.schedule(session, town.clinic, practitioner_id=town.physio)
        )
    assert caught.value.code == "hours-overlap"


def test_a_hold_that_ran_out_inside_an_absence_is_not_free(
    sqlite_database: Database, town: Town
) -> None:
    hold(sqlite_database, town.patient(), town.booking_request())
    leave = AbsenceDetails(
        kind=AbsenceKind.LEAVE, starts_at=MONDAY_9, ends_at=MONDAY_9 + 4 * HALF_HOUR
    )
    sqlite_database.run(
        lambda session: absences.enter_absence(work(session, SYSTEM, NOW), town.gp, leave)
    )
    later = NOW + timedelta(hours=1)
    found = sqlite_database.read(
        lambda session: slots.slots(
            work(session, now=later),
            schedule_queries.places(session, Schedule.id == town.gp_at_hospital),
            MONDAY_9,
            MONDAY_9 + timedelta(hours=8),
            limit=1,
        )
    )
    assert found[0].start == MONDAY_9 + 4 * HALF_HOUR
    with pytest.raises(errors.Absent):
        book(sqlite_database, town.patient(1), town.booking_request(patient=1), later)


def test_a_search_takes_2_statements_for_any_diaries_and_3_once_a_hold_has_run_out(
    database: Database, statements: Callable[[Database], Any]
) -> None:
    town = build_town(database)
    hold(database, town.patient(), town.booking_request())
    database.read(known.bookable)

    def search(session: Session, ids: Sequence[int], at: datetime) -> list[slots.Slot]:
        bookable = known.bookable(session)
        places = {key: bookable[key].place for key in ids}
        return slots.slots(work(session, now=at), places, at, at + timedelta(days=30))

    for ids in ([town.gp_at_hospital], [town.gp_at_hospital, town.gp_at_clinic, town.scan]):
        for at, number in ((NOW, 2), (NOW + TEN_MINUTES, 3)):
            with statements(database) as counted:
                found = database.read(partial(search, ids=ids, at=at))
            assert counted.count == number, counted.texts
            assert max(map(len, counted.texts)) <= 4096, "psycopg would read it again each time"
            own = {slot.start for slot in found if slot.schedule_id == town.gp_at_hospital}
            assert (MONDAY_9 in own) is (number == 3)


def test_a_service_may_be_booked_as_often_as_needed(sqlite_database: Database, town: Town) -> None:
    """Past appointments bear no key either: they are not taken for appointments of that day."""
    appointment = book(sqlite_database, town.patient(), town.booking_request())
    set_status(sqlite_database, town.patient(), appointment.id, Status.CANCELLED)
    for hour in (0, 2):
        scan = town.booking_request(MONDAY_9 + timedelta(hours=hour), schedule=town.scan)
        assert book(sqlite_database, town.patient(), scan).status == Status.BOOKED


def test_both_hours_of_the_night_on_which_the_clock_goes_back_can_be_booked(
    sqlite_database: Database,
) -> None:
    """The clinic is open all night; in Sydney it is 2:00 at 15:00 and at 16:00 UTC."""
    clinic = open_clinic(sqlite_database)
    at, first = datetime(2027, 3, 20, tzinfo=UTC), datetime(2027, 4, 3, 15, tzinfo=UTC)

    def offered(session: Any) -> list[datetime]:
        places = schedule_queries.places(session, Schedule.id == clinic.schedule)
        there = slots.slots(work(session, now=at), places, first, first + timedelta(hours=2))
        return [slot.start.astimezone(UTC) for slot in there]

    half_hours = [first + timedelta(minutes=30 * number) for number in range(4)]
    assert sqlite_database.read(offered) == half_hours
    wanted = booking.BookingRequest(clinic.schedule, half_hours[2], 30, clinic.patient)
    booked = sqlite_database.run(lambda session: usecases.book(work(session, SYSTEM, at), wanted))
    assert booked.starts_at == half_hours[2]
    assert sqlite_database.read(offered) == half_hours[:2] + half_hours[3:]
