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
    assert "Ilse Brandt" in asked.text
    assert client.send("/patients/new", anyway="yes", **NEW).status_code == 303


ANA = {
    "name": "Ana Álvares-O’Neill",
    "born": "17 May 1990",
    "phone": "0491 570 156",
    "email": "ana@example.net",
    "medicare_number": "2428 77813 1",
}
"""Registered first; the others below may be her, or may not."""


@pytest.mark.parametrize(
    ("typed", "desk", "practitioner"),
    [
        ({"name": "ana alvares o'neill", "born": "17 May 1990"}, 409, 409),
        ({"name": "O‘Neill Alvares ANA", "born": "17 May 1990"}, 409, 409),
        ({"name": "Ana Alvares", "born": "17 May 1990"}, 409, 303),
        ({"name": "Ana Álvares-O’Neill Costa", "born": "17 May 1990"}, 409, 303),
        ({"name": "Ana Álvares-O’Neill", "phone": "+61 491 570 156"}, 409, 409),
        ({"name": "Ana Álvares-O’Neill", "email": "ANA@example.net"}, 409, 409),
        ({"name": "Bea Costa", "medicare_number": "2428778131"}, 409, 409),
        ({"name": "Bea Costa", "born": "17 May 1990", "phone": "(0491) 570-156"}, 409, 409),
        ({"name": "Ana Álvares-O’Neill", "born": "18 May 1990"}, 303, 303),
        ({"name": "Ana Álvares-O’Neill", "born": "1990"}, 409, 409),
        ({"name": "Leo Costa", "born": "1 June 2015", "phone": "0491 570 156"}, 303, 303),
        ({"name": "Ana Álvares-O’Neill", "phone": "02 9999 0000"}, 409, 303),
        ({"name": "Ana Álvares-O’Neill"}, 409, 422),
        ({"name": "Somebody Else"}, 422, 422),
    ],
)
def test_who_may_be_registered_already_is_asked_about(
    client_for: ClientFor, typed: dict[str, str], desk: int, practitioner: int
) -> None:
    """However names and numbers are written; practitioners are not asked by parts of a name."""
    assert client_for("staff-owner").send("/patients/new", **ANA).status_code == 303
    of_desk = client_for("staff-owner").send("/patients/new", **typed)
    assert of_desk.status_code == desk
    of_practitioner = client_for("practitioner-stranger")
    if desk != 303:
        answer = of_practitioner.send("/patients/new", **typed)
        assert answer.status_code == practitioner
        untyped = {text for text in ANA.values() if text not in typed.values()}
        assert not [text for text in untyped if text in answer.text]
    assert client_for("staff-owner").send("/patients/new", **typed, anyway="yes").status_code == 303
