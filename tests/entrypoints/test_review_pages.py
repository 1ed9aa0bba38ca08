"""Administrators review emergency accesses, on pages and in programs."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from entrypoints.browsing import ClientFor
from entrypoints.programs import signed_in
from entrypoints.world import World
from openslot.core.db import Database
from openslot.records.models import EmergencyAccess

REASON = "Unconscious, <b>allergies</b> unknown."


@pytest.fixture
def access(network: Database, world: World) -> str:
    """The id of an access of the practitioner of the own centre."""
    now = datetime.now(UTC)
    row = EmergencyAccess(
        patient_id=world.patients["owner"],
        practitioner_id=world.practitioners["owner"],
        reason=REASON,
        starts_at=now,
        ends_at=now + timedelta(days=1),
    )

    def add(session: Session) -> str:
        session.add(row)
        session.flush()
        return str(row.id)

    return network.run(add)


def test_the_overview_leads_to_what_waits_and_it_is_signed(
    client_for: ClientFor, access: str
) -> None:
    client, form = client_for("centre-admin-owner"), f"/admin/emergencies/{access}"
    assert "1 emergency access waits for review" in client.get("/dashboard").text
    listed = client.get("/admin/emergencies").text
    assert form in listed
    assert "&lt;b&gt;allergies" in listed
    refused = client.send(form, remark="Phoned the ward")
    assert refused.status_code == 422
    assert "Choose whether it was appropriate." in refused.text
    assert "Phoned the ward" in refused.text
    signed = client.send(form, verdict="inappropriate", remark="Phoned the ward: nobody knew.")
    assert (signed.status_code, signed.location) == (303, "/admin/emergencies")
    assert "Nothing to review" in client.get("/admin/emergencies").text
    assert "waits for review" not in client.get("/dashboard").text
    archive = client.get("/admin/emergencies?state=signed").text
    assert "Not appropriate" in archive
    assert "nobody knew" in archive
    assert 'name="verdict"' not in client.get(form).text


def test_programs_of_administrators_review_too(app: Flask, world: World, access: str) -> None:
    program = signed_in(app, world, "network-admin")
    waiting = program.get("/api/v1/emergency-accesses?reviewed=false")["items"]
    assert [(one["id"], one["review"]) for one in waiting] == [(access, None)]
    assert waiting[0]["patient"]["id"] == str(world.patients["owner"])
    there = f"/api/v1/emergency-accesses/{access}/review"
    verdict = {"verdict": "appropriate", "remark": "The ambulance called."}
    assert program.send("POST", there, {**verdict, "remark": " "}).status_code == 422
    signed = program.send("POST", there, verdict)
    assert signed.status_code == 201
    assert signed.json is not None
    assert signed.json["review"]["verdict"] == "appropriate"
    again = program.send("POST", there, verdict)
    assert (again.status_code, (again.json or {})["code"]) == (409, "already-reviewed")
    assert program.get("/api/v1/emergency-accesses?reviewed=false")["items"] == []
    assert len(program.get("/api/v1/emergency-accesses?reviewed=true")["items"]) == 1
