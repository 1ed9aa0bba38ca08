"""What sessions need besides their schedule: taken once, for everybody in them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import icalendar
import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

import factories
from factories import HALF_HOUR, MONDAY_9, NOW
from imaging import Imaging, book, build_imaging, starts
from openslot.booking import absences, check, needs
from openslot.booking import commands as booking
from openslot.booking.absences import OutOfUse
from openslot.booking.diaries import Part, parts_of
from openslot.booking.errors import Absent, NeedsTaken, SessionExists
from openslot.booking.events import Topic
from openslot.booking.models import Appointment, GroupSession, SessionResource, Status
from openslot.booking.search import ours
from openslot.booking.sessions import commands
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.audit import AuditEvent
from openslot.core.db import Database
from openslot.directory import commands as directory
from openslot.directory.details import ServiceDetails
from openslot.directory.models import Practitioner
from openslot.notifications.feeds import make_feed, read_feed
from openslot.schedules.commands import ScheduleDetails, change_schedule
from openslot.usecases import booking as usecases
from working import work

HOUR = 2 * HALF_HOUR
MORNING = {"starts_at": MONDAY_9, "ends_at": MONDAY_9 + 3 * HOUR}


def with_places(database: Database, *, machines: int = 2) -> Imaging:
    """The imaging town, whose ultrasounds show two patients at once how it is done."""
    imaging = build_imaging(database, machines=machines)
    shown = ServiceDetails(name="Ultrasound", minutes=60, places=2)
    run(database, directory.change_service, imaging.ultrasound, shown)
    return imaging


def run(database: Database, command: Callable[..., Any], *args: object, **more: object) -> Any:
    return database.run(lambda session: command(work(session, SYSTEM, NOW), *args, **more))


def group_of(database: Database, appointment: Appointment) -> GroupSession:
    def load(session: Session) -> GroupSession:
        assert appointment.session_id
        return commands.session_for(work(session, SYSTEM, NOW), appointment.session_id)

    return database.read(load)


def names(group: GroupSession) -> list[str]:
    return sorted(one.name for one in group.others)


def cancel(database: Database, appointment: Appointment) -> None:
    run(database, booking.change_status, appointment.id, Status.CANCELLED)


def test_a_session_takes_whom_it_needs_once_until_the_last_has_left(database: Database) -> None:
    imaging = with_places(database, machines=1)
    physio = imaging.town.physio_at_hospital
    booked = [book(database, imaging.request(patient=number)) for number in (0, 1)]
    assert names(group_of(database, booked[0])) == ["Raj Rao", "Ultrasound 1"]
    own = database.read(
        lambda session: [session.get_one(Appointment, one.id).resources for one in booked]
    )
    assert own == [[], []]
    assert database.read(
        lambda session: [one.name for one in session.get_one(Appointment, booked[1].id).others]
    ) == ["Ultrasound 1", "Raj Rao"]
    with pytest.raises(NeedsTaken):
        book(database, imaging.request(patient=2, schedule=physio))
    assert check.faults(database) == []
    for one in booked:
        assert "10:00" in starts(database, imaging)
        cancel(database, one)
    book(database, imaging.request(patient=2, schedule=physio))
    assert check.faults(database) == []


def test_places_are_left_although_the_machine_is_taken(sqlite_database: Database) -> None:
    """The session itself took it, so that others can join, but no second one can begin."""
    imaging = with_places(sqlite_database, machines=1)
    book(sqlite_database, imaging.request())
    assert starts(sqlite_database, imaging)[:2] == ["09:00", "10:00"]
    book(
        sqlite_database,
        imaging.request(MONDAY_9 + HOUR, 1, schedule=imaging.town.physio_at_hospital),
    )
    assert starts(sqlite_database, imaging)[:2] == ["09:00", "11:00"]


def test_the_only_one_moves_with_the_time_of_whom_their_session_needs(
    sqlite_database: Database,
) -> None:
    imaging = with_places(sqlite_database, machines=1)
    half_hourly = ScheduleDetails(step_minutes=30)
    run(sqlite_database, change_schedule, imaging.town.gp_at_hospital, half_hourly)
    booked = book(sqlite_database, imaging.request())
    moved = run(sqlite_database, booking.move, booked.id, MONDAY_9 + HALF_HOUR)
    assert names(group_of(sqlite_database, moved)) == ["Raj Rao", "Ultrasound 1"]
    # Undone, it finds the machine as any other booking does.
    cancel(sqlite_database, moved)
    run(sqlite_database, booking.change_status, booked.id, Status.BOOKED)
    assert check.faults(sqlite_database) == []


def test_an_expired_hold_keeps_neither_machine_nor_what_is_out_of_use(
    database: Database,
) -> None:
    imaging = with_places(database, machines=1)
    database.run(
        lambda session: usecases.hold(
            work(session, imaging.town.patient(0), NOW), imaging.request()
        )
    )
    later, physio = NOW + HOUR, imaging.town.physio_at_hospital
    run(database, absences.take_out_of_use, imaging.machines[0], OutOfUse(**MORNING))
    assert starts(database, imaging, now=later)[0] == "12:00"
    with pytest.raises(NeedsTaken):
        book(database, imaging.request(patient=1, schedule=physio), now=later)
    booked = book(database, imaging.request(MONDAY_9 + 3 * HOUR, 1, physio), now=later)
    assert names(group_of(database, booked)) == ["Rita Röntgen", "Ultrasound 1"]
    assert check.faults(database) == []


def test_a_machine_out_of_use_stops_places_until_the_session_takes_another(
    database: Database,
) -> None:
    imaging = with_places(database)
    booked = book(database, imaging.request())
    group = group_of(database, booked)
    assert names(group) == ["Raj Rao", "Ultrasound 1"]
    run(database, absences.take_out_of_use, imaging.machines[0], OutOfUse(**MORNING))
    assert [one.id for one in run(database, absences.using, imaging.machines[0])] == [booked.id]
    assert "09:00" not in starts(database, imaging)
    with pytest.raises(Absent):
        book(database, imaging.request(patient=1))
    run(database, commands.move_session, group.id, MONDAY_9)
    assert names(group_of(database, booked)) == ["Raj Rao", "Ultrasound 2"]
    told = select(AuditEvent).where(AuditEvent.action == Topic.MOVED)
    assert database.read(lambda session: session.scalars(told).all()) == [], "nobody has moved"
    book(database, imaging.request(patient=1))
    assert check.faults(database) == []


def test_a_session_of_staff_takes_whom_it_needs_and_moves_with_them(
    sqlite_database: Database,
) -> None:
    imaging = with_places(sqlite_database, machines=1)
    evening = MONDAY_9 + 9 * HOUR
    made = run(
        sqlite_database,
        commands.make_session,
        imaging.town.gp_at_hospital,
        evening,
        service_id=imaging.ultrasound,
    )
    assert names(made) == ["Raj Rao", "Ultrasound 1"], "outside everybody's hours"
    physio = imaging.town.physio_at_hospital
    with pytest.raises(NeedsTaken):
        run(
            sqlite_database,
            commands.make_session,
            physio,
            evening,
            service_id=imaging.ultrasound,
        )
    joined = book(sqlite_database, imaging.request(evening))
    moved = run(sqlite_database, commands.move_session, made.id, MONDAY_9)
    assert (joined.session_id, names(moved)) == (made.id, ["Raj Rao", "Ultrasound 1"])
    assert check.faults(sqlite_database) == []
    book(sqlite_database, imaging.request(MONDAY_9 + HOUR, 1))
    with pytest.raises(SessionExists):
        run(sqlite_database, commands.move_session, made.id, MONDAY_9 + HOUR)
    run(sqlite_database, commands.cancel_session, made.id)
    book(sqlite_database, imaging.request(patient=2, schedule=physio))
    assert check.faults(sqlite_database) == []


def test_who_is_needed_in_a_session_sees_it_once_even_if_it_is_empty(
    sqlite_database: Database,
) -> None:
    imaging = with_places(sqlite_database)
    booked = [book(sqlite_database, imaging.request(patient=number)) for number in (0, 1)]
    empty = run(
        sqlite_database,
        commands.make_session,
        imaging.town.gp_at_hospital,
        MONDAY_9 + HOUR,
        service_id=imaging.ultrasound,
    )
    token = sqlite_database.run(lambda session: calendar_address(session, imaging.mornings))
    needed = Actor(role=Role.PRACTITIONER, practitioner_id=imaging.mornings)

    def in_feed() -> dict[str, datetime]:
        """The starts in the calendar to subscribe to, by UID; the agenda has the same."""

        found = {str(one["uid"]): one["dtstart"].dt for one in entries(sqlite_database, token)}

        def read(session: Session) -> tuple[list[Part], set[str]]:
            unit = work(session, needed, NOW)
            return parts_of(unit, MONDAY_9, MONDAY_9 + 4 * HOUR), ours(session, found)

        seen, own = sqlite_database.read(read)
        assert [(one.starts_at, one.what) for one in seen] == [
            (start, "Ultrasound") for start in found.values()
        ]
        assert own == found.keys(), "what comes back from a calendar elsewhere is no absence"
        return found

    before = in_feed()
    assert list(before.values()) == [MONDAY_9, MONDAY_9 + HOUR]
    assert booked[0].session_id == booked[1].session_id
    run(sqlite_database, commands.move_session, empty.id, MONDAY_9 + 2 * HOUR)
    after = in_feed()
    assert list(after.values()) == [MONDAY_9, MONDAY_9 + 2 * HOUR]
    assert len(before.keys() & after.keys()) == 1, "programs take what moved for another entry"
    own = sqlite_database.run(lambda session: calendar_address(session, imaging.town.gp))
    assert [one["summary"] for one in entries(sqlite_database, own)] == [
        "Appointment: P.",
        "Appointment: P.",
        "Booked",
    ]


def entries(database: Database, token: str) -> list[Any]:
    """What is in a calendar to subscribe to."""
    text = database.read(
        lambda session: read_feed(work(session, SYSTEM, NOW), token, public_url="").text
    )
    return list(icalendar.Calendar.from_ical(text).events)


def calendar_address(session: Session, practitioner_id: int) -> str:
    """The secret of a new calendar of a practitioner."""
    email = f"{practitioner_id}@example.org"
    account = factories.account(session, email, Role.PRACTITIONER)
    session.get_one(Practitioner, practitioner_id).account_id = account.id
    return make_feed(work(session, SYSTEM, NOW), account.id)


@pytest.mark.parametrize("is_lost", [True, False])
def test_check_finds_a_wrong_claim_of_what_a_session_needs(
    sqlite_database: Database, is_lost: bool
) -> None:
    imaging = with_places(sqlite_database)
    booked = book(sqlite_database, imaging.request())

    def damage(session: Session) -> None:
        if is_lost:
            session.execute(delete(SessionResource))
        else:
            diary_id = session.get_one(Appointment, booked.id).patient_diary_id
            session.add(SessionResource(session_id=booked.session_id, diary_id=diary_id))

    sqlite_database.run(damage)
    kinds = {fault.kind for fault in check.faults(sqlite_database)}
    assert kinds == {check.TAKEN_BY_NOTHING if is_lost else check.TAKEN_TWICE}


@pytest.mark.parametrize("places", [1, 2])
def test_whoever_is_taken_after_the_choice_is_replaced_by_the_next(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, places: int
) -> None:
    """The choice saw nobody taken; the pages, read again for the claim, do."""
    imaging = build_imaging(sqlite_database)
    details = ServiceDetails(name="Ultrasound", minutes=60, places=places)
    run(sqlite_database, directory.change_service, imaging.ultrasound, details)
    book(sqlite_database, imaging.request())
    taken, looks = needs._taken, iter([True])
    monkeypatch.setattr(needs, "_taken", lambda *args: {} if next(looks, None) else taken(*args))
    other = book(
        sqlite_database, imaging.request(patient=1, schedule=imaging.town.physio_at_hospital)
    )
    serving = sqlite_database.read(
        lambda session: [one.name for one in session.get_one(Appointment, other.id).others]
    )
    assert "Ultrasound 2" in serving
    assert check.faults(sqlite_database) == []


def test_a_session_that_goes_between_choice_and_claim_is_begun_anew(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without members it would be one that takes no machine."""
    imaging = with_places(sqlite_database)
    joins, seen = needs._joins, iter([True])
    monkeypatch.setattr(needs, "_joins", lambda *args: next(seen, None) or joins(*args))
    booked = book(sqlite_database, imaging.request())
    assert names(group_of(sqlite_database, booked)) == ["Raj Rao", "Ultrasound 1"]
