"""Two desks answer one request at the same moment, on every engine: it ends in one state, and the
diaries agree with it."""

from collections.abc import Callable

from factories import MONDAY_9, NOW
from openslot.booking import check
from openslot.booking.models import Appointment, Status
from openslot.core.db import Database
from openslot.core.errors import DomainError
from openslot.core.ids import new_id
from openslot.department_requests import commands
from openslot.department_requests.details import RequestDetails
from openslot.department_requests.errors import WrongState
from openslot.department_requests.models import ServiceRequest, State
from racing import race
from wards import Wards, ask, build_wards, look
from working import work

ROUNDS = 4
Outcome = ServiceRequest | DomainError


def attempt(act: Callable[[], ServiceRequest]) -> Outcome:
    """What came of it; anything but a refusal in words is an error of the test."""
    try:
        return act()
    except DomainError as refusal:
        return refusal


def accept(database: Database, wards: Wards, request: ServiceRequest) -> Outcome:
    return attempt(
        lambda: database.run(
            lambda session: commands.accept(work(session, wards.radiology, NOW), request.id)
        )
    )


def cancel(database: Database, wards: Wards, request: ServiceRequest) -> Outcome:
    return attempt(
        lambda: database.run(
            lambda session: commands.cancel(work(session, wards.surgery, NOW), request.id)
        )
    )


def live_appointments(database: Database) -> list[Appointment]:
    return database.read(
        lambda session: [one for one in session.query(Appointment) if one.status == Status.BOOKED]
    )


def test_two_of_the_staff_who_accept_at_once_book_one_appointment(database: Database) -> None:
    wards = build_wards(database)
    request = ask(database, wards, patient=True)
    outcomes = race(4, lambda _number: accept(database, wards, request))
    won = [one for one in outcomes if isinstance(one, ServiceRequest)]
    refused = [one for one in outcomes if isinstance(one, WrongState)]
    # Nobody hears that the time is taken: it is their own department's appointment that took it.
    assert (len(won), len(refused)) == (1, 3)
    assert [one.id for one in live_appointments(database)] == [won[0].appointment_id]
    assert look(database, request).state is State.ACCEPTED
    assert check.faults(database) == []


def test_accepting_against_cancelling_ends_in_one_consistent_state(database: Database) -> None:
    wards = build_wards(database)
    moves = (accept, cancel)
    for _round in range(ROUNDS):
        request = ask(database, wards)
        race(2, lambda number, request=request: moves[number](database, wards, request))
        ended = look(database, request)
        # Cancelled last, or accepted too late: a cancelled request never keeps a live appointment.
        assert ended.state is State.CANCELLED
        assert live_appointments(database) == []
        assert check.faults(database) == []


def test_two_requests_for_one_time_are_not_both_accepted(database: Database) -> None:
    wards = build_wards(database)
    requests = [ask(database, wards), ask(database, wards, by=wards.ward)]
    race(2, lambda number: accept(database, wards, requests[number]))
    states = sorted(look(database, one).state for one in requests)
    assert states == [State.ACCEPTED, State.NEW]
    assert [one.starts_at for one in live_appointments(database)] == [MONDAY_9]
    assert check.faults(database) == []


def test_a_form_that_is_sent_many_times_at_once_asks_once(database: Database) -> None:
    wards, name = build_wards(database), new_id()
    details = RequestDetails(task="CT head")
    made = race(
        4,
        lambda _number: attempt(
            lambda: database.run(
                lambda session: commands.make(
                    work(session, wards.surgery, NOW),
                    wards.scan,
                    details,
                    start=MONDAY_9,
                    minutes=30,
                    request_id=name,
                )
            )
        ),
    )
    assert {one.id for one in made if isinstance(one, ServiceRequest)} == {name}
    assert len([one for one in made if isinstance(one, ServiceRequest)]) == 4
    assert database.read(lambda session: session.query(ServiceRequest).count()) == 1
