"""Asking for a proof: the password again, with a code or a passkey if the reader has a second step,
before an action that could do great harm."""

from collections.abc import Callable

from flask import request

from openslot.core.errors import DomainError
from openslot.core.work import Work
from openslot.entrypoints import watching
from openslot.entrypoints.web import context, reading, sign_in
from openslot.identity import own, passkeys
from openslot.identity.errors import WrongPasskey
from openslot.identity.models import Account
from openslot.identity.passkeys import Answer, Asked, Site


def prove(password: str, code: str, *, field: str) -> None:
    """Check the reader's password, and a code if they have a second step, and give their session a
    new token; raise WrongPassword for ``field``, CodeNeeded, WrongCode, or RateLimited after too
    many attempts."""
    _check(own.prove, password, code, field=field)


def prove_step(code: str) -> None:
    """Check the reader's code, as :func:`prove` does, after another first step than the
    password."""
    _check(own.prove_step, code)


def prove_password(password: str, *, field: str) -> None:
    """Check the reader's password alone, as :func:`prove` does; for views that ask for it
    themselves, for which those who have a second step prove more before."""
    _check(own.prove_password, password, field=field)


def _check(proves: Callable[..., None], *given: str, **names: str) -> None:
    account = context.account()
    context.actor()  # read before the reader is closed, which asking the database does
    try:
        proves(
            context.database(),
            context.settings(),
            account,
            *given,
            **names,
            address=request.remote_addr,
            now=context.now(),
        )
    except DomainError as error:
        watching.refused(error, email=account.email)
        raise
    sign_in.renew()


def prove_by_passkey() -> None:
    """Check the passkey that was sent, and give the session a new token; raise WrongPasskey."""
    account = context.account()
    try:
        context.write(_use, account)
    except DomainError as error:
        watching.refused(error, email=account.email)
        raise
    sign_in.renew()


def _use(work: Work, account: Account) -> None:
    passkeys.use(work, needed_site(), answer(), account)


def site() -> Site | None:
    """Return what passkeys are bound to: the public address, or this machine if there is none; None
    where browsers offer no passkeys."""
    settings = context.settings()
    here = request.host_url if request.host.partition(":")[0] == "localhost" else ""
    return passkeys.site_of(settings.public_url or here, settings.network_name)


def needed_site() -> Site:
    """Return the site of passkeys. Raises WrongPasskey where there is none."""
    found = site()
    if found is None:
        raise WrongPasskey
    return found


def asked(account: Account | None = None) -> Asked | None:
    """Return what a page asks for a passkey with: one of the account, or any of this site; None
    where browsers offer none."""
    found = site()
    return passkeys.ask(context.work(), found, account) if found else None


def answer() -> Answer:
    """Return what the browser sent for a passkey."""
    sent = reading.typed("credential")[: passkeys.LONGEST_ANSWER]
    return Answer(reading.text("challenge"), sent)
