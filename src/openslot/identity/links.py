"""The links in mails that confirm an address and set a password, and the token of a browser that
is half signed in.

A link names the account by its uniquifier. It contains a digest of the password, the email
address and, in a confirmation, whether it is done: a change of any of them invalidates the link.
"""

import hashlib
from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.core import signing
from openslot.core.signing import Keys, NotSigned
from openslot.identity import queries
from openslot.identity.errors import LinkExpired
from openslot.identity.models import Account

CONFIRM_WITHIN = timedelta(days=5)
RESET_WITHIN = timedelta(hours=2)
SECOND_STEP_WITHIN = timedelta(minutes=10)

_CONFIRM, _RESET = "confirm e-mail", "reset password"
_CHANGE, _SIGN_UP = "change e-mail", "sign up"
_SECOND_STEP = "second step"


def confirmation_token(key: Keys, account: Account) -> str:
    """Return the token for the link in the confirmation mail."""
    return signing.sign_dated(key, _CONFIRM, _content(_CONFIRM, account))


def reset_token(key: Keys, account: Account) -> str:
    """Return the token for the link in the password mail."""
    return signing.sign_dated(key, _RESET, _content(_RESET, account))


def change_token(key: Keys, account: Account) -> str:
    """Return the token for the link that takes ``pending_email`` for the account."""
    return signing.sign_dated(key, _CHANGE, _content(_CHANGE, account))


def half_token(key: Keys, account: Account) -> str:
    """Return the token by which a browser that has given the password goes on to the second
    step."""
    return signing.sign_dated(key, _SECOND_STEP, _content(_SECOND_STEP, account))


def sign_up_token(key: Keys, pending_id: UUID) -> str:
    """Return the token for the link that creates an account."""
    return signing.sign_dated(key, _SIGN_UP, pending_id.hex)


def sign_up_of(key: Keys, token: str) -> UUID | None:
    """Return the pending sign-up that a link names; None for another link."""
    try:
        return UUID(signing.read_dated(key, _SIGN_UP, token, lasts=CONFIRM_WITHIN))
    except NotSigned:
        return None


def account_to_change(session: Session, key: Keys, token: str) -> Account:
    """Return the account whose new address a link confirms. Raises LinkExpired."""
    return _account(session, key, _CHANGE, token, CONFIRM_WITHIN)


def account_to_confirm(session: Session, key: Keys, token: str) -> Account:
    """Return the account that a confirmation link names. Raises LinkExpired."""
    return _account(session, key, _CONFIRM, token, CONFIRM_WITHIN)


def account_to_reset(session: Session, key: Keys, token: str) -> Account:
    """Return the account that a password link names. Raises LinkExpired, also if the account is
    not active."""
    return _active(_account(session, key, _RESET, token, RESET_WITHIN))


def account_half_signed_in(session: Session, key: Keys, token: str) -> Account:
    """Return the account whose password a browser has given. Raises LinkExpired, also if the
    account is not active."""
    return _active(_account(session, key, _SECOND_STEP, token, SECOND_STEP_WITHIN))


def _active(account: Account) -> Account:
    if not account.active:
        raise LinkExpired
    return account


def _content(purpose: str, account: Account) -> list[str]:
    is_confirmed = purpose == _CONFIRM and account.confirmed_at is not None
    state = f"{account.password}\n{account.email}\n{is_confirmed}"
    if purpose == _CHANGE:
        state += f"\n{account.pending_email}"
    return [account.fs_uniquifier, hashlib.sha256(state.encode()).hexdigest()[:24]]


def _account(session: Session, key: Keys, purpose: str, token: str, lasts: timedelta) -> Account:
    try:
        content = signing.read_dated(key, purpose, token, lasts=lasts)
    except NotSigned:
        raise LinkExpired from None
    account = queries.by_uniquifier(session, content[0])
    if account is None or content != _content(purpose, account):
        raise LinkExpired
    return account
