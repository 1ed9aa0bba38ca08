"""The files of an export of everything: a folder for its owner only, or one encrypted file.

Both are there whole or not at all. The file is a ZIP archive within age, as backups are, so that it
can be opened without OpenSlot: ``age --decrypt -i KEY FILE > everything.zip``.
"""

import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Literal

from pydantic import BaseModel, ValidationError
from pyrage import x25519

from openslot.backups import archives
from openslot.backups.errors import AlreadyWritten, CannotWrite
from openslot.transfers.errors import NoExport

MANIFEST, README = "manifest.json", "README.md"

Open = Callable[[str], AbstractContextManager[IO[bytes]]]
"""Opens a file of an export by its name."""


class FileOfExport(BaseModel):
    """A file with its number of lines, and whether an import reads it."""

    name: str
    lines: int
    bytes: int
    sha256: str
    returns: bool


class Manifest(BaseModel):
    """What an export is of, and what it consists of."""

    format: Literal["openslot-everything-1"] = "openslot-everything-1"
    version: str
    revision: str
    made_at: str
    time_zone: str
    engine: str
    with_credentials: bool
    files: list[FileOfExport] = []


class Package:
    """An export that is being written."""

    def __init__(self, create: Open, manifest: Manifest):
        self._create, self.manifest = create, manifest

    def add(self, name: str, lines: Iterable[str], *, returns: bool) -> None:
        """Write a file, and note it in the manifest."""
        count, size, digest = 0, 0, hashlib.sha256()
        with self._create(name) as file:
            for line in lines:
                data = f"{line}\n".encode()
                file.write(data)
                digest.update(data)
                count, size = count + 1, size + len(data)
        self.manifest.files.append(
            FileOfExport(
                name=name, lines=count, bytes=size, sha256=digest.hexdigest(), returns=returns
            )
        )

    def finish(self, readme: str) -> None:
        """Write what tells of the other files."""
        for name, text in (README, readme), (MANIFEST, self.manifest.model_dump_json(indent=1)):
            with self._create(name) as file:
                file.write(f"{text}\n".encode())


@contextmanager
def writing(
    target: Path, manifest: Manifest, recipients: Sequence[x25519.Recipient]
) -> Iterator[Package]:
    """Yield a package to write to, an encrypted file if there are recipients. It has its name only
    once it is whole. Raises AlreadyWritten, and CannotWrite; then nothing is left."""
    if os.path.lexists(target):
        raise AlreadyWritten(path=target)
    if recipients:
        with (
            archives.written(target) as stream,
            archives.encrypted(stream, recipients) as hidden,
            zipfile.ZipFile(hidden, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        ):
            yield Package(lambda name: archive.open(name, "w", force_zip64=True), manifest)
        return
    with _folder(target) as draft:
        yield Package(lambda name: _created(draft / name), manifest)


@contextmanager
def _folder(target: Path) -> Iterator[Path]:
    """Yield a folder for its owner only, which gets its name at the end of the block."""
    draft = None
    try:
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        yield draft
        draft.rename(target)
        _write_through(target.parent)
    except BaseException as error:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)
        if isinstance(error, OSError):
            raise CannotWrite(path=target, reason=error.strerror or error) from error
        raise


@contextmanager
def _created(path: Path) -> Iterator[IO[bytes]]:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _write_through(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_export(path: Path) -> bool:
    """Return whether a path looks like an export of everything, in a folder or a file."""
    if path.is_dir():
        return (path / MANIFEST).is_file()
    return path.is_file() and archives.is_archive(path)


@contextmanager
def reading(path: Path, key: Path | None, folder: Path) -> Iterator[tuple[Manifest, Open]]:
    """Yield the manifest of an export, and what opens its files; it is decrypted in ``folder``, a
    private one. Raises NoExport, or an error of the key."""
    try:
        if path.is_dir():
            yield (
                _manifest(path, (path / MANIFEST).open("rb")),
                lambda name: (path / name).open("rb"),
            )
            return
        with (
            path.open("rb") as stored,
            archives.decrypted(stored, path, key, folder) as stream,
            zipfile.ZipFile(stream) as archive,
        ):
            yield _manifest(path, archive.open(MANIFEST)), archive.open
    except (zipfile.BadZipFile, KeyError) as error:
        raise NoExport(path=path, reason=str(error).strip("\"'")) from None


def _manifest(path: Path, opened: IO[bytes]) -> Manifest:
    try:
        with opened:
            return Manifest.model_validate_json(opened.read())
    except ValidationError:
        raise NoExport(path=path, reason=f"{MANIFEST} cannot be read") from None
