"""Rounds in which something is killed under load, and comes back."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.network import found, free_times

from clusters import until
from engines import DATA_KEY, DATA_KEYS
from faults.serving_process import children, free_port, serving, until_ready
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.migrations import run as migrations
from survival import judging
from survival.judging import Faults
from survival.load import Load

WARMS_UP, SETTLES = 2.0, 1.5
"""Seconds of load before something is killed, and after it came back."""

GIVES_UP = 180.0
MUST_BE_BACK = 30.0


@dataclass
class Kind:
    """Something that is killed: what kills it, what starts it again (nothing, if others do), and
    whether it takes part again."""

    name: str
    kill: Callable[[], None]
    again: Callable[[], None]
    is_back: Callable[[], bool]


@dataclass
class Result:
    """What was seen in the rounds of one kind."""

    name: str
    confirmed: int = 0
    cancelled: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    back: list[float] = field(default_factory=list)
    rejoined: list[float] = field(default_factory=list)
    drained: float = 0.0
    faults: Faults = field(default_factory=Faults)

    @property
    def row(self) -> str:
        """The row of the table."""
        lost, twice, overlaps, check = self.faults.all
        return (
            f"| {self.name} | {len(self.back)} | {self.confirmed:,} | {self.cancelled:,} | "
            f"{lost} | {twice} | {overlaps} | {check} | {_spread(self.back)} | "
            f"{_spread(self.rejoined)} | {self.failed.total() / max(1, len(self.back)):.1f} | "
            f"{self.drained:.0f} |"
        )

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost, and all was back in time."""
        return not any(self.faults.all) and max(self.back) <= MUST_BE_BACK


HEAD = (
    "| Killed | Rounds | Bookings confirmed | Cancelled | Lost | Twice | Overlaps "
    "| `check` found | Back after (s) | Rejoined after (s) | Failed requests a round "
    "| Outbox empty after (s) |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


def _spread(seconds: list[float]) -> str:
    return f"{median(seconds):.1f} ({min(seconds):.1f} to {max(seconds):.1f})" if seconds else "–"


@dataclass
class Trial:
    """`openslot serve` with two web processes and a worker on a database, and its clients."""

    database: Database
    load: Load
    environment: dict[str, str]
    server: int
    log: Path

    @classmethod
    @contextmanager
    def on(cls, url: str, folder: Path) -> Iterator["Trial"]:
        """Make a network in an empty database, and serve it."""
        data = folder / "data"
        data.mkdir()
        with closing(Database(url, DATA_KEYS, hurried=False)) as database:
            migrations.upgrade(database.engine)
            settings = Settings(_env_file=None, database_url=url, data_dir=data)
            network = found(database, settings, centres=4, practitioners=100, patients=1000)
            environment = {
                "OPENSLOT_DATABASE_URL": url,
                "OPENSLOT_DATA_KEYS": DATA_KEY,
                "OPENSLOT_DATA_DIR": str(data),
                "OPENSLOT_LOG_LEVEL": "warning",
            }
            port = free_port()
            with serving(data, port, "--workers", "2", **environment) as server:
                until_ready(port)
                load = Load(port, network.key, free_times(network), clients=3, pause=0.15)
                try:
                    yield cls(database, load, environment, server.pid, data / "serve.log")
                finally:
                    load.end()

    def rounds(self, kind: Kind, count: int) -> Iterator[Result]:
        """Kill it so many times; yield what was seen after each."""
        result = Result(kind.name)
        for _ in range(count):
            self._round(kind, result)
            yield result
        began = time.monotonic()
        _wait(lambda: judging.waiting(self.database) == 0)
        result.drained = time.monotonic() - began
        yield result

    def _round(self, kind: Kind, result: Result) -> None:
        told = self.load.told
        confirmed, cancelled, failed = len(told.booked), len(told.cancelled), len(told.failures)
        refused = len(told.refused)
        self.load.go_on()
        time.sleep(WARMS_UP)
        kind.kill()
        killed = time.monotonic()
        _wait(lambda: any(sent > killed for sent, _ in list(told.answers)))
        kind.again()
        _wait(kind.is_back)
        result.rejoined.append(time.monotonic() - killed)
        time.sleep(SETTLES)
        self.load.rest()
        failures = told.failures[failed:]
        first = min(at for sent, at in told.answers if sent > killed)
        last = max((at for at, _ in failures if at > killed), default=killed)
        result.back.append(max(first, last) - killed)
        result.failed.update(what for _, what in failures)
        result.failed.update(f"refused {what}" for what in told.refused[refused:])
        result.confirmed += len(told.booked) - confirmed
        result.cancelled += len(told.cancelled) - cancelled
        result.faults += judging.faults(self.database, told, self.environment)

    def web(self) -> Kind:
        """One of the web processes, which the server starts again."""
        return self._process("a web process", "openslot-web", 2)

    def worker(self) -> Kind:
        """The worker, which the server starts again."""
        return self._process("the worker", "openslot-worker", 1)

    def _process(self, name: str, word: str, number: int) -> Kind:
        killed: set[int] = set()

        def kill() -> None:
            pid = random.choice([*{*children(self.server, word)} - killed])
            killed.add(pid)
            os.kill(pid, signal.SIGKILL)

        def is_back() -> bool:
            return len({*children(self.server, word)} - killed) == number

        return Kind(name, kill, lambda: None, is_back)


def _wait(holds: Callable[[], object]) -> None:
    with suppress(TimeoutError):
        until(holds, GIVES_UP)
        return
    raise RuntimeError(f"not within {GIVES_UP:.0f} s: {holds}")
