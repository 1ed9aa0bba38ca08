"""Patients who walk in, appointments entered afterwards, and emergencies, through FHIR."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from entrypoints.programs import Program, signed_in, with_key
from entrypoints.test_fhir_appointments import at, create, outcome, wanted_appointment
from entrypoints.world import World
from openslot.booking import absences
from openslot.booking.absences import AbsenceDetails
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.schedules.models import AbsenceKind
from working import work

Json = dict[str, Any]
HALF_HOUR = timedelta(minutes=30)


def of_type(code: str) -> Json:
    system = "http://terminology.hl7.org/CodeSystem/v2-0276"
    return {"coding": [{"system": system, "code": code}]}


WALK_IN, EMERGENCY = of_type("WALKIN"), of_type("EMERGENCY")


def times(start: datetime) -> Json:
    return {"start": start.isoformat(), "end": (start + HALF_HOUR).isoformat()}


def just_now() -> datetime:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    return now - timedelta(minutes=now.minute % 5)


@pytest.fixture
def program(app: Flask, network: Database) -> Program:
    return with_key(app, network, "*")


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"status": "arrived"}, "arrived"),
        ({"status": "booked", "appointmentType": WALK_IN}, "arrived"),
        ({"status": "fulfilled"}, "fulfilled"),
    ],
)
def test_who_is_here_or_was_is_entered_off_the_grid(
    program: Program, world: World, how: Json, status: str
) -> None:
    is_over = status == "fulfilled"
    start = just_now() - (timedelta(hours=5) if is_over else timedelta())
    made = create(
        program,
        wanted_appointment(world, **times(start), **how),
        Prefer="return=OperationOutcome",
    )
    assert made.status_code == 201, made.text
    assert [one["severity"] for one in made.json["issue"]] == ["information"]  # type: ignore[index]
    key = made.location.rpartition("Appointment/")[2].partition("/")[0]
    shown = program.get(f"/fhir/Appointment/{key}")
    assert (shown["status"], datetime.fromisoformat(shown["start"])) == (status, start)


def test_book_enters_too_but_never_changes_what_is_booked_to_arrived(
    program: Program, world: World
) -> None:
    body = wanted_appointment(world, status="arrived", **times(just_now()))
    (entered,) = taken(program, body)
    assert entered["status"] == "arrived"
    booked = create(program, wanted_appointment(world, who="teammate")).json
    (same,) = taken(program, booked | {"status": "arrived"})  # type: ignore[operator]
    assert (same["id"], same["status"]) == (booked["id"], "booked")  # type: ignore[index]


def taken(program: Program, body: Json) -> list[Json]:
    answer = program.send("POST", "/fhir/Appointment/$book", body)
    assert answer.status_code in (200, 201), answer.text
    bundle: Json = answer.json  # type: ignore[assignment] # an object
    found = [entry["resource"] for entry in bundle["entry"]]
    return [one for one in found if one["resourceType"] == "Appointment"]


def test_what_cannot_be_entered_is_refused_by_name(
    app: Flask, program: Program, world: World
) -> None:
    now = times(just_now())
    for body, field in (
        (wanted_appointment(world, appointmentType=WALK_IN), "Appointment.start"),
        (wanted_appointment(world, status="fulfilled"), "Appointment.start"),
        (
            wanted_appointment(world, status="pending", appointmentType=WALK_IN, **now),
            "Appointment.status",
        ),
        (wanted_appointment(world, status="noshow", **now), "Appointment.status"),
    ):
        answer = create(program, body)
        assert (answer.status_code, outcome(answer)["expression"]) == (422, [field])
    for who in ("patient-owner", "practitioner-owner"):
        one = create(signed_in(app, world, who), wanted_appointment(world, status="arrived", **now))
        assert one.status_code == 403, who
        assert outcome(one)["code"] == "forbidden"


def test_an_emergency_takes_time_that_is_kept_for_one_of_those_who_give_care(
    app: Flask, network: Database, program: Program, world: World
) -> None:
    kept = AbsenceDetails(kind=AbsenceKind.KEPT_FREE, starts_at=at(9), ends_at=at(10))

    def keep_free(session: Session) -> None:
        unit = work(session, SYSTEM, datetime.now(UTC))
        absences.enter_absence(unit, world.practitioners["owner"], kept)

    network.run(keep_free)
    usual = create(program, wanted_appointment(world, appointmentType=of_type("ROUTINE")))
    assert (usual.status_code, "as an emergency" in usual.text) == (422, True)
    silent = create(program, wanted_appointment(world, appointmentType=EMERGENCY, reasonCode=None))
    assert (silent.status_code, outcome(silent)["expression"]) == (422, ["Appointment.reasonCode"])
    patient = create(
        signed_in(app, world, "patient-owner"),
        wanted_appointment(world, appointmentType=EMERGENCY),
    )
    assert patient.status_code == 403
    assert outcome(patient)["expression"] == ["Appointment.appointmentType"]
    made = create(program, wanted_appointment(world, appointmentType=EMERGENCY))
    assert made.status_code == 201, made.text
    assert made.json["priority"] == 1  # type: ignore[index]

    def found(who: Program) -> list[Json]:
        query = f"start={at(9).isoformat()}&end={at(10).isoformat()}&appointment-type=EMERGENCY"
        schedule = f"schedule=Schedule/{world.schedules['owner']}"
        bundle = who.get(f"/fhir/Appointment/$find?{query}&{schedule}")
        return [one["resource"] for one in bundle["entry"][:-1]]

    (proposed,) = found(program)
    assert datetime.fromisoformat(proposed["start"]) == at(9) + HALF_HOUR
    assert found(signed_in(app, world, "patient-owner")) == []
    other = {"actor": {"reference": f"Patient/{world.patients['teammate']}"}}
    proposed["participant"].append(other | {"status": "accepted"})
    (booked,) = taken(program, proposed | {"reasonCode": [{"text": "Fell from a ladder"}]})
    assert (booked["priority"], booked["start"]) == (1, proposed["start"])
