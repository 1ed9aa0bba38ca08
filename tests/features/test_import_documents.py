"""The documents of the Medical Services Manager: what is read from them, and what is refused."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from factories import NOW
from importing import DOCUMENTS, MEDISOFT, QUICK, bring_in, counts, one, problems_of, write
from openslot.booking import check
from openslot.booking.models import Appointment
from openslot.core.db import Database
from openslot.department_requests.models import ServiceRequest
from openslot.directory.models import Centre, Department, Service, StaffMember
from openslot.feedback.models import Favourite
from openslot.identity.commands import sign_in, source_of
from openslot.identity.models import Account
from openslot.importers.outcome import Effect
from openslot.importers.problems import ImportRefused
from openslot.schedules import queries as schedules
from openslot.schedules.availability import Weekly

DUBLIN = {"zone": "Europe/Dublin"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


def werkzeug_hash(password: str, rounds: int = 1000) -> str:
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt", rounds).hex()
    return f"pbkdf2:sha256:{rounds}$salt${digest}"


def facility(**changes: Any) -> dict[str, Any]:
    return {"_id": {"$oid": "f1"}, "site_name": "Town", "site_info": "Naas, Kildare"} | changes


def department(**changes: Any) -> dict[str, Any]:
    return {
        "_id": {"$oid": "d1"},
        "dept_name": "Radiology",
        "dept_info": "Imaging",
        "img_url": "http://example.invalid/radiology.png",
        "main_contact": [{"phone": "01-29 209320", "email": "Radiology@hospital.example"}],
        "service": ["CT", "MRI"],
        "site": [{"location": "Town", "phone": "045-29 209000"}],
    } | changes


def user(**changes: Any) -> dict[str, Any]:
    return {
        "_id": {"$oid": "u1"},
        "username": "John",
        "password": werkzeug_hash("secret"),
        "dept_name": "Radiology",
        "likes": [],
        "created": {"$date": "2019-01-12T00:32:01.564Z"},
        "user_contact": [{"phone": "0123456", "email": "john@mail.example"}],
        "site_name": "Town",
    } | changes


def appointment(**changes: Any) -> dict[str, Any]:
    return {
        "_id": {"$oid": "a1"},
        "site_name": "Town",
        "dept_name": "Radiology",
        "service": "CT",
        "task_name": "John",
        "task_description": "Head CT",
        "date_time": "23-02-2019 20:30",
        "action": "",
        "created": {"$date": "2019-02-22T20:33:15.358Z"},
        "is_archived": None,
        "is_urgent": "on",
        "user_id": "u1",
        "user_name": "John",
    } | changes


def lines(*documents: object) -> str:
    return "".join(json.dumps(document) + "\n" for document in documents)


def town(folder: Path, *more: object) -> Path:
    return write(folder, {"town.json": lines(facility(), department(), user(), *more)})


def found(database: Database, kind: Any) -> list[Any]:
    return database.read(lambda session: list(session.scalars(select(kind))))


# The real documents


def test_the_real_documents_on_each_engine_are_imported_whole_and_only_once(
    database: Database,
) -> None:
    first = bring_in(database, DOCUMENTS, **DUBLIN)
    assert first.lines() == [
        "centres: 2 created, 0 changed, 0 unchanged",
        "departments: 5 created, 0 changed, 0 unchanged",
        "services: 27 created, 0 changed, 0 unchanged",
        "staff: 1 created, 0 changed, 0 unchanged",
        "favourites: 2 created, 0 changed, 0 unchanged",
        "appointments: 2 created, 0 changed, 0 unchanged",
        "total: 39 created, 0 changed, 0 unchanged",
    ]
    assert first.notices == []
    rows = counts(database)
    assert str(bring_in(database, DOCUMENTS, **DUBLIN)) == "0 created, 0 changed, 39 unchanged"
    assert counts(database) == rows
    assert check.faults(database) == []


def test_the_real_likes_and_appointments_become_favourites_and_accepted_requests(
    sqlite_database: Database,
) -> None:
    bring_in(sqlite_database, DOCUMENTS, **DUBLIN)
    names = {place.id: place.name for place in found(sqlite_database, Department)}
    liked = sorted(names[like.department_id] for like in found(sqlite_database, Favourite))
    assert liked == ["Physiotherapy", "Podiatry"]
    services = {kind.id: kind.name for kind in found(sqlite_database, Service)}
    requests = {
        services[asked.service_id]: asked for asked in found(sqlite_database, ServiceRequest)
    }
    assert set(requests) == {"CT", "Wound care management"}
    scan = requests["CT"]
    assert (names[scan.department_id], scan.priority, scan.status) == (
        "Peri-operative",
        "urgent",
        "accepted",
    )
    appointment = one(
        sqlite_database, lambda: select(Appointment).where(Appointment.id == scan.appointment_id)
    )
    assert (appointment.reason, appointment.starts_at) == ("Head CT after a fall", scan.starts_at)


def test_a_like_of_a_department_that_nobody_knows_is_left_out_and_told(
    sqlite_database: Database, folder: Path
) -> None:
    files = write(
        folder,
        {"town.json": lines(facility(), department(), user(likes=["d1", {"$oid": "gone"}, "d1"]))},
    )
    outcome = bring_in(sqlite_database, files)
    assert outcome.notices == ["1 favourites of users were left out: there is no such department."]
    assert len(found(sqlite_database, Favourite)) == 1


def test_a_booking_of_ones_own_department_asks_nobody(
    sqlite_database: Database, folder: Path
) -> None:
    bring_in(sqlite_database, town(folder, appointment()))
    assert found(sqlite_database, ServiceRequest) == []


def test_the_real_documents_become_centres_departments_and_bookable_services(
    sqlite_database: Database,
) -> None:
    bring_in(sqlite_database, DOCUMENTS, **DUBLIN)
    centres = {centre.name: centre for centre in found(sqlite_database, Centre)}
    naas = centres["Naas General Hospital"]
    assert (naas.type, naas.suburb, naas.phone, naas.time_zone) == (
        "Hospital",
        "Naas",
        "045-29 209000",
        "Europe/Dublin",
    )
    assert centres["St. Example's Hospital"].suburb == "Dublin 8"
    podiatry = next(one for one in found(sqlite_database, Department) if one.name == "Podiatry")
    assert (podiatry.centre_id, podiatry.phone, podiatry.email, podiatry.description) == (
        naas.id,
        "01-29 209300",
        "podiatry@hospital.example",
        "Foot and lower limb care",
    )
    places = sqlite_database.read(schedules.places)
    assert len(places) == len(found(sqlite_database, Service)) == 27
    weekdays = tuple(Weekly(day, 9 * 60, 17 * 60) for day in range(5))
    assert {(place.slot_minutes, place.hours) for place in places.values()} == {(30, weekdays)}


def test_the_real_appointments_are_written_at_the_wall_clock_of_their_centre(
    sqlite_database: Database,
) -> None:
    bring_in(sqlite_database, DOCUMENTS, **DUBLIN)
    wound, head = sorted(found(sqlite_database, Appointment), key=lambda one: one.starts_at)
    assert wound.starts_at == datetime(2019, 2, 23, 20, 30, tzinfo=UTC)
    assert wound.ends_at - wound.starts_at == timedelta(minutes=30)
    assert (wound.task, wound.reason, wound.priority, wound.status) == (
        "John",
        "Testing UTC date time",
        "routine",
        "fulfilled",
    )
    assert (head.reason, head.priority) == ("Head CT after a fall", "urgent")
    john = found(sqlite_database, Account)[0]
    assert {wound.created_by, head.created_by} == {john.id}
    assert wound.created_at == datetime(2019, 2, 22, 20, 33, 15, 358000, tzinfo=UTC)


def test_all_real_files_at_once(sqlite_database: Database) -> None:
    outcome = bring_in(sqlite_database, MEDISOFT, DOCUMENTS)
    assert outcome.total(Effect.CREATED) == 86
    assert str(bring_in(sqlite_database, MEDISOFT.parent / "departments", MEDISOFT)) == (
        "0 created, 0 changed, 86 unchanged"
    )


# Staff


def test_staff_sign_in_with_the_old_hash_which_is_then_upgraded(
    sqlite_database: Database, folder: Path
) -> None:
    bring_in(sqlite_database, town(folder))
    account = found(sqlite_database, Account)[0]
    assert (account.role, account.password, account.must_change_password) == (
        "staff",
        werkzeug_hash("secret"),
        False,
    )
    sign_in(
        sqlite_database,
        QUICK,
        "john@mail.example",
        "secret",
        source=source_of("x"),
        address="x",
        now=NOW,
    )
    assert found(sqlite_database, Account)[0].password.startswith("$argon2id$")
    assert str(bring_in(sqlite_database, folder)) == "0 created, 0 changed, 5 unchanged"
    assert found(sqlite_database, Account)[0].password.startswith("$argon2id$")


def test_staff_belong_to_their_department(sqlite_database: Database, folder: Path) -> None:
    bring_in(sqlite_database, town(folder))
    member, place = found(sqlite_database, StaffMember)[0], found(sqlite_database, Department)[0]
    assert (member.centre_id, member.department_id, member.phone) == (
        place.centre_id,
        place.id,
        "0123456",
    )


def test_staff_are_known_by_the_id_of_their_document(
    sqlite_database: Database, folder: Path
) -> None:
    bring_in(sqlite_database, town(folder))
    contact = [{"phone": "0123457", "email": "john@new.example"}]
    changed = user(username="Johnny", user_contact=contact, dept_name="")
    write(folder, {"town.json": lines(changed)})
    assert str(bring_in(sqlite_database, folder)) == "0 created, 1 changed, 0 unchanged"
    (account,) = found(sqlite_database, Account)
    assert (account.email, account.name) == ("john@new.example", "Johnny")
    (member,) = found(sqlite_database, StaffMember)
    assert (member.department_id, member.phone) == (None, "0123457")


# Departments


def test_a_department_may_stand_at_several_sites(sqlite_database: Database, folder: Path) -> None:
    sites = [{"location": "Town"}, {"location": "Hill"}]
    write(
        folder,
        {
            "f.json": lines(facility(), facility(_id={"$oid": "f2"}, site_name="Hill")),
            "d.json": lines(department(site=sites)),
        },
    )
    assert str(bring_in(sqlite_database, folder)) == "8 created, 0 changed, 0 unchanged"
    assert str(bring_in(sqlite_database, folder)) == "0 created, 0 changed, 8 unchanged"
    assert len({one.centre_id for one in found(sqlite_database, Department)}) == 2


def test_changed_documents_update_details_and_take_no_service_away(
    sqlite_database: Database, folder: Path
) -> None:
    bring_in(sqlite_database, town(folder))
    write(folder, {"town.json": lines(department(dept_info="New", service=["CT", "X-ray"]))})
    outcome = bring_in(sqlite_database, folder)
    assert outcome.lines()[:2] == [
        "departments: 0 created, 1 changed, 0 unchanged",
        "services: 1 created, 0 changed, 1 unchanged",
    ]
    assert {one.name for one in found(sqlite_database, Service)} == {"CT", "MRI", "X-ray"}


def test_a_facility_that_came_as_a_centre_is_adopted(
    sqlite_database: Database, folder: Path
) -> None:
    write(folder, {"c.csv": "centre_type,abn,name,phone,suburb\nPharmacy,9,Town,,Sallins\n"})
    bring_in(sqlite_database, folder)
    (folder / "c.csv").unlink()
    bring_in(sqlite_database, town(folder))
    (centre,) = found(sqlite_database, Centre)
    assert (centre.external_id, centre.business_number, centre.suburb) == ("f1", "9", "Naas")


# Appointments


@pytest.mark.parametrize(
    ("date_time", "instant", "status"),
    [
        ("23-02-2019 20:30", datetime(2019, 2, 23, 20, 30, tzinfo=UTC), "fulfilled"),
        ("23-07-2019 20:30", datetime(2019, 7, 23, 19, 30, tzinfo=UTC), "fulfilled"),
        ("27-10-2019 01:30", datetime(2019, 10, 27, 0, 30, tzinfo=UTC), "fulfilled"),
        ("01-12-2026 09:00", datetime(2026, 12, 1, 9, 0, tzinfo=UTC), "booked"),
    ],
    ids=["winter", "summer", "shown-twice-means-the-first", "to-come"],
)
def test_when_an_appointment_is(
    sqlite_database: Database, folder: Path, date_time: str, instant: datetime, status: str
) -> None:
    bring_in(sqlite_database, town(folder, appointment(date_time=date_time)), **DUBLIN)
    (written,) = found(sqlite_database, Appointment)
    assert (written.starts_at, written.status) == (instant, status)
    assert check.faults(sqlite_database) == []


def test_appointments_that_are_here_belong_to_this_system(
    sqlite_database: Database, folder: Path
) -> None:
    bring_in(sqlite_database, town(folder, appointment()))
    moved = appointment(date_time="24-02-2019 20:30", task_description="Other")
    outcome = bring_in(sqlite_database, town(folder, moved))
    assert outcome.total(Effect.CHANGED) == 0
    assert found(sqlite_database, Appointment)[0].reason == "Head CT"


def test_two_appointments_of_a_service_at_one_time_are_refused_on_each_engine(
    database: Database, folder: Path
) -> None:
    town(
        folder,
        appointment(),
        appointment(_id={"$oid": "a2"}, date_time="23-02-2019 20:45"),
        appointment(_id={"$oid": "a3"}, date_time="23-02-2019 20:45", service="MRI"),
        appointment(_id={"$oid": "a4"}, date_time="23-02-2019 20:00"),
        appointment(_id={"$oid": "a5"}, date_time="23-02-2019 20:50"),
    )
    sentence = "The service has another appointment at this time."
    assert problems_of(database, folder) == [
        f"town.json, lines 5 and 8, column date_time: {sentence}",
    ]


def test_a_time_that_clocks_never_showed_is_refused(
    sqlite_database: Database, folder: Path
) -> None:
    town(folder, appointment(date_time="31-03-2019 01:30"))
    assert problems_of(sqlite_database, folder, **DUBLIN) == [
        "town.json, line 4, column date_time: This time does not exist: the clocks go "
        "forward on this day."
    ]


# What is refused

NO_ID = 'Enter an id such as {"$oid": "5bc720000000000000000001"}.'
NO_HASH = "Enter a password hash such as pbkdf2:sha256:50000$salt$hash."
BAD_DOCUMENTS = [
    ("an id is needed", facility(_id=None), "_id", NO_ID),
    ("an id is text", facility(_id={"$oid": 7}), "_id", NO_ID),
    ("a site has a name", facility(site_name=" "), "site_name", "Fill in this field."),
    (
        "a site's town has a longest length",
        facility(site_info="n" * 101),
        "site_info",
        "Shorten this to 100 characters.",
    ),
    (
        "names have no NUL",
        facility(site_name="A\0B"),
        "site_name",
        "Remove characters that cannot be seen, such as tabs.",
    ),
    ("a department has a site", department(site=[]), "site", "Enter at least one."),
    (
        "a department's site is known",
        department(site=[{"location": "Moon"}]),
        "site.0.location",
        "There is no site Moon. Add it to the file of facilities.",
    ),
    (
        "a phone is one",
        department(main_contact=[{"phone": "call"}]),
        "main_contact.0.phone",
        "Enter a telephone number such as 02 9382 1111.",
    ),
    (
        "an e-mail is one",
        department(main_contact=[{"email": "me"}]),
        "main_contact.0.email",
        "Enter an email address such as name@example.com.",
    ),
    (
        "a picture has an address",
        department(img_url="radiology.png"),
        "img_url",
        "Enter an address that begins with https://.",
    ),
    ("services have names", department(service=["CT", ""]), "service.1", "Fill in this field."),
    (
        "names have a longest length",
        department(service=["s" * 201]),
        "service.0",
        "Shorten this to 200 characters.",
    ),
    ("services are a list", department(service=7), "service", "Enter a list, in square brackets."),
    ("a user has a contact", user(user_contact=[]), "user_contact", "Enter at least one."),
    (
        "a user has an e-mail",
        user(user_contact=[{"phone": "0123456"}]),
        "user_contact.0.email",
        "Fill in this field.",
    ),
    ("a password is a hash", user(password="secret"), "password", NO_HASH),
    ("a hash is of a known kind", user(password="pbkdf2:sha999:1$s$00"), "password", NO_HASH),
    (
        "a hash is not endless work",
        user(password="pbkdf2:sha256:999999999$s$00"),
        "password",
        NO_HASH,
    ),
    (
        "a user's site is known",
        user(site_name="Moon"),
        "site_name",
        "There is no site Moon. Add it to the file of facilities.",
    ),
    (
        "a user's department is known",
        user(dept_name="Magic"),
        "dept_name",
        "Town has no department Magic. Add it to the file of departments.",
    ),
    (
        "an appointment's site is known",
        appointment(site_name="Moon"),
        "site_name",
        "There is no site Moon. Add it to the file of facilities.",
    ),
    (
        "an appointment's department is known",
        appointment(dept_name="Magic"),
        "dept_name",
        "Town has no department Magic. Add it to the file of departments.",
    ),
    (
        "an appointment's service is known",
        appointment(service="Spell"),
        "service",
        "Radiology has no service Spell.",
    ),
    (
        "a date is one",
        appointment(date_time="30-02-2019 20:30"),
        "date_time",
        "Enter a date and time such as 23-02-2019 20:30.",
    ),
    (
        "a date is not in another order",
        appointment(date_time="2019-02-23 20:30"),
        "date_time",
        "Enter a date and time such as 23-02-2019 20:30.",
    ),
    (
        "a date is of our time",
        appointment(date_time="23-02-0001 20:30"),
        "date_time",
        "Enter a date between 1970 and 2200.",
    ),
    (
        "a start is a whole tick",
        appointment(date_time="23-02-2019 20:31"),
        "date_time",
        "Enter a time in steps of 5 minutes.",
    ),
    (
        "a creation date is one",
        appointment(created={"$date": "soon"}),
        "created",
        'Enter a date such as {"$date": "2019-02-22T20:33:15Z"}.',
    ),
    ("urgency is a check box", appointment(is_urgent="very"), "is_urgent", 'Enter "on" or null.'),
]


@pytest.mark.parametrize(
    ("document", "field", "sentence"),
    [case[1:] for case in BAD_DOCUMENTS],
    ids=[case[0].replace(" ", "-") for case in BAD_DOCUMENTS],
)
def test_bad_document(
    sqlite_database: Database, folder: Path, document: object, field: str, sentence: str
) -> None:
    bring_in(sqlite_database, town(folder))
    (folder / "town.json").unlink()
    write(folder, {"bad.json": "\n" + lines(document)})
    assert problems_of(sqlite_database, folder) == [f"bad.json, line 2, column {field}: {sentence}"]


NO_JSON = "This is not a JSON document. Export the collection again with mongoexport."


@pytest.mark.parametrize(
    ("rule", "content", "problem"),
    [
        ("JSON must be whole", b'{"site_name": "Town"', f"line 1, column 21: {NO_JSON}"),
        ("numbers have an end", b'{"a": ' + b"9" * 5000 + b"}", f"line 1: {NO_JSON}"),
        ("JSON has no NaN", b'{"site_name": NaN}', f"line 1: {NO_JSON}"),
        ("documents are not nested without end", b"[" * 100_000, f"line 1: {NO_JSON}"),
        (
            "documents are in braces",
            b'["Town"]',
            "line 1: This is not a document: those are in braces.",
        ),
        (
            "a list has an end",
            b"[\n",
            ": This list has no end. Export the collection again with mongoexport.",
        ),
        (
            "a document must be known",
            b'{"a": 1}',
            "line 1: This document can't be imported: it has none of the fields date_time, "
            "task_name, username, site_info, dept_name.",
        ),
        (
            "text must be UTF-8",
            b'{"site_name": "\xff"}',
            "line 1: This is not UTF-8 text. Save the file as UTF-8 and import it again.",
        ),
    ],
)
def test_bad_json(
    sqlite_database: Database, folder: Path, rule: str, content: bytes, problem: str
) -> None:
    write(folder, {"bad.json": content})
    assert problems_of(sqlite_database, folder) == [
        f"bad.json{problem}" if problem.startswith(":") else f"bad.json, {problem}"
    ], rule


def test_documents_that_contradict_each_other_are_refused(
    sqlite_database: Database, folder: Path
) -> None:
    town(
        folder,
        facility(site_info="Sallins"),
        department(_id={"$oid": "d2"}),
        user(_id={"$oid": "u2"}),
        appointment(),
        appointment(service="MRI"),
    )
    assert problems_of(sqlite_database, folder) == [
        "town.json, line 4, column _id: This contradicts town.json, line 1. Keep one of them.",
        "town.json, line 5, column dept_name: town.json, line 2 already has this department of the "
        "site.",
        "town.json, line 6, column user_contact: This contradicts town.json, line 3. Keep one "
        "of them.",
        "town.json, line 8, column _id: This contradicts town.json, line 7. Keep one of them.",
    ]


def test_one_bad_document_keeps_everything_out_on_each_engine(
    database: Database, folder: Path
) -> None:
    for file in DOCUMENTS.iterdir():
        write(folder, {file.name: file.read_bytes()})
    with (folder / "appointment.json").open("a") as documents:
        documents.write(lines(appointment()))
    assert len(problems_of(database, folder)) == 1


# Whatever the files hold

REAL = [file.read_bytes() for file in (*MEDISOFT.iterdir(), *DOCUMENTS.iterdir())]
BITS = st.sampled_from(
    [
        b"",
        b"\0",
        b"\xff",
        b'"',
        b",",
        b"\n",
        b"\r",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b"\\ud800",
        b"1e999",
        b"null",
        b"true",
        b"-",
        b"9" * 30,
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
        b"=1+1",
        b"\xe2\x80\xa8",
        b"a" * 300,
        b'{"$oid": {}}',
        b'{"$date": -1e300}',
        b"99:99",
        b"http://[",
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A real file with a few pieces replaced."""
    data = draw(st.sampled_from(REAL))
    for _ in range(draw(st.integers(1, 4))):
        at, gone = draw(st.integers(0, len(data))), draw(st.integers(0, 40))
        data = data[:at] + draw(BITS | st.binary(max_size=8)) + data[at + gone :]
    return data


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(
    contents=st.lists(st.binary(max_size=300) | mutated(), min_size=1, max_size=3),
    suffix=st.sampled_from([".csv", ".json"]),
)
def test_no_file_makes_the_import_stumble_or_write(
    sqlite_database: Database, folder: Path, contents: list[bytes], suffix: str
) -> None:
    """Any bytes are imported or refused with problems, and a rehearsal never writes."""
    write(folder, {f"{number}{suffix}": data for number, data in enumerate(contents)})
    before = counts(sqlite_database)
    report = "imported"
    try:
        bring_in(sqlite_database, folder, rehearse=True)
    except ImportRefused as refused:
        report = "\n".join(refused.report()) if refused.problems else ""
    assert report.encode().replace(b"\n", b"").decode().isprintable()
    assert report
    assert counts(sqlite_database) == before
    for file in folder.iterdir():
        file.unlink()
