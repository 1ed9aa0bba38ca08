"""Everything that opens an account besides its password: browsers, programs, a calendar address,
identities at providers, and the second steps at sign-in.

One list and one way to end them, so that nothing outlives "sign out everywhere". That ends what is
signed in; identities and second steps stay until each is removed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from openslot.core import audit
from openslot.core.errors import NotFound
from openslot.core.work import Work
from openslot.identity import factors, linked, opening, queries
from openslot.identity.providers import providers_of
from openslot.identity.sessions import token_hash, unused_since


class CredentialKind(StrEnum):
    """A kind of credential."""

    BROWSER = "browser"
    PROGRAM = "program"
    CALENDAR = "calendar"
    PASSKEY = "passkey"
    AUTHENTICATOR = "authenticator"
    RECOVERY_CODES = "recovery-codes"
    IDENTITY = "identity"


SIGNED_IN = frozenset({CredentialKind.BROWSER, CredentialKind.PROGRAM, CredentialKind.CALENDAR})
"""What "sign out everywhere" ends."""

STEPS = frozenset(CredentialKind) - SIGNED_IN - {CredentialKind.IDENTITY}
"""Second steps at sign-in, which are removed one by one, by who has just proved who they are."""


@dataclass(frozen=True, slots=True)
class Credential:
    """One credential; ``id`` opens nothing. ``agent`` is what the browser or program calls
    itself, its owner a passkey, or the settings an identity provider; ``factor`` the second step of
    a browser; ``left`` the number of recovery codes; ``scopes`` what its owner lets a program do,
    None for one that was given the password."""

    kind: CredentialKind
    id: str
    made_at: datetime
    used_at: datetime | None = None
    ends_at: datetime | None = None
    agent: str | None = None
    address: str | None = None
    factor: str | None = None
    left: int | None = None
    scopes: tuple[str, ...] | None = None


def credentials_of(work: Work, account_id: UUID) -> list[Credential]:
    """Return the credentials of an account: identities at providers, second steps, browsers,
    programs, then the calendar address."""
    return [
        *identities_of(work, account_id),
        *steps_of(work, account_id),
        *_browsers(work, account_id),
        *programs_of(work, account_id),
        *_calendars(work, account_id),
    ]


def identities_of(work: Work, account_id: UUID) -> list[Credential]:
    """Return the identities at providers that sign in to an account."""
    found = queries.identities_of(work.session, account_id)
    named = {one.issuer: one.label for one in providers_of(work.settings).values()}
    return [
        Credential(
            CredentialKind.IDENTITY,
            one.id.hex,
            one.made_at,
            one.used_at,
            agent=named.get(one.issuer, one.issuer),
        )
        for one in found
    ]


def steps_of(work: Work, account_id: UUID) -> list[Credential]:
    """Return the second steps of an account: passkeys, the authenticator app, recovery codes."""
    app = queries.authenticator_of(work.session, account_id)
    codes = queries.recovery_codes_of(work.session, account_id)
    return [
        *(
            Credential(CredentialKind.PASSKEY, one.id.hex, one.made_at, one.used_at, agent=one.name)
            for one in queries.passkeys_of(work.session, account_id)
        ),
        *([_only(CredentialKind.AUTHENTICATOR, app.made_at, app.used_at)] if app else []),
        *(
            [_only(CredentialKind.RECOVERY_CODES, codes[0].made_at, left=len(codes))]
            if codes
            else []
        ),
    ]


def _only(
    kind: CredentialKind,
    made_at: datetime,
    used_at: datetime | None = None,
    *,
    left: int | None = None,
) -> Credential:
    """Return a credential of which an account has one at most, so that its kind is its id."""
    return Credential(kind, kind, made_at, used_at, left=left)


def _browsers(work: Work, account_id: UUID) -> list[Credential]:
    rows = queries.sessions_of(work, account_id, unused_since=unused_since(work))
    return [
        Credential(
            CredentialKind.BROWSER,
            row.token_hash.hex(),
            row.created_at,
            row.seen_at,
            row.ends_at,
            row.agent,
            row.address,
            row.factor,
        )
        for row in rows
    ]


def programs_of(work: Work, account_id: UUID) -> list[Credential]:
    """Return the programs that the person lets act for them, and those given the password."""
    used = queries.client_tokens_since(work.session, account_id)
    let = [
        Credential(
            CredentialKind.PROGRAM,
            consent.id.hex,
            consent.given_at,
            used.get(client.id),
            agent=client.name,
            scopes=tuple(consent.scopes.split()),
        )
        for consent, client in queries.consents_of(work.session, account_id)
    ]
    return let + [
        Credential(
            CredentialKind.PROGRAM,
            token.family.hex,
            token.family_began_at or token.created_at,
            token.created_at,
            token.ends_at,
            token.agent,
        )
        for token in queries.refresh_tokens_of(work, account_id)
    ]


def _calendars(work: Work, account_id: UUID) -> list[Credential]:
    feed = queries.feed_of(work.session, account_id)
    return [_only(CredentialKind.CALENDAR, feed.made_at)] if feed else []


def end_one(work: Work, account_id: UUID, kind: CredentialKind, credential_id: str) -> None:
    """End one credential of the account. Raises NotFound if the account has none of this id,
    SecondStepRequired for the last second step of an account that needs one, and LastWayIn for the
    identity without which its owner could not sign in."""
    if kind in STEPS:
        _remove_step(work, account_id, kind, credential_id)
        return
    if kind is CredentialKind.IDENTITY:
        linked.unlink(work, account_id, _uuid(credential_id))
        return
    if kind is CredentialKind.CALENDAR:
        ended = queries.end_feed(work.session, account_id)
    elif kind is CredentialKind.PROGRAM:
        ended = _end_program(work, account_id, _uuid(credential_id))
    else:
        ended = queries.end_sessions(work.session, account_id, only=_digest(credential_id))
    if not ended:
        raise NotFound
    _record(work, account_id, {kind})


def _end_program(work: Work, account_id: UUID, credential_id: UUID) -> bool:
    """End a program that the person lets act for them, or one that was given the password."""
    opening.wait(work, account_id)
    client_id = queries.end_consent(work.session, account_id, credential_id)
    if client_id is None:
        return queries.end_tokens(work.session, account_id, family=credential_id) > 0
    audit.record(work, "consent.withdrawn", f"account:{account_id}", client=str(client_id))
    return True


def _remove_step(work: Work, account_id: UUID, kind: CredentialKind, credential_id: str) -> None:
    opening.wait(work, account_id)
    if kind is CredentialKind.PASSKEY:
        factors.remove_passkey(work, account_id, _uuid(credential_id))
    elif kind is CredentialKind.AUTHENTICATOR:
        factors.remove_authenticator(work, account_id)
    else:
        raise NotFound  # recovery codes are made anew, or go with the last step


def end_all(
    work: Work,
    account_id: UUID,
    *,
    kinds: frozenset[CredentialKind] = SIGNED_IN,
    keep_session: str | None = None,
) -> None:
    """End what is signed in to the account, of some ``kinds``, except the browser whose token is
    ``keep_session``; also what a sign-in opens at this moment."""
    opening.wait(work, account_id)
    if CredentialKind.BROWSER in kinds:
        keep = token_hash(keep_session) if keep_session else None
        queries.end_sessions(work.session, account_id, keep=keep)
    if CredentialKind.PROGRAM in kinds:
        queries.end_tokens(work.session, account_id)
    if CredentialKind.CALENDAR in kinds:
        queries.end_feed(work.session, account_id)
    _record(work, account_id, kinds)


def end_everybodys(work: Work, *, keep_session: str | None = None) -> None:
    """End the browsers and programs of all accounts, except the browser whose token is
    ``keep_session``. Calendar addresses, which only read, stay."""
    keep = token_hash(keep_session) if keep_session else None
    queries.end_everybodys(work.session, keep=keep)
    audit.record(work, "account.everybodys-credentials-ended", "network")


def _record(work: Work, account_id: UUID, kinds: Sequence[str] | frozenset[str] | set[str]) -> None:
    audit.record(work, "account.credentials-ended", f"account:{account_id}", kinds=sorted(kinds))


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None


def _digest(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
