"""The openslot command: what it does, what it says, and its exit codes."""

import io
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import click
import pytest
from click.testing import CliRunner, Result
from rich.console import Console
from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.orm import Session

import professions
from engines import DATA_KEYS
from factories import NOW
from faults.serving_process import children
from importing import DOCUMENTS, EXAMPLES, MEDISOFT, QUICK
from mongoserver import address, running
from openslot.booking import check
from openslot.core import clock, sealing
from openslot.core.audit import AuditEvent
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.demo.load import LOGINS, MARKER
from openslot.directory.models import (
    Centre,
    Department,
    Patient,
    Practitioner,
    StaffMember,
)
from openslot.entrypoints.cli import demonstration, progress, serving, transferring
from openslot.entrypoints.cli.main import cli
from openslot.identity import queries as identities
from openslot.identity import sessions
from openslot.identity.commands import sign_in, source_of
from openslot.identity.models import Account, Passkey
from openslot.importers import documents, tables
from openslot.importers.progress import Silent
from openslot.migrations import revisions
from openslot.migrations import run as migrations
from openslot.schedules.models import DiaryPage
from working import work

T = TypeVar("T")

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command with an embedded database in a folder of its own."""
    monkeypatch.setenv("OPENSLOT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("OPENSLOT_PASSWORD_ITERATIONS", "1")
    monkeypatch.chdir(tmp_path)

    def command(*words: str | Path, input: str | None = None) -> Result:
        return CliRunner().invoke(cli, [str(word) for word in words], input=input)

    return command


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose database has all tables and nothing else."""
    data = tmp_path_factory.mktemp("upgraded") / "data"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OPENSLOT_DATA_DIR", str(data))
        assert CliRunner().invoke(cli, ["db", "upgrade"]).exit_code == 0
    return data


@pytest.fixture
def database(run: Run, tmp_path: Path, upgraded: Path) -> Iterator[Database]:
    """The database of the commands, with all tables."""
    shutil.copytree(upgraded, tmp_path / "data")
    database = Database(f"sqlite:///{tmp_path}/data/openslot.sqlite3", DATA_KEYS)
    yield database
    database.close()


def accounts(database: Database) -> list[Account]:
    return database.read(lambda session: list(session.scalars(select(Account))))


# The manual


def test_the_manual_names_every_command(run: Run) -> None:
    result = run("--help")
    listed = re.findall(r"^  (\w[\w-]*) +[A-Z]", result.output, re.MULTILINE)
    assert listed == [
        "serve",
        "worker",
        "demo",
        "db",
        "import",
        "export",
        "check",
        "backup",
        "backup-key",
        "restore",
        "account",
        "message",
        "patient",
        "key",
        "keys",
        "client",
        "tenant",
    ]


@pytest.mark.parametrize(
    "words",
    [
        ["serve"],
        ["worker"],
        ["demo"],
        ["db"],
        ["db", "upgrade"],
        ["db", "downgrade"],
        ["db", "status"],
        ["import"],
        ["export"],
        ["check"],
        ["backup"],
        ["backup-key"],
        ["restore"],
        ["account"],
        ["account", "create"],
        ["account", "list"],
        ["account", "password"],
        ["key", "create"],
        ["key", "list"],
    ],
    ids=" ".join,
)
def test_each_command_has_a_page_of_the_manual(run: Run, words: list[str]) -> None:
    result = run(*words, "--help")
    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 5


def test_the_version_is_told(run: Run) -> None:
    assert re.fullmatch(r"openslot, version \d+\.\d+\.\d+\n", run("--version").output)


# Settings and the database


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("OPENSLOT_SMTP_PORT", "many", "OPENSLOT_SMTP_PORT: Input should be a valid integer"),
        ("OPENSLOT_HOLD_MINUTES", "0", "OPENSLOT_HOLD_MINUTES: Input should be greater than"),
        ("OPENSLOT_TIME_ZONE", "Mars", "OPENSLOT_TIME_ZONE: 'Mars' is not an IANA time zone"),
        ("OPENSLOT_LOG_LEVEL", "loud", "OPENSLOT_LOG_LEVEL: Input should be 'debug'"),
    ],
)
def test_a_wrong_setting_stops_with_a_sentence(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(name, value)
    result = run("check")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {sentence}")
    assert len(result.stderr.splitlines()) == 1


def test_several_wrong_settings_are_all_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSLOT_SMTP_PORT", "many")
    monkeypatch.setenv("OPENSLOT_COUNTRY", "Oz")
    assert len(run("check").stderr.splitlines()) == 2


@pytest.mark.parametrize(
    "url", ["postgresql://nobody@127.0.0.1:1/none", "mysql://nobody@127.0.0.1:1/none", "what?"]
)
def test_a_database_that_does_not_answer_is_a_sentence(
    run: Run, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("OPENSLOT_DATABASE_URL", url)
    result = run("check")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: The database does not answer. Check")
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "words", [["serve"], ["worker"], ["check"], ["import", "x"], ["account", "list"]], ids=" ".join
)
def test_old_tables_stop_a_command_which_says_what_to_run(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("OPENSLOT_DATABASE_URL", f"sqlite:///{tmp_path}/own.sqlite3")
    result = run(*words)
    assert result.exit_code == 1
    assert result.stderr.endswith("Run: openslot db upgrade\n")


def test_the_embedded_database_is_made_at_first_use(run: Run) -> None:
    assert run("check").exit_code == 0
    assert run("db", "status").exit_code == 0


def test_db_upgrade_status_and_downgrade(run: Run) -> None:
    before = run("db", "status")
    assert (before.exit_code, before.stdout.splitlines()[0]) == (1, "tables: none")
    assert run("db", "upgrade").exit_code == 0
    assert run("db", "upgrade").exit_code == 0
    assert run("db", "status").exit_code == 0
    assert run("db", "downgrade", "base", input="n\n").exit_code == 1
    assert run("db", "status").exit_code == 0
    assert run("db", "downgrade", "base", input="y\n").exit_code == 0
    assert run("db", "status").exit_code == 1
    wrong = run("db", "downgrade", "9999", "--yes")
    assert (wrong.exit_code, wrong.stderr) == (
        1,
        "Error: Can't locate revision identified by '9999'.\n",
    )


def test_an_interrupted_upgrade_leaves_no_words_in_the_file(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("db", "upgrade")
    run("db", "downgrade", "0042", "--yes")
    file = tmp_path / "data" / "openslot.sqlite3"
    made = "'2026-11-22 08:00:00.000000'"
    row = f"hex(randomblob(16)), 'mail', '{'mucoviscidosis ' * 200}', 'sent', {made}, {made}, 0"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("PRAGMA secure_delete = OFF")
        for _ in range(200):
            database.execute(
                "INSERT INTO outbox_message (id, topic, payload, state, created_at, due_at, "
                f"attempts) VALUES ({row})"
            )
        database.execute("DELETE FROM outbox_message")
    assert file.read_bytes().count(b"mucoviscidosis") > 100

    def interrupted(_database: Database, **_how: bool) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Database, "scrub", interrupted)
        assert run("db", "upgrade").exit_code == 1
    assert run("db", "upgrade").exit_code == 0
    assert file.read_bytes().count(b"mucoviscidosis") == 0


# Import


def test_import_tells_what_it_did_and_does_nothing_twice(run: Run, database: Database) -> None:
    first = run("import", MEDISOFT, DOCUMENTS)
    assert first.exit_code == 0
    assert first.stdout.splitlines()[-1] == "total: 86 created, 0 changed, 0 unchanged"
    assert "favourites: 2 created" in first.stdout
    second = run("import", MEDISOFT, DOCUMENTS)
    assert second.stdout.splitlines()[-1] == "total: 0 created, 0 changed, 86 unchanged"


def test_export_writes_what_import_takes_and_replaces_no_file(
    run: Run, database: Database, tmp_path: Path
) -> None:
    run("import", MEDISOFT, EXAMPLES)
    first, second = (run("export", "--services", tmp_path / "out") for _ in range(2))
    assert first.stdout.count(".csv\n") == 4
    again = run("import", tmp_path / "out")
    assert again.stdout.splitlines()[-1] == "total: 0 created, 0 changed, 12 unchanged"
    assert second.exit_code == 1
    assert second.stderr.endswith("services.csv is there already. Name an empty folder.\n")


def test_everything_leaves_for_one_data_folder_and_arrives_in_another(
    run: Run, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("import", MEDISOFT)
    key = run("backup-key", tmp_path / "key").stdout.strip()
    left = run("export", tmp_path / "left")
    assert left.exit_code == 0, left.output
    assert "tables/account.ndjson: " in left.stdout
    assert "HAS HEALTH RECORDS AND PERSONAL DATA IN CLEAR" in left.stderr
    assert "in clear" in (tmp_path / "left/README.md").read_text()
    hidden = run("export", "--recipient", key, tmp_path / "left.age")
    assert (hidden.exit_code, "IN CLEAR" in hidden.stderr) == (0, False)
    again = run("import", tmp_path / "left")
    assert "imported into an empty database only" in again.stderr

    monkeypatch.setenv("OPENSLOT_DATA_DIR", str(tmp_path / "another"))
    assert "Give the file with the secret key" in run("import", tmp_path / "left.age").stderr
    tried = run("import", "--dry-run", "--key", tmp_path / "key", tmp_path / "left.age")
    assert "Nothing was written." in tried.stdout
    arrived = run("import", "--key", tmp_path / "key", tmp_path / "left.age")
    assert arrived.exit_code == 0, arrived.output
    assert "fhir/" not in arrived.stdout
    assert run("check").exit_code == 0


def test_import_problems_go_to_standard_error_with_exit_code_1(
    run: Run, database: Database, tmp_path: Path
) -> None:
    (tmp_path / "patient.csv").write_text("patient_email,password\nnobody,x\n")
    result = run("import", tmp_path / "patient.csv")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-2:] == [
        "patient.csv, line 2, column patient_email: Enter an email address such as "
        "name@example.com.",
        "Nothing was imported. Problems found: 1. Correct them and import again.",
    ]
    assert accounts(database) == []


def test_a_dry_run_writes_nothing(run: Run, database: Database) -> None:
    result = run("import", MEDISOFT, "--dry-run")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-2:] == [
        "total: 47 created, 0 changed, 0 unchanged",
        "This was a dry run. Nothing was written.",
    ]
    assert accounts(database) == []


def test_import_takes_a_time_zone(run: Run, database: Database) -> None:
    wrong = run("import", DOCUMENTS, "--time-zone", "Mars")
    assert wrong.exit_code == 2
    assert "Mars is not a time zone. Use a name like Australia/Sydney." in wrong.stderr
    assert run("import", DOCUMENTS, "--time-zone", "Europe/Dublin").exit_code == 0
    zones = database.read(lambda session: set(session.scalars(select(Centre.time_zone))))
    assert zones == {"Europe/Dublin"}


def test_import_takes_a_time_zone_for_each_path(run: Run, database: Database) -> None:
    result = run(
        "import",
        MEDISOFT,
        f"{DOCUMENTS}/",
        "--time-zone",
        f"{DOCUMENTS}=Europe/Dublin",
        "--time-zone",
        "Australia/Perth",
    )
    assert result.exit_code == 0
    assert {"new centres in Australia/Perth: 6", "new centres in Europe/Dublin: 2"} <= set(
        result.stdout.splitlines()
    )
    wrong = run("import", MEDISOFT, "--time-zone", "elsewhere=Europe/Dublin")
    assert (wrong.exit_code, "elsewhere is not imported." in wrong.stderr) == (2, True)


def test_import_takes_the_address_of_a_database(run: Run, database: Database) -> None:
    documents = [{"_id": 1, "site_name": "Naas General Hospital", "site_info": "Naas"}]
    with running({"medical": {"facility": documents}}) as server:
        result = run("import", address(server, "medical"), "--time-zone", "Europe/Dublin")
    assert "centres: 1 created, 0 changed, 0 unchanged" in result.stdout
    refused = run("import", "mongodb://ann:secret@localhost")
    assert refused.exit_code == 1
    assert "secret" not in refused.output
    assert "Enter the address with the database" in refused.stderr


# Check


def test_check_finds_what_is_wrong_and_repairs_it(run: Run, database: Database) -> None:
    assert run("import", DOCUMENTS).exit_code == 0
    good = run("check")
    diaries, seals, unsealed, *left_open = good.stdout.splitlines()
    assert (good.exit_code, diaries) == (
        0,
        "All diaries match their appointments, holds and absences.",
    )
    assert seals == "The audit log has no seal yet. The worker will seal it."
    assert re.fullmatch(r"Audit events not sealed yet: \d+, the oldest from .*", unsealed)
    assert any("OPENSLOT_PUBLIC_URL" in sentence for sentence in left_open)
    database.run(lambda session: session.execute(delete(DiaryPage)))
    diary = database.read(lambda session: session.scalars(select(Centre.diary_id)).first())
    page = {"diary_id": diary, "day": 20_000, "taken": b"\x01" + bytes(35)}
    database.run(lambda session: session.execute(insert(DiaryPage), [page]))
    bad = run("check")
    assert bad.exit_code == 1
    assert len(bad.stdout.splitlines()) == 3 + len([seals, unsealed, *left_open])
    assert f"centre (diary {diary}): diary {diary}: 2024-10-04 00:00 to 00:05 UTC" in bad.stdout
    assert bad.stderr == "Error: Remaining faults: 3. Run: openslot check --repair\n"
    repaired = run("check", "--repair")
    assert repaired.exit_code == 0
    assert "Repaired pages: 3." in repaired.stdout.splitlines()
    assert check.faults(database) == []


def test_check_finds_an_audit_that_was_changed(run: Run, database: Database) -> None:
    assert run("import", DOCUMENTS).exit_code == 0
    later = datetime.now(UTC) + timedelta(hours=1)
    keys = Settings().seal_keys()
    sealed = database.run(lambda session: sealing.seal_next(session, now=later, keys=keys))
    assert sealed
    good = run("check")
    assert good.exit_code == 0
    newest = f"The newest is number 1 from {later:%Y-%m-%d %H:%M} UTC: "
    assert f"All seals of the audit log are intact. {newest}" in good.stdout
    assert sealed.digest in good.stdout
    assert "Seals are made with the secret key from number 1 on." in good.stdout
    database.run(lambda session: session.execute(update(AuditEvent).values(address="192.0.2.7")))
    bad = run("check", "--repair")
    assert bad.exit_code == 1
    assert "audit seal 1: it, or one of its" in bad.stdout
    assert bad.stderr.startswith(
        "Error: Broken seals: 1. The audit log was changed outside OpenSlot"
    )


@pytest.mark.parametrize("at", [0.3, 0.6, 0.9])
def test_check_of_a_damaged_file_ends_with_a_sentence(
    run: Run, database: Database, tmp_path: Path, at: float
) -> None:
    assert run("import", DOCUMENTS).exit_code == 0
    database.close()
    file = tmp_path / "data" / "openslot.sqlite3"
    content = bytearray(file.read_bytes())
    first = int(len(content) * at) // 4096 * 4096
    content[first : first + 8 * 4096] = b"\xa5" * 8 * 4096
    file.write_bytes(content)
    result = run("check")
    assert isinstance(result.exception, SystemExit)
    assert result.exit_code == 1
    assert "Error: The database file is damaged." in result.stderr


def test_check_leaves_double_bookings_to_people(run: Run, database: Database) -> None:
    assert run("import", DOCUMENTS).exit_code == 0
    _book_twice(database)
    result = run("check", "--repair")
    assert result.exit_code == 1
    assert "is booked twice" in result.stdout
    assert result.stderr.endswith(
        "Move one of the two appointments that are booked at the same time.\n"
    )


def _book_twice(database: Database) -> None:
    """Plant a second appointment at the time of the first, past every rule."""

    def work(session: Session) -> None:
        from_first = "INSERT INTO appointment SELECT {columns} FROM appointment LIMIT 1"
        connection = session.connection()
        names = [row[1] for row in connection.exec_driver_sql("PRAGMA table_info(appointment)")]
        new = {"id": "'" + "0" * 32 + "'", "external_id": "NULL"}
        new |= dict.fromkeys(("task", "reason", "status_reason"), "NULL")  # of the first one's row
        columns = ", ".join(new.get(name, name) for name in names)
        connection.exec_driver_sql(from_first.format(columns=columns))

    database.run(work)


# Accounts


def test_account_create_makes_a_password_and_shows_it_once(run: Run, database: Database) -> None:
    words = ["--role", "network-admin", "--email", "Ada@Example.org", "--name", "Ada Best"]
    result = run("account", "create", *words)
    assert result.exit_code == 0
    password = re.search(r"^Password: (\S{22})$", result.stdout, re.MULTILINE)
    assert password
    account = sign_in(
        database,
        QUICK,
        "ada@example.org",
        password[1],
        source=source_of("x"),
        address="x",
        now=clock.now(),
    ).account
    assert (account.role, account.name, account.must_change_password) == (
        "network-admin",
        "Ada Best",
        True,
    )
    again = run("account", "create", *words)
    assert (again.exit_code, again.stderr) == (
        1,
        "Error: Another account has this email address. Enter a different one.\n",
    )


def test_account_create_reads_a_password(run: Run, database: Database) -> None:
    words = ["--role", "patient", "--email", "pat@example.com", "--name", "Pat", "--password-stdin"]
    weak = run("account", "create", *words, input="short\n")
    assert (weak.exit_code, weak.stderr) == (
        1,
        "Error: Choose a password of at least 12 characters.\n",
    )
    result = run("account", "create", *words, input="seven swans swim\n")
    assert (result.exit_code, result.stdout) == (
        0,
        "Created the patient account pat@example.com.\n",
    )
    account = sign_in(
        database,
        QUICK,
        "pat@example.com",
        "seven swans swim",
        source=source_of("x"),
        address="x",
        now=clock.now(),
    ).account
    assert not account.must_change_password
    patients = database.read(lambda session: list(session.scalars(select(Patient))))
    assert [(one.name, one.account_id) for one in patients] == [("Pat", account.id)]


def test_account_create_places_staff(run: Run, database: Database) -> None:
    assert run("import", DOCUMENTS).exit_code == 0
    department = database.read(lambda session: session.scalars(select(Department)).first())
    assert department
    words = ["--role", "staff", "--name", "Sam Staff", "--email"]
    place = ["--centre", str(department.centre_id), "--department", str(department.id)]
    assert run("account", "create", *words, "sam@example.org", *place).exit_code == 0
    members = database.read(lambda session: list(session.scalars(select(StaffMember))))
    assert (department.centre_id, department.id) in [
        (one.centre_id, one.department_id) for one in members
    ]
    for wrong, sentence in (
        ([], "Choose the centre of this staff account with --centre ID."),
        (["--centre", "99"], "There is no centre 99."),
        ([*place[:2], "--department", "99"], "The centre has no department 99."),
    ):
        result = run("account", "create", *words, "eve@example.org", *wrong)
        assert result.exit_code > 0
        assert sentence in result.stderr
    assert "eve@example.org" not in [account.email for account in accounts(database)]


def test_account_create_gives_a_practitioner_a_login(run: Run, database: Database) -> None:
    assert run("import", MEDISOFT).exit_code == 0
    words = ["--role", "practitioner", "--name", "Gil", "--email", "gil@example.org"]
    result = run("account", "create", *words)
    assert result.exit_code == 1
    assert "No practitioner without an account has this email address." in result.stderr

    def forget_login(session: Session) -> None:
        person = session.scalars(select(Practitioner).limit(1)).one()
        person.account_id, person.email = None, "gil@example.org"

    database.run(forget_login)
    assert run("account", "create", *words).exit_code == 0
    gil = next(one for one in accounts(database) if one.email == "gil@example.org")
    people = database.read(lambda session: list(session.scalars(select(Practitioner))))
    assert gil.id in [person.account_id for person in people]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--role", "wizard", "--email", "a@example.org", "--name", "A"], "'wizard' is not one of"),
        (["--role", "patient", "--email", "nobody", "--name", "A"], "--email: Enter an email"),
        (["--role", "patient", "--email", "a@example.org", "--name", " "], "--name: Fill in this"),
        (
            ["--role", "patient", "--email", "a@example.org", "--name", "A", "--centre", "1"],
            "A patient account cannot have this centre or department.",
        ),
    ],
)
def test_account_create_refuses_with_a_sentence(
    run: Run, database: Database, words: list[str], sentence: str
) -> None:
    result = run("account", "create", *words)
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_account_list_and_password(run: Run, database: Database) -> None:
    assert run("import", MEDISOFT).exit_code == 0
    assert len(run("account", "list").stdout.splitlines()) == 19
    patients = run("account", "list", "--role", "patient").stdout.splitlines()
    assert patients[1].split() == ["patient", "isaac@gmail.com", "Isaac", "Cohen"] or patients
    result = run("account", "password", "JACK@gmail.com", "--password-stdin", input="a" * 40 + "Z9")
    assert result.exit_code == 1  # easily guessed
    result = run(
        "account", "password", "JACK@gmail.com", "--password-stdin", input="seven swans swim"
    )
    assert result.exit_code == 0
    sign_in(
        database,
        QUICK,
        "jack@gmail.com",
        "seven swans swim",
        source=source_of("x"),
        address="x",
        now=clock.now(),
    )
    unknown = run("account", "password", "nobody@example.org")
    assert (unknown.exit_code, unknown.stderr) == (
        1,
        "Error: There is no account nobody@example.org.\n",
    )


def test_whoever_is_locked_out_loses_the_second_step(run: Run, database: Database) -> None:
    words = ("--role", "network-admin", "--email", "root@example.org", "--name", "Jo Bow")
    assert run("account", "create", *words).exit_code == 0
    (account,) = accounts(database)

    def add_passkey(session: Session) -> None:
        values = {"credential_id": b"1", "public_key": b"1", "sign_count": 0, "made_at": NOW}
        session.add(
            Passkey(account_id=account.id, credential_hash=bytes(32), name="Lost", **values)
        )

    database.run(add_passkey)
    first, again = (run("account", "remove-second-steps", account.email) for _ in range(2))
    assert first.stdout == (
        "Removed the second steps of root@example.org and signed them out everywhere.\n"
    )
    assert again.stdout == "root@example.org has no second step.\n"
    assert database.read(lambda session: session.scalars(select(Passkey)).all()) == []


def test_people_are_signed_out(run: Run, database: Database) -> None:
    def session_of(session: Session, email: str) -> str:
        account = identities.by_email(session, email)
        assert account
        return sessions.start_session(work(session, now=clock.now()), account, agent=None)

    def open_sessions() -> set[str]:
        return database.read(
            lambda session: {
                email
                for email, token in tokens.items()
                if sessions.account_of_token(work(session, now=clock.now()), token)
            }
        )

    for name in ("one", "two"):
        email = f"{name}@example.org"
        made = run("account", "create", "--role", "patient", "--email", email, "--name", "Jo Bow")
        assert made.exit_code == 0, made.stderr
    emails = ("one@example.org", "two@example.org")
    tokens = {email: database.run(lambda s, e=email: session_of(s, e)) for email in emails}
    assert open_sessions() == set(emails)
    assert run("account", "sign-out", "ONE@example.org").stdout == (
        "Signed one@example.org out everywhere.\n"
    )
    assert open_sessions() == {"two@example.org"}
    for wrong in ((), ("two@example.org", "--everybody")):
        refused = run("account", "sign-out", *wrong)
        assert refused.exit_code == 2
        assert "--everybody" in refused.stderr
    assert run("account", "sign-out", "--everybody").stdout == "Signed everybody out.\n"
    assert open_sessions() == set()


# The worker and the demonstration


def test_the_worker_once_does_what_is_due_and_ends(run: Run, database: Database) -> None:
    assert run("worker", "--once").exit_code == 0


def test_demo_is_loaded_shown_kept_and_started_over(run: Run, tmp_path: Path) -> None:
    first = run("demo", "--no-serve", "--port", "8765")
    assert first.exit_code == 0, first.output
    assert "Open the demonstration network at http://127.0.0.1:8765/" in first.stdout
    for login in LOGINS:
        assert re.search(rf"{re.escape(login.role)} +{login.email} +{login.password}", first.stdout)
    assert "Writing calendars" in first.stderr
    words = ["--role", "patient", "--email", "me@example.com", "--name", "Me"]
    assert run("account", "create", *words).exit_code == 0
    second = run("demo", "--no-serve")
    assert second.exit_code == 0
    assert second.stderr == ""
    assert "me@example.com" in run("account", "list").stdout
    assert run("demo", "--no-serve", "--fresh").exit_code == 0
    listed = run("account", "list").stdout
    assert "me@example.com" not in listed
    assert MARKER in listed


def test_demo_leaves_other_data_alone(run: Run, database: Database) -> None:
    assert run("import", MEDISOFT).exit_code == 0
    for words in (["demo", "--no-serve"], ["demo", "--no-serve", "--fresh"]):
        result = run(*words)
        assert result.exit_code == 1
        assert "Nothing was changed" in result.stderr
    assert len(accounts(database)) == 19


def test_demo_fills_a_database_that_has_only_tables(run: Run, database: Database) -> None:
    assert run("demo", "--no-serve").exit_code == 0
    assert MARKER in [account.email for account in accounts(database)]


def test_starting_over_empties_every_engine(blank_engine: Engine) -> None:
    database = Database(blank_engine.url.render_as_string(hide_password=False), DATA_KEYS)
    migrations.upgrade(database.engine)
    demonstration.start_over(database)
    assert revisions.current(database.engine) is None
    database.close()


# Serving


def test_a_busy_port_is_a_sentence(
    run: Run, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "FREED_WITHIN", 0.2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for words in (["serve"], ["demo"], ["demo", "--fresh"]):
            result = run(*words, "--port", port)
            assert result.exit_code == 1
            assert result.stderr == (
                f"Port {port} is in use. Waiting up to 0.2 seconds for it. Press Ctrl-C to stop.\n"
                f"Error: Cannot listen on 127.0.0.1, port {port}: Address already in use. "
                "Choose another one with --port or --host.\n"
            )
    assert accounts(database) == []


def test_of_two_servers_that_start_at_once_one_has_the_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The port is kept before its processes listen, which takes them seconds."""
    monkeypatch.setattr(serving, "FREED_WITHIN", 0.2)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with serving.claim_address("127.0.0.1", port):
        with pytest.raises(click.ClickException, match="Address already in use"):
            serving.claim_address("127.0.0.1", port)
        with (
            serving._listener("127.0.0.1", port, shared=True) as child,
            socket.create_connection(("127.0.0.1", port), timeout=5),
        ):
            child.settimeout(5)
            child.accept()[0].close()
    serving.claim_address("127.0.0.1", port).close()


def test_an_unknown_host_is_a_sentence(run: Run) -> None:
    result = run("serve", "--insecure", "--host", "no.such.host.invalid")
    assert result.exit_code == 1
    assert "Choose another one with --host." in result.stderr


@pytest.mark.parametrize(
    ("host", "address"), [("127.0.0.1", "http://127.0.0.1:80/"), ("::1", "http://[::1]:80/")]
)
def test_the_address_is_written_as_browsers_take_it(host: str, address: str) -> None:
    assert serving.address_of(host, 80) == address


def test_serving_answers_with_a_worker_beside_it_and_stops_when_asked(
    run: Run, database: Database
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "openslot.entrypoints.cli.main", "serve"]
    with subprocess.Popen(
        [*command, "--port", str(port), "--workers", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        try:
            assert _answer(f"http://127.0.0.1:{port}/healthz", within=180) == 200
            beside = children(server.pid, "worker")
            assert len(beside) == 1
            server.send_signal(signal.SIGTERM)
            output, _ = server.communicate(timeout=30)
        finally:
            server.kill()
    assert server.returncode == 0, output
    assert f"Serving http://127.0.0.1:{port}/" in output
    assert not Path(f"/proc/{beside[0]}").exists()


def _answer(url: str, *, within: float) -> int:
    """The status of the first answer; the server may still be starting."""
    gives_up = time.monotonic() + within
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return int(answer.status)
        except OSError:
            if time.monotonic() > gives_up:
                raise
            time.sleep(0.2)


def _listens_for(pid: int, number: signal.Signals) -> bool:
    """Whether the process handles a signal, so that it has come far enough to be sent it."""
    caught = re.search(r"^SigCgt:\t(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return caught is not None and bool(int(caught[1], 16) >> (number - 1) & 1)


# What runs beside the server


def _until(condition: Callable[[], bool]) -> None:
    gives_up = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < gives_up
        time.sleep(0.02)


def test_the_worker_stops_when_asked(run: Run, database: Database) -> None:
    command = [sys.executable, "-m", "openslot.entrypoints.cli.main", "worker"]
    with subprocess.Popen(command) as worker:
        try:
            _until(lambda: _listens_for(worker.pid, signal.SIGTERM))
            worker.terminate()
            assert worker.wait(120) == 0
        finally:
            worker.kill()


# Progress


def test_progress_off_a_terminal_is_plain_dated_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr(progress, "EVERY", 0)
    lines = progress.Lines()
    assert list(lines.track("Reading", [7, 8], 2)) == [7, 8]
    assert list(lines.track("Nothing", [], 0)) == []
    assert capsys.readouterr().err.splitlines() == [
        "2026-11-22 08:00:00 UTC  Reading: 0 of 2",
        "2026-11-22 08:00:00 UTC  Reading: 1 of 2",
        "2026-11-22 08:00:00 UTC  Reading: 2 of 2",
    ]


def test_progress_on_a_terminal_is_a_bar() -> None:
    shown = io.StringIO()
    bars = progress.Bars(Console(file=shown, force_terminal=True))
    bars.say("On we go")
    assert list(bars.track("Reading", [7, 8], 2)) == [7, 8]
    assert "On we go" in shown.getvalue()
    assert "━" in shown.getvalue()


# The pages about it


DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_about_the_demonstration_has_the_logins_that_work() -> None:
    page = (DOCS / "demo.md").read_text(encoding="utf-8")
    for login in LOGINS:
        assert f"| {login.role} | {login.email} | {login.password} |" in page


def test_the_page_about_importing_names_every_column_and_field() -> None:
    page = (DOCS / "import.md").read_text(encoding="utf-8")
    columns = {
        field.alias or name
        for kind in tables.KINDS.values()
        for name, field in kind.model_fields.items()
    }
    fields = set(documents.KINDS) | {"task_description", "is_urgent", "user_contact", "likes"}
    assert {name for name in columns | fields if f"`{name}`" not in page} == set()
    for profession in professions.CODES:
        assert f"`{profession}`" in page


def test_the_commands_of_the_page_about_importing_work(
    run: Run, tmp_path: Path, database: Database
) -> None:
    shutil.copytree(MEDISOFT, tmp_path / "my-data")
    page = (DOCS / "import.md").read_text(encoding="utf-8")
    commands = re.findall(r"^openslot (.+)$", page, re.MULTILINE)
    assert commands == ["import my-data/"]
    for options in ([], ["--dry-run"], ["--time-zone", "Europe/Dublin"]):
        assert run(*commands[0].split(), *options).exit_code == 0


def test_a_key_is_made_shown_once_listed_and_ended(run: Run) -> None:
    made = run(
        "key", "create", "Front desk", "--scope", "appointments:read", "--network", "10.1.2.3/16"
    )
    assert made.exit_code == 0
    assert made.output.startswith("osk_")
    listed = run("key", "list").output
    assert "Front desk  appointments:read  from 10.1.0.0/16" in listed
    assert made.output.split()[0] not in listed
    assert run("key", "revoke", listed.split()[0]).exit_code == 0
    assert run("key", "list").output == ""
    assert run("key", "revoke", listed.split()[0]).exit_code == 1


def test_a_client_is_registered_listed_and_revoked(run: Run) -> None:
    address = ("--jwks-url", "https://ward.example/jwks.json")
    made = run("client", "create", "Ward system", "--scope", "system/Slot.rs", *address)
    assert "Ward system  system/Slot.rs" in run("client", "list").output
    assert run("client", "revoke", made.output.strip()).exit_code == 0
    assert run("client", "list").output == ""
    for unknown in (made.output.strip(), "nothing"):
        assert run("client", "revoke", unknown).exit_code == 1


def test_a_program_that_acts_for_people_is_registered_with_its_addresses(run: Run) -> None:
    words = ("client", "create", "Chart", "--scope", "patient/Slot.read", "--secret")
    assert run(*words).exit_code == 1
    assert run(*words, "--redirect", "http://app.example/").exit_code == 1
    client_id, secret = run(*words, "--redirect", "https://app.example/").output.split()[:2]
    assert secret.startswith("osp_")
    assert "Chart  patient/Slot.rs  to https://app.example/" in run("client", "list").output
    assert run("client", "end-tokens", client_id).exit_code == 0
    assert run("client", "end-tokens", "nothing").exit_code == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--scope", "everything"], "There is no scope everything."),
        (["--scope", "*", "--network", "here"], "Enter networks like 10.0.0.0/8."),
    ],
)
def test_a_key_of_unknown_scope_or_network_is_refused(
    run: Run, words: list[str], said: str
) -> None:
    result = run("key", "create", "X", *words)
    assert result.exit_code == 1
    assert said in result.output


class Stopped(Silent):
    """Ends the process, politely, while it is writing."""

    def track(self, what: str, items: Iterable[T], total: int) -> Iterator[T]:
        """Yield the items, then be told to end."""
        yield from super().track(what, items, total)
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_command_that_is_ended_leaves_nothing_half_written(
    run: Run, upgraded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(upgraded, tmp_path / "data")
    before, handler = set(tmp_path.rglob("*")), signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(transferring, "progress_for_people", Stopped)
    try:
        assert run("export", tmp_path / "out").exit_code == 128 + signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert {path.name for path in set(tmp_path.rglob("*")) - before} <= {"secret_key"}
