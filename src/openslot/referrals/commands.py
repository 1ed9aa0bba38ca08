"""Commands for referrals; usecases/booking.py books with one."""

from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from openslot.booking.models import Appointment
from openslot.core import audit
from openslot.core.actor import Actor
from openslot.core.errors import NotFound
from openslot.core.events import publish
from openslot.core.ids import new_id
from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.directory.models import Practitioner
from openslot.records import access
from openslot.referrals import queries
from openslot.referrals.details import AnswerDetails, ReferralDetails
from openslot.referrals.errors import AddresseeUnavailable, NoAddressee, OnlyGps
from openslot.referrals.events import Topic
from openslot.referrals.models import Kept, Referral
from openslot.referrals.queries import Letter
from openslot.referrals.rules import Act, Part, check_act, may_refer, months_later, part_in

# Referrals


def may_write(work: Work, patient_id: UUID) -> Practitioner:
    """Return the GP who may refer this patient; ``access_days`` as in records/access.py.

    Raise OnlyGps for other actors, and NotFound if the GP may not read the patient's health record.
    """
    gp = _gp(work)
    if not access.may_read(work, patient_id):
        raise NotFound
    return gp


def write(work: Work, patient_id: UUID, details: ReferralDetails) -> Referral:
    """Create a draft, which only its author sees until it is sent."""
    gp = may_write(work, patient_id)
    _check_addressee(work.session, details.practitioner_id, details.expertise)
    referral = Referral(
        id=new_id(),
        patient_id=patient_id,
        gp_id=gp.id,
        status=Kept.DRAFT,
        created_at=work.now,
        version=1,
        **details.model_dump(),
    )
    queries.add(work.session, referral)
    _record(work, referral, "written")
    return referral


def change(work: Work, referral_id: UUID, details: ReferralDetails) -> Referral:
    """Change the text or the addressee of a draft."""
    referral = _for_act(work, referral_id, Act.CHANGE).referral
    _check_addressee(work.session, details.practitioner_id, details.expertise)
    referral.practitioner_id = details.practitioner_id
    referral.expertise = details.expertise
    referral.letter = details.letter
    _record(work, referral, "changed")
    return referral


def send(work: Work, referral_id: UUID) -> Referral:
    """Send a draft; the patient can book with it for ``referral_months``.

    Raise AddresseeUnavailable if nobody it is addressed to is active any more.
    """
    referral = _for_act(work, referral_id, Act.SEND).referral
    may_write(work, referral.patient_id)
    _check_addressee(work.session, referral.practitioner_id, referral.expertise)
    referral.status = Kept.SENT
    referral.sent_at = work.now
    referral.expires_at = months_later(work.now, work.settings.referral_months)
    _publish(work, referral, Topic.SENT)
    return referral


def discard(work: Work, referral_id: UUID) -> None:
    """Delete a draft."""
    referral = _for_act(work, referral_id, Act.DISCARD).referral
    _record(work, referral, "discarded")
    queries.discard(work.session, referral)


def revoke(work: Work, referral_id: UUID) -> Referral:
    """Revoke a referral that no appointment uses.

    A booking made at the same moment is valid, because the referral was valid when it was checked.
    """
    referral = _for_act(work, referral_id, Act.REVOKE).referral
    referral.status = Kept.REVOKED
    referral.revoked_at = work.now
    _publish(work, referral, Topic.REVOKED)
    return referral


def answer(work: Work, referral_id: UUID, details: AnswerDetails) -> Referral:
    """Add the answer of the specialist whose appointment uses the referral; only one each.

    If another specialist answered before and the patient then cancelled, the earlier answer stays
    below the new one, with its author and date.
    """
    letter = _for_act(work, referral_id, Act.ANSWER)
    referral = letter.referral
    referral.answer = "\n\n".join([details.answer, *_earlier_answer(work.session, letter)])
    referral.answered_by = work.actor.practitioner_id
    referral.answered_at = work.now
    _publish(work, referral, Topic.ANSWERED)
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


def letter_for(work: Work, referral_id: UUID) -> tuple[Letter, Part]:
    """Return a referral and the actor's relation to it.

    Raise NotFound if there is no such referral, and in the same way if the actor may not see it.
    """
    letter = queries.letter(work.session, referral_id)
    relation = _relation(work.actor, letter, work.now) if letter else None
    if letter is None or relation is None:
        raise NotFound
    return letter, relation


def note_read(work: Work, referral_id: UUID) -> None:
    """Write an audit event if the actor reads the referral as a specialist."""
    letter, relation = letter_for(work, referral_id)
    if relation is Part.SPECIALIST:
        _record(work, letter.referral, "read")


def letter_of_appointment(work: Work, appointment: Appointment) -> Letter | None:
    """Return the referral used for an appointment, if the actor may read it, else None."""
    letter = queries.for_appointment(work.session, appointment)
    return letter if letter and _relation(work.actor, letter, work.now) else None


def subject_of(referral_id: UUID) -> str:
    """Return the name of a referral in the audit."""
    return f"referral:{referral_id}"


# Shared by the commands


def _gp(work: Work) -> Practitioner:
    if work.actor.practitioner_id is None:
        raise OnlyGps
    gp = directory.practitioner(work.session, work.actor.practitioner_id)
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


def _for_act(work: Work, referral_id: UUID, act: Act) -> Letter:
    letter, relation = letter_for(work, referral_id)
    check_act(act, letter.standing(work.now), relation, by=work.actor.practitioner_id)
    return letter


def _relation(actor: Actor, letter: Letter, now: datetime) -> Part | None:
    return part_in(
        letter.standing(now),
        practitioner_id=actor.practitioner_id,
        acts_for=actor.acts_for(letter.referral.patient_id),
    )


def _publish(work: Work, referral: Referral, topic: Topic) -> None:
    """Write an audit event and queue the notifications."""
    _record(work, referral, topic.removeprefix("referral."))
    publish(work, topic, referral=referral.id, by=work.actor.account_id)


def _record(work: Work, referral: Referral, act: str) -> None:
    audit.record(work, f"referral.{act}", subject_of(referral.id), patient=str(referral.patient_id))
