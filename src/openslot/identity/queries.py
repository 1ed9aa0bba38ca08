"""Reading and writing accounts, sessions and failed sign-ins."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import case, delete, func, or_, select
from sqlalchemy.orm import Session

from openslot.identity.models import Account, AccountSession, SignInFailure


def by_email(session: Session, email: str) -> Account | None:
    """The account with this e-mail, in any case."""
    return session.scalar(select(Account).where(Account.email == email.strip().lower()))


def by_id(session: Session, account_id: UUID) -> Account | None:
    """The account with this id."""
    return session.get(Account, account_id)


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


def sessions_of(session: Session, account_id: UUID, *, now: datetime) -> Sequence[AccountSession]:
    """The signed-in browsers of an account, the one used last first."""
    return session.scalars(
        select(AccountSession)
        .where(AccountSession.account_id == account_id, AccountSession.ends_at > now)
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


def failures_since(session: Session, email: str, address: str, since: datetime) -> tuple[int, int]:
    """How many sign-ins failed for the e-mail and from the address."""
    counted = session.execute(
        select(
            func.sum(case((SignInFailure.email == email, 1), else_=0)),
            func.sum(case((SignInFailure.address == address, 1), else_=0)),
        ).where(
            SignInFailure.at > since,
            or_(SignInFailure.email == email, SignInFailure.address == address),
        )
    ).one()
    return int(counted[0] or 0), int(counted[1] or 0)


def forget_failures(session: Session, *, email: str, before: datetime) -> None:
    """Clear the count of an e-mail after a good sign-in, and all that no longer counts."""
    session.execute(
        delete(SignInFailure).where(or_(SignInFailure.email == email, SignInFailure.at < before))
    )


def accounts(
    session: Session, *, text: str = "", role: str = "", limit: int, offset: int
) -> tuple[Sequence[Account], int]:
    """A page of accounts by name, and how many there are in all."""
    query = select(Account)
    if text:
        query = query.where(
            or_(Account.name.icontains(text, autoescape=True),
                Account.email.icontains(text, autoescape=True))
        )  # fmt: skip
    if role:
        query = query.where(Account.role == role)
    count = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    page = query.order_by(Account.name, Account.email).limit(limit).offset(offset)
    return session.scalars(page).all(), count
