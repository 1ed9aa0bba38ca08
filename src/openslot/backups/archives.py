"""The file of a backup: a ZIP archive, encrypted by age (age-encryption.org) for its recipients.

So that it can be opened without OpenSlot: ``age --decrypt -i KEY FILE > backup.zip``.
"""

import hashlib
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import IO

import pyrage
from pydantic import BaseModel, ValidationError
from pyrage import x25519

from openslot.backups.errors import (
    AlreadyWritten,
    CannotWrite,
    Forged,
    KeyNeeded,
    NoBackup,
    NoIdentity,
    NoRecipient,
    SealKeyMissing,
    WrongKey,
)
from openslot.core.data_keys import DataKeys, DoesNotOpen

DATABASE = "database"
SECRET_KEY = "secret_key"  # noqa: S105 # nosec B105 - the name of a member
MANIFEST = "manifest.json"
SEAL = "seal"

PIECE = 1 << 20
"""Bytes that are read at a time."""

_AGE = b"age-encryption.org/"
_ENCRYPTED = 1
"""The flag of a member of a ZIP archive that has a password."""
_MOST = 10_000
"""Bytes of a manifest, a seal, or a key."""


class Manifest(BaseModel):
    """What a backup is of."""

    version: str
    engine: str
    revision: str
    made_at: str


def recipients_of(texts: Sequence[str]) -> list[x25519.Recipient]:
    """Return the recipients with these public keys, or raise NoRecipient."""
    found = []
    for text in texts:
        try:
            found.append(x25519.Recipient.from_str(text))
        except pyrage.RecipientError:
            raise NoRecipient(text=text) from None
    return found


def new_key(file: Path) -> str:
    """Write a new secret key to a file for its owner only; return the public key."""
    if file.exists():
        raise AlreadyWritten(path=file)
    identity = x25519.Identity.generate()
    with written(file) as stream:
        stream.write(f"# public key: {identity.to_public()}\n{identity}\n".encode("ascii"))
    return str(identity.to_public())


def text_of(manifest: Manifest) -> str:
    """Return a manifest as it is written."""
    return manifest.model_dump_json(indent=1)


@contextmanager
def writing(
    file: Path, manifest: Manifest, recipients: Sequence[x25519.Recipient]
) -> Iterator[zipfile.ZipFile]:
    """Yield an archive to write members to. The file has its name only once it is whole.

    Raises CannotWrite; then nothing is left.
    """
    with written(file) as stream, encrypted(stream, recipients) as target:
        archive = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        with archive:
            archive.writestr(MANIFEST, text_of(manifest))
            yield archive


def seal(archive: zipfile.ZipFile, digests: Mapping[str, str], keys: DataKeys) -> None:
    """Add the seal of the members, given their SHA-256: age encrypts for a key that is public, so
    it does not tell who wrote them."""
    archive.writestr(SEAL, keys.sealed(_listed(digests)))


def sealed_by(file: Path, archive: zipfile.ZipFile, keys: DataKeys) -> str | None:
    """Return the name of the data key that sealed an archive, None for one without a seal.

    Raises SealKeyMissing, or Forged if anything in it is not as it was sealed.
    """
    names = archive.namelist()
    if SEAL not in names:
        return None
    written = small(archive, SEAL)
    digests = {name: _digest_of(archive, name) for name in names if name != SEAL}
    try:
        key = keys.sealed_by(_listed(digests), written)
    except DoesNotOpen:
        raise SealKeyMissing(path=file, name=written.partition(".")[0][:8]) from None
    if key is None or len(digests) + 1 != len(names):
        raise Forged(path=file)
    return key


def _listed(digests: Mapping[str, str]) -> bytes:
    return json.dumps(digests, sort_keys=True).encode()


def _digest_of(archive: zipfile.ZipFile, name: str) -> str:
    digest = hashlib.sha256()
    with archive.open(name) as member:
        while piece := member.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


@contextmanager
def written(file: Path) -> Iterator[IO[bytes]]:
    """Yield a file for its owner only, which gets its name at the end of the block."""
    draft = None
    try:
        with tempfile.NamedTemporaryFile(
            dir=file.parent, prefix=f".{file.name}.", delete=False
        ) as stream:
            draft = Path(stream.name)
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        draft.rename(file)
    except BaseException as error:
        if draft is not None:
            draft.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise CannotWrite(path=file, reason=error.strerror or error) from error
        raise


@contextmanager
def encrypted(target: IO[bytes], recipients: Sequence[x25519.Recipient]) -> Iterator[IO[bytes]]:
    """Yield a stream that is encrypted into ``target``, as it is where there are no recipients."""
    if not recipients:
        yield target
        return
    failures = list[Exception]()
    ends = os.pipe()
    incoming, outgoing = os.fdopen(ends[0], "rb"), os.fdopen(ends[1], "wb")

    def encrypt() -> None:
        with incoming:
            try:
                pyrage.encrypt_io(incoming, target, recipients)
            except Exception as error:
                failures.append(error)

    thread = Thread(target=encrypt)
    thread.start()
    try:
        yield outgoing
    except BrokenPipeError:
        pass  # the thread has failed, and says why
    finally:
        with suppress(BrokenPipeError):
            outgoing.close()
        thread.join()
    for failure in failures:
        raise OSError(0, str(failure).rpartition("] ")[2]) from failure


@contextmanager
def reading(
    file: Path, key: Path | None, folder: Path
) -> Iterator[tuple[zipfile.ZipFile, Manifest]]:
    """Yield an archive and its manifest; it is decrypted in ``folder``, a private one.

    Raises KeyNeeded, NoIdentity, WrongKey or NoBackup.
    """
    try:
        with (
            file.open("rb") as stored,
            decrypted(stored, file, key, folder) as stream,
            zipfile.ZipFile(stream) as archive,
        ):
            _check_members(archive)
            yield archive, Manifest.model_validate_json(small(archive, MANIFEST))
    except (zipfile.BadZipFile, zlib.error, KeyError, ValidationError):
        raise NoBackup(path=file, reason="it cannot be read") from None
    except OSError as error:
        if error.filename != str(file):
            raise
        raise NoBackup(path=file, reason=error.strerror) from None


def is_archive(file: Path) -> bool:
    """Return whether a file begins as an archive does, encrypted or not."""
    with file.open("rb") as stored:
        return stored.read(len(_AGE)).startswith((_AGE, b"PK\3\4"))


def _check_members(archive: zipfile.ZipFile) -> None:
    """Raise BadZipFile for what we do not write, and the library may not read."""
    for one in archive.infolist():
        is_ours = one.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        if not is_ours or one.flag_bits & _ENCRYPTED:
            raise zipfile.BadZipFile


def small(archive: zipfile.ZipFile, name: str) -> str:
    """Return a member that is no more than a few lines. Raises BadZipFile for anything else."""
    with archive.open(name) as member:
        content = member.read(_MOST + 1)
    if len(content) > _MOST or not content.isascii():
        raise zipfile.BadZipFile
    return content.decode()


@contextmanager
def decrypted(stored: IO[bytes], file: Path, key: Path | None, folder: Path) -> Iterator[IO[bytes]]:
    """Yield an archive as a stream in clear, in ``folder`` if it is encrypted.

    Raises KeyNeeded, NoIdentity, WrongKey or NoBackup.
    """
    is_encrypted = stored.read(len(_AGE)) == _AGE
    stored.seek(0)
    if not is_encrypted:
        yield stored
        return
    if key is None:
        raise KeyNeeded(path=file)
    with tempfile.TemporaryFile(dir=folder) as plain:
        try:
            pyrage.decrypt_io(stored, plain, _identities(key))
        except pyrage.DecryptError as error:
            if "matching keys" in str(error):
                raise WrongKey(path=file) from None
            raise NoBackup(path=file, reason=error) from None
        except OSError as error:
            if error.errno:
                raise CannotWrite(path=folder, reason=error.strerror) from error
            raise NoBackup(path=file, reason=error) from None
        yield plain


def _identities(file: Path) -> list[x25519.Identity]:
    try:
        words = file.read_text(encoding="utf-8").split()
        found = [word for word in words if word.startswith("AGE-SECRET-KEY-")]
        identities = [x25519.Identity.from_str(word) for word in found]
    except (OSError, UnicodeDecodeError, pyrage.IdentityError):
        identities = []
    if not identities:
        raise NoIdentity(path=file)
    return identities
