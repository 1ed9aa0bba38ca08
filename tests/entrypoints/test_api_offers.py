"""Offered times through the API: seen, taken and left by those whom they are for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.waiting_list import waiting

PATH = "/api/v1/offers"


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def patient(app: Flask, world: World) -> Program:
    return signed_in(app, world, "patient-owner")


@pytest.fixture
def offer(network: Database, world: World, patient: Program) -> Any:
    """An earlier time for the appointment of the patient ``owner``."""
    body = {
        "appointment": str(world.appointments["owner"]),
        "schedule": world.schedules["owner"],
        "from": now().isoformat(),
        "to": (now() + timedelta(days=9)).isoformat(),
    }
    entry = patient.send("POST", "/api/v1/waitlist", body)
    assert entry.status_code == 201, entry.text
    assert waiting.expire_due(network, Settings(_env_file=None), now) == 1
    [found] = patient.get(PATH)["items"]
    assert found["waitlist"] == entry.json["id"]  # type: ignore[index] # it is an object
    return found


def test_an_offer_says_what_it_is_and_until_when(
    world: World, patient: Program, offer: Any
) -> None:
    assert (offer["open"], offer["status"], offer["rebooking"]) == (True, "open", False)
    assert offer["appointment"] == str(world.appointments["owner"])
    assert now() < datetime.fromisoformat(offer["answer_by"])
    assert datetime.fromisoformat(offer["answer_by"]) < datetime.fromisoformat(offer["start"])
    assert patient.get(f"{PATH}/{offer['id']}") == offer


def test_taking_an_offer_moves_the_appointment_once(
    world: World, patient: Program, offer: Any
) -> None:
    there = f"{PATH}/{offer['id']}/accept"
    taken = patient.send("POST", there, Idempotency_Key="once")
    assert (taken.status_code, taken.json["start"]) == (200, offer["start"]), taken.text
    assert taken.json["id"] == str(world.appointments["owner"])
    assert patient.send("POST", there, Idempotency_Key="once").json == taken.json
    late = patient.send("POST", there)
    assert (late.status_code, late.json["code"]) == (410, "offer-expired")
    assert patient.get(PATH)["items"] == []
    assert patient.get(f"{PATH}/{offer['id']}")["status"] == "accepted"


def test_declining_an_offer_leaves_the_appointment(
    world: World, patient: Program, offer: Any
) -> None:
    was = patient.get(f"/api/v1/appointments/{world.appointments['owner']}")
    assert patient.send("POST", f"{PATH}/{offer['id']}/decline").status_code == 204
    assert patient.get(f"/api/v1/appointments/{world.appointments['owner']}") == was
    assert patient.send("POST", f"{PATH}/{offer['id']}/accept").status_code == 410


@pytest.mark.parametrize("person", ["patient-stranger", "practitioner-stranger", "staff-stranger"])
def test_strangers_do_not_learn_of_an_offer(
    app: Flask, world: World, offer: Any, person: str
) -> None:
    other = signed_in(app, world, person)
    assert other.get(PATH)["items"] == []
    assert other.send("GET", f"{PATH}/{offer['id']}").status_code == 404
    for act in ("accept", "decline"):
        assert other.send("POST", f"{PATH}/{offer['id']}/{act}").status_code == 404


def test_somebody_at_the_place_answers_for_who_telephones(
    app: Flask, network: Database, patient: Program, offer: Any
) -> None:
    desk = with_key(app, network, "care:write")
    assert desk.send("POST", f"{PATH}/{offer['id']}/accept").status_code == 200
    assert patient.get(f"{PATH}/{offer['id']}")["status"] == "accepted"
