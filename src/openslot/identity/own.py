"""What people do with their own account while they are signed in."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.core import audit
from openslot.core.audit import Origin
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import Invalid
from openslot.core.limits import network_of
from openslot.identity import passwords, queries
from openslot.identity.commands import Source, check_failures, note_failure, subject_of, token_hash
from openslot.identity.models import Account


class WrongPassword(Invalid):
    """This is not your password. Try again.

    Raised for readers who are signed in and are asked for their password again.
    """


def prove(
    database: Database,
    settings: Settings,
    account: Account,
    password: str,
    *,
    field: str,
    address: str | None,
    now: datetime,
) -> None:
    """WrongPassword, naming ``field``, unless the password is the account's.

    A wrong one counts as at sign-in, so that a session somebody else came by is no way to guess:
    RateLimited after too many. Takes the database, as sign-in does, since the hash is slow on
    purpose and the failure is written down although the act is refused.
    """
    email = account.email
    # Whoever holds a session is known, however many guess elsewhere.
    source = Source(network_of(address), is_known=True)
    database.read(lambda session: check_failures(session, settings, email, source, now=now))
    if not passwords.proves(account.password, password, time_cost=settings.password_iterations):
        database.run(lambda session: note_failure(session, email, source, now=now))
        raise WrongPassword(field=field)


def end_one_session(
    session: Session, account_id: UUID, hashed: bytes, *, by: Origin, now: datetime
) -> None:
    """Sign out one browser of the account; another account's stays as it is."""
    queries.end_sessions(session, account_id, only=hashed)
    audit.record(session, "account.session-ended", subject_of(account_id), by=by, now=now)


def end_other_sessions(
    session: Session, account_id: UUID, token: str | None, *, by: Origin, now: datetime
) -> None:
    """Sign out all browsers of the account but the one that holds ``token``."""
    queries.end_sessions(session, account_id, keep=token_hash(token) if token else None)
    audit.record(session, "account.sessions-ended", subject_of(account_id), by=by, now=now)
