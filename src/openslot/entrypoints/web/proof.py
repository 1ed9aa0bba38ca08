"""Asking for the password again before an action that cannot be undone."""

from flask import request

from openslot.core.errors import DomainError
from openslot.entrypoints import watching
from openslot.entrypoints.web import context, sign_in
from openslot.identity import own


def prove(password: str, *, field: str) -> None:
    """Check the reader's password, and give their session a new token; raise WrongPassword for
    ``field``, or RateLimited after too many attempts."""
    account = context.account()
    context.actor()  # read before the reader is closed, which asking the database does
    try:
        own.prove(
            context.database(),
            context.settings(),
            account,
            password,
            field=field,
            address=request.remote_addr,
            now=context.now(),
        )
    except DomainError as error:
        watching.refused(error, email=account.email)
        raise
    sign_in.renew()
