"""Services in files, and the practitioners who offer them."""

from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from importing import MEDISOFT, bring_in, problems_of, write
from openslot.core.audit import AuditEvent
from openslot.core.db import Database
from openslot.directory.models import BookableBy, Mode, Practitioner, Service
from openslot.schedules import queries as schedules

EXAMPLES = Path(__file__).parents[2] / "examples"
SERVICES, OFFERS = EXAMPLES / "services.csv", EXAMPLES / "provider_service.csv"
UNCHANGED = "0 created, 0 changed, {} unchanged"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


def offered_by(database: Database, email: str) -> dict[str, list[tuple[str, int]]]:
    """What a practitioner offers, with its length there, by centre."""

    def read(session: Session) -> dict[str, list[tuple[str, int]]]:
        person = session.scalars(select(Practitioner).where(Practitioner.email == email)).one()
        places = schedules.practitioner_places(session, person.id)
        names = {one.id: one.centre.name for one in schedules.subjects(session)}
        return {
            names[key]: [(one.name, one.minutes) for one in place.services]
            for key, place in places.items()
        }

    return database.read(read)


def service(database: Database, name: str) -> Service:
    return database.read(
        lambda session: session.scalars(select(Service).where(Service.name == name)).one()
    )


def test_the_examples_are_imported_with_their_practitioners(sqlite_database: Database) -> None:
    outcome = bring_in(sqlite_database, MEDISOFT, SERVICES, OFFERS)
    assert "services: 4 created, 0 changed, 0 unchanged" in outcome.lines()
    consultations = [("Standard consultation", 15), ("Long consultation", 40)]
    assert offered_by(sqlite_database, "samuel@gmail.com") == {
        "Prince of Wales Hospital": [*consultations, ("Minor surgery", 45)]
    }
    everywhere = [("Standard consultation", 20), ("Telephone consultation", 10)]
    assert offered_by(sqlite_database, "gary@gmail.com") == {
        "Sydney Children Hospital": everywhere,
        "USYD Health Service": everywhere,
    }
    surgery = service(sqlite_database, "Minor surgery")
    assert (surgery.bookable_by, surgery.minutes_before) == (BookableBy.COLLEAGUES, 15)
    assert service(sqlite_database, "Telephone consultation").mode is Mode.TELEPHONE


def test_the_same_files_again_change_nothing(sqlite_database: Database) -> None:
    bring_in(sqlite_database, MEDISOFT, SERVICES, OFFERS)

    def events(session: Session) -> int:
        return len(session.scalars(select(AuditEvent.id)).all())

    before = sqlite_database.read(events)
    again = bring_in(sqlite_database, SERVICES, OFFERS).lines()
    assert f"services: {UNCHANGED.format(4)}" in again
    assert all("0 created, 0 changed" in line for line in again)
    assert sqlite_database.read(events) == before


def test_what_is_in_no_file_stays(sqlite_database: Database, folder: Path) -> None:
    bring_in(sqlite_database, MEDISOFT, SERVICES, OFFERS)
    files = write(
        folder,
        {
            "s.csv": "Service;Length;Fee;Capacity;cancel_hours;most_a_day;most_ahead\n"
            "Long consultation;35 min;$90;8;48;1;5\n",
            "o.csv": "Practitioner Email,Service,Duration\ngary@gmail.com,Long consultation,\n",
        },
    )
    outcome = bring_in(sqlite_database, files)
    assert "services: 0 created, 1 changed, 0 unchanged" in outcome.lines()
    changed = service(sqlite_database, "Long consultation")
    assert (changed.minutes, changed.price, changed.category) == (35, "$90", "Consultations")
    limits = (changed.cancel_hours, changed.most_a_day, changed.most_ahead)
    assert (changed.places, *limits) == (8, 48, 1, 5)
    (gary, *_) = offered_by(sqlite_database, "gary@gmail.com").values()
    assert gary == [
        ("Standard consultation", 20),
        ("Telephone consultation", 10),
        ("Long consultation", 35),
    ]


def test_problems_name_row_and_column(sqlite_database: Database, folder: Path) -> None:
    files = write(
        folder,
        {
            "services.csv": "service_name,health_centre_name,minutes,mode,minutes_before\n"
            "Scan,Moon Base,30,,\n"
            "Class,,50 people,,\n"
            "Talk,,7,,\n"
            "Test,,30,carrier pigeon,\n"
            "Visit,,30,,\n"
            "Visit,,45,,\n",
            "offers.csv": "provider_email,service_name,health_centre_name\n"
            "nobody@example.com,Visit,\n"
            "gary@gmail.com,Dance,\n"
            "gary@gmail.com,Talk,\n"
            "gary@gmail.com,Visit,Moon Base\n",
        },
    )
    found = problems_of(sqlite_database, MEDISOFT, files)
    place = "There is no centre Moon Base. Add it to the file of centres."
    assert found == [
        "offers.csv, line 2, column provider_email: There is no provider nobody@example.com. "
        "Add one to the file of providers.",
        "offers.csv, line 3, column service_name: There is no service Dance. Add it to the file "
        "of services.",
        f"offers.csv, line 5, column health_centre_name: {place}",
        f"services.csv, line 2, column health_centre_name: {place}",
        "services.csv, line 3, column minutes: Enter a whole number, for example 30.",
        "services.csv, line 4, column minutes: Enter a length from 5 to 480 minutes, in steps of "
        "5.",
        "services.csv, line 5, column mode: Enter one of in-person, telephone, video.",
        "services.csv, line 7, column service_name: This contradicts services.csv, line 6. Keep "
        "one of them.",
    ]


def test_what_cannot_be_offered_there_is_a_problem(sqlite_database: Database, folder: Path) -> None:
    files = write(
        folder,
        {
            "services.csv": "service_name,health_centre_name,minutes,minutes_before\n"
            "Scan,Sydney Children Hospital,30,7\n",
        },
    )
    assert problems_of(sqlite_database, MEDISOFT, files) == [
        "services.csv, line 2: Enter preparation and clean-up up to 120 minutes, in steps of 5."
    ]
    write(
        folder,
        {
            "services.csv": "service_name,health_centre_name,minutes\n"
            "Scan,Sydney Children Hospital,30\n",
            "offers.csv": "provider_email,service_name,health_centre_name\n"
            "samuel@gmail.com,Scan,\n"
            "samuel@gmail.com,Scan,Sydney Children Hospital\n",
        },
    )
    assert problems_of(sqlite_database, MEDISOFT, files) == [
        "offers.csv, line 2, column service_name: There is no service Scan there. Add it to the "
        "file of services.",
        "offers.csv, line 3, column health_centre_name: They do not work there. Add a line to the "
        "file of practitioners at centres.",
    ]
