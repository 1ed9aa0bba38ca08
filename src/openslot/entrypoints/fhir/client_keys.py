"""Public keys of programs that keep them at an address of their own, remembered for a while."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from joserfc.jwk import KeySet

from openslot.core.errors import DomainError
from openslot.identity.assertions import BadAssertion, BadKeys, read_keys
from openslot.webhooks.fetching import fetch

log = structlog.get_logger(__name__)

LASTS = timedelta(minutes=5)
"""How long keys are used without a look at the address: a key that was withdrawn there works
this long at most."""

RESTS = timedelta(seconds=20)
"""How long the address is left in peace, whatever keys assertions name: anybody can name one."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the address gave; no keys where it gave none that can be read."""

    keys: KeySet | None
    read_at: datetime

    def serves(self, kid: str | None, now: datetime) -> bool:
        age = now - self.read_at
        if age < RESTS:
            return True
        has = self.keys is not None and any(key.kid == kid for key in self.keys.keys)
        return has and age < LASTS


class ClientKeys:
    """The keys by address. Two requests at once may both look; either answer will do."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def at(self, url: str, kid: str | None, networks: Sequence[str], *, now: datetime) -> KeySet:
        """The keys at an address, read again where they are old or lack ``kid``.

        BadAssertion where there are none. Not for use in a transaction.
        """
        known = self._known.get(url)
        if known is None or not known.serves(kid, now):
            known = self._known[url] = _Known(_read(url, networks), now)
        if known.keys is None:
            raise BadAssertion
        return known.keys


def _read(url: str, networks: Sequence[str]) -> KeySet | None:
    try:
        return read_keys(_usable(fetch(url, networks)))
    except DomainError as error:
        log.warning("client_keys.unread", url=url, why=str(error))
        return None


def _usable(body: bytes) -> dict[str, Any]:
    """The set without keys of kinds that assertions cannot be signed with here."""
    try:
        found = json.loads(body)
        keys = found["keys"]
        kept = [key for key in keys if key.get("kty") in ("RSA", "EC") and key.get("kid")]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BadKeys(field="jwks") from None
    return {"keys": kept}
