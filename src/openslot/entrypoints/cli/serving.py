"""The server, and the worker that runs beside it.

Entry points never import each other: the web application and the worker are started by name.
"""

import os
import pkgutil
import signal
import socket
import subprocess  # nosec B404 - starts our own program only
import sys
import threading
import time
from collections.abc import Callable, Sequence

import click
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from openslot.core import logging
from openslot.core.config import Settings
from openslot.core.db import Database

APPLICATION = "openslot.app:create_app"
WORKER = "openslot.entrypoints.worker.main:run"

OURSELVES = (sys.executable, "-m", "openslot.entrypoints.cli.main")

THREADS = min(16, 2 * (os.cpu_count() or 1) + 1)
"""Requests that one process works on at a time; each may need one of its 20 connections."""

HEADERS_WITHIN = 10_000
"""Milliseconds in which a client must have sent the headers of its request."""

STOPS_WITHIN = 15
"""Seconds that requests under way, and the worker, are given to end."""

SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds before a worker that died is started anew; longer where it dies again and again."""


def check_address(host: str, port: int) -> None:
    """A sentence, in a ClickException, where nothing can listen at this address."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except PermissionError:
        sentence = f"Port {port} is for administrators. Choose one above 1023 with --port."
        raise click.ClickException(sentence) from None
    except socket.gaierror:
        raise click.ClickException(
            f"There is no host {host}. Choose another with --host."
        ) from None
    except OSError as error:
        sentence = f"Nothing can listen at {host}, port {port}: {error.strerror}."
        raise click.ClickException(f"{sentence} Choose another with --port or --host.") from None


def address_of(host: str, port: int) -> str:
    """What to type into a browser."""
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def serve(host: str, port: int, *, workers: int, beside: bool) -> None:
    """Answer requests until SIGTERM or SIGINT; with ``beside`` the worker runs as well."""
    if not Settings().public_url:
        # So that mails carry links that lead here.
        os.environ["OPENSLOT_PUBLIC_URL"] = address_of(host, port).rstrip("/")
    server = Granian(
        APPLICATION,
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=workers,
        blocking_threads=THREADS,
        http1_settings=HTTP1Settings(header_read_timeout=HEADERS_WITHIN),
        respawn_failed_workers=True,
        workers_kill_timeout=STOPS_WITHIN,
        log_level=LogLevels.warning,
    )
    server.on_startup(lambda: click.echo(f"Serving {address_of(host, port)}  Ctrl-C stops it."))
    if beside:
        attendant = Attendant([*OURSELVES, "worker", "--until-stdin-closes"])
        server.on_startup(attendant.start)
        server.on_shutdown(attendant.stop)
    server.serve()


def work(database: Database, settings: Settings, *, once: bool, until_stdin_closes: bool) -> None:
    """Do what the outbox holds, until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if until_stdin_closes:
        threading.Thread(target=_wait_for_end, args=(stop,), daemon=True).start()
    logging.configure(settings)
    run: Callable[..., None] = pkgutil.resolve_name(WORKER)
    run(database, settings, once=once, stop=stop)


def _wait_for_end(stop: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    stop.set()


class Attendant:
    """Keeps one process running until told to stop, and starts it again where it dies.

    The process has a pipe from us for its input: should we be killed, it notices and ends. It
    has a session of its own, so that Ctrl-C reaches us alone, and we end it.
    """

    def __init__(self, command: Sequence[str], *, pause: float = SHORTEST_PAUSE):
        self._command = command
        self._pause = pause
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._attend, daemon=True)

    @property
    def pid(self) -> int | None:
        """The process that runs now, or ran last."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process."""
        self._thread.start()

    def stop(self) -> None:
        """End the process, kindly first."""
        with self._lock:
            self._stopping.set()
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOPS_WITHIN)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._thread.join(STOPS_WITHIN)

    def _attend(self) -> None:
        pause = self._pause
        while process := self._begin():
            began = time.monotonic()
            with process:
                code = process.wait()
            if self._stopping.is_set():
                return
            click.echo(f"The worker ended with code {code} and is started again.", err=True)
            pause = self._pause if time.monotonic() - began > LONGEST_PAUSE else pause
            self._stopping.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _begin(self) -> subprocess.Popen[bytes] | None:
        """Start the process, unless all is to end."""
        with self._lock:
            if self._stopping.is_set():
                return None
            self._process = subprocess.Popen(  # noqa: S603 # nosec B603 - our own program
                self._command, stdin=subprocess.PIPE, start_new_session=True
            )
            return self._process
