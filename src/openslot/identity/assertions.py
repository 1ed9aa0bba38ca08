"""Access tokens for programs with signed client assertions (SMART App Launch 2, Backend Services;
RFC 7523). An assertion is short-lived, for this server only, and valid for one token."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy.orm import Session

from openslot.core import audit
from openslot.core.errors import Invalid, Malformed, NotFound, Unauthenticated
from openslot.core.ids import new_id
from openslot.core.work import Work
from openslot.identity import queries
from openslot.identity.keys import issue_for_client
from openslot.identity.models import ApiClient
from openslot.identity.once import CLOCKS_DIFFER, use_once
from openslot.identity.scopes import UnknownScope, check_scopes, narrowed

ALGORITHMS = ["RS384", "ES384"]
"""The algorithms that SMART requires of servers."""

SHORTEST_RSA = 2048
"""Bits of the shortest RSA key that is accepted."""

LONGEST = timedelta(minutes=5)
"""Longest validity of an assertion, and lifetime of the token."""


class BadAssertion(Unauthenticated):
    """The assertion is not valid; the answer does not say which part is wrong."""

    code = "invalid_client"
    sentence = "The client assertion is not valid."


class OnlyForPeople(Malformed):
    """This program acts for people only: send grant_type=authorization_code."""

    code = "unauthorized_client"


class BadKeys(Invalid):
    """The public keys cannot be read."""

    code = "bad-keys"
    sentence = (
        "Enter a JWK set with public keys for RS384 (2048 bits or more) or ES384, each with a kid."
    )


@dataclass(frozen=True, slots=True)
class Granted:
    """An access token, its scopes and its lifetime in seconds."""

    token: str
    scopes: tuple[str, ...]
    seconds: int


def create_client(
    work: Work,
    name: str,
    scopes: Iterable[str],
    *,
    jwks: Mapping[str, Any] | None,
    jwks_url: str | None,
) -> ApiClient:
    """Register a program with its public keys, or with the https address of its JWK set."""
    check_keys(jwks, jwks_url)
    client = ApiClient(
        id=new_id(),
        name=name,
        jwks=dict(jwks) if jwks is not None else None,
        jwks_url=jwks_url,
        scopes=check_scopes(scopes),
        created_at=work.now,
    )
    work.session.add(client)
    audit.record(work, "client.created", f"client:{client.id}", scopes=client.scopes)
    return client


def check_keys(jwks: Mapping[str, Any] | None, jwks_url: str | None) -> None:
    """Raise BadKeys unless there are public keys, or an address of them, and not both."""
    if (jwks is None) == (jwks_url is None):
        raise BadKeys(field="jwks")
    if jwks is not None:
        read_keys(jwks)


def revoke_client(work: Work, client_id: UUID) -> None:
    """Revoke a client, and with it its tokens. Raises NotFound if there is none, or it is revoked
    already."""
    client = work.session.get(ApiClient, client_id)
    if client is None or client.revoked_at is not None:
        raise NotFound
    client.revoked_at = work.now
    queries.end_client(work.session, client_id)
    audit.record(work, "client.revoked", f"client:{client_id}")


def read_keys(jwks: Mapping[str, Any]) -> KeySet:
    """Return the keys of a JWK set. Raises BadKeys if one is private, symmetric or too short, or
    has no kid."""
    keys = jwks.get("keys")
    if not isinstance(keys, list) or not keys:
        raise BadKeys(field="jwks")
    for key in keys:
        is_named = isinstance(key, dict) and key.get("kty") in ("RSA", "EC") and key.get("kid")
        if not is_named or "d" in key:
            raise BadKeys(field="jwks")
    try:
        if any(key["kty"] == "RSA" and _bits(key["n"]) < SHORTEST_RSA for key in keys):
            raise BadKeys(field="jwks")
        return KeySet.import_key_set({"keys": keys})
    except (JoseError, ValueError, KeyError, TypeError):
        raise BadKeys(field="jwks") from None


def _bits(number: str) -> int:
    """Return the length of a number in base64url."""
    return int.from_bytes(base64.urlsafe_b64decode(number + "==")).bit_length()


def client_named(session: Session, assertion: str) -> ApiClient:
    """Return the client that an unverified assertion names as its issuer."""
    claims = _unverified(assertion)
    try:
        client = session.get(ApiClient, UUID(str(claims.get("iss"))))
    except ValueError:
        raise BadAssertion from None
    if client is None or client.revoked_at is not None:
        raise BadAssertion
    return client


def key_named(assertion: str) -> str | None:
    """Return the id of the signing key that an unverified assertion names."""
    kid = _unverified(assertion, part=0).get("kid")
    return kid if isinstance(kid, str) else None


def accept(work: Work, client: ApiClient, assertion: str, keys: KeySet, *, audience: str) -> None:
    """Raise BadAssertion unless the assertion is the client's, and mark it as used."""
    claims = _verified(assertion, keys)
    _check_claims(claims, client, audience, work.now)
    name = f"{client.id} {claims['jti']}".encode("utf-8", "surrogatepass")
    if not use_once(work, name, until=work.now + LONGEST + 2 * CLOCKS_DIFFER):
        raise BadAssertion


def grant(
    work: Work,
    client: ApiClient,
    assertion: str,
    keys: KeySet,
    wanted: Iterable[str],
    *,
    audience: str,
) -> Granted:
    """Return a token for the wanted scopes that the client is registered for, and mark the
    assertion as used.

    Raises BadAssertion, OnlyForPeople, and UnknownScope if no wanted scope can be granted.
    """
    accept(work, client, assertion, keys, audience=audience)
    if client.redirects is not None:
        raise OnlyForPeople
    scopes = _granted_scopes(client, wanted)
    token = issue_for_client(work, client, scopes, LONGEST)
    return Granted(token, scopes, int(LONGEST.total_seconds()))


def _unverified(assertion: str, part: int = 1) -> Mapping[str, Any]:
    """Return the claims, or the header as part 0, without a check of the signature."""
    try:
        body = assertion.split(".")[part]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (ValueError, IndexError, RecursionError):
        raise BadAssertion from None
    if not isinstance(claims, dict):
        raise BadAssertion
    return claims


def _verified(assertion: str, keys: KeySet) -> Mapping[str, Any]:
    try:
        return jwt.decode(assertion, keys, algorithms=ALGORITHMS).claims
    except (JoseError, ValueError, KeyError, TypeError):
        raise BadAssertion from None


def _check_claims(
    claims: Mapping[str, Any], client: ApiClient, audience: str, now: datetime
) -> None:
    expires, audiences = claims.get("exp"), claims.get("aud")
    is_valid = (
        claims.get("iss") == claims.get("sub") == str(client.id)
        and audience in (audiences if isinstance(audiences, list) else [audiences])
        and isinstance(expires, int)
        and not isinstance(expires, bool)
        and isinstance(claims.get("jti"), str)
        and 0 < len(claims["jti"]) <= 200
    )
    if not is_valid or not isinstance(expires, int):
        raise BadAssertion
    left = expires - int(now.timestamp())  # an int, since ``exp`` may be too large for a float
    tolerated = CLOCKS_DIFFER.total_seconds()
    if not -tolerated < left <= LONGEST.total_seconds() + tolerated:
        raise BadAssertion
    begins = claims.get("nbf", 0)
    if not (isinstance(begins, int | float) and begins <= now.timestamp() + tolerated):
        raise BadAssertion


def _granted_scopes(client: ApiClient, wanted: Iterable[str]) -> tuple[str, ...]:
    """Return the wanted scopes that are registered; all registered ones if none are wanted."""
    registered = client.scopes.split()
    requested = set(wanted) or registered
    granted = narrowed(requested, registered)
    if not granted:
        raise UnknownScope(field="scope", scope=" ".join(sorted(requested)), known=client.scopes)
    return granted
