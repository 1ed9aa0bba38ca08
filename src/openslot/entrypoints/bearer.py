"""Programs that prove who they are with each request: a key or a token as a bearer."""

from dataclasses import dataclass
from typing import cast
from uuid import UUID

from flask import g, request

from openslot.core.errors import Unauthenticated
from openslot.directory.commands import actor_of
from openslot.directory.rules import Actor
from openslot.entrypoints import limits
from openslot.entrypoints.request import now, reader, settings
from openslot.identity.keys import BadToken, is_inside, prove
from openslot.identity.models import Role
from openslot.identity.scopes import EVERYTHING, ScopeMissing, check_scope


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and what the proof lets them do; ``program_id`` is the id of a key or client,
    ``networks`` are the only ones that a key works from."""

    actor: Actor
    scopes: frozenset[str]
    program_id: UUID | None = None
    networks: tuple[str, ...] = ()


def caller() -> Caller:
    """Who sent this request; nobody, with no scope, where no proof came. BadToken for a bad one.

    A session's cookie proves nothing here: another site could make a browser send it.
    """
    if "caller" not in g:
        g.caller = _caller()
    return cast(Caller, g.caller)


def actor() -> Actor:
    """Who sent this request, as one who acts."""
    return caller().actor


def demand(scope: str) -> None:
    """Unauthenticated without a proof, ScopeMissing where it lacks ``scope``."""
    known = caller()
    if known.actor.role is None:
        raise Unauthenticated("Send a key or a token: Authorization: Bearer …")
    check_scope(known.scopes, scope)


def holds(scope: str) -> bool:
    """Return whether the proof includes ``scope``."""
    return not {EVERYTHING, scope}.isdisjoint(caller().scopes)


def challenge(refusal: Exception | None) -> dict[str, str]:
    """The header that says which proof is wanted, and what the one that came lacks (RFC 6750, 3);
    none where no proof would help."""
    found = 'Bearer realm="OpenSlot"'
    if isinstance(refusal, BadToken):
        found += ', error="invalid_token"'
    elif isinstance(refusal, ScopeMissing):
        found += f', error="insufficient_scope", scope="{refusal.params["scope"]}"'
    elif not isinstance(refusal, Unauthenticated):
        return {}
    return {"WWW-Authenticate": found}


def _caller() -> Caller:
    header = request.headers.get("Authorization", "")
    if not header:
        return _unproved()
    scheme, _, text = header.partition(" ")
    if scheme.casefold() != "bearer" or not text.strip():
        raise BadToken
    proof = prove(reader(), text.strip(), address=request.remote_addr, now=now())
    if proof.account is not None:
        limits.by_account(proof.account.id)
        return Caller(actor_of(reader(), proof.account, request.remote_addr), proof.scopes)
    limits.by_program(proof.program_id)
    program = _program(proof.program or "program")
    return Caller(program, proof.scopes, proof.program_id, proof.networks)


def _unproved() -> Caller:
    """Nobody, or a program of a network that the doctor-schedule service trusts."""
    if is_inside(request.remote_addr, settings().doctor_networks):
        return Caller(_program("trusted network"), frozenset({"doctors"}))
    return Caller(Actor(address=request.remote_addr), frozenset())


def _program(name: str) -> Actor:
    return Actor(role=Role.NETWORK_ADMIN, address=request.remote_addr, program=name)
