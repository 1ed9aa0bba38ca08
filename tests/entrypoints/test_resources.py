"""Rooms, equipment, groups and needs on pages, in the API and in FHIR."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

import factories
from entrypoints.browsing import ClientFor, next_week
from entrypoints.programs import Program, signed_in
from entrypoints.world import World
from factories import ALL_DAY
from openslot.core.db import Database
from openslot.directory.changes.queries import mark_changed
from openslot.directory.models import Practitioner

SCAN = {"name": "Bone scan", "minutes": 30}


@pytest.fixture
def admin(app: Flask, world: World) -> Program:
    return signed_in(app, world, "centre-admin-owner")


@pytest.fixture
def scan(network: Database, world: World, admin: Program) -> dict[str, Any]:
    """A service that needs one of two scanners and the practitioner ``teammate``, a dietitian."""

    def prepare(session: Session) -> int:
        service = factories.offered_service(session, world.centres["own"], **SCAN)
        factories.offer(session, world.schedules["owner"], service)
        helper = factories.practitioner(session, "Dora Dietz", "Dietitian").id
        factories.schedule(session, world.centres["own"], practitioner_id=helper, hours=ALL_DAY)
        return service.id

    service = network.run(prepare)
    own = {"centre": world.centres["own"]}
    scanners = [
        post(admin, "/api/v1/resources", own | {"name": name, "kind": "device"})["id"]
        for name in ("Scanner 1", "Scanner 2")
    ]
    group = post(
        admin, "/api/v1/resource-groups", own | {"name": "Scanners", "resources": scanners}
    )
    needs = [{"group": group["id"]}, {"profession": "Dietitian"}]
    changed: Any = admin.send("PATCH", f"/api/v1/services/{service}", {"needs": needs})
    assert [one["name"] for one in changed.json["needs"]] == ["Scanners", "Dietitian"]
    return {"service": service, "scanners": scanners, "group": group["id"]}


def post(program: Program, path: str, body: dict[str, Any]) -> Any:
    answer: Any = program.send("POST", path, body)
    assert answer.status_code == 201, answer.text
    return answer.json


def book(app: Flask, world: World, scan: dict[str, Any]) -> dict[str, Any]:
    patient = signed_in(app, world, "patient-owner")
    schedule = world.schedules["owner"]
    slots = f"/api/v1/slots?schedule={schedule}&service={scan['service']}&limit=5"
    start = patient.get(slots)["items"][-1]["start"]
    return post(
        patient,
        "/api/v1/appointments",
        {"schedule": schedule, "service": scan["service"], "start": start},
    )


def test_programs_keep_resources_and_see_them_on_appointments(
    app: Flask, world: World, admin: Program, scan: dict[str, Any]
) -> None:
    booked = book(app, world, scan)
    shown = [(one["kind"], one["name"]) for one in booked["resources"]]
    assert sorted(shown) == [("device", "Scanner 1"), ("practitioner", "Dora Dietz")]
    there = f"/api/v1/appointments/{booked['id']}"
    assert admin.get(there)["resources"] == booked["resources"]
    listed = admin.get(f"/api/v1/appointments?service={scan['service']}")["items"]
    assert [one["resources"] for one in listed] == [booked["resources"]]
    amended: Any = admin.send("PATCH", there, {"reason": "Pain"})
    assert amended.json["resources"] == booked["resources"]

    one, group = (
        f"/api/v1/resources/{scan['scanners'][0]}",
        f"/api/v1/resource-groups/{scan['group']}",
    )
    assert admin.send("PATCH", one, {"name": "Scanner A"}).status_code == 200
    assert "Scanner A" in {row["name"] for row in admin.get(there)["resources"]}
    refused: Any = admin.send("DELETE", group)
    assert (refused.status_code, refused.json["code"]) == (409, "group-needed")
    day = datetime.fromisoformat(booked["start"]).astimezone(UTC).date()
    period = {"start": f"{day}T00:00:00Z", "end": f"{day + timedelta(days=2)}T00:00:00Z"}
    out: Any = admin.send("POST", f"{one}/out-of-use", period).json
    assert out["appointments"] == [booked["id"]]
    assert [row["id"] for row in admin.get(f"{one}/out-of-use")["items"]] == [out["id"]]
    moved: Any = admin.send("PATCH", there, {"start": booked["start"]}).json
    assert "Scanner 2" in {row["name"] for row in moved["resources"]}
    assert admin.send("DELETE", f"{one}/out-of-use/{out['id']}").status_code == 204
    needless: Any = admin.send("PATCH", f"/api/v1/services/{scan['service']}", {"needs": []})
    assert needless.json["needs"] == []
    assert admin.send("DELETE", group).status_code == 204


def test_fhir_names_who_and_what_takes_part_and_takes_it_back(
    app: Flask, world: World, admin: Program, scan: dict[str, Any]
) -> None:
    booked = book(app, world, scan)
    there = f"/fhir/Appointment/{booked['id']}"
    shown = admin.get(there)
    actors = [(one["actor"]["type"], one["actor"]["display"]) for one in shown["participant"]]
    assert ("Device", "Scanner 1") in actors
    assert ("Practitioner", "Dora Dietz") in actors
    sent = [one for one in shown["participant"] if one["actor"]["type"] != "HealthcareService"]
    same: Any = admin.send("PUT", there, shown | {"participant": sent})
    assert same.status_code == 200, same.text


def test_administrators_keep_rooms_groups_and_needs_on_pages(
    client_for: ClientFor, world: World
) -> None:
    admin, centre = client_for("centre-admin-owner"), world.centres["own"]
    home = f"/admin/centres/{centre}/resources"
    assert "None yet" in admin.get(home).text
    for name in ("Chair 1", "Chair 2"):
        new = f"{home}/new"
        assert admin.send(new, page=new, name=name, kind="device").status_code == 303
    assert admin.send(new, page=new, name="chair 1", kind="device").status_code == 409
    add = f"/admin/centres/{centre}/groups/new"
    ids = re.findall(r'name="resources" value="(\d+)"', admin.get(add).text)
    assert admin.send(add, page=add, name="Chairs", resources=ids).status_code == 303
    assert "Chair 1" in admin.get(home).text
    group = re.search(r"/admin/groups/(\d+)", admin.get(home).text)
    assert group
    needs = f"/admin/services/{world.services['owner']}/needs"
    chosen = [f"group:{group[1]}", f"group:{group[1]}", "profession:Nurse"]
    assert admin.send(needs, page=needs, needs=chosen).status_code == 303
    assert len(re.findall(" selected>", admin.get(needs).text)) == 3
    remove = f"/admin/groups/{group[1]}/remove"
    admin.send(remove, page=f"/admin/groups/{group[1]}")
    assert "need this group" in admin.get(f"/admin/groups/{group[1]}").text
    odd = admin.send(needs, page=needs, needs=["group:99"])
    assert odd.status_code == 422
    assert "There is no such room, machine or group" in odd.text

    out = f"/admin/resources/{ids[0]}/out-of-use"
    assert admin.send(out, page=out, first="2099-02-30").status_code == 422
    assert admin.send(out, page=out, first=next_week(), reason="Repair").status_code == 303
    page = admin.get(out).text
    assert "Repair" in page
    ended = re.search(rf"{out}/([0-9a-f-]+)/end", page)
    assert ended
    assert admin.send(ended[0], page=out).status_code == 303
    assert "Repair" not in admin.get(out).text


def test_who_is_needed_sees_when_and_not_whom(
    app: Flask, client_for: ClientFor, network: Database, world: World, scan: dict[str, Any]
) -> None:
    """To take part opens neither the appointment nor the record."""

    def be_needed(session: Session) -> None:
        person = session.get_one(Practitioner, world.practitioners["teammate"])
        person.profession = "Dietitian"
        dora = session.query(Practitioner).filter_by(name="Dora Dietz").one()
        dora.active = False
        for one in (person, dora):
            mark_changed(session, "practitioner", one.id)

    network.run(be_needed)
    booked = book(app, world, scan)
    assert {one["kind"] for one in booked["resources"]} == {"device", "practitioner"}
    helper = client_for("practitioner-teammate")
    day = datetime.fromisoformat(booked["start"]).date()
    page = helper.get(f"/calendar?day={day}").text
    assert "Bone scan" in page
    assert "Aroha Owner" not in page
    assert helper.get(f"/appointments/{booked['id']}").status_code == 404
    patient = client_for("patient-owner")
    assert "Scanner 1" in patient.get(f"/appointments/{booked['id']}").text
