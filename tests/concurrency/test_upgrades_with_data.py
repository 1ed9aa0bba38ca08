"""Rule: a database of the release before is brought to the newest schema with its data, and back.

Its rows are written through the tables as that release has them, on every engine and whatever a
server's defaults.
"""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing import get_context
from typing import Any
from uuid import UUID, uuid4

import pymysql
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, MetaData, Uuid, event, inspect, select, text
from sqlalchemy.orm import Session

import engines
import professions
from engines import DATA_KEYS
from factories import NOW
from openslot.booking import check
from openslot.booking.models import Appointment
from openslot.core.db import Database
from openslot.core.encryption import encrypted_columns
from openslot.core.engines import make_engine
from openslot.core.folding import is_text
from openslot.core.idempotency import KeptAnswer
from openslot.core.outbox import OutboxMessage
from openslot.core.tables import Instant
from openslot.directory.models import Patient
from openslot.identity.models import Account
from openslot.migrations import progress, revisions, run
from openslot.questions.models import AppointmentAnswer
from openslot.schedules import diaries, queries
from openslot.schedules.availability import (
    EPOCH,
    Window,
    grid,
    opening,
    span_between,
    starts_of_runs,
)
from openslot.schedules.rules import times_of
from openslot.schema import metadata

BEFORE = "0006"

NINE = NOW.replace(hour=22) + timedelta(days=1)
"""When the appointments begin, half an hour apart; the last go past midnight UTC."""

LAST_SIGN_IN = NOW + timedelta(hours=1)

PRACTITIONER, SERVICE, ROOM, CENTRE, PATIENT = 1, 2, 3, 4, 10
"""Diaries; each patient has one of their own, from PATIENT on."""

FOLDING = ["Cafe", "Café", "cafe", "Cafe ", "ÄRZTE", "Arzte", "Straße", "Strasse"]
"""What MariaDB takes for the same with its defaults, and any of its character sets can hold."""

BEYOND = ["😀", "😁", "王小明", "Łódź"]
"""What latin1 cannot hold."""

DEFAULTS = {
    "utf8mb4": "utf8mb4",
    "utf8mb4_general_ci": "utf8mb4 COLLATE utf8mb4_general_ci",
    "latin1": "latin1",
}


@dataclass(frozen=True)
class Past:
    """A database of the release before, and what its patients are called."""

    engine: Engine
    names: list[str]


EACH_ENGINE_ONCE = [
    (name, "utf8mb4" if name == "mariadb" else "") for name in engines.engine_names()
]

on_each_engine = pytest.mark.parametrize(
    ("engine_name", "default"),
    [
        (name, default)
        for name in engines.engine_names()
        for default in (DEFAULTS if name == "mariadb" else [""])
    ],
    indirect=True,
)


@pytest.fixture
def default(request: pytest.FixtureRequest) -> str:
    """What the database was made with; nothing where that makes no difference."""
    return str(request.param)


@pytest.fixture
def past(blank_engine: Engine, default: str) -> Past:
    """Appointments in all their states with a practitioner in a room, and of a service without."""
    if default:
        with blank_engine.begin() as connection:
            name = connection.scalar(text("SELECT DATABASE()"))
            connection.execute(text(f"ALTER DATABASE {name} CHARACTER SET {DEFAULTS[default]}"))
    run.upgrade(blank_engine, BEFORE)
    names = FOLDING if default == "latin1" else [*FOLDING, *BEYOND]
    with blank_engine.begin() as connection:
        _Writer(connection).write(names)
    return Past(blank_engine, names)


class _Writer:
    """Writes rows into the tables as they are, and fills in what they demand."""

    def __init__(self, connection: Connection):
        self.connection = connection
        self.tables = MetaData()
        self.tables.reflect(connection)
        for table in self.tables.tables.values():
            for column in table.columns:
                if "CHAR(32)" in str(column.type).upper() or "UUID" in str(column.type).upper():
                    column.type = Uuid()
                elif "DATETIME" in str(column.type).upper() or "TIMESTAMP" in str(column.type):
                    column.type = Instant()

    def add(self, table_name: str, /, **values: Any) -> None:
        table = self.tables.tables[table_name]
        given = {column.name: _something(column) for column in table.columns if _is_asked(column)}
        self.connection.execute(table.insert().values({**given, **values}))

    def write(self, names: list[str]) -> None:
        for diary, kind in (
            (PRACTITIONER, "practitioner"),
            (SERVICE, "service"),
            (ROOM, "room"),
            (CENTRE, "centre"),
        ):
            self.add("diary", id=diary, kind=kind)
        account = uuid4()
        self.add("account", id=account, name="Ärzte ", email="straße@example.org")
        for at in (NOW, LAST_SIGN_IN, NOW - timedelta(hours=1)):
            event = {"action": "account.signed-in", "subject": f"account:{account}", "at": at}
            self.add("audit_event", id=uuid4(), details="0", **event)  # JSON, whatever reads it
        self.add("centre", id=1, diary_id=CENTRE, name="Café ", time_zone="Australia/Sydney")
        self.add("department", id=1, centre_id=1, name="Röntgen")
        self.add("service", id=1, diary_id=SERVICE, department_id=1, name="CT")
        self.add("practitioner", id=1, diary_id=PRACTITIONER, account_id=account, name="Zoë")
        self.add("room", id=1, centre_id=1, diary_id=ROOM, name="Zimmer 1")
        self.add("schedule", id=1, centre_id=1, practitioner_id=1, service_id=None, room_id=1)
        self.add("schedule", id=2, centre_id=1, practitioner_id=None, service_id=1, room_id=None)
        claims = []
        for number, name in enumerate(names):
            patient, own = uuid4(), PATIENT + number
            self.add("diary", id=own, kind="patient")
            self.add("patient", id=patient, diary_id=own, name=name)
            claims += self._appointment(number, patient, own, account, name)
        claims += self._appointment(len(names), None, None, account, "nobody yet")
        for (diary, day), mask in diaries.pages_of(claims).items():
            taken = mask.to_bytes(diaries.PAGE_BYTES, "little")
            self.add("diary_page", diary_id=diary, day=day, taken=taken)

    def _appointment(
        self, number: int, patient: UUID | None, own: int | None, account: UUID, reason: str
    ) -> list[diaries.Claim]:
        status = ("booked", "cancelled", "held", "arrived", "no-show", "fulfilled")[number % 6]
        schedule = 1 if number % 2 == 0 else 2
        starts = NINE + timedelta(minutes=30 * number)
        ends = starts + timedelta(minutes=30)
        self.add(
            "appointment",
            id=uuid4(),
            schedule_id=schedule,
            patient_id=patient,
            starts_at=starts,
            ends_at=ends,
            status=status,
            reason=reason,
            created_by=account,
            external_id=f"{reason}{number}",
            held_until=ends if status == "held" else None,
        )
        if status == "cancelled":
            return []
        claimed = [PRACTITIONER, ROOM] if schedule == 1 else [SERVICE]
        return [(diary, span_between(starts, ends)) for diary in (*claimed, own) if diary]


def _is_asked(column: Any) -> bool:
    return not column.nullable and column.server_default is None


def _something(column: Any) -> Any:
    if isinstance(column.type, Uuid):
        return uuid4()
    if isinstance(column.type, Instant):
        return NOW
    kind = column.type.python_type
    return {str: "x", bytes: b"", bool: True, int: 1, datetime: NOW}.get(kind, "x")


ENCRYPTED = {
    place.kind.name for table in metadata.sorted_tables for place in encrypted_columns(table)
}
"""Columns whose texts are no longer in the tables."""
WITHOUT_DATA = {"alembic_version", "turn", "named_lock"}


def words(engine: Engine) -> dict[str, list[Any]]:
    """Every text of every row, by table and column."""
    tables = MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        return {
            f"{table.name}.{column.name}": sorted(connection.scalars(select(column)), key=str)
            for table in tables.sorted_tables
            for column in table.columns
            if table.name not in WITHOUT_DATA and "CHAR" in str(column.type).upper()
            if f"{table.name}.{column.name}" not in ENCRYPTED
        }


def claimed(engine: Engine) -> dict[str, tuple[int, int | None, int | None]]:
    """The diaries of each appointment, by the name of its patient."""
    query = "SELECT external_id, diary_id, room_diary_id, patient_diary_id FROM appointment"
    with engine.connect() as connection:
        return {row[0]: tuple(row[1:]) for row in connection.execute(text(query))}


def _reopened(engine: Engine) -> Database:
    return Database(engine.url.render_as_string(hide_password=False), DATA_KEYS)


def check_whole(past: Past) -> None:
    """Each appointment claims the diaries that it had all along, and every page agrees; the account
    knows from the audit log when it was last signed in to."""
    expected: dict[str, tuple[int, int | None, int | None]] = {}
    for number, name in enumerate([*past.names, "nobody yet"]):
        own = PATIENT + number if number < len(past.names) else None
        place = (PRACTITIONER, ROOM) if number % 2 == 0 else (SERVICE, None)
        expected[f"{name}{number}"] = (*place, own)
    assert claimed(past.engine) == expected
    database = _reopened(past.engine)
    assert check.faults(database) == []
    signed_in = database.read(lambda session: session.scalars(select(Account.signed_in_at)).all())
    assert signed_in == [LAST_SIGN_IN]
    database.close()


@on_each_engine
def test_appointments_keep_their_time_and_every_text_its_letters(past: Past) -> None:
    before = words(past.engine)
    run.upgrade(past.engine)
    assert revisions.is_current(past.engine)
    check_whole(past)
    after = words(past.engine)
    assert {name: after[name] for name in before} == before
    run.downgrade(past.engine, BEFORE)
    assert words(past.engine) == before
    run.upgrade(past.engine)
    check_whole(past)
    again = words(past.engine)
    assert {name: again[name] for name in before} == before


def test_renamed_columns_statuses_and_topics_keep_their_rows(blank_engine: Engine) -> None:
    run.upgrade(blank_engine, "0010")
    account = uuid4()
    with blank_engine.begin() as connection:
        writer = _Writer(connection)
        writer.add("account", id=account, name="Ann", email="ann@example.org")
        writer.add("notification_preference", account_id=account, visits=False)
        writer.add("outbox_message", topic="visit.reminder", payload="{}")
        for number, kind in enumerate(("centre", "service"), start=1):
            writer.add("diary", id=number, kind=kind)
        writer.add("centre", id=1, diary_id=1, name="Hall", time_zone="Australia/Sydney")
        writer.add("department", id=1, centre_id=1, name="Radiology")
        writer.add("service", id=1, diary_id=2, department_id=1, name="CT")
        writer.add("schedule", id=1, centre_id=1, practitioner_id=None, service_id=1)
        writer.add("appointment", id=uuid4(), schedule_id=1, diary_id=2, status="lapsed")

    def kept(*queries: str) -> list[Any]:
        with blank_engine.connect() as connection:
            return [connection.scalar(text(query)) for query in queries]

    rest = ("SELECT status FROM appointment", "SELECT topic FROM outbox_message")
    preference = "SELECT {} FROM notification_preference"
    run.upgrade(blank_engine, "0011")
    *names, wanted = kept(*rest, preference.format("appointments"))
    assert (names, bool(wanted)) == (["expired", "appointment.reminder"], False)
    run.downgrade(blank_engine, "0010")
    *names, wanted = kept(*rest, preference.format("visits"))
    assert (names, bool(wanted)) == (["lapsed", "visit.reminder"], False)


def test_schedules_keep_their_starts(blank_engine: Engine) -> None:
    """Also where the hours begin beside the grid, which would give others from the opening."""
    run.upgrade(blank_engine, "0018")
    with blank_engine.begin() as connection:
        writer = _Writer(connection)
        for number, kind in enumerate(("centre", "practitioner", "service"), start=1):
            writer.add("diary", id=number, kind=kind)
        writer.add("centre", id=1, diary_id=1, name="Hall", time_zone="Australia/Sydney")
        writer.add("practitioner", id=1, diary_id=2, name="Zoë", account_id=None)
        writer.add("department", id=1, centre_id=1, name="Radiology")
        writer.add("service", id=1, diary_id=3, department_id=1, name="CT")
        people = {1: (1, None, 40), 2: (None, 1, 720)}
        for key, (practitioner, service, minutes) in people.items():
            writer.add(
                "schedule",
                id=key,
                centre_id=1,
                practitioner_id=practitioner,
                service_id=service,
                slot_minutes=minutes,
            )
            writer.add("opening_hours", id=key, schedule_id=key, weekday=0, starts=525, ends=1440)
    run.upgrade(blank_engine)
    database = _reopened(blank_engine)
    places = database.read(lambda session: queries.places(session, inactive=True))
    database.close()
    window = Window((NOW.date() - EPOCH).days, 3)
    for place in places.values():
        every_start = grid(place.slot_minutes, place.zone, window)
        opened = opening(place.hours, place.zone, window)
        found = times_of(place, window)
        assert found.opened == opened
        assert found.starts == every_start & starts_of_runs(opened, place.slot_ticks) != 0
    with blank_engine.begin() as connection:
        rule = "UPDATE opening_hours SET rule = 'FREQ=MONTHLY;BYDAY=1MO' WHERE schedule_id = 2"
        connection.execute(text(rule))
    run.downgrade(blank_engine, "0018")
    with blank_engine.connect() as connection:
        assert list(connection.scalars(text("SELECT schedule_id FROM opening_hours"))) == [1]


def test_practitioners_keep_their_professions(blank_engine: Engine) -> None:
    run.upgrade(blank_engine, "0027")
    had = {1: "GP", 2: "Specialist", 3: "Herbalist"}
    with blank_engine.begin() as connection:
        writer = _Writer(connection)
        writer.add("diary", id=9, kind="centre")
        writer.add("centre", id=1, diary_id=9, name="Hall", time_zone="Australia/Sydney")
        for key, profession in had.items():
            writer.add("diary", id=key, kind="practitioner")
            writer.add("practitioner", id=key, diary_id=key, account_id=None, profession=profession)
        writer.add("service", id=1, diary_id=None, department_id=None, centre_id=1, name="Scan")
        one_kind = {"room_id": None, "group_id": None, "group_name": None}
        writer.add("service_need", id=1, service_id=1, **one_kind, profession="Radiographer")

    def kept(query: str) -> list[Any]:
        with blank_engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    people = "SELECT id, profession FROM practitioner ORDER BY id"
    for _ in range(2):
        run.upgrade(blank_engine)
        assert kept(people) == list(had.items())
        assert kept("SELECT profession FROM service_need") == [("Radiographer",)]
        rows = kept("SELECT code, name FROM profession ORDER BY position, id")
        codes = [*professions.CODES, "Herbalist"]
        assert rows == [(code, code) for code in codes]
        run.downgrade(blank_engine, "0027")
        assert kept(people) == list(had.items())


def test_texts_are_encrypted_and_can_be_decrypted_again(blank_engine: Engine) -> None:
    run.upgrade(blank_engine, "0042")
    patients, answers, to = [uuid4() for _ in range(3)], range(1, 4), "ann@example.org"
    with blank_engine.begin() as connection:
        writer = _Writer(connection)
        for number in range(1, 6):
            writer.add("diary", id=number, kind="patient")
        writer.add("centre", id=1, diary_id=4, name="Hall", time_zone="Australia/Sydney")
        writer.add("service", id=1, centre_id=1, name="Scan")
        writer.add("schedule", id=1, centre_id=1, practitioner_id=None, service_id=1)
        for number, patient in zip(answers, patients, strict=True):
            card = {"medicare_number": f"2428 7781 {number}", "medicare_key": f"24287781{number}"}
            writer.add("patient", id=patient, diary_id=number, name="Ann", **card)
            writer.add("appointment", id=patient, schedule_id=1, reason=f"Rash {number}", task="")
            writer.add(
                "appointment_answer", id=number, appointment_id=patient, answer=f"Left {number}"
            )
            writer.add("outbox_message", id=patient, topic="mail", payload="{}")
            writer.add("kept_answer", key_hash=f"{number}", headers=None, body=None)
        as_sent = text("UPDATE outbox_message SET payload = :payload")
        connection.execute(as_sent, {"payload": json.dumps({"to": to})})

    def kept() -> dict[str, list[Any]]:
        with blank_engine.connect() as connection:
            return {
                f"{table}.{column}": sorted(
                    connection.scalars(text(f"SELECT {column} FROM {table}")), key=str
                )
                for table, columns in {
                    "patient": ("medicare_number", "medicare_key"),
                    "appointment": ("reason", "task", "status_reason"),
                    "appointment_answer": ("id", "answer"),
                    "outbox_message": ("payload",),
                    "kept_answer": ("headers", "body"),
                }.items()
                for column in columns
            }

    def read(session: Session) -> list[Any]:
        reasons = session.execute(select(Appointment.id, Appointment.reason, Appointment.task))
        patient = is_text(Patient.medicare_number, "2428-77812")
        return [
            {tuple(row) for row in reasons},
            set(session.scalars(select(AppointmentAnswer.answer))),
            [one.payload["to"] for one in session.scalars(select(OutboxMessage))],
            session.scalars(select(Patient.medicare_number).where(patient)).all(),
            session.execute(select(KeptAnswer.headers, KeptAnswer.body)).all(),
        ]

    before, words = kept(), ["Rash 1", "Left 1", to, "2428 7781", "24287781"]
    assert [one for one in words if one not in str(before)] == []
    for _ in range(2):
        run.upgrade(blank_engine)
        with closing(_reopened(blank_engine)) as database:
            reasons, sides, mails, numbers, stored = database.read(read)
        assert reasons == {(one, f"Rash {n}", "") for n, one in zip(answers, patients, strict=True)}
        assert sides == {f"Left {number}" for number in answers}
        assert mails == [to] * 3
        assert numbers == ["2428 7781 2"]
        assert [tuple(row) for row in stored] == [(None, None)] * 3
        assert [one for one in words if one in str(kept())] == []
        run.downgrade(blank_engine, "0042")
        assert kept() == before
    columns = "appointment_id, position, kind, words, answer"
    again = f"INSERT INTO appointment_answer ({columns}) SELECT {columns} FROM appointment_answer"
    with blank_engine.begin() as connection:
        connection.execute(text(again))
    assert kept()["appointment_answer.id"] == list(range(1, 7))


# Killed half-way, and several at once

CHANGE = re.compile(r"\s*(ALTER|CREATE|DELETE|DROP|INSERT|RENAME|UPDATE)\b", re.I)


def is_killed(engine: Engine, at: int, *, is_sent: bool = True) -> bool:
    """Upgrade in a process of its own, which kills itself at its change number ``at``: as soon as
    that is done, or just before it is sent. Whether there were so many changes."""
    url = engine.url.render_as_string(hide_password=False)
    process = get_context("fork").Process(target=_upgrade_until, args=(url, at, is_sent))
    process.start()
    process.join(120)
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    return process.exitcode != 0


def _upgrade_until(url: str, at: int, is_sent: bool) -> None:
    changes = itertools.count(1)

    def count(statement: Any) -> None:
        text = statement if isinstance(statement, str) else bytes(statement).decode()
        if CHANGE.match(text) and progress.TABLE not in text and next(changes) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    def query(connection: Any, sql: Any, *rest: Any) -> Any:
        if not is_sent:
            count(sql)
        result = send(connection, sql, *rest)
        if is_sent:
            count(sql)
        return result

    # On MariaDB at the wire, where the change is not recorded yet.
    send, pymysql.connections.Connection.query = pymysql.connections.Connection.query, query
    engine = make_engine(url, DATA_KEYS)
    if engine.dialect.name != "mariadb":
        moment = "after_cursor_execute" if is_sent else "before_cursor_execute"
        event.listen(Engine, moment, lambda _connection, _cursor, text, *_rest: count(text))
    run.upgrade(engine)
    os._exit(0)


@pytest.mark.parametrize(("engine_name", "default"), EACH_ENGINE_ONCE, indirect=True)
def test_an_upgrade_that_is_killed_at_any_change_goes_on(past: Past) -> None:
    before = words(past.engine)
    run.upgrade(past.engine, "0007")
    if past.engine.dialect.name == "mariadb":
        # It goes on from the last ALTER, which committed the rows that were updated before it;
        # there can be many, so each try lives for one change more.
        tries = (is_killed(past.engine, at, is_sent=at % 2 == 1) for at in itertools.count(1))
        kills = sum(itertools.takewhile(bool, tries))
        assert kills > 6
    else:
        assert is_killed(past.engine, 2)
        assert is_killed(past.engine, 9)
        assert revisions.current(past.engine) == "0007"
        run.upgrade(past.engine)
    assert revisions.is_current(past.engine)
    check_whole(past)
    after = words(past.engine)
    assert {name: after[name] for name in before} == before
    assert progress.TABLE not in inspect(past.engine).get_table_names()


def test_the_first_upgrade_can_be_killed_too(blank_engine: Engine) -> None:
    if blank_engine.dialect.name == "mariadb":
        while is_killed(blank_engine, 50):
            assert not revisions.is_current(blank_engine)
    else:
        assert is_killed(blank_engine, 50)
        run.upgrade(blank_engine)
    assert revisions.is_current(blank_engine)
    with blank_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_half_an_upgrade_is_not_current_and_cannot_be_taken_back(blank_engine: Engine) -> None:
    if blank_engine.dialect.name != "mariadb":
        pytest.skip("an upgrade happens whole or not at all")
    run.upgrade(blank_engine, "0010")
    assert is_killed(blank_engine, 2)
    with pytest.raises(run.Interrupted, match=r"The last upgrade .* Run: openslot db upgrade$"):
        run.downgrade(blank_engine, "0009")
    run.upgrade(blank_engine)
    run.downgrade(blank_engine, "0009")
    assert revisions.current(blank_engine) == "0009"


def test_several_upgrades_at_once_wait_for_each_other(blank_engine: Engine) -> None:
    url = blank_engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "openslot.entrypoints.cli.main", "db", "upgrade"]
    started = [
        subprocess.Popen(
            command,
            env={**os.environ, "OPENSLOT_DATABASE_URL": url},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(3)
    ]
    said = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], said
    assert set(said) == {f"The tables are at the newest revision, {revisions.head()}.\n"}
    assert revisions.is_current(blank_engine)
