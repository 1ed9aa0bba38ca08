"""Reading and writing accounts, sessions and failed sign-ins."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, case, delete, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from openslot.core.db import changed
from openslot.core.fields import address_key
from openslot.identity.models import (
    Account,
    AccountSession,
    ApiClient,
    ApiKey,
    ApiToken,
    SignInFailure,
    UsedAssertion,
)


def by_email(session: Session, email: str) -> Account | None:
    """The account with this e-mail, however it is typed."""
    key = address_key(email)
    if not key.isprintable():
        return None  # nobody has such an address, and not every engine can look for it
    return session.scalar(select(Account).where(Account.email == key))


def by_id(session: Session, account_id: UUID) -> Account | None:
    """The account with this id."""
    return session.get(Account, account_id)


def by_ids(session: Session, account_ids: Iterable[UUID]) -> dict[UUID, Account]:
    """The accounts with these ids, those that there are still; one statement."""
    found = session.scalars(select(Account).where(Account.id.in_(set(account_ids))))
    return {account.id: account for account in found}


def by_uniquifier(session: Session, uniquifier: str) -> Account | None:
    """The account that a signed link names."""
    return session.scalar(select(Account).where(Account.fs_uniquifier == uniquifier))


def account_of_token(
    session: Session, token_hash: bytes, *, now: datetime, unused_since: datetime
) -> tuple[Account, AccountSession] | None:
    """The account signed in with this token, while its session lasts; one statement."""
    row = session.execute(
        select(Account, AccountSession)
        .join(AccountSession, AccountSession.account_id == Account.id)
        .where(
            AccountSession.token_hash == token_hash,
            AccountSession.ends_at > now,
            AccountSession.seen_at > unused_since,
            Account.active,
        )
    ).first()
    return (row[0], row[1]) if row else None


def sessions_of(
    session: Session, account_id: UUID, *, now: datetime, unused_since: datetime
) -> Sequence[AccountSession]:
    """The signed-in browsers of an account, the one used last first."""
    return session.scalars(
        select(AccountSession)
        .where(
            AccountSession.account_id == account_id,
            AccountSession.ends_at > now,
            AccountSession.seen_at > unused_since,
        )
        .order_by(AccountSession.seen_at.desc())
    ).all()


def end_sessions(
    session: Session, account_id: UUID, *, keep: bytes | None = None, only: bytes | None = None
) -> None:
    """Sign out all browsers of an account, all but ``keep``, or ``only`` one."""
    query = delete(AccountSession).where(AccountSession.account_id == account_id)
    if keep is not None:
        query = query.where(AccountSession.token_hash != keep)
    if only is not None:
        query = query.where(AccountSession.token_hash == only)
    session.execute(query)


def failures_since(
    session: Session, email: str, address: str, since: datetime
) -> tuple[int, int, int]:
    """How many sign-ins failed for the e-mail from the address, from the address in all, and for
    the e-mail in all; one statement."""
    of_email, of_address = SignInFailure.email == email, SignInFailure.address == address
    counted = session.execute(
        select(
            *(
                func.sum(case((fits, 1), else_=0))
                for fits in (of_email & of_address, of_address, of_email)
            )
        ).where(SignInFailure.at > since, or_(of_email, of_address))
    ).one()
    return int(counted[0] or 0), int(counted[1] or 0), int(counted[2] or 0)


def forget_failures(session: Session, *, email: str, address: str, before: datetime) -> None:
    """Clear the count of an e-mail from an address after a good sign-in, and all that no longer
    counts. What others tried from elsewhere stays."""
    own = (SignInFailure.email == email) & (SignInFailure.address == address)
    session.execute(delete(SignInFailure).where(or_(own, SignInFailure.at < before)))


def accounts(
    session: Session, *, text: str = "", role: str = "", limit: int, offset: int
) -> tuple[Sequence[Account], int]:
    """A page of accounts by name, and how many there are in all."""
    query = select(Account)
    if text:
        query = query.where(
            or_(
                Account.name.icontains(text, autoescape=True),
                Account.email.icontains(text, autoescape=True),
            )
        )
    if role:
        query = query.where(Account.role == role)
    count = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    page = query.order_by(Account.name, Account.email).limit(limit).offset(offset)
    return session.scalars(page).all(), count


def key_of(session: Session, digest: bytes) -> ApiKey | None:
    """The working key with this hash."""
    return session.scalar(
        select(ApiKey).where(ApiKey.token_hash == digest, ApiKey.revoked_at.is_(None))
    )


def keys(session: Session) -> Sequence[ApiKey]:
    """The keys that work, the newest first."""
    query = select(ApiKey).where(ApiKey.revoked_at.is_(None))
    return session.scalars(query.order_by(ApiKey.created_at.desc(), ApiKey.id)).all()


def holder_of(
    session: Session, digest: bytes, *, now: datetime
) -> tuple[ApiToken, Account | None, ApiClient | None] | None:
    """An access token that still works, and whose it is; one statement."""
    row = session.execute(
        select(ApiToken, Account, ApiClient)
        .outerjoin(Account, Account.id == ApiToken.account_id)
        .outerjoin(ApiClient, ApiClient.id == ApiToken.client_id)
        .where(
            ApiToken.token_hash == digest,
            ApiToken.is_refresh.is_(False),
            ApiToken.ends_at > now,
            or_(
                Account.active.is_(True), ApiClient.revoked_at.is_(None) & ApiClient.id.isnot(None)
            ),
        )
    ).first()
    return (row[0], row[1], row[2]) if row else None


def spend(session: Session, digest: bytes, *, now: datetime) -> bool:
    """Mark a refresh token as used; whether it was this caller who did."""
    unused = (ApiToken.token_hash == digest, ApiToken.used_at.is_(None))
    return bool(changed(session, update(ApiToken).where(*unused).values(used_at=now)))


def end_family(session: Session, family: UUID) -> None:
    """End every token that came of one sign-in."""
    session.execute(delete(ApiToken).where(ApiToken.family == family))


def end_tokens(session: Session, account_id: UUID) -> None:
    """End every token of an account."""
    session.execute(delete(ApiToken).where(ApiToken.account_id == account_id))


def purge_sessions(
    session: Session, *, before: datetime, unused_since: datetime, limit: int
) -> int:
    """Delete up to ``limit`` sessions that were over before, or last used until then; how many."""
    over = or_(AccountSession.ends_at <= before, AccountSession.seen_at <= unused_since)
    return _purge(session, AccountSession.token_hash, over, limit)


def purge_tokens(session: Session, *, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` tokens that had run out before; how many."""
    return _purge(session, ApiToken.token_hash, ApiToken.ends_at <= before, limit)


def purge_assertions(session: Session, *, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` ids of assertions that had run out before; how many."""
    return _purge(session, UsedAssertion.jti_hash, UsedAssertion.ends_at <= before, limit)


def purge_failures(session: Session, *, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` wrong passwords from before; how many."""
    return _purge(session, SignInFailure.id, SignInFailure.at <= before, limit)


def _purge(
    session: Session, key: InstrumentedAttribute[Any], over: ColumnElement[bool], limit: int
) -> int:
    # Not every engine deletes with a limit, and by its key none locks more than it deletes.
    found = session.scalars(select(key).where(over).limit(limit)).all()
    return changed(session, delete(key.class_).where(key.in_(found), over)) if found else 0
