"""Supervision of child processes: restarted if they fail, ended when this process ends.

The standard input of each is a pipe from this process. If this process is killed, the pipe closes
and the child ends. Each runs in its own session, so that Ctrl-C reaches only this process.
"""

import os
import signal
import subprocess  # nosec B404 - starts our own program only
import sys
import threading
import time
from collections.abc import Callable, Sequence

import click

from openslot.core import metrics

STOPS_WITHIN = 15
"""Seconds that a process has to finish its work before it is killed."""

LIVES = 30.0
"""Seconds after which a process counts as healthy; a later failure is counted from one again."""


class Attendant:
    """Keeps one process running, and restarts it if it fails.

    The pause before a restart is ``pause`` seconds, doubled after each failure up to ``longest``.
    Gives up after ``tries`` early exits with an error in a row, if ``tries`` is given.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        pause: float = 1.0,
        longest: float = 30.0,
        tries: int | None = None,
    ):
        self.name = name
        self.has_given_up = False
        self._command = command
        self._pause = pause
        self._longest = longest
        self._tries = tries
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._attend, daemon=True)
        self._when_given_up: Callable[[], None] = lambda: None

    @property
    def pid(self) -> int | None:
        """Return the id of the current process, or of the last one."""
        return self._process.pid if self._process else None

    def start(self, when_given_up: Callable[[], None] = lambda: None) -> None:
        """Start the process; ``when_given_up`` is called after the last try has failed."""
        self._when_given_up = when_given_up
        self._thread.start()

    def ask_to_end(self) -> None:
        """Ask the process to end, and do not restart it."""
        with self._lock:
            self._stopping.set()
        if self._process is not None:
            self._process.terminate()

    def stop(self) -> None:
        """End the process; kill it if it does not end in time."""
        self.ask_to_end()
        if self._process is not None:
            try:
                self._process.wait(STOPS_WITHIN)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._thread.join(STOPS_WITHIN)

    def _attend(self) -> None:
        pause, failures = self._pause, 0
        while process := self._begin():
            began = time.monotonic()
            with process:
                code = process.wait()
            metrics.forget_process(process.pid)
            if self._stopping.is_set():
                return
            if time.monotonic() - began > LIVES:
                pause, failures = self._pause, 0
            failures = failures + 1 if code > 0 else 0
            if failures == self._tries:
                self.has_given_up = True
                self._when_given_up()
                return
            click.echo(f"The {self.name} ended with code {code}. Restarting it.", err=True)
            self._stopping.wait(pause)
            pause = min(pause * 2, self._longest)

    def _begin(self) -> subprocess.Popen[bytes] | None:
        """Start the process, or return None while stopping."""
        with self._lock:
            if self._stopping.is_set():
                return None
            self._process = subprocess.Popen(  # noqa: S603 # nosec B603 - our own program
                self._command, stdin=subprocess.PIPE, start_new_session=True
            )
            return self._process


def attend(attendants: Sequence[Attendant]) -> None:
    """Keep processes running until SIGTERM or SIGINT; raise ClickException if one gives up."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    for attendant in attendants:
        attendant.start(stop.set)
    stop.wait()
    for attendant in attendants:
        attendant.ask_to_end()
    for attendant in attendants:
        attendant.stop()
    for attendant in attendants:
        if attendant.has_given_up:
            raise click.ClickException(
                f"The {attendant.name} cannot start. The lines above show why. The server stopped."
            )


def when_parent_ends(act: Callable[[], None]) -> None:
    """Call ``act`` in a new thread once the parent process has ended."""

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        act()

    threading.Thread(target=wait, daemon=True).start()
