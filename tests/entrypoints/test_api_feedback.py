"""Ratings and favourites through the API."""

from typing import Any

import pytest
from flask import Flask

from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World
from openslot.core.db import Database


@pytest.fixture
def patient(app: Flask, world: World) -> Program:
    return signed_in(app, world, "patient-owner")


def rating(world: World, kind: str = "practitioners") -> str:
    ids = world.practitioners["owner"] if kind == "practitioners" else world.centres["own"]
    return f"/api/v1/{kind}/{ids}/rating"


@pytest.mark.parametrize("kind", ["practitioners", "centres"])
def test_stars_are_given_changed_and_taken_back(
    app: Flask, world: World, patient: Program, kind: str
) -> None:
    path = rating(world, kind)
    assert patient.get(path) == {"own": None, "average": None, "count": 0}
    other = signed_in(app, world, "patient-stranger")
    other.send("PUT", path, {"stars": 2})
    patient.send("PUT", path, {"stars": 3})
    given = patient.send("PUT", path, {"stars": 5})
    assert given.json == {"own": 5, "average": 3.5, "count": 2} == patient.get(path)
    assert patient.send("DELETE", path).status_code == 204
    assert patient.get(path) == {"own": None, "average": 2.0, "count": 1}


@pytest.mark.parametrize("stars", [0, 6, -1, 2.5, "many", None, 10**30])
def test_there_are_one_to_five_stars(world: World, patient: Program, stars: Any) -> None:
    answer = patient.send("PUT", rating(world), {"stars": stars})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "stars"  # type: ignore[index] # an object


@pytest.mark.parametrize("person", ["practitioner-owner", "staff-owner", "network-admin"])
def test_only_patients_rate(app: Flask, world: World, person: str) -> None:
    program = signed_in(app, world, person)
    assert program.send("PUT", rating(world), {"stars": 5}).status_code == 403


def test_what_is_not_there_has_no_rating(patient: Program) -> None:
    for path in ("/api/v1/practitioners/9999/rating", "/api/v1/services/1/rating"):
        assert patient.send("GET", path).status_code == 404
    assert patient.send("PUT", "/api/v1/centres/9999/rating", {"stars": 1}).status_code == 404


def test_favourites_are_kept_once_and_let_go(world: World, patient: Program) -> None:
    path = f"/api/v1/favourites/department/{world.departments['owner']}"
    assert patient.send("GET", path).status_code == 404
    assert [patient.send("PUT", path).status_code for _ in range(2)] == [204, 204]
    [kept] = patient.get("/api/v1/favourites")["items"]
    assert (kept["kind"], kept["name"]) == ("department", "Radiology")
    assert patient.get(path) == kept
    assert [patient.send("DELETE", path).status_code for _ in range(2)] == [204, 204]
    assert patient.get("/api/v1/favourites") == {"items": [], "next": None}


def test_favourites_are_each_account_s_own(app: Flask, world: World, patient: Program) -> None:
    patient.send("PUT", f"/api/v1/favourites/centre/{world.centres['own']}")
    assert signed_in(app, world, "staff-owner").get("/api/v1/favourites") == {
        "items": [],
        "next": None,
    }


def test_a_key_keeps_no_favourites(app: Flask, network: Database) -> None:
    assert with_key(app, network, "*").send("GET", "/api/v1/favourites").status_code == 403


@pytest.mark.parametrize("path", ["service/1", "centre/9999", "centre/0", "centre/x"])
def test_what_is_not_there_is_no_favourite(patient: Program, path: str) -> None:
    assert patient.send("PUT", f"/api/v1/favourites/{path}").status_code == 404


def test_ids_that_no_engine_keeps_are_not_there(patient: Program) -> None:
    for path in (f"/api/v1/favourites/centre/{10**30}", f"/api/v1/centres/{10**30}/rating"):
        assert patient.send("GET", path).status_code == 404
