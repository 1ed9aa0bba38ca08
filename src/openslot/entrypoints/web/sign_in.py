"""Flask-Security behind our own pages.

It signs links and carries the user of a request. Sessions are rows of our own, looked up by
the hash of a random token in the cookie, so that signing out ends them on the server and they
can be listed and ended; its own views, which would answer differently for known e-mails, are
not registered. See docs/adr/0006.
"""

from datetime import timedelta
from typing import Any

from flask import Flask, Request, request, session
from flask_security import (
    RoleMixin,
    Security,
    UserDatastore,
    confirmable,
    login_user,
    logout_user,
    recoverable,
)

from openslot.core.config import Settings
from openslot.entrypoints.rules import STATIC
from openslot.entrypoints.web import context
from openslot.identity import commands as identity
from openslot.identity import queries
from openslot.identity.errors import LinkExpired
from openslot.identity.models import Account

TOKEN = "token"  # noqa: S105 # nosec B105 - the name of a field in the cookie


# These functions of the library carry no types.
_confirmable: Any = confirmable
_recoverable: Any = recoverable
_Status = tuple[bool, bool, Account | None]
"""Whether a link has run out, whether it was never ours, and whom it names."""


class AccountDatastore(UserDatastore):
    """Accounts as Flask-Security reads them; it never writes any."""

    def __init__(self) -> None:
        super().__init__(Account, RoleMixin)

    def find_user(
        self,
        case_insensitive: bool = False,  # noqa: ARG002 - e-mails are kept in lower case
        **kwargs: Any,
    ) -> Account | None:
        """The account with this ``fs_uniquifier`` or ``email``."""
        if "fs_uniquifier" in kwargs:
            return queries.by_uniquifier(context.reader(), kwargs["fs_uniquifier"])
        return queries.by_email(context.reader(), kwargs["email"])


def install(app: Flask, settings: Settings) -> None:
    """Wire Flask-Security into the app."""
    app.config.update(
        SECURITY_PASSWORD_HASH="argon2",  # noqa: S106 # nosec B106 - an algorithm
        SECURITY_PASSWORD_SALT=settings.key(),
        SECURITY_REGISTER_BLUEPRINT=False,
        SECURITY_RECOVERABLE=True,
        SECURITY_CONFIRMABLE=True,
        SECURITY_RESET_PASSWORD_WITHIN=timedelta(hours=2),
        SECURITY_CONFIRM_EMAIL_WITHIN=timedelta(days=5),
    )
    security = Security(app, AccountDatastore(), register_blueprint=False)
    security.login_manager.user_loader(_account_of_session)
    # The library's own would take a token from any header, address or body, and reads each body
    # for it, also one that was just refused as too large.
    security.login_manager.request_loader(_account_of_request)
    security.login_manager.session_protection = None


def _account_of_session(_uniquifier: str) -> Account | None:
    """Whom the token in the cookie signs in; the cookie's own word is not believed."""
    token = session.get(TOKEN)
    if not isinstance(token, str) or request.endpoint in STATIC:
        return None
    now = context.now()
    found = identity.account_of_token(context.reader(), context.settings(), token, now=now)
    if found is None:
        return None
    account, row = found
    if identity.is_stale(row, now=now):
        context.database().run(lambda session: identity.touch_session(session, token, now=now))
    return account


def _account_of_request(_request: Request) -> None:
    """Nobody: only the cookie signs in a browser, and programs prove themselves otherwise."""


def begin(account: Account, *, address: str | None, agent: str | None) -> None:
    """Sign an account in: a new session row, and a cookie that names it."""
    now = context.now()
    token = context.write(
        lambda rows: identity.start_session(
            rows, account, context.settings(), address=address, agent=agent, now=now
        )
    )
    session.clear()
    session[TOKEN] = token
    context.forget_actor()
    login_user(account)


def end() -> None:
    """Sign this browser out, on the server too."""
    token = session.get(TOKEN)
    if isinstance(token, str):
        context.write(lambda rows: identity.end_session(rows, token))
    forget()


def forget() -> None:
    """Clear the cookie of a browser whose session is no longer on the server."""
    logout_user()
    session.clear()
    context.forget_actor()


def current_token() -> str | None:
    """The token of this browser's session."""
    return session.get(TOKEN)


def confirmation_token(account: Account) -> str:
    """What the link in the confirmation mail carries."""
    return str(_confirmable.generate_confirmation_token(account))


def reset_token(account: Account) -> str:
    """What the link in the password mail carries; useless once the password has changed."""
    return str(_recoverable.generate_reset_password_token(account))


def confirmed_account(token: str) -> Account:
    """The account that a confirmation link names; LinkExpired where it no longer holds."""
    status: _Status = _confirmable.confirm_email_token_status(token)
    expired, invalid, account = status
    if expired or invalid or account is None:
        raise LinkExpired
    return account


def account_to_reset(token: str) -> Account:
    """The account that a password link names; LinkExpired where it no longer holds."""
    status: _Status = _recoverable.reset_password_token_status(token)
    expired, invalid, account = status
    if expired or invalid or account is None or not account.active:
        raise LinkExpired
    return account
