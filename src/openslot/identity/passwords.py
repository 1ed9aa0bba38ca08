"""Password hashes: argon2id for new ones, those of imported systems read and upgraded."""

import base64
import hashlib
import hmac
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from openslot.identity.errors import WeakPassword

SHORTEST = 12
LONGEST = 512
"""Longer ones would only keep the hash function busy."""

_WEAKEST_SCORE = 2
"""On zxcvbn's scale from 0 to 4: below, it falls to a list of common passwords."""


@cache
def _hasher(time_cost: int) -> PasswordHasher:
    return PasswordHasher(time_cost=time_cost)


def hash_password(password: str, *, time_cost: int) -> str:
    """An argon2id hash of ``password``."""
    return _hasher(time_cost).hash(password)


def is_right(stored: str, password: str) -> bool:
    """Whether ``password`` belongs to the hash, argon2 or Werkzeug's pbkdf2."""
    if len(password) > LONGEST:
        return False
    if stored.startswith("pbkdf2:"):
        return _is_right_pbkdf2(stored, password)
    try:
        return _hasher(3).verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def wants_upgrade(stored: str, *, time_cost: int) -> bool:
    """Whether a sign-in should replace the hash by a newer kind."""
    return stored.startswith("pbkdf2:") or _hasher(time_cost).check_needs_rehash(stored)


def check_new(password: str, *known: str) -> str:
    """``password``, if it is long enough and not easily guessed; WeakPassword otherwise.

    ``known`` are words that a guesser would try first, such as the name and the e-mail.
    """
    if not len(password) >= SHORTEST:
        raise WeakPassword(field="password", shortest=SHORTEST)
    if len(password) > LONGEST:
        raise WeakPassword(
            "Choose a password of at most {longest} characters.", field="password", longest=LONGEST
        )
    if (
        zxcvbn(password[:72], user_inputs=[word for word in known if word])["score"]
        < _WEAKEST_SCORE
    ):
        raise WeakPassword(
            "This password is among the first that would be guessed. Choose another.",
            field="password",
        )
    return password


@cache
def decoy() -> str:
    """A hash that no password fits, so that an unknown e-mail costs as much time as a known."""
    return hash_password(base64.b85encode(hashlib.sha256(b"decoy").digest()).decode(), time_cost=3)


def _is_right_pbkdf2(stored: str, password: str) -> bool:
    """Werkzeug's form: ``pbkdf2:sha256:50000$salt$hex``."""
    try:
        method, salt, expected = stored.split("$")
        _, digest, iterations = method.split(":")
        found = hashlib.pbkdf2_hmac(digest, password.encode(), salt.encode(), int(iterations))
    except ValueError:
        return False
    return hmac.compare_digest(found.hex(), expected)
