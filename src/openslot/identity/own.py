"""Commands of signed-in people on their own account."""

from datetime import datetime
from uuid import UUID

from openslot.core import audit
from openslot.core.actor import SYSTEM
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import Invalid
from openslot.core.limits import network_of
from openslot.core.work import Work, doing
from openslot.identity import passwords, queries
from openslot.identity.commands import Source, check_failures, note_failure, subject_of, token_hash
from openslot.identity.models import Account


class WrongPassword(Invalid):
    """A signed-in person was asked for the password again, and it is wrong."""

    code = "wrong-password"
    sentence = "Wrong password. Try again."


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
    """Check the password of a signed-in account. Raises WrongPassword, which names ``field``.

    A wrong password counts as it does at sign-in, and too many raise RateLimited, so that a
    stolen session does not help to guess it. Takes the database, like sign-in, since the hash is
    slow on purpose and the failure is counted although the action is refused.
    """
    email = account.email
    # A session is a known source, so guesses from elsewhere do not lock its owner out.
    source = Source(network_of(address), is_known=True)
    database.read(doing(SYSTEM, now, settings, check_failures, email, source))
    if not passwords.proves(account.password, password, time_cost=settings.password_iterations):
        database.run(doing(SYSTEM, now, settings, note_failure, email, source))
        raise WrongPassword(field=field)


def end_one_session(work: Work, account_id: UUID, hashed: bytes) -> None:
    """Sign out one browser of the account; a session of another account stays."""
    queries.end_sessions(work.session, account_id, only=hashed)
    audit.record(work, "account.session-ended", subject_of(account_id))


def end_other_sessions(work: Work, account_id: UUID, token: str | None) -> None:
    """Sign out all browsers of the account except the one with ``token``."""
    queries.end_sessions(work.session, account_id, keep=token_hash(token) if token else None)
    audit.record(work, "account.sessions-ended", subject_of(account_id))
