"""Ratings: the newest of each patient counts, and it is marked who has been there. Favourites."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import factories
from engines import Counted
from factories import MONDAY_9, NOW
from openslot.booking.models import Status
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.db import Database
from openslot.core.errors import Forbidden, NotFound
from openslot.directory import commands as directory
from openslot.directory.models import Practitioner
from openslot.feedback import commands, queries
from openslot.feedback.errors import BadStars, TooManyFavourites
from openslot.feedback.models import Favourite, Rating
from openslot.feedback.rules import MOST_FAVOURITES, check_room
from openslot.search.results import Directory as Network
from openslot.search.results import Order, Search, find
from racing import race
from town import Town, build_town
from working import work


def rate(database: Database, town: Town, stars: int, *, patient: int = 0) -> None:
    database.run(
        lambda session: commands.rate(
            work(session, town.patient(patient), NOW), "practitioner", town.gp, stars
        )
    )


def see_the_gp(database: Database, town: Town, *, patient: int, to: Status) -> None:
    """An appointment of a patient, which ends as ``to``."""

    def act(session: Session) -> None:
        start = MONDAY_9 + patient * timedelta(minutes=30)
        appointment = factories.appointment(
            session, town.gp_at_hospital, start, town.patients[patient]
        )
        steps = {
            Status.FULFILLED: (Status.ARRIVED, Status.FULFILLED),
            Status.CANCELLED: (Status.CANCELLED,),
            Status.BOOKED: (),
        }[to]
        factories.change_status(session, appointment.id, *steps, now=MONDAY_9)

    database.run(act)


def rows(database: Database, kind: type) -> int:
    return (
        database.read(lambda session: session.scalar(select(func.count()).select_from(kind))) or 0
    )


def keeper(database: Database) -> Actor:
    """Somebody with an account."""
    account = database.run(
        lambda session: factories.account(session, "ann@example.org", Role.STAFF)
    )
    return Actor(role=Role.STAFF, account_id=account.id)


def test_a_new_rating_takes_the_place_of_the_older_one_on_each_engine(database: Database) -> None:
    town = build_town(database)
    rate(database, town, 2)
    rate(database, town, 5)
    rate(database, town, 4, patient=1)
    found = database.read(lambda session: queries.averages(session, [("practitioner", town.gp)]))
    assert found == {("practitioner", town.gp): queries.Average(4.5, 2)}


def test_one_who_presses_twice_at_once_has_rated_once_on_each_engine(database: Database) -> None:
    town = build_town(database)
    race(6, lambda number: rate(database, town, 1 + number % 5))
    assert rows(database, Rating) == 1


def test_it_is_marked_who_had_an_appointment_that_took_place_on_each_engine(
    database: Database, statements: Callable[[Database], AbstractContextManager[Counted]]
) -> None:
    town = build_town(database, patients=4)
    for patient, to in enumerate((Status.FULFILLED, Status.CANCELLED, Status.BOOKED)):
        see_the_gp(database, town, patient=patient, to=to)
    for patient in range(4):
        rate(database, town, patient + 1, patient=patient)
    with statements(database) as counted:
        sums, given = database.read(
            lambda session: (
                queries.summary(session, "practitioner", town.gp),
                queries.given(session, "practitioner", town.gp, limit=10),
            )
        )
    assert counted.count == 2
    assert (sums.ratings, sums.stars, sums.after_appointments) == (4, 2.5, 1)
    assert sorted((one.stars, one.is_after_appointment) for one in given) == [
        (1, True),
        (2, False),
        (3, False),
        (4, False),
    ]


def test_an_appointment_to_a_centre_marks_its_rating_whoever_gave_the_care(
    sqlite_database: Database, town: Town
) -> None:
    see_the_gp(sqlite_database, town, patient=0, to=Status.FULFILLED)
    for centre in (town.hospital, town.clinic):
        sqlite_database.run(
            lambda session, centre=centre: commands.rate(
                work(session, town.patient(), NOW), "centre", centre, 5
            )
        )
    marked = {
        centre: sqlite_database.read(
            lambda session, centre=centre: queries.summary(session, "centre", centre)
        ).after_appointments
        for centre in (town.hospital, town.clinic)
    }
    assert marked == {town.hospital: 1, town.clinic: 0}


def test_only_patients_rate_and_only_what_is_there(sqlite_database: Database, town: Town) -> None:
    def given(actor: Actor, subject: int, stars: int) -> Callable[[Session], object]:
        return lambda session: commands.rate(
            work(session, actor, NOW), "practitioner", subject, stars
        )

    for actor in (town.clerk, town.doctor, SYSTEM, Actor()):
        with pytest.raises(Forbidden):
            sqlite_database.run(given(actor, town.gp, 5))
    for stars in (0, 6, -1, 10**9):
        with pytest.raises(BadStars):
            sqlite_database.run(given(town.patient(), town.gp, stars))
    with pytest.raises(NotFound):
        sqlite_database.run(given(town.patient(), 10**6, 5))


def test_a_rating_is_taken_back_and_may_be_given_anew(
    sqlite_database: Database, town: Town
) -> None:
    rate(sqlite_database, town, 1)
    for _twice in range(2):
        sqlite_database.run(
            lambda session: commands.withdraw(
                work(session, town.patient(), NOW), "practitioner", town.gp
            )
        )
    assert rows(sqlite_database, Rating) == 0
    rate(sqlite_database, town, 5)
    assert rows(sqlite_database, Rating) == 1


# Favourites


def test_favourites_are_kept_once_however_often_somebody_presses_on_each_engine(
    database: Database,
) -> None:
    town, ann = build_town(database), keeper(database)
    race(
        4,
        lambda _number: database.run(
            lambda session: commands.add_favourite(work(session, ann, NOW), "practitioner", town.gp)
        ),
    )
    assert rows(database, Favourite) == 1
    race(
        2,
        lambda _number: database.run(
            lambda session: commands.remove_favourite(work(session, ann), "practitioner", town.gp)
        ),
    )
    assert rows(database, Favourite) == 0


def test_the_list_names_each_kind_and_leaves_out_what_is_gone(
    sqlite_database: Database, town: Town
) -> None:
    ann = keeper(sqlite_database)

    def act(session: Session) -> None:
        commands.add_favourite(work(session, ann, NOW), "practitioner", town.gp)
        commands.add_favourite(work(session, ann, NOW), "practitioner", town.physio)
        commands.add_favourite(work(session, ann, NOW), "centre", town.clinic)
        commands.add_favourite(work(session, ann, NOW), "department", town.department)
        gone = session.get(Practitioner, town.physio)
        assert gone is not None
        directory.set_active(work(session, SYSTEM, NOW), gone, False)

    sqlite_database.run(act)
    account_id = ann.account_id or UUID(int=0)
    found = sqlite_database.read(lambda session: queries.liked(session, account_id))
    assert [(one.kind, one.name, one.about) for one in found] == [
        ("centre", "UNSW Health Service", "Hospital"),
        ("department", "Radiology", "Prince of Wales Hospital"),
        ("practitioner", "Samuel Jackson", "GP"),
    ]


def test_nobody_keeps_favourites_without_an_account_or_without_end(
    sqlite_database: Database, town: Town
) -> None:
    with pytest.raises(Forbidden):
        sqlite_database.run(
            lambda session: commands.add_favourite(work(session, Actor(), NOW), "centre", 1)
        )
    with pytest.raises(NotFound):
        sqlite_database.run(
            lambda session: commands.add_favourite(
                work(session, replace(town.clerk, account_id=UUID(int=1)), NOW), "centre", 999
            )
        )
    check_room(MOST_FAVOURITES - 1)
    with pytest.raises(TooManyFavourites):
        check_room(MOST_FAVOURITES)


def test_favourites_that_fit_come_first_among_the_best_matches_and_elsewhere_are_only_marked(
    sqlite_database: Database, town: Town
) -> None:
    def names(order: Order, *liked: tuple[str, int]) -> list[tuple[str, bool]]:
        search = Search(text="randwick", kinds=frozenset({"practitioner"}), order=order)
        results = sqlite_database.read(
            lambda session: find(
                work(session, now=NOW), Network(), search, days=14, times=1, liked=frozenset(liked)
            )
        )
        return [(one.entry.name, one.is_favourite) for one in results.items]

    usual = [name for name, _marked in names(Order.BEST)]
    last = usual[-1]
    by_id = {"Samuel Jackson": town.gp, "Ian Baker": town.physio, "Amy Winehouse": town.specialist}
    favourite = ("practitioner", by_id[last])
    assert names(Order.BEST, favourite) == [(last, True), *((name, False) for name in usual[:-1])]
    for order in (Order.EARLIEST, Order.RATING):
        plain = [name for name, _marked in names(order)]
        assert names(order, favourite) == [(name, name == last) for name in plain]
