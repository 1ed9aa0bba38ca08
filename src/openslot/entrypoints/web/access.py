"""Access rules: each view declares its roles, and views without a declaration are refused."""

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import current_app, request

from openslot.core.actor import Role
from openslot.core.errors import Forbidden, Unauthenticated
from openslot.entrypoints import bearer, limits
from openslot.entrypoints.rules import STATIC
from openslot.entrypoints.web import context
from openslot.identity import queries as identities
from openslot.identity.errors import MustChangePassword, MustEnrol, ProofNeeded
from openslot.identity.models import Account

View = TypeVar("View", bound=Callable[..., Any])

ANYONE = frozenset({None, *Role})
"""All roles, and people who have not signed in."""

SIGNED_IN = frozenset(Role)
PATIENTS = frozenset({Role.PATIENT})
PRACTITIONERS = frozenset({Role.PRACTITIONER})
CARE_TEAM = frozenset({Role.PRACTITIONER, Role.STAFF, Role.CENTRE_ADMIN, Role.NETWORK_ADMIN})
"""Roles that work with patients."""

STAFF = frozenset({Role.STAFF})
ADMINS = frozenset({Role.CENTRE_ADMIN, Role.NETWORK_ADMIN})
NETWORK_ADMINS = frozenset({Role.NETWORK_ADMIN})
EDITORS = frozenset({Role.STAFF, Role.CENTRE_ADMIN, Role.NETWORK_ADMIN})
"""Roles that may edit departments and services; the commands decide which ones."""

DIRECTORY = frozenset({"booking", "profiles", "search"})
"""Blueprints that visitors can use if the directory is public."""

WITH_OLD_PASSWORD = frozenset(
    {
        "accounts.confirm",
        "accounts.reset",
        "accounts.session_left",
        "accounts.sign_out",
        "accounts.stay_signed_in",
        "authorize.ask",
        "notifications.feed",
        "notifications.stop",
        "profile.language",
        "profile.theme",
        "profile_security.password",
        "system.alive",
        "system.metrics",
        "providers.ended",
        "providers.signed_out",
        "system.ready",
    }
)
"""Views that work before a password that others may know is replaced: those that replace it, sign
out, have nothing to do with the account, or have to tell a program that it needs that."""

WITHOUT_STEP = WITH_OLD_PASSWORD | {
    "factors.authenticator",
    "factors.choose",
    "factors.passkey",
    "profile_security.prove",
    "providers.done",
    "providers.prove",
}
"""Views that work before a second step that the role needs is set up: those that set it up, and
those that work with an old password."""


def allow(
    roles: frozenset[Role | None] | frozenset[Role],
    *,
    fresh: bool = False,
    asks_password: bool = False,
) -> Callable[[View], View]:
    """Declare the roles that may use a view; the commands check ownership.

    A ``fresh`` view needs the password or a passkey again, unless it was given a short time ago.
    So does a view that ``asks_password`` itself, of those for whom that is only half of the proof.
    """

    def mark(view: View) -> View:
        view.fresh = fresh  # type: ignore[attr-defined] # read by check()
        view.asks_password = asks_password  # type: ignore[attr-defined] # read by check()
        view.allowed = roles  # type: ignore[attr-defined] # read by check() and by a guard test
        return view

    return mark


def by_token(scope: str) -> Callable[[View], View]:
    """Let a view take a person's access token with this scope in place of a session."""

    def mark(view: View) -> View:
        view.token_scope = scope  # type: ignore[attr-defined] # read by check()
        return view

    return mark


def allowed_roles(view: Callable[..., Any]) -> frozenset[Role | None] | None:
    """Return the roles declared with :func:`allow`, or None without a declaration."""
    return getattr(view, "allowed", None)


def check() -> None:
    """Refuse a request unless the view allows the reader's role.

    Raise Unauthenticated, MustChangePassword, MustEnrol, ProofNeeded or Forbidden; a view without
    a declaration raises Forbidden.
    """
    if request.endpoint is None or request.endpoint in STATIC:
        return
    view = current_app.view_functions[request.endpoint]
    if hasattr(view, "operation"):
        return  # programs prove themselves with each request: see entrypoints/bearer.py
    allowed = allowed_roles(view)
    if allowed is None:
        raise Forbidden
    _check_origin()
    scope = getattr(view, "token_scope", None)
    if scope and request.headers.get("Authorization"):
        context.set_account(_account_of_token(scope), bearer.actor())
    account = context.account_or_none()
    if account is not None:
        limits.by_account(account.id)
        if context.must_change_password() and request.endpoint not in WITH_OLD_PASSWORD:
            raise MustChangePassword
        if context.must_enrol() and request.endpoint not in WITHOUT_STEP:
            raise MustEnrol
    if None in allowed:
        _check_directory(account)
        return
    role = context.actor().role
    if role is None:
        raise Unauthenticated
    if role not in allowed:
        raise Forbidden
    asks_half = getattr(view, "asks_password", False) and context.has_step()
    if (getattr(view, "fresh", False) or asks_half) and not context.is_proved():
        raise ProofNeeded


def _account_of_token(scope: str) -> Account:
    """Return the account of the token that was sent; raise Forbidden for a key, which has none."""
    bearer.demand(scope)
    account_id = bearer.actor().account_id
    account = identities.by_id(context.reader(), account_id) if account_id else None
    if account is None:
        raise Forbidden("A key has no account. Use an access token.")
    return account


def _check_origin() -> None:
    """Raise Forbidden for a change that another site had the browser send.

    Forms have a token as well; the requests without forms have only this.
    """
    if request.method not in ("PUT", "DELETE", "PATCH"):
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    is_foreign = site not in (None, "same-origin", "none")
    if is_foreign or (origin is not None and urlsplit(origin).netloc != request.host):
        raise Forbidden


def _check_directory(account: Account | None) -> None:
    """Raise Unauthenticated for visitors to the directory, if it is not public."""
    is_public = context.settings().public_directory or request.blueprint not in DIRECTORY
    if account is None and not is_public:
        raise Unauthenticated
