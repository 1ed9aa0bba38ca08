"""Authentication of registered programs at the endpoints of OAuth (RFC 6749, 2.3; RFC 7523)."""

import hmac
from collections.abc import Mapping
from typing import cast
from urllib.parse import unquote_plus
from uuid import UUID

from flask import current_app, request, url_for
from joserfc.jwk import KeySet

from openslot.core.errors import Malformed, Unauthenticated
from openslot.entrypoints import limits
from openslot.entrypoints.client_keys import ClientKeys
from openslot.entrypoints.request import (
    close_reader,
    now,
    reader,
    root,
    settings,
    visitor,
    write_by,
)
from openslot.identity.assertions import (
    BadAssertion,
    accept,
    client_named,
    key_named,
    read_keys,
)
from openslot.identity.models import ApiClient
from openslot.identity.sessions import token_hash

FORM = "application/x-www-form-urlencoded"
SIGNED = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
KEYS = "openslot-client-keys"
LONGEST = 10_000
"""Maximum number of characters of an assertion."""

Form = Mapping[str, str]


class BadRequest(Malformed):
    """A parameter is missing or repeated, or the body is not a form."""

    code = "invalid_request"
    sentence = Malformed.sentence


class BadClient(Unauthenticated):
    """The program is not known, or did not prove who it is."""

    code = "invalid_client"


def form() -> Form:
    """Return the form; empty values count as missing (RFC 6749, 3.2)."""
    if request.mimetype != FORM:
        raise BadRequest(f"Send a form as {FORM}.")
    sent = request.form.to_dict(flat=False)
    if any(len(values) > 1 for values in sent.values()):
        raise BadRequest("Send each parameter once.")
    return {name: values[0] for name, values in sent.items() if values[0]}


def audience() -> str:
    """Return the public address of the token endpoint, the audience of assertions."""
    return root() + url_for("smart.token")


def proven(sent: Form) -> ApiClient:
    """Return the program that sends a form, once it has proved who it is; a public one only names
    itself. Raises BadClient."""
    if "client_assertion" in sent:
        if "Authorization" in request.headers or "client_secret" in sent:
            raise BadRequest("Send one proof of who you are.")
        client = by_assertion(sent)
    else:
        client = _by_secret(*_named(sent))
    limits.by_program(client.id)
    return client


def is_named(sent: Form) -> bool:
    """Return whether a program says who it is."""
    return "Authorization" in request.headers or not sent.keys().isdisjoint(
        {"client_id", "client_assertion"}
    )


def by_assertion(sent: Form) -> ApiClient:
    """Return the program whose signed assertion is in the form. Raises BadAssertion."""
    assertion = assertion_in(sent)
    keys, address = keys_of(assertion, sent.get("client_id")), audience()
    client = client_named(reader(), assertion)
    if client.redirects is None:
        raise BadClient
    write_by(visitor(), accept, client, assertion, keys, audience=address)
    return client


def assertion_in(sent: Form) -> str:
    """Return the signed assertion of a form. Raises BadRequest and BadAssertion."""
    if sent.get("client_assertion_type") != SIGNED:
        raise BadRequest(f"Send client_assertion_type={SIGNED}.")
    assertion = sent.get("client_assertion", "")
    if len(assertion) > LONGEST:
        raise BadAssertion
    return assertion


def keys_of(assertion: str, client_id: str | None) -> KeySet:
    """Return the keys of the assertion's client, fetched outside any transaction.

    Raises BadAssertion if ``client_id`` is another client (RFC 7521, 4.2).
    """
    client = client_named(reader(), assertion)
    if client_id not in (None, str(client.id)):
        raise BadAssertion
    jwks, url = client.jwks, client.jwks_url
    close_reader()
    if url is None:
        return read_keys(jwks or {})
    client_keys = cast(ClientKeys, current_app.extensions[KEYS])
    return client_keys.at(url, key_named(assertion), settings().webhook_networks, now=now())


def _named(sent: Form) -> tuple[str, str | None]:
    """Return the id and secret that were sent: by HTTP Basic, or in the form, not in both."""
    if "Authorization" not in request.headers:
        return sent.get("client_id", ""), sent.get("client_secret")
    basic = request.authorization
    if basic is None or basic.type != "basic":
        raise BadClient("Send who you are by HTTP Basic, or in the form.")
    if "client_secret" in sent:
        raise BadRequest("Send the secret once.")
    client_id = unquote_plus(basic.username or "")
    if sent.get("client_id", client_id) != client_id:
        raise BadClient
    return client_id, unquote_plus(basic.password or "")


def _by_secret(client_id: str, secret: str | None) -> ApiClient:
    try:
        client = reader().get(ApiClient, UUID(client_id))
    except ValueError:
        raise BadClient from None
    if client is None or client.revoked_at is not None or client.redirects is None:
        raise BadClient
    if client.is_public and not secret:
        return client
    known = client.secret_hash or b""
    if not secret or not hmac.compare_digest(token_hash(secret), known):
        raise BadClient
    return client
