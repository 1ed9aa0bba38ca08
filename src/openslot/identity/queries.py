"""Queries and row-level writes of accounts, sessions, failed sign-ins, keys and tokens."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from openslot.core.actor import Role
from openslot.core.db import changed
from openslot.core.fields import address_key
from openslot.core.folding import has_words
from openslot.core.work import Work
from openslot.identity.models import (
    Account,
    AccountSession,
    ApiClient,
    ApiKey,
    ApiToken,
    Authenticator,
    AuthorizationCode,
    CalendarFeed,
    Consent,
    LinkedIdentity,
    Passkey,
    PendingSignUp,
    RecoveryCode,
    SignInFailure,
    SigningKey,
    UsedAssertion,
)


class Unused(NamedTuple):
    """The times since which a session must have been used to be valid: a patient's, and that of
    everybody who works with patients, often at a shared desk."""

    patients: datetime
    staff: datetime

    def of(self, role: str) -> datetime:
        """Return the time for a role."""
        return self.patients if role == Role.PATIENT else self.staff


def by_email(session: Session, email: str) -> Account | None:
    """Return the account with this email, regardless of case."""
    key = address_key(email)
    if not key.isprintable():
        return None  # no account has it, and not every engine can search for it
    return session.scalar(select(Account).where(Account.email == key))


def by_id(session: Session, account_id: UUID) -> Account | None:
    """Return the account with this id, or None."""
    return session.get(Account, account_id)


def read_ahead(session: Session, account_ids: Collection[UUID]) -> None:
    """Read accounts in one statement, and have the session keep them for :func:`by_id`."""
    if account_ids:
        session.info.setdefault(Account, {}).update(by_ids(session, account_ids))


def by_ids(session: Session, account_ids: Iterable[UUID]) -> dict[UUID, Account]:
    """Return the accounts that exist of these ids, in one statement."""
    accounts = session.scalars(select(Account).where(Account.id.in_(set(account_ids))))
    return {account.id: account for account in accounts}


def by_uniquifier(session: Session, uniquifier: str) -> Account | None:
    """Return the account that a signed link names, or None."""
    return session.scalar(select(Account).where(Account.fs_uniquifier == uniquifier))


def uniquifier_of(session: Session, account_id: UUID) -> str | None:
    """Return what links name the account by now, whatever the session has read of it before; each
    new password or address changes it."""
    return session.scalar(select(Account.fs_uniquifier).where(Account.id == account_id))


def account_of_token(
    work: Work, token_hash: bytes, *, unused_since: Unused
) -> tuple[Account, AccountSession] | None:
    """Return the account and session of this token while it lasts, in one statement."""
    is_patient = Account.role == Role.PATIENT
    row = work.session.execute(
        select(Account, AccountSession)
        .join(AccountSession, AccountSession.account_id == Account.id)
        .where(
            AccountSession.token_hash == token_hash,
            AccountSession.ends_at > work.now,
            or_(
                is_patient & (AccountSession.seen_at > unused_since.patients),
                ~is_patient & (AccountSession.seen_at > unused_since.staff),
            ),
            Account.active,
        )
    ).first()
    return (row[0], row[1]) if row else None


def sessions_of(work: Work, account_id: UUID, *, unused_since: Unused) -> Sequence[AccountSession]:
    """Return the signed-in browsers of an account, last used first."""
    account = by_id(work.session, account_id)
    since = unused_since.of(account.role) if account else work.now
    return work.session.scalars(
        select(AccountSession)
        .where(
            AccountSession.account_id == account_id,
            AccountSession.ends_at > work.now,
            AccountSession.seen_at > since,
        )
        .order_by(AccountSession.seen_at.desc())
    ).all()


def renew_session(session: Session, old: bytes, new: bytes, *, proved_at: datetime) -> bool:
    """Find a session by ``new`` and no longer by ``old`` from now on; return whether it is there.

    Only one of two that renew it at once does.
    """
    query = update(AccountSession).where(AccountSession.token_hash == old)
    values = {"token_hash": new, "proved_at": proved_at, "seen_at": proved_at}
    return changed(session, query.values(**values)) == 1


def end_sessions(
    session: Session, account_id: UUID, *, keep: bytes | None = None, only: bytes | None = None
) -> int:
    """Sign out all browsers of an account, all but ``keep``, or ``only`` one; return the number."""
    query = delete(AccountSession).where(AccountSession.account_id == account_id)
    if keep is not None:
        query = query.where(AccountSession.token_hash != keep)
    if only is not None:
        query = query.where(AccountSession.token_hash == only)
    return changed(session, query)


def set_factor(session: Session, token_hash: bytes, factor: str) -> None:
    """Note the second step of a session."""
    own = AccountSession.token_hash == token_hash
    session.execute(update(AccountSession).where(own).values(factor=factor))


class Factors(NamedTuple):
    """How many second steps of each kind an account has."""

    authenticators: int
    passkeys: int
    codes: int

    @property
    def is_any(self) -> bool:
        """Return whether signing in takes a second step; codes only stand for one that is lost."""
        return bool(self.authenticators or self.passkeys)


def factors_of(session: Session, account_id: UUID) -> Factors:
    """Return how many second steps an account has, in one statement."""
    owners = (Authenticator.account_id, Passkey.account_id, RecoveryCode.account_id)
    counts = (select(func.count()).where(owner == account_id).scalar_subquery() for owner in owners)
    return Factors(*session.execute(select(*counts)).one())


def authenticator_of(session: Session, account_id: UUID) -> Authenticator | None:
    """Return the authenticator app of an account, if it has one."""
    return session.get(Authenticator, account_id)


def authenticators(session: Session) -> Sequence[Authenticator]:
    """Return the authenticator apps of all accounts."""
    return session.scalars(select(Authenticator)).all()


def use_counter(work: Work, account_id: UUID, counter: int) -> bool:
    """Note that the code of this counter is used; return False if it or a later one was."""
    unused = (Authenticator.account_id == account_id, Authenticator.counter < counter)
    query = update(Authenticator).where(*unused).values(counter=counter, used_at=work.now)
    return changed(work.session, query) == 1


def use_recovery_code(session: Session, account_id: UUID, code_hash: bytes) -> bool:
    """Delete a recovery code; return False if the account has none of this hash."""
    own = (RecoveryCode.account_id == account_id, RecoveryCode.code_hash == code_hash)
    return changed(session, delete(RecoveryCode).where(*own)) == 1


def recovery_codes_of(session: Session, account_id: UUID) -> Sequence[RecoveryCode]:
    """Return the recovery codes of an account that are left."""
    own = RecoveryCode.account_id == account_id
    return session.scalars(select(RecoveryCode).where(own)).all()


def passkeys_of(session: Session, account_id: UUID) -> Sequence[Passkey]:
    """Return the passkeys of an account, oldest first."""
    query = select(Passkey).where(Passkey.account_id == account_id)
    return session.scalars(query.order_by(Passkey.made_at, Passkey.id)).all()


def passkey_by_hash(session: Session, credential_hash: bytes) -> Passkey | None:
    """Return the passkey whose credential id has this hash, or None."""
    return session.scalar(select(Passkey).where(Passkey.credential_hash == credential_hash))


def use_passkey(work: Work, passkey: Passkey, sign_count: int) -> bool:
    """Note the use of a passkey; return False if it was used meanwhile."""
    same = (Passkey.id == passkey.id, Passkey.sign_count == passkey.sign_count)
    query = update(Passkey).where(*same).values(sign_count=sign_count, used_at=work.now)
    return changed(work.session, query) == 1


def remove_passkey(session: Session, account_id: UUID, passkey_id: UUID) -> int:
    """Delete a passkey of an account; return the number, 0 or 1."""
    own = (Passkey.account_id == account_id, Passkey.id == passkey_id)
    return changed(session, delete(Passkey).where(*own))


def remove_authenticator(session: Session, account_id: UUID) -> int:
    """Delete the authenticator app of an account; return the number, 0 or 1."""
    return changed(session, delete(Authenticator).where(Authenticator.account_id == account_id))


def remove_passkeys(session: Session, account_id: UUID) -> int:
    """Delete all passkeys of an account; return the number."""
    return changed(session, delete(Passkey).where(Passkey.account_id == account_id))


def remove_recovery_codes(session: Session, account_id: UUID) -> None:
    """Delete all recovery codes of an account."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account_id))


def identity_by_hash(session: Session, identity_hash: bytes) -> LinkedIdentity | None:
    """Return the link of the person whose issuer and subject have this hash, or None."""
    same = LinkedIdentity.identity_hash == identity_hash
    return session.scalar(select(LinkedIdentity).where(same))


def identity_by_id(session: Session, identity_id: UUID) -> LinkedIdentity | None:
    """Return the link with this id, or None."""
    return session.get(LinkedIdentity, identity_id)


def identities_of(session: Session, account_id: UUID) -> Sequence[LinkedIdentity]:
    """Return the people of identity providers who sign in to an account, oldest first."""
    query = select(LinkedIdentity).where(LinkedIdentity.account_id == account_id)
    return session.scalars(query.order_by(LinkedIdentity.made_at, LinkedIdentity.id)).all()


def remove_identity(session: Session, account_id: UUID, identity_id: UUID) -> int:
    """Delete the link of an account to a person of a provider; return the number, 0 or 1."""
    own = (LinkedIdentity.account_id == account_id, LinkedIdentity.id == identity_id)
    return changed(session, delete(LinkedIdentity).where(*own))


def end_provider_sessions(
    session: Session, *, provider_session: bytes | None = None, identity_id: UUID | None = None
) -> Sequence[UUID]:
    """Sign out the browsers of a session at a provider, or all of an identity; return whose they
    were, once for each browser."""
    those = (
        AccountSession.provider_session == provider_session
        if provider_session
        else AccountSession.identity_id == identity_id
    )
    accounts = session.scalars(select(AccountSession.account_id).where(those)).all()
    session.execute(delete(AccountSession).where(those))
    return accounts


def failures_since(
    session: Session, email: str, address: str, since: datetime
) -> tuple[int, int, int]:
    """Return the numbers of failed sign-ins for the email from the address, for all emails from
    the address, and for the email from all addresses, in one statement."""
    of_email, of_address = SignInFailure.email == email, SignInFailure.address == address
    counts = session.execute(
        select(
            *(
                func.sum(case((condition, 1), else_=0))
                for condition in (of_email & of_address, of_address, of_email)
            )
        ).where(SignInFailure.at > since, or_(of_email, of_address))
    ).one()
    return int(counts[0] or 0), int(counts[1] or 0), int(counts[2] or 0)


def forget_failures(session: Session, *, email: str, address: str, before: datetime) -> None:
    """Delete the failures of an email from an address, after a successful sign-in, and all
    failures from before ``before``. Failures from other addresses stay."""
    own = (SignInFailure.email == email) & (SignInFailure.address == address)
    session.execute(delete(SignInFailure).where(or_(own, SignInFailure.at < before)))


def network_administrators(session: Session) -> Sequence[Account]:
    """Return the active administrators of the network whose address is confirmed."""
    query = select(Account).where(
        Account.role == Role.NETWORK_ADMIN, Account.active, Account.confirmed_at.isnot(None)
    )
    return session.scalars(query.order_by(Account.email)).all()


def set_signed_in(work: Work, account_id: UUID) -> None:
    """Note that an account is signed in to now."""
    own = Account.id == account_id
    work.session.execute(update(Account).where(own).values(signed_in_at=work.now))


class AccountState(StrEnum):
    """What an administrator looks for among accounts; several can be true of one."""

    NEW = "new"
    ACTIVE = "active"
    MUST_CHANGE = "must-change"
    LOCKED = "locked"
    ONE_STEP = "one-step"
    INACTIVE = "inactive"


class Locks(NamedTuple):
    """What locks accounts: ``allowed`` wrong passwords from one source ``since`` then; and the
    accounts that wrong codes lock."""

    since: datetime
    allowed: int
    by_codes: Collection[UUID]


def failed_often(session: Session, since: datetime, allowed: int, *, begins: str) -> Sequence[str]:
    """Return the keys with this beginning that ``allowed`` failures count against."""
    query = _failed_often(since, allowed)
    return session.scalars(query.where(SignInFailure.email.startswith(begins))).all()


def _failed_often(
    since: datetime, allowed: int, *within: InstrumentedAttribute[str]
) -> Select[str]:
    recent = select(SignInFailure.email).where(SignInFailure.at > since)
    return recent.group_by(SignInFailure.email, *within).having(func.count() >= allowed)


def in_state(state: AccountState, locks: Locks) -> ColumnElement[bool]:
    """Return the condition for accounts in a state."""
    active = Account.active.is_(True)
    guessed = _failed_often(locks.since, locks.allowed, SignInFailure.address)
    match state:
        case AccountState.NEW:
            return active & Account.signed_in_at.is_(None)
        case AccountState.MUST_CHANGE:
            return active & Account.must_change_password.is_(True)
        case AccountState.LOCKED:
            return active & or_(Account.email.in_(guessed), Account.id.in_(locks.by_codes))
        case AccountState.ONE_STEP:
            owners = (Authenticator.account_id, Passkey.account_id)
            return active & and_(*(~exists().where(owner == Account.id) for owner in owners))
        case AccountState.INACTIVE:
            return ~active
        case AccountState.ACTIVE:
            return active


def states_of(
    session: Session, account_ids: Collection[UUID], locks: Locks
) -> dict[UUID, frozenset[AccountState]]:
    """Return the states of accounts, in one statement."""
    columns = (case((in_state(state, locks), 1), else_=0) for state in AccountState)
    rows = session.execute(select(Account.id, *columns).where(Account.id.in_(account_ids)))
    return {
        row[0]: frozenset(s for s, is_in in zip(AccountState, row[1:], strict=True) if is_in)
        for row in rows
    }


def accounts(
    session: Session,
    *where: ColumnElement[bool],
    text: str = "",
    role: str = "",
    limit: int,
    offset: int,
) -> tuple[Sequence[Account], int]:
    """Return a page of accounts in order of name, and the number of all."""
    query = select(Account).where(*where)
    if text:
        query = query.where(has_words(text, Account.name, Account.email))
    if role:
        query = query.where(Account.role == role)
    count = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    page = query.order_by(Account.name, Account.email).limit(limit).offset(offset)
    return session.scalars(page).all(), count


class ValidKey(NamedTuple):
    """What each request with a key asks about it."""

    id: UUID
    name: str
    scopes: str
    networks: str | None
    used_at: datetime | None
    used_from: str | None
    ends_at: datetime | None

    @property
    def rights(self) -> tuple[str, str | None, datetime | None]:
        """What it lets do: where, and until when."""
        return self.scopes, self.networks, self.ends_at


def keys(session: Session) -> Sequence[ApiKey]:
    """Return the valid keys, newest first."""
    query = select(ApiKey).where(ApiKey.revoked_at.is_(None))
    return session.scalars(query.order_by(ApiKey.created_at.desc(), ApiKey.id)).all()


def holder_of(
    work: Work, digest: bytes
) -> tuple[ApiToken, Account | None, ApiClient | None] | None:
    """Return a valid access token with its account, its client, or both, in one statement."""
    row = work.session.execute(
        select(ApiToken, Account, ApiClient)
        .outerjoin(Account, Account.id == ApiToken.account_id)
        .outerjoin(ApiClient, ApiClient.id == ApiToken.client_id)
        .where(
            ApiToken.token_hash == digest,
            ApiToken.is_refresh.is_(False),
            ApiToken.ends_at > work.now,
            or_(ApiToken.account_id.is_(None), Account.active.is_(True)),
            or_(
                ApiToken.client_id.is_(None),
                ApiClient.revoked_at.is_(None) & ApiClient.id.isnot(None),
            ),
        )
    ).first()
    return (row[0], row[1], row[2]) if row else None


def spend(work: Work, digest: bytes) -> bool:
    """Mark a refresh token as used. Returns False if it was used already."""
    unused = (ApiToken.token_hash == digest, ApiToken.used_at.is_(None))
    return bool(changed(work.session, update(ApiToken).where(*unused).values(used_at=work.now)))


def end_family(session: Session, family: UUID) -> None:
    """Delete all tokens that go back to one sign-in."""
    session.execute(delete(ApiToken).where(ApiToken.family == family))


def end_tokens(session: Session, account_id: UUID, *, family: UUID | None = None) -> int:
    """Delete all tokens of an account, with what it lets programs do and their codes, or the tokens
    of one ``family``; return the number of tokens."""
    query = delete(ApiToken).where(ApiToken.account_id == account_id)
    if family is not None:
        return changed(
            session, query.where(ApiToken.family == family, ApiToken.client_id.is_(None))
        )
    for model in (AuthorizationCode, Consent):
        session.execute(delete(model).where(model.account_id == account_id))
    return changed(session, query)


def end_everybodys(session: Session, *, keep: bytes | None) -> None:
    """Sign out the browsers and programs of all accounts, but the browser ``keep``."""
    browsers = delete(AccountSession)
    session.execute(browsers if keep is None else browsers.where(AccountSession.token_hash != keep))
    for model in (ApiToken, AuthorizationCode, Consent):
        session.execute(delete(model))


def lasts(work: Work, token_hash: bytes, *, unused_since: Unused) -> bool:
    """Return whether a browser is still signed in."""
    return account_of_token(work, token_hash, unused_since=unused_since) is not None


def code(session: Session, code_hash: bytes) -> AuthorizationCode | None:
    """Return the authorization code with this hash, or None."""
    return session.get(AuthorizationCode, code_hash)


def use_code(work: Work, code_hash: bytes) -> bool:
    """Mark a code as used. Returns False if it was used already."""
    unused = (AuthorizationCode.code_hash == code_hash, AuthorizationCode.used_at.is_(None))
    return bool(
        changed(work.session, update(AuthorizationCode).where(*unused).values(used_at=work.now))
    )


def consent_of(session: Session, account_id: UUID, client_id: UUID) -> Consent | None:
    """Return what a person lets a program do, or None."""
    own = (Consent.account_id == account_id, Consent.client_id == client_id)
    return session.scalar(select(Consent).where(*own))


def was_for(session: Session, account_id: UUID, client_id: UUID, patient_id: UUID) -> bool:
    """Return whether a token or code that a person gave a program is left for a patient."""
    return any(
        session.scalar(
            select(model.account_id)
            .where(
                model.account_id == account_id,
                model.client_id == client_id,
                model.patient_id == patient_id,
            )
            .limit(1)
        )
        for model in (ApiToken, AuthorizationCode)
    )


def consents_of(session: Session, account_id: UUID) -> Sequence[tuple[Consent, ApiClient]]:
    """Return the programs that a person lets act for them, newest first."""
    query = select(Consent, ApiClient).join(ApiClient, ApiClient.id == Consent.client_id)
    query = query.where(Consent.account_id == account_id)
    return [(row[0], row[1]) for row in session.execute(query.order_by(Consent.given_at.desc()))]


def client_tokens_since(session: Session, account_id: UUID) -> dict[UUID, datetime]:
    """Return when each client of the account last got a token."""
    query = (
        select(ApiToken.client_id, func.max(ApiToken.created_at))
        .where(ApiToken.account_id == account_id, ApiToken.client_id.is_not(None))
        .group_by(ApiToken.client_id)
    )
    return {client_id: at for client_id, at in session.execute(query) if client_id}


def end_consent(session: Session, account_id: UUID, consent_id: UUID) -> UUID | None:
    """Delete what a person lets a program do, with its codes and tokens; return the client."""
    own = (Consent.account_id == account_id, Consent.id == consent_id)
    client_id = session.scalar(select(Consent.client_id).where(*own))
    if client_id is not None:
        for model in (Consent, AuthorizationCode, ApiToken):
            of_both = (model.account_id == account_id, model.client_id == client_id)
            session.execute(delete(model).where(*of_both))
    return client_id


def end_client(session: Session, client_id: UUID) -> None:
    """Delete the tokens and codes of a program, and what people let it do."""
    for model in (Consent, AuthorizationCode, ApiToken):
        session.execute(delete(model).where(model.client_id == client_id))


def signing_keys(session: Session, *, since: datetime) -> Sequence[SigningKey]:
    """Return the keys of ID tokens that were made since, newest first."""
    query = select(SigningKey).where(SigningKey.made_at > since)
    return session.scalars(query.order_by(SigningKey.made_at.desc(), SigningKey.id)).all()


def remove_signing_keys(session: Session, *, before: datetime) -> None:
    """Delete the keys of ID tokens that were made before."""
    session.execute(delete(SigningKey).where(SigningKey.made_at <= before))


def programs(session: Session) -> Sequence[ApiClient]:
    """Return the programs that act for people and are not revoked, by name."""
    query = select(ApiClient).where(
        ApiClient.revoked_at.is_(None), ApiClient.redirects.is_not(None)
    )
    return session.scalars(query.order_by(ApiClient.name, ApiClient.id)).all()


def clients(session: Session) -> Sequence[ApiClient]:
    """Return the clients that are not revoked, newest first."""
    query = select(ApiClient).where(ApiClient.revoked_at.is_(None))
    return session.scalars(query.order_by(ApiClient.created_at.desc(), ApiClient.id)).all()


def refresh_tokens_of(work: Work, account_id: UUID) -> Sequence[ApiToken]:
    """Return the refresh tokens that programs which took a password can still use, newest first."""
    valid = (
        ApiToken.client_id.is_(None),
        ApiToken.is_refresh,
        ApiToken.used_at.is_(None),
        ApiToken.ends_at > work.now,
    )
    query = select(ApiToken).where(ApiToken.account_id == account_id, *valid)
    return work.session.scalars(query.order_by(ApiToken.created_at.desc())).all()


def feed_of(session: Session, account_id: UUID) -> CalendarFeed | None:
    """Return the calendar address of an account, if it has one."""
    return session.get(CalendarFeed, account_id)


def end_feed(session: Session, account_id: UUID) -> int:
    """Delete the calendar address of an account; return the number of addresses, 0 or 1."""
    return changed(session, delete(CalendarFeed).where(CalendarFeed.account_id == account_id))


def purge_sessions(
    session: Session, *, before: datetime, unused_since: datetime, limit: int
) -> int:
    """Delete up to ``limit`` sessions that ended by ``before`` or were last used by
    ``unused_since``; return the number."""
    over = or_(AccountSession.ends_at <= before, AccountSession.seen_at <= unused_since)
    return _purge(session, AccountSession.token_hash, over, limit)


def purge_tokens(session: Session, *, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` tokens that expired by ``before``; return the number."""
    return _purge(session, ApiToken.token_hash, ApiToken.ends_at <= before, limit)


def purge_codes(session: Session, *, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` codes that expired by ``before``; return the number."""
    over = AuthorizationCode.ends_at <= before
    return _purge(session, AuthorizationCode.code_hash, over, limit)


def purge_assertions(session: Session, *, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` ids of assertions that expired by ``before``; return the number."""
    return _purge(session, UsedAssertion.jti_hash, UsedAssertion.ends_at <= before, limit)


def purge_failures(session: Session, *, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` failed sign-ins from before ``before``; return the number."""
    return _purge(session, SignInFailure.id, SignInFailure.at <= before, limit)


def remove_failures(session: Session, email: str) -> None:
    """Delete the failed sign-ins of an address."""
    session.execute(delete(SignInFailure).where(SignInFailure.email == address_key(email)))


def end_pending(session: Session, email: str) -> None:
    """Delete the pending sign-ups with an address."""
    session.execute(delete(PendingSignUp).where(PendingSignUp.email == email))


def purge_pending(session: Session, *, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` sign-ups whose link has expired; return the number."""
    return _purge(session, PendingSignUp.id, PendingSignUp.ends_at <= before, limit)


def _purge(
    session: Session, key: InstrumentedAttribute[Any], over: ColumnElement[bool], limit: int
) -> int:
    # Not every engine can delete with a limit; deleting by key locks only the deleted rows.
    row_keys = session.scalars(select(key).where(over).limit(limit)).all()
    return changed(session, delete(key.class_).where(key.in_(row_keys), over)) if row_keys else 0
