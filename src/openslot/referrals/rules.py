"""Who may see a referral, and who may do what with it."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum

from openslot.booking.models import Appointment
from openslot.core import transitions
from openslot.core.actor import Actor
from openslot.core.errors import Forbidden
from openslot.records import access
from openslot.referrals.errors import AlreadyAnswered, NoAppointmentYet, WrongState
from openslot.referrals.models import Referral, State


class Relation(StrEnum):
    """What somebody is to a referral."""

    GP = "gp"
    SPECIALIST = "specialist"
    PATIENT = "patient"


def relation_to(actor: Actor, referral: Referral, now: datetime) -> Relation | None:
    """Return the actor's relation to a referral, or None for a stranger, who may not know that it
    exists.

    Only its author sees a draft. The specialist whom a referral names may read it until it is
    revoked, also once it has expired; one to an area of expertise only who has the appointment
    that uses it, or answered it.
    """
    if not actor.reaches(referral.patient_id):
        return None
    person, state = actor.practitioner_id, referral.state_at(now)
    if person is not None and person == referral.gp_id:
        return Relation.GP
    if state is State.DRAFT:
        return None
    if actor.acts_for(referral.patient_id):
        return Relation.PATIENT
    if person is None:
        return None
    is_named = person == referral.practitioner_id and state is not State.REVOKED
    is_reader = is_named or person == referral.answered_by or _treats(person, referral, now)
    return Relation.SPECIALIST if is_reader else None


def _treats(practitioner_id: int | None, referral: Referral, now: datetime) -> bool:
    """Return whether the appointment that uses the referral opens it to the practitioner.

    One that the practitioner booked alone does so on its day, and later if the patient came.
    """
    return referral.appointment is not None and _opens(referral.appointment, practitioner_id, now)


def may_follow(actor: Actor, appointment: Appointment, now: datetime) -> bool:
    """Return whether an appointment leads the actor to the referral that it was booked with: its
    patient, and its practitioner while it is used."""
    if not actor.reaches(appointment.patient_id):
        return False
    if actor.reads_all or actor.acts_for(appointment.patient_id):
        return True
    person = actor.practitioner_id
    return (
        appointment.referral_use is not None
        and person is not None
        and _opens(appointment, person, now)
    )


def _opens(appointment: Appointment, practitioner_id: int | None, now: datetime) -> bool:
    if appointment.schedule.practitioner_id != practitioner_id:
        return False
    return appointment.opens_record_at is None or access.is_its_day(appointment, now)


class Action(StrEnum):
    """What can be done with a referral."""

    CHANGE = "change"
    SEND = "send"
    DISCARD = "discard"
    REVOKE = "revoke"
    ANSWER = "answer"


ACTIONS: Mapping[tuple[Action, Relation], frozenset[State]] = {
    (Action.CHANGE, Relation.GP): frozenset({State.DRAFT}),
    (Action.SEND, Relation.GP): frozenset({State.DRAFT}),
    (Action.DISCARD, Relation.GP): frozenset({State.DRAFT}),
    (Action.REVOKE, Relation.GP): frozenset({State.SENT}),
    (Action.ANSWER, Relation.SPECIALIST): frozenset({State.USED}),
}
"""The states in which each may do what; anything not listed is forbidden."""


def check_action(
    action: Action, referral: Referral, relation: Relation, *, by: int | None, now: datetime
) -> None:
    """Raise an error for what the table does not give; ``by`` is the practitioner who acts.

    A specialist answers once. If the patient then cancels and sees another specialist, that one
    may answer too.
    """
    answers = (action, relation) == (Action.ANSWER, Relation.SPECIALIST)
    if answers and referral.answered_by is not None and not _may_add(by, referral, now):
        raise AlreadyAnswered
    unmet = NoAppointmentYet if answers else WrongState
    move, state = (action, relation), referral.state_at(now)
    transitions.check(ACTIONS, move, state, unlisted=Forbidden, unmet=unmet)


def _may_add(practitioner_id: int | None, referral: Referral, now: datetime) -> bool:
    """Return whether the answer of another specialist leaves this one something to answer."""
    return practitioner_id not in (None, referral.answered_by) and _treats(
        practitioner_id, referral, now
    )


def actions_now(
    referral: Referral, relation: Relation, *, by: int | None, now: datetime
) -> frozenset[Action]:
    """Return what :func:`check_action` allows now."""
    return transitions.allowed(
        Action, lambda action: check_action(action, referral, relation, by=by, now=now)
    )


def months_later(now: datetime, months: int) -> datetime:
    """Return the same day and time in UTC so many months on, at most the last day of the month."""
    moment = now.astimezone(UTC)
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)
