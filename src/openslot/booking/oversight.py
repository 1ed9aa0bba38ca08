"""What administrators may see of the audit."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import queries
from openslot.booking.models import Appointment
from openslot.core.errors import Forbidden
from openslot.core.trail import Scope
from openslot.directory import queries as directory
from openslot.directory.models import Centre, Department, Patient, Practitioner, Service
from openslot.directory.rules import Actor
from openslot.identity import queries as accounts
from openslot.identity.models import Role
from openslot.schedules import queries as schedules
from openslot.schedules.models import Schedule

Id = TypeVar("Id")

WATCHED = frozenset({"record.emergency-access"})
"""What the administrators of every centre where somebody works are told of."""


def scope_of(session: Session, actor: Actor, subject: str | None = None) -> Scope | None:
    """The events that the actor may see; None for an administrator of the network, who sees all.

    An administrator of a centre sees what its own people did, and what anybody did to the
    centre, its departments, services, schedules and staff accounts. Its own people are its
    staff, and practitioners who work nowhere else: what somebody does at two centres is not
    for one of them to read. Emergency access by any practitioner of the centre is seen too.
    Asked for one appointment at the centre, they see all of that. Raises Forbidden for others.
    """
    if actor.is_a(Role.NETWORK_ADMIN):
        return None
    if not actor.is_a(Role.CENTRE_ADMIN) or actor.centre_id is None:
        raise Forbidden
    people = schedules.people_of(session, actor.centre_id)
    subjects = set(schedules.parts_of(session, actor.centre_id))
    subjects |= {f"account:{account_id}" for account_id in people.staff}
    if subject is not None and _is_appointment_at(session, subject, actor.centre_id):
        subjects.add(subject)
    return Scope(
        accounts=people.staff | people.only_here,
        subjects=frozenset(subjects),
        watched=people.only_here | people.also_here,
        actions=WATCHED,
    )


def _is_appointment_at(session: Session, subject: str, centre_id: int) -> bool:
    kind, _, name = subject.partition(":")
    try:
        appointment = queries.appointment(session, UUID(name)) if kind == "appointment" else None
    except ValueError:
        return False
    return appointment is not None and appointment.centre.id == centre_id


@dataclass(frozen=True, slots=True)
class Thing:
    """What an event was about, and what it is called; an appointment by whom it is with, when it
    starts, and at which centre."""

    kind: str
    id: int | UUID
    name: str
    appointment: Appointment | None = None


PEOPLES = frozenset({"account", "appointment", "patient"})
"""Kinds whose ids are UUIDs, since they are people's data."""

DIRECTORY: Mapping[str, Any] = {
    "centre": Centre,
    "department": Department,
    "service": Service,
    "practitioner": Practitioner,
    "patient": Patient,
}


def things(session: Session, subjects: Iterable[str]) -> dict[str, Thing]:
    """What the audit's subjects stand for, those that are there still; one statement a kind."""
    wanted: dict[str, list[str]] = defaultdict(list)
    for subject in sorted(set(subjects)):
        kind, _, name = subject.partition(":")
        wanted[kind].append(name)
    found = [thing for kind, names in wanted.items() for thing in _things(session, kind, names)]
    return {f"{thing.kind}:{thing.id}": thing for thing in found}


def _things(session: Session, kind: str, names: list[str]) -> Iterator[Thing]:
    if kind == "account":
        for account in accounts.by_ids(session, _read(UUID, names)).values():
            yield Thing(kind, account.id, account.name)
    elif kind == "appointment":
        for appointment in queries.appointments(session, Appointment.id.in_(_read(UUID, names))):
            yield Thing(kind, appointment.id, appointment.with_whom, appointment)
    elif kind == "schedule":
        for offered in schedules.subjects(session, Schedule.id.in_(_read(int, names))):
            yield Thing(kind, offered.id, offered.name)
    elif kind in DIRECTORY:
        ids = _read(UUID, names) if kind in PEOPLES else _read(int, names)
        known = directory.names(session, DIRECTORY[kind], ids)
        yield from (Thing(kind, one, name) for one, name in known.items())


def _read(kind: Callable[[str], Id], names: list[str]) -> list[Id]:
    """The names as ids; one that is none stands for nothing, and spoils no page."""
    found: list[Id] = []
    for name in names:
        with suppress(ValueError):
            found.append(kind(name))
    return found
