"""Tokens and keys: who they prove, how long, from where, and what they let a program do."""

import pytest
from flask import Flask

from entrypoints.programs import Program
from entrypoints.world import PASSWORD, World


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
    [({}, {"email", "password"}), ({"email": "a@b.c", "password": "x", "role": "admin"}, {"role"}),
     ({"email": 7, "password": None}, {"email", "password"})],
)  # fmt: skip
def test_every_bad_field_is_named(app: Flask, body: object, fields: set[str]) -> None:
    answer = Program(app).send("POST", "/api/v1/tokens", body)
    assert answer.status_code == 422
    assert {one["field"] for one in answer.json["errors"]} == fields


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [(b"{", "application/json", 400), (b"[]", "application/json", 400), (b"{}", "text/plain", 415),
     (b"\xff", "application/json", 400)],
)  # fmt: skip
def test_what_is_no_json_object_is_refused(app: Flask, data: bytes, kind: str, status: int) -> None:
    answer = app.test_client().post("/api/v1/tokens", data=data, content_type=kind)
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"


def test_the_openapi_document_is_there_for_anybody(app: Flask) -> None:
    document = Program(app).get("/api/v1/openapi.json")
    assert document["openapi"] == "3.1.0"
    assert app.test_client().get("/api/docs").status_code == 200
