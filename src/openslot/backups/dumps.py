"""The copy of a whole database by the means of its engine, and the way back.

SQLite copies itself while others write. For PostgreSQL and MariaDB the client programs that come
with the servers do; passwords reach them by environment or by a file, never by their arguments.
"""

import os
import shutil
import sqlite3
import subprocess  # nosec B404 - starts the servers' own programs only
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO

from psycopg.conninfo import make_conninfo

from openslot.backups.errors import NoProgram, ProgramFailed
from openslot.backups.queries import Location

_PACKAGES = {
    "pg_dump": "postgresql-client",
    "pg_restore": "postgresql-client",
    "mariadb-dump": "mariadb-client",
    "mariadb": "mariadb-client",
}
"""Debian's package for each program."""

_DUMP_POSTGRESQL = (
    "pg_dump",
    "--format=custom",
    "--compress=0",
    "--no-owner",
    "--no-privileges",
)
_LOAD_POSTGRESQL = (
    "pg_restore",
    "--exit-on-error",
    "--single-transaction",
    "--no-owner",
    "--no-privileges",
)
_NOT_OF_LIBPQ = ("context", "password", "prepare_threshold")
_DUMP_MARIADB = (
    "--single-transaction",
    "--quick",
    "--hex-blob",
    "--no-tablespaces",
    "--skip-add-drop-table",
    "--skip-add-locks",
    "--default-character-set=utf8mb4",
)
_LOAD_MARIADB = (
    "--default-character-set=utf8mb4",
    "--local-infile=0",
    "--loose-sandbox",
)
"""A dump that somebody else wrote can start no program here, and read no file. Clients of before
2024 do not know the last option, which ``loose`` allows."""

_MARIADB_OPTIONS = {
    "host": "host",
    "port": "port",
    "user": "user",
    "password": "password",
    "unix_socket": "socket",
    "ca": "ssl-ca",
    "cert": "ssl-cert",
    "key": "ssl-key",
}
"""Options of MariaDB's programs by those of the driver."""


@contextmanager
def dumped(place: Location, folder: Path) -> Iterator[IO[bytes]]:
    """Yield the copy of the database as a stream; ``folder`` is a private one to work in.

    Raises NoProgram or ProgramFailed, the latter also at the end of the block.
    """
    if place.engine == "sqlite":
        with copied(Path(place.database), folder).open("rb") as copy:
            yield copy
        return
    with _called(place, folder, loads=False) as (command, environment):
        process = _start(command, environment, folder, stdout=subprocess.PIPE)
        assert process.stdout is not None
        with _ended(process, command, folder):
            yield process.stdout


@contextmanager
def loading(place: Location, folder: Path) -> Iterator[IO[bytes]]:
    """Yield a stream to write the copy of a database to; it is loaded at the end of the block.

    Raises NoProgram or ProgramFailed.
    """
    if place.engine == "sqlite":
        draft = folder / "loading"
        with draft.open("wb") as file:
            yield file
            os.fsync(file.fileno())
        draft.replace(place.database)
        return
    with _called(place, folder, loads=True) as (command, environment):
        process = _start(command, environment, folder, stdin=subprocess.PIPE)
        assert process.stdin is not None
        with _ended(process, command, folder), suppress(BrokenPipeError), process.stdin as stdin:
            yield stdin


def copied(file: Path, folder: Path) -> Path:
    """Return a copy of SQLite's file at one moment. Writers wait for as long as it takes, unless
    the file has a write-ahead log."""
    copy = folder / "copy.sqlite3"
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
        try:
            target.execute("PRAGMA synchronous = OFF")
            source.backup(target)
        except sqlite3.Error as error:
            raise ProgramFailed(program="SQLite", reason=error) from error
    return copy


@contextmanager
def _called(
    place: Location, folder: Path, *, loads: bool
) -> Iterator[tuple[Sequence[str], Mapping[str, str]]]:
    """Yield the command that dumps or loads, and its environment."""
    if place.engine == "postgresql":
        yield _call_postgresql(place, _LOAD_POSTGRESQL if loads else _DUMP_POSTGRESQL)
        return
    options = folder / "options.cnf"
    options.touch(mode=0o600)
    options.write_text(_mariadb_options(place), encoding="utf-8")
    program = "mariadb" if loads else "mariadb-dump"
    flags = _LOAD_MARIADB if loads else _DUMP_MARIADB
    yield (program, f"--defaults-extra-file={options}", *flags, place.database), os.environ


def _call_postgresql(
    place: Location, command: Sequence[str]
) -> tuple[Sequence[str], Mapping[str, str]]:
    schema = (f"--schema={place.schema}",) if place.schema else ()
    named = {name: value for name, value in place.options.items() if name not in _NOT_OF_LIBPQ}
    password = place.options.get("password")
    environment = os.environ | ({"PGPASSWORD": password} if password else {})
    return (*command, *schema, f"--dbname={make_conninfo(**named)}"), environment


def _mariadb_options(place: Location) -> str:
    given = {**place.options, **place.options.get("ssl", {})}
    lines = [
        f'{option} = "{_escaped(given[name])}"'
        for name, option in _MARIADB_OPTIONS.items()
        if name in given
    ]
    return "\n".join(["[client]", *lines, ""])


def _escaped(value: object) -> str:
    return str(value).replace("\\", "\\\\").replace('"', '\\"')


def _start(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a client program; what it says goes to a file in the folder."""
    program = shutil.which(command[0])
    if program is None:
        raise NoProgram(program=command[0], package=_PACKAGES[command[0]])
    with (folder / "said").open("wb") as said:
        return subprocess.Popen(  # noqa: S603 # nosec B603 - one of the programs above
            [program, *command[1:]], env=environment, stdin=stdin, stdout=stdout, stderr=said
        )


@contextmanager
def _ended(
    process: subprocess.Popen[bytes], command: Sequence[str], folder: Path
) -> Iterator[None]:
    """Wait for the program at the end of the block, or end it if the block fails."""
    try:
        yield
    except BaseException:
        process.kill()
        raise
    finally:
        for pipe in (process.stdout, process.stdin):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        process.wait()
    if process.returncode:
        said = (folder / "said").read_text(encoding="utf-8", errors="replace").strip()
        reason = next(iter(said.splitlines()), f"exit code {process.returncode}")
        raise ProgramFailed(program=command[0], reason=reason)


def working_folder(parent: Path) -> tempfile.TemporaryDirectory[str]:
    """Return a private folder for what a backup needs meanwhile, which is deleted."""
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix=".backup-", dir=parent)
