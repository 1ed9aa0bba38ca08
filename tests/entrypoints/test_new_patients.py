"""Whom a practitioner has just registered: the details are theirs to read over, nothing else."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from entrypoints.browsing import Client, ClientFor
from openslot.core.audit import AuditEvent
from openslot.core.db import Database
from openslot.directory.models import Patient
from openslot.records.finding import READ_OVER

NEW = {"name": "Ilse Brandt", "born": "1 January 1990", "phone": "0400 111 222"}


@pytest.fixture
def doctor(client_for: ClientFor) -> Client:
    return client_for("practitioner-owner")


@pytest.fixture
def page(doctor: Client, network: Database) -> str:
    """The page of somebody whom the doctor has registered."""
    assert doctor.send("/patients/new", **NEW).status_code == 303

    def look(session: Session) -> UUID:
        return session.query(Patient).filter_by(name=NEW["name"]).one().id

    return f"/patients/{network.read(look)}"


def test_they_are_read_over_and_set_right(doctor: Client, page: str) -> None:
    shown = doctor.get(page)
    assert shown.status_code == 200
    assert "0400 111 222" in shown.text
    assert f"{page}/edit" in shown.text
    right = NEW | {"name": "Ilse Brand"}
    assert doctor.send(f"{page}/edit", **right).status_code == 303
    assert "Ilse Brand<" in doctor.get(page).text


def test_their_history_stays_closed(doctor: Client, page: str) -> None:
    for path in ("notes/new", "prescriptions/new"):
        assert doctor.get(f"{page}/{path}").status_code == 404
        assert path not in doctor.get(page).text


def test_to_colleagues_there_is_nobody(client_for: ClientFor, page: str) -> None:
    colleague = client_for("practitioner-teammate")
    assert colleague.get(page).status_code == 404
    assert colleague.get(f"{page}/edit").status_code == 404


def test_after_a_while_they_are_closed_again(doctor: Client, page: str, network: Database) -> None:
    def age(session: Session) -> None:
        for event in session.query(AuditEvent).filter_by(action="patient.created"):
            event.at -= READ_OVER + timedelta(minutes=1)

    network.run(age)
    assert doctor.get(page).status_code == 404
    assert doctor.get(f"{page}/edit").status_code == 404


@pytest.mark.parametrize("person", ["practitioner-owner", "staff-owner"])
def test_somebody_who_is_known_is_asked_about_and_registered_anyway(
    client_for: ClientFor, person: str
) -> None:
    client = client_for(person)
    assert client.send("/patients/new", **NEW).status_code == 303
    asked = client.send("/patients/new", **NEW)
    assert asked.status_code == 409
    assert "Is this someone we know?" in asked.text
    assert "Ilse Brandt</bdi>" in asked.text
    assert client.send("/patients/new", anyway="yes", **NEW).status_code == 303
