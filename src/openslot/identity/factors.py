"""Second steps at sign-in: the authenticator app, recovery codes, and what all kinds share.

Passkeys, which also stand for both steps, are in passkeys.py.
"""

import hashlib
import hmac
import re
import secrets
from enum import StrEnum
from uuid import UUID

import pyotp

from openslot.core import audit, signing
from openslot.core.config import Settings
from openslot.core.errors import NotFound
from openslot.core.events import publish
from openslot.core.signing import NotSigned
from openslot.core.work import Work
from openslot.identity import queries
from openslot.identity.errors import SecondStepRequired, WrongCode
from openslot.identity.events import Change, Topic
from openslot.identity.models import Account, Authenticator, RecoveryCode
from openslot.identity.queries import Factors

STEP_SECONDS = 30
DIGITS = 6
DRIFT = 1
"""Steps by which the clock of an authenticator may be wrong."""

CODES = 10
"""Recovery codes that an account gets at a time."""

_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32, without letters that look like others."""
_GROUPS, _GROUP = 6, 4
"""A code has 24 letters, so 120 bits: enough to be stored as a plain hash (ASVS 6.5.2)."""
_MISREAD = str.maketrans("ilo", "110")


class Factor(StrEnum):
    """A kind of second step."""

    AUTHENTICATOR = "authenticator"
    PASSKEY = "passkey"
    RECOVERY_CODE = "recovery-code"
    PROVIDER = "provider"
    """What an identity provider asked for, where the settings count it."""


def is_required(settings: Settings, role: str) -> bool:
    """Return whether accounts of this role need a second step."""
    return role in settings.second_factor_roles


def must_enrol(work: Work, account: Account) -> bool:
    """Return whether the account needs a second step and has none."""
    is_bound = is_required(work.settings, account.role)
    return is_bound and not queries.factors_of(work.session, account.id).is_any


def note(work: Work, account_id: UUID, change: Change, **details: str) -> None:
    """Record a change in the audit log, and have the owner of the account told by mail."""
    audit.record(work, f"account.{change}", f"account:{account_id}", **details)
    publish(work, Topic.SECOND_STEP, account=account_id, at=work.now, change=change)


# The authenticator app


def new_secret() -> str:
    """Return a random secret for an authenticator app."""
    return pyotp.random_base32()


def provisioning_uri(secret: str, account: Account, network_name: str) -> str:
    """Return what an authenticator app reads from the square code."""
    return pyotp.TOTP(secret).provisioning_uri(name=account.email, issuer_name=network_name)


def set_authenticator(work: Work, account_id: UUID, secret: str, code: str) -> None:
    """Take an authenticator app in place of any earlier one. Raises WrongCode, for the field
    ``code``, unless the app shows ``code`` now."""
    counter = _counter_of(work, secret, _plain(code))
    if counter is None:
        raise WrongCode(field="code")
    queries.remove_authenticator(work.session, account_id)
    work.session.add(
        Authenticator(
            account_id=account_id,
            secret=stored_secret(work.settings, account_id, secret),
            counter=counter,
            made_at=work.now,
        )
    )


def use_code(work: Work, account_id: UUID, code: str) -> Factor | None:
    """Use up a code of the authenticator app, or a recovery code, and return which of them it was;
    None if it is wrong or was used before."""
    plain = _plain(code)
    if len(plain) == DIGITS:
        return Factor.AUTHENTICATOR if _use_shown_code(work, account_id, plain) else None
    digest = _digest(plain)
    if not queries.use_recovery_code(work.session, account_id, digest):
        return None
    note(work, account_id, Change.CODE_USED)
    return Factor.RECOVERY_CODE


def _use_shown_code(work: Work, account_id: UUID, code: str) -> bool:
    authenticator = queries.authenticator_of(work.session, account_id)
    if authenticator is None:
        return False
    try:
        secret = _secret_of(work, authenticator)
    except NotSigned:
        return False  # no key opens it any more; a recovery code helps
    counter = _counter_of(work, secret, code)
    return counter is not None and queries.use_counter(work, account_id, counter)


def _counter_of(work: Work, secret: str, code: str) -> int | None:
    """Return the counter at which an app with this secret shows the code, within one step of
    now."""
    now, shown = int(work.now.timestamp()) // STEP_SECONDS, pyotp.HOTP(secret, digits=DIGITS)
    given = code.encode("utf-8", "surrogatepass")
    near = range(now - DRIFT, now + DRIFT + 1)
    return next((at for at in near if hmac.compare_digest(shown.at(at).encode(), given)), None)


def _secret_of(work: Work, authenticator: Authenticator) -> str:
    return opened_secret(work.settings, authenticator.account_id, authenticator.secret)


def opened_secret(settings: Settings, account_id: UUID, stored: str) -> str:
    """Return the secret of an account's authenticator app as it is stored. Raises NotSigned."""
    return str(signing.reveal(settings.signing_keys(), _purpose(account_id), stored))


def stored_secret(settings: Settings, account_id: UUID, secret: str) -> str:
    """Return the secret of an account's authenticator app as it is to be stored."""
    return signing.hide(settings.signing_keys(), _purpose(account_id), secret)


def _purpose(account_id: UUID) -> str:
    """Name the account in the key, so that a secret in the row of another opens nothing."""
    return f"authenticator {account_id.hex}"


def check_secrets(work: Work, *, renew: bool) -> tuple[int, int]:
    """Return how many secrets of authenticator apps are encrypted with an earlier key, and how many
    no key opens; with ``renew``, encrypt the former with the newest."""
    apps = queries.authenticators(work.session)
    found = [_check_secret(work, authenticator, renew=renew) for authenticator in apps]
    return found.count("earlier"), found.count("lost")


def _check_secret(work: Work, authenticator: Authenticator, *, renew: bool) -> str:
    keys, purpose = work.settings.signing_keys(), _purpose(authenticator.account_id)
    try:
        secret = _secret_of(work, authenticator)
    except NotSigned:
        return "lost"
    try:
        signing.reveal(keys[-1], purpose, authenticator.secret)
        return "newest"
    except NotSigned:
        if renew:
            authenticator.secret = signing.hide(keys, purpose, secret)
        return "earlier"


# Recovery codes


def new_recovery_codes(work: Work, account_id: UUID) -> list[str]:
    """Return new recovery codes in place of all earlier ones; only their hashes are stored."""
    queries.remove_recovery_codes(work.session, account_id)
    codes = [
        "".join(secrets.choice(_LETTERS) for _ in range(_GROUPS * _GROUP)) for _ in range(CODES)
    ]
    work.session.add_all(
        RecoveryCode(code_hash=_digest(code), account_id=account_id, made_at=work.now)
        for code in codes
    )
    return ["-".join(re.findall("." * _GROUP, code)) for code in codes]


def _plain(code: str) -> str:
    """Return a code as it is compared: without spaces and dashes, however its letters look."""
    return re.sub(r"[\s-]", "", code.lower())


def _digest(plain: str) -> bytes:
    text = plain.translate(_MISREAD)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


# Removing


def remove_authenticator(work: Work, account_id: UUID) -> None:
    """Remove the authenticator app. Raises NotFound, and SecondStepRequired for the last step of
    an account that needs one."""
    if not queries.remove_authenticator(work.session, account_id):
        raise NotFound
    _removed(work, account_id, Change.AUTHENTICATOR_REMOVED)


def remove_passkey(work: Work, account_id: UUID, passkey_id: UUID) -> None:
    """Remove a passkey. Raises NotFound, and SecondStepRequired for the last step of an account
    that needs one."""
    if not queries.remove_passkey(work.session, account_id, passkey_id):
        raise NotFound
    _removed(work, account_id, Change.PASSKEY_REMOVED)


def _removed(work: Work, account_id: UUID, change: Change) -> None:
    note(work, account_id, change)
    if queries.factors_of(work.session, account_id).is_any:
        return
    account = queries.by_id(work.session, account_id)
    if account is None or is_required(work.settings, account.role):
        raise SecondStepRequired
    queries.remove_recovery_codes(work.session, account_id)


def remove_all(work: Work, account_id: UUID) -> Factors:
    """Remove all second steps of an account, for an owner who has lost them; return how many there
    were of each kind."""
    had = queries.factors_of(work.session, account_id)
    queries.remove_authenticator(work.session, account_id)
    queries.remove_passkeys(work.session, account_id)
    queries.remove_recovery_codes(work.session, account_id)
    if had.is_any:
        note(work, account_id, Change.ALL_REMOVED)
    return had
