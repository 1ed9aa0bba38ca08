"""The addresses that are told of events, through the API."""

from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World, book_for
from openslot.core import clock
from openslot.core.config import Settings
from openslot.core.db import Database
from postoffice import run_worker
from receiver import LOOPBACK, Receiver

PATH = "/api/v1/webhooks"
BODY = {"url": "http://127.0.0.1:9/hooks", "events": ["slot.freed", "appointment.booked"]}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings under which the loopback interface may be told."""
    return settings.model_copy(update={"webhook_networks": LOOPBACK})


@pytest.fixture
def manager(app: Flask, network: Database) -> Program:
    """A program that may manage keys and webhooks."""
    return with_key(app, network, "manage")


def test_an_address_is_added_changed_and_deleted(manager: Program) -> None:
    made = manager.send("POST", PATH, BODY)
    assert made.status_code == 201
    endpoint: Any = made.json
    assert endpoint["secret"].startswith("whsec_")
    assert endpoint["events"] == ["appointment.booked", "slot.freed"]
    shown = {name: value for name, value in endpoint.items() if name != "secret"}
    assert manager.get(PATH) == {"items": [shown], "next": None}
    one = f"{PATH}/{endpoint['id']}"
    off: Any = manager.send("PATCH", one, {"active": False, "events": ["referral.sent"]}).json
    assert off == shown | {"active": False, "events": ["referral.sent"], "secret": None}
    rotated: Any = manager.send("PATCH", one, {"rotate": True}).json
    assert rotated["secret"] not in (None, endpoint["secret"])
    assert manager.send("DELETE", one).status_code == 204
    assert manager.send("DELETE", one).status_code == 404
    assert manager.get(PATH) == {"items": [], "next": None}


def test_what_was_told_can_be_read_page_by_page_and_sent_again(
    manager: Program, network: Database, world: World, settings: Settings, there: Receiver
) -> None:
    run_worker(network, settings, at=clock.now())  # what happened before
    endpoint: Any = manager.send("POST", PATH, BODY | {"url": there.url}).json
    there.status = 500
    for days in (5, 6, 7):
        network.run(
            lambda session, days=days: book_for(session, world, "owner", now=clock.now(), days=days)
        )
    run_worker(network, settings, at=clock.now())
    list_ = f"{PATH}/{endpoint['id']}/deliveries"
    first = manager.get(f"{list_}?limit=2")
    rest = manager.get(first["next"].removeprefix("http://localhost"))
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (2, 1, None)
    found = [*first["items"], *rest["items"]]
    assert [one["created"] for one in found] == sorted(one["created"] for one in found)[::-1]
    newest = found[0]
    assert (newest["state"], newest["answer"], newest["attempts"]) == ("waiting", "500", 1)
    assert newest["payload"]["type"] == newest["event"] == "appointment.booked"
    there.status = 204
    again = manager.send("POST", f"{list_}/{newest['id']}/again")
    assert again.status_code == 200
    run_worker(network, settings, at=clock.now())
    assert manager.get(f"{list_}?limit=1")["items"][0]["state"] == "done"
    assert manager.send("POST", f"{list_}/{uuid4()}/again").status_code == 404
    manager.send("PATCH", f"{PATH}/{endpoint['id']}", {"active": False})
    refused: Any = manager.send("POST", f"{list_}/{newest['id']}/again")
    assert (refused.status_code, refused.json["code"]) == (409, "webhook-off")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "https://10.0.0.1/"}, "url"),
        ({"url": "http://example.org/"}, "url"),
        ({"url": "https://user@example.org/"}, "url"),
        ({"url": "x" * 501}, "url"),
        ({"url": 7}, "url"),
        ({"url": "https://a.example/\x00"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["appointment.no-show"]}, "events.0"),
        ({"events": "slot.freed"}, "events"),
        ({"secret": "mine"}, "secret"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(
    manager: Program, body: dict[str, Any], field: str
) -> None:
    answer: Any = manager.send("POST", PATH, BODY | body)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == field
    assert manager.get(PATH) == {"items": [], "next": None}


def test_nobody_else_comes_near(app: Flask, world: World, network: Database) -> None:
    ways = [
        ("GET", PATH, None),
        ("POST", PATH, BODY),
        ("PATCH", f"{PATH}/{uuid4()}", {"rotate": True}),
        ("DELETE", f"{PATH}/{uuid4()}", None),
        ("GET", f"{PATH}/{uuid4()}/deliveries", None),
        ("POST", f"{PATH}/{uuid4()}/deliveries/{uuid4()}/again", None),
    ]
    others = [with_key(app, network, "appointments:read", "directory:write")]
    others += [signed_in(app, world, who) for who in ("patient-owner", "centre-admin-owner")]
    for method, path, body in ways:
        assert Program(app).send(method, path, body).status_code == 401
        assert {other.send(method, path, body).status_code for other in others} == {403}


@pytest.mark.parametrize(
    "after", ["x", "W10", "e30", "WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzE0OjAwIiwieCJd"]
)
def test_a_place_in_the_list_that_nobody_named_is_not_found(manager: Program, after: str) -> None:
    endpoint: Any = manager.send("POST", PATH, BODY).json
    answer = manager.send("GET", f"{PATH}/{endpoint['id']}/deliveries?after={after}")
    assert answer.status_code == 404
