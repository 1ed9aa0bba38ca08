"""Backups: made while people book, restored elsewhere, and refused with a sentence."""

import json
import re
import resource
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Event, Thread
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZIP_LZMA, ZipFile

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Column, Engine, MetaData, String, Table, select

import factories
from clinic import NOW, START, open_clinic
from engines import DATA_KEYS
from openslot.backups import archives, commands, queries
from openslot.backups.queries import Location
from openslot.booking.models import Appointment
from openslot.core import clock, facts
from openslot.core.config import Settings
from openslot.core.data_keys import new_key
from openslot.core.db import Database
from openslot.core.engines import make_engine
from openslot.entrypoints.cli.main import cli
from openslot.migrations import revisions

CLERKS, DAYS, FIRST = 4, 24, 6
"""Who books, on how many days, and how many bookings there are before the backup begins."""

Run = Callable[..., Result]


@pytest.fixture
def stamped(database: Database) -> Iterator[Database]:
    """The database, marked as upgraded, on each engine."""
    with upgraded(database):
        yield database


@pytest.fixture
def stamped_file(sqlite_database: Database) -> Iterator[Database]:
    """The same on SQLite."""
    with upgraded(sqlite_database):
        yield sqlite_database


@contextmanager
def upgraded(database: Database) -> Iterator[None]:
    mark = Table("alembic_version", MetaData(), Column("version_num", String(32)))
    with database.engine.begin() as connection:
        mark.create(connection)
        connection.execute(mark.insert().values(version_num=revisions.head()))
    yield
    mark.drop(database.engine)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    archives.new_key(file)
    return file


@pytest.fixture
def run(tmp_path: Path, key: Path) -> Run:
    """Runs a command on a database, with a data folder of its own for each, encrypted."""
    (tmp_path / "backups").mkdir()

    def command(engine: Engine, *words: str | Path, **settings: str) -> Result:
        environment = {
            "OPENSLOT_DATABASE_URL": engine.url.render_as_string(hide_password=False),
            "OPENSLOT_DATA_DIR": str(tmp_path / str(engine.url.database).replace("/", "_")),
            "OPENSLOT_BACKUP_RECIPIENTS": key.read_text().split()[3],
            **settings,
        }
        return CliRunner(env=environment).invoke(cli, [str(word) for word in words])

    return command


def acknowledged(database: Database, booked: set[UUID], stop: Event) -> list[Thread]:
    """Clerks who book one appointment a day each, and note those that were confirmed."""
    clinic = open_clinic(database)

    def book_on(number: int) -> None:
        for day in range(DAYS):
            start = START + timedelta(days=day, minutes=30 * number)
            patient = clinic.patient if number == 0 else patients[number - 1]
            book = partial(
                factories.appointment,
                schedule_id=clinic.schedule,
                start=start,
                patient_id=patient,
                now=NOW,
            )
            if stop.is_set():
                return
            booked.add(database.run(book).id)

    patients = database.run(
        lambda session: [
            factories.patient(session, f"Patient {number}").id for number in range(1, CLERKS)
        ]
    )
    return [Thread(target=book_on, args=(number,)) for number in range(CLERKS)]


def test_a_backup_while_people_book_has_every_booking_confirmed_before(
    stamped: Database, blank_engine: Engine, run: Run, key: Path, tmp_path: Path
) -> None:
    booked, stop = set[UUID](), Event()
    clerks = acknowledged(stamped, booked, stop)
    for clerk in clerks:
        clerk.start()
    while len(booked) < FIRST:
        stop.wait(0.005)
    before = set(booked)
    made = run(stamped.engine, "backup", tmp_path / "backups")
    during = set(booked) - before
    stop.set()
    for clerk in clerks:
        clerk.join()
    assert made.exit_code == 0, made.output
    assert during, "nobody booked meanwhile"
    (file,) = (tmp_path / "backups").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"Example" not in file.read_bytes()

    checked = run(stamped.engine, "restore", "--check", "--key", key, file)
    assert checked.exit_code == 0, checked.output
    count = int(re.search(r"^appointments: (\d+)$", checked.output, re.MULTILINE)[1])
    assert len(before) <= count <= len(booked)
    assert re.search(r"^It took \d+\.\d s\.$", checked.output, re.MULTILINE)

    if blank_engine.dialect.name != "sqlite":  # a file is only renamed once it is whole
        broken = tmp_path / "broken"
        manifest = archives.Manifest(
            version="1", engine=blank_engine.dialect.name, revision=revisions.head(), made_at=""
        )
        with archives.writing(broken, manifest, []) as archive:
            dump = f"CREATE TABLE half (id INT);\n\\! touch {tmp_path / 'run'}\nnonsense;"
            archive.writestr(archives.DATABASE, dump)
        assert " failed: " in run(blank_engine, "restore", "--without-seal", broken).output
        assert not (tmp_path / "run").exists(), "a backup is no program"
        assert not queries.has_tables(blank_engine)
    restored = run(blank_engine, "restore", "--key", key, file)
    assert restored.exit_code == 0, restored.output
    with closing(
        Database(blank_engine.url.render_as_string(hide_password=False), DATA_KEYS)
    ) as elsewhere:
        ids = set(elsewhere.read(lambda session: session.scalars(select(Appointment.id)).all()))
        assert before <= ids
        assert len(ids) == count
    assert run(blank_engine, "check").exit_code == 0
    again = run(blank_engine, "restore", "--key", key, file)
    assert again.exit_code == 1
    assert "is not empty" in again.output


def test_the_secret_key_comes_back_with_an_encrypted_backup_only(
    stamped_file: Database, run: Run, key: Path, tmp_path: Path
) -> None:
    engine, empty = stamped_file.engine, make_engine(f"sqlite:///{tmp_path}/empty.sqlite3")
    settings = Settings(_env_file=None, data_dir=tmp_path / "first")
    first, second = str(settings.data_dir), str(tmp_path / "second")
    settings.key()
    file, plain = tmp_path / "encrypted", tmp_path / "plain"
    assert run(engine, "backup", file, OPENSLOT_DATA_DIR=first).exit_code == 0
    words = ("backup", plain)
    made = run(engine, *words, OPENSLOT_DATA_DIR=first, OPENSLOT_BACKUP_RECIPIENTS="")
    assert "The backup is not encrypted" in made.output
    assert ZipFile(plain).namelist() == ["manifest.json", "database", "seal"]
    noted = stamped_file.read(facts.last_backup)
    assert noted
    assert clock.now() - noted < timedelta(minutes=1)

    Settings(_env_file=None, data_dir=Path(second)).keep_key("another")
    refused = run(empty, "restore", "--key", key, file, OPENSLOT_DATA_DIR=second)
    assert "is of another deployment" in refused.output
    Path(second, "secret_key").unlink()
    assert run(empty, "restore", "--check", plain, OPENSLOT_DATA_DIR=second).exit_code == 0
    assert not list(Path(second).iterdir()), "a try leaves nothing behind"
    words = ("restore", "--key", key, file)
    assert run(empty, *words, OPENSLOT_DATA_DIR=second).exit_code == 0
    assert Path(second, "secret_key").read_text() == settings.key()
    empty.dispose()


def test_a_backup_that_somebody_else_wrote_for_the_same_key_is_refused(
    stamped_file: Database, run: Run, key: Path, tmp_path: Path
) -> None:
    made, forged, old = tmp_path / "made", tmp_path / "forged", tmp_path / "old"
    assert run(stamped_file.engine, "backup", made, OPENSLOT_BACKUP_RECIPIENTS="").exit_code == 0
    with ZipFile(made) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    recipients = archives.recipients_of([key.read_text().split()[3]])
    manifest = archives.Manifest.model_validate_json(members["manifest.json"])
    for file, seal in ((forged, True), (old, False)):
        with archives.writing(file, manifest, recipients) as archive:
            archive.writestr("database", members["database"] + b"\0")
            if seal:
                archive.writestr("seal", members["seal"])

    def check(*words: str | Path, **settings: str) -> str:
        return run(
            stamped_file.engine, "restore", "--check", "--key", key, *words, **settings
        ).output

    assert re.search(r"It is sealed with the data key [0-9a-f]{8}\.", check(made))
    assert "its seal is of other contents" in check(forged)
    assert "its seal is of other contents" in check("--without-seal", forged)
    assert "has no seal, as those of older versions" in check(old)
    assert "It has no seal: nothing tells who wrote it." in check("--without-seal", old)
    assert "which is not set" in check(made, OPENSLOT_DATA_KEYS=new_key())


def test_only_the_newest_backups_of_a_database_are_kept(
    stamped_file: Database, run: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    name = Path(str(stamped_file.engine.url.database)).stem
    older = [f"{name}-2026010{day}-000000.zip" for day in range(1, 5)]
    others = ["other-20260101-000000.zip", f"{name}-notes.zip", "letter.txt"]
    for other in (*older, *others):
        (folder / other).touch()
    made = run(stamped_file.engine, "backup", folder, "--keep", "3")
    assert made.exit_code == 0, made.output
    left = {file.name for file in folder.iterdir()}
    assert left >= {*older[2:], *others}
    assert len(left) == 3 + len(others)
    wrong = run(stamped_file.engine, "backup", tmp_path / "file", "--keep", "3")
    assert "--keep needs a folder" in wrong.output


def test_what_cannot_be_restored_is_refused_with_a_sentence(
    stamped_file: Database, run: Run, key: Path, tmp_path: Path
) -> None:
    engine = stamped_file.engine
    file, damaged, letter = tmp_path / "file", tmp_path / "damaged", tmp_path / "letter"
    run(engine, "backup", file)
    damaged.write_bytes(file.read_bytes()[:-1])
    letter.write_text("Dear doctor")
    wrong_key = tmp_path / "wrong"
    archives.new_key(wrong_key)
    of_server, newer = tmp_path / "of-server", tmp_path / "newer"
    for path, changed in ((of_server, {"engine": "postgresql"}), (newer, {"revision": "9999"})):
        usual = {"version": "7.0", "engine": "sqlite", "revision": revisions.head(), "made_at": ""}
        with archives.writing(path, archives.Manifest(**(usual | changed)), []):
            pass
    hostile = {
        "packed otherwise": (json.dumps(usual), ZIP_LZMA),
        "endless": (json.dumps(usual) + " " * 10_000, ZIP_DEFLATED),
        "no ASCII": (json.dumps(usual | {"version": "é"}, ensure_ascii=False), ZIP_DEFLATED),
    }
    for name, (text, packing) in hostile.items():
        with ZipFile(tmp_path / name, "w", packing) as archive:
            archive.writestr("manifest.json", text)
            archive.writestr("database", "")
    sentences = {
        "Give the file with the secret key": (file,),
        "was encrypted for other keys": ("--key", wrong_key, file),
        "has no secret key of age": ("--key", letter, file),
        "is no backup of OpenSlot, or it is damaged": ("--key", key, damaged),
        "it cannot be read": (letter,),
        "damaged: No such file or directory": (tmp_path / "nothing",),
        "nothing has no secret key of age": ("--key", tmp_path / "nothing", file),
        "The backup is of postgresql, and the database is sqlite": (of_server,),
        "of a newer version of OpenSlot (7.0)": (newer,),
    }
    with no_larger_files_than(100_000):
        full = run(engine, "restore", "--check", "--key", key, file)
    assert "cannot be written: " in full.output
    for sentence, words in sentences.items():
        refused = run(engine, "restore", "--check", *words)
        assert refused.exit_code == 1, refused.output
        assert sentence in refused.output
    for name in hostile:
        refused = run(engine, "restore", "--check", tmp_path / name)
        assert "it cannot be read" in refused.output, name


def test_a_backup_that_fails_leaves_no_file(
    stamped_file: Database, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, programs = tmp_path / "backups", tmp_path / "programs"
    server = Location("postgresql", "clinic", {})
    monkeypatch.setattr(commands, "location_of", lambda _database: server)

    def refused(**settings: str) -> str:
        made = run(stamped_file.engine, "backup", folder, **settings)
        assert made.exit_code == 1, made.output
        assert not list(folder.iterdir())
        return made.output

    monkeypatch.setenv("PATH", str(programs))
    assert "pg_dump is not installed. Install postgresql-client" in refused()
    programs.mkdir()
    (programs / "pg_dump").write_text("#!/bin/sh\necho half\necho the server is away >&2\nexit 1\n")
    (programs / "pg_dump").chmod(0o755)
    assert "pg_dump failed: the server is away" in refused()
    (programs / "pg_dump").write_text("#!/bin/sh\n/usr/bin/head -c 9000000 /dev/urandom\n")
    with no_larger_files_than(5_000_000):
        assert "cannot be written: File too large" in refused()
        assert "cannot be written: File too large" in refused(OPENSLOT_BACKUP_RECIPIENTS="")
    assert "is no public key of age" in refused(OPENSLOT_BACKUP_RECIPIENTS="age1wrong")


@contextmanager
def no_larger_files_than(size: int) -> Iterator[None]:
    """Have the system refuse larger files, as a full disk would."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
