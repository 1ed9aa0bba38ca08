"""Small inputs that other products get wrong, through each door: pages, JSON API and FHIR."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import time_machine
from flask import Flask
from werkzeug.test import TestResponse

from entrypoints.browsing import Client
from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import PASSWORD, World, build, give_professions
from factories import SYDNEY
from openslot.booking import check
from openslot.core.db import Database
from serving import app_on

MOMENT = datetime(2026, 2, 23, 8, 0, tzinfo=SYDNEY)
"""A Monday."""

MONDAY = date(2026, 3, 2)
DAY = timedelta(days=1)
Json = dict[str, Any]


def at(day: date, clock: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), SYDNEY)


@dataclass
class Clinic:
    """The small network as it is at MOMENT, and those who come to its doors."""

    app: Flask
    world: World
    program: Program

    @property
    def schedule(self) -> int:
        return self.world.schedules["owner"]

    def arrange(self, *hours: Json, **details: Any) -> None:
        """Replace the hours, and say how long appointments are."""
        body = {"hours": list(hours), "horizon_days": 365, **details}
        answer = self.program.send("PATCH", f"/api/v1/schedules/{self.schedule}", body)
        assert answer.status_code == 200, answer.text

    def browser(self, person: str) -> Client:
        client = Client(self.app)
        login = client.send("/login", email=self.world.emails[person], password=PASSWORD)
        assert login.status_code == 303
        client.token = None
        return client

    def who(self, person: str) -> Program:
        return signed_in(self.app, self.world, person)

    def book(self, start: datetime, minutes: int = 30, who: str = "stranger") -> TestResponse:
        body = {"schedule": self.schedule, "start": start.isoformat(), "minutes": minutes}
        body["patient"] = str(self.world.patients[who])
        return self.program.send("POST", "/api/v1/appointments", body)

    def booked(self, start: datetime, minutes: int = 30, who: str = "stranger") -> Json:
        made = self.book(start, minutes, who)
        assert made.status_code == 201, made.text
        return made.json  # type: ignore[return-value] # an object


@pytest.fixture
def clinic(sqlite_database: Database, tmp_path: Path) -> Iterator[Clinic]:
    with time_machine.travel(MOMENT, tick=False):
        world = build(sqlite_database)
        with app_on(sqlite_database, tmp_path) as app:
            database = app.extensions["openslot"].database
            yield Clinic(app, world, with_key(app, database, "*"))
            assert check.faults(database) == []


# Doors: the free starts of some days


def on_pages(clinic: Clinic, first: date, days: int) -> list[datetime]:
    browser, found = clinic.browser("patient-teammate"), []
    for week in range(0, days + 7, 7):
        page = browser.get(f"/book/{clinic.schedule}?week={first + week * DAY}").text
        found += re.findall(r'<button[^>]* name="start" value="([^"]+)"', page)
    return within(found, first, days)


def in_the_api(clinic: Clinic, first: date, days: int) -> list[datetime]:
    found = []
    for begins in range(0, days, 28):
        since, until = first + begins * DAY, first + min(begins + 27, days - 1) * DAY
        path: str | None = f"/api/v1/slots?schedule={clinic.schedule}&from={since}&to={until}"
        while path:
            answer = clinic.program.get(path)
            found += [one["start"] for one in answer["items"]]
            path = answer.get("next")
    return within(found, first, days)


def in_fhir(clinic: Clinic, first: date, days: int) -> list[datetime]:
    found = []
    for begins in range(0, days, 28):
        since, until = first + begins * DAY, first + min(begins + 28, days) * DAY
        path: str | None = (
            f"/fhir/Slot?schedule=Schedule/{clinic.schedule}&status=free&_count=200"
            f"&start=ge{since}&start=lt{until}"
        )
        while path:
            bundle = clinic.program.get(path)
            found += [one["resource"]["start"] for one in bundle.get("entry", ())]
            links = {one["relation"]: one["url"] for one in bundle["link"]}
            path = links.get("next", "").removeprefix("http://localhost") or None
    return within(found, first, days)


def within(texts: list[str], first: date, days: int) -> list[datetime]:
    """The instants on these days, each once, by Sydney's clock."""
    instants = {datetime.fromisoformat(unescape(text)).astimezone(UTC) for text in texts}
    local = [one.astimezone(SYDNEY) for one in sorted(instants)]
    return [one for one in local if first <= one.date() < first + days * DAY]


DOORS: dict[str, Callable[[Clinic, date, int], list[datetime]]] = {
    "pages": on_pages,
    "API": in_the_api,
    "FHIR": in_fhir,
}


def clocks(clinic: Clinic, day: date = MONDAY) -> list[str]:
    """The starts of a day, which are the same through each door."""
    found = {name: [f"{one:%H:%M}" for one in door(clinic, day, 1)] for name, door in DOORS.items()}
    assert found["pages"] == found["API"] == found["FHIR"], found
    return found["API"]


def days(clinic: Clinic, first: date, count: int) -> list[str]:
    """The days with starts, which are the same through each door."""
    found = {
        name: sorted({one.date().isoformat()[5:] for one in door(clinic, first, count)})
        for name, door in DOORS.items()
    }
    assert found["pages"] == found["API"] == found["FHIR"], found
    return found["API"]


# Starts

NINE_TO_FIVE = {"weekday": 0, "starts": "09:00", "ends": "17:00"}


def every(minutes: int, step: int) -> list[str]:
    return [f"{at // 60:02}:{at % 60:02}" for at in range(540, 1020 - minutes + 1, step)]


STARTS = [
    *((NINE_TO_FIVE, {"slot_minutes": each}, every(each, each)) for each in (25, 35, 50, 55, 75)),
    *(
        (NINE_TO_FIVE, {"slot_minutes": each, "step_minutes": step}, every(each, step))
        for each, step in ((25, 60), (35, 60), (50, 60), (55, 60), (75, 120))
    ),
    (
        {"weekday": 0, "starts": "08:45", "ends": "12:15"},
        {"slot_minutes": 30},
        ["08:45", "09:15", "09:45", "10:15", "10:45", "11:15", "11:45"],
    ),
    (
        {"weekday": 0, "starts": "09:30", "ends": "12:30"},
        {"slot_minutes": 45},
        ["09:30", "10:15", "11:00", "11:45"],
    ),
]


def test_starts_are_those_that_the_length_and_the_step_give(clinic: Clinic) -> None:
    assert every(50, 50)[:3] == ["09:00", "09:50", "10:40"]
    assert every(50, 60) == [f"{hour:02}:00" for hour in range(9, 17)]
    for hours, details, expected in STARTS:
        clinic.arrange(hours, **({"step_minutes": None} | details))
        assert clocks(clinic) == expected, details


def test_hours_recur_as_the_calendar_says(clinic: Clinic) -> None:
    region = {"holiday_region": "AU-NSW"}
    own = clinic.world.centres["own"]
    assert clinic.program.send("PATCH", f"/api/v1/centres/{own}", region).status_code == 200
    noon = {"starts": "09:00", "ends": "12:00"}
    fortnight = {"rule": "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU", "valid_from": "2026-03-03", **noon}
    clinic.arrange(fortnight, slot_minutes=60)
    assert days(clinic, MONDAY, 42) == ["03-03", "03-17", "03-31"]
    clinic.arrange({"rule": "FREQ=MONTHLY;BYDAY=1MO", "valid_from": "2026-03-02", **noon})
    # 6 April is Easter Monday, a public holiday
    assert days(clinic, MONDAY, 70) == ["03-02", "05-04"]
    clinic.arrange({"valid_from": "2026-03-14", "valid_until": "2026-03-14", **noon})
    assert days(clinic, MONDAY, 28) == ["03-14"]
    easter = {"valid_from": "2026-04-06", "valid_until": "2026-04-06", "on_holidays": True}
    clinic.arrange({**noon, "weekday": 0}, {**easter, **noon})
    assert clocks(clinic, date(2026, 4, 6)) == ["09:00", "10:00", "11:00"]
    assert days(clinic, date(2026, 3, 30), 14) == ["03-30", "04-06"]


def test_leave_is_entered_twice_and_one_day_is_given_back(clinic: Clinic) -> None:
    clinic.arrange(*({**NINE_TO_FIVE, "weekday": day} for day in range(5)), slot_minutes=240)
    own = clinic.who("practitioner-owner")
    for first, last in ((9, 13), (11, 13)):
        begins, ends = at(date(2026, 3, first), "00:00"), at(date(2026, 3, last) + DAY, "00:00")
        period = {"start": begins.isoformat(), "end": ends.isoformat()}
        assert own.send("POST", "/api/v1/absences", period).status_code == 201
    assert days(clinic, date(2026, 3, 6), 12) == ["03-06", "03-16", "03-17"]
    back = at(date(2026, 3, 12), "00:00")
    period = {"start": back.isoformat(), "end": (back + DAY).isoformat()}
    assert own.send("POST", "/api/v1/absences/reopenings", period).status_code in (200, 204)
    assert days(clinic, date(2026, 3, 6), 12) == ["03-06", "03-12", "03-16", "03-17"]


# Nights

NIGHTS = {
    "22:00 to 06:00": ("22:00", "06:00", 8),
    "18:00 to midnight": ("18:00", "24:00", 6),
    "the whole day": ("00:00", "24:00", 24),
}
"""Hours of every day, and how many hours are open in a night of the usual length."""

CHANGES = [
    (date(2026, 3, 31), 0),
    (date(2026, 4, 4), 1),
    (date(2026, 10, 3), -1),
]
"""A night over the end of a month, and those in which the clock goes back and forward: with how
many hours more than the wall clock shows."""


def test_nights_are_open_over_the_ends_of_months_and_changes_of_the_clock(clinic: Clinic) -> None:
    for name, (starts, ends, usual) in NIGHTS.items():
        hours = ({"weekday": day, "starts": starts, "ends": ends} for day in range(7))
        clinic.arrange(*hours, slot_minutes=60)
        for day, more in CHANGES:
            # Noon to noon holds one night; the clock changes after midnight.
            noon = at(day, "12:00").astimezone(UTC)
            until = at(day + DAY, "12:00").astimezone(UTC)
            found = {
                door: [one for one in read(clinic, day, 2) if noon <= one.astimezone(UTC) < until]
                for door, read in DOORS.items()
            }
            assert found["pages"] == found["API"] == found["FHIR"], (name, day)
            open_hours = found["API"]
            touched = 0 if name == "18:00 to midnight" else more
            assert len(open_hours) == usual + touched, (name, day, open_hours)
            absolute = [one.astimezone(UTC) for one in open_hours]
            assert all(two - one >= timedelta(hours=1) for one, two in pairwise(absolute))


def test_an_appointment_lasts_over_midnight(clinic: Clinic) -> None:
    clinic.arrange(
        *({"weekday": day, "starts": "22:00", "ends": "06:00"} for day in range(7)),
        slot_minutes=30,
        step_minutes=15,
    )
    night = date(2026, 3, 31)
    for number, book in enumerate((_book_on_pages, _book_in_the_api, _book_in_fhir)):
        start = at(night + number * DAY, "23:45")
        assert "23:45" in clocks(clinic, start.date())
        book(clinic, start)
        around = [start + minutes * timedelta(minutes=1) for minutes in (-15, 0, 15)]
        for door, read in DOORS.items():
            free = read(clinic, start.date(), 2)
            assert not set(around) & set(free), (book.__name__, door)


def _book_on_pages(clinic: Clinic, start: datetime) -> None:
    browser, path = clinic.browser("patient-owner"), f"/book/{clinic.schedule}"
    held = browser.send(f"{path}/hold", page=path, start=start.isoformat(), minutes=30)
    hold = re.search(r"hold=([\w-]+)", held.location or "")
    assert hold, held.text
    page = held.location.partition("#")[0]
    done = browser.send(path, page=page, hold=hold[1], start=start.isoformat(), minutes=30)
    assert done.status_code == 303, done.text


def _book_in_the_api(clinic: Clinic, start: datetime) -> None:
    clinic.booked(start, who="owner")


def _book_in_fhir(clinic: Clinic, start: datetime) -> None:
    made = clinic.program.send("POST", "/fhir/Appointment", fhir_request(clinic, start))
    assert made.status_code == 201, made.text


def fhir_request(clinic: Clinic, start: datetime, minutes: int = 30, who: str = "owner") -> Json:
    actors = (
        f"Patient/{clinic.world.patients[who]}",
        f"Practitioner/{clinic.world.practitioners['owner']}",
        f"Location/{clinic.world.centres['own']}",
    )
    return {
        "resourceType": "Appointment",
        "status": "booked",
        "start": start.isoformat(),
        "end": (start.astimezone(UTC) + timedelta(minutes=minutes)).isoformat(),
        "participant": [{"actor": {"reference": actor}, "status": "accepted"} for actor in actors],
    }


# Moving, walking in, emergencies, undoing


@pytest.mark.parametrize("door", ["pages", "API", "FHIR"])
def test_an_appointment_moves_over_its_own_time(clinic: Clinic, door: str) -> None:
    clinic.arrange({**NINE_TO_FIVE, "ends": "11:00"}, slot_minutes=30, max_slots=2)
    own = clinic.booked(at(MONDAY, "09:00"), 60, "owner")
    clinic.booked(at(MONDAY, "10:30"), 30, "stranger")
    assert clocks(clinic) == ["10:00"]
    to, key = at(MONDAY, "09:30"), own["id"]
    if door == "pages":
        browser, path = clinic.browser("patient-owner"), f"/appointments/{key}/move"
        page = unescape(browser.get(f"{path}?week={MONDAY}").text)
        texts = re.findall(r'(?:[?&]start=|name="start" value=")([^"&#]+)', page)
        offered = within([unquote(text) for text in texts], MONDAY, 1)
        chosen = f"{path}?start={to.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        moved = browser.send(path, page=chosen, start=to.isoformat())
        assert moved.status_code == 303, moved.text
    elif door == "API":
        slots = clinic.program.get(f"/api/v1/appointments/{key}/slots?from={MONDAY}&to={MONDAY}")
        offered = within([one["start"] for one in slots["items"]], MONDAY, 1)
        path = f"/api/v1/appointments/{key}"
        moved = clinic.program.send("PATCH", path, {"start": to.isoformat()})
        assert moved.status_code == 200, moved.text
    else:
        query = f"start={MONDAY}&end={MONDAY}&appointment-reference=Appointment/{key}"
        found = clinic.program.get(f"/fhir/Appointment/$find?{query}")["entry"]
        proposed = [one["resource"] for one in found if "start" in one["resource"]]
        offered = within([one["start"] for one in proposed], MONDAY, 1)
        stored = clinic.program.get(f"/fhir/Appointment/{key}")
        wanted = stored | {
            "start": to.isoformat(),
            "end": (to + timedelta(hours=1)).isoformat(),
        }
        moved = clinic.program.send("PUT", f"/fhir/Appointment/{key}", wanted)
        assert moved.status_code == 200, moved.text
    assert to in offered
    now = clinic.program.get(f"/api/v1/appointments/{key}")
    assert datetime.fromisoformat(now["start"]) == to
    assert clocks(clinic) == ["09:00"]


def enter(clinic: Clinic, door: str, start: datetime, *, is_past: bool) -> str:
    """Enter a patient without an appointment, as the desk does; on pages, who is here without a
    time."""
    patient = clinic.world.patients["owner"]
    if door == "pages":
        browser = clinic.browser("centre-admin-owner")
        path = f"/book/{clinic.schedule}"
        fields = {"patient": patient, "day": f"{start:%Y-%m-%d}"}
        fields["clock"] = f"{start:%H:%M}" if is_past else ""
        answer = browser.send(
            f"{path}/enter",
            page=f"{path}?patient={patient}",
            **fields,
            was="yes" if is_past else "",
            entered_minutes=30,
        )
        assert answer.status_code == 303, answer.text
        return answer.location.rpartition("/")[2]
    status = "fulfilled" if is_past else "arrived"
    if door == "FHIR":
        request = fhir_request(clinic, start) | {"status": status}
        made = clinic.program.send("POST", "/fhir/Appointment", request)
        assert made.status_code == 201, made.text
        return made.json["id"]  # type: ignore[index]
    body = {"schedule": clinic.schedule, "start": start.isoformat(), "patient": str(patient)}
    body["status"] = status
    made = clinic.who("centre-admin-owner").send("POST", "/api/v1/appointments", body)
    assert made.status_code == 201, made.text
    return made.json["id"]  # type: ignore[index]


@pytest.mark.parametrize("door", ["pages", "API", "FHIR"])
def test_who_stands_there_at_seven_past_ten_and_who_came_at_eleven(
    clinic: Clinic, door: str
) -> None:
    clinic.arrange(NINE_TO_FIVE, slot_minutes=30)
    clinic.booked(at(MONDAY - 7 * DAY, "10:30"))
    with time_machine.travel(at(MONDAY - 7 * DAY, "10:07"), tick=False):
        walk_in = unescape(clinic.browser("centre-admin-owner").get("/desk/walk-in").text)
        running = f"{at(MONDAY - 7 * DAY, '10:00').astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        assert f"/desk/book/{clinic.schedule}?start={running}" in unquote(walk_in)
        here = enter(clinic, door, at(MONDAY - 7 * DAY, "10:00"), is_past=False)
        shown = clinic.program.get(f"/fhir/Appointment/{here}")
        assert (shown["status"], shown["start"][11:16]) == ("arrived", "10:00")
    with time_machine.travel(at(MONDAY - 7 * DAY, "17:00"), tick=False):
        clinic.program.send("PATCH", f"/api/v1/appointments/{here}", {"status": "fulfilled"})
        body = {"status": "entered-in-error"}
        clinic.program.send("PATCH", f"/api/v1/appointments/{here}", body)
        past = enter(clinic, door, at(MONDAY - 7 * DAY, "11:00"), is_past=True)
        shown = clinic.program.get(f"/fhir/Appointment/{past}")
        assert (shown["status"], shown["start"][11:16]) == ("fulfilled", "11:00")


@pytest.mark.parametrize("door", ["pages", "API"])
def test_time_for_emergencies_takes_one_with_a_word_why(clinic: Clinic, door: str) -> None:
    clinic.arrange(NINE_TO_FIVE, slot_minutes=30)
    kept = {"kind": "kept-free", "start": at(MONDAY, "13:00").isoformat()}
    kept["end"] = at(MONDAY, "14:00").isoformat()
    own = clinic.who("practitioner-owner")
    assert own.send("POST", "/api/v1/absences", kept).status_code == 201
    assert not {"13:00", "13:30"} & set(clocks(clinic))
    start, patient = at(MONDAY, "13:00"), clinic.world.patients["owner"]
    urgent = f"/api/v1/slots?schedule={clinic.schedule}&from={MONDAY}&to={MONDAY}&emergency=true"
    starts = [one["start"] for one in own.get(urgent)["items"]]
    assert start in map(datetime.fromisoformat, starts)
    assert clinic.who("patient-owner").get(urgent)["items"] == []

    def take(who: str, why: str) -> int:
        if door == "pages":
            browser = clinic.browser(who)
            path = f"/book/{clinic.schedule}?emergency=yes&patient={patient}"
            fields: Json = {"emergency": "yes", "patient": patient, "reason": why}
            sent = {**fields, "start": start.isoformat(), "minutes": 30}
            return browser.send(f"/book/{clinic.schedule}", page=path, **sent).status_code
        body = {"schedule": clinic.schedule, "start": start.isoformat(), "emergency": True}
        body |= {"patient": str(patient)} | ({"reason": why} if why else {})
        return clinic.who(who).send("POST", "/api/v1/appointments", body).status_code

    assert take("patient-owner", "It hurts") in (403, 409, 422)
    assert take("practitioner-owner", "") in (409, 422)
    in_fhir = clinic.program.send("POST", "/fhir/Appointment", fhir_request(clinic, start))
    assert in_fhir.status_code in (409, 422)
    assert take("practitioner-owner", "Chest pain") in (201, 303)


@pytest.mark.parametrize("door", ["pages", "API", "FHIR"])
def test_a_cancellation_by_mistake_is_undone_while_the_time_is_free(
    clinic: Clinic, door: str
) -> None:
    clinic.arrange(NINE_TO_FIVE, slot_minutes=30)

    def undo(key: str) -> None:
        if door == "pages":
            browser = clinic.browser("patient-owner")
            if "/undo" in browser.get(f"/appointments/{key}").text:
                browser.send(f"/appointments/{key}/undo", page=f"/appointments/{key}")
        elif door == "API":
            clinic.program.send("PATCH", f"/api/v1/appointments/{key}", {"status": "booked"})
        else:
            stored = clinic.program.get(f"/fhir/Appointment/{key}") | {"status": "booked"}
            stored.pop("cancelationReason", None)
            clinic.program.send("PUT", f"/fhir/Appointment/{key}", stored)

    def cancelled(start: datetime) -> str:
        key: str = clinic.booked(start, who="owner")["id"]
        if door == "pages":
            path = f"/appointments/{key}/cancel"
            clinic.browser("patient-owner").send(path, page=path)
        else:
            clinic.program.send("PATCH", f"/api/v1/appointments/{key}", {"status": "cancelled"})
        return key

    for clock, is_taken, after in (("11:00", False, "booked"), ("12:00", True, "cancelled")):
        start = at(MONDAY, clock)
        key = cancelled(start)
        assert clinic.program.get(f"/api/v1/appointments/{key}")["status"] == "cancelled"
        if is_taken:
            clinic.booked(start)
        with time_machine.travel(MOMENT + timedelta(minutes=2), tick=False):
            undo(key)
        now = clinic.program.get(f"/api/v1/appointments/{key}")
        assert now["status"] == after, clock
        if after == "booked":
            clinic.program.send("PATCH", f"/api/v1/appointments/{key}", {"status": "cancelled"})


@pytest.mark.parametrize("door", ["pages", "API", "FHIR"])
def test_a_letter_says_for_how_many_appointments_it_is(clinic: Clinic, door: str) -> None:
    database = clinic.app.extensions["openslot"].database
    database.run(lambda session: give_professions(session, clinic.world))
    gp, patient = clinic.who("practitioner-owner"), clinic.world.patients["owner"]
    for typed, most in ((2, 2), (1, 1), (None, None)):
        if door == "pages":
            path = f"/patients/{patient}/referrals/new"
            fields = {"addressee": "area:Dental", "letter": "Pain.", "act": "send"}
            browser = clinic.browser("practitioner-owner")
            sent = browser.send(path, **fields, most_appointments=typed or "")
            key = sent.location.rpartition("/")[2]
            page = browser.get(sent.location).text
            assert (f"{most} appointment" in page) == (most is not None)
            assert browser.send(path, **fields, most_appointments=0).status_code == 422
        elif door == "API":
            body = {"patient": str(patient), "expertise": "Dental", "letter": "Pain."}
            sent = gp.send("POST", "/api/v1/referrals", body | {"most_appointments": typed})
            key = sent.json["id"]  # type: ignore[index]
        else:
            body = {
                "resourceType": "ServiceRequest",
                "status": "active",
                "intent": "order",
                "subject": {"reference": f"Patient/{patient}"},
                "performerType": {"text": "Dental"},
                "note": [{"text": "Pain."}],
            }
            quantity = {"quantityQuantity": {"value": typed}} if typed else {}
            sent = gp.send("POST", "/fhir/ServiceRequest", body | quantity)
            key = sent.json["id"]  # type: ignore[index]
        assert gp.get(f"/api/v1/referrals/{key}")["most_appointments"] == most, sent.text
        shown = gp.get(f"/fhir/ServiceRequest/{key}").get("quantityQuantity")
        assert shown == ({"value": most} if most else None)
