"""Tokens and keys: who they prove, how long, from where, and what they let a program do."""

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import update

from entrypoints.programs import Program, signed_in
from entrypoints.world import PASSWORD, World
from openslot.core import clock
from openslot.core.db import Database
from openslot.identity.models import ApiToken


def tokens(app: Flask, world: World) -> dict[str, str]:
    body = {"email": world.emails["patient-owner"], "password": PASSWORD}
    answer = Program(app).send("POST", "/api/v1/tokens", body)
    assert answer.status_code == 201
    return dict(answer.json or {})


def test_a_password_gets_a_pair_of_tokens(app: Flask, world: World) -> None:
    found = tokens(app, world)
    assert found["token_type"] == "bearer"
    assert found["expires_in"] == 900
    assert found["access_token"].startswith("ost_")

    def status(token: str) -> int:
        return Program(app, token).send("GET", "/api/v1/me").status_code

    assert status(found["refresh_token"]) == 401
    for minutes, expected in ((14, 200), (16, 401)):
        with time_machine.travel(clock.now() + timedelta(minutes=minutes)):
            assert status(found["access_token"]) == expected


@pytest.mark.parametrize("email", ["patient-owner@example.com", "nobody@example.com"])
def test_a_wrong_password_and_an_unknown_address_are_told_the_same(app: Flask, email: str) -> None:
    answer = Program(app).send("POST", "/api/v1/tokens", {"email": email, "password": "wrong"})
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
    assert answer.json["code"] == "wrong-credentials"
    assert "WWW-Authenticate" in answer.headers


def test_a_refresh_token_works_once_and_its_copy_ends_the_family(app: Flask, world: World) -> None:
    first = tokens(app, world)
    program = Program(app)
    answer = program.send(
        "POST", "/api/v1/tokens/refresh", {"refresh_token": first["refresh_token"]}
    )
    assert answer.status_code == 201
    second = answer.json
    stolen = program.send(
        "POST", "/api/v1/tokens/refresh", {"refresh_token": first["refresh_token"]}
    )
    assert stolen.status_code == 401
    last = program.send(
        "POST", "/api/v1/tokens/refresh", {"refresh_token": second["refresh_token"]}
    )
    assert last.status_code == 401


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"email", "password"}),
        ({"email": "a@b.c", "password": "x", "role": "admin"}, {"role"}),
        ({"email": 7, "password": None}, {"email", "password"}),
    ],
)
def test_every_bad_field_is_named(app: Flask, body: object, fields: set[str]) -> None:
    answer = Program(app).send("POST", "/api/v1/tokens", body)
    assert answer.status_code == 422
    assert {one["field"] for one in answer.json["errors"]} == fields


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"\xff", "application/json", 400),
    ],
)
def test_what_is_no_json_object_is_refused(app: Flask, data: bytes, kind: str, status: int) -> None:
    answer = app.test_client().post("/api/v1/tokens", data=data, content_type=kind)
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"


def test_the_openapi_document_is_there_for_anybody(app: Flask) -> None:
    document = Program(app).get("/api/v1/openapi.json")
    assert document["openapi"] == "3.1.0"
    assert app.test_client().get("/api/docs").status_code == 200


FOR_PROGRAMS = [
    ("GET", "/doctors"),
    ("GET", "/appointments/1"),
    ("POST", "/appointment"),
    ("DELETE", "/appointment"),
    ("POST", "/doctors"),
    ("PUT", "/doctors/1"),
    ("DELETE", "/doctors/1"),
    ("GET", "/api/v1/keys"),
    ("POST", "/api/v1/keys"),
    ("GET", "/api/v1/webhooks"),
    ("POST", "/api/v1/webhooks"),
]


@pytest.mark.parametrize("kept", [None, "*", "doctors", "doctors manage system/*.cruds *"])
@pytest.mark.parametrize("person", ["patient-stranger", "practitioner-owner", "network-admin"])
def test_no_token_of_a_person_holds_what_is_for_programs(
    app: Flask, world: World, network: Database, person: str, kept: str | None
) -> None:
    """Nor one that was issued when tokens held more, nor the next that follows it."""
    credentials = {"email": world.emails[person], "password": PASSWORD}
    first = Program(app).send("POST", "/api/v1/tokens", credentials).json
    if kept is not None:
        network.run(lambda session: session.execute(update(ApiToken).values(scopes=kept)))
    body = {"refresh_token": first["refresh_token"]}  # type: ignore[index] # it is an object
    asked = [("GET", "/api/v1/centres", 403 if kept == "doctors" else 200)]
    asked += [(*way, 403) for way in FOR_PROGRAMS]
    for text in (
        first["access_token"],  # type: ignore[index]
        Program(app).send("POST", "/api/v1/tokens/refresh", body).json["access_token"],  # type: ignore[index]
    ):
        for method, path, status in asked:
            answer = Program(app, text).send(method, path, {} if method != "GET" else None)
            assert answer.status_code == status, (method, path)
            assert status == 200 or answer.json["code"] == "scope-missing"  # type: ignore[index]
        asked[0] = ("GET", "/api/v1/centres", 200)


def test_in_fhir_a_person_s_token_is_that_person_s(app: Flask, world: World) -> None:
    found = signed_in(app, world, "patient-stranger").get("/fhir/Appointment")
    assert [one["resource"]["id"] for one in found["entry"]] == [
        str(world.appointments["stranger"])
    ]
