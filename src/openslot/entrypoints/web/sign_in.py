"""Browser sessions: sign-in and sign-out.

A session is a row, found by the hash of a random token in the cookie. Signing out ends it on the
server, and sessions can be listed and ended.
"""

import secrets

from flask import g, session
from flask_babel import get_locale

from openslot.core import audit
from openslot.core.language import TRANSLATED
from openslot.core.work import Work
from openslot.entrypoints.web import context
from openslot.entrypoints.web.context import TOKEN
from openslot.identity import commands as identity
from openslot.identity import links, sessions
from openslot.identity.errors import LinkExpired
from openslot.identity.factors import Factor
from openslot.identity.models import Account

CSRF = "csrf_token"
"""Where Flask-WTF keeps the secret of a session's forms, and in g the token of a response."""


HALF = "half"
"""Name in the cookie of the token of a browser that has given the password alone."""


def begin_half(account: Account) -> None:
    """Remember for a short time that the password was given here; this opens nothing but the
    page of the second step, and a new password ends it."""
    session[HALF] = links.half_token(context.settings().signing_keys(), account)


def half_signed_in() -> Account | None:
    """Return the account whose password was given here, and whose second step is to come."""
    token = session.get(HALF)
    if not isinstance(token, str):
        return None
    try:
        keys = context.settings().signing_keys()
        return links.account_half_signed_in(context.reader(), keys, token)
    except LinkExpired:
        return None


def forget_half() -> None:
    """Forget that the password was given here."""
    session.pop(HALF, None)


def begin(account: Account, *, agent: str | None, factor: Factor | None = None) -> None:
    """Start a session for an account, end the one that this browser had, and set its cookie.

    An account without a language takes the one that its owner reads, for mail too.
    """
    reads = str(get_locale()) if account.locale is None else None
    token = context.write(_begin, session.get(TOKEN), account, agent, factor, reads)
    session.clear()
    session[TOKEN] = token
    _begin_forms(account)
    context.set_account(account)


def _begin(
    work: Work,
    old: object,
    account: Account,
    agent: str | None,
    factor: Factor | None,
    reads: str | None,
) -> str:
    if isinstance(old, str):
        sessions.end_session(work.session, old)
    if reads in TRANSLATED:
        identity.change_account(work, account.id, locale=reads)
    return sessions.start_session(work, account, agent=agent, factor=factor)


def renew() -> None:
    """Give the session another token, because its owner has proved again who they are; the old one
    opens nothing any more."""
    token = session.get(TOKEN)
    new = context.write(sessions.renew_session, token) if isinstance(token, str) else None
    if new is not None:
        session[TOKEN] = new


def _begin_forms(account: Account) -> None:
    """Give the forms of the session their secret. It names the account, so that a form that comes
    back after signing in again is known to be of the same person."""
    session[CSRF] = f"{secrets.token_hex(20)}.{account.id}"
    g.pop(CSRF, None)


def end() -> None:
    """End this browser's session, on the server too."""
    token = session.get(TOKEN)
    if isinstance(token, str):
        context.write(_end, token)
    forget()


def _end(work: Work, token: str) -> None:
    sessions.end_session(work.session, token)
    if work.actor.account_id is not None:
        audit.record(work, "account.signed-out", f"account:{work.actor.account_id}")


def forget() -> None:
    """Clear the cookie of a session that no longer exists on the server."""
    session.clear()
    g.pop(CSRF, None)
    context.set_account(None)


def current_token() -> str | None:
    """Return the token of this browser's session."""
    return session.get(TOKEN)
