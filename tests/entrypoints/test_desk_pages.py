"""The pages of the front desk: the board, its presses, booking by a press on a gap, check-in."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from html import unescape
from pathlib import Path
from uuid import UUID

import pytest
import time_machine
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

import factories
from engines import Counted
from entrypoints.browsing import Client
from entrypoints.programs import Program, with_key
from entrypoints.world import PASSWORD, password_hash
from factories import MONDAY_9, NOW
from openslot.booking import absences
from openslot.booking.absences import AbsenceDetails
from openslot.booking.models import Appointment, Status
from openslot.core.actor import SYSTEM, Role
from openslot.core.audit import AuditEvent
from openslot.core.db import Database
from openslot.desk.commands import confirm
from openslot.directory.models import Patient
from openslot.entrypoints.web import desk_links
from openslot.entrypoints.web.check_in import CALLED_FOR
from openslot.records.finding import NOT_FOUND, SEARCHED
from openslot.schedules import commands as schedules
from openslot.schedules.models import AbsenceKind
from serving import app_on
from working import work

AT_TEN = MONDAY_9 + timedelta(hours=1, minutes=7)
"""Monday, seven minutes past ten in Sydney."""

BORN = date(1980, 3, 31)
QUARTER = timedelta(minutes=15)


Counting = Callable[[Database], AbstractContextManager[Counted]]


@dataclass(frozen=True)
class Desk:
    """A hospital with two practitioners and a service, a clinic elsewhere, and their people."""

    app: Flask
    database: Database
    hospital: int
    clinic: int
    gp: int
    nurse: int
    scan: int
    nurse_id: int
    jack: UUID
    mei: UUID
    stranger: UUID

    def client(self, who: str) -> Client:
        """A browser that is signed in."""
        client = Client(self.app)
        answer = client.send("/login", email=f"{who}@example.org", password=PASSWORD)
        assert answer.status_code == 303
        return client

    def book(
        self, start: datetime, patient: UUID | None = None, *, schedule: int | None = None
    ) -> UUID:
        """Book Jack with the GP, unless told otherwise."""
        return self.database.run(
            lambda session: (
                factories.appointment(
                    session,
                    schedule or self.gp,
                    start,
                    patient or self.jack,
                    reason="Sore knee",
                    now=NOW,
                ).id
            )
        )

    def appointment(self, appointment_id: UUID) -> Appointment:
        return self.database.read(lambda session: session.get_one(Appointment, appointment_id))


@pytest.fixture
def desk(sqlite_database: Database, tmp_path: Path) -> Iterator[Desk]:
    ids = sqlite_database.run(_build)
    with (
        time_machine.travel(AT_TEN, tick=False),
        app_on(sqlite_database, tmp_path) as app,
    ):
        yield Desk(app, app.extensions["openslot"].database, **ids)


def _build(session: Session) -> dict[str, object]:
    hospital = factories.centre(session).id
    clinic = factories.centre(session, "UNSW Health Service", suburb="Kensington").id
    radiology = factories.department(session, hospital).id
    scan = factories.service(session, radiology).id
    gp = factories.practitioner(session, "Samuel Jackson").id
    nurse = factories.practitioner(session, "Noor Aziz", "Nurse").id
    people = {"password_hash": password_hash()}
    for email, centre, department, role in (
        ("desk", hospital, None, Role.STAFF),
        ("radiology", hospital, radiology, Role.STAFF),
        ("elsewhere", clinic, None, Role.STAFF),
        ("manager", hospital, None, Role.CENTRE_ADMIN),
    ):
        factories.staff(
            session, centre, department, email=f"{email}@example.org", role=role, **people
        )
    account = factories.account(session, "jack@example.org", confirmed_at=NOW, **people).id
    quarter = {"slot_minutes": 15}
    jack = factories.patient(
        session, "Jack Black", born=BORN, phone="0400 123 456", account_id=account
    ).id
    mei = factories.patient(session, "Mei Chen", born=date(1991, 5, 2), phone="0400 222 333").id
    nurse_at = factories.schedule(session, hospital, practitioner_id=nurse, **quarter).id
    # Who was here once is found by a part of the name.
    for number, patient in enumerate((jack, mei)):
        start = MONDAY_9 + timedelta(days=7, hours=number)
        factories.appointment(session, nurse_at, start, patient, now=NOW)
    return {
        "hospital": hospital,
        "clinic": clinic,
        "gp": factories.schedule(session, hospital, practitioner_id=gp, **quarter).id,
        "nurse": nurse_at,
        "nurse_id": nurse,
        "scan": factories.schedule(session, hospital, service_id=scan).id,
        "jack": jack,
        "mei": mei,
        "stranger": factories.patient(session, "Ann Unknown", born=BORN, phone="0400 999 888").id,
    }


def press(client: Client, desk: Desk, start: datetime, **fields: object) -> TestResponse:
    """What the form of a gap of the GP answers; its address has the time only at first."""
    path = f"/desk/book/{desk.gp}"
    sent = {"start": gap(start).partition("=")[2], **fields}
    return client.send(path, page=f"{path}?{gap(start)}", **sent)


def gap(start: datetime) -> str:
    return f"start={start.astimezone(NOW.tzinfo):%Y-%m-%dT%H:%M:%SZ}"


# The board


def test_the_board_shows_the_day(desk: Desk) -> None:
    one = desk.book(MONDAY_9 + timedelta(hours=2))

    def prepare(session: Session) -> None:
        away = AbsenceDetails(
            kind=AbsenceKind.KEPT_FREE,
            starts_at=MONDAY_9 + timedelta(hours=3),
            ends_at=MONDAY_9 + timedelta(hours=4),
        )
        absences.enter_absence(work(session, SYSTEM, NOW), desk.nurse_id, away)

    desk.database.run(prepare)
    page = desk.client("desk").get("/desk").text
    assert f"/desk/appointments/{one}" in page
    assert "Jack Black" in page
    assert "Sore knee" in page
    assert "Kept free" in page
    free = unescape(page)
    assert f"/desk/book/{desk.gp}?{gap(AT_TEN - timedelta(minutes=7) + QUARTER)}" in free
    for taken in (MONDAY_9 + timedelta(hours=2), MONDAY_9):  # booked, and over
        assert f"/desk/book/{desk.gp}?{gap(taken)}" not in free
    assert f"/desk/book/{desk.nurse}?{gap(MONDAY_9 + timedelta(hours=3))}" not in free


def test_a_closed_day_says_so(desk: Desk) -> None:
    desk.database.run(
        lambda session: schedules.close_centre(
            work(session, SYSTEM, NOW),
            desk.hospital,
            starts=MONDAY_9,
            ends=MONDAY_9 + timedelta(hours=9),
            reason="Flood",
        )
    )
    page = desk.client("desk").get("/desk").text
    assert "Closed" in page
    assert 'class="gap' not in page


def test_each_sees_the_part_that_is_theirs(desk: Desk) -> None:
    desk.book(MONDAY_9 + timedelta(hours=2))
    scan = desk.book(MONDAY_9 + timedelta(hours=3), desk.mei, schedule=desk.scan)
    radiology = desk.client("radiology")
    page = radiology.get("/desk").text
    assert (str(scan) in page, "Jack Black" in page) == (True, False)
    assert radiology.get(f"/desk/book/{desk.gp}?{gap(AT_TEN)}").status_code == 404
    managed = desk.client("manager").get("/desk").text
    assert ("Jack Black" in managed, "Sore knee" in managed) == (True, False)
    other = desk.client("elsewhere")
    for path in (
        f"/desk?centre={desk.hospital}",
        f"/desk/appointments/{scan}",
        f"/desk/book/{desk.gp}?{gap(AT_TEN)}",
    ):
        assert other.get(path).status_code == 404
    assert "Jack Black" not in other.get("/desk").text
    assert desk.client("jack").get("/desk").status_code == 403


def test_a_day_of_many_asks_as_much_as_one_of_few(desk: Desk, statements: Counting) -> None:
    client = desk.client("desk")
    client.get("/desk")

    def count() -> int:
        with statements(desk.database) as counted:
            assert client.get("/desk").status_code == 200
        return counted.count

    desk.book(MONDAY_9 + timedelta(hours=2))
    client.get("/desk")  # writes down who was shown, now and when there are twice as many
    few = count()

    def more(session: Session) -> None:
        for number in range(12):
            person = factories.practitioner(session, f"Practitioner {number}").id
            schedule = factories.schedule(session, desk.hospital, practitioner_id=person).id
            patient = factories.patient(session, f"Patient {number}").id
            start = MONDAY_9 + timedelta(hours=2)
            factories.appointment(session, schedule, start, patient, now=NOW)

    desk.database.run(more)
    client.get("/desk")  # reads what has changed in the directory
    assert count() == few


def test_what_has_not_changed_is_not_sent_again(desk: Desk) -> None:
    one, client = desk.book(MONDAY_9 + timedelta(hours=2)), desk.client("desk")
    first = client.get("/desk/now")
    assert (first.status_code, "Jack Black" in first.text) == (200, True)
    tag = {"If-None-Match": first.headers["ETag"]}
    assert client.get("/desk/now", **tag).status_code == 304
    client.send("/desk/mark", page="/desk", arrived=one)
    assert client.get("/desk/now", **tag).status_code == 200


def test_looking_by_itself_keeps_nobody_signed_in(desk: Desk) -> None:
    client = desk.client("desk")
    with time_machine.travel(AT_TEN, tick=False) as clock:
        for _ in range(40):
            clock.shift(timedelta(minutes=1))
            client.get("/desk/now")
    answer = client.get("/desk")
    assert answer.status_code == 200
    with time_machine.travel(AT_TEN + timedelta(minutes=40), tick=False):
        assert client.get("/desk").status_code == 303


# Presses


def test_one_press_each_and_its_undoing(desk: Desk) -> None:
    one, client = desk.book(MONDAY_9 + timedelta(hours=1)), desk.client("desk")

    def press(name: str) -> str:
        answer = client.send("/desk/mark", page="/desk", **{name: str(one)})
        assert answer.status_code == 303
        return unescape(client.get(answer.location).text)

    assert "Jack Black is late, about 10 minutes." in press("late-10")
    assert 'name="on-time"' in press("late-20")
    press("on-time")
    assert "Jack Black is here, number 1." in press("arrived")
    assert "Jack Black is in the room." in press("room")
    assert desk.appointment(one).called_at == AT_TEN
    press("waiting")
    assert desk.appointment(one).called_at is None
    assert "Jack Black is done." in press("done")
    assert desk.appointment(one).status is Status.FULFILLED
    press("again")
    assert "Jack Black is expected at 10:00" in press("expected").replace(
        "\N{NARROW NO-BREAK SPACE}", " "
    )
    assert "Jack Black did not come." in press("no-show")
    assert desk.appointment(one).status is Status.NO_SHOW


def test_a_press_that_does_not_fit_says_why(desk: Desk) -> None:
    one, client = desk.book(MONDAY_9 + timedelta(hours=1)), desk.client("desk")
    answer = client.send("/desk/mark", page="/desk", room=str(one))
    assert "Mark them as arrived first." in client.get(answer.location).text
    assert client.send("/desk/mark", page="/desk").status_code == 400
    other = desk.client("elsewhere")
    assert other.send("/desk/mark", page="/desk", arrived=str(one)).status_code == 404
    assert desk.appointment(one).status is Status.BOOKED


def test_undo_takes_back_nothing_that_somebody_else_did_meanwhile(desk: Desk) -> None:
    one, client = desk.book(MONDAY_9 + timedelta(hours=1)), desk.client("desk")
    for name in ("arrived", "room"):
        client.send("/desk/mark", page="/desk", **{name: str(one)})
    undone = client.send("/desk/mark", page="/desk", expected=str(one))
    assert "Jack Black is in the room." in client.get(undone.location).text
    again = client.send("/desk/mark", page="/desk", arrived=str(one))
    assert "Jack Black is in the room." in client.get(again.location).text
    assert desk.appointment(one).called_at == AT_TEN


def test_what_was_cancelled_meanwhile_was_not_missed(desk: Desk) -> None:
    one, client = desk.book(MONDAY_9 + timedelta(hours=3)), desk.client("desk")
    desk.database.run(
        lambda session: factories.change_status(session, one, Status.CANCELLED, now=AT_TEN)
    )
    page = client.get(f"/desk/appointments/{one}").text
    assert ("Cancelled" in page, "No-show" in page) == (True, False)


# A press on a gap


def test_somebody_who_was_here_is_booked_in_three_presses(desk: Desk) -> None:
    client = desk.client("desk")
    start = MONDAY_9 + timedelta(hours=2)
    for text in ("ja", "31 3 1980", "0400 123"):
        found = press(client, desk, start, q=text, do="find").text
        assert (str(desk.jack) in found, str(desk.mei) in found) == (True, False)
    chosen = press(client, desk, start, q="ja", patient=str(desk.jack)).text
    assert 'value="book"' in chosen
    booked = press(client, desk, start, patient=str(desk.jack), do="book", reason="Cough")
    board = client.get(booked.location).text
    assert "Jack Black is booked" in board
    assert "Cough" in board


def test_who_was_never_here_is_no_match_and_not_booked_by_id(desk: Desk) -> None:
    client, start = desk.client("desk"), MONDAY_9 + timedelta(hours=2)
    assert "has been here" in press(client, desk, start, q="unknown", do="find").text
    refused = press(client, desk, start, patient=str(desk.stranger), do="book")
    assert refused.status_code == 404


def test_a_new_patient_is_registered_and_booked_at_once_or_not_at_all(desk: Desk) -> None:
    client, start = desk.client("desk"), MONDAY_9 + timedelta(hours=2)
    form = press(client, desk, start, q="Zoe Newman", do="new").text
    assert 'value="Zoe Newman"' in form
    too_few = press(client, desk, start, do="register", name="Zoe Newman")
    assert too_few.status_code == 422
    desk.book(start, desk.mei)
    known = {"name": "Zoe Newman", "born": "1 2 1990", "phone": "0400 777 666"}
    taken = press(client, desk, start, do="register", **known)
    assert (taken.status_code, _named(desk, "Zoe Newman")) == (409, 0)
    later = press(client, desk, start + 2 * QUARTER, do="register", **known)
    assert later.status_code == 303
    assert _named(desk, "Zoe Newman") == 1


def _named(desk: Desk, name: str) -> int:
    return desk.database.read(
        lambda session: session.query(Patient).filter(Patient.name == name).count()
    )


def test_a_likely_twin_is_shown_and_recognised(desk: Desk) -> None:
    client, start = desk.client("desk"), MONDAY_9 + timedelta(hours=2)
    ann = {"name": "Ann Unknown", "born": "31 3 1980"}
    asked = press(client, desk, start, do="register", **ann)
    assert asked.status_code == 409
    assert f'name="recognise" value="{desk.stranger}"' in asked.text
    wrong = press(client, desk, start, recognise=str(desk.stranger), **{**ann, "born": "30 3 1980"})
    assert wrong.status_code == 404
    misses = desk.database.read(
        lambda session: session.query(AuditEvent).filter_by(action=NOT_FOUND).count()
    )
    assert misses == 1
    chosen = press(client, desk, start, recognise=str(desk.stranger), **ann)
    assert 'value="book"' in chosen.text
    booked = press(client, desk, start, patient=str(desk.stranger), do="book")
    assert booked.status_code == 303
    later = press(client, desk, start + 2 * QUARTER, do="register", anyway="yes", **ann)
    assert later.status_code == 303
    assert _named(desk, "Ann Unknown") == 2


def test_a_walk_in_gets_the_running_or_first_free_time_and_a_number(desk: Desk) -> None:
    client, first = desk.client("desk"), MONDAY_9 + timedelta(hours=1)
    page = unescape(client.get("/desk/walk-in").text)
    assert f"/desk/book/{desk.gp}?{gap(first)}&here=yes" in page
    answer = press(client, desk, first, patient=str(desk.mei), do="book", here="yes")
    assert "Mei Chen is here, number 1." in client.get(answer.location).text


# Lists and paper


def test_the_figures_of_the_day_lead_to_their_lists(desk: Desk) -> None:
    one, client = desk.book(MONDAY_9 + timedelta(hours=1)), desk.client("desk")
    desk.book(MONDAY_9 + timedelta(hours=2), desk.mei)
    client.send("/desk/mark", page="/desk", arrived=str(one))
    assert 'show=waiting"><b>1</b>' in unescape(client.get("/desk").text)
    waiting = client.get("/desk/list?show=waiting").text
    assert ("Jack Black" in waiting, "Mei Chen" in waiting) == (True, False)
    calls = client.get("/desk/list?paper=calls").text
    assert "0400 222 333" in calls
    labels = client.get("/desk/list?paper=labels").text
    assert "born 31 March 1980" in labels
    noted = desk.database.read(
        lambda session: [
            one.details for one in session.query(AuditEvent).filter_by(action=SEARCHED)
        ]
    )
    assert noted == [{"found": 1}, {"found": 2}, {"found": 2}]
    week = client.get(f"/desk/week/{desk.gp}").text
    assert ("Jack Black" in week, "Samuel Jackson" in week) == (True, True)
    assert "Samuel Jackson" not in client.get(f"/desk?only={desk.nurse}").text


# Checking in


def test_the_kiosk_tells_nobody_who_has_an_appointment(desk: Desk) -> None:
    one = desk.book(MONDAY_9 + timedelta(hours=1) + QUARTER)
    poster = desk.client("desk").get("/desk/poster").text
    found = re.search(r'href="http://localhost(/check-in/[^"]+)"', poster)
    assert found
    assert "<svg" in poster
    path, visitor = found[1], Client(desk.app)
    right = visitor.send(path, initial="J", born="31 3 1980")
    wrong = visitor.send(path, initial="X", born="31 3 1980")
    again = visitor.send(path, initial="J", born="31 3 1980")
    nonce = re.compile(r'nonce="[^"]*"')
    assert {nonce.sub("", one.text) for one in (right, wrong, again)} == {nonce.sub("", right.text)}
    assert desk.appointment(one).status is Status.ARRIVED
    missing = visitor.send(path, initial="", born="")
    assert missing.status_code == 422
    assert "Enter your date of birth." in missing.text
    for other in (path[:-1], "/check-in/x", path.replace("check-in", "waiting-room")):
        assert visitor.get(other).status_code == 404


def test_a_twin_is_not_checked_in_by_the_second_press_of_the_other(desk: Desk) -> None:
    twin = desk.database.run(lambda session: factories.patient(session, "Jill Black", born=BORN).id)
    first = desk.book(MONDAY_9 + timedelta(hours=1) + QUARTER)
    second = desk.book(MONDAY_9 + timedelta(hours=1) + QUARTER, twin, schedule=desk.nurse)
    desk.client("desk").send("/desk/mark", page="/desk", arrived=str(first))
    with desk.app.test_request_context():
        path = f"/check-in/{desk_links.check_in(desk.hospital)}"
    Client(desk.app).send(path, initial="J", born="31 3 1980")
    assert desk.appointment(second).status is Status.BOOKED


def test_the_screen_shows_numbers_and_no_names(desk: Desk) -> None:
    client = desk.client("desk")
    one = desk.book(MONDAY_9 + timedelta(hours=1))
    two = desk.book(MONDAY_9 + timedelta(hours=1), desk.mei, schedule=desk.nurse)
    for appointment in (one, two):
        client.send("/desk/mark", page="/desk", arrived=str(appointment))
    client.send("/desk/mark", page="/desk", room=str(two))
    path = client.get("/desk/screen").location
    page = Client(desk.app).get(path).text
    assert "<b>2</b>" in page
    assert "<li>1</li>" in page
    assert not re.search("Jack|Mei|Samuel|Noor", page)
    other = desk.database.run(lambda session: factories.centre(session, "Other Hospital").id)
    with desk.app.test_request_context():
        elsewhere = desk_links.screen(other)
    assert "<li>1</li>" not in Client(desk.app).get(f"/waiting-room/{elsewhere}").text
    with time_machine.travel(AT_TEN + CALLED_FOR, tick=False):
        later = Client(desk.app).get(path).text
    assert ("<b>2</b>" in later, "<li>1</li>" in later) == (False, True)


def test_a_patient_says_that_they_are_here_or_late(desk: Desk) -> None:
    soon = desk.book(MONDAY_9 + timedelta(hours=2))
    later = desk.book(MONDAY_9 + timedelta(days=1))
    client = desk.client("jack")
    assert "Are you here?" not in client.get(f"/appointments/{later}").text
    page = f"/appointments/{soon}"
    assert "Are you here?" in client.get(page).text
    client.send(f"{page}/late", page=page, minutes=20)
    assert desk.appointment(soon).late_minutes == 20
    client.send(f"{page}/here", page=page)
    assert "Your number is 1." in client.get(page).text
    client.send(f"/appointments/{later}/here", page=f"/appointments/{later}/amend")
    assert desk.appointment(later).status is Status.BOOKED


# Programs


def test_programs_read_the_queue_and_note_who_comes(desk: Desk) -> None:
    one = desk.book(MONDAY_9 + timedelta(hours=1))
    program: Program = with_key(desk.app, desk.database, "appointments:read", "appointments:write")
    path = f"/api/v1/appointments/{one}"
    late = program.send("PATCH", path, {"late": 15})
    assert (late.status_code, late.json["late"]) == (200, 15)  # type: ignore[index]
    refused = program.send("PATCH", path, {"called": True})
    assert (refused.status_code, refused.json["code"]) == (409, "not-here")  # type: ignore[index]
    program.send("PATCH", path, {"status": "arrived", "called": True})
    queue = program.get(f"/api/v1/centres/{desk.hospital}/queue")["items"]
    assert [(item["number"], item["appointment"]) for item in queue] == [(1, str(one))]
    assert queue[0]["called"] == "2026-11-23T10:07:00+11:00"
    assert program.get(f"/api/v1/centres/{desk.clinic}/queue")["items"] == []


def test_who_has_confirmed_is_seen(desk: Desk) -> None:
    client, appointment = desk.client("desk"), desk.book(AT_TEN.replace(minute=30))
    pages = (
        "/desk",
        "/desk/list",
        f"/desk/appointments/{appointment}",
        f"/appointments/{appointment}",
    )
    assert not [page for page in pages if "Confirmed" in client.get(page).text]
    desk.database.run(lambda session: confirm(work(session, SYSTEM, AT_TEN), appointment))
    assert [page for page in pages if "Confirmed" in client.get(page).text] == list(pages)
    client.send("/desk/mark", page="/desk", arrived=appointment)
    assert "Confirmed" not in client.get("/desk/list").text, "she is here"
