"""Browser sessions: sign-in and sign-out.

A session is a row, found by the hash of a random token in the cookie. Signing out ends it on the
server, and sessions can be listed and ended.
"""

import secrets
from datetime import UTC, datetime

from flask import g, session
from flask_babel import get_locale

from openslot.core import audit
from openslot.core import signing as core
from openslot.core.actor import Actor
from openslot.core.language import TRANSLATED
from openslot.core.signing import NotSigned
from openslot.core.work import Work
from openslot.entrypoints.web import context
from openslot.entrypoints.web.context import TOKEN
from openslot.identity import commands as identity
from openslot.identity import linked, links, sessions
from openslot.identity.errors import LinkExpired
from openslot.identity.factors import Factor
from openslot.identity.id_tokens import Person
from openslot.identity.linked import Through
from openslot.identity.models import Account
from openslot.identity.providers import providers_of

CSRF = "csrf_token"
"""Where Flask-WTF keeps the secret of a session's forms, and in g the token of a response."""


HALF = "half"
"""Name in the cookie of the token of a browser that has given the password alone, or signed in at a
provider."""

ARRIVED, LINKS = "arrived", "links"
"""Names in the cookie of whom a provider has confirmed here, and of whether they have said that the
account they sign in to is theirs."""


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
    """Forget that the password was given here, and whom a provider has confirmed."""
    for name in (HALF, ARRIVED, LINKS):
        session.pop(name, None)


def arrive(person: Person) -> None:
    """Remember for a short time whom a provider has confirmed here."""
    forget_half()
    proved_at = person.proved_at and person.proved_at.timestamp()
    kept = [person.provider.key, person.subject, person.named, person.is_strong, person.session]
    session[ARRIVED] = core.hide_dated(_keys(), ARRIVED, [*kept, proved_at])


def arrived() -> Person | None:
    """Return whom a provider has confirmed here a short time ago."""
    try:
        kept = core.reveal_dated(
            _keys(), ARRIVED, session.get(ARRIVED, ""), lasts=links.SECOND_STEP_WITHIN
        )
    except NotSigned:
        return None
    key, subject, named, is_strong, there, proved_at = kept
    provider = providers_of(context.settings()).get(key)
    if provider is None:
        return None
    return Person(
        provider,
        subject,
        named,
        is_strong=is_strong,
        session=there,
        proved_at=proved_at and datetime.fromtimestamp(proved_at, UTC),
    )


def link_arrived() -> None:
    """Have the account that is signed in to next linked to whom a provider has confirmed here."""
    session[LINKS] = True


def _keys() -> tuple[str, ...]:
    return context.settings().signing_keys()


def begin(account: Account, *, agent: str | None, factor: Factor | None = None) -> None:
    """Start a session for an account, end the one that this browser had, and set its cookie.

    An account without a language takes the one that its owner reads, for mail too.
    """
    reads = str(get_locale()) if account.locale is None else None
    arrival = (arrived(), session.get(LINKS, False))
    token = context.write(_begin, session.get(TOKEN), account, agent, factor, reads, *arrival)
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
    person: Person | None,
    is_linking: bool,
) -> str:
    if isinstance(old, str):
        sessions.end_session(work.session, old)
    if reads in TRANSLATED:
        identity.change_account(work, account.id, locale=reads)
    own = work.by(Actor(account_id=account.id, address=work.actor.address))
    came = _through(own, account, person, is_linking) if person else None
    return sessions.start_session(work, account, agent=agent, factor=factor, through=came)


def _through(work: Work, account: Account, person: Person, is_linking: bool) -> Through | None:
    """Return how the owner of the account came through a provider, and link the two if the owner
    has said so; None for anybody else. Raises LinkedElsewhere."""
    identity = linked.identity_of(work, person)
    if identity is None or identity.account_id != account.id:
        if not is_linking:
            return None
        identity = linked.link(work, account, person)
    return linked.through(identity, person)


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
