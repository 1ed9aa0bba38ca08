"""Passkeys (Web Authentication): registered under a name, and used as second step or alone.

Each is asked to know its owner and to verify that they are there, by a finger, a face or a PIN. So
one stands for both steps of signing in.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

import webauthn
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    parse_authentication_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from openslot.core import signing
from openslot.core.errors import Conflict
from openslot.core.signing import Keys, NotSigned
from openslot.core.work import Work
from openslot.identity import queries
from openslot.identity.errors import WrongPasskey
from openslot.identity.models import Account, Passkey
from openslot.identity.once import use_once
from openslot.identity.opening import wait

ANSWERED_WITHIN = timedelta(minutes=15)
"""Time from the page to the passkey."""

MOST = 20
"""Passkeys of an account."""

LONGEST_ANSWER = 16_384
_USUAL_PORTS = {"http": 80, "https": 443}
_CREATE, _USE = "new passkey", "passkey"


class TooManyPasskeys(Conflict):
    """You have {most} passkeys. Remove one that you no longer use first."""


class Site(NamedTuple):
    """What passkeys are bound to: the host name of the public address, and the origin of pages, as
    browsers write both."""

    host: str
    origin: str
    name: str


class Asked(NamedTuple):
    """What a page asks an authenticator, as JSON, and the signed ``challenge`` that the page sends
    back with the answer."""

    options: str
    challenge: str


class Answer(NamedTuple):
    """What an authenticator answered, as JSON, to a challenge of ours."""

    challenge: str
    credential: str


def site_of(address: str, name: str) -> Site | None:
    """Return the site of an address; None if browsers would offer no passkeys there."""
    parts = urlsplit(address)
    host = (parts.hostname or "").encode("idna").decode()
    if not (parts.scheme == "https" or host == "localhost") or _is_ip(host):
        return None
    port = "" if parts.port in (None, _USUAL_PORTS.get(parts.scheme)) else f":{parts.port}"
    return Site(host, f"{parts.scheme}://{host}{port}", name)


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


# Registering


def ask_new(work: Work, site: Site, account: Account) -> Asked:
    """Return what asks for a new passkey of an account; one that it has already is not offered."""
    challenge = secrets.token_bytes(32)
    options = webauthn.generate_registration_options(
        rp_id=site.host,
        rp_name=site.name,
        user_id=account.id.bytes,
        user_name=account.email,
        user_display_name=account.name,
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_described(queries.passkeys_of(work.session, account.id)),
    )
    return _asked(work, _CREATE, account.id.hex, challenge, webauthn.options_to_json(options))


def register(work: Work, site: Site, account_id: UUID, answer: Answer, name: str) -> None:
    """Add a passkey to an account. Raises WrongPasskey, and TooManyPasskeys."""
    wait(work, account_id)
    if len(queries.passkeys_of(work.session, account_id)) >= MOST:
        raise TooManyPasskeys(most=MOST)
    verified = _verified_new(work, site, answer, account_id.hex)
    credential_hash = _hash(verified.credential_id)
    if queries.passkey_by_hash(work.session, credential_hash):
        raise WrongPasskey
    work.session.add(
        Passkey(
            account_id=account_id,
            credential_hash=credential_hash,
            credential_id=verified.credential_id,
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            name=name,
            made_at=work.now,
        )
    )


def _verified_new(work: Work, site: Site, answer: Answer, who: str) -> VerifiedRegistration:
    challenge = _challenge(work, _CREATE, answer, who)
    try:
        return webauthn.verify_registration_response(
            credential=answer.credential,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except _BAD_ANSWERS:
        raise WrongPasskey from None


# Using


def ask(work: Work, site: Site, account: Account | None = None) -> Asked:
    """Return what asks for a passkey: one of the account, or any of this site."""
    challenge = secrets.token_bytes(32)
    own = queries.passkeys_of(work.session, account.id) if account else ()
    options = webauthn.generate_authentication_options(
        rp_id=site.host,
        challenge=challenge,
        allow_credentials=_described(own),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    who = account.id.hex if account else ""
    return _asked(work, _USE, who, challenge, webauthn.options_to_json(options))


def use(work: Work, site: Site, answer: Answer, account: Account | None = None) -> Account:
    """Return the owner of the passkey that signed the challenge, which was for ``account`` if one
    is given. Raises WrongPasskey."""
    challenge = _challenge(work, _USE, answer, account.id.hex if account else "")
    credential = _read(answer.credential)
    passkey = queries.passkey_by_hash(work.session, _hash(credential.raw_id))
    owner = queries.by_id(work.session, passkey.account_id) if passkey else None
    if passkey is None or owner is None or (account is not None and owner.id != account.id):
        raise WrongPasskey
    if credential.response.user_handle not in (None, owner.id.bytes):
        raise WrongPasskey
    verified = _verified(site, credential, challenge, passkey)
    if not queries.use_passkey(work, passkey, verified.new_sign_count):
        raise WrongPasskey
    return owner


def _read(credential: str) -> AuthenticationCredential:
    try:
        return parse_authentication_credential_json(credential)
    except _BAD_ANSWERS:
        raise WrongPasskey from None


def _verified(
    site: Site, credential: AuthenticationCredential, challenge: bytes, passkey: Passkey
) -> VerifiedAuthentication:
    try:
        return webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except _BAD_ANSWERS:
        raise WrongPasskey from None


# Challenges


def _asked(work: Work, purpose: str, who: str, challenge: bytes, options: str) -> Asked:
    content = [who, bytes_to_base64url(challenge)]
    return Asked(options, signing.sign_dated(work.settings.signing_keys(), purpose, content))


def _challenge(work: Work, purpose: str, answer: Answer, who: str) -> bytes:
    """Return the challenge that a page of ours asked of this person, and use it up. Raises
    WrongPasskey."""
    keys: Keys = work.settings.signing_keys()
    try:
        asked, text = signing.read_dated(keys, purpose, answer.challenge, lasts=ANSWERED_WITHIN)
    except NotSigned:
        raise WrongPasskey from None
    challenge = base64url_to_bytes(text)
    if asked != who or not use_once(work, challenge, until=work.now + ANSWERED_WITHIN):
        raise WrongPasskey
    return challenge


def _described(passkeys: Sequence[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=one.credential_id) for one in passkeys]


def _hash(credential_id: bytes) -> bytes:
    return hashlib.sha256(credential_id).digest()


_BAD_ANSWERS = (WebAuthnException, ValueError, TypeError, KeyError, AttributeError)
"""What the library raises for an answer that is none, or a wrong one."""
