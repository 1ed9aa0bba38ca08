"""Selects of the waiting list."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session, joinedload
from sqlalchemy.orm.attributes import flag_modified

from openslot.booking.models import Appointment, Status
from openslot.booking.moves import LIVE
from openslot.booking.rules import place_for
from openslot.core import keyset
from openslot.core.actor import Actor, Role
from openslot.core.tables import alias_of
from openslot.core.work import Work
from openslot.directory.models import Patient, Practitioner
from openslot.schedules import queries as schedules
from openslot.schedules.models import Schedule
from openslot.schedules.rules import Place
from openslot.waiting_list.models import Offer, OfferStatus, Waiting, WaitingCentre, WaitingEntry
from openslot.waiting_list.rules import Scope, allows_length

Condition = ColumnElement[bool]
"""A filter on rows."""

_Hold = alias_of(Appointment)

Tried = tuple[int, datetime]
"""(schedule id, start)"""


@dataclass(frozen=True, slots=True)
class Waiter:
    """A waiting list entry with everything that decides which times fit."""

    entry: WaitingEntry
    patient: Patient | None
    appointment: Appointment | None
    centres: frozenset[int] = frozenset()
    tried: set[Tried] = field(default_factory=set)
    has_open: bool = False

    @property
    def scope(self) -> Scope:
        """The schedules that the entry is for."""
        entry = self.entry
        return Scope(entry.schedule_id, entry.practitioner_id, entry.profession, self.centres)

    def suited(self, place: Place) -> Place | None:
        """Return the place for what they wait for; None if it is not offered there, or not for so
        long."""
        if self.appointment is not None:
            found = place_for(self.appointment, place)
        else:
            found = place.offering(self.entry.service_id)
        return found if found and allows_length(found, self.minutes_at(found)) else None

    def minutes_at(self, place: Place) -> int:
        """Return how long it would take at a place for what they wait for."""
        return place.slot_minutes if self.entry.service_id else self.entry.minutes

    @property
    def before(self) -> datetime:
        """The end of the period in which an offered time may start."""
        if self.appointment is None:
            return self.entry.starts_until
        return min(self.entry.starts_until, self.appointment.starts_at)


def waiters(session: Session, *where: Condition) -> list[Waiter]:
    """Return everyone who waits, in no order; three statements."""
    rows = session.execute(
        select(WaitingEntry, Patient, Appointment)
        .outerjoin(Appointment, Appointment.id == WaitingEntry.appointment_id)
        .outerjoin(
            Patient, Patient.id == func.coalesce(WaitingEntry.patient_id, Appointment.patient_id)
        )
        .options(joinedload(Appointment.schedule).joinedload(Schedule.service))
        .where(WaitingEntry.status == Waiting.WAITING, *where)
        .options(joinedload(Appointment.schedule).joinedload(Schedule.service))
    ).all()
    waiting = select(WaitingEntry.id).where(WaitingEntry.status == Waiting.WAITING, *where)
    centres = centres_of(session, waiting)
    tried: dict[UUID, set[Tried]] = defaultdict(set)
    entries_with_offer = set()
    for entry_id, status, schedule_id, start in session.execute(
        select(Offer.entry_id, Offer.status, _Hold.schedule_id, _Hold.starts_at)
        .join(_Hold, _Hold.id == Offer.hold_id)
        .where(Offer.entry_id.in_(waiting))
    ):
        tried[cast(UUID, entry_id)].add((schedule_id, start))
        if status == OfferStatus.OPEN:
            entries_with_offer.add(entry_id)
    return [
        Waiter(
            entry,
            patient,
            appointment,
            centres.get(entry.id, frozenset()),
            tried[entry.id],
            entry.id in entries_with_offer,
        )
        for entry, patient, appointment in rows
    ]


def centres_of(session: Session, entry_ids: Any) -> dict[UUID, frozenset[int]]:
    """Return the centres of entries by entry id; one statement.

    ``entry_ids`` may be a select.
    """
    centres: dict[UUID, set[int]] = defaultdict(set)
    for entry_id, centre_id in session.execute(
        select(WaitingCentre.entry_id, WaitingCentre.centre_id).where(
            WaitingCentre.entry_id.in_(entry_ids)
        )
    ):
        centres[entry_id].add(centre_id)
    return {entry_id: frozenset(ids) for entry_id, ids in centres.items()}


def places_in(session: Session, scopes: Collection[Scope]) -> dict[int, Place]:
    """Return the schedules within the scopes by id, possibly with some others; one statement."""
    by_profession = [scope for scope in scopes if scope.profession]
    in_profession: Condition = Practitioner.profession.in_(
        {scope.profession for scope in by_profession}
    )
    if all(scope.centre_ids for scope in by_profession):
        centre_ids = set().union(*(scope.centre_ids for scope in by_profession))
        in_profession = and_(in_profession, Schedule.centre_id.in_(centre_ids))
    return schedules.places(
        session,
        or_(
            Schedule.id.in_({scope.schedule_id for scope in scopes if scope.schedule_id}),
            Schedule.practitioner_id.in_(
                {scope.practitioner_id for scope in scopes if scope.practitioner_id}
            ),
            in_profession,
        ),
    )


def live_keys(work: Work, patient_ids: Iterable[UUID]) -> dict[UUID, set[str]]:
    """Return the daily keys (see Appointment) in use, by patient; one statement."""
    keys: dict[UUID, set[str]] = defaultdict(set)
    for patient_id, key in work.session.execute(
        select(Appointment.patient_id, Appointment.one_a_day).where(
            Appointment.patient_id.in_(set(patient_ids)),
            Appointment.one_a_day.is_not(None),
            or_(Appointment.status != Status.HELD, Appointment.held_until > work.now),
        )
    ):
        keys[cast(UUID, patient_id)].add(cast(str, key))
    return keys


def add_entry(session: Session, entry: WaitingEntry, centre_ids: Collection[int]) -> None:
    """Store a new entry with its centres."""
    session.add(entry)
    session.flush()
    session.add_all(
        WaitingCentre(entry_id=entry.id, centre_id=centre_id) for centre_id in centre_ids
    )


def touch(entry: WaitingEntry) -> None:
    """Raise the entry's version.

    If two transactions offer a time to the same entry, one of them fails and is tried again.
    """
    flag_modified(entry, "missed")


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry in a list, with its patient and the appointment that would be replaced."""

    entry: WaitingEntry
    patient: Patient | None
    appointment: Appointment | None


def entries_for(
    session: Session,
    *,
    patient_ids: Collection[UUID] = (),
    department_id: int | None = None,
    limit: int,
) -> list[Listed]:
    """Return the newest entries of patients or of a department; one statement."""
    own: Condition = WaitingEntry.patient_id.in_(set(patient_ids))
    if department_id is not None:
        own = or_(own, WaitingEntry.department_id == department_id)
    newest = (WaitingEntry.created_at.desc(), WaitingEntry.id)
    return _listed(session, own, newest, limit)


def concerning(
    work: Work, *, status: Waiting | None = None, after: keyset.Key | None = None, limit: int
) -> list[Listed]:
    """Return the entries that the actor may see, newest first; one statement.

    They are those of the actor, their dependents and their department, and the waiting entries for
    what the actor provides or manages. ``after`` is the creation time and id of the last entry of
    the page before.
    """
    where = _own(work.actor)
    if work.actor.patient_id is None:
        where = or_(where, and_(WaitingEntry.status == Waiting.WAITING, at_place(work.actor)))
    if status is not None:
        where = and_(where, WaitingEntry.status == status)
    newest = (WaitingEntry.created_at.desc(), WaitingEntry.id.desc())
    return _listed(work.session, where, newest, limit, after=after)


def _own(actor: Actor) -> Condition:
    patients = {*actor.dependents, *([actor.patient_id] if actor.patient_id else [])}
    own: Condition = WaitingEntry.patient_id.in_(patients)
    if actor.is_a(Role.STAFF) and actor.department_id is not None:
        own = or_(own, WaitingEntry.department_id == actor.department_id)
    return own


def waiting_at(work: Work, *, limit: int) -> list[Listed]:
    """Return waiting entries for what the actor provides or manages; one statement.

    The longest waiting come first.
    """
    return _listed(
        work.session,
        and_(WaitingEntry.status == Waiting.WAITING, at_place(work.actor)),
        _BY_AGE,
        limit,
    )


def entries_with(session: Session, entry_ids: Collection[UUID]) -> list[Listed]:
    """Return the entries that have these ids; one statement."""
    return _listed(session, WaitingEntry.id.in_(entry_ids), _BY_AGE, len(entry_ids))


def _listed(
    session: Session, where: Condition, order: Any, limit: int, *, after: keyset.Key | None = None
) -> list[Listed]:
    entries: Any = (
        select(WaitingEntry, Patient, Appointment)
        .outerjoin(Patient, Patient.id == WaitingEntry.patient_id)
        .outerjoin(Appointment, Appointment.id == WaitingEntry.appointment_id)
        .where(where)
    )
    return [Listed(*row) for row in session.execute(keyset.page(entries, order, after, limit))]


def open_entries(session: Session, patient_id: UUID) -> list[WaitingEntry]:
    """Return the waiting entries of a patient; one statement."""
    query = select(WaitingEntry).where(
        WaitingEntry.patient_id == patient_id, WaitingEntry.status == Waiting.WAITING
    )
    return list(session.scalars(query.order_by(*_BY_AGE)))


def holds_offered(
    session: Session, entry_ids: Collection[UUID], appointment_ids: Collection[UUID]
) -> list[UUID]:
    """Return the holds that were offered for these entries, or in place of these appointments; one
    statement."""
    offered = or_(Offer.entry_id.in_(entry_ids), Offer.appointment_id.in_(appointment_ids))
    return list(session.scalars(select(Offer.hold_id).where(offered)))


def open_entries_with(
    session: Session, department_id: int | None, appointment_id: UUID | None
) -> list[WaitingEntry]:
    """Return the waiting entries of a department for an appointment; one statement."""
    query = select(WaitingEntry).where(
        WaitingEntry.department_id == department_id,
        WaitingEntry.appointment_id == appointment_id,
        WaitingEntry.status == Waiting.WAITING,
    )
    return list(session.scalars(query.order_by(*_BY_AGE)))


_BY_AGE = (WaitingEntry.created_at, WaitingEntry.id)


def at_place(actor: Actor) -> Condition:
    """Match entries for what the actor provides or manages.

    That is: a practitioner's own schedules, everything at the centre for its staff, and everything
    for administrators of the network.
    """
    if actor.is_a(Role.NETWORK_ADMIN):
        return WaitingEntry.id.is_not(None)
    if actor.practitioner_id is not None:
        own = select(Schedule.id).where(Schedule.practitioner_id == actor.practitioner_id)
        return or_(
            WaitingEntry.practitioner_id == actor.practitioner_id, WaitingEntry.schedule_id.in_(own)
        )
    here = Schedule.centre_id.in_(actor.centres)
    return or_(
        WaitingEntry.schedule_id.in_(select(Schedule.id).where(here)),
        WaitingEntry.practitioner_id.in_(select(Schedule.practitioner_id).where(here)),
        exists().where(
            WaitingCentre.entry_id == WaitingEntry.id, WaitingCentre.centre_id.in_(actor.centres)
        ),
    )


def of_profession(profession: str) -> Condition:
    """Match schedules of a profession."""
    return Practitioner.profession == profession


def named_by(entries: Collection[WaitingEntry]) -> Condition:
    """Match the schedules needed to describe entries.

    They are the schedules and practitioners that the entries name, and all schedules of their
    centres.
    """
    centres = select(WaitingCentre.centre_id).where(
        WaitingCentre.entry_id.in_([entry.id for entry in entries])
    )
    return or_(
        Schedule.id.in_({entry.schedule_id for entry in entries if entry.schedule_id}),
        Schedule.practitioner_id.in_(
            {entry.practitioner_id for entry in entries if entry.practitioner_id}
        ),
        Schedule.centre_id.in_(centres),
    )


def is_at_place(work: Work, entry_id: UUID) -> bool:
    """Return True if the entry is for what the actor provides or manages."""
    query = select(WaitingEntry.id).where(WaitingEntry.id == entry_id, at_place(work.actor))
    return work.session.scalar(query) is not None


def over_entry(work: Work) -> WaitingEntry | None:
    """Return an entry whose period has ended or whose appointment is not to come, or None."""
    gone = and_(WaitingEntry.appointment_id.is_not(None), Appointment.status != Status.BOOKED)
    return work.session.scalars(
        select(WaitingEntry)
        .outerjoin(Appointment, Appointment.id == WaitingEntry.appointment_id)
        .where(
            WaitingEntry.status == Waiting.WAITING, or_(WaitingEntry.starts_until <= work.now, gone)
        )
        .limit(1)
    ).first()


def served_entry(session: Session) -> WaitingEntry | None:
    """Return an entry whose patient has booked what they wait for themselves, or None."""
    has_centres = exists().where(WaitingCentre.entry_id == WaitingEntry.id)
    names_centre = exists().where(
        WaitingCentre.entry_id == WaitingEntry.id, WaitingCentre.centre_id == Schedule.centre_id
    )
    matches_entry = or_(
        Schedule.id == WaitingEntry.schedule_id,
        Schedule.practitioner_id == WaitingEntry.practitioner_id,
        and_(Practitioner.profession == WaitingEntry.profession, or_(~has_centres, names_centre)),
    )
    return session.scalars(
        select(WaitingEntry)
        .join(Appointment, Appointment.patient_id == WaitingEntry.patient_id)
        .join(Schedule, Schedule.id == Appointment.schedule_id)
        .outerjoin(Practitioner, Practitioner.id == Schedule.practitioner_id)
        .where(
            WaitingEntry.status == Waiting.WAITING,
            WaitingEntry.appointment_id.is_(None),
            Appointment.status.in_(LIVE),
            Appointment.created_at > WaitingEntry.created_at,
            Appointment.starts_at >= WaitingEntry.starts_from,
            Appointment.starts_at < WaitingEntry.starts_until,
            or_(
                WaitingEntry.service_id.is_(None),
                WaitingEntry.service_id == Appointment.service_id,
            ),
            matches_entry,
        )
        .limit(1)
    ).first()
