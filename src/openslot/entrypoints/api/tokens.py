"""Signing in for programs that act for a person."""

from typing import Annotated, Literal

from flask import request
from pydantic import Field, StringConstraints

from openslot.entrypoints import limits
from openslot.entrypoints.api.operations import Given, Service, Shown
from openslot.entrypoints.request import database, now, settings, write
from openslot.entrypoints.rules import Rule
from openslot.identity import keys
from openslot.identity.commands import sign_in, source_of
from openslot.identity.keys import ACCESS_LASTS, BadToken, Pair

service = Service("tokens", "Tokens", "Sign in for somebody, and stay signed in.")

Secret = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class SignIn(Given):
    """E-mail and password of an account."""

    email: Annotated[str, StringConstraints(min_length=1, max_length=254)]
    password: Secret


class Refresh(Given):
    """A refresh token, which works once."""

    refresh_token: Secret


class Tokens(Shown):
    """An access token for some minutes, and the refresh token that gets the next."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 # nosec B105 - the name of a scheme
    expires_in: Annotated[int, Field(description="Seconds that the access token works.")]


@service.operation(
    "POST",
    "/api/v1/tokens",
    scope=None,
    rule=Rule.SENDER,
    body=SignIn,
    answer=Tokens,
    status=201,
    may_fail=(403,),
    secret=True,
)
def create(body: SignIn) -> Tokens:
    """Sign in with e-mail and password.

    The answer is the same for unknown addresses and wrong passwords; after some wrong ones
    the account has to wait, as on the sign-in page.
    """
    account = sign_in(
        database(),
        settings(),
        body.email,
        body.password,
        source=source_of(request.remote_addr),
        address=request.remote_addr,
        now=now(),
    )
    limits.sign_in(account.id)
    return _shown(write(lambda session: keys.issue_pair(session, account, now=now())))


@service.operation(
    "POST",
    "/api/v1/tokens/refresh",
    scope=None,
    rule=Rule.SENDER,
    body=Refresh,
    answer=Tokens,
    status=201,
    secret=True,
)
def refresh(body: Refresh) -> Tokens:
    """Get the next pair of tokens.

    A refresh token works once; used twice, it ends all that came of the same sign-in.
    """
    pair = write(lambda session: keys.refresh(session, body.refresh_token, now=now()))
    if pair is None:
        raise BadToken
    return _shown(pair)


def _shown(pair: Pair) -> Tokens:
    seconds = int(ACCESS_LASTS.total_seconds())
    return Tokens(access_token=pair.access, refresh_token=pair.refresh, expires_in=seconds)
