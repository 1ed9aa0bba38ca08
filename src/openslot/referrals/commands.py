"""Commands for referrals, and booking with a referral where one is needed."""

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

# Referrals


def may_write(
    session: Session, actor: Actor, patient_id: UUID, *, now: datetime, access_days: int
) -> Practitioner:
    """Return the GP who may refer this patient; ``access_days`` as in records/access.py.

    Raise OnlyGps for other actors, and NotFound if the GP may not read the patient's health record.
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
    """Create a draft, which only its author sees until it is sent."""
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
    """Change the text or the addressee of a draft."""
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
    """Send a draft; the patient can book with it for ``months``.

    Raise AddresseeUnavailable if nobody it is addressed to is active any more.
    """
    referral = _for_act(session, actor, referral_id, Act.SEND, now).referral
    may_write(session, actor, referral.patient_id, now=now, access_days=access_days)
    _check_addressee(session, referral.practitioner_id, referral.expertise)
    referral.status = Kept.SENT
    referral.sent_at = now
    referral.expires_at = months_later(now, months)
    _publish(session, actor, referral, Topic.SENT, now)
    return referral


def discard(session: Session, actor: Actor, referral_id: UUID, *, now: datetime) -> None:
    """Delete a draft."""
    referral = _for_act(session, actor, referral_id, Act.DISCARD, now).referral
    _record(session, actor, referral, "discarded", now)
    queries.discard(session, referral)


def revoke(session: Session, actor: Actor, referral_id: UUID, *, now: datetime) -> Referral:
    """Revoke a referral that no appointment uses.

    A booking made at the same moment is valid, because the referral was valid when it was checked.
    """
    referral = _for_act(session, actor, referral_id, Act.REVOKE, now).referral
    referral.status = Kept.REVOKED
    referral.revoked_at = now
    _publish(session, actor, referral, Topic.REVOKED, now)
    return referral


def answer(
    session: Session, actor: Actor, referral_id: UUID, details: AnswerDetails, *, now: datetime
) -> Referral:
    """Add the answer of the specialist whose appointment uses the referral; only one each.

    If another specialist answered before and the patient then cancelled, the earlier answer stays
    below the new one, with its author and date.
    """
    letter = _for_act(session, actor, referral_id, Act.ANSWER, now)
    referral = letter.referral
    referral.answer = "\n\n".join([details.answer, *_earlier_answer(session, letter)])
    referral.answered_by = actor.practitioner_id
    referral.answered_at = now
    _publish(session, actor, referral, Topic.ANSWERED, now)
    return referral


def _earlier_answer(session: Session, letter: Letter) -> list[str]:
    """Return another specialist's answer with a heading, or an empty list."""
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
    """Return a referral and the actor's relation to it.

    Raise NotFound if there is no such referral, and in the same way if the actor may not see it.
    """
    letter = queries.letter(session, referral_id)
    relation = _relation(actor, letter, now) if letter else None
    if letter is None or relation is None:
        raise NotFound
    return letter, relation


def note_read(session: Session, actor: Actor, referral_id: UUID, *, now: datetime) -> None:
    """Write an audit event if the actor reads the referral as a specialist."""
    letter, relation = letter_for(session, actor, referral_id, now=now)
    if relation is Part.SPECIALIST:
        _record(session, actor, letter.referral, "read", now)


def letter_of_appointment(
    session: Session, actor: Actor, appointment: Appointment, *, now: datetime
) -> Letter | None:
    """Return the referral used for an appointment, if the actor may read it, else None."""
    letter = queries.for_appointment(session, appointment)
    return letter if letter and _relation(actor, letter, now) else None


def subject_of(referral_id: UUID) -> str:
    """Return the name of a referral in the audit."""
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
    """Book an appointment with the given referral, or with the one of the patient's that fits.

    Raise what booking raises, ReferralRequired and ReferralSpent included. Takes at most 9
    statements with a referral, 8 without.
    """
    place = place_of(session, booking_request.schedule_id)
    referral = _referral_for(
        session, place, booking_request, now=now, referral_id=referral_id, hold_id=hold_id
    )
    if hold_id is not None and needs_referral(place):
        # A hold with another referral, possibly revoked since, is replaced by a new one.
        check_booker(actor, place, booking_request.patient_id, referral.authorisation)
        hold_id = hold_id if referral.is_held else None
    return booking.book(
        session,
        actor,
        booking_request,
        now=now,
        hold_id=hold_id,
        authorisation=referral.authorisation,
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
    """Hold a slot, with the referral that :func:`book` would use."""
    place = place_of(session, booking_request.schedule_id)
    referral = _referral_for(session, place, booking_request, now=now, referral_id=referral_id)
    return booking.hold(
        session,
        actor,
        booking_request,
        now=now,
        keep=keep,
        authorisation=referral.authorisation,
        place=place,
    )


def _referral_for(
    session: Session,
    place: Place,
    booking_request: BookingRequest,
    *,
    now: datetime,
    referral_id: UUID | None,
    hold_id: UUID | None = None,
) -> queries.Found:
    """Return the referral to book with, without reading anything if none is needed."""
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


# Shared by the commands


def _gp(session: Session, actor: Actor) -> Practitioner:
    if actor.practitioner_id is None:
        raise OnlyGps
    gp = directory.practitioner(session, actor.practitioner_id)
    if not may_refer(gp.profession):
        raise OnlyGps
    return gp


def _check_addressee(session: Session, practitioner_id: int | None, expertise: str | None) -> None:
    """Raise NoAddressee if it can never be one, AddresseeUnavailable if it no longer can."""
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
    letter, relation = letter_for(session, actor, referral_id, now=now)
    check_act(act, letter.standing(now), relation, by=actor.practitioner_id)
    return letter


def _relation(actor: Actor, letter: Letter, now: datetime) -> Part | None:
    return part_in(
        letter.standing(now),
        practitioner_id=actor.practitioner_id,
        acts_for=actor.acts_for(letter.referral.patient_id),
    )


def _publish(
    session: Session, actor: Actor, referral: Referral, topic: Topic, now: datetime
) -> None:
    """Write an audit event and queue the notifications."""
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
