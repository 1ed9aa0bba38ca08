"""What is signed elsewhere and accepted once: assertions of programs, answers of passkeys, notes of
identity providers."""

import hashlib
from datetime import datetime, timedelta

from openslot.core.work import Work
from openslot.identity.models import UsedAssertion

CLOCKS_DIFFER = timedelta(seconds=30)
"""Tolerated difference between our clock and that of who signed something."""


def use_once(work: Work, name: bytes, *, until: datetime) -> bool:
    """Store the name of what was signed until it has expired, and return False if it was used
    before. Of two uses at once, the second is retried and then refused."""
    digest = hashlib.sha256(name).digest()
    if work.session.get(UsedAssertion, digest) is not None:
        return False
    work.session.add(UsedAssertion(jti_hash=digest, ends_at=until))
    work.session.flush()
    return True
