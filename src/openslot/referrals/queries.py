"""Selects of referrals with the appointments that use them, and of referral authorisations."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session, aliased, join

from openslot.booking.models import Appointment, Status
from openslot.booking.queries import for_whom
from openslot.booking.rules import ReferralAuthorisation, is_addressed_to
from openslot.booking.slots import Booker
from openslot.core import keyset
from openslot.core.actor import Actor
from openslot.core.db import remove
from openslot.core.errors import NotFound
from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.directory.models import Centre, Patient, Practitioner, Profession
from openslot.records import access
from openslot.referrals.models import Kept, Referral
from openslot.referrals.rules import Standing, State, state
from openslot.schedules.models import Schedule
from openslot.schedules.rules import Place

_Gp = aliased(Practitioner)
_Addressee = aliased(Practitioner)
_Seer = aliased(Practitioner)

PARTS = (Referral, Patient, _Gp, _Addressee, Appointment, _Seer, Centre)
"""The columns of a :class:`Letter`, in this order."""

LETTERS: Any = (
    join(Referral, Patient, Patient.id == Referral.patient_id)
    .join(_Gp, _Gp.id == Referral.gp_id)
    .outerjoin(_Addressee, _Addressee.id == Referral.practitioner_id)
    .outerjoin(
        Appointment,
        and_(Appointment.referral_use == Referral.id, Appointment.status != Status.HELD),
    )
    .outerjoin(Schedule, Schedule.id == Appointment.schedule_id)
    .outerjoin(_Seer, _Seer.id == Schedule.practitioner_id)
    .outerjoin(Centre, Centre.id == Schedule.centre_id)
)
"""Referrals joined with everything that is shown of them; the conditions below use these tables."""

IS_USED = Appointment.id.is_not(None)
"""Match referrals that an appointment uses. Holds are not joined, so they do not count."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A referral with everything that pages and messages show of it.

    ``appointment`` is the one that uses it; ``seen_by`` and ``centre`` are its practitioner and
    centre.
    """

    referral: Referral
    patient: Patient
    gp: Practitioner
    addressee: Practitioner | None
    appointment: Appointment | None
    seen_by: Practitioner | None
    centre: Centre | None

    def state(self, now: datetime) -> State:
        """Return the state at ``now``."""
        return state(
            Kept(self.referral.status),
            is_used=self.appointment is not None,
            expires_at=self.referral.expires_at,
            now=now,
        )

    def standing(self, now: datetime) -> Standing:
        """Return the facts that the rules need."""
        return Standing(
            state=self.state(now),
            gp_id=self.referral.gp_id,
            addressee_id=self.referral.practitioner_id,
            seen_by_id=self.seen_by.id
            if self.seen_by and self._is_readable_by_specialist(now)
            else None,
            answered_by_id=self.referral.answered_by,
        )

    def _is_readable_by_specialist(self, now: datetime) -> bool:
        """Return True if the appointment lets its specialist read the referral.

        An appointment that the specialist booked alone does so on its day, and later if the patient
        came.
        """
        appointment = self.appointment
        return (
            appointment is None
            or appointment.opens_record_at is None
            or access.is_its_day(appointment, now)
        )


def _letters() -> Any:
    # Any: versions 2.0 and 2.1 of SQLAlchemy name the type of this select differently.
    return select(*PARTS).select_from(LETTERS)


def letters(
    session: Session,
    *where: ColumnElement[bool],
    after: keyset.Key | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[Letter]:
    """Return the referrals that match, newest first, after the instant and id ``after``; one
    statement."""
    newest = (Referral.created_at.desc(), Referral.id.desc())
    query = keyset.page(_letters().where(*where), newest, after, limit)
    return [Letter(*row) for row in session.execute(query.offset(offset or None))]


def count(session: Session, *where: ColumnElement[bool]) -> int:
    """Return the number of referrals that match; one statement."""
    matching = _letters().where(*where).with_only_columns(Referral.id).subquery()
    return session.scalar(select(func.count()).select_from(matching)) or 0


def letter(session: Session, referral_id: UUID) -> Letter | None:
    """Return one referral, or None; one statement."""
    return next(iter(letters(session, Referral.id == referral_id)), None)


def stands(wanted: State, now: datetime) -> ColumnElement[bool]:
    """Match referrals in a state: :func:`openslot.referrals.rules.state` in SQL."""
    sent = Referral.status == Kept.SENT
    expired = and_(Referral.expires_at.is_not(None), Referral.expires_at <= now)
    unused = and_(sent, ~IS_USED)
    return {
        State.DRAFT: Referral.status == Kept.DRAFT,
        State.REVOKED: Referral.status == Kept.REVOKED,
        State.USED: and_(sent, IS_USED),
        State.EXPIRED: and_(unused, expired),
        State.SENT: and_(unused, ~expired),
    }[wanted]


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
        and_(Referral.status != Kept.DRAFT, _Seer.id == practitioner_id, is_open),
        Referral.answered_by == practitioner_id,
    )


def within_reach(actor: Actor, now: datetime) -> ColumnElement[bool]:
    """Match the referrals that the actor may read: as GP, as specialist or for patients."""
    if actor.practitioner_id is not None:
        return or_(by_gp(actor.practitioner_id), to_specialist(actor.practitioner_id, now))
    patient_ids = {actor.patient_id, *actor.dependents}
    return to_patients(patient_id for patient_id in patient_ids if patient_id is not None)


def of_patient(session: Session, patient_id: UUID) -> list[Letter]:
    """Return a patient's referrals without drafts, newest first; one statement."""
    return letters(session, to_patients([patient_id]))


def waiting_for(work: Work, patient_ids: Iterable[UUID]) -> list[Letter]:
    """Return the referrals that these patients can book with; one statement.

    The first to expire comes first.
    """
    unused = letters(work.session, to_patients(patient_ids), stands(State.SENT, work.now))
    return sorted(unused, key=lambda letter: letter.referral.expires_at or work.now)


def for_appointment(session: Session, appointment: Appointment) -> Letter | None:
    """Return the referral that an appointment uses, or None.

    Takes one statement, none if the appointment has no referral.
    """
    if appointment.referral_use is None:
        return None
    return letter(session, appointment.referral_use)


def letter_to(
    work: Work, place: Place, patient_id: UUID, *, referral_id: UUID | None = None
) -> Letter | None:
    """Return the referral with which a patient can book a schedule, or None; one statement.

    It is the one given, or the one that :func:`authorisation_for` would choose.
    """
    usable = (
        unused
        for unused in waiting_for(work, [patient_id])
        if is_addressed_to(
            _authorisation(unused.referral, unused.appointment, work.now),
            place.practitioner_id,
            place.expertise,
        )
        and referral_id in (None, unused.referral.id)
    )
    return next(usable, None)


def authorisations(work: Work, patient_id: UUID) -> list[ReferralAuthorisation]:
    """Return the usable referrals of a patient, the first to expire first; one statement."""
    return [
        _authorisation(unused.referral, unused.appointment, work.now)
        for unused in waiting_for(work, [patient_id])
    ]


def authorisations_of(
    work: Work, patient_ids: Iterable[UUID]
) -> dict[UUID, list[ReferralAuthorisation]]:
    """Return the usable referrals by patient, the first to expire first; one statement."""
    by_patient: dict[UUID, list[ReferralAuthorisation]] = {}
    for unused in waiting_for(work, patient_ids):
        patients_own = by_patient.setdefault(unused.referral.patient_id, [])
        patients_own.append(_authorisation(unused.referral, unused.appointment, work.now))
    return by_patient


def booker(work: Work, patient_id: UUID | None) -> Booker:
    """Return a patient as :class:`Booker`, with everything that decides what they can book.

    Raise NotFound if there is no such patient. The caller has checked that the actor may know when
    the patient is busy. Takes two statements, none without a patient.
    """
    if patient_id is None:
        return Booker(work.actor)
    whom = for_whom(work.session, patient_id)
    if whom is None:
        raise NotFound("There is no such patient.", field="patient")
    return Booker(work.actor, whom, authorisations(work, patient_id))


class Found(NamedTuple):
    """The referral to book with, and True if the patient's hold has it already."""

    authorisation: ReferralAuthorisation | None
    is_held: bool


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
    that the hold has, then the first to expire.
    """
    rows = work.session.execute(
        select(Referral, Appointment)
        .outerjoin(Appointment, Appointment.referral_use == Referral.id)
        .where(to_patients([patient_id]))
    )
    candidates = [
        (
            Found(authorisation, appointment is not None and appointment.id == hold_id),
            referral.expires_at or work.now,
        )
        for referral, appointment in rows
        for authorisation in [_authorisation(referral, appointment, work.now)]
        if referral.id == referral_id
        or (
            referral_id is None
            and is_addressed_to(authorisation, place.practitioner_id, place.expertise)
        )
    ]
    return min(candidates, key=_preference, default=(NOTHING, work.now))[0]


def _preference(option: tuple[Found, datetime]) -> tuple[bool, bool, datetime]:
    candidate, expires_at = option
    usable = candidate.authorisation is not None and candidate.authorisation.is_usable
    return not usable, not candidate.is_held, expires_at


def _authorisation(
    referral: Referral, appointment: Appointment | None, now: datetime
) -> ReferralAuthorisation:
    """Return what booking needs to know; a hold does not use the referral up."""
    is_used = appointment is not None and appointment.status != Status.HELD
    referral_state = state(
        Kept(referral.status), is_used=is_used, expires_at=referral.expires_at, now=now
    )
    return ReferralAuthorisation(
        referral_id=referral.id,
        patient_id=referral.patient_id,
        practitioner_id=referral.practitioner_id,
        expertise=referral.expertise,
        is_usable=referral_state is State.SENT,
    )


@dataclass(frozen=True, slots=True)
class Specialist:
    """A practitioner whom a GP may refer to, with the names of their centres."""

    practitioner: Practitioner
    centres: tuple[str, ...]


def specialists(session: Session, text: str, *, limit: int) -> list[Specialist]:
    """Return the active specialists whose name or expertise contains every word; two statements."""
    matches = directory.holds(text, Practitioner.name, Practitioner.expertise)
    query = select(Practitioner).where(*_ACTIVE, matches)
    by_name = query.order_by(Practitioner.name, Practitioner.id)
    practitioners = session.scalars(by_name.limit(limit)).all()
    centres = _centre_names(session, [practitioner.id for practitioner in practitioners])
    return [
        Specialist(practitioner, centres.get(practitioner.id, ())) for practitioner in practitioners
    ]


def specialist(session: Session, practitioner_id: int) -> Specialist | None:
    """Return an active specialist, or None; two statements."""
    practitioner = session.scalar(
        select(Practitioner).where(*_ACTIVE, Practitioner.id == practitioner_id)
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
    """Return the areas of expertise of the active specialists, each once; one statement."""
    query = select(Practitioner.expertise).where(*_ACTIVE).distinct()
    spellings = {name.casefold(): name for name in session.scalars(query) if name}
    return sorted(spellings.values(), key=str.casefold)


_ACTIVE = (Practitioner.profession == Profession.SPECIALIST, Practitioner.active.is_(True))


def add(session: Session, referral: Referral) -> None:
    """Store a new referral."""
    session.add(referral)
    session.flush()


def discard(session: Session, referral: Referral) -> None:
    """Delete a draft."""
    remove(session, referral)
