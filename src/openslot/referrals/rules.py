"""Where a referral stands, and who may do what with it: pure decisions."""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from openslot.core import transitions
from openslot.core.errors import Forbidden
from openslot.directory.models import Profession
from openslot.referrals.errors import AlreadyAnswered, NoAppointmentYet, WrongState
from openslot.referrals.models import Kept


class State(StrEnum):
    """Where a referral stands, as people see it."""

    DRAFT = "draft"
    SENT = "sent"
    USED = "used"
    REVOKED = "revoked"
    EXPIRED = "expired"


def state(kept: Kept, *, is_used: bool, expires_at: datetime | None, now: datetime) -> State:
    """What the row, the appointments and the clock say together.

    ``is_used`` tells whether an appointment that is more than held uses the referral up. One that
    was used stays so after its time; ``expires_at`` is the first moment at which it is over.
    """
    if kept is not Kept.SENT:
        return State.DRAFT if kept is Kept.DRAFT else State.REVOKED
    if is_used:
        return State.USED
    return State.EXPIRED if expires_at is not None and expires_at <= now else State.SENT


class Part(StrEnum):
    """What somebody is to a referral."""

    GP = "gp"
    SPECIALIST = "specialist"
    PATIENT = "patient"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a rule needs to know of a referral: where it stands, who wrote it, whom it names,
    whose appointment uses it, from when that opens the patient's record, and who answered it."""

    state: State
    gp_id: int
    addressee_id: int | None
    seen_by_id: int | None
    answered_by_id: int | None


def part_in(standing: Standing, *, practitioner_id: int | None, acts_for: bool) -> Part | None:
    """What somebody is to the referral; None for a stranger, who may not know that it exists.

    A draft is its author's alone. The specialist whom a letter names may read what was sent to
    them until it is revoked, also once it has run out; of one to an area of expertise, only
    whose appointment uses it, and who answered it.
    """
    if practitioner_id is not None and practitioner_id == standing.gp_id:
        return Part.GP
    if standing.state is State.DRAFT:
        return None
    if acts_for:
        return Part.PATIENT
    if practitioner_id is None:
        return None
    names = practitioner_id == standing.addressee_id and standing.state is not State.REVOKED
    treats = practitioner_id in (standing.seen_by_id, standing.answered_by_id)
    return Part.SPECIALIST if names or treats else None


class Act(StrEnum):
    """What can be done with a referral."""

    CHANGE = "change"
    SEND = "send"
    DISCARD = "discard"
    REVOKE = "revoke"
    ANSWER = "answer"


ACTS: Mapping[tuple[Act, Part], frozenset[State]] = {
    (Act.CHANGE, Part.GP): frozenset({State.DRAFT}),
    (Act.SEND, Part.GP): frozenset({State.DRAFT}),
    (Act.DISCARD, Part.GP): frozenset({State.DRAFT}),
    (Act.REVOKE, Part.GP): frozenset({State.SENT}),
    (Act.ANSWER, Part.SPECIALIST): frozenset({State.USED}),
}
"""The states in which each may do what; anything not listed is forbidden."""


def check_act(act: Act, standing: Standing, part: Part, *, by: int | None = None) -> None:
    """Refuse what the table does not give; ``by`` is the practitioner who would do it.

    A specialist answers once. Where the patient gave the appointment back after that and went to
    another one, that one may answer too.
    """
    answers = (act, part) == (Act.ANSWER, Part.SPECIALIST)
    if answers and _has_answer_for(standing, by):
        raise AlreadyAnswered
    unmet = NoAppointmentYet if answers else WrongState
    transitions.check(ACTS, (act, part), standing.state, unlisted=Forbidden, unmet=unmet)


def _has_answer_for(standing: Standing, by: int | None) -> bool:
    """Whether nothing is left to answer for this specialist."""
    if standing.answered_by_id is None:
        return False
    return by in (None, standing.answered_by_id) or by != standing.seen_by_id


def acts_now(standing: Standing, part: Part, *, by: int | None = None) -> frozenset[Act]:
    """What this part may do with the referral now; ``by`` is the practitioner who asks."""
    return transitions.allowed(Act, lambda act: check_act(act, standing, part, by=by))


def may_refer(profession: str) -> bool:
    """Whether somebody of this profession refers patients."""
    return profession == Profession.GP


def months_later(now: datetime, months: int) -> datetime:
    """The same day and time so many months on, in UTC; the month's last day where it is shorter."""
    moment = now.astimezone(UTC)
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)
