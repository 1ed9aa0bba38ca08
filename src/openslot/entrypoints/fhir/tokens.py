"""The endpoints of OAuth 2 for programs: tokens for signed assertions, for codes, and again; what a
token is good for; ending one (SMART App Launch 2, RFC 7009, RFC 7662).

Failures have the form of OAuth 2 (RFC 6749, 5.2), not of FHIR.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import Blueprint, Flask, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from openslot.core.actor import Actor
from openslot.core.errors import Failure, Malformed
from openslot.directory.commands import actor_of
from openslot.entrypoints import bearer, failures
from openslot.entrypoints.client_keys import ClientKeys
from openslot.entrypoints.failures import Problem
from openslot.entrypoints.fhir import clients
from openslot.entrypoints.fhir.answers import base
from openslot.entrypoints.fhir.clients import KEYS, BadClient, BadRequest, Form
from openslot.entrypoints.request import reader, reading_by, root, visitor, write_by
from openslot.entrypoints.rules import Rule, opened
from openslot.identity import authorization, queries, signing_keys
from openslot.identity import keys as tokens
from openslot.identity.assertions import BadAssertion, OnlyForPeople, client_named, grant
from openslot.identity.keys import ACCESS_LASTS, Family, NotAgreedTo, Pair
from openslot.identity.models import ApiClient, ApiToken
from openslot.identity.scopes import UnknownScope, narrowed

pages = Blueprint("smart", __name__)


class OtherGrant(Malformed):
    """Send grant_type=authorization_code, refresh_token or client_credentials."""

    code = "unsupported_grant_type"


class BadGrant(Malformed):
    """The code or refresh token is not valid, was used or has ended. Ask the person again."""

    code = "invalid_grant"


def install(app: Flask) -> None:
    """Register the views, and a ``ClientKeys`` that lives as long as the app."""
    app.extensions[KEYS] = ClientKeys()
    app.register_blueprint(pages)
    app.extensions["csrf"].exempt(pages)
    failures.register(app, lambda: request.path in _ADDRESSES, render)


@pages.post("/oauth/token")
@opened(Rule.SENDER)
def token() -> ResponseReturnValue:
    """Return tokens for what the form proves."""
    form = clients.form()
    answer = _GRANTS.get(form.get("grant_type", ""))
    if answer is None:
        raise OtherGrant if "grant_type" in form else BadRequest(OtherGrant.sentence)
    return _uncached(jsonify(answer(form)))


def _for_network(form: Form) -> dict[str, Any]:
    """Return a token with which a program acts for the network."""
    assertion = clients.assertion_in(form)
    keys, scopes = clients.keys_of(assertion, form.get("client_id")), form.get("scope", "").split()
    audience = clients.audience()
    granted = write_by(
        visitor(),
        lambda work: grant(
            work, client_named(work.session, assertion), assertion, keys, scopes, audience=audience
        ),
    )
    return {
        "access_token": granted.token,
        "token_type": "bearer",
        "expires_in": granted.seconds,
        "scope": " ".join(granted.scopes),
    }


def _for_code(form: Form) -> dict[str, Any]:
    """Return the first tokens of what a person lets a program do."""
    client = clients.proven(form)
    for name in ("code", "redirect_uri", "code_verifier"):
        if name not in form:
            raise BadRequest(f"Send {name}.")
    redeemed = write_by(
        visitor(),
        authorization.redeem,
        client,
        form["code"],
        redirect=form["redirect_uri"],
        verifier=form["code_verifier"],
    )
    if redeemed is None:
        raise BadGrant
    answer = _answer(client, redeemed.pair, redeemed.family)
    if "openid" in redeemed.family.scopes.split():
        answer["id_token"] = _id_token(client, redeemed.family, redeemed.nonce)
    return answer


def _again(form: Form) -> dict[str, Any]:
    """Return the next tokens for a refresh token. A public program need not name itself, as
    fhirclient.js does not: it would prove nothing."""
    if "refresh_token" not in form:
        raise BadRequest("Send refresh_token.")
    named = clients.is_named(form)
    client = clients.proven(form) if named else _public_client_of(form["refresh_token"])
    refreshed = write_by(
        visitor(), tokens.refresh, form["refresh_token"], client=client, asked=form.get("scope")
    )
    if refreshed is None:
        raise BadGrant
    return _answer(client, *refreshed)


def _public_client_of(text: str) -> ApiClient:
    client = authorization.client_of(reader(), text)
    if client is None or not client.is_public:
        raise BadGrant
    return client


_GRANTS: Mapping[str, Callable[[Form], dict[str, Any]]] = {
    "authorization_code": _for_code,
    "client_credentials": _for_network,
    "refresh_token": _again,
}
GRANTS = tuple(_GRANTS)


def _answer(client: ApiClient, pair: Pair, family: Family) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "access_token": pair.access,
        "token_type": "Bearer",
        "expires_in": int(ACCESS_LASTS.total_seconds()),
        "scope": " ".join(narrowed(family.scopes.split(), client.scopes.split())),
    }
    if pair.refresh is not None:
        answer["refresh_token"] = pair.refresh
    return answer | _context(family.patient_id)


def _context(patient_id: UUID | None) -> dict[str, Any]:
    """Return the launch context of tokens for a patient (SMART App Launch 2)."""
    return {"patient": str(patient_id), "need_patient_banner": True} if patient_id else {}


def _id_token(client: ApiClient, family: Family, nonce: str | None) -> str:
    if signing_keys.is_due(reading_by(visitor())):
        write_by(visitor(), signing_keys.keep_key, signing_keys.new_key())
    claims = {
        "iss": root(),
        "sub": str(family.account_id),
        "aud": str(client.id),
        "auth_time": family.proved_at and int(family.proved_at.timestamp()),
        "nonce": nonce,
        "fhirUser": _fhir_user(family.account_id, family.scopes),
    }
    given = {name: value for name, value in claims.items() if value is not None}
    return signing_keys.sign(reading_by(visitor()), given)


def _fhir_user(account_id: UUID, scopes: str) -> str | None:
    """Return the address of the patient or practitioner who let the program act for them, and know
    that."""
    if "fhirUser" not in scopes.split():
        return None
    account = queries.by_id(reader(), account_id)
    person = actor_of(reader(), account, None) if account else Actor()
    if person.practitioner_id is not None:
        return f"{base()}/Practitioner/{person.practitioner_id}"
    return f"{base()}/Patient/{person.patient_id}" if person.patient_id else None


@pages.post("/oauth/introspect")
@opened(Rule.SENDER)
def introspect() -> ResponseReturnValue:
    """Return what a token is good for: to the program whose it is, or for any to a key that
    manages programs."""
    form = clients.form()
    is_key = request.headers.get("Authorization", "").casefold().startswith("bearer ")
    if is_key:
        bearer.demand("manage")
    client = None if is_key else clients.proven(form)
    if client is not None and client.is_public:
        raise BadClient
    if "token" not in form:
        raise BadRequest("Send token.")
    row = authorization.describe(reading_by(visitor()), form["token"], client)
    return _uncached(jsonify({"active": False} if row is None else _described(row)))


def _described(row: ApiToken) -> dict[str, Any]:
    of = reader().get(ApiClient, row.client_id) if row.client_id else None
    scopes = row.scopes.split()
    found = {
        "active": True,
        "scope": " ".join(narrowed(scopes, of.scopes.split()) if of else scopes),
        "client_id": row.client_id and str(row.client_id),
        "iat": int(row.created_at.timestamp()),
        "exp": int(row.ends_at.timestamp()),
        "iss": root(),
        "sub": row.account_id and str(row.account_id),
        "fhirUser": row.account_id and _fhir_user(row.account_id, row.scopes),
    }
    given = {name: value for name, value in found.items() if value is not None}
    return given | _context(row.patient_id)


@pages.post("/oauth/revoke")
@opened(Rule.SENDER)
def revoke() -> ResponseReturnValue:
    """End a token of the program, and all that go back to the same sign-in."""
    form = clients.form()
    client = clients.proven(form)
    if "token" not in form:
        raise BadRequest("Send token.")
    write_by(visitor(), authorization.revoke, form["token"], client)
    return _uncached(jsonify({}))


@pages.get("/oauth/keys")
@opened(Rule.PUBLIC)
def public_keys() -> ResponseReturnValue:
    """Return the public keys of ID tokens."""
    return jsonify(signing_keys.public_keys(reading_by(visitor())))


_ADDRESSES = frozenset({"/oauth/token", "/oauth/introspect", "/oauth/revoke", "/oauth/keys"})


_NAMED = (BadAssertion, BadClient, BadGrant, NotAgreedTo, OnlyForPeople, OtherGrant)
"""Failures that are named as in OAuth 2."""


def render(problem: Problem) -> Response:
    """Return the failure as an OAuth error."""
    status = 400 if isinstance(problem.cause, UnknownScope) else problem.status
    response = jsonify({"error": _code(problem), "error_description": _description(problem)})
    response.status_code = status
    if isinstance(problem.cause, BadClient) and "Authorization" in request.headers:
        response.headers["WWW-Authenticate"] = 'Basic realm="OpenSlot"'
    return _uncached(response)


def _description(problem: Problem) -> str:
    """Return what is wrong for who writes the program, in English: an answer has ASCII alone."""
    is_ours = isinstance(problem.cause, Failure)
    return authorization.plain(str(problem.cause) if is_ours else HTTPStatus(problem.status).phrase)


def _code(problem: Problem) -> str:
    if isinstance(problem.cause, UnknownScope):
        return "invalid_scope"
    if isinstance(problem.cause, _NAMED):
        return problem.code
    if problem.status >= 500:
        return "temporarily_unavailable" if problem.status == 503 else "server_error"
    return "invalid_request"


def _uncached(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    return response
