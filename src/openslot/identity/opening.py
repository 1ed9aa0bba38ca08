"""Keeps apart a sign-in and a change of what signing in takes, when both happen at once.

A sign-in takes several transactions, since hashes are slow. So the last one, which opens something,
looks again whether what was given still suffices; and what ends everything that is open waits for
it, or it waits and sees the change.
"""

from uuid import UUID

from openslot.core.locks import lock
from openslot.core.work import Work
from openslot.identity import queries
from openslot.identity.errors import HalfSignedIn, WrongCredentials
from openslot.identity.factors import Factor
from openslot.identity.models import Account


def wait(work: Work, account_id: UUID) -> None:
    """Wait for others who open the account or change what opens it, until their transactions
    end."""
    lock(work.session, f"what opens {account_id}")


def check_unchanged(work: Work, account: Account) -> None:
    """Raise WrongCredentials if the password or address of the ``account`` was changed since it was
    read, and have nobody change it until the end of the transaction."""
    wait(work, account.id)
    if queries.uniquifier_of(work.session, account.id) != account.fs_uniquifier:
        raise WrongCredentials


def check_opens(work: Work, account: Account, factor: Factor | None) -> None:
    """Raise as :func:`check_unchanged` does, and HalfSignedIn if the account got its first second
    step and no ``factor`` was given."""
    check_unchanged(work, account)
    if factor is None and queries.factors_of(work.session, account.id).is_any:
        raise HalfSignedIn(account)
