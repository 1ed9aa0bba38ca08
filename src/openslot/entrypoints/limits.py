"""Rate limits by address, by account or program, and for mails about an account.

A whole hospital may share one address, so the limits by address are high.
"""

from collections.abc import Mapping

from flask import Flask, request

from openslot.core.actor import Actor
from openslot.core.errors import RateLimited
from openslot.core.fields import address_key
from openslot.core.limits import Limit, network_of
from openslot.entrypoints.request import now, services

MINUTE, HOUR = 60, 3600

BY_ADDRESS = Limit(6000, MINUTE)
"""Requests of any kind from one address."""

BY_ACCOUNT = Limit(1200, MINUTE)
"""Requests of one account, from any address."""

BY_PROGRAM = Limit(6000, MINUTE)
"""Requests with one key, or of one registered client."""

SEARCHES = Limit(600, MINUTE)
"""Searches of one account, or of one address without an account."""

REGISTRATIONS = Limit(60, HOUR)
"""Attempts of one account to register a patient. Each says whether somebody like them is there, so
without a limit dates of birth could be guessed."""

SIGN_INS = Limit(60, HOUR)
"""Sign-ins of one account; each creates a session or tokens."""

AT_PROVIDERS = Limit(300, MINUTE)
"""Answers of identity providers that come from one address; each is asked about there."""

MAILS = Limit(5, HOUR)
"""Mails about an account to one address, requested without signing in."""

CHECK_INS, CHECK_INS_OF_ADDRESS = Limit(600, HOUR), Limit(400, HOUR)
"""Check-ins at one centre by those who have not signed in: in all, and from one address, which may
be that of the centre with all its kiosks. So a single stranger cannot use them all up."""

MESSAGES = Limit(20, HOUR)
"""Messages of one account or program to all patients of a session."""

VISITORS_HOLDS = Limit(20, HOUR)
"""Times held for those who have not signed in, from one address."""

POSTS: Mapping[str, Limit] = {
    "accounts.second_step": Limit(300, MINUTE),
    "accounts.sign_in": Limit(300, MINUTE),
    "accounts.sign_in_by_passkey": Limit(300, MINUTE),
    "accounts.sign_up": Limit(1000, HOUR),
    "accounts.forgot": Limit(30, HOUR),
    "accounts.reset": Limit(60, HOUR),
    "accounts.confirm": Limit(120, HOUR),
    "accounts.send_confirmation": Limit(10, HOUR),
    "api_tokens.create": Limit(300, MINUTE),
    "api_tokens.refresh": Limit(600, MINUTE),
    "dependents.offer": Limit(30, HOUR),
    "hand_over.take_over": Limit(60, HOUR),
    "profile_security.password": Limit(30, HOUR),
    "profile_security.email": Limit(30, HOUR),
    "profile_security.delete": Limit(30, HOUR),
    "providers.link_account": Limit(300, MINUTE),
    "registration.sign_up": Limit(1000, HOUR),
    "authorize.decide": Limit(300, MINUTE),
    "authorize.launch": Limit(300, MINUTE),
    "smart.introspect": Limit(600, MINUTE),
    "smart.revoke": Limit(300, MINUTE),
    "smart.token": Limit(300, MINUTE),
}
"""Posts of one address to these endpoints; a whole office may share an address."""

UNCOUNTED = frozenset({"static", "system.alive", "system.metrics", "system.ready"})


def install(app: Flask) -> None:
    """Count each request by its address, before anything else is done."""
    app.before_request(_by_address)


def _by_address() -> None:
    if request.endpoint in UNCOUNTED:
        return
    network = network_of(request.remote_addr)
    _take(f"address {network}", BY_ADDRESS)
    limit = POSTS.get(request.endpoint or "")
    if limit and request.method == "POST":
        _take(f"{request.endpoint} {network}", limit)


def by_account(account_id: object) -> None:
    """Count a request of the account, or raise RateLimited."""
    _take(f"account {account_id}", BY_ACCOUNT)


def by_program(program: object) -> None:
    """Count a request of a key or client, or raise RateLimited."""
    _take(f"program {program}", BY_PROGRAM)


def search(actor: Actor) -> None:
    """Count a search of the account or the address, or raise RateLimited; programs are exempt."""
    if actor.program is None:
        _take(f"search {actor.account_id or network_of(request.remote_addr)}", SEARCHES)


def registration(actor: Actor) -> None:
    """Count an attempt to register a patient, or raise RateLimited; programs are exempt."""
    if actor.program is None:
        _take(f"registration {actor.account_id}", REGISTRATIONS)


def visitors_hold() -> None:
    """Count a time held for somebody who has not signed in, or raise RateLimited."""
    _take(f"visitors-hold {network_of(request.remote_addr)}", VISITORS_HOLDS)


def check_in(centre_id: int) -> None:
    """Count a check-in at the centre by somebody who has not signed in, or raise RateLimited."""
    network = network_of(request.remote_addr)
    _take(f"check-in {centre_id} {network}", CHECK_INS_OF_ADDRESS)
    _take(f"check-in {centre_id}", CHECK_INS)


def message(actor: Actor) -> None:
    """Count a message of the account or program to a whole session, or raise RateLimited."""
    _take(f"message {actor.account_id or actor.program}", MESSAGES)


def sign_in(account_id: object) -> None:
    """Count a sign-in of the account, or raise RateLimited."""
    _take(f"sign-in {account_id}", SIGN_INS)


def provider() -> None:
    """Count an answer of an identity provider, or raise RateLimited."""
    _take(f"provider {network_of(request.remote_addr)}", AT_PROVIDERS)


def may_mail(email: str) -> bool:
    """Count a mail to this address, and return whether it may be sent."""
    try:
        _take(f"mail {address_key(email)}", MAILS)
    except RateLimited:
        return False
    return True


def _take(key: str, limit: Limit) -> None:
    ours = services()
    if ours.settings.rate_limits:
        ours.counts.take(key, limit, now=now())
