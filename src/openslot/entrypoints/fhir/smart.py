"""What programs read about signing in (SMART App Launch 2, RFC 8414, OpenID Connect Discovery)."""

from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue

from openslot.entrypoints.fhir.registry import RESOURCES
from openslot.entrypoints.fhir.resource import Kind
from openslot.entrypoints.fhir.tokens import GRANTS, pages
from openslot.entrypoints.published import revalidated
from openslot.entrypoints.request import root
from openslot.entrypoints.rules import Rule, opened
from openslot.identity.assertions import ALGORITHMS
from openslot.identity.scopes import FOR_PROGRAMS, LAUNCHES, SCOPES
from openslot.identity.signing_keys import ALGORITHM

SMART = "/.well-known/smart-configuration"
SERVER = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"
ADDRESSES = (SMART, SERVER, OPENID)


@pages.get(SMART)
@pages.get(f"/fhir{SMART}")
@opened(Rule.PUBLIC)
def smart() -> ResponseReturnValue:
    """Return the SMART configuration."""
    capabilities = [
        "launch-standalone",
        "launch-ehr",
        "authorize-post",
        "client-public",
        "client-confidential-symmetric",
        "client-confidential-asymmetric",
        "context-banner",
        "context-standalone-patient",
        "context-ehr-patient",
        "sso-openid-connect",
        "permission-offline",
        "permission-online",
        "permission-patient",
        "permission-user",
        "permission-v1",
        "permission-v2",
    ]
    return revalidated(jsonify({**_server(), "capabilities": capabilities}))


@pages.get(SERVER)
@pages.get(OPENID)
@opened(Rule.PUBLIC)
def server() -> ResponseReturnValue:
    """Return the metadata of the authorization server, for programs that know nothing of FHIR."""
    return revalidated(jsonify(_server()))


def _server() -> dict[str, Any]:
    issuer = root()
    ways = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "token_endpoint_auth_methods_supported": ["none", *ways],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "introspection_endpoint_auth_methods_supported": ways,
        "introspection_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "revocation_endpoint_auth_methods_supported": ["none", *ways],
        "revocation_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "management_endpoint": f"{issuer}/account/sessions",
        "jwks_uri": f"{issuer}/oauth/keys",
        "grant_types_supported": list(GRANTS),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "scopes_supported": _scopes(),
    }


def _scopes() -> list[str]:
    kinds = [f"{kind.name}.{_letters(kind)}" for kind in RESOURCES.values()]
    fhir = [
        f"{context}/{scope}"
        for context in ("patient", "user", "system")
        for scope in ("*.cruds", "*.rs", *kinds)
    ]
    return [*LAUNCHES, *(scope for scope in SCOPES if scope not in FOR_PROGRAMS), *fhir]


def _letters(kind: Kind) -> str:
    letters = {"create": "c", "read": "r", "update": "u", "search-type": "s"}
    return "".join(
        letter for interaction, letter in letters.items() if interaction in kind.interactions
    )
