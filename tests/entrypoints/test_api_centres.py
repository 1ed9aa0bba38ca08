"""Centres through the API: paged without doubles, changed in part, by those who may."""

from flask import Flask

from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World
from openslot.core.db import Database


def test_pages_follow_each_other_without_gaps_or_doubles(app: Flask, network: Database) -> None:
    program = with_key(app, network, "directory:read", "directory:write")
    for number in range(5):
        body = {
            "name": f"Centre {number}",
            "type": "Pharmacy",
            "suburb": "Coogee",
            "time_zone": "Australia/Sydney",
        }
        assert program.send("POST", "/api/v1/centres", body).status_code == 201
    found, address = [], "/api/v1/centres?limit=2&suburb=coogee"
    while address:
        page = program.get(address)
        found += [one["name"] for one in page["items"]]
        address = page["next"]
    assert found == [f"Centre {number}" for number in range(5)]


def test_a_change_leaves_what_it_does_not_name(app: Flask, world: World) -> None:
    program = signed_in(app, world, "centre-admin-owner")
    path = f"/api/v1/centres/{world.centres['own']}"
    before = program.get(path)
    answer = program.send("PATCH", path, {"phone": "02 9382 9999"})
    assert answer.status_code == 200
    assert answer.json == before | {"phone": "02 9382 9999"}


def test_a_key_does_what_its_scopes_say_and_no_more(app: Flask, network: Database) -> None:
    program = with_key(app, network, "directory:read")
    assert program.send("GET", "/api/v1/centres").status_code == 200
    refused = program.send("POST", "/api/v1/centres", {})
    assert (refused.status_code, refused.json["code"]) == (403, "scope-missing")


def test_who_proves_nothing_is_asked_to(app: Flask) -> None:
    answer = Program(app).send("GET", "/api/v1/centres")
    assert answer.status_code == 401
    assert Program(app, "osk_wrong").send("GET", "/api/v1/centres").status_code == 401


def test_a_key_works_from_its_networks_only(app: Flask, network: Database) -> None:
    program = with_key(app, network, "*", networks=("10.1.0.0/16", "2001:db8::/32"))
    for address, status in (
        ("10.1.2.3", 200),
        ("2001:db8::7", 200),
        ("10.2.2.3", 401),
        ("unix:", 401),
    ):
        program.client.environ_base["REMOTE_ADDR"] = address
        assert program.send("GET", "/api/v1/centres").status_code == status, address


def test_one_idempotency_key_makes_one_centre(app: Flask, network: Database) -> None:
    program = with_key(app, network, "*")
    body = {"name": "Once", "type": "Pharmacy", "suburb": "Coogee", "time_zone": "Australia/Sydney"}
    first = program.send("POST", "/api/v1/centres", body, Idempotency_Key="a")
    again = program.send("POST", "/api/v1/centres", body, Idempotency_Key="a")
    assert (first.status_code, first.json) == (again.status_code, again.json)
    assert first.headers["Location"] == again.headers["Location"]
    other = program.send("POST", "/api/v1/centres", body | {"name": "Two"}, Idempotency_Key="a")
    assert (other.status_code, other.json["code"]) == (422, "idempotency-key-reused")


def test_a_broken_cursor_is_refused(app: Flask, network: Database) -> None:
    program = with_key(app, network, "*")
    for cursor in ("x", "%00", "W10", "WyJhIiwgImIiXQ"):
        assert program.send("GET", f"/api/v1/centres?after={cursor}").status_code == 404
