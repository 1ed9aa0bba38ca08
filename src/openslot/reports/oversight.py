"""The part of the audit log that administrators can see."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import queries
from openslot.booking.models import Appointment
from openslot.core.actor import Role
from openslot.core.audit import Scope
from openslot.core.errors import Forbidden
from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.directory.models import Centre, Department, Patient, Practitioner, Service
from openslot.identity import queries as accounts
from openslot.schedules import queries as schedules
from openslot.schedules.models import Schedule

Id = TypeVar("Id")

WATCHED = frozenset({"record.emergency-access"})
"""Actions of practitioners that administrators of all their centres can see."""


def scope_of(work: Work, subject: str | None = None) -> Scope | None:
    """Return the events that the actor can see; None, which is all, for network administrators.

    Centre administrators see the actions of their own people, and all actions on the centre, its
    departments, services, schedules and staff accounts. Their own people are the staff, and the
    practitioners who work at no other centre. They also see emergency access by any practitioner
    of the centre and, if ``subject`` is an appointment at the centre, all of its events. Raises
    Forbidden for other actors.
    """
    if work.actor.is_a(Role.NETWORK_ADMIN):
        return None
    if not work.actor.is_a(Role.CENTRE_ADMIN) or work.actor.centre_id is None:
        raise Forbidden
    people = schedules.people_of(work.session, work.actor.centre_id)
    subjects = set(schedules.parts_of(work.session, work.actor.centre_id))
    subjects |= {f"account:{account_id}" for account_id in people.staff}
    if subject is not None and _is_appointment_at(work.session, subject, work.actor.centre_id):
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
    """The subject of an audit event with its name; for an appointment, the name of the
    practitioner or service, and the appointment itself."""

    kind: str
    id: int | UUID
    name: str
    appointment: Appointment | None = None


PEOPLES = frozenset({"account", "appointment", "patient"})
"""Kinds of subjects whose ids are UUIDs, since they are people's data."""

DIRECTORY: Mapping[str, Any] = {
    "centre": Centre,
    "department": Department,
    "service": Service,
    "practitioner": Practitioner,
    "patient": Patient,
}


def things(session: Session, subjects: Iterable[str]) -> dict[str, Thing]:
    """Return the things that the audit's subjects refer to, if they still exist, in one statement
    per kind."""
    ids_by_kind: dict[str, list[str]] = defaultdict(list)
    for subject in sorted(set(subjects)):
        kind, _, written_id = subject.partition(":")
        ids_by_kind[kind].append(written_id)
    return {
        f"{thing.kind}:{thing.id}": thing
        for kind, written_ids in ids_by_kind.items()
        for thing in _things(session, kind, written_ids)
    }


def _things(session: Session, kind: str, written_ids: list[str]) -> Iterator[Thing]:
    if kind == "account":
        for account in accounts.by_ids(session, _read_ids(UUID, written_ids)).values():
            yield Thing(kind, account.id, account.name)
    elif kind == "appointment":
        with_ids = Appointment.id.in_(_read_ids(UUID, written_ids))
        for appointment in queries.appointments(session, with_ids):
            yield Thing(kind, appointment.id, appointment.with_whom, appointment)
    elif kind == "schedule":
        for schedule in schedules.subjects(session, Schedule.id.in_(_read_ids(int, written_ids))):
            yield Thing(kind, schedule.id, schedule.name)
    elif kind in DIRECTORY:
        ids = _read_ids(UUID, written_ids) if kind in PEOPLES else _read_ids(int, written_ids)
        names = directory.names(session, DIRECTORY[kind], ids)
        yield from (Thing(kind, thing_id, name) for thing_id, name in names.items())


def _read_ids(kind: Callable[[str], Id], written_ids: list[str]) -> list[Id]:
    """Parse ids; invalid ones are ignored."""
    ids: list[Id] = []
    for written_id in written_ids:
        with suppress(ValueError):
            ids.append(kind(written_id))
    return ids
