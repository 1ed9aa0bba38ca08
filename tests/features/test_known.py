"""Schedules in memory: as current as the reader, and read again where they changed; and
appointments that a session has read."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session

import clinic as clinics
import factories
from clinic import Clinic
from engines import DATA_KEYS
from openslot.booking import queries as booking
from openslot.booking.commands import BookingRequest, place_of
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.core.errors import NotFound
from openslot.directory import commands as directory
from openslot.directory.changes import queries as directory_changes
from openslot.directory.models import Centre, Department, Practitioner, Service
from openslot.schedules import commands as schedules
from openslot.schedules import known
from openslot.schedules.availability import Weekly
from openslot.schedules.models import Schedule
from openslot.usecases import booking as usecases
from town import Town, build_town
from working import work

Change = Callable[[Session, Town], object]


def rename(kind: type, key: Callable[[Session, Town], int | None]) -> Change:
    """A change of the name of a row of the town."""

    def act(session: Session, town: Town) -> None:
        row = session.get_one(kind, key(session, town))
        directory_changes.mark_changed(session, kind.__name__.lower(), row.id)
        row.name = "Another Name"

    return act


def new_hours(session: Session, town: Town) -> None:
    schedules.set_hours(work(session), town.gp_at_hospital, [Weekly(2, 8 * 60, 9 * 60)])


CHANGES: dict[str, Change] = {
    "hours": new_hours,
    "centre": rename(Centre, lambda _session, town: town.hospital),
    "practitioner": rename(Practitioner, lambda _session, town: town.gp),
    "service": rename(
        Service, lambda session, town: session.get_one(Schedule, town.scan).service_id
    ),
    "department": rename(Department, lambda _session, town: town.department),
}


def shown(database: Database) -> dict[int, tuple[object, ...]]:
    """What is known of each schedule."""

    def act(session: Session) -> dict[int, tuple[object, ...]]:
        return {
            key: (place.hours, subject.name, subject.centre.name, subject.service)
            for key, (place, subject) in known.bookable(session).items()
        }

    return database.read(act)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_seen_at_once_and_only_what_it_is_about_is_read_again(
    database: Database, change: Change
) -> None:
    town = build_town(database)
    before = database.read(lambda session: dict(known.bookable(session)))
    database.run(lambda session: change(session, town))
    after = database.read(lambda session: dict(known.bookable(session)))
    fresh = Database(database.engine.url.render_as_string(hide_password=False), DATA_KEYS)
    expected = shown(fresh)
    fresh.close()
    assert {key: str(value[:3]) for key, value in shown(database).items()} == {
        key: str(value[:3]) for key, value in expected.items()
    }
    assert any(after[key] is not before[key] for key in after)
    assert any(after[key] is before[key] for key in after)


def test_without_a_change_one_statement_tells_that(
    database: Database, statements: Callable[[Database], Any]
) -> None:
    build_town(database)
    database.read(known.bookable)
    with statements(database) as counted:
        database.read(known.bookable)
    assert counted.count == 1


def test_after_very_many_changes_all_is_read_again(database: Database) -> None:
    town = build_town(database)
    database.read(known.bookable)

    def act(session: Session) -> None:
        for _ in range(directory_changes.MOST_READ_AGAIN + 1):
            directory_changes.mark_changed(session, "centre", town.clinic)
        new_hours(session, town)

    database.run(act)
    assert shown(database)[town.gp_at_hospital][0] == (Weekly(2, 8 * 60, 9 * 60),)


def test_only_the_last_changes_are_remembered(database: Database) -> None:
    def act(session: Session) -> int | None:
        for _ in range(2 * directory_changes.MOST_CHANGES + 1):
            directory_changes.mark_changed(session, "centre", 1)
        changes = directory_changes.changes_since(session, directory_changes.version(session) - 1)
        return len(changes or ())

    assert database.run(act) == 1
    forgotten = database.read(lambda session: directory_changes.changes_since(session, 1))
    assert forgotten is None


def test_who_changes_the_directory_sees_that_and_others_do_not_before_it_is_committed(
    database: Database,
) -> None:
    town = build_town(database)
    was = shown(database)[town.gp_at_hospital][0]

    def act(session: Session) -> None:
        new_hours(session, town)
        assert place_of(session, town.gp_at_hospital).hours == (Weekly(2, 8 * 60, 9 * 60),)
        raise RuntimeError("undone")

    with pytest.raises(RuntimeError, match="undone"):
        database.run(act)
    assert shown(database)[town.gp_at_hospital][0] == was


@pytest.mark.parametrize("engine_name", ["postgresql", "mariadb"], indirect=True)
def test_a_schedule_that_ends_between_reading_and_claiming_is_not_booked(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = build_town(database)
    wanted = town.booking_request()
    ends = [lambda: database.run(lambda session: end(session, town))]
    read = usecases.commands.place_of

    def read_and_wait(session: Session, schedule_id: int, service_id: int | None) -> Any:
        place = read(session, schedule_id, service_id)
        if ends:
            ends.pop()()
        return place

    monkeypatch.setattr(usecases.commands, "place_of", read_and_wait)
    with pytest.raises(NotFound):
        database.run(lambda session: book(session, wanted))


def end(session: Session, town: Town) -> None:
    schedules.set_active(work(session), town.gp_at_hospital, active=False)


def book(session: Session, wanted: BookingRequest) -> object:
    return usecases.book(work(session, SYSTEM, factories.NOW), wanted)


def test_a_new_department_comes_with_its_services(database: Database) -> None:
    town = build_town(database)
    database.read(known.bookable)

    def act(session: Session) -> int:
        department = factories.department(session, town.hospital, "Cardiology")
        service = factories.service(session, department.id, "ECG")
        return factories.schedule(session, town.hospital, service_id=service.id).id

    new = database.run(act)
    assert new in database.read(known.bookable)
    database.run(
        lambda session: directory.set_active(
            work(session), session.get_one(Centre, town.hospital), active=False
        )
    )
    assert set(database.read(known.bookable)) == {town.gp_at_clinic}


def test_an_appointment_is_read_once_a_session_and_again_when_a_part_of_it_changed(
    sqlite_database: Database, clinic: Clinic, statements: Any
) -> None:
    key = clinics.book(sqlite_database, clinic).id

    def look(session: Session) -> list[int]:
        counts = []
        for _ in range(2):
            with statements(sqlite_database) as counted:
                first = booking.appointment(session, key)
                assert booking.appointment(session, key) is first
            counts.append(counted.count)
            assert first is not None
            session.expire(first, ["schedule"])
        assert booking.appointment(session, key).schedule.centre.name
        session.expunge(first)
        assert booking.appointment(session, key) is not first
        return counts

    assert sqlite_database.read(look) == [1, 1]
