"""Departments ask each other: from the first question to the stars for the consultation."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

import factories
from engines import Counted
from factories import HALF_HOUR, MONDAY_9, NOW
from openslot.booking import check
from openslot.booking.errors import InThePast, PatientBusy, SlotTaken, TooEarly
from openslot.booking.models import Appointment, Priority, Status
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.audit import events_of
from openslot.core.db import Database
from openslot.core.errors import DomainError, Forbidden, NotFound, StaleVersion
from openslot.core.ids import new_id
from openslot.core.outbox import OutboxMessage
from openslot.department_requests import commands, queries
from openslot.department_requests.details import RequestDetails
from openslot.department_requests.errors import (
    AlreadyStarted,
    HasOpenRequests,
    NoDepartment,
    NothingToChange,
    OwnService,
    WrongState,
)
from openslot.department_requests.models import Kept, ServiceRequest, State
from openslot.directory.errors import HasAppointments
from openslot.directory.models import Service
from openslot.feedback.errors import BadStars
from openslot.usecases import deactivation
from wards import Wards, ask, book_scan, build_wards, look
from working import work

TUESDAY_9 = MONDAY_9 + timedelta(days=1)
DETAILS = RequestDetails(task="CT neck", description="Also the neck", priority=Priority.URGENT)


@pytest.fixture
def wards(sqlite_database: Database) -> Wards:
    return build_wards(sqlite_database)


def accept(database: Database, wards: Wards, request: ServiceRequest) -> None:
    database.run(lambda session: commands.accept(work(session, wards.radiology, NOW), request.id))


def propose(database: Database, wards: Wards, request: ServiceRequest) -> None:
    database.run(
        lambda session: commands.propose(
            work(session, wards.radiology, NOW), request.id, TUESDAY_9, answer="Busy"
        )
    )


def refused(
    database: Database, act: Callable[[Session], object], kind: type[DomainError]
) -> DomainError:
    with pytest.raises(kind) as caught:
        database.run(act)
    return caught.value


def test_the_whole_way_of_a_request_on_each_engine(database: Database) -> None:
    wards = build_wards(database)
    request = ask(database, wards, priority=Priority.URGENT, patient=True)
    propose(database, wards, request)
    assert look(database, request).current_start == TUESDAY_9
    database.run(lambda session: commands.agree(work(session, wards.surgery, NOW), request.id))
    accepted = look(database, request)
    assert accepted.state is State.ACCEPTED
    assert accepted.appointment is not None
    assert (accepted.appointment.task, accepted.appointment.reason) == ("CT head", "After a fall")
    assert (accepted.appointment.starts_at, accepted.appointment.patient_id) == (
        TUESDAY_9,
        wards.patient,
    )
    assert accepted.appointment.priority == Priority.URGENT
    database.run(
        lambda session: commands.complete(work(session, wards.radiology, TUESDAY_9), request.id)
    )
    assert look(database, request).state is State.COMPLETED
    for stars in (2, 5):
        database.run(
            lambda session, stars=stars: commands.rate(
                work(session, wards.surgery, TUESDAY_9), request.id, stars
            )
        )
    rated = database.read(
        lambda session: queries.consultations(session, [wards.radiology.department_id or 0])
    )
    assert [(one.stars, one.count) for one in rated.values()] == [(5.0, 1)]
    done = database.read(
        lambda session: [event.action for event in events_of(session, f"request:{request.id}")]
    )
    assert done == [
        "request.made",
        "request.proposed",
        "request.accepted",
        "request.completed",
        "request.rated",
        "request.rated",
    ]
    assert check.faults(database) == []


def test_each_move_is_announced_to_the_other_department(
    sqlite_database: Database, wards: Wards
) -> None:
    request = ask(sqlite_database, wards)
    accept(sqlite_database, wards, request)
    told = sqlite_database.read(
        lambda session: [
            (one.topic, one.payload["version"])
            for one in session.scalars(select(OutboxMessage))
            if one.topic.startswith("request.")
        ]
    )
    version = look(sqlite_database, request).version
    assert told == [("request.made", 1), ("request.accepted", version)]


def test_the_time_is_booked_only_when_the_request_is_accepted(
    sqlite_database: Database, wards: Wards
) -> None:
    request = ask(sqlite_database, wards)
    assert look(sqlite_database, request).appointment is None
    book_scan(sqlite_database, wards)
    error = refused(
        sqlite_database,
        lambda session: commands.accept(work(session, wards.radiology, NOW), request.id),
        SlotTaken,
    )
    assert isinstance(error, SlotTaken)
    assert error.alternatives
    assert look(sqlite_database, request).state is State.NEW


def test_only_a_time_that_is_free_now_is_asked_for_or_proposed(
    sqlite_database: Database, wards: Wards
) -> None:
    book_scan(sqlite_database, wards)
    with pytest.raises(SlotTaken):
        ask(sqlite_database, wards)
    with pytest.raises(InThePast):
        ask(sqlite_database, wards, start=NOW - HALF_HOUR)
    request = ask(sqlite_database, wards, start=TUESDAY_9)
    refused(
        sqlite_database,
        lambda session: commands.propose(
            work(session, wards.radiology, NOW), request.id, MONDAY_9, answer=None
        ),
        SlotTaken,
    )
    refused(
        sqlite_database,
        lambda session: commands.propose(
            work(session, wards.radiology, NOW), request.id, TUESDAY_9, answer=None
        ),
        NothingToChange,
    )


def test_a_patient_who_is_elsewhere_then_is_not_asked_for(
    sqlite_database: Database, wards: Wards
) -> None:
    request = ask(sqlite_database, wards, patient=True)
    accept(sqlite_database, wards, request)
    # Radiology asks Surgery for the same patient at the same time.
    surgery_scan = sqlite_database.read(
        lambda session: session.scalar(select(Service.id).where(Service.name == "Surgery scan"))
    )
    assert surgery_scan is not None
    refused(
        sqlite_database,
        lambda session: commands.make(
            work(session, wards.radiology, NOW),
            surgery_scan,
            DETAILS,
            start=MONDAY_9,
            minutes=30,
            patient_id=wards.patient,
        ),
        PatientBusy,
    )


def test_departments_ask_others_of_their_centre_and_nobody_else_asks(
    sqlite_database: Database, wards: Wards
) -> None:
    for actor, kind in (
        (wards.radiology, OwnService),
        (wards.stranger, NotFound),
        (Actor(role=Role.STAFF, centre_id=wards.hospital), NoDepartment),
        (wards.admin, NoDepartment),
        (Actor(role=Role.PATIENT), NoDepartment),
    ):
        with pytest.raises(kind):
            ask(sqlite_database, wards, by=actor)


def test_strangers_do_not_learn_that_a_request_exists(
    sqlite_database: Database, wards: Wards
) -> None:
    request = ask(sqlite_database, wards)
    for actor in (wards.ward, wards.stranger, Actor(role=Role.PATIENT), Actor()):
        for act in (commands.accept, commands.agree, commands.cancel, commands.complete):
            refused(
                sqlite_database,
                lambda session, act=act, actor=actor: act(work(session, actor, NOW), request.id),
                NotFound,
            )
    assert sqlite_database.read(
        lambda session: commands.request_for(work(session, wards.admin), request.id)
    )


def test_each_side_makes_its_own_moves_only(sqlite_database: Database, wards: Wards) -> None:
    request = ask(sqlite_database, wards)
    refused(
        sqlite_database,
        lambda session: commands.accept(work(session, wards.surgery, NOW), request.id),
        Forbidden,
    )
    refused(
        sqlite_database,
        lambda session: commands.amend(work(session, wards.radiology, NOW), request.id, DETAILS),
        Forbidden,
    )
    refused(
        sqlite_database,
        lambda session: commands.accept(work(session, wards.admin, NOW), request.id),
        Forbidden,
    )


def test_a_declined_request_says_why_and_is_closed(sqlite_database: Database, wards: Wards) -> None:
    request = ask(sqlite_database, wards)
    sqlite_database.run(
        lambda session: commands.decline(
            work(session, wards.radiology, NOW), request.id, answer="Broken"
        )
    )
    assert look(sqlite_database, request).answer == "Broken"
    refused(
        sqlite_database,
        lambda session: commands.accept(work(session, wards.radiology, NOW), request.id),
        WrongState,
    )


def test_words_may_change_while_a_proposal_stands_and_a_new_time_asks_anew(
    sqlite_database: Database, wards: Wards
) -> None:
    request = ask(sqlite_database, wards)
    propose(sqlite_database, wards, request)
    sqlite_database.run(
        lambda session: commands.amend(work(session, wards.surgery, NOW), request.id, DETAILS)
    )
    kept = look(sqlite_database, request)
    assert (kept.state, kept.task) == (State.PROPOSED, "CT neck")
    later = TUESDAY_9 + HALF_HOUR
    sqlite_database.run(
        lambda session: commands.amend(
            work(session, wards.surgery, NOW), request.id, DETAILS, start=later
        )
    )
    anew = look(sqlite_database, request)
    assert (anew.state, anew.starts_at, anew.proposed_at) == (State.NEW, later, None)


def test_a_new_time_of_an_accepted_request_moves_its_appointment(
    sqlite_database: Database, wards: Wards
) -> None:
    request = ask(sqlite_database, wards)
    accept(sqlite_database, wards, request)
    sqlite_database.run(
        lambda session: commands.amend(
            work(session, wards.surgery, NOW), request.id, DETAILS, start=TUESDAY_9, minutes=60
        )
    )
    appointment = look(sqlite_database, request).appointment
    assert appointment is not None
    assert (appointment.starts_at, appointment.ends_at) == (TUESDAY_9, TUESDAY_9 + 2 * HALF_HOUR)
    assert (appointment.task, appointment.reason, appointment.priority) == (
        "CT neck",
        "Also the neck",
        "urgent",
    )
    assert check.faults(sqlite_database) == []


def test_a_move_that_is_refused_leaves_words_and_time_as_they_were(
    sqlite_database: Database, wards: Wards
) -> None:
    request = ask(sqlite_database, wards, start=TUESDAY_9)
    accept(sqlite_database, wards, request)
    book_scan(sqlite_database, wards)
    refused(
        sqlite_database,
        lambda session: commands.amend(
            work(session, wards.surgery, NOW), request.id, DETAILS, start=MONDAY_9
        ),
        SlotTaken,
    )
    same = look(sqlite_database, request)
    assert (same.task, same.starts_at) == ("CT head", TUESDAY_9)


def test_cancelling_frees_the_time_whoever_cancels(sqlite_database: Database, wards: Wards) -> None:
    for actor in (wards.surgery, wards.radiology, wards.admin):
        request = ask(sqlite_database, wards)
        accept(sqlite_database, wards, request)
        sqlite_database.run(
            lambda session, actor=actor, request=request: commands.cancel(
                work(session, actor, NOW), request.id
            )
        )
        gone = look(sqlite_database, request)
        assert gone.appointment is not None
        assert (gone.state, gone.appointment.status) == (State.CANCELLED, Status.CANCELLED)


def test_an_appointment_that_is_cancelled_by_itself_closes_its_request(
    sqlite_database: Database, wards: Wards
) -> None:
    request = ask(sqlite_database, wards)
    accept(sqlite_database, wards, request)
    appointment = look(sqlite_database, request).appointment
    assert appointment is not None
    sqlite_database.run(
        lambda session: factories.change_status(
            session, appointment.id, Status.CANCELLED, by=wards.radiology
        )
    )
    assert look(sqlite_database, request).state is State.CANCELLED


def test_what_has_begun_is_only_completed_and_not_before_its_day(
    sqlite_database: Database, wards: Wards
) -> None:
    request = ask(sqlite_database, wards)
    accept(sqlite_database, wards, request)
    refused(
        sqlite_database,
        lambda session: commands.complete(work(session, wards.radiology, NOW), request.id),
        TooEarly,
    )
    appointment = look(sqlite_database, request).appointment
    assert appointment is not None
    sqlite_database.run(
        lambda session: factories.change_status(
            session, appointment.id, Status.ARRIVED, by=wards.radiology, now=MONDAY_9
        )
    )
    for act in (
        lambda session: commands.cancel(work(session, wards.surgery, MONDAY_9), request.id),
        lambda session: commands.amend(work(session, wards.surgery, MONDAY_9), request.id, DETAILS),
    ):
        refused(sqlite_database, act, AlreadyStarted)
    sqlite_database.run(
        lambda session: commands.complete(work(session, wards.radiology, MONDAY_9), request.id)
    )
    assert look(sqlite_database, request).state is State.COMPLETED


def test_stars_are_one_to_five_and_given_when_it_is_over(
    sqlite_database: Database, wards: Wards
) -> None:
    request = ask(sqlite_database, wards)
    accept(sqlite_database, wards, request)

    def rate(stars: int) -> Callable[[Session], object]:
        return lambda session: commands.rate(
            work(session, wards.surgery, MONDAY_9), request.id, stars
        )

    refused(sqlite_database, rate(5), WrongState)
    sqlite_database.run(
        lambda session: commands.complete(work(session, wards.radiology, MONDAY_9), request.id)
    )
    refused(sqlite_database, rate(0), BadStars)
    refused(sqlite_database, rate(6), BadStars)


def test_an_answer_to_what_has_changed_since_is_refused(
    sqlite_database: Database, wards: Wards
) -> None:
    request = ask(sqlite_database, wards)
    sqlite_database.run(
        lambda session: commands.amend(work(session, wards.surgery, NOW), request.id, DETAILS)
    )
    refused(
        sqlite_database,
        lambda session: commands.accept(work(session, wards.radiology, NOW), request.id, version=1),
        StaleVersion,
    )


# Lists


def test_sql_and_rules_agree_how_requests_stand_on_each_engine(database: Database) -> None:
    wards = build_wards(database)
    request = ask(database, wards)
    accept(database, wards, request)

    def set_and_find(
        session: Session, kept: Kept, appointment: Status
    ) -> tuple[State, list[State]]:
        row = session.get(ServiceRequest, request.id)
        assert row is not None
        booked = session.get(Appointment, row.appointment_id)
        assert booked is not None
        row.status, booked.status = kept, appointment
        session.flush()
        found = [one for one in State if queries.count(session, queries.standing_as([one]))]
        row.appointment = booked
        return row.state, found

    for kept in Kept:
        for appointment in Status:
            state, found = database.run(
                lambda session, kept=kept, appointment=appointment: set_and_find(
                    session, kept, appointment
                )
            )
            assert found == [state], (kept, appointment)


def test_lists_are_urgent_first_then_longest_waiting_on_each_engine(database: Database) -> None:
    wards = build_wards(database)
    minutes = iter(range(100))

    def one(priority: Priority) -> ServiceRequest:
        number = next(minutes)
        return ask(
            database,
            wards,
            priority=priority,
            start=MONDAY_9 + number * HALF_HOUR,
            now=NOW + timedelta(minutes=number),
        )

    old, urgent = one(Priority.ROUTINE), one(Priority.URGENT)
    proposed, accepted, newer = (one(Priority.ROUTINE) for _ in range(3))
    propose(database, wards, proposed)
    accept(database, wards, accepted)
    mine = queries.asked_of(wards.radiology.department_id or 0)
    found = database.read(
        lambda session: queries.page(session, mine, queries.is_open(), first=State.NEW, limit=10)
    )
    assert [one.id for one in found] == [one.id for one in (urgent, old, newer, proposed, accepted)]
    figures = database.read(
        lambda session: queries.figures(session, wards.radiology.department_id or 0)
    )
    assert (figures.urgent, figures.routine, figures.oldest, figures.outgoing) == (1, 2, NOW, 0)
    theirs = database.read(
        lambda session: queries.figures(session, wards.surgery.department_id or 0)
    )
    assert (theirs.to_answer, theirs.outgoing, theirs.proposed) == (0, 5, 1)
    everything = database.read(lambda session: queries.figures_at(session, wards.hospital))
    assert (everything.to_answer, everything.outgoing) == (3, 5)
    assert database.read(lambda session: queries.closed(session, mine, limit=10)) == []


def test_a_list_of_500_requests_takes_one_statement(
    sqlite_database: Database,
    wards: Wards,
    statements: Callable[[Database], AbstractContextManager[Counted]],
) -> None:
    rows = [
        {
            "id": new_id(),
            "service_id": wards.scan,
            "department_id": wards.surgery.department_id,
            "task": f"Task {number}",
            "priority": "urgent" if number % 7 == 0 else "routine",
            "starts_at": MONDAY_9,
            "minutes": 30,
            "status": Kept.NEW,
            "version": 1,
            "created_at": NOW + timedelta(minutes=number),
            "changed_at": NOW,
        }
        for number in range(500)
    ]
    sqlite_database.run(lambda session: session.execute(insert(ServiceRequest), rows))
    mine = queries.asked_of(wards.radiology.department_id or 0)
    with statements(sqlite_database) as counted:
        found = sqlite_database.read(
            lambda session: queries.page(
                session, mine, queries.is_open(), first=State.NEW, limit=25, offset=50
            )
        )
    assert (len(found), counted.count) == (25, 1)
    assert all(one.priority == "urgent" for one in found[:22])


def test_departments_that_request_from_each_other_are_in_one_list(
    sqlite_database: Database, wards: Wards
) -> None:
    there = ask(sqlite_database, wards)

    def ask_back(session: Session) -> UUID:
        service = session.scalars(
            select(Service).where(Service.department_id == wards.surgery.department_id)
        ).one()
        unit = work(session, wards.radiology, NOW)
        return commands.make(unit, service.id, DETAILS, start=MONDAY_9, minutes=30).id

    back = sqlite_database.run(ask_back)
    rows = sqlite_database.read(
        lambda session: queries.newest(session, queries.at_centre(wards.hospital), limit=10)
    )
    assert {row.id: (row.requesting_department.name, row.department.name) for row in rows} == {
        there.id: ("Surgery", "Radiology"),
        back: ("Radiology", "Surgery"),
    }
    assert {row.centre.name for row in rows} == {"Banksia Hospital"}


# Taking out


def test_what_is_asked_for_is_not_taken_out_until_it_is_answered(
    sqlite_database: Database, wards: Wards
) -> None:
    request = ask(sqlite_database, wards)
    radiology, surgery = (one.department_id or 0 for one in (wards.radiology, wards.surgery))
    for act in (
        lambda session: deactivation.deactivate_service(
            work(session, wards.radiology, NOW), wards.scan, active=False
        ),
        lambda session: deactivation.deactivate_department(
            work(session, wards.admin, NOW), radiology, active=False
        ),
        lambda session: deactivation.deactivate_department(
            work(session, wards.admin, NOW), surgery, active=False
        ),
        lambda session: deactivation.deactivate_centre(
            work(session, SYSTEM, NOW), wards.hospital, active=False
        ),
    ):
        error = refused(sqlite_database, act, HasOpenRequests)
        assert error.params["count"] == 1
    accept(sqlite_database, wards, request)
    refused(
        sqlite_database,
        lambda session: deactivation.deactivate_service(
            work(session, wards.radiology, NOW), wards.scan, active=False
        ),
        HasAppointments,
    )
    sqlite_database.run(
        lambda session: commands.cancel(work(session, wards.surgery, NOW), request.id)
    )
    sqlite_database.run(
        lambda session: deactivation.deactivate_service(
            work(session, wards.radiology, NOW), wards.scan, active=False
        )
    )
    with pytest.raises(NotFound):
        ask(sqlite_database, wards)


def test_who_may_not_take_it_out_does_not_learn_how_many_ask_for_it(
    sqlite_database: Database, wards: Wards
) -> None:
    ask(sqlite_database, wards)
    refused(
        sqlite_database,
        lambda session: deactivation.deactivate_service(
            work(session, wards.ward, NOW), wards.scan, active=False
        ),
        Forbidden,
    )
