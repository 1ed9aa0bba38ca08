"""Selects of referrals with the appointments that use them, and of referral authorisations."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, true, update
from sqlalchemy.orm import Session, contains_eager, join

from openslot.booking.models import Appointment
from openslot.booking.queries import for_whom
from openslot.booking.rules import ReferralAuthorisation, is_addressed_to
from openslot.booking.slots import Booker
from openslot.core import keyset
from openslot.core.actor import Actor
from openslot.core.db import changed, remove
from openslot.core.errors import NotFound
from openslot.core.folding import has_words
from openslot.core.tables import alias_of
from openslot.core.work import Work
from openslot.directory.models import BookableBy, Centre, Patient, Practitioner, Profession, Service
from openslot.records import access
from openslot.referrals.models import Kept, Referral, State
from openslot.schedules.models import OfferedService, Schedule
from openslot.schedules.rules import Place

_Gp = alias_of(Practitioner)
_Addressee = alias_of(Practitioner)

REFERRALS: Any = (
    join(Referral, Patient, Referral.patient)
    .join(_Gp, Referral.gp.of_type(_Gp))
    .outerjoin(_Addressee, Referral.addressee.of_type(_Addressee))
    .outerjoin(Appointment, Referral.appointment)
    .outerjoin(Schedule, Appointment.schedule)
    .outerjoin(Practitioner, Schedule.practitioner)
    .outerjoin(Centre, Schedule.centre)
)
"""Referrals joined with everything that is shown of them; the conditions below use these tables."""

_appointment = contains_eager(Referral.appointment)
_schedule = _appointment.contains_eager(Appointment.schedule)
LOADED = (
    contains_eager(Referral.patient),
    contains_eager(Referral.gp.of_type(_Gp)),
    contains_eager(Referral.addressee.of_type(_Addressee)),
    _schedule.contains_eager(Schedule.practitioner),
    _schedule.contains_eager(Schedule.centre),
)
"""Options that load all that a page or a message shows of a referral, for a select from
REFERRALS."""


def referrals(
    session: Session,
    *where: ColumnElement[bool],
    after: keyset.Key | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[Referral]:
    """Return the referrals that match, newest first, after the instant and id ``after``; one
    statement."""
    newest = (Referral.created_at.desc(), Referral.id.desc())
    query = select(Referral).select_from(REFERRALS).options(*LOADED).where(*where)
    query = keyset.page(query, newest, after, limit)
    return list(session.scalars(query.offset(offset or None)))


def count(session: Session, *where: ColumnElement[bool]) -> int:
    """Return the number of referrals that match; one statement."""
    return session.scalar(select(func.count()).select_from(REFERRALS).where(*where)) or 0


def referral(session: Session, referral_id: UUID) -> Referral | None:
    """Return one referral, or None; one statement."""
    return next(iter(referrals(session, Referral.id == referral_id)), None)


def is_unused(work: Work, referral_id: UUID) -> bool:
    """Return whether a first appointment can be booked with a referral; one statement."""
    is_sent = Referral.in_state(State.SENT, work.now)
    return count(work.session, Referral.id == referral_id, is_sent) == 1


def covers_follow_ups(work: Work, referral_id: UUID) -> bool:
    """Return whether the specialist who has seen the patient may see them again with a referral;
    one statement."""
    where = Referral.for_follow_ups(work.now)
    return count(work.session, Referral.id == referral_id, where) == 1


def are_counted(work: Work, appointment: Appointment) -> bool:
    """Return whether all referrals with which the patient has seen the practitioner are for a
    number of appointments; one statement."""
    limits = [one.most_appointments for one in _seen_with(work, appointment)]
    return bool(limits) and None not in limits


def covers_another(work: Work, appointment: Appointment) -> bool:
    """Return whether one of these referrals allows one appointment more; one statement."""
    return bool(_seen_with(work, appointment, Referral.for_follow_ups(work.now)))


def _seen_with(work: Work, appointment: Appointment, *where: ColumnElement[bool]) -> list[Referral]:
    practitioner_id = appointment.schedule.practitioner_id
    if appointment.patient_id is None or practitioner_id is None:
        return []
    return referrals(
        work.session,
        to_patients([appointment.patient_id]),
        Referral.in_state(State.USED, work.now),
        Schedule.practitioner_id == practitioner_id,
        *where,
    )


def to_patients(patient_ids: Iterable[UUID]) -> ColumnElement[bool]:
    """Match the referrals that these patients may read: all but drafts."""
    return and_(Referral.patient_id.in_(set(patient_ids)), Referral.status != Kept.DRAFT)


def by_gp(gp_id: int) -> ColumnElement[bool]:
    """Match the referrals that a GP wrote."""
    return Referral.gp_id == gp_id


def to_specialist(practitioner_id: int, now: datetime) -> ColumnElement[bool]:
    """Match the referrals that a specialist may read.

    They name the specialist and are not revoked, or the specialist answered them, or has the
    appointment that uses them. An appointment that the specialist booked alone counts on its day,
    and later if the patient came.
    """
    is_open = or_(Appointment.opens_record_at.is_(None), access.on_its_day(now))
    return or_(
        and_(Referral.practitioner_id == practitioner_id, Referral.status == Kept.SENT),
        and_(Referral.status != Kept.DRAFT, Schedule.practitioner_id == practitioner_id, is_open),
        Referral.answered_by == practitioner_id,
    )


def within_reach(actor: Actor, now: datetime) -> ColumnElement[bool]:
    """Match the referrals that the actor may read: as GP, as specialist or for patients."""
    if actor.reads_all:
        return true()
    if actor.practitioner_id is not None:
        own = or_(by_gp(actor.practitioner_id), to_specialist(actor.practitioner_id, now))
        return own if actor.reaches(None) else own & (Referral.patient_id == actor.only_patient)
    patient_ids = {actor.patient_id, *actor.dependents}
    return to_patients(patient_id for patient_id in patient_ids if patient_id is not None)


def of_patient(session: Session, patient_id: UUID) -> list[Referral]:
    """Return a patient's referrals without drafts, newest first; one statement."""
    return referrals(session, to_patients([patient_id]))


def waiting_for(work: Work, patient_ids: Iterable[UUID]) -> list[Referral]:
    """Return the referrals with which these patients can book a first appointment; one statement.

    The first to expire comes first.
    """
    unused = referrals(
        work.session, to_patients(patient_ids), Referral.in_state(State.SENT, work.now)
    )
    return sorted(unused, key=lambda referral: referral.expires_at or work.now)


def for_appointment(session: Session, appointment: Appointment) -> Referral | None:
    """Return the referral that an appointment uses, or None.

    Takes one statement, none if the appointment has no referral.
    """
    if appointment.referral_use is None:
        return None
    return referral(session, appointment.referral_use)


def referral_to(
    work: Work, place: Place, patient_id: UUID, *, referral_id: UUID | None = None
) -> Referral | None:
    """Return the referral with which a patient can book a schedule, or None; one statement.

    It is the one given, or the one that :func:`authorisation_for` would choose.
    """
    usable = (
        referral
        for referral in _usable(work, [patient_id])
        if is_addressed_to(_authorisation(referral), place.practitioner_id, place.expertise)
        and referral_id in (None, referral.id)
    )
    return next(usable, None)


def _usable(work: Work, patient_ids: Iterable[UUID]) -> list[Referral]:
    """Return the referrals that these patients can book with, for a first appointment or for a
    follow-up; one statement.

    Unused ones come first, so that a new referral is not left over; then the first to expire.
    """
    unused = Referral.in_state(State.SENT, work.now)
    found = referrals(
        work.session, to_patients(patient_ids), or_(unused, Referral.for_follow_ups(work.now))
    )
    return sorted(found, key=lambda one: (one.appointment is not None, one.expires_at or work.now))


def authorisations(work: Work, patient_id: UUID) -> list[ReferralAuthorisation]:
    """Return the usable referrals of a patient, unused ones first; one statement."""
    return [_authorisation(usable) for usable in _usable(work, [patient_id])]


def authorisations_of(
    work: Work, patient_ids: Iterable[UUID]
) -> dict[UUID, list[ReferralAuthorisation]]:
    """Return the usable referrals by patient, unused ones first; one statement."""
    by_patient: dict[UUID, list[ReferralAuthorisation]] = {}
    for usable in _usable(work, patient_ids):
        by_patient.setdefault(usable.patient_id, []).append(_authorisation(usable))
    return by_patient


def booker(work: Work, patient_id: UUID | None) -> Booker:
    """Return a patient as :class:`Booker`, with everything that decides what they can book.

    Raise NotFound if there is no such patient. The caller has checked that the actor may know when
    the patient is busy. Takes two statements, none without a patient.
    """
    if patient_id is None:
        return Booker(work.actor)
    whom = for_whom(work, patient_id)
    if whom is None:
        raise NotFound("There is no such patient.", field="patient")
    return Booker(work.actor, whom, authorisations(work, patient_id))


class Found(NamedTuple):
    """The referral to book with, and True if the patient's hold has it already. One that
    ``is_counted`` allows a number of appointments, of which this is not the first."""

    authorisation: ReferralAuthorisation | None
    is_held: bool
    is_counted: bool = False


NOTHING = Found(None, is_held=False)
"""No referral, or none is needed."""


def authorisation_for(
    work: Work,
    place: Place,
    patient_id: UUID,
    *,
    referral_id: UUID | None = None,
    hold_id: UUID | None = None,
) -> Found:
    """Return the referral with which a patient books a schedule; one statement.

    It is the one given. Otherwise, of those addressed there, usable ones come first, then the one
    that the hold has, then unused ones, then the first to expire. With one that was used, the
    practitioner who has seen the patient sees them again.
    """
    hold = alias_of(Appointment)
    rows = work.session.execute(
        select(Referral, Referral.in_state(State.SENT, work.now), _follows(place, work.now), hold)
        .outerjoin(Referral.appointment)
        .outerjoin(Schedule, Appointment.schedule)
        .outerjoin(hold, and_(hold.id == hold_id, hold.patient_id == Referral.patient_id))
        .where(to_patients([patient_id]))
    )
    candidates = [
        (
            Found(authorisation, is_held, bool(follows and referral.most_appointments)),
            follows,
            referral.expires_at or work.now,
        )
        for referral, is_unused, follows, held in rows
        for authorisation in [
            _follow_up(referral, place.practitioner_id)
            if follows
            else _unused(referral, is_usable=is_unused)
        ]
        for is_held in [held is not None and held.referral_use == authorisation.referral_id]
        if referral.id == referral_id
        or (
            referral_id is None
            and is_addressed_to(authorisation, place.practitioner_id, place.expertise)
        )
    ]
    return min(candidates, key=_preference, default=(NOTHING, False, work.now))[0]


def _follows(place: Place, now: datetime) -> ColumnElement[bool]:
    """Match referrals with which an appointment at a place is a follow-up."""
    return and_(
        Referral.for_follow_ups(now), Schedule.practitioner_id == (place.practitioner_id or 0)
    )


def _preference(option: tuple[Found, bool, datetime]) -> tuple[bool, bool, bool, datetime]:
    candidate, follows, expires_at = option
    usable = candidate.authorisation is not None and candidate.authorisation.is_usable
    return not usable, not candidate.is_held, bool(follows), expires_at


def _authorisation(usable: Referral) -> ReferralAuthorisation:
    """Return what a referral of :func:`_usable` allows."""
    if usable.appointment is None:
        return _unused(usable)
    return _follow_up(usable, usable.appointment.schedule.practitioner_id)


def _follow_up(referral: Referral, practitioner_id: int | None) -> ReferralAuthorisation:
    """Return the right to see the same specialist again, which uses nothing up."""
    return ReferralAuthorisation(
        referral_id=None,
        patient_id=referral.patient_id,
        practitioner_id=practitioner_id,
        expertise=None,
        is_usable=True,
    )


def _unused(referral: Referral, *, is_usable: bool = True) -> ReferralAuthorisation:
    return ReferralAuthorisation(
        referral_id=referral.id,
        patient_id=referral.patient_id,
        practitioner_id=referral.practitioner_id,
        expertise=referral.expertise,
        is_usable=is_usable,
    )


@dataclass(frozen=True, slots=True)
class Specialist:
    """A practitioner whom a GP may refer to, with the names of their centres."""

    practitioner: Practitioner
    centres: tuple[str, ...]


def specialists(session: Session, text: str, *, limit: int) -> list[Specialist]:
    """Return whom a GP can refer to and whose name or expertise contains every word; two
    statements."""
    matches = has_words(text, Practitioner.name, Practitioner.expertise)
    query = select(Practitioner).where(_TAKES_REFERRALS, matches)
    by_name = query.order_by(Practitioner.name, Practitioner.id)
    practitioners = session.scalars(by_name.limit(limit)).all()
    centres = _centre_names(session, [practitioner.id for practitioner in practitioners])
    return [
        Specialist(practitioner, centres.get(practitioner.id, ())) for practitioner in practitioners
    ]


def specialist(session: Session, practitioner_id: int) -> Specialist | None:
    """Return a practitioner whom a GP can refer to, or None; two statements."""
    practitioner = session.scalar(
        select(Practitioner).where(_TAKES_REFERRALS, Practitioner.id == practitioner_id)
    )
    if practitioner is None:
        return None
    return Specialist(
        practitioner, _centre_names(session, [practitioner.id]).get(practitioner.id, ())
    )


def _centre_names(session: Session, practitioner_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    rows = session.execute(
        select(Practitioner.id, Centre.name)
        .join(Schedule, Schedule.practitioner_id == Practitioner.id)
        .join(Centre, Centre.id == Schedule.centre_id)
        .where(
            Practitioner.id.in_(practitioner_ids),
            Schedule.active.is_(True),
            Centre.active.is_(True),
        )
        .order_by(Centre.name)
    )
    names: dict[int, tuple[str, ...]] = {}
    for practitioner_id, name in rows:
        names[practitioner_id] = (*names.get(practitioner_id, ()), name)
    return names


def areas(session: Session) -> list[str]:
    """Return the areas of expertise of those whom a GP can refer to, each once; one statement."""
    query = select(Practitioner.expertise).where(_TAKES_REFERRALS).distinct()
    spellings = {name.casefold(): name for name in session.scalars(query) if name}
    return sorted(spellings.values(), key=str.casefold)


_TAKES_REFERRALS = and_(
    Practitioner.active.is_(True),
    or_(
        Practitioner.profession.in_(
            select(Profession.code).where(Profession.needs_referral.is_(True))
        ),
        exists()
        .where(
            Schedule.practitioner_id == Practitioner.id,
            Schedule.active.is_(True),
            OfferedService.schedule_id == Schedule.id,
            Service.id == OfferedService.service_id,
            Service.active.is_(True),
            Service.bookable_by == BookableBy.REFERRAL,
        )
        .correlate(Practitioner),
    ),
)
"""Whom a GP can refer to: specialists, and those who offer what needs a referral."""


def add(session: Session, referral: Referral) -> None:
    """Store a new referral."""
    session.add(referral)
    session.flush()


def discard(session: Session, referral: Referral) -> None:
    """Delete a draft."""
    remove(session, referral)


def remove_letters(session: Session, patient_id: UUID) -> int:
    """Remove the letters and answers of a patient's referrals; return the number of referrals."""
    query = update(Referral).where(Referral.patient_id == patient_id)
    emptied = {"letter": "", "answer": None}
    return changed(session, query.values(version=Referral.version + 1, **emptied))
