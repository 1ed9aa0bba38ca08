"""Password hashes: argon2id for new ones, those of imported systems read and upgraded.

All that is slow here takes one of few places of its process, so that a flood of it leaves
processors, memory and threads for everybody else. None of it belongs into a transaction.
"""

import hashlib
import hmac
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from openslot.core.errors import Invalid
from openslot.identity.errors import HashingBusy, WeakPassword

SHORTEST = 12
LONGEST = 512
"""Longer ones would only keep the hash function busy."""

PLACES = max(2, min(4, os.cpu_count() or 1))
"""How many hashes one process computes at a time, each in 64 MiB; as many more may wait."""

WAITS = 2.0
"""Seconds that somebody waits for a place."""

_WEAKEST_SCORE = 2
"""On zxcvbn's scale from 0 to 4: below, it falls to a list of common passwords."""

_LOOKALIKES = frozenset("4@8({[<3691!|70$5+%2")
_MOST_LOOKALIKES = 8
"""zxcvbn tries all that these signs may stand for together: twenty of them took 20 seconds."""

_running = threading.BoundedSemaphore(PLACES)
_admitted = threading.BoundedSemaphore(2 * PLACES)


@contextmanager
def _place() -> Iterator[None]:
    """Take a place, waiting a moment at most. Raises HashingBusy."""
    if not _admitted.acquire(blocking=False):
        raise HashingBusy
    try:
        if not _running.acquire(timeout=WAITS):
            raise HashingBusy
        try:
            yield
        finally:
            _running.release()
    finally:
        _admitted.release()


@cache
def _hasher(time_cost: int) -> PasswordHasher:
    return PasswordHasher(time_cost=time_cost)


def hash_password(password: str, *, time_cost: int) -> str:
    """Return an argon2id hash. Raises HashingBusy where too many are at it."""
    with _place():
        return _hasher(time_cost).hash(password)


def hash_patiently(password: str, *, time_cost: int) -> str:
    """Return an argon2id hash, however long a place takes to come free: for imports."""
    with _running:
        return _hasher(time_cost).hash(password)


def hash_new(password: str, *known: str, time_cost: int) -> str:
    """Return the hash of a password that somebody has chosen. Raises WeakPassword, for which
    ``known`` are words that a guesser would try first, and HashingBusy."""
    return hash_password(check_new(password, *known), time_cost=time_cost)


def is_right(stored: str, password: str) -> bool:
    """Return whether ``password`` belongs to the hash, argon2 or Werkzeug's pbkdf2."""
    if len(password) > LONGEST:
        return False
    if stored.startswith("pbkdf2:"):
        return _is_right_pbkdf2(stored, password)
    try:
        return _hasher(3).verify(stored, password)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


def proves(stored: str | None, password: str, *, time_cost: int) -> bool:
    """Return whether ``password`` belongs to the hash; never to None, for no account.

    A wrong password costs at least as much as one at ``time_cost``, whatever is stored, so that
    the time does not tell who has an account. Raises HashingBusy, and Invalid for a password that
    is too long to be one.
    """
    if len(password) > LONGEST:
        raise Invalid(
            "Enter a password of at most {longest} characters.", field="password", longest=LONGEST
        )
    with _place():
        if stored is not None and is_right(stored, password):
            return True
        missing = time_cost - _cost(stored)
        if missing > 0:
            is_right(_decoy(missing), password)
        return False


def wants_upgrade(stored: str, *, time_cost: int) -> bool:
    """Return whether a sign-in should replace the hash by a newer kind."""
    return stored.startswith("pbkdf2:") or _hasher(time_cost).check_needs_rehash(stored)


def check_new(password: str, *known: str) -> str:
    """Return ``password``, if it is long enough and not easily guessed. Raises WeakPassword.

    ``known`` are words that a guesser would try first, such as the name and the e-mail.
    """
    if not len(password) >= SHORTEST:
        raise WeakPassword(field="password", shortest=SHORTEST)
    if len(password) > LONGEST:
        raise WeakPassword(
            "Choose a password of at most {longest} characters.", field="password", longest=LONGEST
        )
    if _score(password, known) < _WEAKEST_SCORE:
        raise WeakPassword(
            "This password is among the first that would be guessed. Choose another.",
            field="password",
        )
    return password


def _score(password: str, known: tuple[str, ...]) -> int:
    with _place():
        found = zxcvbn(_told_quickly(password[:72]), user_inputs=[word for word in known if word])
    return int(found["score"])


def _told_quickly(password: str) -> str:
    """The password with no more kinds of lookalike signs than zxcvbn can try in a moment."""
    kinds = [sign for sign in dict.fromkeys(password) if sign in _LOOKALIKES]
    return password.translate({ord(sign): "~" for sign in kinds[_MOST_LOOKALIKES:]})


@cache
def _decoy(time_cost: int) -> str:
    """A hash of this cost that no password fits."""
    parameters = (
        f"m={_hasher(time_cost).memory_cost},t={time_cost},p={_hasher(time_cost).parallelism}"
    )
    salt, digest = "A" * 22, "A" * 43  # 16 and 32 bytes
    return f"$argon2id$v=19${parameters}${salt}${digest}"


def _cost(stored: str | None) -> int:
    """What verifying the hash has cost, in passes of argon2; pbkdf2 is cheap beside them."""
    try:
        return extract_parameters(stored or "").time_cost
    except InvalidHashError:
        return 0


def _is_right_pbkdf2(stored: str, password: str) -> bool:
    """Werkzeug's form: ``pbkdf2:sha256:50000$salt$hex``."""
    try:
        method, salt, expected = stored.split("$")
        _, digest, iterations = method.split(":")
        found = hashlib.pbkdf2_hmac(digest, password.encode(), salt.encode(), int(iterations))
    except ValueError:
        return False
    return hmac.compare_digest(found.hex(), expected)
