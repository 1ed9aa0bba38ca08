"""Everything as files: what is exported comes back, on any engine, all of it or nothing."""

import json
import stat
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import date, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    Float,
    Integer,
    LargeBinary,
    Table,
    Uuid,
    func,
    insert,
    select,
)
from sqlalchemy.orm import Session

import engines
import factories
from clinic import NOW, START, open_clinic
from engines import DATA_KEYS
from openslot.backups import archives
from openslot.backups.errors import AlreadyWritten, CannotWrite
from openslot.booking import check
from openslot.core.births import Birth
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.encryption import EncryptedJson, EncryptedText
from openslot.core.outbox import OutboxMessage
from openslot.core.tables import Instant, Word
from openslot.directory.models import Patient
from openslot.identity import factors
from openslot.identity.models import Account
from openslot.importers.problems import ImportRefused
from openslot.importers.progress import Silent
from openslot.schema import metadata
from openslot.transfers import commands, queries
from openslot.transfers.catalogue import CREDENTIALS, LEFT_OUT, READABLE, RETURNING
from openslot.transfers.commands import Contents, Further
from openslot.transfers.errors import DatabaseNotEmpty, OtherVersion
from openslot.transfers.packages import Manifest
from racing import race

HOSTILE = '=1+1,"’\n\r\t\\N \u202eروبن\u2028🙂 <b>{{7}}</b>;--'
WITH = Contents(with_credentials=True)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", password_iterations=1, secret_key="s" * 40)


@contextmanager
def nothing(*_: object) -> Iterator[Iterable[Further]]:
    yield ()


def leave(
    database: Database, settings: Settings, target: Path, contents: Contents = WITH, **more: Any
) -> Path:
    """Export, without FHIR."""
    given = {"others": nothing, "progress": Silent(), **more}
    others = given.pop("others")
    commands.export_everything(database, settings, target, contents, others, now=NOW, **given)
    return target


def arrive(
    database: Database, settings: Settings, path: Path, key: Path | None = None, **more: Any
) -> Manifest:
    given = {"progress": Silent(), **more}
    return commands.import_everything(database, settings, path, key, now=NOW, **given)


def lines(folder: Path, *, in_order: bool = True) -> dict[str, list[bytes]]:
    """The lines of the files that come back, by the names of tables."""
    read = list if in_order else sorted
    return {one.stem: read(one.read_bytes().splitlines()) for one in folder.glob("tables/*")}


# A row of everything


class Rows:
    """Makes two rows for each table: one that has a value in each column, and names a later one of
    its own table, and one that has no more than it must."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.made: dict[str, list[dict[str, Any]]] = {}
        self.count = 0

    def fill(self, session: Session) -> None:
        queries.clear(session)
        for table in metadata.sorted_tables:
            if table.name in RETURNING | CREDENTIALS | READABLE:
                full, bare = self._row(table, whole=True), self._row(table, whole=False)
                (key, *_) = table.primary_key.columns
                own = {
                    one.parent.name: bare[key.name]
                    for one in table.foreign_keys
                    if one.column.table is table
                }
                session.execute(insert(table), [bare])
                session.execute(insert(table), [full | own])
                self.made[table.name] = [full, bare]

    def _row(self, table: Table, *, whole: bool) -> dict[str, Any]:
        self.count += 1
        return {
            column.name: self._value(column, place)
            for place, column in enumerate(table.c)
            if "key of" not in column.info
            if whole or not column.nullable or f"{table.name}.{column.name}" in NEEDED
        }

    def _value(self, column: Column[Any], place: int) -> Any:
        named = f"{column.table.name}.{column.name}"
        if named in EXCLUDED:
            return None
        for key in column.foreign_keys:
            others = self.made.get(key.column.table.name)
            if key.column.table is not column.table and others:
                return others[self.count % 2][key.column.name]
        return SPECIAL[named](self) if named in SPECIAL else self._of_type(column, place)

    def _of_type(self, column: Column[Any], place: int) -> Any:
        kind, at = column.type, NOW + timedelta(days=self.count, minutes=5 * place)
        if isinstance(kind, EncryptedJson | JSON):
            return {"text": HOSTILE, "of": [self.count, None, True, 1.5]}
        if isinstance(kind, EncryptedText):
            return f"{HOSTILE}{self.count}"
        values: dict[type, Any] = {
            Birth: "1980-03",
            Word: getattr(kind, "words", None) and list(kind.words)[-1],
            Instant: at + timedelta(microseconds=7 if column.name.startswith("changed") else 0),
            Uuid: UUID(int=self.count << 64 | place),
            Date: date(2026, 12, 1),
            Boolean: True,
            Float: 1 / 3,
            Integer: self.count,
            LargeBinary: bytes([0, 10, 255, self.count]) * 8,
        }
        for one, value in values.items():
            if isinstance(kind, one):
                return value
        return f"{self.count}{HOSTILE}"[: kind.length or None]


NEEDED = {
    "schedule.practitioner_id",
    "waiting_entry.patient_id",
    "referral.practitioner_id",
    "rating.practitioner_id",
    "favourite.department_id",
    "service_need.room_id",
}
EXCLUDED = {
    "schedule.service_id",
    "waiting_entry.department_id",
    "rating.centre_id",
    "favourite.practitioner_id",
    "favourite.centre_id",
    "service_need.group_id",
    "service_need.group_name",
    "service_need.profession",
}
"""Columns that are empty because another column, which excludes them, has a value."""

SPECIAL: dict[str, Any] = {
    "referral.expertise": lambda _: None,
    "rating.stars": lambda _: 5,
    "service_request.stars": lambda _: 5,
    "account.role": lambda _: "patient",
    "account.time_zone": lambda _: "Australia/Sydney",
    "patient.time_zone": lambda _: "Australia/Lord_Howe",
    "centre.time_zone": lambda _: "Europe/Dublin",
    "group_session.taken": lambda _: 0,
    "group_session.released": lambda _: True,
    "opening_hours.weekday": lambda _: 1,
    "opening_hours.starts": lambda _: 22 * 60,
    "opening_hours.ends": lambda _: 6 * 60,
    "opening_hours.rule": lambda _: "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU",
    "outbox_message.topic": lambda _: "appointment.reminder",
    "outbox_message.state": lambda _: "waiting",
    "authenticator.secret": lambda rows: factors.stored_secret(
        rows.settings, rows.made["account"][rows.count % 2]["id"], "JBSWY3DPEHPK3PXP"
    ),
}


def test_every_column_of_every_table_comes_back_on_another_engine(
    database: Database, tmp_path: Path, settings: Settings
) -> None:
    rows = Rows(settings)
    database.run(rows.fill)
    written = leave(database, settings, tmp_path / "written")
    assert lines(written).keys() == RETURNING | CREDENTIALS
    entries = [json.loads(line)["text"] for line in lines(written)["history_entry"]]
    assert all(text.startswith(HOSTILE) for text in entries), "texts are written as they are"

    file = tmp_path / "other.sqlite3"
    with closing(Database(f"sqlite:///{file}", DATA_KEYS)) as other:
        metadata.create_all(other.engine)
        arrive(other, settings, written)
        again = leave(other, settings, tmp_path / "again")
        assert lines(again, in_order=False) == lines(written, in_order=False)
        assert check.faults(other) == []

        engines.empty(database.engine, metadata)
        arrive(database, settings, again)
    back = leave(database, settings, tmp_path / "back")
    assert lines(back) == lines(written)
    number = database.run(lambda session: factories.centre(session, "New").id)
    assert number > max(row["id"] for row in rows.made["centre"]), "numbers go on after those"
    assert database.read(lambda session: session.scalar(select(func.count(Patient.medicare_key))))


class Meanwhile(Silent):
    """Books, in a transaction of its own, as soon as the first table is written."""

    def __init__(self, database: Database):
        self.database, self.has_booked = database, False

    def track(self, what: str, items: Iterable[Any], total: int) -> Iterator[Any]:
        """Yield the items, then book."""
        yield from super().track(what, items, total)
        if not self.has_booked:
            self.has_booked = True
            self.database.run(lambda session: factories.patient(session, "Came Later"))


def test_an_export_is_of_one_moment_while_people_book(
    database: Database, tmp_path: Path, settings: Settings
) -> None:
    open_clinic(database)
    meanwhile = Meanwhile(database)
    written = leave(database, settings, tmp_path / "written", progress=meanwhile)
    names = [json.loads(line)["name"] for line in lines(written)["patient"]]
    assert meanwhile.has_booked
    assert names
    assert "Came Later" not in names


def test_without_credentials_nobody_gets_in_by_what_is_written(
    sqlite_database: Database, tmp_path: Path, settings: Settings
) -> None:
    sqlite_database.run(Rows(settings).fill)
    written = leave(sqlite_database, settings, tmp_path / "written", Contents())
    assert lines(written).keys() == RETURNING
    assert all(b"password" not in json.loads(line) for line in lines(written)["account"])
    assert stat.S_IMODE(written.stat().st_mode) == 0o700
    for path in written.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)

    engines.empty(sqlite_database.engine, metadata)
    arrive(sqlite_database, settings, written)
    accounts = sqlite_database.read(lambda session: session.scalars(select(Account)).all())
    assert {account.password for account in accounts} == {commands.NO_PASSWORD}
    assert len({account.fs_uniquifier for account in accounts}) == len(accounts)


def test_only_reminders_that_are_to_come_leave_the_outbox(
    sqlite_database: Database, tmp_path: Path, settings: Settings
) -> None:
    rows = [
        {"topic": topic, "state": state, "payload": {}, "created_at": NOW, "due_at": NOW}
        for topic, state in (
            ("mail", "waiting"),
            ("webhook:1", "waiting"),
            ("appointment.booked", "waiting"),
            ("appointment.reminder", "done"),
            ("appointment.reminder", "waiting"),
        )
    ]
    sqlite_database.run(lambda session: session.execute(insert(OutboxMessage), rows) and None)
    written = leave(sqlite_database, settings, tmp_path / "written")
    (left,) = map(json.loads, lines(written)["outbox_message"])
    assert (left["topic"], left["state"]) == ("appointment.reminder", "waiting")


@pytest.fixture
def written(sqlite_database: Database, tmp_path: Path, settings: Settings) -> Path:
    """The export of a clinic with two appointments, whose database is empty again."""
    clinic = open_clinic(sqlite_database)
    for start in (START, START + timedelta(days=1)):
        book = partial(
            factories.appointment,
            schedule_id=clinic.schedule,
            patient_id=clinic.patient,
            start=start,
            now=NOW,
        )
        sqlite_database.run(book)
    target = leave(sqlite_database, settings, tmp_path / "clinic", Contents())
    engines.empty(sqlite_database.engine, metadata)
    return target


def rewrite(folder: Path, table: str, number: int, line: str) -> None:
    """Replace a line, and put the file's new hash into the manifest."""
    path = folder / f"tables/{table}.ndjson"
    some = path.read_bytes().splitlines(keepends=True)
    some[number] = f"{line}\n".encode()
    path.write_bytes(b"".join(some))
    manifest = json.loads((folder / "manifest.json").read_text())
    for file in manifest["files"]:
        if file["name"] == f"tables/{table}.ndjson":
            file["sha256"] = sha256(path.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def change(folder: Path, table: str, number: int, **values: Any) -> None:
    row = json.loads(lines(folder)[table][number]) | values
    rewrite(folder, table, number, json.dumps(row))


def refusals(database: Database, settings: Settings, folder: Path) -> list[str]:
    with pytest.raises(ImportRefused) as refused:
        arrive(database, settings, folder)
    assert database.read(queries.not_empty) == [], "nothing is half-written"
    return [str(problem) for problem in refused.value.problems]


def test_what_is_wrong_is_named_by_file_line_and_field(
    sqlite_database: Database, settings: Settings, written: Path
) -> None:
    change(written, "account", 0, role="king", unheard_of=1)
    change(written, "account", 1, email="a" * 255, created_at="2026-11-30T09:00:00")
    rewrite(written, "account", 2, "no row")
    change(written, "centre", 0, time_zone="Mars/Olympus", diary_id=-7, active=1, name=None)
    change(written, "schedule", 0, slot_minutes=0)
    change(written, "patient", 0, name="half \ud800", born="1980-02-30", id="me")
    assert refusals(sqlite_database, settings, written) == [
        "tables/account.ndjson, line 1, column unheard_of: There is no such field.",
        "tables/account.ndjson, line 1, column role: This must be one of patient, practitioner, "
        "staff, centre-admin, network-admin.",
        "tables/account.ndjson, line 2, column email: This must be a text of at most 254 "
        "characters.",
        "tables/account.ndjson, line 2, column created_at: This must be an instant with its "
        "offset, such as 2026-11-30T09:00:00+00:00.",
        "tables/account.ndjson, line 3: This line is no JSON object.",
        "tables/centre.ndjson, line 1, column diary_id: This must be a whole number, 0 or more.",
        "tables/centre.ndjson, line 1, column name: Fill in this field.",
        "tables/centre.ndjson, line 1, column time_zone: This must be a time zone of this machine.",
        "tables/centre.ndjson, line 1, column active: This must be true or false.",
        "tables/patient.ndjson, line 1, column id: This must be a UUID.",
        "tables/patient.ndjson, line 1, column name: This must be a text.",
        "tables/patient.ndjson, line 1, column born: This must be a date such as 1980-03-31.",
        "tables/schedule.ndjson, line 1, column slot_minutes: This must be a whole number, 5 or "
        "more.",
    ]


def test_what_ends_before_it_begins_is_named_and_a_night_is_not(
    sqlite_database: Database, settings: Settings, written: Path
) -> None:
    change(written, "opening_hours", 0, starts=22 * 60, ends=6 * 60)
    change(written, "opening_hours", 1, starts=17 * 60, ends=9 * 60)
    change(written, "opening_hours", 2, starts=9 * 60, ends=9 * 60)
    change(written, "opening_hours", 3, valid_from="2026-12-02", valid_until="2026-12-01")
    change(written, "opening_hours", 4, rule="FREQ=NOW", valid_from="2026-12-01")
    ends_at = json.loads(lines(written)["appointment"][0])["starts_at"]
    change(written, "appointment", 0, ends_at=ends_at)
    places = [one.partition(": ")[0] for one in refusals(sqlite_database, settings, written)]
    assert places == [
        "tables/appointment.ndjson, line 1, column ends_at",
        "tables/opening_hours.ndjson, line 2, column ends",
        "tables/opening_hours.ndjson, line 3, column ends",
        "tables/opening_hours.ndjson, line 4, column valid_until",
        "tables/opening_hours.ndjson, line 5, column rule",
    ]


@pytest.mark.parametrize(
    ("table", "values", "place"),
    [
        ("appointment", {"schedule_id": 4711}, ", line 2, column schedule_id"),
        ("appointment", {"id": None}, ", line 2, column id"),
        ("rating", {"stars": 6}, ", line 2"),
    ],
)
def test_a_row_that_contradicts_others_is_named(
    database: Database,
    tmp_path: Path,
    settings: Settings,
    table: str,
    values: dict[str, Any],
    place: str,
) -> None:
    database.run(Rows(settings).fill)
    folder = leave(database, settings, tmp_path / "written")
    engines.empty(database.engine, metadata)
    same = json.loads(lines(folder)[table][0])
    change(folder, table, 1, **{key: value or same[key] for key, value in values.items()})
    (problem,) = refusals(database, settings, folder)
    assert problem.startswith(f"tables/{table}.ndjson{place}: ")


def test_a_time_that_is_booked_twice_is_refused(
    sqlite_database: Database, settings: Settings, written: Path
) -> None:
    first = json.loads(lines(written)["appointment"][0])
    times = {name: first[name] for name in ("starts_at", "ends_at", "busy_from", "busy_until")}
    change(written, "appointment", 1, **times, one_a_day="another")
    problems = refusals(sqlite_database, settings, written)
    assert [problem.rpartition(" UTC ")[2] for problem in problems] == ["is booked twice."] * 2


def test_files_that_were_changed_or_lost_are_refused(
    sqlite_database: Database, settings: Settings, written: Path
) -> None:
    (written / "tables/favourite.ndjson").unlink()
    with (written / "tables/room.ndjson").open("a") as file:
        file.write("{}")
    problems = refusals(sqlite_database, settings, written)
    assert "tables/favourite.ndjson: This file is missing." in problems
    assert (
        "tables/room.ndjson: This file was changed, or is damaged: its SHA-256 is not that of the "
        "manifest."
    ) in problems


def test_an_export_of_another_version_and_a_database_with_rows_are_refused(
    sqlite_database: Database, settings: Settings, written: Path
) -> None:
    arrive(sqlite_database, settings, written, rehearse=True)
    assert sqlite_database.read(queries.not_empty) == [], "a rehearsal writes nothing"
    arrive(sqlite_database, settings, written)
    with pytest.raises(DatabaseNotEmpty, match="account"):
        arrive(sqlite_database, settings, written)
    manifest = written / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"revision": "', '"revision": "9'))
    with pytest.raises(OtherVersion):
        arrive(sqlite_database, settings, written)


def test_a_folder_is_whole_or_not_there_and_never_written_over(
    sqlite_database: Database, tmp_path: Path, settings: Settings
) -> None:
    open_clinic(sqlite_database)

    @contextmanager
    def full(*_: object) -> Iterator[Iterable[Further]]:
        raise OSError(28, "No space left on device")
        yield ()

    with pytest.raises(CannotWrite, match="No space left"):
        leave(sqlite_database, settings, tmp_path / "out", others=full)
    (tmp_path / "out").mkdir()
    with pytest.raises(AlreadyWritten):
        leave(sqlite_database, settings, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir() if path.name != "data"] == ["out"]
    assert [*(tmp_path / "out").iterdir()] == [*(tmp_path / "data").iterdir()] == []


class Meeting(Silent):
    """Waits while it writes, if it can, until another import writes, too."""

    def __init__(self, writers: Barrier):
        self.writers, self.tracked = writers, list[str]()

    def track(self, what: str, items: Iterable[Any], total: int) -> Iterator[Any]:
        """Yield the items; those of a table for the second time to write them."""
        self.tracked.append(what)
        if self.tracked.count("centre") == 2 and what == "centre":
            with suppress(BrokenBarrierError):
                self.writers.wait()
        yield from super().track(what, items, total)


def test_of_two_imports_at_once_one_finds_the_rows_of_the_other(
    database: Database, tmp_path: Path, settings: Settings
) -> None:
    open_clinic(database)
    folder = leave(database, settings, tmp_path / "written", Contents())
    engines.empty(database.engine, metadata)
    writers = Barrier(2, timeout=0.5)

    def imported(_number: int) -> bool:
        try:
            arrive(database, settings, folder, progress=Meeting(writers))
        except DatabaseNotEmpty:
            return False
        return True

    assert sorted(race(2, imported)) == [False, True]


def test_one_encrypted_file_comes_back_with_its_key(
    sqlite_database: Database, tmp_path: Path, settings: Settings
) -> None:
    open_clinic(sqlite_database, patient_name="Ann Example")
    recipient = archives.new_key(tmp_path / "key")
    contents = Contents(recipients=[recipient])
    file = leave(sqlite_database, settings, tmp_path / "everything.age", contents)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"Example" not in file.read_bytes()
    engines.empty(sqlite_database.engine, metadata)
    arrive(sqlite_database, settings, file, tmp_path / "key")
    name = sqlite_database.read(lambda session: session.scalar(select(Patient.name)))
    assert name == "Ann Example"


def test_each_table_comes_back_is_for_reading_or_says_why_it_stays() -> None:
    groups = [RETURNING, CREDENTIALS, READABLE, LEFT_OUT.keys()]
    assert sorted(name for group in groups for name in group) == sorted(metadata.tables)
