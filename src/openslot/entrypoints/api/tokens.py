"""Operations that sign a person in to a program."""

from typing import Annotated, Literal

from flask import request
from pydantic import Field, StringConstraints

from openslot.entrypoints import limits
from openslot.entrypoints.api.operations import Given, Service, Shown
from openslot.entrypoints.request import database, now, reading_by, settings, visitor, write_by
from openslot.entrypoints.rules import Rule
from openslot.identity import factors, keys
from openslot.identity.commands import sign_in, source_of
from openslot.identity.errors import MustChangePassword, MustEnrol, PasswordTokensOff
from openslot.identity.keys import ACCESS_LASTS, BadToken, Pair

service = Service("tokens", "Tokens", "Sign in as a person, and stay signed in.")

Secret = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


Code = Annotated[
    str | None,
    Field(
        max_length=100,
        description="The code that the authenticator app shows, or a recovery code.",
    ),
]


class SignIn(Given):
    """The email address and password of an account, and a code if it has a second step."""

    email: Annotated[str, StringConstraints(min_length=1, max_length=254)]
    password: Secret
    code: Code = None


class Refresh(Given):
    """A refresh token, which works once."""

    refresh_token: Secret


class Tokens(Shown):
    """A short-lived access token, and a refresh token to get the next one."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 # nosec B105 - the name of a scheme
    expires_in: Annotated[int, Field(description="Lifetime of the access token, in seconds.")]


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
    """Sign in with an email address and password, where `OPENSLOT_PASSWORD_TOKENS` allows it.

    Programs should send people to `/oauth/authorize` in place of asking for their password.
    The answer is the same for an unknown address and a wrong password. After several wrong
    passwords the account has to wait, as on the sign-in page. A password that others may know
    has to be changed on the pages first, and a second step that the role needs set up there. An
    account with a second step is refused as code-needed until a code is sent too; each works once.
    """
    _check_on()
    account, factor = sign_in(
        database(),
        settings(),
        body.email,
        body.password,
        source=source_of(request.remote_addr),
        address=request.remote_addr,
        now=now(),
        code=body.code,
    )
    if account.must_change_password:
        raise MustChangePassword
    if factors.must_enrol(reading_by(visitor()), account):
        raise MustEnrol
    limits.sign_in(account.id)
    agent = request.user_agent.string
    return _shown(write_by(visitor(), keys.issue_pair, account, agent=agent, factor=factor))


@service.operation(
    "POST",
    "/api/v1/tokens/refresh",
    scope=None,
    rule=Rule.SENDER,
    body=Refresh,
    answer=Tokens,
    status=201,
    may_fail=(403,),
    secret=True,
)
def refresh(body: Refresh) -> Tokens:
    """Get the next pair of tokens.

    A refresh token works once. If it is used twice, all tokens from the same sign-in end.
    """
    _check_on()
    refreshed = write_by(visitor(), keys.refresh, body.refresh_token)
    if refreshed is None:
        raise BadToken
    return _shown(refreshed[0])


def _check_on() -> None:
    if not settings().password_tokens:
        raise PasswordTokensOff


def _shown(pair: Pair) -> Tokens:
    seconds = int(ACCESS_LASTS.total_seconds())
    assert pair.refresh is not None  # who gave the password stays signed in
    return Tokens(access_token=pair.access, refresh_token=pair.refresh, expires_in=seconds)
