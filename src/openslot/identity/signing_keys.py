"""The keys that sign ID tokens for programs, and the tokens (OpenID Connect Core, 2)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from openslot.core.ids import new_id
from openslot.core.locks import lock
from openslot.core.work import Work
from openslot.identity import queries
from openslot.identity.models import SigningKey

ALGORITHM = "RS256"
"""What SMART App Launch asks of servers."""

LASTS = timedelta(minutes=5)
"""Lifetime of an ID token, which is read once."""

SIGNS = timedelta(days=90)
SHOWN = SIGNS + timedelta(days=1)
"""How long a key signs, and how long programs find it."""

_BITS = 2048


def public_keys(work: Work) -> dict[str, Any]:
    """Return the public keys as a JWK set (RFC 7517)."""
    found = queries.signing_keys(work.session, since=work.now - SHOWN)
    return {"keys": [_key(row).as_dict(private=False) for row in found]}


def new_key() -> dict[str, Any]:
    """Return a new private key, which takes some time: make it outside of transactions."""
    key = RSAKey.generate_key(_BITS, {"kid": new_id().hex, "use": "sig"}, private=True)
    return dict(key.as_dict(private=True))


def is_due(work: Work) -> bool:
    """Return whether another key has to be made."""
    return not queries.signing_keys(work.session, since=work.now - SIGNS)


def keep_key(work: Work, private: Mapping[str, Any]) -> None:
    """Keep a new key, unless somebody else has made one meanwhile; forget those that are over."""
    lock(work.session, "signing keys")
    if is_due(work):
        queries.remove_signing_keys(work.session, before=work.now - SHOWN)
        work.session.add(SigningKey(id=new_id(), private=dict(private), made_at=work.now))


def sign(work: Work, claims: Mapping[str, Any]) -> str:
    """Return an ID token with the claims and its times."""
    row = queries.signing_keys(work.session, since=work.now - SHOWN)[0]
    key, begins = _key(row), int(work.now.timestamp())
    header = {"alg": ALGORITHM, "kid": key.kid, "typ": "JWT"}
    times = {"iat": begins, "exp": begins + int(LASTS.total_seconds())}
    return jwt.encode(header, {**claims, **times}, key, algorithms=[ALGORITHM])


def _key(row: SigningKey) -> RSAKey:
    return RSAKey.import_key(row.private)
