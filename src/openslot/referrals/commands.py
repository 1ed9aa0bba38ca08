"""The verbs of referrals, and booking as every entry point does it: with a referral where one
is needed. None commits."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from openslot.booking import commands as booking
from openslot.booking.commands import BookingRequest, place_of
from openslot.booking.models import Appointment
from openslot.booking.rules import check_booker, needs_referral
from openslot.core import audit
from openslot.core.errors import NotFound
from openslot.core.events import publish
from openslot.core.ids import new_id
from openslot.directory import queries as directory
from openslot.directory.models import Practitioner
from openslot.directory.rules import Actor
from openslot.records import access
from openslot.referrals import queries
from openslot.referrals.details import AnswerDetails, ReferralDetails
from openslot.referrals.errors import AddresseeUnavailable, NoAddressee, OnlyGps
from openslot.referrals.events import Topic
from openslot.referrals.models import Kept, Referral
from openslot.referrals.queries import Letter
from openslot.referrals.rules import Act, Part, check_act, may_refer, months_later, part_in
from openslot.schedules.rules import Place

# Letters


def may_write(
    session: Session, actor: Actor, patient_id: UUID, *, now: datetime, access_days: int
) -> Practitioner:
    """The GP who may refer this patient; ``access_days`` as in records/access.py.

    OnlyGps for everybody else; NotFound where the GP may not read the patient's history.
    """
    gp = _gp(session, actor)
    if not access.may_read(session, actor, patient_id, now=now, access_days=access_days):
        raise NotFound
    return gp


def write(
    session: Session,
    actor: Actor,
    patient_id: UUID,
    details: ReferralDetails,
    *,
    now: datetime,
    access_days: int,
) -> Referral:
    """A draft, which only its author sees until it is sent."""
    gp = may_write(session, actor, patient_id, now=now, access_days=access_days)
    _check_addressee(session, details.practitioner_id, details.expertise)
    referral = Referral(
        id=new_id(),
        patient_id=patient_id,
        gp_id=gp.id,
        status=Kept.DRAFT,
        created_at=now,
        version=1,
        **details.model_dump(),
    )
    queries.add(session, referral)
    _record(session, actor, referral, "written", now)
    return referral


def change(
    session: Session, actor: Actor, referral_id: UUID, details: ReferralDetails, *, now: datetime
) -> Referral:
    """Another text or addressee of a draft."""
    referral = _for_act(session, actor, referral_id, Act.CHANGE, now).referral
    _check_addressee(session, details.practitioner_id, details.expertise)
    referral.practitioner_id = details.practitioner_id
    referral.expertise = details.expertise
    referral.letter = details.letter
    _record(session, actor, referral, "changed", now)
    return referral


def send(
    session: Session,
    actor: Actor,
    referral_id: UUID,
    *,
    now: datetime,
    months: int,
    access_days: int,
) -> Referral:
    """From now on, and for so many months, the patient books with it.

    AddresseeUnavailable where nobody to whom it is addressed is active any more.
    """
    referral = _for_act(session, actor, referral_id, Act.SEND, now).referral
    may_write(session, actor, referral.patient_id, now=now, access_days=access_days)
    _check_addressee(session, referral.practitioner_id, referral.expertise)
    referral.status = Kept.SENT
    referral.sent_at = now
    referral.expires_at = months_later(now, months)
    _told(session, actor, referral, Topic.SENT, now)
    return referral


def discard(session: Session, actor: Actor, referral_id: UUID, *, now: datetime) -> None:
    """Throw a draft away."""
    referral = _for_act(session, actor, referral_id, Act.DISCARD, now).referral
    _record(session, actor, referral, "discarded", now)
    queries.discard(session, referral)


def revoke(session: Session, actor: Actor, referral_id: UUID, *, now: datetime) -> Referral:
    """Take a letter back that no appointment uses.

    A booking made at the same moment stands, as with opening hours: the letter was good when
    it was looked at.
    """
    referral = _for_act(session, actor, referral_id, Act.REVOKE, now).referral
    referral.status = Kept.REVOKED
    referral.revoked_at = now
    _told(session, actor, referral, Topic.REVOKED, now)
    return referral


def answer(
    session: Session, actor: Actor, referral_id: UUID, details: AnswerDetails, *, now: datetime
) -> Referral:
    """The specialist whose appointment uses the letter writes back, once.

    Where another had answered before the patient gave that appointment back, the older answer stays
    below the new one, with its author and day: what was written is never lost.
    """
    letter = _for_act(session, actor, referral_id, Act.ANSWER, now)
    referral = letter.referral
    referral.answer = "\n\n".join([details.answer, *_older_answer(session, letter)])
    referral.answered_by = actor.practitioner_id
    referral.answered_at = now
    _told(session, actor, referral, Topic.ANSWERED, now)
    return referral


def _older_answer(session: Session, letter: Letter) -> list[str]:
    """What another specialist answered before, under its own heading; nothing for a first one."""
    referral = letter.referral
    if referral.answer is None or referral.answered_by is None or referral.answered_at is None:
        return []
    author = directory.practitioner(session, referral.answered_by, inactive=True)
    zone = ZoneInfo(letter.centre.time_zone) if letter.centre else UTC
    day = referral.answered_at.astimezone(zone)
    return [f"{author.name}, {day.day} {day:%B %Y}:\n{referral.answer}"]


def letter_for(
    session: Session, actor: Actor, referral_id: UUID, *, now: datetime
) -> tuple[Letter, Part]:
    """A referral and what the actor is to it; NotFound for strangers as for what is not there."""
    letter = queries.letter(session, referral_id)
    part = _part(actor, letter, now) if letter else None
    if letter is None or part is None:
        raise NotFound
    return letter, part


def note_read(session: Session, actor: Actor, referral_id: UUID, *, now: datetime) -> None:
    """Write down that a specialist reads a letter."""
    letter, part = letter_for(session, actor, referral_id, now=now)
    if part is Part.SPECIALIST:
        _record(session, actor, letter.referral, "read", now)


def letter_of_appointment(
    session: Session, actor: Actor, appointment: Appointment, *, now: datetime
) -> Letter | None:
    """The letter that came with an appointment, if it has one that the actor may read."""
    letter = queries.for_appointment(session, appointment)
    return letter if letter and _part(actor, letter, now) else None


def subject_of(referral_id: UUID) -> str:
    """How the audit names a referral."""
    return f"referral:{referral_id}"


# Booking


def book(
    session: Session,
    actor: Actor,
    booking_request: BookingRequest,
    *,
    now: datetime,
    hold_id: UUID | None = None,
    referral_id: UUID | None = None,
) -> Appointment:
    """Book an appointment; a specialist's with the referral named, or the patient's own that fits.

    At most 9 statements with specialists, 8 with others. Raises what booking raises, with
    ReferralRequired and ReferralSpent among it.
    """
    place = place_of(session, booking_request.schedule_id)
    found = _found(
        session, place, booking_request, now=now, referral_id=referral_id, hold_id=hold_id
    )
    if hold_id is not None and needs_referral(place):
        # A hold that bears another letter, perhaps one revoked since, is made anew.
        check_booker(actor, place, booking_request.patient_id, found.authorisation)
        hold_id = hold_id if found.is_held else None
    return booking.book(
        session,
        actor,
        booking_request,
        now=now,
        hold_id=hold_id,
        authorisation=found.authorisation,
        place=place,
    )


def hold(
    session: Session,
    actor: Actor,
    booking_request: BookingRequest,
    *,
    now: datetime,
    keep: timedelta,
    referral_id: UUID | None = None,
) -> Appointment:
    """Keep a time, a specialist's together with the referral that :func:`book` would take."""
    place = place_of(session, booking_request.schedule_id)
    found = _found(session, place, booking_request, now=now, referral_id=referral_id)
    return booking.hold(
        session,
        actor,
        booking_request,
        now=now,
        keep=keep,
        authorisation=found.authorisation,
        place=place,
    )


def _found(
    session: Session,
    place: Place,
    booking_request: BookingRequest,
    *,
    now: datetime,
    referral_id: UUID | None,
    hold_id: UUID | None = None,
) -> queries.Found:
    """Nothing, without a look, where no referral is needed."""
    if booking_request.patient_id is None or not needs_referral(place):
        return queries.NOTHING
    return queries.authorisation_for(
        session,
        place,
        booking_request.patient_id,
        now=now,
        referral_id=referral_id,
        hold_id=hold_id,
    )


# What the verbs share


def _gp(session: Session, actor: Actor) -> Practitioner:
    if actor.practitioner_id is None:
        raise OnlyGps
    gp = directory.practitioner(session, actor.practitioner_id)
    if not may_refer(gp.profession):
        raise OnlyGps
    return gp


def _check_addressee(session: Session, practitioner_id: int | None, expertise: str | None) -> None:
    """NoAddressee for what was never one, AddresseeUnavailable for whom is no longer there."""
    if practitioner_id is not None:
        try:
            specialist = directory.practitioner(session, practitioner_id)
        except NotFound:
            raise AddresseeUnavailable(field="addressee") from None
        if not specialist.is_specialist:
            raise NoAddressee(field="addressee")
    elif (expertise or "").casefold() not in map(str.casefold, queries.areas(session)):
        raise AddresseeUnavailable(field="addressee")


def _for_act(session: Session, actor: Actor, referral_id: UUID, act: Act, now: datetime) -> Letter:
    letter, part = letter_for(session, actor, referral_id, now=now)
    check_act(act, letter.standing(now), part, by=actor.practitioner_id)
    return letter


def _part(actor: Actor, letter: Letter, now: datetime) -> Part | None:
    return part_in(
        letter.standing(now),
        practitioner_id=actor.practitioner_id,
        acts_for=actor.acts_for(letter.referral.patient_id),
    )


def _told(session: Session, actor: Actor, referral: Referral, topic: Topic, now: datetime) -> None:
    """Into the audit and, through the outbox, to whom it concerns."""
    _record(session, actor, referral, topic.removeprefix("referral."), now)
    publish(session, topic, referral=referral.id, by=actor.account_id, now=now)


def _record(session: Session, actor: Actor, referral: Referral, act: str, now: datetime) -> None:
    audit.record(
        session,
        f"referral.{act}",
        subject_of(referral.id),
        by=actor.origin,
        now=now,
        patient=str(referral.patient_id),
    )
