"""What spreadsheets write: separators, encodings, times, numbers, spellings, and their problems."""

from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import professions
from importing import DOCUMENTS, MEDISOFT, NOW, QUICK, bring_in, problems_of, write
from openslot.core.db import Database
from openslot.directory.models import Centre, Gender, Patient, Practitioner
from openslot.importers.checks import is_similar
from openslot.importers.commands import import_all
from openslot.importers.origins import Origin
from openslot.importers.problems import ImportRefused, Problem, Source
from openslot.importers.progress import Silent
from openslot.schedules import queries as schedules
from openslot.schedules.availability import Weekly

CREATED_ONE = "1 created, 0 changed, 0 unchanged"
PATIENT = ("patient_email,password,last_name", "ann@example.com,x,Müller")
CENTRES = "centre_type,abn,name,phone,suburb\n"
PROVIDERS = "provider_email,password,provider_type,startWorkingHours,endWorkingHours\n"
LOST_ZERO = (
    "A spreadsheet removed the first zero of this telephone number. Format the column as text, "
    "and enter numbers such as 02 9382 1111."
)
ROUNDED = (
    "A spreadsheet shortened this number and lost digits. Format the cell as text and enter the "
    "whole number."
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


def patient(database: Database) -> Patient:
    return database.read(lambda session: session.scalars(select(Patient)).one())


def centre(database: Database) -> Centre:
    return database.read(lambda session: session.scalars(select(Centre)).one())


def periods(database: Database) -> set[tuple[int, int]]:
    """The hours of the only practitioner, which are the same each day."""

    def read(session: Session) -> list[Weekly]:
        person = session.scalars(select(Practitioner)).one()
        places = schedules.practitioner_places(session, person.id)
        return [weekly for place in places.values() for weekly in place.hours]

    hours = database.read(read)
    each = [{(one.starts, one.ends) for one in hours if one.weekday == day} for day in range(7)]
    assert each == [each[0]] * 7
    return each[0]


def with_hours(folder: Path, header: str, cells: str) -> Path:
    """Files of a practitioner with a place of work."""
    return write(
        folder,
        {
            "c.csv": CENTRES + "Hospital,1,City,,Randwick\n",
            "l.csv": "provider_email,health_centre_name\ngil@example.com,City\n",
            "p.csv": f"provider_email,password,provider_type,{header}\n"
            f"gil@example.com,x,GP,{cells}\n",
        },
    )


# Separators and encodings


def table(separator: str, *, first: str = "", quote: str = "") -> str:
    lines = [
        separator.join(f"{quote}{cell}{quote}" for cell in line.split(",")) for line in PATIENT
    ]
    return "\r\n".join(filter(None, (first, *lines, "")))


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
@pytest.mark.parametrize(
    "text",
    [
        table(","),
        table(";"),
        table("\t"),
        table("|"),
        table(";", first="sep=;"),
        table(",", first="sep=,"),
        table(",", first='"sep=,"'),
        table("^", first="SEP=^"),
        table("\t", first="sep=\t"),
        table(",", quote='"'),
        table(";", quote="'"),
        table(", ", quote="'"),
        table(", ", quote='"'),
    ],
)
def test_every_separator_in_every_encoding(
    sqlite_database: Database, folder: Path, text: str, encoding: str
) -> None:
    outcome = bring_in(sqlite_database, write(folder, {"p.csv": text.encode(encoding)}))
    assert (str(outcome), outcome.notices) == (CREATED_ONE, [])
    assert patient(sqlite_database).name == "Müller"


@pytest.mark.parametrize(
    "name", ["Müller", "José", "Renée", "Škoda", "O’Brien–Søndergård", "ŽIŽEK"]
)
def test_windows_1252_is_read_and_told(sqlite_database: Database, folder: Path, name: str) -> None:
    text = table(";").replace("Müller", name)
    outcome = bring_in(sqlite_database, write(folder, {"p.csv": text.encode("cp1252")}))
    assert patient(sqlite_database).name == name
    assert outcome.notices == [
        "p.csv: this file is not UTF-8 and was read as Windows-1252. Check letters such as é."
    ]


def test_the_values_alone_may_be_in_single_quotes(sqlite_database: Database, folder: Path) -> None:
    rows = "'ann@example.com','x','O''Brien, Ann'\n'bob@example.com','y','Bob'\n"
    write(folder, {"p.csv": f"{PATIENT[0]}\n{rows}"})
    bring_in(sqlite_database, folder)
    names = sqlite_database.read(lambda session: set(session.scalars(select(Patient.name))))
    assert names == {"O'Brien, Ann", "Bob"}


def test_apostrophes_of_names_are_no_quotes(sqlite_database: Database, folder: Path) -> None:
    write(folder, {"p.csv": "last_name,patient_email,password\n'Akamu,ann@example.com,'x\n"})
    bring_in(sqlite_database, folder)
    assert patient(sqlite_database).name == "'Akamu"


def test_lines_are_counted_with_the_line_that_names_the_separator(
    sqlite_database: Database, folder: Path
) -> None:
    write(
        folder,
        {"p.csv": f"sep=;\n{PATIENT[0].replace(',', ';')}\nann;x;Ann\na@example.com;x;A;B\n"},
    )
    assert [problem.partition(":")[0] for problem in problems_of(sqlite_database, folder)] == [
        "p.csv, line 3, column patient_email",
        "p.csv, line 4",
    ]
    assert "Put text with semicolons in quotes." in problems_of(sqlite_database, folder)[1]


@pytest.mark.parametrize("start", [b"PK\x03\x04rest", b"\xd0\xcf\x11\xe0rest"])
def test_a_workbook_is_told(sqlite_database: Database, folder: Path, start: bytes) -> None:
    write(folder, {"p.csv": start})
    assert problems_of(sqlite_database, folder) == [
        "p.csv: This is a workbook. Save each sheet as CSV UTF-8 and import those files."
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_a_file_without_headings_is_one_problem(
    sqlite_database: Database, folder: Path, encoding: str
) -> None:
    rows = "ann@example.com;x;Ann\nbob@example.com;y;Müller;more;and more\n"
    write(folder, {"p.csv": rows.encode(encoding)})
    assert problems_of(sqlite_database, folder) == [
        "p.csv, line 1: This file has no line with the names of its columns. Add it, with one of "
        "patient_email, service_name, resource_name, health_centre_name, provider_email, "
        "centre_type."
    ]


# Spellings of columns


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("Patient E-Mail,Password,Surname,Mobile,Medicare No.", "a@example.com,x,Lee,0491570156,2"),
        (
            "email,password,full name,phone_number,medicare_number",
            "a@example.com,x,Lee,0491570156,2",
        ),
        ("patientEmail,password,lastName,telephone,Medicare", "a@example.com,x,Lee,0491570156,2"),
    ],
)
def test_spellings_of_patients(
    sqlite_database: Database, folder: Path, header: str, row: str
) -> None:
    outcome = bring_in(sqlite_database, write(folder, {"p.csv": f"{header}\n{row}\n"}))
    assert outcome.notices == []
    found = patient(sqlite_database)
    assert (found.name, found.phone, found.medicare_number) == ("Lee", "0491570156", "2")


@pytest.mark.parametrize(
    "header",
    [
        "provider_email,password,provider_type,provider_number,phone_number,workingHours",
        "email,password,profession,Provider No,tel,Working Hours",
        "Practitioner Email,password,Occupation,providernum,Mobile Phone,office_hours",
    ],
)
def test_spellings_of_providers(sqlite_database: Database, folder: Path, header: str) -> None:
    with_hours(folder, "expertise", "")
    row = "gil@example.com,x,Podiatrist,123456AB,0491570156,9am-5pm"
    outcome = bring_in(sqlite_database, write(folder, {"p.csv": f"{header}\n{row}\n"}))
    assert outcome.notices == []
    found = sqlite_database.read(lambda session: session.scalars(select(Practitioner)).one())
    assert (found.profession, found.provider_number, found.phone) == (
        "Podiatrist",
        "123456AB",
        "0491570156",
    )
    assert periods(sqlite_database) == {(540, 1020)}


def test_spellings_of_centres_and_links(sqlite_database: Database, folder: Path) -> None:
    write(
        folder,
        {
            "c.csv": "type,business number,centre name,town\nHospital,7,City,Naas\n",
            "l.csv": "provider,centre\ngil@example.com,City\n",
            "p.csv": PROVIDERS + "gil@example.com,x,GP,9,17\n",
        },
    )
    assert str(bring_in(sqlite_database, folder)) == "3 created, 0 changed, 0 unchanged"


def test_a_problem_names_the_column_as_the_file_does(
    sqlite_database: Database, folder: Path
) -> None:
    write(folder, {"p.csv": "Patient Email,password,Mobile No\nann@example.com,x,1\n"})
    assert bring_in(sqlite_database, folder).notices == [
        "p.csv: column Mobile No is unknown and was ignored."
    ]
    write(folder, {"p.csv": "Patient Email,password,Mobile Number\nann,x,call me\n"})
    assert {problem.partition(":")[0] for problem in problems_of(sqlite_database, folder)} == {
        "p.csv, line 2, column Patient Email",
        "p.csv, line 2, column Mobile Number",
    }


def test_of_two_spellings_the_usual_one_is_taken(sqlite_database: Database, folder: Path) -> None:
    rows = "mobile,phone,patient_email,password\n0491570156,0293821111,ann@example.com,x\n"
    outcome = bring_in(sqlite_database, write(folder, {"p.csv": rows}))
    assert outcome.notices == ["p.csv: column mobile is unknown and was ignored."]
    assert patient(sqlite_database).phone == "0293821111"


# Professions


@pytest.mark.parametrize("profession", professions.CODES)
def test_every_profession_is_imported(
    sqlite_database: Database, folder: Path, profession: str
) -> None:
    spelling = profession.upper().replace(" ", "_")
    header = "provider_email,password,provider_type,expertise,sex"
    write(folder, {"p.csv": f"{header}\ngil@example.com,x,{spelling},Skin,F\n"})
    bring_in(sqlite_database, folder)
    found = sqlite_database.read(lambda session: session.scalars(select(Practitioner)).one())
    assert (found.profession, found.gender) == (profession, Gender.FEMALE)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("General Practitioner", "GP"),
        ("Dietician", "Dietitian"),
        ("physical therapist", "Physiotherapist"),
        ("Speech-Language Pathologist", "Speech pathologist"),
        ("Chiropodist", "Podiatrist"),
        ("OT", "Occupational therapist"),
        ("Registered Nurse", "Nurse"),
    ],
)
def test_other_names_of_professions(
    sqlite_database: Database, folder: Path, written: str, meant: str
) -> None:
    write(folder, {"p.csv": f"{PROVIDERS}gil@example.com,x,{written},,\n"})
    bring_in(sqlite_database, folder)
    found = sqlite_database.read(lambda session: session.scalars(select(Practitioner)).one())
    assert found.profession == meant


# Times


@pytest.mark.parametrize(
    ("starts", "ends"),
    [
        ("9:00:00 AM", "5:30:00 PM"),
        ("9:00 AM", "5:30 PM"),
        ("9:00\N{NARROW NO-BREAK SPACE}am", "5:30 p.m."),
        ("9am", "5.30pm"),
        ("9:00:00", "17:30:00"),
        ("09.00", "17.30"),
        ("0900", "1730"),
        ("900", "1730"),
        ("9", "17h30"),
        ("0.375", "0.729166666666667"),
        ("0.375", "0.7292"),
        ('"0,375"', '"0,729166667"'),
        ("3.75E-01", "7.29166666666667E-01"),
        (".375", "17:30"),
        ("1899-12-30T09:00:00", "1899-12-30 17:30:00"),
        ("1900-01-00 09:00", "30/12/1899 17:30"),
        ("\N{FULLWIDTH DIGIT NINE}", "17:30"),
    ],
)
def test_times_as_spreadsheets_write_them(
    sqlite_database: Database, folder: Path, starts: str, ends: str
) -> None:
    bring_in(
        sqlite_database, with_hours(folder, "startWorkingHours,endWorkingHours", f"{starts},{ends}")
    )
    assert periods(sqlite_database) == {(540, 1050)}


@pytest.mark.parametrize(
    "time",
    ["1", "0.37", "1.5", "9:00:30", "13:00 AM", "99", "9:60", "45000.375", "-0.375"],
)
def test_what_is_no_clear_time(sqlite_database: Database, folder: Path, time: str) -> None:
    write(folder, {"p.csv": f"{PROVIDERS}gil@example.com,x,GP,{time},17:00\n"})
    assert problems_of(sqlite_database, folder) == [
        "p.csv, line 2, column startWorkingHours: Enter a time such as 09:00, in steps of 5 "
        "minutes."
    ]


def test_a_start_and_end_that_are_swapped_are_no_night_duty(
    sqlite_database: Database, folder: Path
) -> None:
    write(folder, {"p.csv": f"{PROVIDERS}gil@example.com,x,GP,17:00,09:00\n"})
    assert problems_of(sqlite_database, folder) == [
        "p.csv, line 2, column endWorkingHours: These hours would go on over midnight, for more "
        "than 15 hours. Enter the start first, then the end."
    ]


@pytest.mark.parametrize(
    ("starts", "ends", "meant"),
    [
        ("22:00", "06:00", (1320, 360)),
        ("18:00", "00:00", (1080, 0)),
        ("18:00", "24:00", (1080, 1440)),
        ("00:00", "24:00", (0, 1440)),
        ("18:00", "09:00", (1080, 540)),
        ("10:00 PM", "12:00 AM", (1320, 0)),
    ],
)
def test_night_duty(
    sqlite_database: Database, folder: Path, starts: str, ends: str, meant: tuple[int, int]
) -> None:
    for header, cells in (
        ("startWorkingHours,endWorkingHours", f"{starts},{ends}"),
        ("workingHours", f"{starts}-{ends}"),
    ):
        bring_in(sqlite_database, with_hours(folder, header, cells))
        assert periods(sqlite_database) == {meant}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("09:00-17:30", {(540, 1050)}),
        ("9am to 5:30pm", {(540, 1050)}),
        ("0900 – 1730", {(540, 1050)}),
        ("9:00:00 AM - 5:30:00 PM", {(540, 1050)}),
        ('"09:00-12:30, 13:30-17:00"', {(540, 750), (810, 1020)}),
        ("8-12 and 14-18", {(480, 720), (840, 1080)}),
        ("22:00-06:00", {(1320, 360)}),
    ],
)
def test_hours_in_one_column(
    sqlite_database: Database, folder: Path, written: str, meant: set[tuple[int, int]]
) -> None:
    bring_in(sqlite_database, with_hours(folder, "workingHours", written))
    assert periods(sqlite_database) == meant


@pytest.mark.parametrize("written", ["9", "9-", "Mon-Fri 9-17", "9-12-17", "9-17:03", "closed"])
def test_hours_that_cannot_be_read(sqlite_database: Database, folder: Path, written: str) -> None:
    assert problems_of(sqlite_database, with_hours(folder, "workingHours", written)) == [
        "p.csv, line 2, column workingHours: Enter hours such as 09:00-17:30, in steps of 5 "
        "minutes."
    ]


def test_hours_that_contradict_or_overlap(sqlite_database: Database, folder: Path) -> None:
    header = "workingHours,startWorkingHours,endWorkingHours"
    assert problems_of(sqlite_database, with_hours(folder, header, "9-17,9:00,17:30")) == [
        "p.csv, line 2, column workingHours: This contradicts the start and end of the working "
        "hours."
    ]
    (problem,) = problems_of(sqlite_database, with_hours(folder, "workingHours", '"9-17,16-18"'))
    assert problem.startswith("p.csv, line 2, column workingHours: These hours overlap with")


# Numbers


@pytest.mark.parametrize(
    "number", ["5.10045E+10", "5.10045e+10", '"5,10045E+10"', "5E+10", "2.4E9"]
)
@pytest.mark.parametrize("column", ["abn", "phone"])
def test_rounded_numbers_of_centres_are_refused(
    sqlite_database: Database, folder: Path, column: str, number: str
) -> None:
    header = f"centre_type,name,suburb,{column}"
    write(folder, {"c.csv": f"{header}\nHospital,City,Naas,{number}\n"})
    assert problems_of(sqlite_database, folder) == [f"c.csv, line 2, column {column}: {ROUNDED}"]


@pytest.mark.parametrize(
    ("header", "row", "column"),
    [
        ("patient_email,password,medicare", "ann@example.com,x,2.42878E+09", "medicare"),
        ("patient_email,password,phone", "ann@example.com,x,4.91570E+08", "phone"),
        (
            "provider_email,password,provider_type,providerNum",
            "g@example.com,x,GP,1.23E+06",
            "providerNum",
        ),
    ],
)
def test_rounded_numbers_of_people_are_refused(
    sqlite_database: Database, folder: Path, header: str, row: str, column: str
) -> None:
    write(folder, {"p.csv": f"{header}\n{row}\n{row.replace('@', '1@')}\n"})
    assert problems_of(sqlite_database, folder) == [
        f"p.csv, lines 2 and 3, column {column}: {ROUNDED}"
    ]


@pytest.mark.parametrize("number", ["123456EA", "12E5", "DEMO0001", "51 004 500 000", "2E"])
def test_other_numbers_are_left_alone(sqlite_database: Database, folder: Path, number: str) -> None:
    header = "provider_email,password,provider_type,providerNum"
    write(folder, {"p.csv": f"{header}\ngil@example.com,x,GP,{number}\n"})
    bring_in(sqlite_database, folder)
    found = sqlite_database.read(lambda session: session.scalars(select(Practitioner)).one())
    assert found.provider_number == number


@pytest.mark.parametrize(
    "written", ['"=""0491570156"""', "'0491570156", "0491570156", "0491570156.0"]
)
def test_how_numbers_are_protected_from_spreadsheets(
    sqlite_database: Database, folder: Path, written: str
) -> None:
    rows = f"patient_email,password,phone\nann@example.com,x,{written}\n"
    bring_in(sqlite_database, write(folder, {"p.csv": rows}))
    assert patient(sqlite_database).phone == "0491570156"


@pytest.mark.parametrize(
    ("phone", "zone", "is_lost"),
    [
        ("491570156", "Australia/Sydney", True),
        ("491570156.0", "Australia/Perth", True),
        ("293821111", "Australia/Sydney", True),
        ("871234567", "Europe/Dublin", True),
        ("93821111", "Australia/Sydney", False),
        ("1800123456", "Australia/Sydney", False),
        ("0491570156", "Australia/Sydney", False),
        ("+61491570156", "Australia/Sydney", False),
        ("2125551234", "America/New_York", False),
        ("3123456789", "Europe/Rome", False),
        ("491570156", "UTC", False),
    ],
)
def test_telephone_numbers_without_their_first_zero(
    sqlite_database: Database, folder: Path, phone: str, zone: str, is_lost: bool
) -> None:
    rows = f"patient_email,password,phone\nann@example.com,x,{phone}\n"
    write(folder, {"p.csv": rows})
    if is_lost:
        problem = f"p.csv, line 2, column phone: {LOST_ZERO}"
        assert problems_of(sqlite_database, folder, zone=zone) == [problem]
    else:
        assert str(bring_in(sqlite_database, folder, zone=zone)) == CREATED_ONE


def test_shorter_numbers_beside_ones_with_a_first_zero_are_told(
    sqlite_database: Database, folder: Path
) -> None:
    numbers = ["0123456789", "1234567890", "123456789", "AB", "", "987654321"]
    rows = "".join(f"a{place}@example.com,x,{one}\n" for place, one in enumerate(numbers))
    write(folder, {"p.csv": f"patient_email,password,Medicare No\n{rows}"})
    assert bring_in(sqlite_database, folder).notices == [
        "p.csv, column Medicare No: numbers with one digit fewer than the others, in line 4 and 7. "
        "Check whether a spreadsheet removed a first zero."
    ]


# Problems are told once


def test_one_cause_in_many_rows_is_one_problem(sqlite_database: Database, folder: Path) -> None:
    rows = "".join(f"g{number}@example.com,x,GP,nine,five\n" for number in range(500))
    write(folder, {"p.csv": PROVIDERS + rows})
    with pytest.raises(ImportRefused) as refused:
        bring_in(sqlite_database, folder)
    assert refused.value.report() == [
        "p.csv, lines 2, 3, 4, 5, 6 and 495 more, columns startWorkingHours and endWorkingHours: "
        "Enter a time such as 09:00, in steps of 5 minutes.",
        "Nothing was imported. Problems found: 1. Correct them and import again.",
    ]


def test_causes_that_differ_stay_apart(sqlite_database: Database, folder: Path) -> None:
    rows = "a@example.com,x,GP,nine,17\nb@example.com,x,GP,9,five\nc@example.com,x,GP,nine,five\n"
    write(folder, {"p.csv": PROVIDERS + rows})
    assert [problem.partition(":")[0] for problem in problems_of(sqlite_database, folder)] == [
        "p.csv, lines 2 and 4, column startWorkingHours",
        "p.csv, lines 3 and 4, column endWorkingHours",
    ]


def test_entries_of_a_list_are_one_field(sqlite_database: Database, folder: Path) -> None:
    document = '{"_id": "%s", "dept_name": "X", "site": [{"location": "A"}], "service": %s}\n'
    text = document % ("1", '["Scan", ""]') + document % ("2", '["", "Scan"]')
    write(folder, {"d.json": text})
    assert problems_of(sqlite_database, folder) == [
        "d.json, lines 1 and 2, column service: Fill in this field."
    ]


def test_a_problem_of_many_lines_names_the_first(folder: Path) -> None:
    problem = Problem(Source("a.csv", 2), "phone", "Oh.", more=(3,), columns=("fax",))
    assert str(problem) == "a.csv, lines 2 and 3, columns phone and fax: Oh."


def test_columns_that_are_left_out_are_told_also_when_the_import_is_refused(
    sqlite_database: Database, folder: Path
) -> None:
    write(folder, {"p.csv": "patient_email,password,shoe\nann,x,42\n"})
    with pytest.raises(ImportRefused) as refused:
        bring_in(sqlite_database, folder)
    assert refused.value.report()[0] == "p.csv: column shoe is unknown and was ignored."


# Which centre a row is


def test_a_business_number_does_not_turn_a_centre_into_another(
    sqlite_database: Database, folder: Path
) -> None:
    write(folder, {"c.csv": f"{CENTRES}Hospital,51004500000,Rivermouth Hospital,,Naas\n"})
    bring_in(sqlite_database, folder)
    write(folder, {"c.csv": f"{CENTRES}Hospital,51004500000,Lakeside Hospital,,Naas\n"})
    assert problems_of(sqlite_database, folder) == [
        "c.csv, line 2, column abn: The centre with this business number is Rivermouth Hospital. "
        "Correct the number; if the centre has a new name, change it on the centre's page first."
    ]
    write(folder, {"c.csv": f"{CENTRES}Hospital,51004500000,Rivermouth General Hospital,,Naas\n"})
    renamed = ["c.csv, line 2: Rivermouth Hospital gets the name Rivermouth General Hospital."]
    assert bring_in(sqlite_database, folder, rehearse=True).notices == renamed
    assert centre(sqlite_database).name == "Rivermouth Hospital"
    assert bring_in(sqlite_database, folder).notices == renamed
    assert bring_in(sqlite_database, folder).notices == []


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("Rivermouth Hospital", "RIVERMOUTH  hospital", True),
        ("Rivermouth Hospital", "Rivermouth Hosptial", True),
        ("Rivermouth Hospital", "Hospital Rivermouth", True),
        ("Rivermouth", "Rivermouth Hospital", True),
        ("Rivermouth Hospital", "Lakeside Hospital", False),
        ("North Hospital", "South Hospital", False),
        ("City Hospital East", "City Hospital West", False),
        ("Clinic A", "Clinic B", False),
    ],
)
def test_when_names_are_alike(one: str, other: str, alike: bool) -> None:
    assert is_similar(one, other) is is_similar(other, one) is alike


@pytest.mark.parametrize("cell", ["#N/A", "#REF!", "#NAME?", "Err:502"])
def test_what_a_spreadsheet_could_not_work_out_is_no_value(
    sqlite_database: Database, folder: Path, cell: str
) -> None:
    write(folder, {"c.csv": f"centre_type,name,suburb\nHospital,{cell},Naas\n"})
    assert problems_of(sqlite_database, folder) == [
        "c.csv, line 2, column name: A spreadsheet wrote an error here in place of a value. Enter "
        "the value."
    ]


# Time zones


def test_each_origin_has_its_time_zone(sqlite_database: Database) -> None:
    origins = [Origin(MEDISOFT), Origin(DOCUMENTS, zone="Europe/Dublin")]
    outcome = import_all(
        sqlite_database, QUICK, origins, zone="Australia/Sydney", now=lambda: NOW, progress=Silent()
    )
    assert outcome.zones == {"Australia/Sydney": 6, "Europe/Dublin": 2}
    found = sqlite_database.read(
        lambda session: {one.name: one.time_zone for one in session.scalars(select(Centre))}
    )
    assert found["Naas General Hospital"] == "Europe/Dublin"
    assert found["UTS Health Service"] == "Australia/Sydney"


def test_a_row_may_name_its_time_zone(sqlite_database: Database, folder: Path) -> None:
    write(folder, {"c.csv": "centre_type,name,suburb,time zone\nHospital,City,Naas,Mars\n"})
    assert problems_of(sqlite_database, folder) == [
        "c.csv, line 2, column time zone: Choose a time zone such as Australia/Sydney."
    ]
    write(
        folder, {"c.csv": "centre_type,name,suburb,time zone\nHospital,City,Naas,Europe/Dublin\n"}
    )
    bring_in(sqlite_database, folder)
    assert centre(sqlite_database).time_zone == "Europe/Dublin"
