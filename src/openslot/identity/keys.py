"""API keys and tokens: created and shown once, authenticated by their hash, revoked."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from uuid import UUID

from openslot.core import audit
from openslot.core.actor import Actor
from openslot.core.errors import Invalid, Malformed, NotFound, Unauthenticated
from openslot.core.ids import new_id
from openslot.core.limits import network_of
from openslot.core.work import Work
from openslot.identity import providers, queries
from openslot.identity.errors import MustChangePassword
from openslot.identity.factors import Factor, must_enrol
from openslot.identity.models import Account, ApiClient, ApiKey, ApiToken
from openslot.identity.opening import check_opens, wait
from openslot.identity.scopes import (
    EVERYTHING,
    check_handed_on,
    check_scopes,
    for_person,
    is_for_one,
    narrowed,
)
from openslot.identity.sessions import token_hash, unused_since

KEY, ACCESS, REFRESH = "osk_", "ost_", "osr_"
"""Prefixes of keys, access tokens and refresh tokens, so that a leaked one is recognised."""

ACCESS_LASTS = timedelta(minutes=15)
REFRESH_LASTS = timedelta(days=30)
"""Time without use until a program has to ask the person for the password again."""

NETWORKS_LETTERS = 500
USED_EVERY = timedelta(hours=1)
"""Shortest time between two updates of a key's last use."""

MOST_NETWORKS = 40
"""Networks remembered of a key's uses; the oldest are dropped."""


Network = IPv4Network | IPv6Network


class BadToken(Unauthenticated):
    """The key or token is unknown, expired or revoked."""

    code = "bad-token"
    sentence = "This key or token is not valid. Ask for a new one."


class NotAgreedTo(Malformed):
    """Send scopes that the person has agreed to, about the same patient, or leave scope out."""

    code = "invalid_scope"


@dataclass(frozen=True, slots=True)
class Proof:
    """The holder of a bearer token: an account, or a program by the name of its key or client.

    ``program_id`` is the id of the key or client, since names are not unique. A key works from
    ``networks`` only, if there are any, and until ``ends_at``. A use ``is_new`` if it is to be
    noted with :func:`note_use`. ``proved_at`` is when the person gave the password for the token.
    A program that acts for the account is the client ``client_id``; if it is for one patient,
    ``patient_id`` is theirs.
    """

    scopes: frozenset[str]
    account: Account | None = None
    program: str | None = None
    program_id: UUID | None = None
    networks: tuple[str, ...] = ()
    ends_at: datetime | None = None
    is_new: bool = False
    proved_at: datetime | None = None
    client_id: UUID | None = None
    patient_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """An access token and the refresh token for the next pair."""

    access: str
    refresh: str | None


@dataclass(frozen=True, slots=True)
class Family:
    """All tokens that go back to one sign-in of an account, which ``began`` then; ``proved_at`` is
    when the person proved who they are, and ``agent`` the program that sent the password.

    What a person lets a client do has its ``client_id``, the ``scopes``, and the patient that it is
    for; with a ``browser``, it ends with that session. It has no refresh token unless it ``stays``.
    """

    id: UUID
    account_id: UUID
    began: datetime
    proved_at: datetime | None
    agent: str | None = None
    client_id: UUID | None = None
    scopes: str = EVERYTHING
    patient_id: UUID | None = None
    browser: bytes | None = None
    stays: bool = True


def create_key(
    work: Work,
    name: str,
    scopes: Iterable[str],
    networks: Iterable[str],
    *,
    until: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Create a key and return it with its text, which is not stored.

    It ends after ``key_days`` of the settings, and at ``until`` at the latest. Raises UnknownScope
    and Invalid.
    """
    days = work.settings.key_days
    ends = [end for end in (until, work.now + timedelta(days=days) if days else None) if end]
    text = KEY + secrets.token_urlsafe(32)
    key = ApiKey(
        id=new_id(),
        name=name,
        token_hash=token_hash(text),
        scopes=check_scopes(scopes),
        networks=check_networks(networks),
        created_at=work.now,
        created_by=work.actor.account_id,
        ends_at=min(ends, default=None),
    )
    work.session.add(key)
    audit.record(work, "key.created", f"key:{key.id}", scopes=key.scopes)
    return key, text


def revoke_key(work: Work, key_id: UUID) -> None:
    """Revoke a key. Raises NotFound if there is no such key or it is revoked already."""
    key = work.session.get(ApiKey, key_id)
    if key is None or key.revoked_at is not None:
        raise NotFound
    key.revoked_at = work.now
    audit.record(work, "key.revoked", f"key:{key_id}")


def check_networks(networks: Iterable[str]) -> str:
    """Return address ranges, for example 10.0.0.0/8, as they are stored. Raises Invalid."""
    try:
        stored = ",".join(str(ip_network(text.strip(), strict=False)) for text in networks)
    except ValueError:
        raise Invalid("Enter networks like 10.0.0.0/8.", field="networks") from None
    if len(stored) > NETWORKS_LETTERS:
        raise Invalid("Enter fewer networks, or larger ones.", field="networks")
    return stored


def check_hands_on(
    held: frozenset[str], own: Sequence[str], scopes: Iterable[str], networks: Iterable[str]
) -> None:
    """Refuse a new key with more rights than its creator, whose own key has the scopes ``held``
    and, if any, the networks ``own``. Raises UnknownScope, ScopeMissing and Invalid."""
    check_handed_on(held, check_scopes(scopes).split())
    stored = check_networks(networks)
    inner = [ip_network(text) for text in stored.split(",")] if stored else []
    outer = [ip_network(text) for text in own]
    if outer and not (inner and all(any(_contains(o, i) for o in outer) for i in inner)):
        raise Invalid(
            "Enter networks inside those of your own key: {own}.",
            field="networks",
            own=", ".join(own),
        )


def _contains(outer: Network, inner: Network) -> bool:
    return (
        outer.version == inner.version
        and int(outer.network_address) <= int(inner.network_address)
        and int(inner.broadcast_address) <= int(outer.broadcast_address)
    )


def is_inside(address: str | None, networks: Sequence[str]) -> bool:
    """Return whether an address is in one of the ranges; False for a text that is no address,
    which some proxies send."""
    try:
        client = ip_address(address or "")
    except ValueError:
        return False
    return any(client in ip_network(network) for network in networks)


def prove_key(key: queries.ValidKey, address: str | None, now: datetime) -> Proof:
    """Return the holder of a key that is not revoked. Raises BadToken if it has ended, or has
    networks and the address is in none of them."""
    if key.ends_at is not None and key.ends_at <= now:
        raise BadToken
    networks = tuple(key.networks.split(",")) if key.networks else ()
    if networks and not is_inside(address, networks):
        raise BadToken
    return Proof(
        frozenset(key.scopes.split()),
        program=f"key {key.name}",
        program_id=key.id,
        networks=networks,
        ends_at=key.ends_at,
        is_new=_is_new_use(key, address, now),
    )


def prove(work: Work, text: str) -> Proof:
    """Return the holder of an access token, in one statement; in two or three where the role of a
    person needs a second step. Raises BadToken, and MustChangePassword for the token of a person.

    A token of a person is valid while they would have signed in as their role needs it now.
    """
    digest = token_hash(text)
    holder = queries.holder_of(work, digest) if text.startswith(ACCESS) else None
    if holder is None:
        raise BadToken
    token, account, client = holder
    scopes = frozenset(token.scopes.split())
    if account is not None:
        if account.must_change_password:
            raise MustChangePassword
        if not _signs_in_as_needed(work, account, client):
            raise BadToken
        is_narrow = is_for_one(scopes)
        if is_narrow and token.patient_id is None:
            raise BadToken
        return Proof(
            for_person(narrowed(scopes, client.scopes.split()) if client else scopes),
            account=account,
            proved_at=token.proved_at,
            client_id=token.client_id,
            patient_id=token.patient_id if is_narrow else None,
        )
    if client is None:
        raise BadToken
    return Proof(scopes, program=f"client {client.name}", program_id=client.id)


def _is_new_use(key: queries.ValidKey, address: str | None, now: datetime) -> bool:
    is_due = key.used_at is None or now - key.used_at >= USED_EVERY
    return is_due or network_of(address) not in (key.used_from or "").split(",")


def note_use(work: Work, key_id: UUID) -> None:
    """Note when and from which network a key was used; its first use, and each from a network that
    it was not used from before, is an audit event."""
    key = work.session.get(ApiKey, key_id)
    if key is None:
        return
    network, known = network_of(work.actor.address), (key.used_from or "").split(",")
    if network not in known:
        act = "key.first-used" if key.used_at is None else "key.new-network"
        audit.record(work, act, f"key:{key_id}", network=network)
        latest = [name for name in known if name][1 - MOST_NETWORKS :]
        key.used_from = ",".join([*latest, network])
    key.used_at = work.now


def issue_pair(
    work: Work, account: Account, *, agent: str | None = None, factor: Factor | None = None
) -> Pair:
    """Issue a pair of tokens to a person who has signed in, with all rights of the account. Raises
    WrongCredentials or HalfSignedIn if what was given opens the account no longer."""
    check_opens(work, account, factor)
    work = work.by(Actor(account_id=account.id, address=work.actor.address))
    audit.record(work, "token.issued", f"account:{account.id}")
    agent = agent[:200] if agent else None
    return issue(work, Family(new_id(), account.id, work.now, work.now, agent))


def refresh(
    work: Work, text: str, *, client: ApiClient | None = None, asked: str | None = None
) -> tuple[Pair, Family] | None:
    """Return the next pair for a refresh token of the ``client``, or of a password; it works once.
    The access token has the ``asked`` scopes of those that the person agreed to (RFC 6749, 6).

    Returns None if the token is unknown or another's, and also ends its whole family if it was used
    before, has expired, its account may not go on, or the browser that it depends on signed out.
    Raises NotAgreedTo if the access token would have none, or be no longer for one patient.
    """
    digest = token_hash(text)
    token = work.session.get(ApiToken, digest)
    own = client.id if client else None
    if token is None or not token.is_refresh or token.client_id != own or token.account_id is None:
        return None
    wait(work, token.account_id)
    lasts = token.ends_at > work.now and (
        token.browser is None or queries.lasts(work, token.browser, unused_since=unused_since(work))
    )
    may = lasts and may_go_on(work, token.account_id, client)
    if not may or not queries.spend(work, digest):
        queries.end_family(work.session, token.family)
        if token.used_at is not None:
            audit.record(work, "token.reused", f"account:{token.account_id}")
        return None
    work = work.by(Actor(account_id=token.account_id, address=work.actor.address))
    audit.record(work, "token.refreshed", f"account:{token.account_id}")
    family = Family(
        token.family,
        token.account_id,
        token.family_began_at or token.created_at,
        token.proved_at,
        token.agent,
        token.client_id,
        token.scopes if client else EVERYTHING,
        token.patient_id,
        token.browser,
    )
    scopes = family.scopes if asked is None else _part(family.scopes.split(), asked.split())
    return issue(work, family, scopes=scopes), replace(family, scopes=scopes)


def _part(held: Sequence[str], asked: Sequence[str]) -> str:
    """Return the asked scopes that are held; what is for one patient does not become for all."""
    scopes = narrowed(asked, held)
    if not scopes or (is_for_one(held) and not is_for_one(scopes)):
        raise NotAgreedTo
    return " ".join(scopes)


def may_go_on(work: Work, account_id: UUID, client: ApiClient | None = None) -> bool:
    """Return whether programs may still act for an account."""
    holder = queries.by_id(work.session, account_id)
    if holder is None or not holder.active or holder.must_change_password:
        return False
    return _signs_in_as_needed(work, holder, client)


def _signs_in_as_needed(work: Work, holder: Account, client: ApiClient | None) -> bool:
    """Return whether a person could sign in for a program now. A ``client`` sends people to the
    pages, where they sign in as they must: with a second step, if not their provider asks for
    one."""
    if client is None and providers.is_only_way(work.settings, holder.role):
        return False
    if not must_enrol(work, holder):
        return True
    return client is not None and bool(queries.identities_of(work.session, holder.id))


def issue_for_client(work: Work, client: ApiClient, scopes: Iterable[str], lasts: timedelta) -> str:
    """Issue an access token to an authenticated program."""
    text = ACCESS + secrets.token_urlsafe(32)
    audit.record(work, "token.issued", f"client:{client.id}")
    work.session.add(
        ApiToken(
            token_hash=token_hash(text),
            client_id=client.id,
            scopes=" ".join(sorted(scopes)),
            is_refresh=False,
            family=new_id(),
            created_at=work.now,
            ends_at=work.now + lasts,
        )
    )
    return text


def issue(work: Work, family: Family, *, scopes: str | None = None) -> Pair:
    """Issue the next tokens of a family, which ends after ``token_days`` of the settings. The
    access token has only the ``scopes``, if there are any."""
    last = family.began + timedelta(days=work.settings.token_days)
    access, refresh = (prefix + secrets.token_urlsafe(32) for prefix in (ACCESS, REFRESH))
    pair = Pair(access, refresh if family.stays else None)
    for text, lasts in ((pair.access, ACCESS_LASTS), (pair.refresh, REFRESH_LASTS)):
        if text is None:
            continue
        work.session.add(
            ApiToken(
                token_hash=token_hash(text),
                account_id=family.account_id,
                client_id=family.client_id,
                scopes=family.scopes if text == pair.refresh else scopes or family.scopes,
                is_refresh=text == pair.refresh,
                family=family.id,
                family_began_at=family.began,
                proved_at=family.proved_at,
                agent=family.agent,
                patient_id=family.patient_id,
                browser=family.browser,
                created_at=work.now,
                ends_at=min(work.now + lasts, last),
            )
        )
    return pair
