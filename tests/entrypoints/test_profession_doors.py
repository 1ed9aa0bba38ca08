"""Professions on pages, in the API, in FHIR and in the search."""

import re
from typing import Any

import pytest
from flask import Flask

import factories
from entrypoints.browsing import ClientFor
from entrypoints.programs import Program, signed_in
from entrypoints.world import World
from factories import ALL_DAY
from openslot.core.db import Database

PAGE, API = "/admin/professions", "/api/v1/professions"
ORTHOPTIST = {
    "name": "Orthoptist",
    "search_words": "squint eyes",
    "hl7_code": "999",
    "hl7_display": "Orthoptics",
    "snomed_code": "888",
    "snomed_display": "Orthoptics",
}


@pytest.fixture
def network_admin(app: Flask, world: World) -> Program:
    return signed_in(app, world, "network-admin")


@pytest.fixture
def orthoptist(network: Database, world: World, network_admin: Program) -> dict[str, Any]:
    """A profession that was added, with one practitioner."""
    added: Any = network_admin.send("POST", API, ORTHOPTIST)
    assert added.status_code == 201, added.text

    def work_there(session: Any) -> None:
        person = factories.practitioner(session, "Tove Lindqvist", "Orthoptist").id
        factories.schedule(session, world.centres["own"], practitioner_id=person, hours=ALL_DAY)

    network.run(work_there)
    row: dict[str, Any] = added.json
    return row


def test_network_administrators_keep_professions_on_pages(
    client_for: ClientFor, world: World
) -> None:
    admin = client_for("network-admin")
    new = f"{PAGE}/new"
    assert admin.send(new, page=new, name="gp", position="100").status_code == 409
    refused = admin.send(new, page=new, name="Eyes, ears", position="100")
    assert (refused.status_code, "without commas" in refused.text) == (422, True)
    assert admin.send(new, page=new, name="Orthoptist", position="0").status_code == 303
    links = re.findall(r'href="(/admin/professions/\d+)"><bdi>(.+?)</bdi>', admin.get(PAGE).text)
    assert links[0][1] == "Orthoptist"
    form = client_for("centre-admin-owner").get("/admin/practitioners/new").text
    assert '<option value="Orthoptist">Orthoptist</option>' in form

    one = links[0][0]
    renamed = admin.send(one, page=one, name="Eye therapist", position="0", needs_referral="y")
    assert renamed.status_code == 303
    page = admin.get(one).text
    assert "know this profession as Orthoptist" in page
    assert "Patients need a referral" in admin.get(PAGE).text
    assert admin.send(f"{one}/active", page=one, active="no").status_code == 303
    assert "Inactive" in admin.get(PAGE).text
    form = client_for("centre-admin-owner").get("/admin/practitioners/new").text
    assert "Eye therapist" not in form
    assert admin.send(f"{one}/active", page=one, active="yes").status_code == 303
    used = next(href for href, name in links if name == "Physiotherapist")
    kept = admin.send(f"{used}/active", page=used, active="no")
    assert kept.headers["Location"].endswith(used)
    assert "Active practitioners with this profession" in admin.get(used).text


def test_programs_keep_professions(
    app: Flask, world: World, network_admin: Program, orthoptist: dict[str, Any]
) -> None:
    there = f"{API}/{orthoptist['id']}"
    assert network_admin.get(there) == orthoptist
    codes = [row["code"] for row in network_admin.get(f"{API}?limit=100")["items"]]
    assert codes[0] == "GP"
    assert codes[-1] == "Orthoptist"
    first = network_admin.get(f"{API}?limit=2")
    rest = network_admin.get(first["next"])
    assert [row["code"] for row in (*first["items"], *rest["items"])] == codes[:4]
    changed: Any = network_admin.send("PATCH", there, {"name": "Eye therapist"})
    assert (changed.json["code"], changed.json["name"]) == ("Orthoptist", "Eye therapist")
    found = network_admin.get("/api/v1/practitioners?profession=Orthoptist")["items"]
    assert [row["profession"] for row in found] == ["Orthoptist"]
    refused: Any = network_admin.send("DELETE", there)
    assert (refused.status_code, refused.json["code"]) == (409, "profession-in-use")
    wanted: Any = network_admin.send("DELETE", f"/api/v1/practitioners/{found[0]['id']}")
    assert wanted.status_code == 204
    assert network_admin.send("DELETE", there).status_code == 204
    assert "Orthoptist" not in str(network_admin.get(f"{API}?limit=100"))


@pytest.mark.parametrize(
    "asked",
    [
        "/api/v1/practitioners?profession=Wizard",
        "/api/v1/slots?profession=Wizard",
    ],
)
def test_a_profession_that_there_is_not_is_named(network_admin: Program, asked: str) -> None:
    answer: Any = network_admin.send("GET", asked)
    assert (answer.status_code, answer.json["code"]) == (422, "profession-unknown")
    assert "Wizard" in answer.json["detail"]


def test_fhir_shows_and_finds_the_rows(network_admin: Program, orthoptist: dict[str, Any]) -> None:
    there = f"{API}/{orthoptist['id']}"
    assert network_admin.send("PATCH", there, {"name": "Eye therapist"}).status_code == 200
    own = {
        "system": "urn:openslot:codesystem:specialty",
        "code": "Orthoptist",
        "display": "Eye therapist",
    }
    snomed = {"system": "http://snomed.info/sct", "code": "888", "display": "Orthoptics"}
    for asked in ("specialty=Orthoptist", "role=orthoptist", "specialty=888"):
        [entry] = network_admin.get(f"/fhir/PractitionerRole?{asked}")["entry"]
        role = entry["resource"]
        assert role["code"] == [{"coding": [own], "text": "Eye therapist"}]
        assert role["specialty"] == [{"coding": [snomed, own], "text": "Eye therapist"}]
    hl7 = "http://terminology.hl7.org/CodeSystem/service-type"
    [entry] = network_admin.get(f"/fhir/Schedule?service-type={hl7}|999")["entry"]
    [kind] = entry["resource"]["serviceType"]
    assert kind["coding"][0] == {"system": hl7, "code": "999", "display": "Orthoptics"}
    concepts = network_admin.get("/fhir/CodeSystem/specialty")["concept"]
    assert {"code": "Orthoptist", "display": "Eye therapist"} in concepts
    assert {"code": "GP", "display": "GP"} in concepts


def test_searches_find_by_what_a_profession_is_called(
    client_for: ClientFor, network_admin: Program, orthoptist: dict[str, Any]
) -> None:
    there = f"{API}/{orthoptist['id']}"
    assert network_admin.send("PATCH", there, {"name": "Eye therapist"}).status_code == 200
    anybody = client_for("patient-owner")
    for typed in ("squint", "orthoptist", "eye therapist"):
        assert "Tove Lindqvist" in anybody.get(f"/search?q={typed}").text
    assert "Eye therapist" in anybody.get("/").text


def test_services_can_need_one_that_was_added(
    client_for: ClientFor, network: Database, world: World, orthoptist: dict[str, Any]
) -> None:
    service = network.run(
        lambda session: factories.offered_service(session, world.centres["own"], "Squint clinic").id
    )
    admin, page = client_for("centre-admin-owner"), f"/admin/services/{service}/needs"
    assert 'value="profession:Orthoptist"' in admin.get(page).text
    assert admin.send(page, page=page, needs="profession:Orthoptist").status_code == 303
    assert 'value="profession:Orthoptist" selected' in admin.get(page).text
