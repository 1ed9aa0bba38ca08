"""Doctors of the doctor-schedule service, as the database is asked for them."""

from collections.abc import Iterator

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from factories import NOW
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.core.errors import NotFound
from openslot.schedules.availability import Weekly
from openslot.schedules.models import Schedule
from openslot.usecases import doctors
from openslot.usecases.doctors import Doctor, DoctorDetails
from working import work

HOURS = (Weekly(0, 9 * 60, 17 * 60),)


@pytest.fixture
def known(sqlite_database: Database) -> list[Doctor]:
    """Three doctors, by id."""

    def act(session: Session) -> list[Doctor]:
        return [
            doctors.open_doctor(
                work(session, SYSTEM, NOW),
                DoctorDetails(name=name, locations=("12 High St",), hours=HOURS),
                zone="Australia/Sydney",
            )
            for name in ("Ann Lee", "Bo Lin", "Cy Low")
        ]

    return sqlite_database.run(act)


@pytest.fixture
def loaded() -> Iterator[list[Schedule]]:
    """The schedules that are read from the database meanwhile."""
    found: list[Schedule] = []

    def note(schedule: Schedule, _context: object) -> None:
        found.append(schedule)

    event.listen(Schedule, "load", note)
    yield found
    event.remove(Schedule, "load", note)


def test_one_is_found_without_reading_the_others(
    sqlite_database: Database, known: list[Doctor], loaded: list[Schedule]
) -> None:
    first = known[0].practitioner.id
    found = sqlite_database.read(lambda session: doctors.doctor(session, first))
    assert found.practitioner.name == "Ann Lee"
    assert [one.practitioner_id for one in loaded] == [first]


def test_for_an_id_that_nobody_has_nobody_else_is_shown(
    sqlite_database: Database, known: list[Doctor]
) -> None:
    for nobody in (known[0].practitioner.id - 1, known[2].practitioner.id + 1):
        with pytest.raises(NotFound):
            sqlite_database.read(lambda session, one=nobody: doctors.doctor(session, one))
