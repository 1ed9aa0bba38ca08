"""Closures of a centre through the API, and holds that are kept for longer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from entrypoints.programs import Program, signed_in
from entrypoints.world import World


def closing(days: int = 3, **more: Any) -> dict[str, Any]:
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=days - 1)
    end = start + timedelta(days=2)
    return {"start": start.isoformat(), "end": end.isoformat(), "reason": "Painting", **more}


@pytest.fixture
def admin(app: Flask, world: World) -> Program:
    return signed_in(app, world, "centre-admin-owner")


def test_a_closed_centre_has_no_free_times_until_it_opens_again(
    world: World, admin: Program
) -> None:
    there = f"/api/v1/centres/{world.centres['own']}/closures"
    slots = f"/api/v1/slots?schedule={world.schedules['owner']}&limit=500"
    free = admin.get(slots)
    made: Any = admin.send("POST", there, closing())
    assert (made.status_code, made.json["appointments"]) == (201, 2), made.text
    assert [one["id"] for one in admin.get(there)["items"]] == [made.json["id"]]
    assert len(admin.get(slots)["items"]) < len(free["items"])
    one = f"/api/v1/closures/{made.json['id']}"
    assert [admin.send("DELETE", one).status_code for _ in range(2)] == [204, 404]
    assert (admin.get(slots), admin.get(there)["items"]) == (free, [])


def test_closures_are_read_page_by_page(world: World, admin: Program) -> None:
    there = f"/api/v1/centres/{world.centres['own']}/closures"
    for days in (40, 20, 30):
        admin.send("POST", there, closing(days, reason=str(days)))
    first = admin.get(f"{there}?limit=2")
    rest = admin.get(first["next"])
    assert [one["reason"] for one in first["items"] + rest["items"]] == ["20", "30", "40"]


@pytest.mark.parametrize("person", ["centre-admin-stranger", "staff-owner", "patient-owner"])
def test_others_close_nothing(app: Flask, world: World, admin: Program, person: str) -> None:
    other, there = signed_in(app, world, person), f"/api/v1/centres/{world.centres['own']}/closures"
    made: Any = admin.send("POST", there, closing(20)).json
    assert other.send("GET", there).status_code == 403
    assert other.send("POST", there, closing(30)).status_code == 403
    assert other.send("DELETE", f"/api/v1/closures/{made['id']}").status_code == 403


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"end": "2020-01-01T00:00:00Z"}, "end"),
        ({"start": "tomorrow"}, "start"),
        ({"reason": ""}, "reason"),
        ({"why": "x"}, "why"),
    ],
)
def test_odd_closures_are_refused_by_field(
    world: World, admin: Program, change: dict[str, Any], field: str
) -> None:
    there = f"/api/v1/centres/{world.centres['own']}/closures"
    answer: Any = admin.send("POST", there, closing() | change)
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, field)


def test_a_hold_is_kept_longer_as_often_as_the_page_does(app: Flask, world: World) -> None:
    patient = signed_in(app, world, "patient-owner")
    slot = patient.get(f"/api/v1/slots?schedule={world.schedules['teammate']}&limit=1")["items"][0]
    held: Any = patient.send(
        "POST", "/api/v1/holds", {"schedule": slot["schedule"], "start": slot["start"]}
    ).json
    there, limit = f"/api/v1/holds/{held['id']}/extend", app.extensions["openslot"].settings
    answers = [patient.send("POST", there) for _ in range(limit.hold_extensions + 1)]
    assert {one.status_code for one in answers[:-1]} == {200}
    assert answers[-2].json["until"] > held["until"]  # type: ignore[index] # it is an object
    assert answers[-1].status_code == 409
    stranger = signed_in(app, world, "patient-stranger")
    assert stranger.send("POST", there).status_code == 404
    patient.send("DELETE", there.removesuffix("/extend"))
    assert patient.send("POST", there).status_code in {404, 410}
