"""What people keep of themselves through the API: dependents, mail, the calendar's address."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import select

from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World
from openslot.core.db import Database
from openslot.core.idempotency import KeptAnswer

ME = "/api/v1/me"
CHILD = {"name": "Mia Owner", "born": "2019-05-04"}


@pytest.fixture
def patient(app: Flask, world: World) -> Program:
    return signed_in(app, world, "patient-owner")


def test_a_dependent_is_added_booked_for_and_changed(
    app: Flask, world: World, patient: Program
) -> None:
    made: Any = patient.send("POST", f"{ME}/dependents", CHILD)
    assert made.status_code == 201, made.text
    there = made.headers["Location"]
    assert there == f"/api/v1/patients/{made.json['id']}"
    assert patient.get(f"{ME}/dependents")["items"] == [made.json]
    assert made.json["id"] in patient.get(ME)["dependents"]
    changed: Any = patient.send("PATCH", there, {"phone": "0400 111 222"})
    assert (changed.status_code, changed.json["phone"]) == (200, "0400 111 222")
    assert signed_in(app, world, "patient-stranger").send("GET", there).status_code == 404


def test_dependents_are_read_page_by_page_and_known_once(patient: Program) -> None:
    for name in ("Zoe", "Ana", "Mia"):
        patient.send("POST", f"{ME}/dependents", CHILD | {"name": name})
    first = patient.get(f"{ME}/dependents?limit=2")
    rest = patient.get(first["next"])
    assert [one["name"] for one in first["items"] + rest["items"]] == ["Ana", "Mia", "Zoe"]
    again: Any = patient.send("POST", f"{ME}/dependents", CHILD | {"name": "Ana"})
    assert (again.status_code, again.json["code"]) == (409, "dependent-known")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"born": "2999-01-01"}, "born"),
        ({"born": None}, "born"),
        ({"name": " "}, "name"),
        ({"email": "mia"}, "email"),
        ({"mother": 1}, "mother"),
    ],
)
def test_odd_dependents_are_refused_by_field(
    patient: Program, change: dict[str, Any], field: str
) -> None:
    answer: Any = patient.send("POST", f"{ME}/dependents", CHILD | change)
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, field)


def test_only_patients_care_for_others(app: Flask, network: Database, world: World) -> None:
    for program in (signed_in(app, world, "staff-owner"), with_key(app, network, "*")):
        assert program.send("GET", f"{ME}/dependents").status_code == 403
        assert program.send("POST", f"{ME}/dependents", CHILD).status_code == 403


def test_one_chooses_which_mail_one_wants(app: Flask, world: World, patient: Program) -> None:
    by_mail = {"appointments": True, "reminders": True, "offers": True, "referrals": True}
    by_sms = dict.fromkeys(("sms_appointments", "sms_reminders", "sms_offers"))
    everything = by_mail | by_sms
    assert patient.get(f"{ME}/mail") == everything | {"requests": None}
    changed = patient.send("PATCH", f"{ME}/mail", {"reminders": False})
    assert changed.json == everything | {"reminders": False, "requests": None}
    assert patient.get(f"{ME}/mail") == changed.json
    odd: Any = patient.send("PATCH", f"{ME}/mail", {"requests": True})
    assert (odd.status_code, odd.json["errors"][0]["field"]) == (422, "requests")
    assert set(signed_in(app, world, "network-admin").get(f"{ME}/mail").values()) == {None}


def test_a_calendar_s_address_is_shown_once_renewed_and_ended(
    app: Flask, network: Database, patient: Program
) -> None:
    there = f"{ME}/calendar"
    assert patient.send("GET", there).status_code == 404
    first, second = (patient.send("POST", there) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    paths = [urlsplit(one.json["address"]).path for one in (first, second)]  # type: ignore[index]
    anybody = Program(app)
    assert [anybody.send("GET", path).status_code for path in paths] == [404, 200]
    assert "BEGIN:VEVENT" in anybody.send("GET", paths[1]).text
    assert patient.get(there).keys() == {"made"}
    assert patient.send("POST", there, Idempotency_Key="a").status_code == 400
    assert network.read(lambda session: session.scalars(select(KeptAnswer)).all()) == []
    assert [patient.send("DELETE", there).status_code for _ in range(2)] == [204, 204]
    assert anybody.send("GET", paths[1]).status_code == 404


def test_who_has_no_appointments_has_no_calendar(
    app: Flask, network: Database, world: World
) -> None:
    for program in (signed_in(app, world, "network-admin"), with_key(app, network, "*")):
        for method in ("GET", "POST", "DELETE"):
            assert program.send(method, f"{ME}/calendar").status_code == 403
    assert with_key(app, network, "*").send("GET", f"{ME}/mail").status_code == 403
