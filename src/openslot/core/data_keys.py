"""The keys that what is stored is encrypted with; encryption.py has the columns.

Each value is encrypted by AES-256-GCM with a random nonce, for one place: its table, column and
row. It names its key, so that several keys can be in use while they are replaced.
"""

import hmac
import re
import secrets
import shlex
import subprocess  # nosec B404 - the operator's own command
from base64 import b64decode, b64encode, urlsafe_b64decode
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from openslot.core.errors import Failure

KEY_BYTES = 32
NONCE_BYTES = 12

PADDED_TO = 64
"""Bytes of which encrypted texts have a multiple, so that the size of a short one does not tell
which of a few answers it is."""

_PADDING = b"\xff"
"""A byte that no text has in UTF-8."""

MOST_KEYS = 8
"""Data keys that can be in use at a time: look-ups compare with a hash by each."""

COMMAND_SECONDS = 30
"""Seconds within which a command must print the keys."""


_ENCRYPTED = re.compile(r"[0-9a-f]{8}\.[A-Za-z0-9+/]{38,}={0,2}")


class NoDataKey(Failure):
    """No data key is set, and OpenSlot stores health data encrypted only. `openslot keys new`
    prints one: set it as OPENSLOT_DATA_KEYS, and keep a copy apart from the database and its
    backups.
    """


class BadDataKey(Failure):
    """{place} must have 1 to 8 data keys as `openslot keys new` prints them, separated by blanks
    or commas, and nothing else.
    """


class KeysNotRead(Failure):
    """The data keys could not be read from {place}: {reason}"""


class DoesNotOpen(Exception):
    """A stored value cannot be decrypted.

    Nobody who uses OpenSlot can do anything about it, so this is no Failure with a sentence.
    """

    def __init__(self, place: str, why: str):
        super().__init__(f"{place} cannot be read: {why}.")


@dataclass(frozen=True, slots=True)
class _DataKey:
    """What is derived from one key. ``name`` tells keys apart and nothing else about them."""

    name: str
    cipher: AESGCM
    index: bytes
    seal: bytes

    @classmethod
    def of(cls, key: bytes) -> "_DataKey":
        """Derive a key for each use (HKDF-Expand, RFC 5869)."""
        name, cipher, index, seal = (
            hmac.digest(key, b"openslot " + use + b"\x01", "sha256")
            for use in (b"name", b"cipher", b"index", b"seal")
        )
        return cls(name[:4].hex(), AESGCM(cipher), index, seal)


def place_of(column: str, row_id: object) -> str:
    """Return what a value is encrypted for, the same on every engine: its column, such as
    ``referral.letter``, and its row."""
    row = row_id.hex if isinstance(row_id, UUID) else str(row_id).replace("-", "")
    return f"{column}:{row}"


def is_encrypted(stored: str) -> bool:
    """Return whether a stored text has the form of an encrypted one, with whatever key."""
    return bool(_ENCRYPTED.fullmatch(stored))


def new_key() -> str:
    """Return a new data key."""
    return secrets.token_urlsafe(KEY_BYTES)


def printed_by(command: str) -> str:
    """Return what a command prints, or raise KeysNotRead. It is run without a shell."""
    try:
        run = subprocess.run(  # noqa: S603 # nosec B603 - the operator's own command
            shlex.split(command),
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["no reason was given"])[-1]
        raise KeysNotRead(place="the command", reason=reason) from None
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise KeysNotRead(place="the command", reason=error) from None
    return run.stdout


class DataKeys:
    """The keys that open what is stored, oldest first; the last one encrypts. Make them once for a
    process: each derives further keys."""

    def __init__(self, text: str, *, place: str = "OPENSLOT_DATA_KEYS"):
        """Read the keys, or raise BadDataKey, which names their ``place``."""
        try:
            keys = [urlsafe_b64decode(f"{key}=") for key in text.replace(",", " ").split()]
        except ValueError:
            keys = []
        if any(len(key) != KEY_BYTES for key in keys) or not 0 < len(set(keys)) <= MOST_KEYS:
            raise BadDataKey(place=place)
        self._by_name = {key.name: key for key in map(_DataKey.of, keys)}
        self._newest_first = [*map(_DataKey.of, reversed(keys))]

    @property
    def names(self) -> frozenset[str]:
        """Return the names of the keys."""
        return frozenset(self._by_name)

    @property
    def newest(self) -> str:
        """Return the name of the key that encrypts."""
        return self._newest_first[0].name

    def encrypt(self, plain: str, place: str) -> str:
        """Return ``plain`` encrypted with the newest key, for this place alone."""
        key, nonce = self._newest_first[0], secrets.token_bytes(NONCE_BYTES)
        text = plain.encode()
        padded = text + _PADDING * (-len(text) % PADDED_TO)
        encrypted = nonce + key.cipher.encrypt(nonce, padded, place.encode())
        return f"{key.name}.{b64encode(encrypted).decode()}"

    def decrypt(self, stored: str, place: str) -> str:
        """Return what was encrypted for this place. Raises DoesNotOpen."""
        name, _, text = stored.partition(".")
        key = self._by_name.get(name)
        if key is None:
            is_other = is_encrypted(stored)
            why = f"the data key {name} is not set" if is_other else "it is not encrypted"
            raise DoesNotOpen(place, why)
        try:
            encrypted = b64decode(text, validate=True)
            nonce, rest = encrypted[:NONCE_BYTES], encrypted[NONCE_BYTES:]
            padded = key.cipher.decrypt(nonce, rest, place.encode())
            return padded.rstrip(_PADDING).decode()
        except (InvalidTag, ValueError):
            raise DoesNotOpen(place, "it was changed outside OpenSlot") from None

    def hash_of(self, text: str, column: str, age: int = 0) -> str:
        """Return the keyed hash of a text in a column by the newest key, or by the one that is
        ``age`` keys older, if there is one."""
        key = self._newest_first[min(age, len(self._newest_first) - 1)]
        return hmac.digest(key.index, f"{column}:{text}".encode(), "sha256")[:16].hex()

    def sealed(self, content: bytes) -> str:
        """Return a seal of a content by the newest key, which is named in it (HMAC-SHA-256)."""
        key = self._newest_first[0]
        return f"{key.name}.{hmac.digest(key.seal, content, 'sha256').hex()}"

    def sealed_by(self, content: bytes, seal: str) -> str | None:
        """Return the name of the key that sealed a content; None if the seal is not of it. Raises
        DoesNotOpen if the key is not set."""
        name, _, digest = seal.partition(".")
        key = self._by_name.get(name)
        if key is None:
            raise DoesNotOpen("The seal", f"the data key {name} is not set")
        expected = hmac.digest(key.seal, content, "sha256").hex()
        return name if hmac.compare_digest(expected, digest) else None
