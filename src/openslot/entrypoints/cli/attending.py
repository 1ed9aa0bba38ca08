"""Supervision of child processes: forked from this one, restarted if they fail, ended with it.

This process has loaded the program once and does nothing else, in one thread. So its children share
that memory, and a new one is there at once (see ADR 54). Each runs in its own session, so that
Ctrl-C reaches only this process, and has the end of a pipe as its standard input, which closes when
this process is killed.
"""

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import click

from openslot.core import metrics

ENDINGS = (signal.SIGTERM, signal.SIGINT)
"""What this process is asked to end with."""

STDIN = 0

STOPS_WITHIN = 15
"""Seconds that a process has to finish its work before it is killed."""

LIVES = 30.0
"""Seconds after which a process counts as healthy; a later failure is counted from one again."""

LOOKS_EVERY = 0.05
"""Seconds between looks at the children and at what this process was asked."""


class Attendant:
    """Keeps one process running that does ``work``, and restarts it if it fails.

    The pause before a restart is ``pause`` seconds, doubled after each failure up to ``longest``.
    Gives up after ``tries`` early exits with an error in a row, if ``tries`` is given.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], None],
        *,
        pause: float = 1.0,
        longest: float = 30.0,
        tries: int | None = None,
    ):
        self.name = name
        self.pid: int | None = None
        self.has_given_up = False
        self._work = work
        self._first_pause = self._pause = pause
        self._longest = longest
        self._tries = tries
        self._failures = 0
        self._began = self._due = 0.0

    def look(self, pipe: tuple[int, int]) -> None:
        """Start the process if that is due; note its end if it has ended. It reads from ``pipe``,
        whose other end stays here."""
        if self.pid is None:
            if time.monotonic() >= self._due and not self.has_given_up:
                self._began = time.monotonic()
                self.pid = _forked(self.name, self._work, pipe)
        elif (code := self.ended()) is not None:
            self._note(code)

    def ended(self) -> int | None:
        """Return the exit code of the process if it has ended: once, and negative for a signal."""
        if self.pid is None:
            return None
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            return None
        metrics.forget_process(pid)
        self.pid = None
        return os.waitstatus_to_exitcode(status)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process if it runs."""
        if self.pid is not None:
            os.kill(self.pid, number)

    def _note(self, code: int) -> None:
        if time.monotonic() - self._began > LIVES:
            self._pause, self._failures = self._first_pause, 0
        self._failures = self._failures + 1 if code > 0 else 0
        self.has_given_up = self._failures == self._tries
        if not self.has_given_up:
            click.echo(f"The {self.name} ended with code {code}. Restarting it.", err=True)
        self._due = time.monotonic() + self._pause
        self._pause = min(self._pause * 2, self._longest)


def attend(attendants: Sequence[Attendant]) -> None:
    """Keep processes running until SIGTERM or SIGINT; raise ClickException if one gives up."""
    asked: list[int] = []
    for number in ENDINGS:
        signal.signal(number, lambda number, _: asked.append(number))
    pipe = os.pipe()
    while not asked and not any(attendant.has_given_up for attendant in attendants):
        for attendant in attendants:
            attendant.look(pipe)
        time.sleep(LOOKS_EVERY)
    _end(attendants)
    for end in pipe:
        os.close(end)
    for attendant in attendants:
        if attendant.has_given_up:
            raise click.ClickException(
                f"The {attendant.name} cannot start. The lines above show why. The server stopped."
            )


def _end(attendants: Sequence[Attendant]) -> None:
    """Ask all processes to end; kill those that do not end in time."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for attendant in attendants:
            attendant.send(number)
        deadline = time.monotonic() + STOPS_WITHIN
        while time.monotonic() < deadline and any(one.pid is not None for one in attendants):
            for attendant in attendants:
                attendant.ended()
            time.sleep(LOOKS_EVERY)


def _forked(name: str, work: Callable[[], None], pipe: tuple[int, int]) -> int:
    """Return the id of a new process that does the work."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()  # or the child would write it once more
    # A signal that comes before the child is itself would be lost.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
    pid = os.fork()
    if pid == 0:
        _do(name, work, pipe, before)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def _do(
    name: str, work: Callable[[], None], pipe: tuple[int, int], heeds: set[int | signal.Signals]
) -> NoReturn:
    """Do the work, then end the process: without what its parent would do at its end."""
    code = 1
    try:
        os.setsid()
        for number in ENDINGS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, heeds)
        os.dup2(pipe[0], STDIN)
        for end in {*pipe} - {STDIN}:
            os.close(end)
        with suppress(OSError):  # the name that ps and top show, where there is such a thing
            Path("/proc/self/comm").write_text(f"openslot-{name.split()[0]}")
        work()
        code = 0
    except click.ClickException as error:
        error.show()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def when_parent_ends(act: Callable[[], None]) -> None:
    """Call ``act`` in a new thread once the parent process has ended."""

    def wait() -> None:
        while os.read(STDIN, 1024):
            pass
        act()

    threading.Thread(target=wait, daemon=True).start()
