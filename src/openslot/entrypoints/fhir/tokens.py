"""POST /oauth/token: tokens for signed assertions (SMART App Launch 2, Backend Services).

Failures have the form of OAuth 2 (RFC 6749, 5.2), not of FHIR.
"""

import re
from collections.abc import Mapping
from typing import cast

from flask import Blueprint, Flask, current_app, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from joserfc.jwk import KeySet
from werkzeug.wrappers import Response

from openslot.core.errors import Malformed
from openslot.entrypoints import failures
from openslot.entrypoints.client_keys import ClientKeys
from openslot.entrypoints.failures import Problem
from openslot.entrypoints.request import (
    close_reader,
    now,
    reader,
    root,
    settings,
    visitor,
    write_by,
)
from openslot.entrypoints.rules import Rule, opened
from openslot.identity.assertions import BadAssertion, client_named, grant, key_named, read_keys
from openslot.identity.scopes import UnknownScope

FORM = "application/x-www-form-urlencoded"
GRANT = "client_credentials"
SIGNED = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
KEYS = "openslot-client-keys"
LONGEST = 10_000
"""Maximum number of characters of an assertion."""

_FORBIDDEN = re.compile(r"[^ !#-\[\]-~]")
"""Characters that an error_description may not have (RFC 6749, 5.2)."""

pages = Blueprint("smart", __name__)


class BadRequest(Malformed):
    """A parameter is missing or repeated, or the body is not a form."""

    code = "invalid_request"
    sentence = Malformed.sentence


class OtherGrant(Malformed):
    """Send grant_type=client_credentials."""

    code = "unsupported_grant_type"


def install(app: Flask) -> None:
    """Register the view, and a ``ClientKeys`` that lives as long as the app."""
    app.extensions[KEYS] = ClientKeys()
    app.register_blueprint(pages)
    app.extensions["csrf"].exempt(pages)
    failures.register(app, lambda: request.path.startswith("/oauth/"), render)


def address() -> str:
    """Return the public address of the token endpoint, the audience of assertions."""
    return root() + url_for("smart.token")


@pages.post("/oauth/token")
@opened(Rule.SENDER)
def token() -> ResponseReturnValue:
    """Return a token for a signed assertion."""
    form = _form()
    if "grant_type" not in form:
        raise BadRequest("Send grant_type=client_credentials.")
    if form["grant_type"] != GRANT:
        raise OtherGrant
    if form.get("client_assertion_type") != SIGNED:
        raise BadRequest(f"Send client_assertion_type={SIGNED}.")
    assertion = form.get("client_assertion", "")
    if len(assertion) > LONGEST:
        raise BadAssertion
    keys, scopes = _keys(assertion, form.get("client_id")), form.get("scope", "").split()
    audience = address()
    granted = write_by(
        visitor(),
        lambda work: grant(
            work, client_named(work.session, assertion), assertion, keys, scopes, audience=audience
        ),
    )
    answer = {
        "access_token": granted.token,
        "token_type": "bearer",
        "expires_in": granted.seconds,
        "scope": " ".join(granted.scopes),
    }
    return _uncached(jsonify(answer))


def _form() -> Mapping[str, str]:
    """Return the form; empty values count as missing (RFC 6749, 3.2)."""
    if request.mimetype != FORM:
        raise BadRequest(f"Send a form as {FORM}.")
    sent = request.form.to_dict(flat=False)
    if any(len(values) > 1 for values in sent.values()):
        raise BadRequest("Send each parameter once.")
    return {name: values[0] for name, values in sent.items() if values[0]}


def _keys(assertion: str, client_id: str | None) -> KeySet:
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


def render(problem: Problem) -> Response:
    """Return the failure as an OAuth error."""
    status = 400 if isinstance(problem.cause, UnknownScope) else problem.status
    description = _FORBIDDEN.sub("", problem.sentence)
    response = jsonify({"error": _code(problem), "error_description": description})
    response.status_code = status
    return _uncached(response)


def _code(problem: Problem) -> str:
    if isinstance(problem.cause, UnknownScope):
        return "invalid_scope"
    if isinstance(problem.cause, BadAssertion | OtherGrant):
        return problem.code
    if problem.status >= 500:
        return "temporarily_unavailable" if problem.status == 503 else "server_error"
    return "invalid_request"


def _uncached(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    return response
