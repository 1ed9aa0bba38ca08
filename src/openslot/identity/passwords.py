"""Password hashes: argon2id for new ones; those of imported systems are read and upgraded.

Each process computes only a few hashes at a time, so that a flood of sign-ins leaves processors,
memory and threads for other requests. Do not hash inside a transaction.
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

from openslot.core.errors import Invalid
from openslot.identity.errors import HashingBusy, WeakPassword

NONE = "!"
"""What is stored in place of a hash for who has never had a password; none belongs to it."""

SHORTEST = 12
LONGEST = 512
"""Limits, in characters; a longer password would only keep the hash function busy."""

PLACES = max(2, min(4, os.cpu_count() or 1))
"""Number of hashes that a process computes at a time, each in 64 MiB; as many more can wait."""

MEMORY_KIB = 64 * 1024
"""Memory of one hash, in KiB."""

WAITS = 2.0
"""Seconds to wait for a free place."""

_WEAKEST_SCORE = 2
"""Lowest accepted score on zxcvbn's scale from 0 to 4; below it, common passwords succeed."""

_LOOKALIKES = frozenset("4@8({[<3691!|70$5+%2")
_MOST_LOOKALIKES = 8
"""zxcvbn tries all combinations of letters for these characters; twenty took 20 seconds."""

_running = threading.BoundedSemaphore(PLACES)
_admitted = threading.BoundedSemaphore(2 * PLACES)


@contextmanager
def _place() -> Iterator[None]:
    """Take a free place within WAITS seconds, or raise HashingBusy."""
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
    return PasswordHasher(time_cost=time_cost, memory_cost=MEMORY_KIB)


def hash_password(password: str, *, time_cost: int) -> str:
    """Return an argon2id hash. Raises HashingBusy if no place is free."""
    with _place():
        return _hasher(time_cost).hash(password)


def hash_patiently(password: str, *, time_cost: int) -> str:
    """Return an argon2id hash, without a limit on the wait for a place; for imports."""
    with _running:
        return _hasher(time_cost).hash(password)


def hash_new(password: str, *known: str, time_cost: int) -> str:
    """Return the hash of a newly chosen password. Raises HashingBusy, and WeakPassword as
    :func:`check_new` does."""
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
    """Return whether ``password`` belongs to the hash; None, for no account, never matches.

    A wrong password always takes at least as long as a hash at ``time_cost``, so that the time
    does not reveal whether there is an account. Raises HashingBusy, and Invalid if the password
    is too long.
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
    """Return whether the hash should be replaced by a stronger one at sign-in."""
    return is_imported(stored) or _hasher(time_cost).check_needs_rehash(stored)


def is_imported(stored: str) -> bool:
    """Return whether the hash was made by another system, which had its own rules."""
    return stored.startswith("pbkdf2:")


def is_weak(password: str, *known: str) -> bool:
    """Return whether :func:`check_new` refuses the password."""
    try:
        check_new(password, *known)
    except WeakPassword:
        return True
    return False


def check_new(password: str, *known: str) -> str:
    """Return ``password`` if it is long enough and hard to guess, else raise WeakPassword.

    ``known`` are words that an attacker would try first, for example name and email.
    """
    if not len(password) >= SHORTEST:
        raise WeakPassword(field="password", shortest=SHORTEST)
    if len(password) > LONGEST:
        raise WeakPassword(
            "Choose a password of at most {longest} characters.", field="password", longest=LONGEST
        )
    if _is_guessable(password, known):
        raise WeakPassword("This password is too easy to guess. Choose another.", field="password")
    return password


def _is_guessable(password: str, known: tuple[str, ...]) -> bool:
    from zxcvbn import zxcvbn  # noqa: PLC0415 - 12 MB of words, for new passwords only
    from zxcvbn.matching import RANKED_DICTIONARIES  # noqa: PLC0415 - the same

    if password.lower() in RANKED_DICTIONARIES["passwords"]:
        return True
    with _place():
        result = zxcvbn(
            _with_few_lookalikes(password[:72]), user_inputs=[word for word in known if word]
        )
    return int(result["score"]) < _WEAKEST_SCORE


def _with_few_lookalikes(password: str) -> str:
    """Return the password with no more lookalike characters than zxcvbn can try quickly."""
    kinds = [sign for sign in dict.fromkeys(password) if sign in _LOOKALIKES]
    return password.translate({ord(sign): "~" for sign in kinds[_MOST_LOOKALIKES:]})


@cache
def _decoy(time_cost: int) -> str:
    """Return a hash of this cost that matches no password."""
    parameters = (
        f"m={_hasher(time_cost).memory_cost},t={time_cost},p={_hasher(time_cost).parallelism}"
    )
    salt, digest = "A" * 22, "A" * 43  # 16 and 32 bytes
    return f"$argon2id$v=19${parameters}${salt}${digest}"


def _cost(stored: str | None) -> int:
    """Return the cost of verifying the hash in passes of argon2; pbkdf2 counts as 0."""
    try:
        return extract_parameters(stored or "").time_cost
    except InvalidHashError:
        return 0


def _is_right_pbkdf2(stored: str, password: str) -> bool:
    """Check a password against Werkzeug's form ``pbkdf2:sha256:50000$salt$hex``."""
    try:
        method, salt, expected = stored.split("$")
        _, digest, iterations = method.split(":")
        actual = hashlib.pbkdf2_hmac(digest, password.encode(), salt.encode(), int(iterations))
    except ValueError:
        return False
    return hmac.compare_digest(actual.hex(), expected)
