"""Programs that prove themselves with signed assertions (SMART App Launch 2, Backend Services;
RFC 7523): each is short-lived, for us alone, and good for one token."""

import base64
import hashlib
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
from openslot.core.audit import Origin
from openslot.core.errors import Invalid, Unauthenticated
from openslot.core.ids import new_id
from openslot.identity.keys import issue_for_client
from openslot.identity.models import ApiClient, UsedAssertion
from openslot.identity.scopes import UnknownScope, check_scopes, narrowed

ALGORITHMS = ["RS384", "ES384"]
"""Those that SMART asks servers to take, and no others."""

LONGEST = timedelta(minutes=5)
"""How far ahead an assertion may run out, and how long the token works."""

CLOCKS_DIFFER = timedelta(seconds=30)


class BadAssertion(Unauthenticated):
    """The client assertion does not hold.

    Which part of the assertion is wrong is not said.
    """

    code = "invalid_client"


class BadKeys(Invalid):
    """Give a JWK set with public keys for RS384 or ES384, each with a kid."""


@dataclass(frozen=True, slots=True)
class Granted:
    """A token, what it may be used for, and for how many seconds."""

    token: str
    scopes: tuple[str, ...]
    seconds: int


def create_client(
    session: Session,
    name: str,
    scopes: Iterable[str],
    *,
    jwks: Mapping[str, Any] | None,
    jwks_url: str | None,
    by: Origin,
    now: datetime,
) -> ApiClient:
    """Register a program by its public keys, or the https address where they are."""
    if (jwks is None) == (jwks_url is None):
        raise BadKeys(field="jwks")
    if jwks is not None:
        read_keys(jwks)
    client = ApiClient(
        id=new_id(),
        name=name,
        jwks=dict(jwks) if jwks is not None else None,
        jwks_url=jwks_url,
        scopes=check_scopes(scopes),
        created_at=now,
    )
    session.add(client)
    audit.record(
        session, "client.created", f"client:{client.id}", by=by, now=now, scopes=client.scopes
    )
    return client


def read_keys(jwks: Mapping[str, Any]) -> KeySet:
    """The keys of a JWK set; BadKeys where one is private, symmetric or without a kid."""
    keys = jwks.get("keys")
    if not isinstance(keys, list) or not keys:
        raise BadKeys(field="jwks")
    for key in keys:
        known = isinstance(key, dict) and key.get("kty") in ("RSA", "EC") and key.get("kid")
        if not known or "d" in key:
            raise BadKeys(field="jwks")
    try:
        return KeySet.import_key_set({"keys": keys})
    except (JoseError, ValueError, KeyError, TypeError):
        raise BadKeys(field="jwks") from None


def client_named(session: Session, assertion: str) -> ApiClient:
    """The client that an assertion says it is from, which is yet to be proved."""
    claims = _unproved(assertion)
    try:
        client = session.get(ApiClient, UUID(str(claims.get("iss"))))
    except ValueError:
        raise BadAssertion from None
    if client is None or client.revoked_at is not None:
        raise BadAssertion
    return client


def key_named(assertion: str) -> str | None:
    """The id of the key that an assertion says it is signed with."""
    kid = _unproved(assertion, part=0).get("kid")
    return kid if isinstance(kid, str) else None


def grant(
    session: Session,
    client: ApiClient,
    assertion: str,
    keys: KeySet,
    wanted: Iterable[str],
    *,
    audience: str,
    now: datetime,
) -> Granted:
    """A token for what the client asks and is registered for; the assertion is used up.

    Raises BadAssertion, and UnknownScope where nothing that is asked for can be given.
    """
    claims = _proved(assertion, keys)
    _check_claims(claims, client, audience, now)
    _use_up(session, client, str(claims["jti"]), now)
    scopes = _granted(client, wanted)
    token = issue_for_client(session, client, scopes, LONGEST, now=now)
    return Granted(token, scopes, int(LONGEST.total_seconds()))


def _unproved(assertion: str, part: int = 1) -> Mapping[str, Any]:
    """The claims, or as part 0 the header, as they are written, whoever wrote them."""
    try:
        body = assertion.split(".")[part]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (ValueError, IndexError, RecursionError):
        raise BadAssertion from None
    if not isinstance(claims, dict):
        raise BadAssertion
    return claims


def _proved(assertion: str, keys: KeySet) -> Mapping[str, Any]:
    try:
        return jwt.decode(assertion, keys, algorithms=ALGORITHMS).claims
    except (JoseError, ValueError, KeyError, TypeError):
        raise BadAssertion from None


def _check_claims(
    claims: Mapping[str, Any], client: ApiClient, audience: str, now: datetime
) -> None:
    expires, audiences = claims.get("exp"), claims.get("aud")
    good = (
        claims.get("iss") == claims.get("sub") == str(client.id)
        and audience in (audiences if isinstance(audiences, list) else [audiences])
        and isinstance(expires, int)
        and not isinstance(expires, bool)
        and isinstance(claims.get("jti"), str)
        and 0 < len(claims["jti"]) <= 200
    )
    if not good or not isinstance(expires, int):
        raise BadAssertion
    left = expires - int(now.timestamp())  # whole, as no float holds what may stand there
    tolerated = CLOCKS_DIFFER.total_seconds()
    if not -tolerated < left <= LONGEST.total_seconds() + tolerated:
        raise BadAssertion
    begins = claims.get("nbf", 0)
    if not (isinstance(begins, int | float) and begins <= now.timestamp() + tolerated):
        raise BadAssertion


def _use_up(session: Session, client: ApiClient, jti: str, now: datetime) -> None:
    """An assertion's id works once; of two at once the second is tried again, and refused."""
    digest = hashlib.sha256(f"{client.id} {jti}".encode("utf-8", "surrogatepass")).digest()
    if session.get(UsedAssertion, digest) is not None:
        raise BadAssertion
    session.add(UsedAssertion(jti_hash=digest, ends_at=now + LONGEST + 2 * CLOCKS_DIFFER))
    session.flush()


def _granted(client: ApiClient, wanted: Iterable[str]) -> tuple[str, ...]:
    """What is asked for and registered; all that is registered where nothing is asked for."""
    registered = client.scopes.split()
    asked = set(wanted) or registered
    given = narrowed(asked, registered)
    if not given:
        raise UnknownScope(field="scope", scope=" ".join(sorted(asked)), known=client.scopes)
    return given
