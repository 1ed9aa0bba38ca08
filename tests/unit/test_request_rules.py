"""Who may do what with a department's request, and what its appointment makes of it."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from openslot.booking.models import Status
from openslot.core.actor import Actor, Role
from openslot.requests.models import Kept
from openslot.requests.rules import Act, Part, Standing, State, acts_now, part_in, state

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


def rows() -> list[tuple[State, Part, set[str]]]:
    """The table as it reads above."""
    return [
        (State(line.split()[0]), part, set(line[low:high].split()) - {"-"})
        for line in TABLE.strip().splitlines()[1:]
        for part, (low, high) in zip((Part.ASKING, Part.ASKED, Part.OVERSEER), WIDTHS, strict=True)
    ]


def standing(
    now_is: State, appointment: Status | None = None, appointment_at: datetime | None = None
) -> Standing:
    return Standing(now_is, SURGERY, RADIOLOGY, CENTRE, appointment, appointment_at)


@pytest.mark.parametrize(("now_is", "part", "acts"), rows())
def test_each_part_may_do_what_the_table_gives_and_nothing_else(
    now_is: State, part: Part, acts: set[str]
) -> None:
    appointment = Status.BOOKED if now_is is State.ACCEPTED else None
    assert acts_now(standing(now_is, appointment, NOW), part, now=NOW) == acts


def test_what_became_of_an_accepted_request_follows_from_its_appointment() -> None:
    became = {appointment: state(Kept.ACCEPTED, appointment) for appointment in Status}
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
    assert state(kept, appointment) == kept.value


def test_once_the_patient_is_there_it_can_only_be_completed() -> None:
    begun = standing(State.ACCEPTED, Status.ARRIVED, NOW)
    assert acts_now(begun, Part.ASKING, now=NOW) == set()
    assert acts_now(begun, Part.OVERSEER, now=NOW) == set()
    assert acts_now(begun, Part.ASKED, now=NOW) == {Act.COMPLETE}


def test_nothing_is_completed_long_before_its_time() -> None:
    later = standing(State.ACCEPTED, Status.BOOKED, NOW + timedelta(hours=13))
    assert acts_now(later, Part.ASKED, now=NOW) == {Act.CANCEL}


@pytest.mark.parametrize(
    ("actor", "part"),
    [
        (Actor(Role.STAFF, centre_id=CENTRE, department_id=SURGERY), Part.ASKING),
        (Actor(Role.STAFF, centre_id=CENTRE, department_id=RADIOLOGY), Part.ASKED),
        (Actor(Role.STAFF, centre_id=CENTRE, department_id=WARD), None),
        (Actor(Role.STAFF, centre_id=CENTRE), None),
        (Actor(Role.CENTRE_ADMIN, centre_id=CENTRE), Part.OVERSEER),
        (Actor(Role.CENTRE_ADMIN, centre_id=CENTRE + 1), None),
        (Actor(Role.NETWORK_ADMIN), Part.OVERSEER),
        (Actor(Role.PRACTITIONER, practitioner_id=1), None),
        (Actor(Role.PATIENT), None),
        (Actor(), None),
    ],
)
def test_strangers_are_nothing_to_a_request(actor: Actor, part: Part | None) -> None:
    assert part_in(actor, standing(State.NEW)) is part
