"""Programs race for one time, over HTTP on a running server, on every engine.

Whatever entry point they come through, one wins, the others are told that the time is taken,
and the database has one appointment.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy.orm import Session

import factories
from entrypoints.programs import Program, with_key
from factories import SYDNEY
from openslot.booking import check
from openslot.booking.models import Appointment, Status
from openslot.core.db import Database
from openslot.schedules.models import Schedule
from racing import race
from serving import app_on, serving

RACERS = 32
SENT_AGAIN = 16
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

Json = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    body: str

    @property
    def json(self) -> Json:
        found: Json = json.loads(self.body)
        return found

    @property
    def appointment(self) -> Json:
        """The appointment in the Bundle of an operation."""
        found: Json = self.json["entry"][0]["resource"]
        return found


@dataclass(frozen=True)
class Clinic:
    """A running server with one doctor, as many patients as racers, and a time that is free."""

    port: int
    token: str
    database: Database
    doctor: int
    centre: int
    schedule: int
    patients: list[str]
    start: datetime
    proposal: str

    def post(self, path: str, body: Json, **headers: str) -> Reply:
        """Send JSON over a connection of its own; ``headers`` have underscores for dashes."""
        kind = "application/fhir+json" if path.startswith("/fhir/") else "application/json"
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent |= {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        line = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            line.request("POST", path, json.dumps(body), sent)
            answer = line.getresponse()
            return Reply(answer.status, answer.read().decode())
        finally:
            line.close()

    def booking_request(self, number: int) -> Json:
        """The time for a patient, as /api/v1 has it."""
        return {
            "schedule": self.schedule,
            "start": self.start.isoformat(),
            "patient": self.patients[number],
        }

    def the_only_appointment(self) -> Appointment:
        """The one appointment that there is, in diaries without a fault."""
        (appointment,) = self.database.read(lambda session: list(session.query(Appointment)))
        assert appointment.starts_at == self.start
        assert check.faults(self.database) == []
        return appointment


@pytest.fixture
def clinic(database: Database, tmp_path: Path) -> Iterator[Clinic]:
    with app_on(database, tmp_path, time_zone=SYDNEY.key) as app, serving(app) as address:
        port = int(address.rpartition(":")[2])
        yield opened(with_key(app, database, "*"), database, port)


def opened(program: Program, database: Database, port: int) -> Clinic:
    given = {
        "name": "Dr Ann Lee",
        "locations": ["12 High St"],
        "schedule": {day: [["09:00", "17:00"]] for day in WEEK},
    }
    doctor: Any = program.send("POST", "/doctors", given).json
    now = datetime.now(UTC)

    def fill(session: Session) -> tuple[int, list[str]]:
        patients = [
            factories.patient(session, f"Racer {number}", now=now) for number in range(RACERS)
        ]
        return session.query(Schedule).one().id, [str(patient.id) for patient in patients]

    schedule, patients = database.run(fill)
    start = datetime.combine((now + timedelta(days=3)).date(), time(10), SYDNEY)
    period = {"start": start, "end": start + timedelta(minutes=15)}
    query = "&".join(f"{name}={quote(at.isoformat())}" for name, at in period.items())
    found = program.get(f"/fhir/Appointment/$find?schedule={schedule}&{query}")
    return Clinic(
        port,
        str(program.token),
        database,
        doctor["id"],
        doctor["location_ids"][0],
        schedule,
        patients,
        start,
        found["entry"][0]["resource"]["id"],
    )


# One time, every way to book it


def by_api(clinic: Clinic, number: int) -> Reply:
    return clinic.post("/api/v1/appointments", clinic.booking_request(number))


def by_operation(clinic: Clinic, number: int, name: str = "$book", key: str = "") -> Reply:
    parameters = [
        {"name": "appointment-reference", "valueReference": {"reference": f"Appointment/{one}"}}
        for one in [key or clinic.proposal]
    ]
    patient = {"reference": f"Patient/{clinic.patients[number]}"}
    if not key:
        parameters.append({"name": "patient-reference", "valueReference": patient})
    body = {"resourceType": "Parameters", "parameter": parameters}
    return clinic.post(f"/fhir/Appointment/{name}", body)


def by_hold_and_book(clinic: Clinic, number: int) -> Reply:
    held = by_operation(clinic, number, "$hold")
    if held.status != 201:
        return held
    booked = by_operation(clinic, number, key=held.appointment["id"])
    assert booked.status == 200, booked.body  # what is held is changed, not made
    return Reply(201, booked.body)


def by_doctor(clinic: Clinic, number: int) -> Reply:
    body = {
        "doctor_id": clinic.doctor,
        "location_id": clinic.centre,
        "time": "10:00",
        "date": f"{clinic.start:%Y-%m-%d}",
        "patient_id": clinic.patients[number],
    }
    return clinic.post("/appointment", body)


WAYS = (by_api, by_operation, by_api, by_doctor, by_api, by_hold_and_book, by_api, by_doctor)


def test_of_32_programs_one_books_whichever_way_they_come(clinic: Clinic) -> None:
    replies = race(RACERS, lambda number: WAYS[number % len(WAYS)](clinic, number))
    assert Counter(one.status for one in replies) == {201: 1, 409: RACERS - 1}
    appointment = clinic.the_only_appointment()
    (winner,) = (number for number, one in enumerate(replies) if one.status == 201)
    assert (str(appointment.patient_id), appointment.status) == (
        clinic.patients[winner],
        Status.BOOKED,
    )
    for number, one in enumerate(replies):
        if one.status == 409:
            way = WAYS[number % len(WAYS)]
            taken = one.json["code"] if way in (by_api, by_doctor) else one.json["issue"][0]["code"]
            assert taken in ("slot-taken", "not-found"), one.body


@pytest.mark.parametrize("way", [by_operation, by_hold_and_book, by_doctor])
def test_each_way_is_a_race_of_its_own(clinic: Clinic, way: Any) -> None:
    replies = race(SENT_AGAIN, lambda number: way(clinic, number))
    assert Counter(one.status for one in replies) == {201: 1, 409: SENT_AGAIN - 1}
    assert clinic.the_only_appointment().status == Status.BOOKED


def test_of_32_holds_one_is_kept(clinic: Clinic) -> None:
    replies = race(
        RACERS, lambda number: clinic.post("/api/v1/holds", clinic.booking_request(number))
    )
    assert Counter(one.status for one in replies) == {201: 1, 409: RACERS - 1}
    assert {one.json["code"] for one in replies if one.status == 409} == {"slot-taken"}
    assert clinic.the_only_appointment().status == Status.HELD


# One request, sent again and again


@pytest.mark.parametrize("path", ["/api/v1/appointments", "/api/v1/holds", "/appointment"])
def test_a_request_with_a_key_is_done_once_however_often_it_is_sent(
    clinic: Clinic, path: str
) -> None:
    body = clinic.booking_request(0)
    if path == "/appointment":
        body = {
            "doctor_id": clinic.doctor,
            "location_id": clinic.centre,
            "time": "10:00",
            "date": clinic.start.date().isoformat(),
        }

    def send(_number: int) -> Reply:
        return clinic.post(path, body, Idempotency_Key="3f0c-once")

    replies = race(SENT_AGAIN, send)
    done = [one for one in replies if one.status == 201]
    refused = [one for one in replies if one.status != 201]
    assert done
    assert {(one.status, one.json["code"]) for one in refused} <= {(409, "still-running")}
    appointment = clinic.the_only_appointment()
    assert {one.body for one in done} == {done[0].body}
    assert done[0].json["id"] == str(appointment.id)
    assert send(0) == done[0]


def test_a_conditional_create_sent_often_makes_one(clinic: Clinic) -> None:
    actors = [f"Patient/{clinic.patients[0]}", f"Practitioner/{clinic.doctor}"]
    body = {
        "resourceType": "Appointment",
        "status": "booked",
        "identifier": [{"system": "urn:example:pas", "value": "A-1"}],
        "participant": [{"actor": {"reference": one}, "status": "accepted"} for one in actors],
        "start": clinic.start.isoformat(),
        "end": (clinic.start + timedelta(minutes=15)).isoformat(),
    }

    def send(_number: int) -> Reply:
        condition = "identifier=urn:example:pas|A-1"
        return clinic.post("/fhir/Appointment", body, If_None_Exist=condition)

    replies = race(SENT_AGAIN, send)
    assert Counter(one.status for one in replies) == {201: 1, 200: SENT_AGAIN - 1}
    appointment = clinic.the_only_appointment()
    assert {one.json["id"] for one in replies} == {str(appointment.id)}
