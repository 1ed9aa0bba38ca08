"""One's own account, keys and the search through the API."""

from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import PASSWORD, World
from openslot.core.db import Database
from openslot.core.idempotency import KeptAnswer


def test_a_token_tells_whom_it_stands_for(app: Flask, world: World) -> None:
    patient = signed_in(app, world, "patient-owner")
    found = patient.get("/api/v1/me")
    assert (found["role"], found["patient"]) == ("patient", str(world.patients["owner"]))
    changed = patient.send("PATCH", "/api/v1/me", {"time_zone": "Europe/Dublin"}).json
    assert changed == found | {"time_zone": "Europe/Dublin"}


def test_a_key_stands_for_nobody(app: Flask, network: Database) -> None:
    assert with_key(app, network, "*").send("GET", "/api/v1/me").status_code == 403


def test_deleting_oneself_ends_the_token(app: Flask, world: World) -> None:
    patient = signed_in(app, world, "patient-owner")
    assert patient.send("DELETE", "/api/v1/me", {"password": PASSWORD}).status_code == 204
    assert patient.send("GET", "/api/v1/me").status_code == 401


def test_keys_are_made_by_who_runs_the_network_and_never_wider(
    app: Flask, world: World, network: Database
) -> None:
    body = {"name": "Kiosk", "scopes": ["appointments:read"]}
    assert (
        signed_in(app, world, "staff-owner").send("POST", "/api/v1/keys", body).status_code == 403
    )
    person = signed_in(app, world, "network-admin")
    refused = person.send("POST", "/api/v1/keys", body)
    assert (refused.status_code, refused.json["code"]) == (403, "scope-missing")
    admin = with_key(app, network, "manage", "appointments:read")
    made = admin.send("POST", "/api/v1/keys", body).json
    assert made["key"].startswith("osk_")
    assert [one["name"] for one in admin.get("/api/v1/keys")["items"]] == ["Kiosk", "Test"]
    assert admin.send("DELETE", f"/api/v1/keys/{made['id']}").status_code == 204
    assert Program(app, made["key"]).send("GET", "/api/v1/slots").status_code == 401
    narrow = with_key(app, network, "manage")
    assert narrow.send("POST", "/api/v1/keys", body | {"scopes": ["*"]}).status_code == 403


@pytest.mark.parametrize(
    ("held", "wanted", "status"),
    [
        ("system/*.rs", "system/Slot.r", 201),
        ("system/Slot.cruds", "system/Slot.rs", 201),
        ("system/Slot.rs", "system/*.rs", 403),
        ("system/Slot.r", "system/Slot.rs", 403),
        ("system/Slot.read", "system/Slot.write", 403),
        ("*", "*", 201),
        ("*", "doctors", 201),
        ("system/*.cruds", "*", 403),
        ("appointments:read", "doctors", 403),
        ("*", "nope", 422),
        ("*", "user/*.cruds", 422),
        ("directory:read", "nope", 422),
    ],
)
def test_a_key_hands_on_what_it_has(
    app: Flask, network: Database, held: str, wanted: str, status: int
) -> None:
    body = {"name": "Kiosk", "scopes": [wanted]}
    answer = with_key(app, network, "manage", held).send("POST", "/api/v1/keys", body)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("networks", "status"),
    [
        ((), 422),
        (("127.0.0.0/8",), 201),
        (("127.0.0.1/32", "10.1.0.0/16"), 201),
        (("0.0.0.0/0",), 422),
        (("127.0.0.0/8", "192.168.0.0/16"), 422),
        (("::/0",), 422),
    ],
)
def test_a_key_that_works_from_some_networks_makes_none_for_others(
    app: Flask, network: Database, networks: tuple[str, ...], status: int
) -> None:
    maker = with_key(app, network, "manage", networks=("127.0.0.0/8", "10.0.0.0/8"))
    body = {"name": "Kiosk", "scopes": ["manage"], "networks": networks}
    answer = maker.send("POST", "/api/v1/keys", body)
    assert answer.status_code == status, answer.text
    if status == 422:
        assert answer.json["errors"][0]["field"] == "networks"  # type: ignore[index]


def test_the_search_finds_with_a_typing_error(app: Flask, network: Database) -> None:
    found = with_key(app, network, "*").get("/api/v1/search?q=banskia+hospital&kind=centre")
    assert [one["name"] for one in found["items"]] == ["Banksia General Hospital"]
    # What was found by a guess is a question: no time stands beside it as if it were asked for.
    assert (found["items"][0]["next_free"], found["items"][0]["no_times"]) == ([], "guess")


def test_an_answer_with_a_secret_is_not_kept(app: Flask, network: Database, world: World) -> None:
    program = with_key(app, network, "*")
    key = {"name": "Ward", "scopes": ["directory:read"]}
    webhook = {"url": "https://example.org/", "events": ["slot.freed"]}
    person = {"email": world.emails["patient-owner"], "password": PASSWORD}
    for path, body in (("keys", key), ("webhooks", webhook), ("tokens", person)):
        answer = program.send("POST", f"/api/v1/{path}", body, Idempotency_Key="a")
        assert (answer.status_code, answer.json["code"]) == (400, "secret-answer")
    rotated = f"/api/v1/webhooks/{uuid4()}"
    answer = program.send("PATCH", rotated, {"rotate": True}, Idempotency_Key="a")
    assert (answer.status_code, answer.json["code"]) == (400, "secret-answer")
    kept = network.read(lambda session: session.scalars(select(KeptAnswer)).all())
    assert kept == []
