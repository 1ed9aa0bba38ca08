"""The four CSV files of MediSoft: what is read from them, and what is refused."""

from codecs import BOM_UTF8
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import professions
from importing import MEDISOFT, bring_in, counts, problems_of, write
from openslot.core.db import Database
from openslot.directory.models import Centre, Patient, Practitioner
from openslot.identity.models import Account
from openslot.identity.passwords import is_right
from openslot.importers.outcome import Effect
from openslot.importers.problems import ImportRefused, Problem, Source
from openslot.importers.tables import name_from_email
from openslot.schedules import queries as schedules
from openslot.schedules.availability import Weekly
from openslot.schedules.models import Schedule

PATIENTS = "patient_email,password\n"
PROVIDERS = "provider_email,password,provider_type\n"
CENTRES = "centre_type,abn,name,phone,suburb\n"
LINKS = "provider_email,health_centre_name\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


def account(database: Database, email: str) -> Account:
    return database.read(
        lambda session: session.scalars(select(Account).where(Account.email == email)).one()
    )


def patient(database: Database, email: str = "ann@example.com") -> Patient:
    return database.read(
        lambda session: session.scalars(select(Patient).where(Patient.email == email)).one()
    )


def practitioner(database: Database, email: str = "gil@example.com") -> Practitioner:
    return database.read(
        lambda session: session.scalars(
            select(Practitioner).where(Practitioner.email == email)
        ).one()
    )


def hours(database: Database, email: str = "gil@example.com") -> list[tuple[Weekly, ...]]:
    person = practitioner(database, email)
    return database.read(
        lambda session: [
            place.hours for place in schedules.practitioner_places(session, person.id).values()
        ]
    )


# The real files


def test_the_real_files_on_each_engine_are_imported_whole_and_only_once(database: Database) -> None:
    first = bring_in(database, MEDISOFT)
    assert first.lines() == [
        "centres: 6 created, 0 changed, 0 unchanged",
        "practitioners: 15 created, 0 changed, 0 unchanged",
        "schedules: 22 created, 0 changed, 0 unchanged",
        "patients: 4 created, 0 changed, 0 unchanged",
        "total: 47 created, 0 changed, 0 unchanged",
    ]
    assert first.notices == []
    rows = counts(database)
    assert str(bring_in(database, MEDISOFT)) == "0 created, 0 changed, 47 unchanged"
    assert counts(database) == rows


def test_the_real_files_say_who_works_when_and_where(sqlite_database: Database) -> None:
    bring_in(sqlite_database, MEDISOFT)
    michael = practitioner(sqlite_database, "michael@gmail.com")
    assert (michael.name, michael.phone, michael.provider_number) == (
        "Michael Jordan",
        "0466901134",
        "1982431245",
    )
    assert michael.either_place
    every_day = tuple(Weekly(day, 8 * 60 + 30, 16 * 60 + 30) for day in range(7))
    assert hours(sqlite_database, "michael@gmail.com") == [every_day]
    assert len(hours(sqlite_database, "ric@gmail.com")) == 3
    assert practitioner(sqlite_database, "ben@gmail.com").expertise == "Physiotherapy"
    unsw = sqlite_database.read(
        lambda session: session.scalars(
            select(Centre).where(Centre.business_number == "1112")
        ).one()
    )
    assert (unsw.type, unsw.suburb, unsw.time_zone, unsw.holiday_region) == (
        "Medical centre",
        "Kensington",
        "Australia/Sydney",
        None,
    )


def test_people_sign_in_with_the_password_of_the_file_and_are_asked_to_change_it(
    sqlite_database: Database,
) -> None:
    bring_in(sqlite_database, MEDISOFT)
    jack = account(sqlite_database, "jack@gmail.com")
    assert jack.password.startswith("$argon2id$")
    assert is_right(jack.password, "cs1531")
    assert jack.must_change_password
    assert jack.confirmed_at is not None
    toby = account(sqlite_database, "toby@gmail.com")
    assert toby.role == "practitioner"
    assert toby.password != jack.password


def test_a_folder_may_hold_other_files_and_further_folders(
    sqlite_database: Database, folder: Path
) -> None:
    write(folder, {"readme.txt": "not for import"})
    write(folder / "deeper", {"people.CSV": PATIENTS + "ann@example.com,secret\n"})
    assert bring_in(sqlite_database, folder).total(Effect.CREATED) == 1


# What is understood


def test_the_smallest_files_are_enough(sqlite_database: Database, folder: Path) -> None:
    write(
        folder,
        {
            "patient.csv": PATIENTS + "jo.van-doe9@example.com,secret\n",
            "provider.csv": PROVIDERS + "gil@example.com,secret,GP\n",
            "health_centres.csv": CENTRES + "Hospital,1,City Hospital,93821111,Randwick\n",
            "provider_health_centre.csv": LINKS + "gil@example.com,City Hospital\n",
        },
    )
    assert str(bring_in(sqlite_database, folder)) == "4 created, 0 changed, 0 unchanged"
    assert patient(sqlite_database, "jo.van-doe9@example.com").name == "Jo Van Doe"
    assert practitioner(sqlite_database).name == "Gil"
    weekdays = tuple(Weekly(day, 9 * 60, 17 * 60) for day in range(5))
    assert hours(sqlite_database) == [weekdays]


@pytest.mark.parametrize(
    ("email", "name"),
    [
        ("ann@example.com", "Ann"),
        ("jo.van-doe9@example.com", "Jo Van Doe"),
        ("renée_o@example.com", "Renée O"),
        ("007@example.com", "007"),
    ],
)
def test_a_name_is_made_of_the_email(email: str, name: str) -> None:
    assert name_from_email(email) == name


@pytest.mark.parametrize(
    ("rule", "content"),
    [
        ("a byte-order mark is no text", BOM_UTF8 + b"patient_email,password\nann@example.com,x"),
        ("lines may end with CR LF", b"patient_email,password\r\nann@example.com,x\r\n"),
        ("lines may end with CR", b"patient_email,password\rann@example.com,x\r"),
        ("the last line needs no end", b"patient_email,password\nann@example.com,x"),
        ("columns may stand in any order", b"password,patient_email\nx,ann@example.com\n"),
        ("fields are trimmed", b" patient_email , password \n  ann@example.com ,  x \n"),
        ("case of column names does not matter", b"Patient_Email,PASSWORD\nann@example.com,x\n"),
        ("case of e-mails does not matter", b"patient_email,password\nANN@Example.COM,x\n"),
        ("blank lines are passed over", b"\n\npatient_email,password\n\n,\nann@example.com,x\n\n"),
        ("short rows lack the last columns", b"patient_email,password,phone\nann@example.com,x\n"),
        ("rows may be longer by empty cells", b"patient_email,password\nann@example.com,x,, ,\n"),
        ("fields may be quoted", b'"patient_email","password"\n"ann@example.com","x"\n'),
        ("rows may be repeated", b"patient_email,password\nann@example.com,x\nann@example.com,x\n"),
    ],
)
def test_what_is_accepted(
    sqlite_database: Database, folder: Path, rule: str, content: bytes
) -> None:
    assert str(bring_in(sqlite_database, write(folder, {"patient.csv": content}))) == (
        "1 created, 0 changed, 0 unchanged"
    ), rule
    assert patient(sqlite_database).name == "Ann"
    assert is_right(account(sqlite_database, "ann@example.com").password, "x")


def test_unknown_columns_are_left_out_and_told_of(sqlite_database: Database, folder: Path) -> None:
    write(folder, {"patient.csv": "patient_email,password,shoe\nann@example.com,x,42\n"})
    assert bring_in(sqlite_database, folder).notices == [
        "patient.csv: column shoe is unknown and was ignored."
    ]


def test_text_like_a_formula_is_stored_as_it_stands(
    sqlite_database: Database, folder: Path
) -> None:
    name = '=HYPERLINK("http://x.example")'
    quoted = '"' + name.replace('"', '""') + '"'
    write(folder, {"p.csv": f"patient_email,password,first_name\nann@example.com,x,{quoted}\n"})
    bring_in(sqlite_database, folder)
    assert patient(sqlite_database).name == name


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("MedicalCentre", "Medical centre"),
        ("medical centre", "Medical centre"),
        ("HOSPITAL", "Hospital"),
        ("Pharmacy", "Pharmacy"),
        ("laboratory", "Laboratory"),
    ],
)
def test_types_of_centres_are_read_however_they_are_spaced(
    sqlite_database: Database, folder: Path, written: str, meant: str
) -> None:
    bring_in(sqlite_database, write(folder, {"c.csv": CENTRES + f"{written},1,A,,Randwick\n"}))
    found = sqlite_database.read(lambda session: session.scalars(select(Centre)).one())
    assert found.type == meant


def test_new_centres_get_the_time_zone_that_is_named(
    sqlite_database: Database, folder: Path
) -> None:
    write(folder, {"c.csv": CENTRES + "Hospital,1,A,,Naas\n"})
    bring_in(sqlite_database, folder, zone="Europe/Dublin")
    bring_in(sqlite_database, folder, zone="Australia/Perth")
    found = sqlite_database.read(lambda session: session.scalars(select(Centre)).one())
    assert found.time_zone == "Europe/Dublin"


def test_an_end_of_24_00_is_midnight(sqlite_database: Database, folder: Path) -> None:
    write(
        folder,
        {
            "c.csv": CENTRES + "Hospital,1,A,,Randwick\n",
            "p.csv": "provider_email,password,provider_type,startWorkingHours,endWorkingHours\n"
            "gil@example.com,x,GP,00:00,24:00\n",
            "l.csv": LINKS + "gil@example.com,a\n",
        },
    )
    bring_in(sqlite_database, folder)
    assert hours(sqlite_database) == [tuple(Weekly(day, 0, 1440) for day in range(7))]


# What is refused

BAD_TIME = "Enter a time such as 09:00, in steps of 5 minutes."
NO_LENGTH = "Enter a start before 24:00 and another end. A whole day is 00:00 to 24:00."
BAD_ROWS = [
    (
        "an e-mail must be one",
        PATIENTS,
        "not-an-email,x",
        "patient_email",
        "Enter an email address such as name@example.com.",
    ),
    ("an e-mail must be there", PATIENTS, ",x", "patient_email", "Fill in this field."),
    (
        "a new account needs a password",
        PATIENTS,
        "ann@example.com,",
        "password",
        "Enter a password for the new account.",
    ),
    (
        "a password has a longest length",
        PATIENTS,
        "ann@example.com," + "x" * 513,
        "password",
        "Shorten this to 512 characters.",
    ),
    (
        "a password has no NUL",
        PATIENTS,
        "ann@example.com,x\0y",
        "password",
        "Remove characters that cannot be seen, such as tabs.",
    ),
    (
        "a phone must be one",
        "patient_email,password,phone\n",
        "ann@example.com,x,call me",
        "phone",
        "Enter a telephone number such as 02 9382 1111.",
    ),
    (
        "a phone has no formula",
        "patient_email,password,phone\n",
        "ann@example.com,x,=1+1",
        "phone",
        "Enter a telephone number such as 02 9382 1111.",
    ),
    (
        "names have a longest length",
        "patient_email,password,first_name\n",
        "ann@example.com,x," + "n" * 101,
        "first_name",
        "Shorten this to 100 characters.",
    ),
    (
        "both names together have a longest length",
        "patient_email,password,first_name,last_name\n",
        f"ann@example.com,x,{'n' * 100},{'m' * 100}",
        "last_name",
        "Shorten both names to 200 characters.",
    ),
    (
        "names have no NUL",
        "patient_email,password,last_name\n",
        "ann@example.com,x,A\0B",
        "last_name",
        "Remove characters that cannot be seen, such as tabs.",
    ),
    (
        "rows are not longer than the header",
        PATIENTS,
        "ann@example.com,x,Ann, of the hill",
        None,
        "This line has more columns than the first. Put text with commas in quotes.",
    ),
    (
        "quotation marks are closed",
        PATIENTS,
        '"ann@example.com,x',
        None,
        "This line can't be split into columns. Check for a stray quotation mark.",
    ),
    (
        "a profession must be known",
        PROVIDERS,
        "gil@example.com,x,Wizard",
        "provider_type",
        f"Enter one of {', '.join(professions.CODES)}.",
    ),
    (
        "a specialist has an expertise",
        PROVIDERS,
        "gil@example.com,x,Specialist",
        "expertise",
        "Enter the area of expertise of a specialist.",
    ),
    (
        "a centre has a known type",
        CENTRES,
        "Castle,1,A,,Randwick",
        "centre_type",
        "Enter one of Hospital, Medical centre, Pharmacy, Laboratory.",
    ),
    ("a centre has a suburb", CENTRES, "Hospital,1,A,,", "suburb", "Fill in this field."),
    (
        "a business number has a longest length",
        CENTRES,
        f"Hospital,{'1' * 41},A,,Randwick",
        "abn",
        "Shorten this to 40 characters.",
    ),
    (
        "a link needs its provider",
        LINKS,
        "nobody@example.com,A",
        "provider_email",
        "There is no provider nobody@example.com. Add one to the file of providers.",
    ),
]


@pytest.mark.parametrize(
    ("header", "row", "column", "sentence"),
    [case[1:] for case in BAD_ROWS],
    ids=[case[0].replace(" ", "-") for case in BAD_ROWS],
)
def test_bad_row(
    sqlite_database: Database,
    folder: Path,
    header: str,
    row: str,
    column: str | None,
    sentence: str,
) -> None:
    write(folder, {"rows.csv": f"{header}{row}\n"})
    if header == LINKS:
        write(folder, {"c.csv": CENTRES + "Hospital,1,A,,Randwick\n"})
    place = f"rows.csv, line 2, column {column}" if column else "rows.csv, line 2"
    assert problems_of(sqlite_database, folder) == [f"{place}: {sentence}"]


@pytest.mark.parametrize(
    ("starts", "ends", "column", "sentence"),
    [
        ("25:00", "26:00", "startWorkingHours", BAD_TIME),
        ("nine", "17:00", "startWorkingHours", BAD_TIME),
        ("09:00", "17:02", "endWorkingHours", BAD_TIME),
        ("24:05", "24:10", "startWorkingHours", BAD_TIME),
        ("09:00", "09:00", "endWorkingHours", NO_LENGTH),
        ("0:00", "0", "endWorkingHours", NO_LENGTH),
        ("24:00", "09:00", "endWorkingHours", NO_LENGTH),
        (
            "",
            "17:00",
            "startWorkingHours",
            "Enter both the start and the end of the working hours, or neither.",
        ),
        (
            "09:00",
            "",
            "endWorkingHours",
            "Enter both the start and the end of the working hours, or neither.",
        ),
    ],
)
def test_bad_hours(
    sqlite_database: Database, folder: Path, starts: str, ends: str, column: str, sentence: str
) -> None:
    header = "provider_email,password,provider_type,startWorkingHours,endWorkingHours\n"
    write(folder, {"p.csv": f"{header}gil@example.com,x,GP,{starts},{ends}\n"})
    assert f"p.csv, line 2, column {column}: {sentence}" in problems_of(sqlite_database, folder)


@pytest.mark.parametrize(
    ("rule", "header", "sentence"),
    [
        (
            "the file must be known",
            "a,b,c",
            "rows.csv, line 1: This file can't be imported. The first line must name the columns, "
            "with one of patient_email, service_name, resource_name, health_centre_name, "
            "provider_email, centre_type.",
        ),
        (
            "required columns must be there",
            "centre_type,abn,phone",
            "rows.csv, line 1, column name: This column is missing.",
        ),
        (
            "columns occur once",
            "patient_email,password,Password",
            "rows.csv, line 1, column password: This column appears twice.",
        ),
    ],
)
def test_bad_header(
    sqlite_database: Database, folder: Path, rule: str, header: str, sentence: str
) -> None:
    write(folder, {"rows.csv": f"{header}\n1,2,3\n"})
    assert sentence in problems_of(sqlite_database, folder), rule


def test_an_empty_file_and_an_empty_folder_are_told_of(
    sqlite_database: Database, folder: Path, tmp_path: Path
) -> None:
    write(folder, {"rows.csv": ""})
    (tmp_path / "empty").mkdir()
    paths = (folder, tmp_path / "empty", tmp_path / "missing")
    assert problems_of(sqlite_database, *paths) == [
        f"{tmp_path}/empty: There is no .csv or .json file in this folder.",
        f"{tmp_path}/missing: There is no such file or folder.",
        "rows.csv: This file is empty. Its first row must name the columns.",
    ]


@pytest.mark.parametrize(
    "damaged",
    [
        "Müller;Jos\udce9".encode("utf-8", "surrogateescape"),
        "Иванов".encode("cp1251"),
        "山田太郎".encode("shift_jis"),
        "JosŽ".encode("cp1252"),
        b"\x81",
    ],
)
def test_other_encodings_are_told_of_with_line_and_column(
    sqlite_database: Database, folder: Path, damaged: bytes
) -> None:
    rows = b"patient_email,password,last_name\nann@example.com,x," + damaged + b"\n"
    write(folder, {"other.csv": rows})
    sentence = "This is not UTF-8 text. Save the file as UTF-8 and import it again."
    assert f"other.csv, line 2, column last_name: {sentence}" in problems_of(
        sqlite_database, folder
    )


@pytest.mark.parametrize("data", [b"\xff\xfea", b"\xff\xfe\x00\xd8", b"\xff\xfe\x00\x00a"])
def test_damaged_wide_text_is_one_problem(
    sqlite_database: Database, folder: Path, data: bytes
) -> None:
    write(folder, {"wide.csv": data})
    assert problems_of(sqlite_database, folder) == [
        "wide.csv: This is not UTF-8 text. Save the file as UTF-8 and import it again."
    ]


def test_the_line_of_a_problem_is_where_its_record_begins(
    sqlite_database: Database, folder: Path
) -> None:
    rows = '\r\n"ann@example.com","x","12\r\nGreen\r\nLane"\r\n\r\nbob@example.com,x,0491570156\r\n'
    write(folder, {"p.csv": "patient_email,password,phone" + rows})
    found = problems_of(sqlite_database, folder)
    assert [text.partition(":")[0] for text in found] == ["p.csv, line 2, column phone"]


# Rows that belong together


def test_rows_that_contradict_each_other_are_refused(
    sqlite_database: Database, folder: Path
) -> None:
    write(
        folder,
        {
            "a.csv": PATIENTS + "ann@example.com,x\nann@example.com,y\n",
            "b.csv": PATIENTS + "ann@example.com,z\n",
            "c.csv": CENTRES + "Hospital,1,A,,Randwick\nHospital,1,B,,Randwick\n"
            "Pharmacy,2,A,,Randwick\n",
        },
    )
    assert problems_of(sqlite_database, folder) == [
        "a.csv, line 3, column patient_email: This contradicts a.csv, line 2. Keep one of them.",
        "b.csv, line 2, column patient_email: This contradicts a.csv, line 2. Keep one of them.",
        "c.csv, line 3, column abn: This contradicts c.csv, line 2. Keep one of them.",
        "c.csv, line 4, column name: This contradicts c.csv, line 2. Keep one of them.",
    ]


def test_an_email_has_one_role(sqlite_database: Database, folder: Path) -> None:
    write(
        folder,
        {"a.csv": PATIENTS + "ann@example.com,x\n", "b.csv": PROVIDERS + "ann@example.com,x,GP\n"},
    )
    assert problems_of(sqlite_database, folder) == [
        "b.csv, line 2, column provider_email: a.csv, line 2 has this email address in another "
        "role. Use a different one."
    ]
    (folder / "a.csv").unlink()
    bring_in(sqlite_database, folder)
    (folder / "b.csv").unlink()
    write(folder, {"a.csv": PATIENTS + "ann@example.com,x\n"})
    assert problems_of(sqlite_database, folder) == [
        "a.csv, line 2, column patient_email: An account with another role "
        "(practitioner) already has this email address."
    ]


def test_links_may_point_to_what_is_there_already(
    sqlite_database: Database, folder: Path, tmp_path: Path
) -> None:
    bring_in(
        sqlite_database,
        write(
            folder,
            {
                "c.csv": CENTRES + "Hospital,1,City Hospital,,Randwick\n",
                "p.csv": PROVIDERS + "gil@example.com,x,GP\n",
            },
        ),
    )
    links = write(
        tmp_path / "links",
        {"l.csv": LINKS + "gil@example.com,CITY  hospital\ngil@example.com,Moon Base\n"},
    )
    assert problems_of(sqlite_database, links) == [
        "l.csv, line 3, column health_centre_name: There is no centre Moon Base. Add it to the "
        "file of centres."
    ]
    write(links, {"l.csv": LINKS + "gil@example.com,CITY  hospital\n"})
    assert bring_in(sqlite_database, links).total(Effect.CREATED) == 1


def test_who_points_to_a_refused_row_is_not_to_blame(
    sqlite_database: Database, folder: Path
) -> None:
    write(
        folder,
        {
            "c.csv": CENTRES + "Castle,1,A,,Randwick\n",
            "l.csv": LINKS + "gil@example.com,A\n",
            "p.csv": PROVIDERS + "gil@example.com,x,Wizard\n",
        },
    )
    found = problems_of(sqlite_database, folder)
    assert [text.split(":")[0] for text in found] == [
        "c.csv, line 2, column centre_type",
        "p.csv, line 2, column provider_type",
    ]


# All or nothing


def test_one_bad_row_keeps_everything_out_on_each_engine(database: Database, folder: Path) -> None:
    for file in MEDISOFT.iterdir():
        write(folder, {file.name: file.read_bytes()})
    with (folder / "provider_health_centre.csv").open("a") as links:
        links.write("nobody@example.com,UTS Health Service\n")
    assert len(problems_of(database, folder)) == 1


def test_a_refusal_while_writing_keeps_everything_out_on_each_engine(
    database: Database, folder: Path
) -> None:
    """Two centres that swap their names, which are alike, pass every check before."""
    write(folder, {"c.csv": CENTRES + "Hospital,1,St Ann,,Rand\nHospital,2,St Anne,,Rand\n"})
    bring_in(database, folder)
    write(folder, {"c.csv": CENTRES + "Hospital,1,St Anne,,Rand\nHospital,2,St Ann,,Rand\n"})
    write(folder, {"p.csv": PATIENTS + "ann@example.com,x\n"})
    assert problems_of(database, folder) == [
        "c.csv, lines 2 and 3, column name: This name is taken. Enter a different one.",
    ]


def test_all_problems_are_told_and_the_report_is_bounded(
    sqlite_database: Database, folder: Path
) -> None:
    rows = "".join(f"gil@example.com,Place {number}\n" for number in range(250))
    write(folder, {"p.csv": PROVIDERS + "gil@example.com,x,GP\n", "r.csv": LINKS + rows})
    with pytest.raises(ImportRefused) as refused:
        bring_in(sqlite_database, folder)
    assert len(refused.value.problems) == 250
    report = refused.value.report()
    assert report[199].startswith("r.csv, line 201, column health_centre_name: ")
    assert report[200:] == [
        "… and 50 more.",
        "Nothing was imported. Problems found: 250. Correct them and import again.",
    ]


def test_a_problem_names_file_line_and_column() -> None:
    assert str(Problem(Source("a.csv", 7), "phone", "Oh.")) == "a.csv, line 7, column phone: Oh."
    assert str(Problem(Source("a.csv"), None, "Oh.")) == "a.csv: Oh."


def test_a_rehearsal_counts_and_keeps_nothing_on_each_engine(database: Database) -> None:
    before = counts(database)
    outcome = bring_in(database, MEDISOFT, rehearse=True)
    assert str(outcome) == "47 created, 0 changed, 0 unchanged"
    assert counts(database) == before


# Again, and with changes


def test_changed_rows_update_details_and_never_the_password(
    sqlite_database: Database, folder: Path
) -> None:
    bring_in(sqlite_database, MEDISOFT)
    old = account(sqlite_database, "jack@gmail.com").password
    write(
        folder,
        {
            "patient.csv": "patient_email,password,first_name,last_name,phone\n"
            "jack@gmail.com,other,John,Black,0491570156\n",
            "provider.csv": "provider_email,provider_type,startWorkingHours,endWorkingHours\n"
            "toby@gmail.com,Nurse,10:00,12:00\n",
            "centres.csv": CENTRES + "Hospital,1111,Sydney Children Hospital,02 9382 0000,Coogee\n",
        },
    )
    outcome = bring_in(sqlite_database, folder)
    assert str(outcome) == "0 created, 3 changed, 0 unchanged"
    jack = account(sqlite_database, "jack@gmail.com")
    assert (jack.name, jack.password) == ("John Black", old)
    found = patient(sqlite_database, "jack@gmail.com")
    assert (found.name, found.phone, found.medicare_number) == (
        "John Black",
        "0491570156",
        "6771653701",
    )
    toby = practitioner(sqlite_database, "toby@gmail.com")
    assert (toby.profession, toby.name) == ("Nurse", "Toby Turner")
    assert set(hours(sqlite_database, "toby@gmail.com")) == {
        tuple(Weekly(day, 600, 720) for day in range(7))
    }
    assert str(bring_in(sqlite_database, folder)) == "0 created, 0 changed, 3 unchanged"


def test_empty_cells_leave_what_is_there(sqlite_database: Database, folder: Path) -> None:
    bring_in(sqlite_database, MEDISOFT)
    rows = "patient_email,password,first_name,last_name,phone,medicare\njack@gmail.com,,,,,\n"
    outcome = bring_in(sqlite_database, write(folder, {"patient.csv": rows}))
    assert str(outcome) == "0 created, 0 changed, 1 unchanged"
    assert patient(sqlite_database, "jack@gmail.com").name == "Jack Black"


def test_centres_are_matched_by_number_then_by_name(
    sqlite_database: Database, folder: Path
) -> None:
    bring_in(sqlite_database, write(folder, {"c.csv": CENTRES + "Hospital,,A,,Randwick\n"}))
    bring_in(sqlite_database, write(folder, {"c.csv": CENTRES + "Hospital,7,a,,Randwick\n"}))
    renamed = bring_in(
        sqlite_database, write(folder, {"c.csv": CENTRES + "Hospital,7,A East,,Randwick\n"})
    )
    assert renamed.notices == ["c.csv, line 2: a gets the name A East."]
    found = sqlite_database.read(lambda session: session.scalars(select(Centre)).all())
    assert [(centre.name, centre.business_number) for centre in found] == [("A East", "7")]


def test_more_patients_than_one_statement_takes(
    sqlite_database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openslot.importers.queries.AT_ONCE", 7)
    rows = "".join(f"p{number}@example.com,x\n" for number in range(20))
    write(folder, {"p.csv": PATIENTS + rows})
    assert str(bring_in(sqlite_database, folder)) == "20 created, 0 changed, 0 unchanged"
    assert str(bring_in(sqlite_database, folder)) == "0 created, 0 changed, 20 unchanged"
    diaries = sqlite_database.read(lambda session: session.scalars(select(Patient.diary_id)).all())
    assert len(set(diaries)) == 20


def test_every_schedule_can_be_booked(sqlite_database: Database) -> None:
    bring_in(sqlite_database, MEDISOFT)

    def bookable(session: Session) -> int:
        return len(schedules.places(session, Schedule.active.is_(True)))

    assert sqlite_database.read(bookable) == 22
