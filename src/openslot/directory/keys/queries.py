"""The query of a key, with which each request of its program begins."""

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from openslot.core.db import read_rows
from openslot.core.statements import Prepared
from openslot.directory.changes.queries import note_version
from openslot.directory.models import DirectoryVersion
from openslot.identity.models import ApiKey
from openslot.identity.queries import ValidKey


def key_of(session: Session, digest: bytes) -> ValidKey | None:
    """Return the valid key with this hash, or None; the same statement reads the version of the
    directory, which is asked for next."""
    rows = read_rows(session, _KEY_AND_VERSION, {"digest": digest})
    if not rows:
        return None
    *key, version = rows[0]
    note_version(session, version or 0)
    return ValidKey(*key)


_KEY_AND_VERSION = Prepared(
    select(
        *(getattr(ApiKey, name) for name in ValidKey._fields),
        select(DirectoryVersion.number).scalar_subquery(),
    ).where(ApiKey.token_hash == bindparam("digest"), ApiKey.revoked_at.is_(None))
)
