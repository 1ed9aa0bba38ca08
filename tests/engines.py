"""Throw-away database servers for the tests, and a few tools that count and empty.

Run as a program this file is the *keeper*: one process a test run, which starts a server when
the first test asks for it and gives every xdist worker the same one. Its standard input is a
pipe that the test run holds; when the run ends, however it ends, the pipe closes, and the
keeper stops its servers and deletes their files.
"""

import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pymysql
from sqlalchemy import Engine, MetaData, event

import professions
from openslot.core.data_keys import DataKeys
from openslot.core.db import Database

DATA_KEY = "b25lIGRhdGEga2V5IGZvciBhbGwgb2YgdGhlIHRlc3Q"
DATA_KEYS = DataKeys(DATA_KEY)
"""What all databases of tests are encrypted with, unless a test says otherwise."""

STARTS_WITHIN = 60.0
"""Seconds that a server may take until it answers."""

TRIES = 3
"""A port that was free may be taken before the server has it; then another is tried."""

NO_STATEMENTS = (
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "PRAGMA",
    "SAVEPOINT",
    "RELEASE",
    "SELECT SET_CONFIG(",
)

GALERA = Path("/usr/lib/galera/libgalera_smm.so")

PACKAGES = {
    "postgresql": "postgresql",
    "mariadb": "mariadb-server",
    "pgbouncer": "pgbouncer",
    "galera": "galera-4 rsync",
    "redis": "redis-server",
    "chromium": "chromium",
}
"""Debian's package for each program that the full test run uses."""


def program(name: str) -> str | None:
    """The path of an installed program; Debian keeps PostgreSQL's and some servers apart."""
    newest_first = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name)
    )
    elsewhere = [*map(str, newest_first), "/usr/sbin", "/usr/local/sbin"]
    return shutil.which(name, path=os.pathsep.join([*elsewhere, os.environ.get("PATH", "")]))


def installed() -> dict[str, bool]:
    """Which of the optional programs this machine has."""
    return {
        "postgresql": all(map(program, ("initdb", "postgres"))),
        "mariadb": all(map(program, ("mariadb-install-db", "mariadbd"))),
        "pgbouncer": program("pgbouncer") is not None,
        "galera": GALERA.exists() and program("rsync") is not None,
        "redis": program("redis-server") is not None,
        "chromium": program("chromium") is not None,
    }


def engine_names() -> list[str]:
    """The engines that tests can run on here; SQLite always."""
    found = installed()
    return ["sqlite", *(name for name in ("postgresql", "mariadb") if found[name])]


SERVERS = [name for name in engine_names() if name != "sqlite"]
"""Those of them where several write at a time."""


def scratch_folder() -> Path:
    """A new folder in memory where that has room, else among the temporary files.

    The path is short, because a Unix socket's may have 107 bytes at most.
    """
    memory = Path("/dev/shm")
    roomy = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2 << 30
    folder = Path(tempfile.mkdtemp(prefix="openslot-", dir=memory if roomy else None))
    folder.chmod(0o711)
    return folder


# The servers


@dataclass
class Server:
    """A running server: a URL with ``{database}`` to fill in, its process, and where it listens:
    a path, or a host and a port. ``again`` starts it anew on its files once it has ended."""

    url: str
    process: subprocess.Popen[bytes]
    stop_signal: signal.Signals
    listens: Any
    again: Callable[[], "Server"]

    def stop(self) -> None:
        """End it, kindly first; its data are thrown away in any case."""
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass
class Home:
    """A server's own folder, and the user that it runs as: servers refuse to be root."""

    folder: Path
    identity: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def make(cls, parent: Path, *users: str, name: str = "") -> "Home":
        folder = parent / (name or users[0])
        folder.mkdir(mode=0o700)
        if os.geteuid() != 0:
            return cls(folder)
        user = _first_known(users)
        os.chown(folder, user.pw_uid, user.pw_gid)
        return cls(folder, {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []})

    def copy(self, other: Path, name: str) -> None:
        """Take over a folder of another server."""
        shutil.copytree(other, self.folder / name)
        if self.identity:
            for path in (self.folder / name, *(self.folder / name).rglob("*")):
                os.chown(path, self.identity["user"], self.identity["group"])

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Run a program as the server's user; what it says goes to a log in the folder."""
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, **self.identity
            )

    def run(self, *command: str) -> None:
        """Run a program to its end; RuntimeError, with its last words, where it fails."""
        if self.start(*command).wait(STARTS_WITHIN):
            raise RuntimeError(f"{command[0]} failed: {self.last_words()}")

    def last_words(self) -> str:
        """The end of the log."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")[-2000:]


def _first_known(users: tuple[str, ...]) -> pwd.struct_passwd:
    for name in (*users, "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("there is no user to run a database server as")


def start_postgresql(parent: Path, **durable: str) -> Server:
    """A PostgreSQL that listens on a Unix socket in its own folder only, with fast settings
    unless others are given.

    Its clock stands in another zone than UTC, so that a time sent without care is found out.
    """
    home = Home.make(parent, "postgres")
    data = str(home.folder / "data")
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(home.folder),
        "max_connections": "200",
        "shared_buffers": "64MB",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "lock_timeout": "30s",
        "timezone": "Australia/Lord_Howe",
        **durable,
    }
    home.run(
        program("initdb") or "initdb",
        "-D",
        data,
        "-U",
        "openslot",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
        "--no-instructions",
    )
    return start_postgres(home, settings)


def start_postgres(home: Home, settings: dict[str, str]) -> Server:
    """A PostgreSQL on the files of its folder."""
    data = str(home.folder / "data")
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    process = home.start(program("postgres") or "postgres", "-D", data, *options)
    url = f"postgresql+psycopg://openslot@/{{database}}?host={home.folder}"

    def answers() -> None:
        psycopg.connect(user="openslot", dbname="postgres", host=str(home.folder)).close()

    _wait_for(process, answers, home)
    return Server(
        url,
        process,
        signal.SIGQUIT,
        str(home.folder / ".s.PGSQL.5432"),
        lambda: start_postgres(home, settings),
    )


def start_mariadb(parent: Path, *durable: str) -> Server:
    """A MariaDB on a free port of 127.0.0.1, with a password that only this run knows, and fast
    settings unless others are given."""
    home = Home.make(parent, "mysql")
    password = secrets.token_hex(16)
    home.run(
        program("mariadb-install-db") or "mariadb-install-db",
        "--no-defaults",
        *own_paths(home),
        "--skip-test-db",
        "--skip-name-resolve",
        "--innodb-log-file-size=16M",
        "--innodb-flush-log-at-trx-commit=0",
    )
    first = home.folder / "first.sql"
    first.write_text(
        f"CREATE OR REPLACE USER openslot@'127.0.0.1' IDENTIFIED BY '{password}';\n"
        "GRANT ALL PRIVILEGES ON *.* TO openslot@'127.0.0.1' WITH GRANT OPTION;\n"
    )
    first.chmod(0o644)
    for _ in range(TRIES - 1):
        with suppress(RuntimeError):
            return _start_mariadbd(home, password, *durable)
    return _start_mariadbd(home, password, *durable)


def own_paths(home: Home) -> list[str]:
    """The options by which a MariaDB keeps to its folder. When it starts it deletes the temporary
    tables in ``tmpdir``, also those of others."""
    folder = home.folder
    paths = {"datadir": "data", "socket": "socket", "pid-file": "pid", "tmpdir": ""}
    return [f"--{name}={folder / path}" for name, path in paths.items()]


def _start_mariadbd(home: Home, password: str, *durable: str) -> Server:
    (port,) = free_ports(1)
    process = home.start(
        program("mariadbd") or "mariadbd",
        "--no-defaults",
        *own_paths(home),
        "--bind-address=127.0.0.1",
        f"--port={port}",
        "--skip-name-resolve",
        f"--init-file={home.folder / 'first.sql'}",
        "--character-set-server=utf8mb4",
        "--default-time-zone=+05:45",
        "--max-connections=300",
        "--skip-log-bin",
        "--performance-schema=OFF",
        "--innodb-buffer-pool-size=128M",
        "--innodb-log-file-size=16M",
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-doublewrite=0",
        "--innodb-use-native-aio=0",
        "--innodb-lock-wait-timeout=20",
        "--lock-wait-timeout=30",
        *durable,
    )
    url = f"mariadb+pymysql://openslot:{password}@127.0.0.1:{port}/{{database}}?charset=utf8mb4"

    def answers() -> None:
        pymysql.connect(host="127.0.0.1", port=port, user="openslot", password=password).close()

    _wait_for(process, answers, home)
    return Server(
        url,
        process,
        signal.SIGTERM,
        ("127.0.0.1", port),
        lambda: _start_mariadbd(home, password, *durable),
    )


def start_pgbouncer(parent: Path, postgresql: Server, roles: Sequence[str] = ()) -> Server:
    """A PgBouncer before a PostgreSQL, which lends each transaction any of three connections, of
    the server's user, or of each of ``roles``."""
    home = Home.make(parent, "postgres", name="pgbouncer")
    settings = {
        "listen_addr": "",
        "unix_socket_dir": str(home.folder),
        "auth_type": "any",
        "pool_mode": "transaction",
        "default_pool_size": "3",
        "max_client_conn": "200",
    }
    backend = f"* = host={Path(str(postgresql.listens)).parent}"
    if roles:
        (home.folder / "users").write_text("".join(f'"{role}" ""\n' for role in roles))
        (home.folder / "users").chmod(0o644)
        settings |= {
            "auth_type": "trust",
            "auth_file": str(home.folder / "users"),
            "ignore_startup_parameters": "options",
        }
    else:
        backend += " user=openslot"
    lines = ["[databases]", backend, "[pgbouncer]", *(f"{k} = {v}" for k, v in settings.items())]
    file = home.folder / "pgbouncer.ini"
    file.write_text("\n".join(lines) + "\n")
    file.chmod(0o644)
    process = home.start(program("pgbouncer") or "pgbouncer", str(file))

    def answers() -> None:
        psycopg.connect(
            user="openslot", dbname="postgres", host=str(home.folder), port=6432
        ).close()

    _wait_for(process, answers, home)
    return Server(
        f"postgresql+psycopg://openslot@/{{database}}?host={home.folder}&port=6432",
        process,
        signal.SIGINT,
        str(home.folder / ".s.PGSQL.6432"),
        lambda: start_pgbouncer(parent, postgresql, roles),
    )


def start_redis(parent: Path, port: int) -> Server:
    """A Redis on a port of 127.0.0.1, which keeps nothing on disk."""
    home = Home(parent)
    process = home.start(
        program("redis-server") or "redis-server",
        *("--bind", "127.0.0.1", "--port", f"{port}", "--save", "", "--daemonize", "no"),
    )

    def answers() -> None:
        socket.create_connection(("127.0.0.1", port)).close()

    _wait_for(process, answers, home)
    return Server(
        f"redis://127.0.0.1:{port}/0",
        process,
        signal.SIGTERM,
        ("127.0.0.1", port),
        lambda: start_redis(parent, port),
    )


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody uses now."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _wait_for(process: subprocess.Popen[bytes], answers: Callable[[], None], home: Home) -> None:
    gives_up = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < gives_up and process.poll() is None:
        with suppress(OSError, psycopg.OperationalError, pymysql.MySQLError):
            answers()
            return
        time.sleep(0.03)
    process.kill()
    process.wait()
    raise RuntimeError(f"the server in {home.folder} did not start: {home.last_words()}")


STARTERS: dict[str, Callable[[Path], Server]] = {
    "postgresql": start_postgresql,
    "mariadb": start_mariadb,
}


# The keeper


class Keeper(socketserver.ThreadingUnixStreamServer):
    """Answers a line with an engine's name by a line with its URL, starting it if needed."""

    daemon_threads = True

    def __init__(self, folder: Path, listening: socket.socket):
        super().__init__(str(folder / "unbound"), Asked, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.folder = folder
        self.servers: dict[str, Server] = {}
        self.starting = {name: threading.Lock() for name in STARTERS}

    def url(self, name: str) -> str:
        """The URL of an engine, which is started by whoever asks first."""
        with self.starting[name]:
            if name not in self.servers:
                self.servers[name] = STARTERS[name](self.folder)
            return self.servers[name].url

    def stop(self) -> None:
        """Stop all servers, also one that is starting just now, and delete every file."""
        for name, lock in self.starting.items():
            with lock:
                if name in self.servers:
                    self.servers[name].stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Asked(socketserver.StreamRequestHandler):
    """One question to the keeper."""

    server: Keeper

    def handle(self) -> None:
        """Read the name, answer the URL or why there is none."""
        try:
            answer = {"url": self.server.url(self.rfile.readline().decode().strip())}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        with suppress(BrokenPipeError):
            self.wfile.write(json.dumps(answer).encode() + b"\n")


def keep(folder: Path, listening: socket.socket) -> None:
    """Serve until standard input closes, which is when the test run is over."""
    keeper = Keeper(folder, listening)
    threading.Thread(target=keeper.serve_forever, daemon=True).start()
    try:
        sys.stdin.buffer.read()
    finally:
        keeper.stop()


@dataclass
class Run:
    """The test run's side of the keeper."""

    folder: Path
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls) -> "Run":
        """Start the keeper, out of reach of the Ctrl-C that is meant for the test run."""
        folder = scratch_folder()
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(folder / "keeper"))
            listening.listen(64)
            number = listening.fileno()
            process = subprocess.Popen(
                [sys.executable, __file__, str(folder), str(number)],
                stdin=subprocess.PIPE,
                pass_fds=[number],
                start_new_session=True,
            )
        return cls(folder, process)

    def stop(self) -> None:
        """Let the keeper clean up, and wait until it has."""
        if self.process.stdin:
            self.process.stdin.close()
        self.process.wait(60)


def ask(folder: Path, name: str) -> str:
    """The URL of an engine of this run; RuntimeError, with the reason, where it cannot start."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(STARTS_WITHIN * (TRIES + 1))
        line.connect(str(folder / "keeper"))
        line.sendall(name.encode() + b"\n")
        answer = json.loads(line.makefile().readline() or '{"error": "the keeper is gone"}')
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return str(answer["url"])


def order(folder: Path, name: str) -> None:
    """Have an engine started, and wait for nothing: other tests run meanwhile."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(folder / "keeper"))
        line.sendall(name.encode() + b"\n")


# What tests do with a database


def empty(engine: Engine, metadata: MetaData) -> None:
    """Delete every row, those that point to others first."""
    with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            for key in table.foreign_keys:
                if key.column.table is table:  # MariaDB minds in which order its rows go
                    connection.execute(table.update().values({key.parent.name: None}))
            connection.execute(table.delete())
        professions.add_built_in(connection)


@dataclass
class Counted:
    """The statements that a block of code sent, in order."""

    texts: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many there were; executemany is one."""
        return len(self.texts)


@contextmanager
def counting(database: Database) -> Iterator[Counted]:
    """Count the SQL that ``database`` is sent, without what only begins and ends."""
    counted = Counted()

    def note(_connection: Any, _cursor: Any, text: str, *_rest: Any) -> None:
        if not text.lstrip().upper().startswith(NO_STATEMENTS):
            counted.texts.append(text)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield counted
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


if __name__ == "__main__":
    keep(Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2])))
