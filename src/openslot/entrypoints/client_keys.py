"""Cached public keys of programs and identity providers that publish them at an address."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from joserfc.jwk import KeySet

from openslot.core.errors import DomainError
from openslot.entrypoints.turns import Turns
from openslot.identity.assertions import BadAssertion, BadKeys, read_keys
from openslot.webhooks.fetching import fetch

log = structlog.get_logger(__name__)

LASTS = timedelta(minutes=5)
"""Maximum age of cached keys; a withdrawn key may work for this long."""

RESTS = timedelta(seconds=20)
"""Minimum time between two fetches of the same address, as anyone can send an unknown key id."""


@dataclass(frozen=True, slots=True)
class _CachedKeys:
    """Cached keys of an address; None if they could not be read."""

    keys: KeySet | None
    read_at: datetime

    def serves(self, kid: str | None, now: datetime) -> bool:
        age = now - self.read_at
        if age < RESTS:
            return True
        has = self.keys is not None and any(key.kid == kid for key in self.keys.keys)
        return has and age < LASTS


class ClientKeys:
    """A cache of keys by address; of concurrent requests one fetches."""

    def __init__(self) -> None:
        self._known: dict[str, _CachedKeys] = {}
        self._turns = Turns()

    def at(self, url: str, kid: str | None, networks: Sequence[str], *, now: datetime) -> KeySet:
        """Return the keys at an address, fetched again if they are old or lack ``kid``.

        Raises BadAssertion if there are none, and Busy while others wait for them. Do not call this
        in a transaction.
        """
        cached = self._serving(url, kid, now)
        if cached is None:
            with self._turns.at(url):
                cached = self._serving(url, kid, now)
                if cached is None:
                    cached = self._known[url] = _CachedKeys(_read(url, networks), now)
        if cached.keys is None:
            raise BadAssertion
        return cached.keys

    def _serving(self, url: str, kid: str | None, now: datetime) -> _CachedKeys | None:
        cached = self._known.get(url)
        return cached if cached and cached.serves(kid, now) else None


def _read(url: str, networks: Sequence[str]) -> KeySet | None:
    try:
        return read_keys(_usable(fetch(url, networks)))
    except DomainError as error:
        log.warning("client_keys.unread", url=url, why=str(error))
        return None


def _usable(body: bytes) -> dict[str, Any]:
    """Return the key set without keys that we cannot use (RFC 7517, 5)."""
    try:
        return {"keys": [key for key in json.loads(body)["keys"] if _is_usable(key)]}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadKeys(field="jwks") from None


def _is_usable(key: Any) -> bool:
    try:
        return bool(read_keys({"keys": [key]}))
    except BadKeys:
        return False
