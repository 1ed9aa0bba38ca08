"""What an identity provider signs: ID tokens (OpenID Connect Core 1.0, 3.1.3.7), and notes that
somebody has signed out there (OpenID Connect Back-Channel Logout 1.0, 2.6)."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from string import ascii_lowercase, ascii_uppercase
from typing import Any, TypeGuard

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from openslot.core.fields import address_key
from openslot.core.work import Work
from openslot.identity.errors import NotConfirmedThere, NotStrongEnough
from openslot.identity.once import CLOCKS_DIFFER, use_once
from openslot.identity.providers import Provider

LONGEST_NAME = 255
LONGEST_TEXT = 200
NOTES_LAST = timedelta(minutes=5)
"""Longest time from the signature of a note until it arrives."""

_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_LOGOUT = "http://schemas.openid.net/event/backchannel-logout"


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a provider has confirmed. ``email`` is empty unless it is this person's by the word of a
    provider that the settings trust; ``named`` is what they are called there, trusted or not.

    ``proved_at`` is when they last proved who they are there, if the provider says so, and
    ``is_strong`` whether that counts as the second step too. ``session`` is what the provider
    calls their session.
    """

    provider: Provider
    subject: str
    named: str
    name: str = ""
    email: str = ""
    groups: frozenset[str] = frozenset()
    is_strong: bool = False
    proved_at: datetime | None = None
    session: str | None = None


def person_of(provider: Provider, token: str, keys: KeySet, *, nonce: str, now: datetime) -> Person:
    """Return whom an ID token is about. Raises NotConfirmedThere unless it is signed by the
    provider, for this client and the sign-in with this ``nonce``, and valid ``now``; and
    NotStrongEnough if the provider asked for less than the settings want."""
    claims = _verified(provider, token, keys, now)
    expires, subject = claims.get("exp"), _name(claims.get("sub"))
    is_for_this = hmac.compare_digest(
        str(claims.get("nonce")).encode("utf-8", "replace"), nonce.encode()
    )
    is_valid = _is_number(expires) and expires > (now - CLOCKS_DIFFER).timestamp()
    if not (is_for_this and is_valid) or subject is None:
        raise NotConfirmedThere(label=provider.label)
    _check_strength(provider, claims)
    elsewhere = claims.get("_claim_names")
    if provider.groups and isinstance(elsewhere, dict) and provider.claims.groups in elsewhere:
        raise NotConfirmedThere(label=provider.label)  # too many groups for a token, so none is in
    return _person(provider, subject, claims, now)


def _verified(provider: Provider, token: str, keys: KeySet, now: datetime) -> Mapping[str, Any]:
    """Return the claims that the provider has signed for this client, not in the future."""
    try:
        claims = jwt.decode(token, keys, algorithms=provider.algorithms).claims
    except (JoseError, ValueError, KeyError, TypeError, RecursionError):
        raise NotConfirmedThere(label=provider.label) from None
    audience, party, issued = claims.get("aud"), claims.get("azp"), claims.get("iat")
    audiences = audience if isinstance(audience, list) else [audience]
    is_for_us = provider.client_id in audiences and (
        party == provider.client_id or (party is None and len(audiences) == 1)
    )
    is_begun = _is_number(issued) and issued <= (now + CLOCKS_DIFFER).timestamp()
    if claims.get("iss") != provider.issuer or not is_for_us or not is_begun:
        raise NotConfirmedThere(label=provider.label)
    return claims


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_strength(provider: Provider, claims: Mapping[str, Any]) -> None:
    """Raise NotStrongEnough unless the sign-in was as the settings want, in class and method."""
    has_class = not provider.required_acr or _has_class(claims, provider.required_acr)
    has_method = not provider.required_amr or _has_method(claims, provider.required_amr)
    if not (has_class and has_method):
        raise NotStrongEnough(label=provider.label)


def _has_class(claims: Mapping[str, Any], named: tuple[str, ...]) -> bool:
    return claims.get("acr") in named


def _has_method(claims: Mapping[str, Any], named: tuple[str, ...]) -> bool:
    return not _texts(claims.get("amr")).isdisjoint(named)


def _person(provider: Provider, subject: str, claims: Mapping[str, Any], now: datetime) -> Person:
    names = provider.claims
    email = _text(claims.get(names.email))
    is_confirmed = claims.get(names.email_verified) is True and _is_exact(claims.get(names.email))
    return Person(
        provider=provider,
        subject=subject,
        named=email or _text(claims.get(names.name)) or subject,
        name=_text(claims.get(names.name)),
        email=email if provider.trusts_email and is_confirmed else "",
        groups=frozenset(_texts(claims.get(names.groups))),
        is_strong=_has_class(claims, provider.second_step_acr)
        or _has_method(claims, provider.second_step_amr),
        proved_at=_instant(claims.get("auth_time"), now),
        session=_name(claims.get("sid")),
    )


def _name(value: object) -> str | None:
    """Return what a provider calls somebody, or their session; None for what is no name."""
    is_name = isinstance(value, str) and value.isprintable() and 0 < len(value) <= LONGEST_NAME
    return str(value) if is_name else None


def _text(value: object) -> str:
    """Return a text to show; empty for what is none, or cannot be seen."""
    return value.strip()[:LONGEST_TEXT] if isinstance(value, str) and value.isprintable() else ""


def _is_exact(email: object) -> bool:
    """Return whether an address is that of the account which has it here but for the case of ASCII
    letters: others that look alike, which are one here, may be mailboxes of two people."""
    return (
        isinstance(email, str)
        and len(email) <= LONGEST_TEXT
        and address_key(email) == email.translate(_LOWER)
    )


def _texts(value: object) -> set[str]:
    """Return the texts of a claim, which may be one or a list."""
    values = value if isinstance(value, list) else [value]
    return {one for one in values if isinstance(one, str)}


def _instant(seconds: object, now: datetime) -> datetime | None:
    """Return when somebody proved who they are; never later than now."""
    if not _is_number(seconds) or not 0 < seconds <= (now + CLOCKS_DIFFER).timestamp():
        return None
    return min(datetime.fromtimestamp(seconds, UTC), now)


@dataclass(frozen=True, slots=True)
class SignedOut:
    """Who has signed out at a provider: somebody's ``session`` there, or all of a ``subject``."""

    session: str | None
    subject: str | None


def signed_out(work: Work, provider: Provider, token: str, keys: KeySet) -> SignedOut:
    """Return who has signed out, as the provider notes, and mark the note as used. Raises
    NotConfirmedThere for anything else, also for a note that was used before."""
    claims = _verified(provider, token, keys, work.now)
    events, name = claims.get("events"), _name(claims.get("jti"))
    session, subject = _name(claims.get("sid")), _name(claims.get("sub"))
    is_note = isinstance(events, dict) and isinstance(events.get(_LOGOUT), dict)
    is_fresh = claims["iat"] >= (work.now - NOTES_LAST - CLOCKS_DIFFER).timestamp()
    if not (is_note and is_fresh and name and (session or subject)) or "nonce" in claims:
        raise NotConfirmedThere(label=provider.label)
    used = f"{provider.issuer} {name}".encode()
    if not use_once(work, used, until=work.now + 2 * NOTES_LAST):
        raise NotConfirmedThere(label=provider.label)
    return SignedOut(session, subject)
