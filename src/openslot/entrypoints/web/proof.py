"""Asking somebody who is signed in for the password again, before what cannot be undone."""

from flask import request

from openslot.entrypoints.web import context
from openslot.identity import own


def prove(password: str, *, field: str) -> None:
    """WrongPassword, naming ``field``, unless it is the reader's; RateLimited after too many."""
    account = context.account()
    context.actor()  # read before the reader is closed, which asking the database does
    own.prove(
        context.database(),
        context.settings(),
        account,
        password,
        field=field,
        address=request.remote_addr,
        now=context.now(),
    )
