"""The keys of programs that were used, in memory: who sends one is known before the database is
asked, and the first that is read there says whether the key is still valid."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.directory.keys import queries
from openslot.identity.keys import BadToken
from openslot.identity.queries import ValidKey

MOST = 1000
"""Keys that are kept."""


class KnownKeys:
    """Keys of a database by their hash. What is kept may have been revoked since."""

    def __init__(self) -> None:
        self._keys: dict[bytes, ValidKey] = {}

    def get(self, digest: bytes) -> ValidKey | None:
        """Return a key that was valid when it was last read, or None if none is known."""
        return self._keys.get(digest)

    def read(self, session: Session, digest: bytes) -> ValidKey:
        """Return the key as it is now, in one statement. Raises BadToken if none is valid."""
        key = queries.key_of(session, digest)
        if key is None:
            self._keys.pop(digest, None)
            raise BadToken
        if len(self._keys) >= MOST:
            self._keys.clear()
        self._keys[digest] = key
        return key

    def check(self, session: Session, keys: Mapping[bytes, ValidKey]) -> None:
        """Raise BadToken unless each key is what it was when it was last read."""
        for digest, key in keys.items():
            if self.read(session, digest).rights != key.rights:
                raise BadToken

    def forget(self, key_id: UUID) -> None:
        """Forget a key that has changed."""
        keys = self._keys.copy()  # other threads add to it
        self._keys = {digest: key for digest, key in keys.items() if key.id != key_id}
