"""Requests to identity providers: what they offer, and the ID token for a code.

All go through the client of webhooks/fetching.py, which connects only to addresses that it has
checked, and reads only so much for only so long.
"""

import hashlib
import json
import secrets
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast
from urllib.parse import quote_plus, urlencode, urlsplit

import structlog
from flask import Flask, current_app
from joserfc.jwk import KeySet

from openslot.core.errors import Busy, DomainError
from openslot.entrypoints.client_keys import ClientKeys
from openslot.entrypoints.request import close_reader, now
from openslot.entrypoints.turns import Turns
from openslot.identity.assertions import BadAssertion, key_named
from openslot.identity.errors import NotConfirmedThere, ProviderAway
from openslot.identity.providers import Provider, is_secure
from openslot.webhooks.fetching import fetch, submit

log = structlog.get_logger(__name__)

WELL_KNOWN = "/.well-known/openid-configuration"
EXTENSION = "openslot-providers"

LASTS = timedelta(hours=1)
"""Longest time for which the offer of a provider is believed."""

RESTS = timedelta(seconds=20)
"""Shortest time between two requests to a provider that did not answer."""

CODES_AT_ONCE = 2
"""Threads of this process that exchange codes at a provider."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a provider says of itself (OpenID Connect Discovery 1.0, 3)."""

    authorize: str
    token: str
    keys: str
    sign_out: str | None
    names_itself: bool
    takes_basic: bool


@dataclass(frozen=True, slots=True)
class _Known:
    offer: Offer | None
    read_at: datetime


class Offers:
    """The offers and keys of providers, remembered for a while by this process."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._turns = Turns()
        self.keys = ClientKeys()
        self.codes = Turns(CODES_AT_ONCE)

    def of(self, provider: Provider, now: datetime) -> Offer:
        """Return the offer of a provider. Raises ProviderAway, and Busy while others wait for
        it."""
        known = self._serving(provider, now)
        if known is None:
            with self._turns.at(provider.issuer):
                known = self._serving(provider, now)
                if known is None:
                    known = self._known[provider.issuer] = _Known(_read_offer(provider), now)
        if known.offer is None:
            raise ProviderAway(label=provider.label)
        return known.offer

    def _serving(self, provider: Provider, now: datetime) -> _Known | None:
        known = self._known.get(provider.issuer)
        lasts = LASTS if known and known.offer else RESTS
        return known if known and now - known.read_at < lasts else None


def install(app: Flask) -> None:
    """Remember offers and keys as long as the app."""
    app.extensions[EXTENSION] = Offers()


def offer_of(provider: Provider) -> Offer:
    """Return the offer of a provider. Raises ProviderAway. Do not call this in a transaction."""
    with _away_if_busy(provider):
        return _offers().of(provider, now())


def keys_for(provider: Provider, token: str) -> KeySet:
    """Return the keys of a provider, read again if the one that a token names is not among them.
    Raises ProviderAway, and NotConfirmedThere for what is no token."""
    try:
        name = key_named(token)
    except BadAssertion:
        raise NotConfirmedThere(label=provider.label) from None
    offer = offer_of(provider)
    try:
        with _away_if_busy(provider):
            return _offers().keys.at(offer.keys, name, provider.reached, now=now())
    except BadAssertion:
        raise ProviderAway(label=provider.label) from None


@contextmanager
def _away_if_busy(provider: Provider) -> Iterator[None]:
    """Raise ProviderAway where other threads wait for the provider already."""
    try:
        yield
    except Busy:
        raise ProviderAway(label=provider.label) from None


def _offers() -> Offers:
    """Return what is remembered. No reading goes on meanwhile, since a provider may be slow."""
    close_reader()
    return cast(Offers, current_app.extensions[EXTENSION])


def _read_offer(provider: Provider) -> Offer | None:
    try:
        found = _json(fetch(provider.issuer.rstrip("/") + WELL_KNOWN, provider.reached))
        if found.get("issuer") != provider.issuer:
            raise ValueError("it names another issuer")
        ways = found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return Offer(
            authorize=_address(found, "authorization_endpoint"),
            token=_address(found, "token_endpoint"),
            keys=_address(found, "jwks_uri"),
            sign_out=_address(found, "end_session_endpoint")
            if found.get("end_session_endpoint") is not None
            else None,
            names_itself=found.get("authorization_response_iss_parameter_supported") is True,
            takes_basic="client_secret_basic" in ways,
        )
    except (DomainError, TypeError, ValueError) as error:
        log.warning("provider.unread", provider=provider.key, why=str(error))
        return None


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError("it answers no JSON object")
    return found


def _address(found: Mapping[str, Any], name: str) -> str:
    url = found.get(name)
    if not isinstance(url, str) or not url.isprintable() or not is_secure(url):
        raise ValueError(f"{name} is no address with https://")
    return url


class Begun(NamedTuple):
    """A sign-in that was begun at a provider: what only this browser knows of it."""

    state: str
    nonce: str
    verifier: str


def begin() -> Begun:
    """Return new secrets for a sign-in at a provider."""
    return Begun(*(secrets.token_urlsafe(32) for _ in range(3)))


def way_there(provider: Provider, begun: Begun, back: str, *, anew: bool) -> str:
    """Return the address where somebody signs in; with ``anew``, even if they are signed in there.
    Raises ProviderAway."""
    digest = hashlib.sha256(begun.verifier.encode()).digest()
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": back,
        "scope": " ".join(provider.scopes),
        "state": begun.state,
        "nonce": begun.nonce,
        "code_challenge": urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    if anew:
        asked |= {"prompt": "login", "max_age": "0"}
    if provider.required_acr or provider.second_step_acr:
        asked["acr_values"] = " ".join((*provider.required_acr, *provider.second_step_acr))
    return _with(offer_of(provider).authorize, asked)


def way_out(provider: Provider, back: str) -> str | None:
    """Return the address where somebody signs out of the provider too; None if it offers none, or
    does not answer."""
    try:
        offer = offer_of(provider)
    except ProviderAway:
        return None
    asked = {"client_id": provider.client_id, "post_logout_redirect_uri": back}
    return _with(offer.sign_out, asked) if offer.sign_out else None


def _with(url: str, asked: Mapping[str, str]) -> str:
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(asked)}"


def id_token(provider: Provider, code: str, begun: Begun, back: str) -> str:
    """Return the ID token for a code. Raises ProviderAway, and NotConfirmedThere if the provider
    does not take the code."""
    offer = offer_of(provider)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": back,
        "client_id": provider.client_id,
        "code_verifier": begun.verifier,
    }
    with _away_if_busy(provider), _offers().codes.at(provider.issuer):
        token = _given_for(provider, offer, form)
    if not isinstance(token, str):
        raise NotConfirmedThere(label=provider.label)
    return token


def _given_for(provider: Provider, offer: Offer, form: Mapping[str, str]) -> object:
    try:
        signed, headers = _signed_by_client(provider, offer, form)
        return _json(submit(offer.token, provider.reached, signed, headers)).get("id_token")
    except (DomainError, ValueError) as error:
        log.warning("provider.no-token", provider=provider.key, why=str(error))
        raise NotConfirmedThere(label=provider.label) from None


def _signed_by_client(
    provider: Provider, offer: Offer, form: Mapping[str, str]
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return the form and headers with the secret of this client, if it has one, as the provider
    takes it (RFC 6749, 2.3.1). Raises ValueError if the secret is no longer where it was."""
    secret = provider.secret()
    if secret is None:
        return form, {}
    if not offer.takes_basic:
        return {**form, "client_secret": secret}, {}
    pair = f"{quote_plus(provider.client_id)}:{quote_plus(secret)}"
    return form, {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
