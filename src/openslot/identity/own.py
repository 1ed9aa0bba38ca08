"""Commands of signed-in people on their own account."""

from datetime import datetime

from openslot.core.actor import SYSTEM
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import Invalid
from openslot.core.limits import network_of
from openslot.core.work import doing
from openslot.identity import passwords
from openslot.identity.commands import Source, check_failures, note_failure
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
