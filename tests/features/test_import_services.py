"""Services in files, the practitioners who offer them, and what they need."""

from pathlib import Path

import pytest
from sqlalchemy import delete, event, select
from sqlalchemy.orm import Session

from importing import EXAMPLES, MEDISOFT, bring_in, found_demo, problems_of, write
from openslot.core.actor import SYSTEM
from openslot.core.audit import AuditEvent
from openslot.core.db import Database
from openslot.directory.models import BookableBy, Mode, Practitioner, Room, Service
from openslot.importers import catalogue
from openslot.importers.outcome import Effect
from openslot.resources import queries as resources
from openslot.resources.commands import RoomDetails, create_room
from openslot.resources.models import GroupMember, ResourceGroup, ServiceNeed
from openslot.schedules import queries as schedules
from openslot.schedules.models import OfferedService
from working import work

SERVICES, OFFERS = EXAMPLES / "services.csv", EXAMPLES / "provider_service.csv"
NEEDS = EXAMPLES / "resources.csv", EXAMPLES / "service_needs.csv"
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


def needs_of(database: Database, name: str) -> list[str]:
    """The names of what a service needs, in order."""

    def read(session: Session) -> list[str]:
        service_id = session.scalars(select(Service.id).where(Service.name == name)).one()
        return [need.name for need in resources.needs_shown(session, [service_id])[service_id]]

    return database.read(read)


def test_what_services_need_is_imported_and_added_to(
    sqlite_database: Database, folder: Path
) -> None:
    outcome = bring_in(sqlite_database, MEDISOFT, SERVICES, OFFERS, *NEEDS)
    created = "{} created, 0 changed, 0 unchanged"
    assert {
        f"rooms and machines: {created.format(3)}",
        f"groups: {created.format(1)}",
        f"services with needs: {created.format(1)}",
    } <= {*outcome.lines()}
    assert needs_of(sqlite_database, "Minor surgery") == [
        "Procedure rooms",
        "Electrosurgery unit",
        "GP",
    ]
    again = bring_in(sqlite_database, *NEEDS)
    assert str(again) == UNCHANGED.format(5)
    files = write(
        folder,
        {
            "rooms.csv": "Room;Centre;Type;Group\n"
            "Laser;prince of wales hospital;machine;Lasers\n"
            "procedure ROOM 1;Prince of Wales Hospital;;Lasers\n",
            "needs.csv": "Service,Centre,needs_group,needs_profession,Quantity\n"
            "Minor surgery,Prince of Wales Hospital,procedure rooms,,2\n"
            "Long consultation,,LASERS,,\n"
            "Long consultation,,,Physio,\n",
        },
    )
    outcome = bring_in(sqlite_database, files)
    assert "services with needs: 1 created, 1 changed, 0 unchanged" in outcome.lines()
    assert needs_of(sqlite_database, "Minor surgery") == [
        "Procedure rooms",
        "Procedure rooms",
        "Electrosurgery unit",
        "GP",
    ]
    assert needs_of(sqlite_database, "Long consultation") == ["Lasers", "Physiotherapist"]
    assert str(bring_in(sqlite_database, files)) == UNCHANGED.format(5)


def test_needs_that_nothing_serves_name_row_and_column(
    sqlite_database: Database, folder: Path
) -> None:
    at = "Prince of Wales Hospital"
    files = write(
        folder,
        {
            "needs.csv": "service_name,health_centre_name,department_name,needs_resource,"
            "needs_group,needs_profession,needs_number\n"
            f"Minor surgery,{at},,,Procedure roms,,\n"
            f"Minor surgery,{at},,Robot,,,\n"
            f"Minor surgery,{at},,,Procedure rooms,GP,\n"
            f"Minor surgery,{at},,,,Wizard,\n"
            f"Minor surgery,{at},,,Procedure rooms,,7\n"
            f"Minor surgry,{at},,,Procedure rooms,,\n"
            f"Minor surgery,{at},Surgery,,Procedure rooms,,\n"
            "Long consultation,,,Electrosurgery unit,,,\n"
            "Long consultation,,Surgery,,,GP,\n"
            "Long consultation,,,,Beds,,\n",
            "rooms.csv": "resource_name,health_centre_name,resource_kind,resource_group\n"
            "Laser,Prince of Wales Hospitals,machine,\n"
            f"Procedure room 1,{at},machine,Lasers\n",
        },
    )
    found = problems_of(sqlite_database, MEDISOFT, SERVICES, *NEEDS, files)
    professions = next(problem for problem in found if "Enter one of" in problem)
    assert professions.startswith("needs.csv, line 5, column needs_profession: Enter one of GP, ")
    add = "Add it to the file of rooms and machines."
    assert [problem for problem in found if problem != professions] == [
        f"needs.csv, line 2, column needs_group: There is no group Procedure roms at {at}. Did you "
        "mean Procedure rooms? If not, add it to the file of rooms and machines.",
        f"needs.csv, line 3, column needs_resource: There is no room or machine Robot at {at}. "
        f"{add}",
        "needs.csv, line 4, column needs_group: Choose one of: a room or machine, a group, or a "
        "profession.",
        "needs.csv, line 6, column needs_number: Enter a number from 1 to 6.",
        f"needs.csv, line 7, column service_name: There is no service Minor surgry at {at}. Did "
        "you mean Minor surgery? If not, add it to the file of services.",
        f"needs.csv, line 8, column service_name: There is no service Minor surgery at Surgery, "
        f"{at}. Add it to the file of services.",
        "needs.csv, line 9, column needs_resource: A service of the whole network can need a group "
        "that centres have under one name, or a profession. Rooms and machines belong to one "
        "centre.",
        "needs.csv, line 10, column health_centre_name: Enter the centre of the department.",
        f"needs.csv, line 11, column needs_group: There is no group Beds. {add}",
        "rooms.csv, line 2, column health_centre_name: There is no centre Prince of Wales "
        f"Hospitals. Did you mean {at}? If not, add it to the file of centres.",
        "rooms.csv, line 3, column resource_kind: This contradicts resources.csv, line 2. Keep one "
        "of them.",
    ]


def test_what_is_exported_is_imported_without_a_change(
    sqlite_database: Database, folder: Path
) -> None:
    found_demo(sqlite_database)
    files = write(folder, sqlite_database.read(catalogue.files))
    outcome = bring_in(sqlite_database, files)
    assert (outcome.total(Effect.CREATED), outcome.total(Effect.CHANGED)) == (0, 0)
    kinds = ("services", "services of schedules", "rooms and machines", "services with needs")
    assert all(outcome.counts[kind][Effect.UNCHANGED] for kind in kinds)
    assert not outcome.notices


def test_what_was_lost_comes_back_from_the_export(sqlite_database: Database, folder: Path) -> None:
    twice = {"two.csv": "Service,Centre,needs_group,Quantity\n"}
    twice["two.csv"] += "Minor surgery,Prince of Wales Hospital,procedure rooms,2\n"
    bring_in(sqlite_database, MEDISOFT, SERVICES, OFFERS, *NEEDS)
    bring_in(sqlite_database, write(folder, twice))
    exported = sqlite_database.read(catalogue.files)
    needed = needs_of(sqlite_database, "Minor surgery")
    assert needed.count("Procedure rooms") == 2

    def lose(session: Session) -> None:
        for table in (ServiceNeed, GroupMember, ResourceGroup, OfferedService):
            session.execute(delete(table))

    sqlite_database.run(lose)
    assert sqlite_database.read(catalogue.files) != exported
    bring_in(sqlite_database, write(folder.with_name("exported"), exported))
    assert needs_of(sqlite_database, "Minor surgery") == needed
    assert sqlite_database.read(catalogue.files) == exported


def test_what_looks_like_a_formula_comes_back_as_it_was(
    sqlite_database: Database, folder: Path
) -> None:
    heading = "service_name,health_centre_name,minutes,instructions\n"
    like_a_formula = f"{heading}=Scan,,30,- Bring your referral\n"
    bring_in(sqlite_database, write(folder, {"services.csv": like_a_formula}))
    again = bring_in(sqlite_database, write(folder, sqlite_database.read(catalogue.files)))
    assert (again.total(Effect.CREATED), again.total(Effect.CHANGED)) == (0, 0)
    assert service(sqlite_database, "=Scan").instructions == "- Bring your referral"


def test_a_room_is_added_without_loading_the_others(
    sqlite_database: Database, folder: Path
) -> None:
    """Or a file of ten thousand takes as long as their square."""
    bring_in(sqlite_database, MEDISOFT, NEEDS[0])

    loaded: list[Room] = []

    def note(room: Room, _: object) -> None:
        loaded.append(room)

    def add(session: Session) -> None:
        centre_id = session.scalars(select(Room.centre_id)).first() or 0
        create_room(work(session, SYSTEM), centre_id, RoomDetails(name="New"))

    event.listen(Room, "load", note)
    sqlite_database.run(add)
    event.remove(Room, "load", note)
    assert not loaded
