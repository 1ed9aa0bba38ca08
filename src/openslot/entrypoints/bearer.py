"""Authentication of programs by a bearer key or token in each request."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar
from uuid import UUID

import structlog
from flask import g, request
from sqlalchemy.orm import Session

from openslot.core.actor import Actor, Role
from openslot.core.db import check_later
from openslot.core.errors import Busy, Unauthenticated, Unavailable
from openslot.core.work import Work, doing
from openslot.directory.commands import actor_of
from openslot.directory.keys.known import KnownKeys
from openslot.entrypoints import limits
from openslot.entrypoints.request import (
    confirm_first,
    database,
    now,
    reader,
    reading_by,
    services,
    settings,
    visitor,
    write_by,
    write_in_group_by,
)
from openslot.identity.errors import ProofNeeded
from openslot.identity.keys import KEY, BadToken, Proof, is_inside, note_use, prove, prove_key
from openslot.identity.queries import ValidKey
from openslot.identity.scopes import EVERYTHING, SCOPES, ScopeMissing, check_scope, read_fhir
from openslot.identity.sessions import is_proved, token_hash

P = ParamSpec("P")
T = TypeVar("T")

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of a request, with the scopes of the key or token.

    ``program_id`` is the id of a key or client; a key works only from its ``networks``, and until
    ``ends_at``. ``proved_at`` is when the person of a token gave the password, and
    ``client_id`` the program that they let act for them.
    """

    actor: Actor
    scopes: frozenset[str]
    program_id: UUID | None = None
    networks: tuple[str, ...] = ()
    ends_at: datetime | None = None
    proved_at: datetime | None = None
    client_id: UUID | None = None


def caller() -> Caller:
    """Return the caller of this request, anonymous and without scopes if no key or token was sent.

    Raises BadToken for a bad one. Session cookies are ignored, as another site could make a browser
    send them.
    """
    known: Caller | None = g.get("caller")
    if known is None:
        known = g.caller = _caller()
    return known


def actor() -> Actor:
    """Return the actor of this request."""
    return caller().actor


def work() -> Work:
    """Return this request's reading as work of the caller."""
    return reading_by(actor())


def write(command: Callable[Concatenate[Work, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do a command of the caller in its own transaction; retries call it again."""
    return write_by(actor(), command, *args, **kwargs)


def write_in_group(
    command: Callable[Concatenate[Work, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Do a command as :func:`write` does, together with others if it can be: see
    :meth:`openslot.core.db.Database.run`."""
    return write_in_group_by(actor(), command, *args, **kwargs)


def take_on(patient_id: UUID) -> None:
    """Let the caller act for a dependent who was added by this request."""
    dependents = actor().dependents | {patient_id}
    g.caller = replace(caller(), actor=replace(actor(), dependents=dependents))


def demand_token() -> None:
    """Raise Unauthenticated without a key or token."""
    if caller().actor.role is None:
        raise Unauthenticated("Send a key or token: Authorization: Bearer …")


def demand(scope: str) -> None:
    """Raise Unauthenticated without a key or token, and ScopeMissing if it lacks ``scope``."""
    demand_token()
    check_scope(caller().scopes, scope)


def demand_proof() -> None:
    """Raise ProofNeeded if the person's password was given too long ago, as pages do; a program
    that acts for the network has none."""
    account_id, proved_at = caller().actor.account_id, caller().proved_at
    if account_id is not None and not is_proved(work(), proved_at):
        raise ProofNeeded(
            "Have the person sign in again: this needs a token of a sign-in at most {minutes} "
            "minutes ago.",
            minutes=settings().proof_minutes,
        )


def holds(scope: str) -> bool:
    """Return whether the key or token includes ``scope``."""
    return not {EVERYTHING, scope}.isdisjoint(caller().scopes)


def challenge(refusal: Exception | None) -> dict[str, str]:
    """Return the WWW-Authenticate header for a refusal (RFC 6750, 3), if a key or token helps."""
    value = 'Bearer realm="OpenSlot"'
    if isinstance(refusal, BadToken):
        value += ', error="invalid_token"'
    elif isinstance(refusal, ScopeMissing):
        value += f', error="insufficient_scope", scope="{refusal.params["scope"]}"'
    elif not isinstance(refusal, Unauthenticated):
        return {}
    return {"WWW-Authenticate": value}


def _caller() -> Caller:
    header = request.headers.get("Authorization", "")
    if not header:
        return Caller(visitor(), frozenset())
    scheme, _, text = header.partition(" ")
    if scheme.casefold() != "bearer" or not text.strip():
        raise BadToken
    proof = _proof(text.strip())
    if proof.account is not None:
        limits.by_account(proof.account.id)
        person, scopes = actor_of(reader(), proof.account, request.remote_addr), proof.scopes
        if proof.patient_id is not None:
            person, scopes = person.about(proof.patient_id), _for_one(person, scopes)
        return Caller(person, scopes, proved_at=proof.proved_at, client_id=proof.client_id)
    limits.by_program(proof.program_id)
    program = _program(proof.program or "program")
    if proof.is_new and proof.program_id is not None:
        _note_use(program, proof.program_id)
        services().database.kept(KnownKeys).forget(proof.program_id)
    return Caller(program, _narrowed(proof.scopes), proof.program_id, proof.networks, proof.ends_at)


def _proof(text: str) -> Proof:
    """Return the holder of a key or token. Of a key that is known, the first session of the request
    learns whether it is still valid."""
    if not text.startswith(KEY):
        return prove(reading_by(visitor()), text)
    digest, known = token_hash(text), services().database.kept(KnownKeys)
    key = known.get(digest)
    if key is None:
        key = known.read(reader(), digest)
    else:
        confirm_first(partial(_read_again, known, digest, key))
    return prove_key(key, request.remote_addr, now())


def _read_again(known: KnownKeys, digest: bytes, key: ValidKey, session: Session) -> None:
    """Raise BadToken unless the key is what it was when it was last read."""
    try:
        check_later(session, known.check, {digest: key})
    except BadToken:
        g.caller = Caller(visitor(), frozenset())
        del g.check
        raise


def _for_one(person: Actor, scopes: frozenset[str]) -> frozenset[str]:
    """Return the scopes that a token for one patient has: none to change the account, which is of
    all whom its owner looks after, with its calendar address; and of those who work with many, only
    what FHIR and the directory show of that one."""
    if person.is_a(Role.PATIENT):
        return scopes - {"account:write"}
    return frozenset(one for one in scopes if read_fhir(one) or one == "directory:read")


def _note_use(program: Actor, key_id: UUID) -> None:
    try:
        database().run(doing(program, now(), settings(), note_use, key_id))
    except (Busy, Unavailable):
        log.warning("key.use-not-noted", key=str(key_id))


def _narrowed(scopes: frozenset[str]) -> frozenset[str]:
    """Return the scopes without that of the doctor-schedule service, unless the program is in one
    of its networks."""
    networks = settings().doctor_networks
    if not networks or is_inside(request.remote_addr, networks):
        return scopes
    if EVERYTHING in scopes:
        scopes = scopes - {EVERYTHING} | frozenset(SCOPES) | {"system/*.cruds"}
    return scopes - {"doctors"}


def _program(name: str) -> Actor:
    return Actor(role=Role.NETWORK_ADMIN, address=request.remote_addr, program=name)
