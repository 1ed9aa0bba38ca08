"""Writes refusals into the security stream: wrong passwords, refused accesses, limits."""

import hashlib
import hmac
from collections.abc import Mapping

from flask import request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import BadHost, SecurityError

from openslot.core.errors import Forbidden, NotFound, RateLimited, Unauthenticated
from openslot.core.fields import address_key
from openslot.core.limits import network_of
from openslot.core.security import Seen
from openslot.entrypoints.request import (
    does_without_database,
    now,
    reader_actor,
    services,
    settings,
)
from openslot.identity.errors import (
    AnotherPerson,
    LinkedElsewhere,
    NotActive,
    NotAdmitted,
    NotConfirmed,
    NotConfirmedThere,
    NotFresh,
    NotStrongEnough,
    RefusedThere,
    SignInEnded,
    SignInLocked,
    SignInThere,
    WrongCode,
    WrongCredentials,
    WrongPasskey,
)
from openslot.identity.own import WrongPassword

_ACTIONS: Mapping[type[Exception], str] = {
    SignInLocked: "sign-in.locked",
    WrongCredentials: "sign-in.failed",
    NotActive: "sign-in.failed",
    NotConfirmed: "sign-in.failed",
    WrongPassword: "sign-in.failed",
    WrongCode: "sign-in.failed",
    WrongPasskey: "sign-in.failed",
    NotConfirmedThere: "sign-in.refused",
    NotStrongEnough: "sign-in.refused",
    NotFresh: "sign-in.refused",
    NotAdmitted: "sign-in.refused",
    AnotherPerson: "sign-in.refused",
    LinkedElsewhere: "sign-in.refused",
    SignInEnded: "sign-in.refused",
    RefusedThere: "sign-in.refused",
    SignInThere: "sign-in.refused",
    RateLimited: "limit.hit",
    Unauthenticated: "access.unauthenticated",
    Forbidden: "access.forbidden",
    NotFound: "access.not-found",
    CSRFError: "access.forged-form",
    BadHost: "access.unknown-host",
    SecurityError: "access.unknown-host",
}
"""Actions by class of refusal; a class also covers its subclasses that are not listed."""


def refused(error: object, *, email: str | None = None, subject: str | None = None) -> None:
    """Count a refusal, of a page or what its ``subject`` says; errors that tell of no attempt are
    ignored.

    Whoever is not signed in and sends no credentials is only asked to sign in, and a page that
    does not exist for everybody tells nothing.
    """
    action = next((_ACTIONS[kind] for kind in type(error).__mro__ if kind in _ACTIONS), None)
    if action is None or does_without_database():
        return
    actor = reader_actor()
    is_known = actor.account_id is not None or actor.program is not None
    if action == "access.unauthenticated" and "Authorization" not in request.headers:
        return
    if action == "access.not-found" and not is_known:
        return
    page = subject or f"page:{request.endpoint or 'none'}"
    about = _hidden(email) if email else page[:80]
    source = str(actor.account_id or network_of(request.remote_addr))
    services().security.note(Seen(action, source, about), now=now(), method=request.method)


def _hidden(email: str) -> str:
    """Return a name for an address from which nobody can tell it, and by which attempts on the
    same account can be counted."""
    key = address_key(email).encode("utf-8", "surrogatepass")
    return f"email:{hmac.new(settings().key().encode(), key, hashlib.sha256).hexdigest()[:16]}"
