"""Busy times of calendars elsewhere are blocked here, and nothing is lost while one is away."""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic import NOW, START, Clinic, book, open_clinic
from openslot.booking import elsewhere
from openslot.booking.absences import end_absence, reopen
from openslot.booking.check import faults
from openslot.booking.elsewhere import EVERY, WHOLE_EVERY
from openslot.booking.errors import Absent, FromElsewhere
from openslot.booking.events import Topic
from openslot.booking.models import Appointment
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.core.outbox import State
from openslot.directory.models import Practitioner
from openslot.entrypoints.worker import calendars
from openslot.entrypoints.worker.main import read_calendars, run
from openslot.schedules import queries as schedules
from openslot.schedules.models import Absence, AbsenceKind, CalendarElsewhere
from openslot.usecases import rebooking
from openslot.usecases.rebooking import Decided
from openslot.waiting_list.models import Choice
from openslot.webhooks.fetching import Limits
from postoffice import rows, run_worker
from receiver import Receiver, receiver, settings
from working import work

HOUR = timedelta(hours=1)


@pytest.fixture
def there() -> Iterator[Receiver]:
    """The server of a calendar."""
    with receiver() as serving:
        serving.status = 200
        yield serving


def serve(there: Receiver, *starts: datetime, version: str = "1", uid: str = "") -> None:
    """Have the calendar show an hour from each start on."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//x//EN"]
    for number, start in enumerate(starts):
        lines += ["BEGIN:VEVENT", f"UID:{uid or number}", f"DTSTART:{start:%Y%m%dT%H%M%SZ}"]
        lines += ["DURATION:PT1H", "SUMMARY:Secret talk", "END:VEVENT"]
    there.answer = "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()
    there.headers = {"ETag": f'"{version}"'}


def person(session: Session) -> int:
    """The practitioner of the clinic, whose id is another with each test on a server."""
    return session.scalars(select(Practitioner.id)).one()


def who(database: Database) -> int:
    """The same, of a database."""
    return database.read(person)


def do(database: Database, act: Callable[..., Any], *args: Any, at: datetime = NOW) -> Any:
    return database.run(lambda session: act(work(session, SYSTEM, at), *args))


def subscribe(
    database: Database, there: Receiver, before: Callable[[Clinic], None] = lambda clinic: None
) -> Clinic:
    clinic = open_clinic(database)
    before(clinic)
    do(database, elsewhere.set_address, who(database), there.url)
    run_worker(database, settings())
    return clinic


def again(database: Database, *, at: datetime) -> CalendarElsewhere:
    """What is known of the calendar after the worker's next look at it."""
    read_calendars(database, settings(), lambda: at)
    run_worker(database, settings(), at=at)
    return known(database)


def known(database: Database) -> CalendarElsewhere:
    return database.read(lambda session: session.get_one(CalendarElsewhere, person(session)))


def blocked(database: Database) -> list[datetime]:
    assert faults(database) == []
    return [row.starts_at for row in database.read(_rows)]


def _rows(session: Session) -> list[Absence]:
    places = schedules.practitioner_places(session, person(session))
    return schedules.elsewhere_from(session, next(iter(places.values())).diary_id, None)


def test_on_every_engine_times_elsewhere_are_blocked_and_follow_what_changes(
    database: Database, there: Receiver
) -> None:
    serve(there, START, START + 5 * HOUR)
    clinic = subscribe(database, there)
    assert blocked(database) == [START, START + 5 * HOUR]
    with pytest.raises(Absent):
        book(database, clinic)
    serve(there, START + 2 * HOUR, START + 5 * HOUR, version="2")
    again(database, at=NOW + EVERY)
    assert blocked(database) == [START + 2 * HOUR, START + 5 * HOUR]
    book(database, clinic)
    do(database, elsewhere.remove_address, who(database))
    assert blocked(database) == []
    assert rows(database, "calendar:1") == []


def test_no_text_of_an_entry_is_kept(sqlite_database: Database, there: Receiver) -> None:
    serve(there, START)
    subscribe(sqlite_database, there)
    (row,) = sqlite_database.read(_rows)
    assert (row.kind, row.reason, row.created_by) == (AbsenceKind.ELSEWHERE, None, None)


def test_what_is_booked_stays_and_needs_a_decision_that_lasts(
    sqlite_database: Database, there: Receiver
) -> None:
    kept: list[Appointment] = []
    serve(there, START)
    subscribe(sqlite_database, there, lambda clinic: kept.append(book(sqlite_database, clinic)))
    (appointment,) = kept
    (inside,) = do(sqlite_database, rebooking.undecided, [who(sqlite_database)])
    assert inside.appointment.id == appointment.id
    do(
        sqlite_database,
        rebooking.decide,
        who(sqlite_database),
        {appointment.id: Decided(Choice.KEEP)},
    )
    serve(there, START - HOUR / 2, START, version="2")
    again(sqlite_database, at=NOW + EVERY)
    assert blocked(sqlite_database) == [START - HOUR / 2]
    assert do(sqlite_database, rebooking.undecided, [who(sqlite_database)]) == []


def test_our_own_appointments_that_come_back_are_no_busy_time(
    sqlite_database: Database, there: Receiver
) -> None:
    def show_again(clinic: Clinic) -> None:
        serve(there, START, uid=str(book(sqlite_database, clinic).id))

    subscribe(sqlite_database, there, show_again)
    assert blocked(sqlite_database) == []


def test_an_unchanged_calendar_is_not_sent_again_but_read_whole_now_and_then(
    sqlite_database: Database, there: Receiver
) -> None:
    serve(there, START)
    subscribe(sqlite_database, there)
    assert again(sqlite_database, at=NOW + EVERY).read_at == NOW + EVERY
    assert known(sqlite_database).whole_at == NOW
    later = NOW + WHOLE_EVERY
    assert again(sqlite_database, at=later).whole_at == later
    assert [one.headers.get("If-None-Match") for one in there.taken] == [None, '"1"', None]
    assert blocked(sqlite_database) == [START]


def test_a_calendar_that_is_away_loses_nothing_and_is_asked_ever_more_seldom(
    sqlite_database: Database, there: Receiver
) -> None:
    serve(there, START)
    subscribe(sqlite_database, there)
    there.status, there.headers = 503, {}
    pauses, at = [], NOW + EVERY
    for _ in range(7):
        found = again(sqlite_database, at=at)
        pauses.append(found.next_at - at)
        at = found.next_at
    assert pauses == [EVERY * n for n in (2, 4, 8, 16, 32, 36, 36)]
    assert found.problem == "The server answered with status 503."
    assert found.read_at == NOW
    assert blocked(sqlite_database) == [START]
    there.status = 200
    assert again(sqlite_database, at=at).problem is None


@pytest.mark.parametrize(
    ("mood", "reason"),
    [
        ({"answer": b"<html>Sign in</html>"}, "no calendar"),
        ({"answer": b"x" * 3000}, "too long"),
        ({"drips": True}, "in time"),
        ({"status": 302, "headers": {"Location": "http://10.0.0.1/"}}, "private network"),
        ({"status": 302, "headers": {"Location": "file:///etc/passwd"}}, "Enter an address"),
        ({"status": 302, "headers": {"Location": "http://["}}, "Enter an address"),
        ({"status": 302, "headers": {"Location": "/hooks"}}, "status 302"),
    ],
)
def test_whatever_a_server_does_is_a_reason_and_no_more(
    sqlite_database: Database,
    there: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    mood: dict[str, Any],
    reason: str,
) -> None:
    monkeypatch.setattr(calendars, "LIMITS", Limits(seconds=0.5, size=2000, redirects=3))
    for name, value in mood.items():
        setattr(there, name, value)
    subscribe(sqlite_database, there)
    assert reason in (known(sqlite_database).problem or "")
    assert len(there.taken) == (4 if reason == "status 302" else 1)


def test_a_redirect_is_followed_where_it_may_lead(
    sqlite_database: Database, there: Receiver
) -> None:
    with receiver() as old:
        old.status, old.headers = 301, {"Location": there.url}
        serve(there, START)
        subscribe(sqlite_database, old)
    assert blocked(sqlite_database) == [START]


def test_what_is_read_of_an_address_that_was_replaced_meanwhile_is_dropped(
    sqlite_database: Database, there: Receiver
) -> None:
    serve(there, START)
    with receiver() as new:
        new.status = 503

        def replace() -> None:
            there.before = lambda: None
            do(sqlite_database, elsewhere.set_address, who(sqlite_database), new.url)

        there.before = replace
        subscribe(sqlite_database, there)
    assert blocked(sqlite_database) == []
    assert known(sqlite_database).problem == "The server answered with status 503."


def test_busy_time_elsewhere_is_changed_there_only(
    sqlite_database: Database, there: Receiver
) -> None:
    serve(there, START)
    subscribe(sqlite_database, there)
    (row,) = sqlite_database.read(_rows)
    with pytest.raises(FromElsewhere):
        do(sqlite_database, end_absence, who(sqlite_database), row.id)
    with pytest.raises(FromElsewhere):
        do(sqlite_database, reopen, who(sqlite_database), START, START + HOUR)


def test_a_calendar_that_hangs_holds_up_nothing_else(
    sqlite_database: Database, there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calendars, "LIMITS", Limits(seconds=3.0))
    asked, stop = threading.Event(), threading.Event()
    there.drips, there.before = True, asked.set
    clinic = open_clinic(sqlite_database)
    do(sqlite_database, elsewhere.set_address, who(sqlite_database), there.url)
    worker = threading.Thread(
        target=run, args=(sqlite_database, settings()), kwargs={"stop": stop}, daemon=True
    )
    worker.start()
    try:
        assert asked.wait(10)
        book(sqlite_database, clinic)
        while rows(sqlite_database, Topic.BOOKED)[0].state != State.DONE:
            assert known(sqlite_database).problem is None
            stop.wait(0.02)
        assert known(sqlite_database).tried_at is None
    finally:
        stop.set()
        worker.join(10)
