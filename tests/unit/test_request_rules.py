"""Who may do what with a department's request, and what its appointment makes of it."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from openslot.booking.models import Appointment, Status
from openslot.core.actor import Actor, Role
from openslot.department_requests.models import Kept, ServiceRequest, State
from openslot.department_requests.rules import Action, Relation, actions_now, relation_to
from openslot.directory.models import Department, Service

NOW = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
SURGERY, RADIOLOGY, WARD, CENTRE = 1, 2, 3, 7

TABLE = """
             asking                  asked                          overseer
new          amend cancel            accept propose decline         cancel
proposed     agree amend cancel      accept propose decline         cancel
accepted     amend cancel            cancel complete                cancel
declined     -                       -                              -
cancelled    -                       -                              -
completed    rate                    -                              -
"""
WIDTHS = ((13, 37), (37, 68), (68, 90))


def rows() -> list[tuple[State, Relation, set[str]]]:
    """The table as it reads above."""
    return [
        (State(line.split()[0]), relation, set(line[low:high].split()) - {"-"})
        for line in TABLE.strip().splitlines()[1:]
        for relation, (low, high) in zip(
            (Relation.ASKING, Relation.ASKED, Relation.OVERSEER), WIDTHS, strict=True
        )
    ]


def request(
    kept: Kept, appointment: Status | None = None, appointment_at: datetime = NOW
) -> ServiceRequest:
    return ServiceRequest(
        service=Service(department_id=RADIOLOGY, department=Department(centre_id=CENTRE)),
        department_id=SURGERY,
        status=kept,
        appointment=Appointment(status=appointment, starts_at=appointment_at)
        if appointment
        else None,
    )


def request_in(state: State) -> ServiceRequest:
    if state is State.COMPLETED:
        return request(Kept.ACCEPTED, Status.FULFILLED)
    return request(Kept(state), Status.BOOKED if state is State.ACCEPTED else None)


@pytest.mark.parametrize(("state", "relation", "actions"), rows())
def test_each_relation_may_do_what_the_table_gives_and_nothing_else(
    state: State, relation: Relation, actions: set[str]
) -> None:
    assert actions_now(request_in(state), relation, now=NOW) == actions


def test_what_became_of_an_accepted_request_follows_from_its_appointment() -> None:
    became = {appointment: request(Kept.ACCEPTED, appointment).state for appointment in Status}
    assert became == {
        Status.HELD: State.CANCELLED,
        Status.BOOKED: State.ACCEPTED,
        Status.ARRIVED: State.ACCEPTED,
        Status.FULFILLED: State.COMPLETED,
        Status.CANCELLED: State.CANCELLED,
        Status.NO_SHOW: State.CANCELLED,
        Status.ENTERED_IN_ERROR: State.CANCELLED,
        Status.EXPIRED: State.CANCELLED,
    }


@pytest.mark.parametrize(
    ("kept", "appointment"),
    list(product([kept for kept in Kept if kept is not Kept.ACCEPTED], [None, *Status])),
)
def test_other_requests_stand_as_their_row_says(kept: Kept, appointment: Status | None) -> None:
    assert request(kept, appointment).state == kept.value


def test_once_the_patient_is_there_it_can_only_be_completed() -> None:
    begun = request(Kept.ACCEPTED, Status.ARRIVED)
    assert actions_now(begun, Relation.ASKING, now=NOW) == set()
    assert actions_now(begun, Relation.OVERSEER, now=NOW) == set()
    assert actions_now(begun, Relation.ASKED, now=NOW) == {Action.COMPLETE}


def test_nothing_is_completed_long_before_its_time() -> None:
    later = request(Kept.ACCEPTED, Status.BOOKED, NOW + timedelta(hours=13))
    assert actions_now(later, Relation.ASKED, now=NOW) == {Action.CANCEL}


@pytest.mark.parametrize(
    ("actor", "relation"),
    [
        (Actor(Role.STAFF, centre_id=CENTRE, department_id=SURGERY), Relation.ASKING),
        (Actor(Role.STAFF, centre_id=CENTRE, department_id=RADIOLOGY), Relation.ASKED),
        (Actor(Role.STAFF, centre_id=CENTRE, department_id=WARD), None),
        (Actor(Role.STAFF, centre_id=CENTRE), None),
        (Actor(Role.CENTRE_ADMIN, centre_id=CENTRE), Relation.OVERSEER),
        (Actor(Role.CENTRE_ADMIN, centre_id=CENTRE + 1), None),
        (Actor(Role.NETWORK_ADMIN), Relation.OVERSEER),
        (Actor(Role.PRACTITIONER, practitioner_id=1), None),
        (Actor(Role.PATIENT), None),
        (Actor(), None),
    ],
)
def test_strangers_are_nothing_to_a_request(actor: Actor, relation: Relation | None) -> None:
    assert relation_to(actor, request(Kept.NEW)) is relation
