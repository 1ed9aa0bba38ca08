"""Commands for referrals; usecases/booking.py and accepted offers book with one."""

from datetime import UTC
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking.models import Appointment
from openslot.core import audit
from openslot.core.changes import set_values
from openslot.core.errors import NotFound
from openslot.core.events import publish
from openslot.core.ids import new_id
from openslot.core.locks import lock
from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.directory.models import Practitioner
from openslot.records import access
from openslot.referrals import queries
from openslot.referrals.details import AnswerDetails, ReferralDetails
from openslot.referrals.errors import AddresseeUnavailable, NoAddressee, OnlyGps
from openslot.referrals.events import Topic
from openslot.referrals.models import Kept, Referral
from openslot.referrals.rules import (
    Action,
    Relation,
    check_action,
    months_later,
    relation_to,
)
from openslot.schedules.rules import Place

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
    referral = _for_action(work, referral_id, Action.CHANGE)
    _check_addressee(work.session, details.practitioner_id, details.expertise)
    if set_values(referral, details.model_dump()):
        work.session.expire(referral, ["addressee"])
        _record(work, referral, "changed")
    return referral


def send(work: Work, referral_id: UUID) -> Referral:
    """Send a draft; the patient can book with it for ``referral_months``.

    Raise AddresseeUnavailable if nobody it is addressed to is active any more.
    """
    referral = _for_action(work, referral_id, Action.SEND)
    may_write(work, referral.patient_id)
    _check_addressee(work.session, referral.practitioner_id, referral.expertise)
    referral.status = Kept.SENT
    referral.sent_at = work.now
    referral.expires_at = months_later(work.now, work.settings.referral_months)
    _publish(work, referral, Topic.SENT)
    return referral


def discard(work: Work, referral_id: UUID) -> None:
    """Delete a draft."""
    referral = _for_action(work, referral_id, Action.DISCARD)
    _record(work, referral, "discarded")
    queries.discard(work.session, referral)


def revoke(work: Work, referral_id: UUID) -> Referral:
    """Revoke a referral that no appointment uses.

    A booking made at the same moment is valid, because the referral was valid when it was checked.
    """
    referral = _for_action(work, referral_id, Action.REVOKE)
    referral.status = Kept.REVOKED
    referral.revoked_at = work.now
    _publish(work, referral, Topic.REVOKED)
    return referral


def answer(work: Work, referral_id: UUID, details: AnswerDetails) -> Referral:
    """Add the answer of the specialist whose appointment uses the referral; only one each.

    If another specialist answered before and the patient then cancelled, the earlier answer stays
    below the new one, with its author and date.
    """
    referral = _for_action(work, referral_id, Action.ANSWER)
    referral.answer = "\n\n".join([details.answer, *_earlier_answer(work.session, referral)])
    referral.answered_by = work.actor.practitioner_id
    referral.answered_at = work.now
    _publish(work, referral, Topic.ANSWERED)
    return referral


def _earlier_answer(session: Session, referral: Referral) -> list[str]:
    """Return another specialist's answer with a heading, or an empty list."""
    if referral.answer is None or referral.answered_by is None or referral.answered_at is None:
        return []
    author = directory.practitioner(session, referral.answered_by, inactive=True)
    zone = referral.appointment.zone if referral.appointment else UTC
    day = referral.answered_at.astimezone(zone)
    return [f"{author.name}, {day.day} {day:%B %Y}:\n{referral.answer}"]


def referral_for(work: Work, referral_id: UUID) -> tuple[Referral, Relation]:
    """Return a referral and the actor's relation to it.

    Raise NotFound if there is no such referral, and in the same way if the actor may not see it.
    """
    referral = queries.referral(work.session, referral_id)
    relation = relation_to(work.actor, referral, work.now) if referral else None
    if referral is None or relation is None:
        raise NotFound
    return referral, relation


def note_read(work: Work, referral_id: UUID) -> None:
    """Write an audit event if the actor reads the referral as a specialist."""
    referral, relation = referral_for(work, referral_id)
    if relation is Relation.SPECIALIST:
        _record(work, referral, "read")


def referral_of_appointment(work: Work, appointment: Appointment) -> Referral | None:
    """Return the referral used for an appointment, if the actor may read it, else None."""
    referral = queries.for_appointment(work.session, appointment)
    return referral if referral and relation_to(work.actor, referral, work.now) else None


def authorisation_to_use(
    work: Work,
    place: Place,
    patient_id: UUID,
    *,
    referral_id: UUID | None = None,
    hold_id: UUID | None = None,
) -> queries.Found:
    """Return the referral to book with now; see ``queries.authorisation_for``. Of two who would
    book the last appointment that one allows, the later waits, and then finds that it is taken."""
    found = queries.authorisation_for(
        work, place, patient_id, referral_id=referral_id, hold_id=hold_id
    )
    if not found.is_counted:
        return found
    _lock_follow_ups(work, patient_id)
    return queries.authorisation_for(
        work, place, patient_id, referral_id=referral_id, hold_id=hold_id
    )


def is_spent(work: Work, appointment: Appointment) -> bool:
    """Return whether the referral of a cancelled appointment was used for another since; nobody
    uses it until the end of the transaction."""
    if appointment.referral_id is not None:
        return not queries.is_unused(work, appointment.referral_id)
    if appointment.patient_id is None or not queries.are_counted(work, appointment):
        return False
    _lock_follow_ups(work, appointment.patient_id)
    return not queries.covers_another(work, appointment)


def _lock_follow_ups(work: Work, patient_id: UUID) -> None:
    """Let only one at a time book what counts for the referrals of a patient."""
    lock(work.session, f"follow-ups of {patient_id}")


def subject_of(referral_id: UUID) -> str:
    """Return the name of a referral in the audit."""
    return f"referral:{referral_id}"


# Shared by the commands


def _gp(work: Work) -> Practitioner:
    if work.actor.practitioner_id is None:
        raise OnlyGps
    gp = directory.practitioner(work.session, work.actor.practitioner_id)
    if not gp.may_refer:
        raise OnlyGps
    return gp


def _check_addressee(session: Session, practitioner_id: int | None, expertise: str | None) -> None:
    """Raise NoAddressee if it can never be one, AddresseeUnavailable if it no longer can."""
    if practitioner_id is not None:
        try:
            specialist = directory.practitioner(session, practitioner_id)
        except NotFound:
            raise AddresseeUnavailable(field="addressee") from None
        if queries.specialist(session, specialist.id) is None:
            raise NoAddressee(field="addressee")
    elif (expertise or "").casefold() not in map(str.casefold, queries.areas(session)):
        raise AddresseeUnavailable(field="addressee")


def _for_action(work: Work, referral_id: UUID, action: Action) -> Referral:
    referral, relation = referral_for(work, referral_id)
    check_action(action, referral, relation, by=work.actor.practitioner_id, now=work.now)
    return referral


def _publish(work: Work, referral: Referral, topic: Topic) -> None:
    """Write an audit event and queue the notifications."""
    _record(work, referral, topic.removeprefix("referral."))
    publish(work, topic, referral=referral.id, by=work.actor.account_id)


def _record(work: Work, referral: Referral, action: str) -> None:
    audit.record(
        work, f"referral.{action}", subject_of(referral.id), patient=str(referral.patient_id)
    )
