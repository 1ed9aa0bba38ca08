"""A password that others may know opens the page that replaces it, and nothing else."""

import hashlib

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from entrypoints.browsing import ClientFor
from entrypoints.test_walk import values, ways
from entrypoints.world import PASSWORD, World
from openslot.core.db import Database
from openslot.entrypoints.web.access import WITH_OLD_PASSWORD
from openslot.identity import queries as identities

NEW = "seven quiet otters swim"
PEOPLE = (
    "patient-owner",
    "practitioner-owner",
    "staff-owner",
    "centre-admin-owner",
    "network-admin",
)


def mark(network: Database, world: World, person: str) -> None:
    change(network, world, person, must_change_password=True)


def change(network: Database, world: World, person: str, **values: object) -> None:
    def do(session: Session) -> None:
        account = identities.by_id(session, world.accounts[person])
        for name, value in values.items():
            setattr(account, name, value)

    network.run(do)


@pytest.mark.parametrize("person", PEOPLE)
def test_every_page_leads_to_the_one_that_sets_a_new_password(
    app: Flask, client_for: ClientFor, world: World, network: Database, person: str
) -> None:
    client = client_for(person)
    mark(network, world, person)
    for way in ways(app, values(world, "owner")):
        if way.endpoint in WITH_OLD_PASSWORD or "GET" not in way.methods:
            continue
        answer = client.get(way.path)
        assert (answer.status_code, answer.location) == (303, "/account/password"), way
    page = client.get("/account/password")
    assert page.status_code == 200
    assert "Others may know" in page.text


def test_nothing_can_be_posted_either(
    app: Flask, client_for: ClientFor, world: World, network: Database
) -> None:
    client = client_for("patient-owner")
    client.token_of("/account/password")
    mark(network, world, "patient-owner")
    for way in ways(app, values(world, "owner")):
        if way.endpoint in WITH_OLD_PASSWORD or "POST" not in way.methods:
            continue
        assert client.post(way.path).status_code == 403, way
    assert client.http.put("/dashboard", json={"phone": "0412 345 678"}).status_code == 403
    assert client.http.delete("/dashboard", json={"password": PASSWORD}).status_code == 403


def test_the_new_password_opens_everything_and_is_another_one(
    client_for: ClientFor, world: World, network: Database
) -> None:
    client = client_for("patient-owner")
    mark(network, world, "patient-owner")
    same = client.send("/account/password", current=PASSWORD, password=PASSWORD)
    assert same.status_code == 422
    assert client.get("/account").status_code == 303
    assert client.send("/account/password", current=PASSWORD, password=NEW).status_code == 303
    assert client.get("/account").status_code == 200


def test_programs_get_no_tokens_and_those_they_have_stop(
    client_for: ClientFor, world: World, network: Database
) -> None:
    client = client_for(None).http
    sent = {"email": world.emails["patient-owner"], "password": PASSWORD}
    tokens = client.post("/api/v1/tokens", json=sent).get_json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert client.get("/api/v1/me", headers=bearer).status_code == 200
    mark(network, world, "patient-owner")
    refused = client.post("/api/v1/tokens", json=sent)
    assert (refused.status_code, refused.get_json()["code"]) == (403, "must-change-password")
    assert client.get("/api/v1/me", headers=bearer).status_code == 403
    assert client.get("/fhir/Patient", headers=bearer).status_code == 403
    again = client.post("/api/v1/tokens/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert again.status_code == 401


def test_a_weak_password_of_another_system_has_to_be_changed(
    client_for: ClientFor, world: World, network: Database
) -> None:
    digest = hashlib.pbkdf2_hmac("sha256", b"cs1531", b"salt", 1).hex()
    weak = f"pbkdf2:sha256:1$salt${digest}"
    change(network, world, "patient-owner", password=weak)
    client = client_for(None)
    signed_in = client.send("/login", email=world.emails["patient-owner"], password="cs1531")
    assert signed_in.status_code == 303
    assert client.get("/dashboard").location == "/account/password"
