"""Who books a service, and how much of it: known patients, with a referral, and its own limits."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest
from sqlalchemy.orm import Session

import factories
import waitroom
from factories import HALF_HOUR, MONDAY_9, NOW
from openslot.booking import commands as booking
from openslot.booking import errors, queries
from openslot.booking.models import Appointment, Status
from openslot.booking.patients import queries as patients
from openslot.booking.slots import Barrier, Booker
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.db import Database
from openslot.directory.changes.queries import mark_changed
from openslot.directory.errors import ReferralNamesPractitioner
from openslot.directory.models import BookableBy, Service
from openslot.referrals import commands as referring
from openslot.referrals import queries as referrals
from openslot.referrals.details import ReferralDetails
from openslot.referrals.errors import NoAddressee
from openslot.schedules import known
from openslot.usecases import booking as usecases
from openslot.usecases import series
from openslot.waiting_list import waiting
from openslot.waiting_list.details import WaitingDetails
from town import Town, build_town
from working import work

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
VISITOR = Actor(role=None)


class Offer(NamedTuple):
    """A town whose physiotherapist offers one service, and somebody of the desk there."""

    town: Town
    service: int
    clerk: Actor


@pytest.fixture
def offer(database: Database) -> Offer:
    """One service of 30 minutes."""
    town = build_town(database)

    def set_up(session: Session) -> int:
        service = factories.offered_service(session, None, "Review", minutes=30)
        factories.offer(session, town.physio_at_hospital, service)
        return service.id

    return Offer(town, database.run(set_up), Actor(role=Role.STAFF, centre_id=town.hospital))


def keep(database: Database, service_id: int, **values: Any) -> None:
    """Change what the service says."""

    def write(session: Session) -> None:
        service = session.get_one(Service, service_id)
        for name, value in values.items():
            setattr(service, name, value)
        mark_changed(session, "service", service_id)

    database.run(write)


def book(database: Database, actor: Actor, offer: Offer, start: datetime = MONDAY_9) -> Appointment:
    request = offer.town.booking_request(start, schedule=offer.town.physio_at_hospital)
    return database.run(lambda session: usecases.book(work(session, actor, NOW), request))


def barrier(database: Database, actor: Actor, offer: Offer, number: int = 0) -> Barrier | None:
    def read(session: Session) -> Barrier | None:
        place = known.bookable(session)[offer.town.physio_at_hospital].place
        if actor.role is None:
            return Booker(actor).barrier(place)
        return referrals.booker(work(session, actor, NOW), offer.town.patients[number]).barrier(
            place
        )

    return database.read(read)


def test_only_patients_who_are_known_book_for_themselves(database: Database, offer: Offer) -> None:
    keep(database, offer.service, bookable_by=BookableBy.KNOWN)
    patient = offer.town.patient()
    assert barrier(database, VISITOR, offer) is Barrier.KNOWN
    assert barrier(database, patient, offer) is Barrier.KNOWN
    with pytest.raises(errors.OnlyKnownPatients) as caught:
        book(database, patient, offer)
    assert (caught.value.code, caught.value.field) == ("only-known-patients", "service")
    book(database, offer.clerk, offer)
    assert barrier(database, patient, offer) is None
    assert barrier(database, offer.town.patient(1), offer, 1) is Barrier.KNOWN
    assert book(database, patient, offer, MONDAY_9 + DAY).status is Status.BOOKED


@pytest.mark.parametrize(
    ("status", "is_known"),
    [
        (Status.BOOKED, True),
        (Status.FULFILLED, True),
        (Status.CANCELLED, False),
        (Status.NO_SHOW, False),
        (Status.ENTERED_IN_ERROR, False),
    ],
)
def test_who_came_or_will_come_is_known(
    sqlite_database: Database, town: Town, status: Status, is_known: bool
) -> None:
    def kept(session: Session) -> tuple[bool, bool]:
        request = town.booking_request(schedule=town.scan)
        appointment = usecases.book(work(session, SYSTEM, NOW), request)
        appointment.status, appointment.one_a_day = status, None
        session.flush()
        patient_id = town.patients[0]
        whom = queries.for_whom(work(session, SYSTEM, NOW), patient_id)
        assert whom is not None
        by_department = (None, town.department)
        known_to = patients.known_to(session, [patient_id])[patient_id]
        return by_department in whom.known, by_department in known_to

    assert sqlite_database.run(kept) == (is_known, is_known)


def test_a_hold_makes_nobody_known(sqlite_database: Database, town: Town) -> None:
    def held(session: Session) -> frozenset[Any]:
        hold = usecases.hold(work(session, town.patient(), NOW), town.booking_request())
        hold.by_program = True  # so that it stays
        session.flush()
        whom = queries.for_whom(work(session, SYSTEM, NOW), town.patients[0])
        assert whom is not None
        return whom.known

    assert sqlite_database.run(held) == frozenset()


def test_who_is_not_known_does_not_wait_for_it(database: Database, offer: Offer) -> None:
    keep(database, offer.service, bookable_by=BookableBy.KNOWN)
    details = WaitingDetails(
        patient_id=offer.town.patients[0],
        schedule_id=offer.town.physio_at_hospital,
        minutes=30,
        starts_from=MONDAY_9,
        starts_until=MONDAY_9 + DAY,
    )

    def join(session: Session) -> None:
        waiting.join(work(session, offer.town.patient(), NOW), details)

    with pytest.raises(errors.OnlyKnownPatients):
        database.run(join)
    book(database, offer.clerk, offer, MONDAY_9 + WEEK)
    database.run(join)


@pytest.mark.parametrize("stays_known", [True, False])
def test_a_time_is_offered_to_who_is_still_known(
    sqlite_database: Database, town: Town, stays_known: bool
) -> None:
    scan = town.scan
    taken = waitroom.book(sqlite_database, town, 1, schedule=scan)
    own = waitroom.book(sqlite_database, town, 0, MONDAY_9 + WEEK, schedule=scan)
    place = sqlite_database.read(lambda session: known.bookable(session)[scan])
    keep(sqlite_database, place.subject.service_id or 0, bookable_by=BookableBy.KNOWN)
    waitroom.wait(sqlite_database, town, schedule_id=scan)
    if not stays_known:
        waitroom.cancel(sqlite_database, own.id)
    waitroom.cancel(sqlite_database, taken.id)
    waitroom.expire_due(sqlite_database)
    assert len(waitroom.offers(sqlite_database)) == stays_known


def test_what_needs_a_referral_is_booked_with_one_of_any_profession(
    database: Database, offer: Offer
) -> None:
    town = offer.town
    patient = town.patient()

    def refer(session: Session) -> None:
        usecases.book(work(session, SYSTEM, NOW), town.booking_request())
        gp = work(session, town.doctor, NOW, access_days=0)
        details = ReferralDetails(practitioner_id=town.physio, letter="A sore knee.")
        letter = referring.write(gp, town.patients[0], details)
        referring.send(gp, letter.id)

    with pytest.raises(NoAddressee):
        database.run(refer)
    keep(database, offer.service, bookable_by=BookableBy.REFERRAL)
    assert barrier(database, VISITOR, offer) is Barrier.REFERRAL
    for actor in (patient, offer.clerk):
        with pytest.raises(errors.ReferralRequired):
            book(database, actor, offer)
    database.run(refer)
    assert barrier(database, patient, offer) is None
    appointment = book(database, patient, offer, MONDAY_9 + DAY)
    assert appointment.referral_use is not None
    assert barrier(database, patient, offer) is Barrier.REFERRAL


def test_a_department_s_own_service_needs_no_referral(
    sqlite_database: Database, town: Town
) -> None:
    with pytest.raises(ReferralNamesPractitioner):
        sqlite_database.run(
            lambda session: factories.service(
                session, town.department, "MRI", bookable_by=BookableBy.REFERRAL
            )
        )


def test_a_service_says_until_when_patients_cancel_and_move(
    database: Database, offer: Offer
) -> None:
    late = MONDAY_9 - timedelta(hours=47)
    patient = offer.town.patient()
    appointment = book(database, patient, offer)

    def cancel(session: Session) -> None:
        unit = work(session, patient, late, cutoff=timedelta(hours=24))
        booking.change_status(unit, appointment.id, Status.CANCELLED)

    def move(session: Session) -> None:
        unit = work(session, patient, late, cutoff=timedelta(hours=24))
        booking.move(unit, appointment.id, MONDAY_9 + HALF_HOUR)

    keep(database, offer.service, cancel_hours=48)
    for change in (move, cancel):
        with pytest.raises(errors.TooLateToChange) as caught:
            database.run(change)
        assert "48 hours" in str(caught.value)
    keep(database, offer.service, cancel_hours=None)
    database.run(move)
    keep(database, offer.service, cancel_hours=0)
    database.run(cancel)


def test_a_service_says_how_many_a_person_has_to_come(database: Database, offer: Offer) -> None:
    keep(database, offer.service, most_ahead=2)
    patient = offer.town.patient()
    book(database, patient, offer)
    request = replace(
        offer.town.booking_request(schedule=offer.town.physio_at_hospital), minutes=None
    )
    with pytest.raises(errors.TooManyInSeries):
        database.run(
            lambda session: series.book(
                work(session, patient, NOW), request, [MONDAY_9 + DAY, MONDAY_9 + 2 * DAY]
            )
        )
    book(database, patient, offer, MONDAY_9 + DAY)
    with pytest.raises(errors.TooManyOfService) as caught:
        book(database, patient, offer, MONDAY_9 + 2 * DAY)
    assert "2 upcoming appointments for this service" in str(caught.value)
    book(database, offer.clerk, offer, MONDAY_9 + 2 * DAY)


def test_a_service_says_how_many_a_person_has_a_day(database: Database) -> None:
    """Of a department, which has no limit of one a day."""
    town = build_town(database)
    service_id = database.run(lambda session: known.bookable(session)[town.scan].subject.service_id)
    assert service_id is not None
    keep(database, service_id, most_a_day=1)
    patient = town.patient()

    def at(start: datetime, actor: Actor = patient) -> Appointment:
        request = town.booking_request(start, schedule=town.scan)
        return database.run(lambda session: usecases.book(work(session, actor, NOW), request))

    def move(appointment: Appointment, start: datetime) -> None:
        database.run(
            lambda session: booking.move(work(session, patient, NOW), appointment.id, start)
        )

    first = at(MONDAY_9)
    with pytest.raises(errors.TooManyThatDay):
        at(MONDAY_9 + 2 * HALF_HOUR)
    at(MONDAY_9 + 4 * HALF_HOUR, town.clerk)
    move(first, MONDAY_9 + HALF_HOUR)
    other = at(MONDAY_9 + DAY)
    with pytest.raises(errors.TooManyThatDay):
        move(other, MONDAY_9 + 6 * HALF_HOUR)
