"""A database that is away, silent, full or only to be read: 503 within seconds, nothing half
done, and all is well again by itself.

The servers are this module's own, behind a proxy of its own.
"""

import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, func, insert, make_url, select, text
from sqlalchemy.orm import Session
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

import engines
from between import Between
from engines import DATA_KEYS
from entrypoints.browsing import Client
from entrypoints.programs import Program, with_key
from entrypoints.world import PASSWORD, World, build
from openslot.core import audit, clock, db, outbox, servers
from openslot.core.actor import Actor
from openslot.core.audit import AuditEvent
from openslot.core.config import Settings
from openslot.core.db import NOTHING_SAVED, Database
from openslot.core.errors import Unavailable, Uncertain
from openslot.core.facts import DeploymentFact
from openslot.core.ids import new_id
from openslot.entrypoints.worker import main as worker
from openslot.schema import metadata
from racing import race
from serving import app_on
from working import work

SOON = 12.0
"""Seconds within which everybody is told; 9 are waited for, the rest is for a busy machine."""


KEEPS_WHAT_IT_CONFIRMED = {
    "postgresql": "ALTER DATABASE away SET synchronous_commit = on",
    "mariadb": "SET GLOBAL innodb_flush_log_at_trx_commit = 1",
}
"""The servers of the tests are set up to be quick rather than safe."""

pytestmark = pytest.mark.engines


@dataclass
class Place:
    """A private server, the proxy before it, and the app and its people on the proxy."""

    server: engines.Server
    between: Between
    url: str

    def restart(self) -> None:
        """Start the server again on its files."""
        self.server = self.server.again()
        self.between.server = self.server.listens


@pytest.fixture(scope="module", params=engines.SERVERS)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A server of its own, and a database with all tables that is reached through the proxy."""
    folder = engines.scratch_folder()
    server = engines.STARTERS[request.param](folder)
    between = Between(server.listens)
    direct = make_url(
        server.url.format(database="postgres" if request.param == "postgresql" else "mysql")
    )
    made = Database(direct.render_as_string(hide_password=False), DATA_KEYS)
    with made.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE DATABASE away"))
        connection.execute(text(KEEPS_WHAT_IT_CONFIRMED[request.param]))
    made.close()
    query = {} if request.param == "postgresql" else dict(direct.query)
    url = direct.set(database="away", host="127.0.0.1", port=between.port, query=query)
    place = Place(server, between, url.render_as_string(hide_password=False))
    database = Database(place.url, DATA_KEYS)
    metadata.create_all(database.engine)
    database.close()
    yield place
    between.close()
    place.server.stop()
    engines.shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody in the test waits for long; what is waited for is the same."""
    monkeypatch.setattr(servers, "SILENT_AFTER", 2)
    monkeypatch.setattr(servers, "CONNECTS_WITHIN", 2)


@pytest.fixture
def database(place: Place) -> Iterator[Database]:
    database = Database(place.url, DATA_KEYS)
    yield database
    place.between.well_again()
    database.close()  # its connections may be broken
    engines.empty(database.engine, metadata)
    database.close()


@pytest.fixture
def world(database: Database) -> World:
    return build(database)


@pytest.fixture
def app(database: Database, world: World, tmp_path: Path) -> Iterator[Flask]:
    with app_on(database, tmp_path) as app:
        yield app


def until(holds: Callable[[], object]) -> None:
    """Wait until something is so; a machine may be busy."""
    gives_up = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < gives_up, "it never came true"
        time.sleep(0.05)


@dataclass
class Callers:
    """A browser and a program, who ask at the same moment at every kind of door."""

    app: Flask
    browser: Client
    program: Program
    world: World

    @classmethod
    def of(cls, app: Flask, database: Database, world: World) -> "Callers":
        browser = Client(app)
        email = world.emails["patient-owner"]
        assert browser.send("/login", email=email, password=PASSWORD).status_code == 303
        return cls(app, browser, with_key(app, database, "*"), world)

    def ask(self) -> list[TestResponse]:
        """A page, an API call that reads, one that writes with a key, and FHIR."""
        centre = {"name": "New", "type": "Hospital", "suburb": "Randwick", "time_zone": "UTC"}
        doors: list[Callable[[], TestResponse]] = [
            lambda: self.browser.get("/dashboard", Accept="text/html"),
            lambda: self.program.send("GET", "/api/v1/centres"),
            lambda: self.program.send("POST", "/api/v1/centres", centre, Idempotency_Key="k1"),
            lambda: self.program.send("GET", "/fhir/Location"),
        ]
        return race(len(doors), lambda number: doors[number]())

    def check_told(self) -> None:
        """All doors say 503 and when to come back, in their own words; none says 500."""
        began = time.monotonic()
        answers = self.ask()
        assert time.monotonic() - began < SOON
        assert [one.status_code for one in answers] == [503] * len(answers), [
            one.text for one in answers
        ]
        assert all(int(one.headers["Retry-After"]) > 0 for one in answers)
        page, read, write, fhir = answers
        assert "The database cannot be reached" in page.text
        assert read.json["code"] == write.json["code"] == "unavailable"
        assert fhir.json["issue"][0]["code"] == "transient"
        self.check_watched()

    def check_watched(self) -> None:
        """Who watches over the server is told in time, and restarts nothing."""
        began = time.monotonic()
        nobody = self.app.test_client()
        assert nobody.get("/healthz").status_code == 200
        assert time.monotonic() - began < 1.0
        assert nobody.get("/readyz").status_code == 503
        assert time.monotonic() - began < SOON

    def check_well(self) -> None:
        """Everything answers as ever."""
        until(lambda: [one.status_code for one in self.ask()[:2]] == [200, 200])


def test_a_silent_connection_is_given_up(
    place: Place, app: Flask, database: Database, world: World
) -> None:
    callers = Callers.of(app, database, world)
    place.between.is_silent = True
    callers.check_told()
    place.between.well_again()
    callers.check_well()


@pytest.mark.usefixtures("short_limits")
def test_old_connections_are_silent_and_new_ones_work(
    place: Place, app: Flask, database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a firewall does that has forgotten them, since nobody used them; nobody has to be
    told."""
    monkeypatch.setattr(servers, "TRUSTED_FOR", 0.0)
    callers = Callers.of(app, database, world)
    callers.ask()
    place.between.forget()
    began = time.monotonic()
    answers = callers.ask()
    assert time.monotonic() - began < SOON
    assert [one.status_code for one in answers[:2]] == [200, 200]


def test_a_refused_connection_is_told_at_once(
    place: Place, app: Flask, database: Database, world: World
) -> None:
    callers = Callers.of(app, database, world)
    place.between.refuses = True
    place.between.cut()
    callers.check_told()
    place.between.well_again()
    callers.check_well()


def test_a_server_that_was_killed_is_told_and_found_again(
    place: Place, app: Flask, database: Database, world: World
) -> None:
    callers = Callers.of(app, database, world)
    place.server.process.kill()
    place.server.process.wait()
    callers.check_told()
    place.restart()
    callers.check_well()


@pytest.mark.usefixtures("short_limits")
def test_a_server_that_stands_still_is_told_and_goes_on(
    place: Place, app: Flask, database: Database, world: World
) -> None:
    callers = Callers.of(app, database, world)
    stop(place.server, signal.SIGSTOP)
    try:
        callers.check_told()
    finally:
        stop(place.server, signal.SIGCONT)
    callers.check_well()


@pytest.mark.usefixtures("short_limits")
def test_nobody_waits_for_a_server_that_takes_a_connection_and_stands_still(
    place: Place, database: Database
) -> None:
    """Not even a command, which has no limits once it works."""
    question = {"postgresql": b"pg_backend_pid", "mariadb": b"wsrep_on"}
    place.between.silent_at = question[database.engine.dialect.name]
    command = Database(place.url, DATA_KEYS, hurried=False)
    with pytest.raises(Unavailable):
        command.read(lambda session: session.execute(text("SELECT 1")))
    command.close()


def stop(server: engines.Server, number: signal.Signals) -> None:
    """Send a signal to the server and the processes that it has made for connections."""
    parent = server.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    for pid in (parent, *map(int, children)):
        engines.os.kill(pid, number)


def test_what_was_read_is_there_though_the_connection_is_lost_behind_it(
    place: Place, database: Database
) -> None:
    """An answer that is ready needs the database no more."""
    with database.reading() as session:
        assert session.scalar(text("SELECT 1")) == 1
        place.between.cut()
    place.between.well_again()
    assert database.read(lambda session: session.scalar(text("SELECT 2"))) == 2


# Writing


def note(session: Session) -> None:
    audit.record(work(session, Actor(), datetime(2026, 3, 1, tzinfo=UTC)), "tested", "test:1")
    session.flush()


def notes(database: Database) -> int:
    counted = select(func.count()).select_from(AuditEvent)
    return database.read(lambda session: session.scalar(counted) or 0)


def test_what_is_cut_before_its_commit_is_done_anew_and_once(
    place: Place, database: Database
) -> None:
    database.run(note)
    tries = []

    def cut_once(session: Session) -> None:
        tries.append(1)
        note(session)
        if len(tries) == 1:
            place.between.cut()
            session.execute(text("SELECT 1"))

    database.run(cut_once)
    assert len(tries) == 2
    assert notes(database) == 2


@pytest.mark.parametrize("is_done", [True, False])
def test_what_is_cut_at_its_commit_is_looked_up_and_done_once(
    place: Place, database: Database, is_done: bool
) -> None:
    database.run(note)
    database.run(lambda session: session.add(DeploymentFact(name="tries", value="0")))
    tries = []

    def act(session: Session) -> DeploymentFact:
        tries.append(1)
        note(session)
        fact = session.get_one(DeploymentFact, "tries")
        fact.value = f"{len(tries)}"
        if len(tries) == 1:
            setattr(place.between, "cut_at" if is_done else "cut_before", b"COMMIT")
        return fact

    fact = database.run(act)
    assert fact.value == f"{len(tries)}" == ("1" if is_done else "2")
    assert notes(database) == 2


@pytest.mark.parametrize("has_proof", [True, False])
def test_what_nobody_can_tell_is_uncertain_and_never_done_twice(
    place: Place, database: Database, monkeypatch: pytest.MonkeyPatch, has_proof: bool
) -> None:
    """The database cannot be asked, or has nothing to tell it by."""
    monkeypatch.setattr(db, "LOOKS_WITHIN", 0.3)
    database.run(note)
    tries = []

    def act(session: Session) -> None:
        tries.append(1)
        if has_proof:
            note(session)
            place.between.refuses = True
        else:
            session.add(DeploymentFact(name="tries", value=""))
            session.flush()
        place.between.cut_at = b"COMMIT"

    with pytest.raises(Uncertain, match="not certain"):
        database.run(act)
    place.between.well_again()
    assert len(tries) == 1
    assert notes(database) == 1 + has_proof


@pytest.mark.parametrize("ending", ["commit", "rollback"])
def test_who_looks_waits_for_what_is_under_way(
    place: Place, database: Database, ending: str
) -> None:
    """The transaction goes on at the server, though its connection is lost to us."""
    row = {
        "id": new_id(),
        "at": datetime(2026, 3, 1, tzinfo=UTC),
        "action": "tested",
        "subject": "test:1",
    }
    with database.engine.connect() as lost, ThreadPoolExecutor() as threads:
        lost.execute(insert(AuditEvent), row)
        looks = threads.submit(db._is_there, database.engine, AuditEvent, row)
        time.sleep(0.2)
        assert not looks.done()
        getattr(lost, ending)()
        assert looks.result() == (ending == "commit")
    assert notes(database) == (ending == "commit")


def test_a_page_says_that_it_is_uncertain(
    place: Place,
    app: Flask,
    database: Database,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And the key of a request says afterwards what became of it."""
    monkeypatch.setattr(db, "LOOKS_WITHIN", 0.3)
    callers = Callers.of(app, database, world)
    centre = {"name": "New", "type": "Hospital", "suburb": "Randwick", "time_zone": "UTC"}
    known = callers.program.send("POST", "/api/v1/centres", centre)
    assert known.status_code == 201, known.text
    body = {**centre, "name": "Newer"}

    engine = app.extensions["openslot"].database.engine
    seen = []

    def after(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "INSERT INTO centre" in statement:
            seen.append(statement)
            place.between.refuses = True
            place.between.cut_at = b"COMMIT"

    event.listen(engine, "after_cursor_execute", after)
    try:
        answer = callers.program.send("POST", "/api/v1/centres", body, Idempotency_Key="k2")
    finally:
        event.remove(engine, "after_cursor_execute", after)
    assert len(seen) == 1
    assert (answer.status_code, answer.json["code"]) == (503, "uncertain")
    assert "Retry-After" in answer.headers
    place.between.well_again()
    again = callers.program.send("POST", "/api/v1/centres", body, Idempotency_Key="k2")
    assert again.json["code"] in ("still-running", "answer-lost")
    names = [one["name"] for one in callers.program.get("/api/v1/centres")["items"]]
    assert names.count("Newer") == 1


def test_a_database_that_is_only_read_still_answers_and_says_that_nothing_is_saved(
    place: Place, database: Database
) -> None:
    database.run(note)
    ways = {
        "postgresql": (
            "ALTER DATABASE away SET default_transaction_read_only = on",
            "ALTER DATABASE away SET default_transaction_read_only = off",
        ),
        "mariadb": ("SET GLOBAL read_only = 1", "SET GLOBAL read_only = 0"),
    }[database.engine.dialect.name]
    reader = Database(reader_url(place, database), DATA_KEYS)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(ways[0]))
        try:
            assert notes(reader) == 1
            with pytest.raises(Unavailable, match="nothing was saved") as refused:
                reader.run(note)
            assert refused.value.message == NOTHING_SAVED
        finally:
            connection.execute(text(ways[1]))
    reader.run(note)
    assert notes(reader) == 2
    reader.close()


def test_a_connection_to_what_only_reads_costs_nobody_anything(
    place: Place, database: Database
) -> None:
    """As after a failover: the connections that there are still lead to the server that led."""
    database.run(note)
    database.close()
    only_reads = {
        "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "mariadb": "SET SESSION TRANSACTION READ ONLY",
    }[database.engine.dialect.name]
    followers = [database.engine.raw_connection() for _ in range(2)]
    for one in followers:
        one.cursor().execute(only_reads)
        one.commit()
        one.close()
    for _ in range(3):
        database.run(note)
    assert notes(database) == 4


def test_a_server_that_can_do_nothing_is_tried_last(place: Place, database: Database) -> None:
    """It takes connections all the same, as when its disk is full; another has room."""
    other = Between(place.server.listens)
    hosts = [f"127.0.0.1:{one.port}" for one in (place.between, other)]
    url = make_url(place.url).set(host=None, port=None).update_query_dict({"host": hosts})
    several = Database(url.render_as_string(hide_password=False), DATA_KEYS)
    full = {
        "postgresql": "DO 'BEGIN RAISE SQLSTATE ''53100''; END'",
        "mariadb": "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114",
    }[database.engine.dialect.name]
    assert servers.options_of(several.engine)["port"] == place.between.port
    with pytest.raises(Unavailable):
        several.run(lambda session: session.execute(text(full)))
    assert servers.options_of(several.engine)["port"] == other.port
    several.close()
    other.close()


def reader_url(place: Place, database: Database) -> str:
    """Somebody whom a read-only server stops; on MariaDB, who may all may write all the same."""
    url = make_url(place.url)
    if database.engine.dialect.name == "mariadb":
        with database.engine.begin() as connection:
            connection.execute(text("CREATE OR REPLACE USER nurse@'127.0.0.1' IDENTIFIED BY 'x'"))
            connection.execute(text("GRANT ALL ON away.* TO nurse@'127.0.0.1'"))
        url = url.set(username="nurse", password="x")
    return url.render_as_string(hide_password=False)


def test_the_worker_outlives_it_and_goes_on(
    place: Place, database: Database, tmp_path: Path
) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path)
    worked = Database(place.url, DATA_KEYS)
    place.between.refuses = True
    place.between.cut()
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(worked, settings), kwargs={"stop": stop})

    def lines_of(event: str) -> int:
        return sum(line["event"] == event for line in lines)

    with capture_logs() as lines:
        thread.start()
        try:
            until(lambda: lines_of("worker.waits"))
            place.between.well_again()
            database.run(lambda session: outbox.send(work(session, now=clock.now()), "unknown", {}))
            until(lambda: lines_of("outbox.put-back"))
        finally:
            stop.set()
            thread.join(20)
            worked.close()
    assert lines_of("worker.waits") <= 2


# The embedded database


def on_connect(database: Database, pragma: str) -> Callable[..., None]:
    """Have each new connection be told something; what tells it."""
    database.engine.dispose()

    def tell(connection: sqlite3.Connection, _record: Any) -> None:
        connection.execute(pragma)

    event.listen(database.engine, "connect", tell)
    return tell


def test_a_full_disk_saves_nothing_and_says_so(sqlite_database: Database) -> None:
    pages = sqlite_database.read(lambda session: session.scalar(text("PRAGMA page_count")))
    full = Database(str(sqlite_database.engine.url), DATA_KEYS)
    on_connect(full, f"PRAGMA max_page_count = {pages}")

    def fill(session: Session) -> None:
        for _ in range(200):
            note(session)

    with pytest.raises(Unavailable, match="nothing was saved"):
        full.run(fill)
    assert notes(full) == 0
    full.close()
    sqlite_database.run(note)
    assert notes(sqlite_database) == 1


def test_a_file_that_is_only_read_answers_and_saves_nothing(sqlite_database: Database) -> None:
    sqlite_database.run(note)
    locked = Database(str(sqlite_database.engine.url), DATA_KEYS)
    tell = on_connect(locked, "PRAGMA query_only = ON")
    assert notes(locked) == 1
    with pytest.raises(Unavailable, match="nothing was saved"):
        locked.run(note)
    event.remove(locked.engine, "connect", tell)
    locked.run(note)
    assert notes(locked) == 2
    locked.close()


def test_a_file_that_is_gone_or_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "noise").write_bytes(b"noise" * 4000)
    for name in ("folder", "noise"):
        database = Database(f"sqlite:///{tmp_path / name}", DATA_KEYS)
        with pytest.raises(Unavailable):
            notes(database)
        database.close()
