"""``openslot serve`` as a process of its own, and what its processes are."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from socket import socket

OPENSLOT = (sys.executable, "-m", "openslot.entrypoints.cli.main")
GONE = (HTTPException, OSError)
"""What a client of a server that is not there sees."""


def free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(
    data: Path, port: int, *words: str, **settings: str
) -> Iterator[subprocess.Popen[bytes]]:
    """``openslot serve`` with ``words``; everything that it started is killed at the end."""
    environment = {
        **os.environ,
        "OPENSLOT_DATA_DIR": str(data),
        "OPENSLOT_RATE_LIMITS": "false",
        "OPENSLOT_PASSWORD_ITERATIONS": "1",
        "OPENSLOT_PASSWORD_TOKENS": "true",
        **settings,
    }
    with (data / "serve.log").open("ab") as log:
        server = subprocess.Popen(
            [*OPENSLOT, "serve", "--port", str(port), *words],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield server
        finally:
            kill(server)


def kill(server: subprocess.Popen[bytes]) -> None:
    """SIGKILL for the server and everything that it started."""
    for pid in [*children(server.pid), server.pid]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    server.wait(timeout=10)


def children(parent: int, word: str = "") -> list[int]:
    """The processes that ``parent`` started, with ``word`` in their names if there is."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            mother = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            name = (folder / "comm").read_text()
        except OSError:  # it has ended meanwhile
            continue
        if mother == parent and word in name:
            found.append(int(folder.name))
    return found


def runs(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def until(condition: Callable[[], bool], within: float = 180) -> None:
    """Wait until ``condition`` holds."""
    gives_up = time.monotonic() + within
    while not condition():
        assert time.monotonic() < gives_up
        time.sleep(0.05)


def status(port: int, path: str = "/healthz", within: float = 5) -> int | None:
    """The status of an answer; None where there is none."""
    client = HTTPConnection("127.0.0.1", port, timeout=within)
    try:
        client.request("GET", path)
        return client.getresponse().status
    except GONE:
        return None
    finally:
        client.close()


def until_ready(port: int) -> None:
    """Wait until the server answers."""
    until(lambda: status(port) == 200)
