"""Exports everything, and imports it into an empty database, all of it or nothing."""

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.backups import archives, dumps
from openslot.backups.queries import location_of
from openslot.booking import check
from openslot.booking import queries as booking
from openslot.core import audit
from openslot.core.actor import SYSTEM
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import Invalid
from openslot.core.locks import lock
from openslot.core.signing import NotSigned
from openslot.core.values import NotRead
from openslot.core.version import version
from openslot.core.work import Work, doing
from openslot.directory.changes.queries import mark_all_changed
from openslot.identity import factors
from openslot.importers.problems import Problems, Source
from openslot.importers.progress import Progress
from openslot.migrations import revisions
from openslot.schedules.availability import Weekly
from openslot.schedules.errors import BadHours, BadPeriod, LongNight
from openslot.schedules.rules import check_weekly
from openslot.transfers import queries
from openslot.transfers.errors import DatabaseNotEmpty, LostSecret, OtherVersion
from openslot.transfers.packages import Manifest, Open, reading, writing
from openslot.transfers.queries import Kind, kinds
from openslot.transfers.readme import readme_of

NO_PASSWORD = "!"  # noqa: S105 # nosec B105 - no hash
"""In place of the hash of a password; no password matches it."""

MOST_PROBLEMS = 1000
"""Problems after which the rest of the files is not looked at."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Further:
    """A file that is written to be read, with the number of its lines for the progress."""

    name: str
    total: int
    lines: Iterable[str]


Others = Callable[[Session, Settings, datetime], AbstractContextManager[Iterable[Further]]]
"""Yields further files of an export, from the same moment of the database."""


@dataclass(frozen=True, slots=True)
class Contents:
    """How an export is written: with what lets people in or without, and for whose keys."""

    with_credentials: bool = False
    recipients: Sequence[str] = ()


def export_everything(
    database: Database,
    settings: Settings,
    target: Path,
    contents: Contents,
    others: Others,
    *,
    now: datetime,
    progress: Progress,
) -> Manifest:
    """Write everything as it is at one moment, while people book. Raises a Failure; then nothing is
    left."""
    recipients = archives.recipients_of(contents.recipients)
    manifest = Manifest(
        version=version(),
        revision=revisions.head(),
        made_at=now.isoformat(),
        time_zone=settings.time_zone,
        engine=location_of(database).engine,
        with_credentials=contents.with_credentials,
    )
    with writing(target, manifest, recipients) as package:
        database.run(doing(SYSTEM, now, settings, _note_export, contents.with_credentials))
        with _still(database, settings) as source, source.reading(snapshot=True) as session:
            for kind in kinds(with_credentials=contents.with_credentials):
                total = queries.count(session, kind)
                lines = progress.track(kind.name, _lines(session, kind, settings), total)
                package.add(kind.file, lines, returns=kind.returns)
            with others(session, settings, now) as files:
                for one in files:
                    lines = progress.track(one.name, one.lines, one.total)
                    package.add(one.name, lines, returns=False)
        package.finish(readme_of(manifest))
    return manifest


def _note_export(work: Work, with_credentials: bool) -> None:
    details = {"credentials": True} if with_credentials else {}
    audit.record(work, "export.everything", "database:all", **details)


@contextmanager
def _still(database: Database, settings: Settings) -> Iterator[Database]:
    """Yield a database that can be read for as long as it takes: of SQLite a copy, as its writers
    would wait for the reader."""
    place = location_of(database)
    if place.engine != "sqlite":
        yield database
        return
    with dumps.working_folder(settings.data_dir) as folder:
        copy = dumps.copied(Path(place.database), Path(folder))
        url, keys = f"sqlite:///{copy}", settings.encryption_keys
        with closing(Database(url, keys, hurried=False)) as still:
            yield still


def _lines(session: Session, kind: Kind, settings: Settings) -> Iterator[str]:
    cells = kind.cells
    for row in queries.rows(session, kind):
        shown = {name: cells[name].write(value) for name, value in row.items() if value is not None}
        if kind.name == "authenticator":
            shown["secret"] = _opened(settings, row["account_id"], row["secret"])
        yield json.dumps(shown, ensure_ascii=False, separators=(",", ":"))


def _opened(settings: Settings, account_id: UUID, stored: str) -> str:
    """Return the secret of an authenticator app without our secret key around it."""
    try:
        return factors.opened_secret(settings, account_id, stored)
    except NotSigned:
        raise LostSecret from None


# Importing


class _Rehearsed(Exception):
    """Rolls back a rehearsal."""


def import_everything(
    database: Database,
    settings: Settings,
    path: Path,
    key: Path | None,
    *,
    now: datetime,
    progress: Progress,
    rehearse: bool = False,
) -> Manifest:
    """Fill an empty database from an export of everything; with ``rehearse``, store nothing.

    Raises DatabaseNotEmpty, ImportRefused with all problems, or another Failure; then nothing is
    changed.
    """
    with (
        dumps.working_folder(settings.data_dir) as folder,
        reading(path, key, Path(folder)) as (manifest, opened),
    ):
        if manifest.revision != revisions.head():
            raise OtherVersion(
                version=manifest.version, revision=manifest.revision, ours=revisions.head()
            )
        importing = _Import(settings, manifest, opened, progress, now)
        database.read(_check_empty)
        importing.check()

        def work(session: Session) -> None:
            importing.write(Work(session, SYSTEM, now, settings))
            if rehearse:
                raise _Rehearsed

        with suppress(_Rehearsed):
            database.run(work)
        return manifest


def _check_empty(session: Session) -> None:
    if tables := queries.not_empty(session):
        raise DatabaseNotEmpty(tables=", ".join(tables))


@dataclass
class _Import:
    """An import: first all files are checked, then they are written in one transaction."""

    settings: Settings
    manifest: Manifest
    opened: Open
    progress: Progress
    now: datetime

    def check(self) -> None:
        """Read every row. Raises ImportRefused with what is wrong in any."""
        problems = Problems()
        for kind in self._kinds():
            for _source, _row in self._rows(kind, problems):
                pass
            if len(problems.found) > MOST_PROBLEMS:
                break
        problems.refuse_if_any()

    def write(self, work: Work) -> None:
        """Write every row. Raises ImportRefused for what contradicts other rows."""
        session, problems = work.session, Problems()
        lock(session, "import everything")
        _check_empty(session)
        queries.clear(session)
        for kind in self._kinds():
            self._write(session, kind, problems)
            problems.refuse_if_any()
        queries.continue_numbers(session, [kind.table for kind in self._kinds()])
        queries.fill_diaries(session)
        _check_diaries(session, problems)
        problems.refuse_if_any()
        mark_all_changed(session)
        lines = {file.name: file.lines for file in self.manifest.files if file.returns}
        audit.record(
            work, "import.everything", "database:all", made=self.manifest.made_at, rows=lines
        )

    def _kinds(self) -> list[Kind]:
        every = kinds(with_credentials=self.manifest.with_credentials)
        return [kind for kind in every if kind.returns]

    def _rows(self, kind: Kind, problems: Problems) -> Iterator[tuple[Source, Row]]:
        """Yield the rows of a file without problems. A file that is not the one of the manifest is
        a problem."""
        noted = {file.name: file for file in self.manifest.files}.get(kind.file)
        if noted is None:
            problems.add(Source(kind.file), None, "The manifest does not name this file.")
            return
        digest = hashlib.sha256()
        try:
            with self.opened(kind.file) as file:
                lines = self.progress.track(kind.name, file, noted.lines)
                for number, line in enumerate(lines, 1):
                    digest.update(line)
                    source = Source(kind.file, number)
                    row = _read(kind, line, source, problems)
                    if row is not None:
                        yield source, row
        except (FileNotFoundError, KeyError):
            problems.add(Source(kind.file), None, "This file is missing.")
            return
        if digest.hexdigest() != noted.sha256:
            sentence = (
                "This file was changed, or is damaged: its SHA-256 is not that of the manifest."
            )
            problems.add(Source(kind.file), None, sentence)

    def _write(self, session: Session, kind: Kind, problems: Problems) -> None:
        links: list[Sequence[Any]] = []
        found = self._rows(kind, problems)
        while some := list(islice(found, queries.AT_ONCE)):
            rows = [self._stored(kind, row, links) for _, row in some]
            refused = queries.add(session, kind.table, rows)
            if refused is not None:
                place, column = refused
                problems.add(some[place][0], column, _REFUSED)
                return
        queries.link(session, kind, links)

    def _stored(self, kind: Kind, row: Row, links: list[Sequence[Any]]) -> Row:
        """Return a row as it is inserted; what it has to do with others of its table is put off."""
        if any(row[name] is not None for name in kind.own_links):
            (key,) = kind.table.primary_key.columns
            links.append([row[key.name], *(row[name] for name in kind.own_links)])
            row = row | dict.fromkeys(kind.own_links)
        if kind.name == "account":
            # With a password that nobody knows, people set one by a link.
            row = {"password": NO_PASSWORD, "fs_uniquifier": secrets.token_hex(16), **row}
        if kind.name == "authenticator":
            row["secret"] = factors.stored_secret(self.settings, row["account_id"], row["secret"])
        return row


_REFUSED = (
    "Another row has this value already, what it names is in none of the files, or its fields "
    "exclude each other, so this row contradicts the others."
)


def _read(kind: Kind, line: bytes, source: Source, problems: Problems) -> Row | None:
    """Return a row with a value for each column, or None after adding problems."""
    try:
        given = json.loads(line)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        problems.add(source, None, "This line is no JSON object.")
        return None
    before = len(problems.found)
    for name in given.keys() - kind.cells.keys():
        problems.add(source, name, "There is no such field.")
    row = {}
    for name, cell in kind.cells.items():
        value = given.get(name)
        try:
            if value is None and cell.is_required:
                raise NotRead("Fill in this field.")
            row[name] = None if value is None else cell.read(value)
        except NotRead as wrong:
            problems.add(source, name, str(wrong))
    if len(problems.found) == before:
        for name, sentence in _ends_too_soon(kind, row):
            problems.add(source, name, sentence)
    return row if len(problems.found) == before else None


_PERIODS = (
    ("starts_at", "ends_at"),
    ("busy_from", "busy_until"),
    ("starts_from", "starts_until"),
    ("valid_from", "valid_until"),
)
"""Columns with the start and the end of a period; an end that is a day belongs to it."""


def _ends_too_soon(kind: Kind, row: Row) -> Iterator[tuple[str, str]]:
    """Yield the columns of periods that end before they begin, with sentences. Hours may end on the
    next day, by the rule of the schedules."""
    for first, last in _PERIODS:
        start, end = row.get(first), row.get(last)
        if start and end and (end < start or (end == start and isinstance(end, datetime))):
            yield last, str(BadPeriod())
            return
    if kind.name == "opening_hours":
        try:
            check_weekly(Weekly(*(row[name] for name in Weekly._fields if name != "services")))
        except (BadHours, LongNight) as error:
            yield "ends", str(error)
        except Invalid as error:
            yield "rule", str(error)


def _check_diaries(session: Session, problems: Problems) -> None:
    """Add a problem for each time that is booked twice."""
    faults = check.faults_in(session)
    names = booking.diary_names(session) if faults else {}
    for fault in faults:
        who = names.get(fault.diary_id, "unknown")
        problems.add(Source("tables/appointment.ndjson"), None, f"{who}: {fault}.")
