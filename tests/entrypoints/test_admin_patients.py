"""Merging, undoing and erasing on pages, by the API, FHIR and the command line."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy.orm import Session

import factories
from entrypoints.browsing import ClientFor
from entrypoints.programs import signed_in, with_key
from entrypoints.world import PASSWORD, World
from factories import NOW
from openslot.booking.models import Status
from openslot.core.db import Database
from openslot.directory.models import Dependent, Patient, PatientMerge
from openslot.feedback.models import Rating
from openslot.records.models import Entry


def second_record(network: Database, world: World) -> UUID:
    """Another record of the owner, with an account of its own."""

    def act(session: Session) -> UUID:
        account = factories.account(session, "second@example.net")
        name = session.get_one(Patient, world.patients["owner"]).name
        return factories.patient(session, name, account_id=account.id, phone="0400 123 456").id

    return network.run(act)


def patient(network: Database, patient_id: UUID) -> Patient:
    return network.read(lambda session: session.get_one(Patient, patient_id))


def test_an_administrator_merges_and_undoes(
    network: Database, world: World, client_for: ClientFor
) -> None:
    admin = client_for("network-admin")
    kept, duplicate = world.patients["owner"], second_record(network, world)
    page = admin.get(f"/patients/{kept}").text
    assert f"/admin/patients/{kept}/merge" in page
    found = admin.search(f"/admin/patients/{kept}/merge?q={patient(network, duplicate).name}").text
    assert str(duplicate) in found
    compared = admin.get(f"/admin/patients/{kept}/merge?duplicate={duplicate}")
    assert compared.status_code == 200
    refused = admin.send(f"/admin/patients/{kept}/merge?duplicate={duplicate}")
    assert refused.status_code == 409
    done = admin.send(f"/admin/patients/{kept}/merge?duplicate={duplicate}", end_access="y")
    assert done.status_code == 303, done.text
    assert patient(network, duplicate).merged_into == kept
    old = admin.get(f"/patients/{duplicate}")
    assert (old.status_code, old.headers["Location"]) == (303, f"/patients/{kept}")
    row = network.read(lambda s: s.query(PatientMerge).one())
    assert f"/admin/patients/merges/{row.id}/undo" in admin.get(done.headers["Location"]).text
    assert admin.get(f"/admin/patients/merges/{row.id}/undo").status_code == 200
    assert admin.send(f"/admin/patients/merges/{row.id}/undo").status_code == 303
    assert patient(network, duplicate).merged_into is None


def test_erasing_asks_for_the_password(
    network: Database, world: World, client_for: ClientFor
) -> None:
    admin = client_for("network-admin")
    patient_id = world.patients["stranger"]
    path = f"/admin/patients/{patient_id}/erase"
    assert "cannot be undone" in admin.get(path).text
    assert admin.send(path, current="wrong").status_code == 422
    assert patient(network, patient_id).erased_at is None
    assert admin.send(path, current=PASSWORD).status_code == 303
    assert patient(network, patient_id).erased_at is not None
    assert admin.get(f"/patients/{patient_id}").status_code == 404


def test_programs_merge_and_fhir_says_so(app: Flask, network: Database, world: World) -> None:
    program = signed_in(app, world, "network-admin")
    kept, duplicate = world.patients["owner"], second_record(network, world)
    path = f"/api/v1/patients/{kept}/merges"
    body: dict[str, Any] = {"duplicate_id": str(duplicate)}
    assert program.send("POST", path, body).json["code"] == "both-managed"
    made = program.send("POST", path, body | {"end_access": True})
    assert made.status_code == 201
    assert program.send("GET", path).json["items"][0]["id"] == made.json["id"]
    key = with_key(app, network, "*", "system/*.cruds")
    shown = {one: key.send("GET", f"/fhir/Patient/{one}").json for one in (kept, duplicate)}
    assert shown[kept]["link"] == [
        {"other": {"reference": f"Patient/{duplicate}"}, "type": "replaces"}
    ]
    assert shown[duplicate]["active"] is False
    assert shown[duplicate]["link"] == [
        {"other": {"reference": f"Patient/{kept}"}, "type": "replaced-by"}
    ]
    undone = program.send("DELETE", f"/api/v1/merges/{made.json['id']}")
    assert (undone.status_code, undone.json["undone"] is not None) == (200, True)
    assert "link" not in key.send("GET", f"/fhir/Patient/{kept}").json


@pytest.mark.parametrize("who", ["patient-owner", "practitioner-owner", "centre-admin-owner"])
def test_others_do_not(app: Flask, network: Database, world: World, who: str) -> None:
    program = signed_in(app, world, who)
    kept, duplicate = world.patients["owner"], second_record(network, world)
    body = {"duplicate_id": str(duplicate)}
    assert program.send("POST", f"/api/v1/patients/{kept}/merges", body).status_code == 403
    assert program.send("GET", f"/api/v1/patients/{kept}/merges").status_code == 403


def test_a_patient_sees_the_merge_among_the_reads(
    network: Database, world: World, client_for: ClientFor
) -> None:
    admin = client_for("network-admin")
    kept, duplicate = world.patients["owner"], second_record(network, world)
    admin.send(f"/admin/patients/{kept}/merge?duplicate={duplicate}", end_access="y")
    reads = client_for("patient-owner").get("/history/reads").text
    assert "Merged a second record of the same person into this one." in reads


def test_an_export_has_all_that_one_may_see(
    network: Database, world: World, client_for: ClientFor
) -> None:
    def act(session: Session) -> None:
        owner = world.patients["owner"]
        child = factories.patient(session, "Mia Example")
        session.add(Dependent(patient_id=child.id, carer_id=owner, since=NOW))
        centre = world.centres["own"]
        session.add(Rating(patient_id=owner, centre_id=centre, stars=5, rated_at=NOW))
        note = {"practitioner_id": world.practitioners["owner"], "kind": "note", "text": "Ankle"}
        session.add_all(Entry(patient_id=one, recorded_at=NOW, **note) for one in (owner, child.id))

    network.run(act)
    data = client_for("patient-owner").get("/account/export").json
    assert (data["format"], data["version"]) == ("openslot-account", 1)
    assert {"account", "sessions", "favourites", "details", "appointments", "record"} <= data.keys()
    assert data["record"]["entries"][0]["text"] == "Ankle"
    assert data["ratings"][0]["stars"] == 5
    assert data["sessions"][0]["browser"]
    (child,) = data["dependents"]
    assert child["details"]["name"] == "Mia Example"
    assert child["record"]["entries"][0]["text"] == "Ankle"
    staff = client_for("staff-owner").get("/account/export").json
    assert "record" not in staff


def test_anybody_reads_how_long_data_are_kept(client_for: ClientFor) -> None:
    visitor = client_for(None)
    assert 'href="/privacy"' in visitor.get("/").text
    page = visitor.get("/privacy").text
    assert "they are not removed by themselves" in page
    assert "until the child is 18" in page


def test_staff_confirm_that_a_carer_goes_on(
    network: Database, world: World, client_for: ClientFor
) -> None:
    owner = world.patients["owner"]
    child = network.run(lambda s: factories.patient(s, "Mia Example", born=date(2015, 1, 1)).id)
    link = {"patient_id": child, "carer_id": owner, "since": NOW}
    network.run(lambda s: s.add(Dependent(**link)))
    staff = client_for("staff-owner")
    assert staff.get(f"/patients/{child}").status_code == 404, "nobody's patient here"
    schedule, over = world.schedules["owner"], NOW - timedelta(days=9)
    network.run(
        lambda s: factories.appointment_row(s, schedule, child, Status.FULFILLED, over, now=NOW)
    )
    assert f"/patients/{child}/carer" in staff.get(f"/patients/{child}").text
    assert "1 January 2033" in staff.get(f"/patients/{child}/carer").text
    assert staff.send(f"/patients/{child}/carer").status_code == 303
    assert network.read(lambda s: s.get_one(Dependent, child)).continues_at is not None
    assert client_for("patient-owner").get(f"/patients/{child}/carer").status_code == 403
