"""Bookings, slots, searches and mails over HTTP, against limits measured in the same run.

The clients, the server, its worker and the database are processes of their own. Every figure is
the median of ROUNDS rounds, with the slowest and the fastest.
"""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median
from time import monotonic, sleep
from typing import Any, Self
from urllib.parse import urlencode
from uuid import UUID

import psycopg
from sqlalchemy import create_engine, delete, func, select, text
from sqlalchemy.orm import Session

import engines
from bench import changes, load, servers, wire
from bench.goals import Goals
from bench.load import Call
from bench.network import (
    MINUTES,
    SHORT,
    ZONE,
    Network,
    book_until,
    found,
    free_times,
    has_short_slots,
)
from engines import DATA_KEY, DATA_KEYS
from openslot.booking.models import Appointment, Status
from openslot.core import clock
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.engines import make_engine
from openslot.core.outbox import MAIL, OutboxMessage, State
from openslot.directory.models import Practitioner
from openslot.entrypoints.fhir.slot import write_id
from openslot.migrations import run as migrations
from openslot.schedules.availability import tick_at

Calls = Callable[[int], Sequence[Call]]
"""Makes as many requests as are wanted."""

ROUNDS = 5
PROCESSES = 2
RACES = 20
MAILS = 2_000

BARE = r"""
\set id random(1, 100000)
BEGIN;
UPDATE bare_page SET version = version + 1 WHERE id = :id;
INSERT INTO bare_row (page) VALUES (:id);
COMMIT;
"""
"""The least that a booking is: one page is written, and one row added."""


@dataclass(frozen=True)
class Size:
    """How large the network is, and for how long each round measures."""

    practitioners: int = 10_000
    centres: int = 1_000
    patients: int = 100_000
    appointments: tuple[int, int] = (10_000, 1_000_000)
    seconds: float = 3.0


@dataclass
class Figure:
    """What was measured: answers per second of each round, and milliseconds of each answer."""

    name: str
    rates: list[float]
    took: list[float]
    statuses: Counter[str] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Answers per second: the median of the rounds."""
        return median(self.rates)

    @property
    def p50(self) -> float:
        """Milliseconds of the median answer."""
        return median(self.took)

    @property
    def p99(self) -> float:
        """Milliseconds of the 99th of 100 answers."""
        return sorted(self.took)[int(len(self.took) * 0.99)]

    def row(self, limit: float | None = None) -> str:
        """Return the figure as a row of the table."""
        spread = f"{min(self.rates):,.0f} to {max(self.rates):,.0f}"
        ratio = f"{self.rate / limit:.1%}" if limit else "–"
        odd = {status: number for status, number in self.statuses.items() if status[0] != "2"}
        refused = ", ".join(f"{number} × {status}" for status, number in sorted(odd.items()))
        return (
            f"| {self.name} | {ratio} | {self.rate:,.0f} | {spread} | {self.p50:,.1f} | "
            f"{self.p99:,.1f} | {refused or '–'} |"
        )


@dataclass
class Bench:
    """A network with its server."""

    size: Size
    network: Network
    database: Database
    environment: dict[str, str]
    port: int

    @classmethod
    @contextmanager
    def on(cls, address: str, folder: Path, size: Size) -> Iterator[Self]:
        """Make a network without appointments at the address of an empty database."""
        database = Database(address, DATA_KEYS, hurried=False)
        migrations.upgrade(database.engine)
        environment = {
            "OPENSLOT_DATABASE_URL": address,
            "OPENSLOT_DATA_KEYS": DATA_KEY,
            "OPENSLOT_DATA_DIR": str(folder / "data"),
            "OPENSLOT_RATE_LIMITS": "false",
            "OPENSLOT_LOG_LEVEL": "error",
        }
        settings = Settings(
            _env_file=None, database_url=address, data_dir=folder / "data", rate_limits=False
        )
        network = found(
            database,
            settings,
            centres=size.centres,
            practitioners=size.practitioners,
            patients=size.patients,
        )
        yield cls(size, network, database, environment, servers.free_port())
        database.close()

    def measure(
        self,
        name: str,
        calls: Calls,
        *,
        clients: int,
        rounds: int = ROUNDS,
    ) -> Figure:
        """Send new calls in every round, after one that is not counted."""
        figure, many = Figure(f"{name}, {clients} clients", [], []), 400
        for number in range(rounds + 1):
            seen = load.run(self.port, calls(many), clients=clients, seconds=self.size.seconds)
            many = int(seen.rate * self.size.seconds * 1.5) + 50
            if number:
                figure.rates.append(seen.rate)
                figure.took.extend(seen.took)
                figure.statuses.update(seen.statuses)
        return figure

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Call:
        """Return a request with the key of the network."""
        text = None if body is None else json.dumps(body)
        return Call(method, path, text, {"Authorization": f"Bearer {self.network.key}", **headers})

    def bookings(self, count: int) -> list[Call]:
        """Return bookings of free times, each of another patient."""
        return [
            self.call(
                "POST",
                "/api/v1/appointments",
                {"schedule": schedule, "start": start.isoformat(), "patient": str(patient)},
            )
            for schedule, start, patient in islice(free_times(self.network), count)
        ]

    def bare(self, count: int) -> list[Call]:
        """Return bare transactions, each of a random page."""
        pages = (self.network.chance.randint(1, 100_000) for _ in range(count))
        return [self.call("POST", "/bare", {"id": page}) for page in pages]

    def slots(self, count: int, days: int) -> list[Call]:
        """Return searches for the free slots of one practitioner."""
        first = datetime.now(ZONE).date() + timedelta(days=1)
        query = f"from={first}&to={first + timedelta(days=days)}&limit=500"
        return [
            self.call("GET", f"/api/v1/slots?schedule={self._practitioner()}&{query}")
            for _ in range(count)
        ]

    def holds(self, count: int) -> list[Call]:
        """Return holds of free times."""
        return [
            self.call("POST", "/api/v1/holds", json.loads(booking.body or "{}"))
            for booking in self.bookings(count)
        ]

    def confirmations(self, count: int) -> list[Call]:
        """Return a booking of each hold."""
        return [
            self.call(
                "POST",
                "/api/v1/appointments",
                {
                    "schedule": held.schedule_id,
                    "start": held.starts_at.isoformat(),
                    "patient": str(held.patient_id),
                    "hold": str(held.id),
                },
            )
            for held in self._some(Status.HELD, count)
        ]

    def moves(self, count: int) -> list[Call]:
        """Return moves of booked appointments to free times of the same practitioner."""
        free = free_times(self.network)
        return [
            self.call("PATCH", f"/api/v1/appointments/{one.id}", {"start": start.isoformat()})
            for one, (_, start, _) in zip(self._some(Status.BOOKED, count), free, strict=False)
        ]

    def cancellations(self, count: int) -> list[Call]:
        """Return cancellations of booked appointments."""
        return [
            self.call("PATCH", f"/api/v1/appointments/{one.id}", {"status": "cancelled"})
            for one in self._some(Status.BOOKED, count)
        ]

    def fhir_bookings(self, count: int) -> list[Call]:
        """Return bookings of free times by $book."""
        return [
            self.call("POST", "/fhir/Appointment/$book", _proposal(*found))
            for found in islice(free_times(self.network), count)
        ]

    def doctor_bookings(self, count: int) -> list[Call]:
        """Return bookings by the doctor-schedule service."""
        doctors = (one for one in free_times(self.network) if has_short_slots(one[0]))
        return [
            self.call(
                "POST",
                "/appointment",
                {
                    "doctor_id": doctor,
                    "location_id": doctor % self.network.centres + 1,
                    "date": start.date().isoformat(),
                    "time": f"{start:%H:%M}",
                    "patient_id": str(patient),
                },
            )
            for doctor, start, patient in islice(doctors, count)
        ]

    def searches(self, count: int) -> list[Call]:
        """Return searches for the name of a practitioner with a letter too many."""
        names = [self._name() for _ in range(min(count, 200))]
        return [
            self.call("GET", f"/api/v1/search?{urlencode({'q': names[number % len(names)]})}")
            for number in range(count)
        ]

    def same(self, method: str, path: str, body: object = None) -> Callable[[int], list[Call]]:
        """Return the same request as often as it is wanted."""
        return lambda count: [self.call(method, path, body)] * count

    def races(self) -> str:
        """Let 32 clients want one time, RACES times; return what they were answered."""
        answers: Counter[str] = Counter()
        for schedule, start, _ in islice(free_times(self.network), RACES):
            calls = [
                self.call(
                    "POST",
                    "/api/v1/appointments",
                    {"schedule": schedule, "start": start.isoformat(), "patient": str(patient)},
                )
                for patient in self.network.chance.sample(self.network.patients, 32)
            ]
            answers.update(load.run(self.port, calls, clients=32).statuses)
        return ", ".join(f"{number} × {status}" for status, number in sorted(answers.items()))

    def changes(self) -> changes.Longest:
        """Let a practitioner's name change while others book and look for times."""
        rounds = [
            [
                call
                for pair in zip(self.bookings(2000), self.slots(2000, 7), strict=True)
                for call in pair
            ]
            for _ in range(2 * changes.ROUNDS)
        ]
        change = self.call("PATCH", f"/api/v1/practitioners/{self.network.practitioners}")
        return changes.longest(self.port, rounds, change, self.size.seconds)

    def _some(self, status: Status, count: int) -> list[Appointment]:
        newest = select(Appointment).where(Appointment.status == status)
        newest = newest.order_by(Appointment.created_at.desc()).limit(count)
        return self.database.read(lambda session: list(session.scalars(newest)))

    def _name(self) -> str:
        name = self.database.read(
            lambda session: session.get_one(Practitioner, self._practitioner()).name
        )
        at = self.network.chance.randrange(1, len(name))
        return name[:at] + name[at - 1] + name[at:]

    def _practitioner(self) -> int:
        return self.network.chance.randint(1, self.network.practitioners)


HEAD = (
    "| | of its limit | each second | slowest to fastest round | median ms | 99 % ms | not 2xx |\n"
    "| --- | --- | --- | --- | --- | --- | --- |"
)


def lines(size: Size, goals: Goals) -> Iterator[str]:
    """Yield the tables, line by line, while they are measured."""
    few, many = size.appointments
    with (
        servers.folder() as folder,
        servers.postgresql(folder) as url,
        new_database(url, "postgres") as address,
        Bench.on(address, folder, size) as bench,
    ):
        yield f"{size.practitioners:,} practitioners in {size.centres:,} centres, "
        yield f"{size.patients:,} patients, {many:,} appointments, {PROCESSES} web processes."
        book_until(bench.database, bench.network, many)
        with (
            new_database(url, "postgres", "few") as other,
            Bench.on(other, folder, size) as thin,
        ):
            book_until(thin.database, thin.network, few)
            yield from _growth(thin, bench, goals)
        yield from _limits(bench, _plain(address))
        with _served(bench, worker=True):
            beside = bench.measure("booking beside the worker", bench.bookings, clients=32)
            yield beside.row()
        with _served(bench) as server:
            yield from _figures(bench, server, beside, goals)
        yield from _mails(bench, goals)
    yield from _large(size.seconds, goals)


def _large(seconds: float, goals: Goals) -> Iterator[str]:
    """Measure what grows with the directory, in a large one at any scale."""
    size = Size(patients=10_000, appointments=(10_000, 10_000), seconds=seconds)
    with (
        servers.folder() as folder,
        servers.postgresql(folder) as url,
        new_database(url, "postgres") as address,
        Bench.on(address, folder, size) as bench,
    ):
        book_until(bench.database, bench.network, size.appointments[0])
        with _served(bench) as server:
            load.run(bench.port, bench.searches(64), clients=8)  # the names are read by then
            yield ""
            yield f"{size.practitioners:,} practitioners in {size.centres:,} centres:"
            yield ""
            yield HEAD
            earliest = bench.measure("earliest of all", bench.same("GET", EARLIEST), clients=1)
            yield earliest.row()
            box = bench.measure("search box, a letter too many", bench.searches, clients=1)
            yield box.row()
            yield bench.measure("page: start", bench.same("GET", "/"), clients=8, rounds=3).row()
            waited = bench.changes()
            yield ""
            yield _said_of(waited)
            yield f"Memory of a web process: {server.megabytes(servers.WEB):.0f} MB after that."
        who = f"of {size.practitioners:,} practitioners"
        goals.at_most(f"earliest {who}, median", earliest.p50, 250, "ms")
        goals.at_most(f"earliest {who}, 99 %", earliest.p99, 400, "ms")
        goals.at_most(f"search box {who}, 99 %", box.p99, 30, "ms")


def other_engines(size: Size, goals: Goals) -> Iterator[str]:
    """Yield a table of bookings on SQLite and MariaDB."""
    yield HEAD
    with servers.folder() as folder:
        bare = _bare_on_sqlite(folder / "bare.sqlite3", size.seconds)
        yield bare.row()
        with Bench.on(f"sqlite:///{folder / 'bench.sqlite3'}", folder, size) as bench:
            embedded = booking_on(bench, "SQLite")
            goals.at_least(
                "booking on SQLite, 8 clients",
                embedded.rate / bare.rate,
                0.15,
                "the bare transaction",
            )
            yield embedded.row(bare.rate)
    with (
        servers.folder() as folder,
        servers.mariadb(folder) as url,
        new_database(url, "mysql") as address,
        Bench.on(address, folder, size) as bench,
    ):
        yield booking_on(bench, "MariaDB").row()


def booking_on(bench: Bench, engine: str) -> Figure:
    book_until(bench.database, bench.network, bench.size.appointments[0])
    with _served(bench):
        return bench.measure(f"booking on {engine}", bench.bookings, clients=8)


def _bare_on_sqlite(file: Path, seconds: float) -> Figure:
    """The bare transaction in one process, which no second one waits for, on a connection with the
    settings of OpenSlot's own: the journal, and that what is deleted is written over."""
    figure = Figure("limit: bare transaction on SQLite, same settings, 1 client", [], [])
    connection: Any
    with closing(make_engine(f"sqlite:///{file}").raw_connection()) as connection:
        connection.executescript(
            "CREATE TABLE bare_page (id integer PRIMARY KEY, version integer);"
            "CREATE TABLE bare_row (id integer PRIMARY KEY, page integer);"
        )
        connection.execute("BEGIN")
        pages = ((number, 0) for number in range(1, 100_001))
        connection.executemany("INSERT INTO bare_page VALUES (?, ?)", pages)
        connection.execute("COMMIT")
        for _ in range(ROUNDS):
            began, count = monotonic(), 0
            while monotonic() < began + seconds:
                count += 1
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(
                    "UPDATE bare_page SET version = version + 1 WHERE id = ?", [count % 100_000 + 1]
                )
                connection.execute("INSERT INTO bare_row (page) VALUES (?)", [count])
                connection.execute("COMMIT")
            figure.rates.append(count / (monotonic() - began))
            figure.took.append(1000 / figure.rates[-1])
    return figure


def _mails(bench: Bench, goals: Goals) -> Iterator[str]:
    """Measure how fast the worker empties an outbox to a mail server that answers at once."""
    port = servers.free_port()
    mail = {
        "OPENSLOT_SMTP_HOST": "127.0.0.1",
        "OPENSLOT_SMTP_PORT": str(port),
        "OPENSLOT_MAIL_FROM": "desk@bench.example",
        "OPENSLOT_PUBLIC_URL": "http://127.0.0.1",
    }
    bench.database.run(_forget_messages)
    with _served(bench):
        load.run(bench.port, bench.bookings(MAILS), clients=8)
    sink = [sys.executable, "-m", "bench.sink", str(port)]
    worker = [sys.executable, "-m", "openslot.entrypoints.cli.main", "worker"]
    with servers.started(sink, {}), servers.started(worker, bench.environment | mail):
        while not (before := bench.database.read(_sent)):
            sleep(0.01)
        began = monotonic()
        while bench.database.read(_waiting) and monotonic() < began + 120:
            sleep(0.05)
        sent, took = bench.database.read(_sent), monotonic() - began
    rate = (sent - before) / took
    goals.rate("mails composed and sent by one worker", rate, 500)
    yield ""
    yield f"{sent:,} mails of {MAILS:,} bookings, composed and sent by one worker: "
    yield f"{rate:,.0f} each second."


@contextmanager
def _served(bench: Bench, *, worker: bool = False) -> Iterator[servers.Server]:
    """Run `openslot serve`, with its worker or without."""
    command = ["-m", "openslot.entrypoints.cli.main", "serve", "--port", str(bench.port)]
    command += ["--workers", str(PROCESSES), *([] if worker else ["--no-worker"])]
    with servers.serving(command, bench.environment, bench.port) as server:
        load.run(bench.port, bench.slots(20, 7), clients=4)  # the directory is read at first use
        yield server


def _limits(bench: Bench, address: str) -> Iterator[str]:
    """Measure the least that can be done on this machine."""
    yield ""
    yield HEAD
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE TABLE bare_page (id integer PRIMARY KEY, version integer)")
        connection.execute("INSERT INTO bare_page SELECT n, 0 FROM generate_series(1, 100000) AS n")
        connection.execute("CREATE TABLE bare_row (id serial PRIMARY KEY, page integer)")
    for clients in (1, 8, 32):
        figure = Figure(f"limit: bare transaction (pgbench), {clients} clients", [], [])
        for _ in range(ROUNDS):
            figure.rates.append(_pgbench(address, clients, bench.size.seconds))
        figure.took.append(1000 * clients / figure.rate)
        LIMITS[f"pgbench {clients}"] = figure.rate
        yield figure.row()
    command = ["-m", "bench.bare", str(bench.port)]
    with ExitStack() as stack:
        for _ in range(PROCESSES):
            stack.enter_context(servers.serving(command, bench.environment, bench.port))
        for clients in (1, 8, 32):
            figure = bench.measure(
                "limit: Flask with one SELECT", bench.same("GET", "/version"), clients=clients
            )
            LIMITS[f"flask {clients}"] = figure.rate
            yield figure.row()
            figure = bench.measure(
                "limit: Flask with the bare transaction", bench.bare, clients=clients
            )
            yield figure.row(LIMITS[f"pgbench {clients}"])


LIMITS: dict[str, float] = {}

EARLIEST = "/api/v1/slots?earliest=true&limit=1"
SLOTS = "/fhir/Slot?schedule=Schedule/1"
FIND = "/fhir/Appointment/$find?practitioner=Practitioner/1"


def _proposal(schedule: int, start: datetime, patient: UUID) -> dict[str, object]:
    """Return the parameters of $book for a free slot."""
    minutes = SHORT if has_short_slots(schedule) else MINUTES
    slot = write_id((tick_at(start), schedule, minutes, 0))
    named = {
        "appointment-reference": f"Appointment/{slot}",
        "patient-reference": f"Patient/{patient}",
    }
    parameters = [
        {"name": name, "valueReference": {"reference": value}} for name, value in named.items()
    ]
    return {"resourceType": "Parameters", "parameter": parameters}


def _week() -> str:
    """Return the week that begins tomorrow, as a FHIR search writes it."""
    first = datetime.now(ZONE).date() + timedelta(days=1)
    return f"start=ge{first}&start=lt{first + timedelta(days=7)}"


def _period() -> str:
    """Return the same week, as $find takes it."""
    first = datetime.now(ZONE).date() + timedelta(days=1)
    return f"start={first}T00:00:00Z&end={first + timedelta(days=7)}T00:00:00Z"


def _figures(bench: Bench, server: servers.Server, beside: Figure, goals: Goals) -> Iterator[str]:
    start = server.megabytes(servers.WEB)
    booking: dict[int, Figure] = {}
    for clients in (1, 8, 32):
        booking[clients] = bench.measure("booking", bench.bookings, clients=clients)
        yield booking[clients].row(LIMITS[f"pgbench {clients}"])
    most = booking[32]
    goals.at_least("booking, 32 clients", most.rate / LIMITS["pgbench 32"], 0.15, "pgbench")
    goals.at_least("the same beside the worker", beside.rate / most.rate, 0.6, "it")
    goals.at_most("the same, 99 % of requests", most.p99 / most.p50, 4, "× its median")
    measures: list[tuple[str, Calls, int, str | None]] = [
        ("hold", bench.holds, 8, None),
        ("confirm a hold", bench.confirmations, 8, None),
        ("move", bench.moves, 8, None),
        ("cancel", bench.cancellations, 8, None),
        ("slots of a practitioner, 7 days", lambda n: bench.slots(n, 7), 8, "flask 8"),
        ("slots of a practitioner, 30 days", lambda n: bench.slots(n, 30), 8, "flask 8"),
        ("slots of a centre, 7 days", bench.same("GET", "/api/v1/slots?centre=1"), 8, None),
        ("earliest of all", bench.same("GET", EARLIEST), 1, None),
        ("search box, a letter too many", bench.searches, 1, None),
        ("FHIR Slot of a schedule", bench.same("GET", f"{SLOTS}&{_week()}"), 8, None),
        ("FHIR $book", bench.fhir_bookings, 8, None),
        ("doctor-schedule POST", bench.doctor_bookings, 8, None),
        ("calendar feed", bench.same("GET", f"/calendars/{bench.network.feed}.ics"), 8, None),
        ("FHIR $find", bench.same("GET", f"{FIND}&{_period()}"), 8, None),
        ("what the clients can ask (/healthz)", bench.same("GET", "/healthz"), 32, None),
        ("page: start", bench.same("GET", "/"), 8, None),
        ("page: times of a practitioner", bench.same("GET", "/book/1"), 8, None),
    ]
    found: dict[str, Figure] = {}
    for name, calls, clients, limit in measures:
        figure = found[name] = bench.measure(name, calls, clients=clients, rounds=3)
        yield figure.row(LIMITS[limit] if limit else None)
    month = found["slots of a practitioner, 30 days"]
    goals.at_least(
        "slots, 30 days, 8 clients", month.rate / LIMITS["flask 8"], 0.4, "Flask with one SELECT"
    )
    waited = bench.changes()
    goals.at_most("wait because the directory changes", waited.because_of_it, 100, "ms")
    end = server.megabytes(servers.WEB)
    goals.at_most("memory of a web process after the load", end, 120, "MB")
    goals.at_most("the same, by its start", end / start, 1.3, "×")
    first, later = wire.first_page(bench.port), wire.largest_other(bench.port)
    goals.at_most("first visit", first / 1000, 80, "kB")
    goals.at_most("later pages", later / 1000, 15, "kB")
    yield ""
    yield f"32 clients for one time, {RACES} times: {bench.races()}."
    yield _said_of(waited)
    yield f"Memory of a web process: {start:.0f} MB at its start, {end:.0f} MB after the load."


def _said_of(waited: changes.Longest) -> str:
    return (
        f"While a name changes every {changes.EVERY} s, bookings and slots of 8 clients take "
        f"{waited.changing:,.0f} ms at the longest, and {waited.quiet:,.0f} ms without a change "
        f"(medians of {changes.ROUNDS} rounds)."
    )


def _growth(few: Bench, many: Bench, goals: Goals) -> Iterator[str]:
    """Measure how much longer one client waits among many appointments than among few.

    Both are asked in turn, as a machine may be faster in one minute than in the next. The first
    pair warms up.
    """
    kinds: dict[str, Callable[[Bench, int], Sequence[Call]]] = {
        "booking": Bench.bookings,
        "slots": lambda bench, count: bench.slots(count, 30),
    }
    pairs: dict[str, list[float]] = {kind: [] for kind in kinds}
    with _served(few), _served(many):
        for number in range(2 * ROUNDS):
            for kind, calls in kinds.items():
                turns = (few, many) if number % 2 else (many, few)
                took = {bench.port: _alone(bench, calls) for bench in turns}
                pairs[kind].append(took[many.port] / took[few.port])
    growths = {kind: median(of_kind[1:]) for kind, of_kind in pairs.items()}
    counts = " to ".join(f"{count:,}" for count in many.size.appointments)
    goals.at_most(f"growth from {counts} appointments", max(growths.values()), 1.25, "×")
    by_kind = ", ".join(f"{kind} × {growth:.2f}" for kind, growth in growths.items())
    spread = ", ".join(f"{min(one[1:]):.2f} to {max(one[1:]):.2f}" for one in pairs.values())
    yield ""
    yield f"Growth from {counts} appointments, by the median of one client: {by_kind} "
    yield f"(medians of {2 * ROUNDS - 1} pairs of rounds in turn, {spread})."


def _alone(bench: Bench, calls: Callable[[Bench, int], Sequence[Call]]) -> float:
    """Return the milliseconds that one client waits for the median answer."""
    seconds = bench.size.seconds
    return median(
        load.run(bench.port, calls(bench, int(800 * seconds)), clients=1, seconds=seconds).took
    )


def _pgbench(address: str, clients: int, seconds: float) -> float:
    command = [engines.program("pgbench") or "pgbench", "-n", "-M", "prepared", "-j", "2"]
    command += ["-c", str(clients), "-T", str(max(1, round(seconds))), "-f", "/dev/stdin", address]
    done = subprocess.run(command, input=BARE, capture_output=True, text=True, check=True)
    rate = re.search(r"tps = ([\d.]+)", done.stdout)
    assert rate, done.stdout
    return float(rate[1])


@contextmanager
def new_database(url: str, existing: str, name: str = "bench") -> Iterator[str]:
    """The address of a new database on a server that has an ``existing`` one."""
    engine = create_engine(url.format(database=existing), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    yield url.format(database=name)


def _plain(address: str) -> str:
    """Return the address of a database as libpq takes it."""
    return address.replace("+psycopg", "", 1)


def _waiting(session: Session) -> int:
    """Return how many messages are due; reminders wait for days."""
    due = (OutboxMessage.state == State.WAITING, OutboxMessage.due_at <= clock.now())
    return session.scalar(select(func.count()).where(*due)) or 0


def _sent(session: Session) -> int:
    """Return how many mails were sent."""
    sent = (OutboxMessage.topic == MAIL, OutboxMessage.state == State.DONE)
    return session.scalar(select(func.count()).where(*sent)) or 0


def _forget_messages(session: Session) -> None:
    session.execute(delete(OutboxMessage))
