"""Reading referrals with the appointments that use them; the only place that makes an Admission."""

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
from openslot.booking.whom import Booker
from openslot.core import keyset
from openslot.core.db import remove
from openslot.core.errors import NotFound
from openslot.directory import queries as directory
from openslot.directory.models import Centre, Patient, Practitioner, Profession
from openslot.directory.rules import Actor
from openslot.records import access
from openslot.referrals.models import Kept, Referral
from openslot.referrals.rules import Standing, State, state
from openslot.schedules.models import Schedule
from openslot.schedules.rules import Place

_Gp = aliased(Practitioner)
_Addressee = aliased(Practitioner)
_Seer = aliased(Practitioner)

PARTS = (Referral, Patient, _Gp, _Addressee, Appointment, _Seer, Centre)
"""What a :class:`Letter` is made of, in this order."""

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
"""Referrals with all that they show; the conditions below speak of these tables."""

IS_USED = Appointment.id.is_not(None)
"""Whether an appointment uses the referral up; holds are never joined."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A referral with all that a page or a message shows of it.

    ``appointment`` is the one that uses it up, ``seen_by`` and ``centre`` are whose and where.
    """

    referral: Referral
    patient: Patient
    gp: Practitioner
    addressee: Practitioner | None
    appointment: Appointment | None
    seen_by: Practitioner | None
    centre: Centre | None

    def state(self, now: datetime) -> State:
        """Where it stands."""
        return state(
            Kept(self.referral.status),
            is_used=self.appointment is not None,
            expires_at=self.referral.expires_at,
            now=now,
        )

    def standing(self, now: datetime) -> Standing:
        """What the rules need to know."""
        return Standing(
            state=self.state(now),
            gp_id=self.referral.gp_id,
            addressee_id=self.referral.practitioner_id,
            seen_by_id=self.seen_by.id if self.seen_by and self._is_open(now) else None,
            answered_by_id=self.referral.answered_by,
        )

    def _is_open(self, now: datetime) -> bool:
        """Whether the appointment that uses it gives its specialist the letter: one that they made
        alone does on its day, and later if the patient came."""
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
    """Return the referrals that fit, newest first, from after the instant and id ``after``; one
    statement."""
    newest = (Referral.created_at.desc(), Referral.id.desc())
    query = keyset.page(_letters().where(*where), newest, after, limit)
    return [Letter(*row) for row in session.execute(query.offset(offset or None))]


def count(session: Session, *where: ColumnElement[bool]) -> int:
    """How many referrals fit; one statement."""
    found = _letters().where(*where).with_only_columns(Referral.id).subquery()
    return session.scalar(select(func.count()).select_from(found)) or 0


def letter(session: Session, referral_id: UUID) -> Letter | None:
    """One referral; one statement."""
    return next(iter(letters(session, Referral.id == referral_id)), None)


def stands(wanted: State, now: datetime) -> ColumnElement[bool]:
    """Referrals that stand so: what :func:`openslot.referrals.rules.state` says, as SQL."""
    sent = Referral.status == Kept.SENT
    over = and_(Referral.expires_at.is_not(None), Referral.expires_at <= now)
    unused = and_(sent, ~IS_USED)
    return {
        State.DRAFT: Referral.status == Kept.DRAFT,
        State.REVOKED: Referral.status == Kept.REVOKED,
        State.USED: and_(sent, IS_USED),
        State.EXPIRED: and_(unused, over),
        State.SENT: and_(unused, ~over),
    }[wanted]


def to_patients(patient_ids: Iterable[UUID]) -> ColumnElement[bool]:
    """What these patients may read: all but drafts."""
    return and_(Referral.patient_id.in_(set(patient_ids)), Referral.status != Kept.DRAFT)


def by_gp(gp_id: int) -> ColumnElement[bool]:
    """What a GP wrote."""
    return Referral.gp_id == gp_id


def to_specialist(practitioner_id: int, now: datetime) -> ColumnElement[bool]:
    """Letters that name a specialist and are not revoked, that they answered, or that their
    appointments use: of appointments that they made alone on the day, and later if the patient
    came."""
    is_open = or_(Appointment.opens_record_at.is_(None), access.on_its_day(now))
    return or_(
        and_(Referral.practitioner_id == practitioner_id, Referral.status == Kept.SENT),
        and_(Referral.status != Kept.DRAFT, _Seer.id == practitioner_id, is_open),
        Referral.answered_by == practitioner_id,
    )


def within_reach(actor: Actor, now: datetime) -> ColumnElement[bool]:
    """What somebody may read: as GP, as specialist, or for patients."""
    if actor.practitioner_id is not None:
        return or_(by_gp(actor.practitioner_id), to_specialist(actor.practitioner_id, now))
    own = {actor.patient_id, *actor.dependents}
    return to_patients(one for one in own if one is not None)


def of_patient(session: Session, patient_id: UUID) -> list[Letter]:
    """A patient's referrals but for drafts, newest first; one statement."""
    return letters(session, to_patients([patient_id]))


def waiting_for(session: Session, patient_ids: Iterable[UUID], now: datetime) -> list[Letter]:
    """Referrals of these patients that wait for a booking, soonest to run out first."""
    found = letters(session, to_patients(patient_ids), stands(State.SENT, now))
    return sorted(found, key=lambda one: one.referral.expires_at or now)


def for_appointment(session: Session, appointment: Appointment) -> Letter | None:
    """The referral that an appointment uses up; None for one that gave it back. No statement for
    appointments that never had one."""
    if appointment.referral_use is None:
        return None
    return letter(session, appointment.referral_use)


def letter_to(
    session: Session,
    place: Place,
    patient_id: UUID,
    *,
    now: datetime,
    referral_id: UUID | None = None,
) -> Letter | None:
    """The referral with which a patient may book a place now, as a page shows it; one statement.

    It is the one named, or the one that :func:`authorisation_for` would take of several.
    """
    fitting = (
        one
        for one in waiting_for(session, [patient_id], now)
        if is_addressed_to(
            _authorisation(one.referral, one.appointment, now),
            place.practitioner_id,
            place.expertise,
        )
        and referral_id in (None, one.referral.id)
    )
    return next(fitting, None)


def authorisations(
    session: Session, patient_id: UUID, now: datetime
) -> list[ReferralAuthorisation]:
    """The usable referrals of a patient, soonest to run out first; one statement."""
    return [
        _authorisation(one.referral, one.appointment, now)
        for one in waiting_for(session, [patient_id], now)
    ]


def authorisations_of(
    session: Session, patient_ids: Iterable[UUID], now: datetime
) -> dict[UUID, list[ReferralAuthorisation]]:
    """The usable referrals of each patient, soonest to run out first; one statement."""
    found: dict[UUID, list[ReferralAuthorisation]] = {}
    for one in waiting_for(session, patient_ids, now):
        own = found.setdefault(one.referral.patient_id, [])
        own.append(_authorisation(one.referral, one.appointment, now))
    return found


def booker(session: Session, actor: Actor, patient_id: UUID | None, *, now: datetime) -> Booker:
    """Return who looks for times for a patient, with all that decides what they can book; two
    statements, none without a patient. NotFound for a patient who is not there.

    Whoever calls has made sure that the actor may know when the patient is busy.
    """
    if patient_id is None:
        return Booker(actor)
    whom = for_whom(session, patient_id)
    if whom is None:
        raise NotFound("There is no such patient.", field="patient")
    return Booker(actor, whom, authorisations(session, patient_id, now))


class Found(NamedTuple):
    """The referral with which a patient books, and whether their hold bears it already."""

    authorisation: ReferralAuthorisation | None
    is_held: bool


NOTHING = Found(None, is_held=False)
"""Where no referral is there, or none is needed."""


def authorisation_for(
    session: Session,
    place: Place,
    patient_id: UUID,
    *,
    now: datetime,
    referral_id: UUID | None = None,
    hold_id: UUID | None = None,
) -> Found:
    """The referral with which a patient books a place; one statement.

    It is the one named. Else, of those to this place, usable ones come first, then the one
    that the hold bears, then the one that runs out first.
    """
    rows = session.execute(
        select(Referral, Appointment)
        .outerjoin(Appointment, Appointment.referral_use == Referral.id)
        .where(to_patients([patient_id]))
    )
    fitting = [
        (
            Found(authorisation, appointment is not None and appointment.id == hold_id),
            referral.expires_at or now,
        )
        for referral, appointment in rows
        for authorisation in [_authorisation(referral, appointment, now)]
        if referral.id == referral_id
        or (
            referral_id is None
            and is_addressed_to(authorisation, place.practitioner_id, place.expertise)
        )
    ]
    return min(fitting, key=_preference, default=(NOTHING, now))[0]


def _preference(option: tuple[Found, datetime]) -> tuple[bool, bool, datetime]:
    found, expires_at = option
    usable = found.authorisation is not None and found.authorisation.is_usable
    return not usable, not found.is_held, expires_at


def _authorisation(
    referral: Referral, appointment: Appointment | None, now: datetime
) -> ReferralAuthorisation:
    """What booking needs to know; an appointment that is merely held uses nothing up."""
    is_used = appointment is not None and appointment.status != Status.HELD
    standing = state(
        Kept(referral.status), is_used=is_used, expires_at=referral.expires_at, now=now
    )
    return ReferralAuthorisation(
        referral_id=referral.id,
        patient_id=referral.patient_id,
        practitioner_id=referral.practitioner_id,
        expertise=referral.expertise,
        is_usable=standing is State.SENT,
    )


@dataclass(frozen=True, slots=True)
class Specialist:
    """Somebody to whom a GP may refer, and where they see patients."""

    practitioner: Practitioner
    centres: tuple[str, ...]


def specialists(session: Session, text: str, *, limit: int) -> list[Specialist]:
    """The active specialists whose name or expertise holds every word; two statements."""
    named = directory.holds(text, Practitioner.name, Practitioner.expertise)
    query = select(Practitioner).where(*_ACTIVE, named)
    by_name = query.order_by(Practitioner.name, Practitioner.id)
    people = session.scalars(by_name.limit(limit)).all()
    centres = _centre_names(session, [one.id for one in people])
    return [Specialist(one, centres.get(one.id, ())) for one in people]


def specialist(session: Session, practitioner_id: int) -> Specialist | None:
    """One active specialist; two statements."""
    person = session.scalar(
        select(Practitioner).where(*_ACTIVE, Practitioner.id == practitioner_id)
    )
    if person is None:
        return None
    return Specialist(person, _centre_names(session, [person.id]).get(person.id, ()))


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
    found: dict[int, tuple[str, ...]] = {}
    for practitioner_id, name in rows:
        found[practitioner_id] = (*found.get(practitioner_id, ()), name)
    return found


def areas(session: Session) -> list[str]:
    """The areas of expertise of the active specialists, each spelt once; one statement."""
    query = select(Practitioner.expertise).where(*_ACTIVE).distinct()
    known = {name.casefold(): name for name in session.scalars(query) if name}
    return sorted(known.values(), key=str.casefold)


_ACTIVE = (
    Practitioner.profession == Profession.SPECIALIST,
    Practitioner.active.is_(True),
)


def add(session: Session, referral: Referral) -> None:
    """Keep a new referral."""
    session.add(referral)
    session.flush()


def discard(session: Session, referral: Referral) -> None:
    """Forget a draft."""
    remove(session, referral)
