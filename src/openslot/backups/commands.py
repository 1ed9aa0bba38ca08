"""Makes backups and restores them."""

import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO
from zipfile import ZipFile

from pydantic import SecretStr

from openslot.backups import archives, dumps, queries
from openslot.backups.archives import DATABASE, MANIFEST, PIECE, SECRET_KEY, Manifest
from openslot.backups.errors import (
    AlreadyWritten,
    CannotWrite,
    NewerBackup,
    NotEmpty,
    NothingToCopy,
    OtherEngine,
    Unsealed,
)
from openslot.backups.queries import Location, location_of
from openslot.core import facts
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.version import version
from openslot.importers.progress import Progress
from openslot.migrations import revisions
from openslot.migrations import run as migrations

EVERY = 10.0
"""Seconds between two lines about a long copy."""


@dataclass(slots=True)
class Found:
    """A backup to restore: its file, that with the secret key of its recipient, whether it may be
    without a seal, and then by which data key it is sealed."""

    file: Path
    key: Path | None
    may_be_unsealed: bool = False
    sealed_by: str | None = None


def back_up(
    database: Database, settings: Settings, target: Path, *, now: datetime, progress: Progress
) -> Path:
    """Write a backup to a file, or to a new file in a folder; return the file.

    Raises a Failure; then nothing is left.
    """
    recipients = archives.recipients_of(settings.backup_recipients)
    place = location_of(database)
    revision = revisions.current(database.engine)
    if revision is None:
        raise NothingToCopy
    ending = ".zip.age" if recipients else ".zip"
    name = f"{_name(place, settings)}-{now:%Y%m%d-%H%M%S}{ending}"
    file = target / name if target.is_dir() else target
    if file.exists():
        raise AlreadyWritten(path=file)
    manifest = Manifest(
        version=version(), engine=place.engine, revision=revision, made_at=now.isoformat()
    )
    with (
        dumps.working_folder(settings.data_dir) as folder,
        archives.writing(file, manifest, recipients) as archive,
    ):
        digests = {MANIFEST: _sha256(archives.text_of(manifest))}
        if recipients and settings.stored_key:
            archive.writestr(SECRET_KEY, settings.stored_key)
            digests[SECRET_KEY] = _sha256(settings.stored_key)
        with (
            dumps.dumped(place, Path(folder)) as stream,
            archive.open(DATABASE, "w", force_zip64=True) as member,
        ):
            digests[DATABASE] = _copy(stream, member, progress)
        archives.seal(archive, digests, settings.encryption_keys)
    if revision == revisions.head():
        database.run(lambda session: facts.note_backup(session, now))
    return file


def remove_older(newest: Path, database: Database, settings: Settings, *, keep: int) -> list[Path]:
    """Remove the older backups of this database in the folder of the newest one, so that ``keep``
    are left; return those that were removed."""
    name = re.escape(_name(location_of(database), settings))
    pattern = re.compile(rf"{name}-\d{{8}}-\d{{6}}\.zip(\.age)?")
    ours = sorted(one for one in newest.parent.iterdir() if pattern.fullmatch(one.name))
    older = ours[:-keep]
    for file in older:
        file.unlink()
    return older


def restore(
    database: Database, settings: Settings, found: Found, *, progress: Progress
) -> Manifest:
    """Fill an empty database, and the data folder if the backup has a secret key.

    Raises NotEmpty or another Failure; then everything is as before.
    """
    place = location_of(database)
    with _opened(place, settings, found) as (archive, manifest, folder):
        if queries.has_tables(database.engine):
            raise NotEmpty(where=f"The database {place.database}")
        key_of_backup = _key_of(archive)
        if key_of_backup and settings.stored_key not in (None, key_of_backup):
            raise NotEmpty(where=f"{settings.key_file} is of another deployment: the data folder")
        database.close()
        _load(database, archive, folder, progress)
        if key_of_backup:
            settings.keep_key(key_of_backup)
    return manifest


@contextmanager
def tried(
    database: Database, settings: Settings, found: Found, *, progress: Progress
) -> Iterator[tuple[Manifest, Database, Settings]]:
    """Restore into a place that is removed afterwards, beside ``database``, and yield it, upgraded
    to this version, with the settings that go with it."""
    place = location_of(database)
    with (
        _opened(place, settings, found) as (archive, manifest, folder),
        _scratch(database, place, folder) as url,
        closing(Database(url, settings.encryption_keys, hurried=False)) as copy,
    ):
        _load(copy, archive, folder, progress)
        migrations.upgrade(copy.engine)
        yield manifest, copy, _settings_of(archive, settings, folder)


@contextmanager
def _opened(
    place: Location, settings: Settings, found: Found
) -> Iterator[tuple[ZipFile, Manifest, Path]]:
    """Yield an archive that this version can restore at the place, and a folder to work in."""
    with (
        dumps.working_folder(settings.data_dir) as name,
        archives.reading(found.file, found.key, Path(name)) as (archive, manifest),
    ):
        if manifest.engine != place.engine:
            raise OtherEngine(engine=manifest.engine, other=place.engine)
        if not revisions.is_known(manifest.revision):
            raise NewerBackup(version=manifest.version)
        found.sealed_by = archives.sealed_by(found.file, archive, settings.encryption_keys)
        if found.sealed_by is None and not found.may_be_unsealed:
            raise Unsealed(path=found.file)
        yield archive, manifest, Path(name)


@contextmanager
def _scratch(database: Database, place: Location, folder: Path) -> Iterator[str]:
    if place.engine == "sqlite":
        yield f"sqlite:///{folder / 'openslot.sqlite3'}"
        return
    with queries.scratch_database(database) as url:
        yield url


def _settings_of(archive: ZipFile, settings: Settings, folder: Path) -> Settings:
    """Return the settings for a restored copy: with the key that is set, else that of the backup,
    else that of the data folder."""
    key = settings.secret_key.get_secret_value() or _key_of(archive) or settings.stored_key or ""
    return settings.model_copy(update={"data_dir": folder, "secret_key": SecretStr(key)})


def _key_of(archive: ZipFile) -> str | None:
    """Return the secret key of a backup, if it has one."""
    is_there = SECRET_KEY in archive.namelist()
    return archives.small(archive, SECRET_KEY) if is_there else None


def _load(database: Database, archive: ZipFile, folder: Path, progress: Progress) -> None:
    """Load the copy into an empty database, or leave it empty."""
    place = location_of(database)
    try:
        with archive.open(DATABASE) as member, dumps.loading(place, folder) as stream:
            _copy(member, stream, progress)
    except BaseException as error:
        if place.engine == "mariadb":  # the other engines load in one transaction
            queries.drop_tables(database.engine)
        if isinstance(error, OSError):
            raise CannotWrite(path=folder, reason=error.strerror) from error
        raise


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _copy(source: IO[bytes], target: IO[bytes], progress: Progress) -> str:
    """Copy a stream, and return its SHA-256."""
    said_at, count, digest = time.monotonic(), 0, hashlib.sha256()
    while piece := source.read(PIECE):
        target.write(piece)
        digest.update(piece)
        count += len(piece)
        if time.monotonic() - said_at > EVERY:
            said_at = time.monotonic()
            progress.say(f"{count >> 20} MB of the database copied.")
    return digest.hexdigest()


def _name(place: Location, settings: Settings) -> str:
    """Return what the names of the backups of a database begin with: the network, if it is one of
    several, whose files all have the same name."""
    return settings.tenant or re.sub(r"[^\w.-]", "_", Path(place.database).stem)
