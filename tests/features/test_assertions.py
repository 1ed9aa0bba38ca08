"""Signed assertions: each a way to be wrong, and all of them refused."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from openslot.core.actor import Actor
from openslot.core.db import Database
from openslot.core.errors import NotFound, Unauthenticated
from openslot.identity.assertions import (
    BadAssertion,
    BadKeys,
    Granted,
    client_named,
    create_client,
    grant,
    read_keys,
    revoke_client,
)
from openslot.identity.keys import prove
from openslot.identity.models import ApiClient
from openslot.identity.scopes import UnknownScope, narrowed
from working import work

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
URL = "https://openslot.example/oauth/token"
EC = ECKey.generate_key("P-384", {"kid": "ec"}, private=True)
SHORT = {
    "kty": "RSA",
    "kid": "short",
    "n": urlsafe_b64encode(bytes([0x81] * 128)).decode().rstrip("="),
    "e": "AQAB",
}
"""A public key of 1,024 bits, as libraries no longer make any."""
RSA = RSAKey.generate_key(2048, {"kid": "rsa"}, private=True)
OTHER = ECKey.generate_key("P-384", {"kid": "ec"}, private=True)
PUBLIC = {"keys": [EC.as_dict(private=False), RSA.as_dict(private=False)]}


@pytest.fixture
def client(database: Database) -> ApiClient:
    return database.run(
        lambda session: create_client(
            work(session, Actor(), NOW),
            "Booking hub",
            ["system/Slot.rs", "system/Appointment.cruds"],
            jwks=PUBLIC,
            jwks_url=None,
        )
    )


def signed(client: ApiClient, key: Any = EC, alg: str = "ES384", **changes: Any) -> str:
    claims = {
        "iss": str(client.id),
        "sub": str(client.id),
        "aud": URL,
        "jti": str(uuid4()),
        "exp": int(NOW.timestamp()) + 240,
    }
    claims |= changes
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode({"alg": alg, "kid": key.kid or "ec"}, kept, key, algorithms=[alg])


def granted(database: Database, assertion: str, *wanted: str, now: datetime = NOW) -> Granted:
    def act(session: Any) -> Granted:
        named = client_named(session, assertion)
        keys = read_keys(named.jwks or {})
        return grant(work(session, now=now), named, assertion, keys, wanted, audience=URL)

    return database.run(act)


@pytest.mark.parametrize(("key", "alg"), [(EC, "ES384"), (RSA, "RS384")])
def test_a_good_assertion_gets_a_token_of_five_minutes(
    database: Database, client: ApiClient, key: Any, alg: str
) -> None:
    found = granted(database, signed(client, key, alg), "system/Slot.rs")
    assert (found.scopes, found.seconds) == (("system/Slot.rs",), 300)
    proof = database.read(lambda session: prove(work(session, now=NOW), found.token))
    assert (proof.program, proof.scopes) == ("client Booking hub", {"system/Slot.rs"})
    later = NOW + timedelta(minutes=5, seconds=1)
    with pytest.raises(Exception, match="not valid"):
        database.read(lambda session: prove(work(session, now=later), found.token))


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://elsewhere.example/token"},
        {"aud": None},
        {"exp": int(NOW.timestamp()) - 60},
        {"exp": int(NOW.timestamp()) + 3600},
        {"exp": None},
        {"exp": "soon"},
        {"jti": None},
        {"jti": 7},
        {"sub": "somebody"},
        {"nbf": int(NOW.timestamp()) + 600},
    ],
    ids=str,
)
def test_wrong_claims_are_refused(
    database: Database, client: ApiClient, changes: dict[str, Any]
) -> None:
    with pytest.raises(BadAssertion):
        granted(database, signed(client, **changes))


def test_another_key_is_refused(database: Database, client: ApiClient) -> None:
    with pytest.raises(BadAssertion):
        granted(database, signed(client, OTHER))


@pytest.mark.parametrize("alg", ["HS256", "none", "ES256"])
def test_other_algorithms_are_refused(database: Database, client: ApiClient, alg: str) -> None:
    good = signed(client)
    body = good.split(".")[1]
    if alg == "none":
        forged = f"eyJhbGciOiJub25lIiwia2lkIjoiZWMifQ.{body}."
    elif alg == "HS256":
        secret = OctKey.import_key(str(PUBLIC["keys"][0]))
        forged = signed(client, secret, "HS256")
    else:
        forged = signed(client, ECKey.generate_key("P-256", {"kid": "ec"}), "ES256")
    with pytest.raises(BadAssertion):
        granted(database, forged)


def test_an_assertion_works_once(database: Database, client: ApiClient) -> None:
    assertion = signed(client)
    granted(database, assertion)
    with pytest.raises(BadAssertion):
        granted(database, assertion)


def test_a_revoked_client_and_its_tokens_are_refused(database: Database, client: ApiClient) -> None:
    token = granted(database, signed(client)).token
    assert database.read(lambda session: prove(work(session, now=NOW), token))
    database.run(lambda session: revoke_client(work(session, Actor(), NOW), client.id))
    with pytest.raises(Unauthenticated):
        database.read(lambda session: prove(work(session, now=NOW), token))
    with pytest.raises(BadAssertion):
        granted(database, signed(client))
    with pytest.raises(NotFound):
        database.run(lambda session: revoke_client(work(session, Actor(), NOW), client.id))


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "....", "a.W10.c", "é.é.é"])
def test_what_is_no_assertion_is_refused(database: Database, client: ApiClient, text: str) -> None:
    with pytest.raises(BadAssertion):
        granted(database, text)


def test_no_scope_beyond_what_is_registered(database: Database, client: ApiClient) -> None:
    found = granted(database, signed(client), "system/Slot.rs", "system/Patient.rs")
    assert found.scopes == ("system/Slot.rs",)
    with pytest.raises(UnknownScope):
        granted(database, signed(client), "system/Patient.rs")


@pytest.mark.parametrize(
    ("asked", "registered", "given"),
    [
        ("system/Slot.rs", "system/*.rs", "system/Slot.rs"),
        ("system/Appointment.rs", "system/Appointment.cruds", "system/Appointment.rs"),
        ("system/Slot.read", "system/Slot.rs", "system/Slot.read"),
        ("system/Slot.rs", "system/Slot.read", "system/Slot.rs"),
        ("system/Slot.*", "system/Slot.rs", "system/Slot.read"),
        ("system/Slot.*", "system/*.cr", "system/Slot.cr"),
        ("system/Appointment.write", "system/Appointment.cruds", "system/Appointment.write"),
        ("system/Appointment.cruds", "system/Appointment.c system/*.rs", "system/Appointment.crs"),
        (
            "system/*.rs",
            "system/Slot.rs system/Appointment.cruds",
            "system/Appointment.rs system/Slot.rs",
        ),
        (
            "system/*.cruds",
            "system/*.rs system/Appointment.cu system/Slot.r",
            "system/*.rs system/Appointment.crus",
        ),
        ("system/*.read", "*", "system/*.read"),
        ("directory:read nonsense", "*", "directory:read"),
        ("directory:read system/Slot.s", "directory:read", "directory:read"),
        ("system/Patient.rs", "system/Slot.rs", ""),
        ("system/Slot.cud", "system/*.rs", ""),
        ("system/Nope.rs", "system/*.rs", ""),
        ("*", "system/*.rs", ""),
    ],
)
def test_of_scopes_what_is_asked_for_and_registered(
    asked: str, registered: str, given: str
) -> None:
    assert " ".join(narrowed(asked.split(), registered.split())) == given


@pytest.mark.parametrize(
    "jwks",
    [
        {},
        {"keys": []},
        {"keys": [{"kty": "oct", "k": "AA", "kid": "x"}]},
        {"keys": [EC.as_dict(private=True)]},
        {"keys": [{"kty": "EC"}]},
        {"keys": [SHORT]},
        {"keys": "x"},
    ],
)
def test_bad_keys_are_refused(jwks: Any) -> None:
    with pytest.raises(BadKeys):
        read_keys(jwks)
