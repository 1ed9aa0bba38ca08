"""Patients, for those who work with them."""

import builtins
import re

import pytest
from flask import Flask
from jinja2 import meta

from entrypoints.browsing import Client, ClientFor
from entrypoints.programs import signed_in
from entrypoints.world import World

NEW = {"name": "Ilse Brandt", "born": "14 March 1948", "phone": "02 9382 3333"}


@pytest.mark.parametrize(
    "asked", ["aroha owner", "OWNER", "patient-owner@example", "31/3/1980", "31 March 1980"]
)
def test_patients_are_found_by_what_is_known_of_them(client_for: ClientFor, asked: str) -> None:
    page = client_for("staff-owner").search("/patients?q=" + asked.replace(" ", "+")).text
    assert "Aroha Owner" in page


def test_nobody_is_listed_unasked(client_for: ClientFor) -> None:
    client = client_for("practitioner-owner")
    assert "Aroha" not in client.get("/patients").text
    assert "No match among your patients" in client.search("/patients?q=zzz").text
    staff = client_for("staff-owner")
    assert "Aroha" not in staff.get("/patients").text
    assert "No patient found" in staff.search("/patients?q=zzz").text


def test_a_patient_is_registered_and_booked_for(client_for: ClientFor) -> None:
    client = client_for("staff-owner")
    answer = client.send("/patients/new", **NEW)
    assert answer.status_code == 303
    page = client.get(answer.location).text
    assert "14 March 1948" in page
    patient_id = answer.location.rpartition("/")[2]
    assert f"/search?patient={patient_id}" in page


def test_somebody_who_is_known_is_not_registered_twice_unseen(
    client_for: ClientFor, world: World
) -> None:
    client = client_for("staff-owner")
    known = {"name": "aroha owner", "born": "31 3 1980"}
    answer = client.send("/patients/new", **known)
    assert answer.status_code == 409
    assert f"/patients/{world.patients['owner']}" in answer.text
    assert client.send("/patients/new", anyway="yes", **known).status_code == 303


def test_details_are_changed(client_for: ClientFor, world: World) -> None:
    client, path = client_for("staff-owner"), f"/patients/{world.patients['owner']}"
    assert client.send(f"{path}/edit", **NEW).status_code == 303
    assert "Ilse Brandt" in client.get(path).text
    assert client.send(f"{path}/edit", **{**NEW, "born": "1 1 2999"}).status_code == 422


@pytest.mark.parametrize(
    ("person", "sees_appointment"),
    [
        ("practitioner-owner", True),
        ("staff-teammate", True),
        ("network-admin", True),
        ("practitioner-teammate", False),
        ("practitioner-stranger", False),
        ("staff-stranger", False),
    ],
)
def test_appointments_are_shown_to_those_who_have_a_part_in_them(
    client_for: ClientFor, world: World, person: str, sees_appointment: bool
) -> None:
    page = client_for(person).get(f"/patients/{world.patients['owner']}?kind=appointments").text
    assert (f"/appointments/{world.appointments['owner']}" in page) is sees_appointment
    assert ("Sore knee" in page) is (person == "practitioner-owner")


def test_patients_see_themselves_elsewhere_and_nobody_else(
    client_for: ClientFor, world: World
) -> None:
    client = client_for("patient-owner")
    own = client.get(f"/patients/{world.patients['owner']}")
    assert (own.status_code, own.location) == (303, "/account")
    assert client.get(f"/patients/{world.patients['teammate']}").status_code == 404
    assert client.get("/patients").status_code == 403


def opened_in_an_emergency(client: Client, world: World) -> str:
    """The page of a patient whom the reader has never treated."""
    listed = client.search("/patients?name=Aroha+Owner&identifier=31+March+1980").text
    found = re.search(r'href="(/patients/[^"]+/emergency\?found=[^"]+)"', listed)
    assert found
    client.send(found[1], reason="Unconscious in the emergency department.")
    return f"/patients/{world.patients['owner']}"


def test_emergency_access_reads_and_changes_no_details(
    client_for: ClientFor, app: Flask, world: World
) -> None:
    client = client_for("practitioner-stranger")
    path = opened_in_an_emergency(client, world)
    page = client.get(path)
    assert page.status_code == 200
    assert f"{path}/edit" not in page.text
    assert client.get(f"{path}/edit").status_code == 404
    elsewhere = NEW | {"email": "elsewhere@example.test"}
    assert client.send(f"{path}/edit", page="/account", **elsewhere).status_code == 404
    program = signed_in(app, world, "practitioner-stranger")
    asked = program.send("PATCH", f"/api/v1{path}", {"email": "elsewhere@example.test"})
    assert asked.status_code == 404
    kept = client_for("staff-owner").get(path).text
    assert "Aroha Owner" in kept
    assert "elsewhere@example.test" not in kept


def test_who_treats_a_patient_changes_the_details(client_for: ClientFor, world: World) -> None:
    client, path = client_for("practitioner-owner"), f"/patients/{world.patients['owner']}"
    assert f"{path}/edit" in client.get(path).text
    assert client.send(f"{path}/edit", **NEW).status_code == 303


@pytest.mark.parametrize(
    ("born", "sentence"),
    [
        ("1 1 1800", "more than 130 years ago"),
        ("1 1 2999", "Enter a date of birth that is in the past"),
    ],
)
def test_a_birth_that_cannot_be_is_refused_for_its_own_reason(
    client_for: ClientFor, world: World, born: str, sentence: str
) -> None:
    answer = client_for("staff-owner").send("/patients/new", **{**NEW, "born": born})
    assert answer.status_code == 422
    assert sentence in answer.text


@pytest.mark.parametrize(("typed", "shown"), [("zh", "Chinese"), ("Auslan", "Auslan")])
def test_a_language_is_shown_by_its_name(
    client_for: ClientFor, world: World, typed: str, shown: str
) -> None:
    path = f"/patients/{world.patients['owner']}"
    client_for("staff-owner").send(f"{path}/edit", **NEW, language=typed)
    for person in ("staff-owner", "practitioner-owner"):
        assert f"<bdi>{shown}</bdi>" in client_for(person).get(path).text, person


@pytest.mark.parametrize(
    "person", ["practitioner-owner", "staff-owner", "centre-admin-owner", "network-admin"]
)
def test_a_patient_is_chosen_for_a_time(client_for: ClientFor, world: World, person: str) -> None:
    time = f"schedule={world.schedules['owner']}&start=2031-03-03T09:00:00Z&minutes=30"
    page = client_for(person).get(f"/patients?{time}")
    assert page.status_code == 200
    assert 'name="minutes" value="30"' in page.text


def test_templates_use_no_name_that_only_python_has(app: Flask) -> None:
    """Jinja takes it for undefined, and fails only where the line is reached."""
    assert app.jinja_env.loader is not None
    builtin = set(dir(builtins)) - {"id", "next", "range", "dict"}
    found = {}
    for name in app.jinja_env.loader.list_templates():
        source, *_ = app.jinja_env.loader.get_source(app.jinja_env, name)
        if names := builtin & meta.find_undeclared_variables(app.jinja_env.parse(source)):
            found[name] = names
    assert found == {}
