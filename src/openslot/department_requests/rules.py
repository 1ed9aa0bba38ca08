"""Who may do what with a department's request: pure decisions."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from openslot.booking.errors import TooEarly
from openslot.booking.models import Status
from openslot.booking.moves import ARRIVES_EARLIEST
from openslot.core import transitions
from openslot.core.actor import Actor, Role
from openslot.core.errors import Forbidden
from openslot.department_requests.errors import AlreadyStarted, WrongState
from openslot.department_requests.models import ServiceRequest, State
from openslot.directory.rules import runs_centre

OPEN = frozenset({State.NEW, State.PROPOSED, State.ACCEPTED})
"""Somebody has still something to do."""

CLOSED = frozenset(State) - OPEN


class Relation(StrEnum):
    """What somebody is to a request."""

    ASKING = "asking"
    ASKED = "asked"
    OVERSEER = "overseer"


def relation_to(actor: Actor, request: ServiceRequest) -> Relation | None:
    """Return the actor's relation to the request, or None for a stranger, who may not know that it
    exists."""
    if actor.is_a(Role.STAFF) and actor.department_id is not None:
        if actor.department_id == request.service.department_id:
            return Relation.ASKED
        if actor.department_id == request.department_id:
            return Relation.ASKING
    return Relation.OVERSEER if runs_centre(actor, request.department.centre_id) else None


class Action(StrEnum):
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

ACTIONS: Mapping[tuple[Action, Relation], frozenset[State]] = {
    (Action.ACCEPT, Relation.ASKED): _UNANSWERED,
    (Action.PROPOSE, Relation.ASKED): _UNANSWERED,
    (Action.DECLINE, Relation.ASKED): _UNANSWERED,
    (Action.COMPLETE, Relation.ASKED): frozenset({State.ACCEPTED}),
    # What was promised is taken back the same way by either side, and by who runs the centre.
    (Action.CANCEL, Relation.ASKED): frozenset({State.ACCEPTED}),
    (Action.CANCEL, Relation.ASKING): OPEN,
    (Action.CANCEL, Relation.OVERSEER): OPEN,
    (Action.AGREE, Relation.ASKING): frozenset({State.PROPOSED}),
    (Action.AMEND, Relation.ASKING): OPEN,
    (Action.RATE, Relation.ASKING): frozenset({State.COMPLETED}),
}
"""The states in which each may do what; anything not listed is forbidden."""


def check_action(
    action: Action, request: ServiceRequest, relation: Relation, *, now: datetime
) -> None:
    """Raise Forbidden or WrongState for what the table does not allow, and AlreadyStarted or
    TooEarly for what comes at a wrong time."""
    transitions.check(
        ACTIONS, (action, relation), request.state, unlisted=Forbidden, unmet=WrongState
    )
    appointment = request.appointment
    if appointment is None:
        return
    if action in (Action.AMEND, Action.CANCEL) and appointment.status is Status.ARRIVED:
        raise AlreadyStarted
    is_early = now < appointment.starts_at - ARRIVES_EARLIEST
    if action is Action.COMPLETE and appointment.status is Status.BOOKED and is_early:
        raise TooEarly


def actions_now(request: ServiceRequest, relation: Relation, *, now: datetime) -> frozenset[Action]:
    """Return what somebody in this relation may do with the request now."""
    return transitions.allowed(
        Action, lambda action: check_action(action, request, relation, now=now)
    )
