"""The processes that are measured: a private database server, and `openslot serve`."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import engines

DURABLE = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "1GB",
    "max_wal_size": "4GB",
}
STARTS_WITHIN = 60
WEB = "openslot-web"
"""The name of a web process."""


@contextmanager
def folder() -> Iterator[Path]:
    """A folder on a disk, deleted at the end."""
    path = Path(tempfile.mkdtemp(prefix="openslot-bench-"))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def postgresql(where: Path) -> Iterator[str]:
    """A PostgreSQL that is durable; its URL, with {database} to fill in."""
    server = engines.start_postgresql(where, **DURABLE)
    try:
        yield server.url
    finally:
        server.stop()


@contextmanager
def mariadb(where: Path) -> Iterator[str]:
    """A MariaDB that is durable; its URL, with {database} to fill in."""
    server = engines.start_mariadb(
        where, "--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=1"
    )
    try:
        yield server.url
    finally:
        server.stop()


@dataclass
class Server:
    """A running server."""

    port: int
    process: subprocess.Popen[bytes]

    def children(self, what: str) -> list[int]:
        """Return the ids of its processes with this name."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                name = (entry / "comm").read_text().strip()
                if parent == self.process.pid and name == what:
                    found.append(int(entry.name))
        return found

    def megabytes(self, what: str) -> float:
        """Return the memory of the largest of these processes: what it does not share, and its
        part of what it shares."""
        return max(_proportional(number) for number in self.children(what))


def _proportional(number: int) -> float:
    for line in Path(f"/proc/{number}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise ValueError(number)


@contextmanager
def started(
    command: list[str], environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program of OpenSlot until the end of the block."""
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,  # a server ends with its parent, whose end closes this
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


@contextmanager
def serving(command: list[str], environment: Mapping[str, str], port: int) -> Iterator[Server]:
    """Run a server at the port until the end of the block."""
    with started([sys.executable, *command], environment) as process:
        _wait_for(port, process)
        yield Server(port, process)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as line:
            line.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            if b" 200 " in line.recv(64):
                return
        time.sleep(0.1)
    raise RuntimeError("the server did not start")


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
