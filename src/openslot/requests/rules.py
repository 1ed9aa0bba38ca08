"""How a department's request stands, and who may do what with it: pure decisions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from openslot.booking.errors import TooEarly
from openslot.booking.models import Status
from openslot.booking.rules import ARRIVES_EARLIEST, LIVE
from openslot.core import transitions
from openslot.core.actor import Actor, Role
from openslot.core.errors import Forbidden
from openslot.directory.rules import runs_centre
from openslot.requests.errors import AlreadyStarted, WrongState
from openslot.requests.models import Kept


class State(StrEnum):
    """How a request stands, as people see it."""

    NEW = "new"
    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    COMPLETED = "completed"


OPEN = frozenset({State.NEW, State.PROPOSED, State.ACCEPTED})
"""Somebody has still something to do."""

CLOSED = frozenset(State) - OPEN


def state(kept: Kept, appointment: Status | None) -> State:
    """What the row and its appointment say together: an accepted request follows its appointment.

    queries.STATE says the same in SQL.
    """
    if kept is not Kept.ACCEPTED:
        return State(kept)
    if appointment is Status.FULFILLED:
        return State.COMPLETED
    return State.ACCEPTED if appointment in LIVE else State.CANCELLED


class Part(StrEnum):
    """What somebody is to a request."""

    ASKING = "asking"
    ASKED = "asked"
    OVERSEER = "overseer"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a rule needs to know of a request; ``appointment`` and ``appointment_at`` are of its
    appointment."""

    state: State
    asking_id: int
    asked_id: int
    centre_id: int
    appointment: Status | None = None
    appointment_at: datetime | None = None


def part_in(actor: Actor, standing: Standing) -> Part | None:
    """What the actor is to the request; None for a stranger, who may not know that it exists."""
    if actor.is_a(Role.STAFF) and actor.department_id is not None:
        if actor.department_id == standing.asked_id:
            return Part.ASKED
        if actor.department_id == standing.asking_id:
            return Part.ASKING
    return Part.OVERSEER if runs_centre(actor, standing.centre_id) else None


class Act(StrEnum):
    """What can be done with a request."""

    ACCEPT = "accept"
    PROPOSE = "propose"
    DECLINE = "decline"
    AGREE = "agree"
    AMEND = "amend"
    CANCEL = "cancel"
    COMPLETE = "complete"
    RATE = "rate"


_UNANSWERED = frozenset({State.NEW, State.PROPOSED})

ACTS: Mapping[tuple[Act, Part], frozenset[State]] = {
    (Act.ACCEPT, Part.ASKED): _UNANSWERED,
    (Act.PROPOSE, Part.ASKED): _UNANSWERED,
    (Act.DECLINE, Part.ASKED): _UNANSWERED,
    (Act.COMPLETE, Part.ASKED): frozenset({State.ACCEPTED}),
    # What was promised is taken back the same way by either side, and by who runs the centre.
    (Act.CANCEL, Part.ASKED): frozenset({State.ACCEPTED}),
    (Act.CANCEL, Part.ASKING): OPEN,
    (Act.CANCEL, Part.OVERSEER): OPEN,
    (Act.AGREE, Part.ASKING): frozenset({State.PROPOSED}),
    (Act.AMEND, Part.ASKING): OPEN,
    (Act.RATE, Part.ASKING): frozenset({State.COMPLETED}),
}
"""The states in which each may do what; anything not listed is forbidden."""


def check_act(act: Act, standing: Standing, part: Part, *, now: datetime) -> None:
    """Refuse what the table does not give, and what comes at a wrong time."""
    transitions.check(ACTS, (act, part), standing.state, unlisted=Forbidden, unmet=WrongState)
    if act in (Act.AMEND, Act.CANCEL) and standing.appointment is Status.ARRIVED:
        raise AlreadyStarted
    too_early = (
        standing.appointment_at is not None and now < standing.appointment_at - ARRIVES_EARLIEST
    )
    if act is Act.COMPLETE and standing.appointment is Status.BOOKED and too_early:
        raise TooEarly


def acts_now(standing: Standing, part: Part, *, now: datetime) -> frozenset[Act]:
    """What this part may do with the request now."""
    return transitions.allowed(Act, lambda act: check_act(act, standing, part, now=now))
