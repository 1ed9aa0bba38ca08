"""What programs ask people for, and the codes that they exchange for tokens (OAuth 2.1, SMART App
Launch 2).

A request that names no registered program and address is refused on a page (Malformed); every other
refusal is sent back to the program (SentBack).
"""

import hashlib
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.core import audit, signing
from openslot.core.actor import Actor
from openslot.core.errors import Malformed, NotFound, Unauthenticated
from openslot.core.ids import new_id
from openslot.core.signing import Keys, NotSigned
from openslot.core.work import Work
from openslot.identity import keys, opening, queries
from openslot.identity.keys import Family, Pair
from openslot.identity.models import (
    AccountSession,
    ApiClient,
    ApiToken,
    AuthorizationCode,
    Consent,
)
from openslot.identity.once import use_once
from openslot.identity.programs import is_certain, leads_to, program
from openslot.identity.scopes import is_for_one, narrowed
from openslot.identity.sessions import token_hash

CODE = "osa_"
CODE_LASTS = timedelta(minutes=1)
CODE_KNOWN = timedelta(hours=1)
"""How long a code is remembered, so that one that comes again ends the tokens."""

LAUNCH_LASTS = timedelta(minutes=10)
PROVED_WITHIN = timedelta(minutes=2)
"""How recent a proof is that a program asks for with ``prompt=login``."""

LONGEST = 2000
"""Characters of a parameter."""

LONGEST_NONCE = 500

_LAUNCH = "launch"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_PROMPTS = frozenset({"none", "login", "consent", "select_account"})
_ASKED_ANEW = frozenset({"consent", "select_account"})
_FORBIDDEN = re.compile(r"[^ !#-\[\]-~]")


class UnknownProgram(Malformed):
    """This program is not registered here. Ask whoever runs it."""


class UnknownAddress(Malformed):
    """This program named an address to return to that is not registered for it. Ask whoever runs
    it."""


class SentBack(Malformed):
    """This request of a program was refused.

    ``error`` is the code of OAuth 2, in the answer that the program gets.
    """

    code: ClassVar[str] = "sent-back"

    def __init__(self, error: str, why: str):
        super().__init__(plain(why))
        self.error = error


@dataclass(frozen=True, slots=True)
class Place:
    """Where the answer to a request goes: the program, its address, and what it sends along."""

    client: ApiClient
    redirect: str
    state: str | None

    def answer(self, issuer: str, **values: str) -> str:
        """Return the address with an answer (RFC 6749, 4.1.2; RFC 9207)."""
        state = {} if self.state is None else {"state": self.state}
        mark = "&" if urlsplit(self.redirect).query else "?"
        return f"{self.redirect.rstrip('?')}{mark}{urlencode({**values, **state, 'iss': issuer})}"


@dataclass(frozen=True, slots=True)
class Request:
    """What a program asks a person for. ``proved_since`` is since when they must have proved who
    they are, if it wants that."""

    place: Place
    scopes: tuple[str, ...]
    challenge: str
    nonce: str | None
    launch: str | None
    prompts: frozenset[str]
    proved_since: datetime | None

    @property
    def client(self) -> ApiClient:
        """Return the program."""
        return self.place.client

    @property
    def needs_patient(self) -> bool:
        """Return whether the program is for one patient."""
        return "launch/patient" in self.scopes or is_for_one(self.scopes)


def plain(text: str) -> str:
    """Return a text without the characters that no error_description has (RFC 6749, 5.2)."""
    return _FORBIDDEN.sub("", text)


def place(session: Session, sent: Mapping[str, Sequence[str]]) -> Place:
    """Return where the answer to a request goes. Raises UnknownProgram and UnknownAddress."""
    client_id, redirect = (_only(sent, name) for name in ("client_id", "redirect_uri"))
    try:
        client = program(session, UUID(client_id or ""))
    except (ValueError, NotFound):
        raise UnknownProgram from None
    if redirect is None or not leads_to(client, redirect):
        raise UnknownAddress
    return Place(client, redirect, _only(sent, "state"))


def _only(sent: Mapping[str, Sequence[str]], name: str) -> str | None:
    """Return a value that was sent once and is not empty, else None."""
    values = sent.get(name, ())
    return values[0] if len(values) == 1 and 0 < len(values[0]) <= LONGEST else None


def read(
    where: Place, sent: Mapping[str, Sequence[str]], *, audience: str, now: datetime
) -> Request:
    """Return what a program asks for. One that names another server than ``audience``, the address
    of FHIR here, would send its token there, so it is refused. Raises SentBack."""
    for name, texts in sent.items():
        if len(texts) > 1 or len(texts[0]) > LONGEST:
            raise SentBack("invalid_request", f"Send {name[:60]} once, and not that long.")
    values = {name: texts[0] for name, texts in sent.items() if texts[0]}
    for name in ("request", "request_uri"):
        if name in values:
            raise SentBack(f"{name}_not_supported", f"Leave out {name}.")
    if values.get("response_type") != "code":
        unknown = "unsupported_response_type" if "response_type" in values else "invalid_request"
        raise SentBack(unknown, "Send response_type=code.")
    if values.get("response_mode", "query") != "query":
        raise SentBack("invalid_request", "Send response_mode=query, or leave it out.")
    challenge = values.get("code_challenge", "")
    if values.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
        raise SentBack("invalid_request", "Send code_challenge with code_challenge_method=S256.")
    if len(values.get("nonce", "")) > LONGEST_NONCE:
        raise SentBack("invalid_request", f"Send a nonce of at most {LONGEST_NONCE} characters.")
    scopes = _scopes(where.client, values)
    if values.get("aud", audience).rstrip("/") != audience:
        raise SentBack("invalid_request", f"Send aud={audience}.")
    prompts = frozenset(values.get("prompt", "").split())
    if prompts - _PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise SentBack("invalid_request", "Send another prompt, or none.")
    return Request(
        where,
        scopes,
        challenge,
        values.get("nonce"),
        values.get("launch"),
        prompts,
        _proved_since(values, prompts, now),
    )


def _scopes(client: ApiClient, values: Mapping[str, str]) -> tuple[str, ...]:
    """Return the scopes that are asked for and registered; ``launch`` only with a launch."""
    asked = set(values.get("scope", "").split())
    if "launch" not in values:
        asked.discard("launch")
    scopes = narrowed(asked, client.scopes.split())
    if not scopes:
        raise SentBack("invalid_scope", f"Send a scope of these: {client.scopes}.")
    if "launch" in values and "launch" not in scopes:
        raise SentBack("invalid_scope", "A launch needs the scope launch.")
    return scopes


def _proved_since(
    values: Mapping[str, str], prompts: frozenset[str], now: datetime
) -> datetime | None:
    longest = values.get("max_age")
    if longest is None:
        return now - PROVED_WITHIN if "login" in prompts else None
    if not (longest.isascii() and longest.isdigit() and len(longest) < 9):
        raise SentBack("invalid_request", "Send max_age in seconds.")
    within = PROVED_WITHIN if "login" in prompts else timedelta(seconds=int(longest))
    return now - max(PROVED_WITHIN, within)


def is_agreed(
    session: Session, account_id: UUID, request: Request, patient_id: UUID | None
) -> bool:
    """Return whether the person has agreed to all that is asked for before, and need not be asked
    again; somebody else could receive what is sent to the reader's own device, so they are. What
    was agreed to for one patient is neither for all nor for another whom they do not name now."""
    if request.prompts & _ASKED_ANEW or not is_certain(request.place.redirect):
        return False
    consent = queries.consent_of(session, account_id, request.client.id)
    held = consent.scopes.split() if consent else []
    is_as_narrow = is_for_one(request.scopes) or not is_for_one(held)
    if not is_as_narrow or narrowed(request.scopes, held) != request.scopes:
        return False
    if patient_id is None or request.launch is not None:
        return True
    return queries.was_for(session, account_id, request.client.id, patient_id)


def launch_for(own_keys: Keys, client: ApiClient, account_id: UUID, patient_id: UUID) -> str:
    """Return what a program is opened with for a patient; only this person can use it, once."""
    content = [client.id.hex, account_id.hex, patient_id.hex]
    return signing.hide_dated(own_keys, _LAUNCH, content)


def launched_for(own_keys: Keys, request: Request, account_id: UUID) -> UUID | None:
    """Return the patient whom a program was opened for, None if it was not opened from here. Raises
    SentBack if somebody else has opened it, or too long ago."""
    if request.launch is None:
        return None
    try:
        client, account, patient = signing.reveal_dated(
            own_keys, _LAUNCH, request.launch, lasts=LAUNCH_LASTS
        )
    except NotSigned:
        client = account = patient = ""
    if (client, account) != (request.client.id.hex, account_id.hex):
        raise SentBack("invalid_request", "This launch has ended. Open the program again.")
    return UUID(patient)


def give(
    work: Work,
    request: Request,
    *,
    patient_id: UUID | None,
    session_token: str,
    is_asked: bool,
) -> str:
    """Remember that the actor lets the program do what it asks for, and return a code for it.

    Raises Unauthenticated if the browser was signed out meanwhile, and SentBack if the launch was
    used before, or who was not asked has ended their consent meanwhile.
    """
    account_id = work.actor.account_id
    assert account_id is not None  # only who has signed in is asked
    opening.wait(work, account_id)
    browser = token_hash(session_token)
    row = work.session.get(AccountSession, browser)
    if row is None or row.account_id != account_id:
        raise Unauthenticated
    if not is_asked and not is_agreed(work.session, account_id, request, patient_id):
        raise SentBack("consent_required", "The person has to be asked.")
    launch = (request.launch or "").encode()
    if launch and not use_once(work, launch, until=work.now + LAUNCH_LASTS):
        raise SentBack("invalid_request", "This launch has ended. Open the program again.")
    _remember(work, account_id, request)
    text = CODE + secrets.token_urlsafe(32)
    work.session.add(
        AuthorizationCode(
            code_hash=token_hash(text),
            account_id=account_id,
            client_id=request.client.id,
            browser=browser,
            redirect=request.place.redirect,
            challenge=request.challenge,
            scopes=" ".join(request.scopes),
            patient_id=patient_id,
            nonce=request.nonce,
            proved_at=row.proved_at,
            family=new_id(),
            ends_at=work.now + CODE_LASTS,
        )
    )
    return text


def _remember(work: Work, account_id: UUID, request: Request) -> None:
    consent = queries.consent_of(work.session, account_id, request.client.id)
    held = set(consent.scopes.split()) if consent else set[str]()
    if consent and held >= set(request.scopes):
        return
    scopes = " ".join(sorted(held | set(request.scopes)))
    if consent is None:
        work.session.add(
            Consent(
                id=new_id(),
                account_id=account_id,
                client_id=request.client.id,
                scopes=scopes,
                given_at=work.now,
            )
        )
    else:
        consent.scopes, consent.given_at = scopes, work.now
    audit.record(
        work,
        "consent.given",
        f"account:{account_id}",
        client=str(request.client.id),
        scopes=" ".join(request.scopes),
    )


@dataclass(frozen=True, slots=True)
class Redeemed:
    """The tokens for a code, and what it was given for."""

    pair: Pair
    family: Family
    nonce: str | None


def redeem(
    work: Work, client: ApiClient, text: str, *, redirect: str, verifier: str
) -> Redeemed | None:
    """Return the tokens for a code, which works once; None if it is not this client's, has expired,
    does not fit, or its account is closed. One that comes again also ends its tokens: it was
    copied."""
    found = queries.code(work.session, token_hash(text))
    if found is None or found.client_id != client.id:
        return None
    opening.wait(work, found.account_id)
    if found.used_at is not None:
        _end(work, found)
        return None
    fits = (
        found.ends_at > work.now
        and found.redirect == redirect
        and _VERIFIER.fullmatch(verifier) is not None
        and secrets.compare_digest(challenge_of(verifier), found.challenge)
    )
    if not fits or not keys.may_go_on(work, found.account_id, client):
        return None
    if not queries.use_code(work, found.code_hash):
        _end(work, found)
        return None
    scopes = found.scopes.split()
    family = Family(
        found.family,
        found.account_id,
        work.now,
        found.proved_at,
        client_id=client.id,
        scopes=found.scopes,
        patient_id=found.patient_id,
        browser=found.browser if "offline_access" not in scopes else None,
        stays=not {"offline_access", "online_access"}.isdisjoint(scopes),
    )
    work = work.by(Actor(account_id=found.account_id, address=work.actor.address))
    audit.record(work, "token.issued", f"account:{found.account_id}", client=str(client.id))
    return Redeemed(keys.issue(work, family), family, found.nonce)


def _end(work: Work, code: AuthorizationCode) -> None:
    queries.end_family(work.session, code.family)
    audit.record(
        work, "token.code-reused", f"account:{code.account_id}", client=str(code.client_id)
    )


def describe(work: Work, text: str, client: ApiClient | None) -> ApiToken | None:
    """Return a token that is valid, if it is of the client; any for None."""
    row = work.session.get(ApiToken, token_hash(text))
    if row is None or row.ends_at <= work.now or row.used_at is not None:
        return None
    of = work.session.get(ApiClient, row.client_id) if row.client_id else None
    is_another = client is not None and row.client_id != client.id
    if is_another or (of is not None and of.revoked_at is not None):
        return None
    return row if row.account_id is None or keys.may_go_on(work, row.account_id, of) else None


def client_of(session: Session, text: str) -> ApiClient | None:
    """Return the program whose token it is, if it is not revoked."""
    row = session.get(ApiToken, token_hash(text))
    client = session.get(ApiClient, row.client_id) if row and row.client_id else None
    return client if client is not None and client.revoked_at is None else None


def revoke(work: Work, text: str, client: ApiClient) -> None:
    """End all tokens that go back to the same sign-in as one of the client (RFC 7009)."""
    row = work.session.get(ApiToken, token_hash(text))
    if row is not None and row.client_id == client.id:
        queries.end_family(work.session, row.family)
        audit.record(work, "token.revoked", f"client:{client.id}")


def challenge_of(verifier: str) -> str:
    """Return the challenge of a verifier (RFC 7636, S256)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
