"""What people and programs are told where the database stopped what took too long."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from entrypoints.programs import with_key
from openslot.core import sqlite
from openslot.core.db import Database

ENDLESS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) "
    "SELECT count(*) FROM n"
)


@pytest.fixture
def endless(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Texts: each reading that has one of them takes longer than it may."""
    monkeypatch.setattr(sqlite, "ANSWERS_WITHIN", 0.05)
    texts: list[str] = []

    def replace(_connection: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> Any:
        is_cut = statement.startswith("SELECT") and any(text in statement for text in texts)
        return (ENDLESS, ()) if is_cut else (statement, given)

    engine = app.extensions["openslot"].database.engine
    event.listen(engine, "before_cursor_execute", replace, retval=True)
    return texts


def main_of(page: str) -> str:
    return page[page.index("<main") : page.index("</main")]


def test_people_get_a_page_in_their_language_from_which_they_go_on(
    app: Flask, client_for: Any, endless: list[str]
) -> None:
    client, french = client_for("patient-owner"), {"Accept-Language": "fr"}
    endless.append("FROM appointment")
    page = client.get("/dashboard/past?page=1", **french)
    assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
    assert '<html lang="fr"' in page.text
    assert "Ceci a pris trop de temps" in main_of(page.text)
    assert 'href="/dashboard/past?page=1">Réessayer</a>' in main_of(page.text)
    assert "Se déconnecter" in page.text, "who reads is known"

    endless[:] = ["account_session"]
    for path, status in (("/dashboard", 503), ("/nowhere", 404)):
        page = client.get(path, **french)
        assert page.status_code == status, "who reads cannot be found out"
        assert '<html lang="fr"' in page.text
        assert "Traceback" not in page.text
    endless.clear()
    assert client.get("/dashboard").status_code == 200


def test_programs_get_a_problem_and_an_operation_outcome(
    app: Flask, network: Database, endless: list[str]
) -> None:
    program = with_key(app, network, "appointments:read", "system/Appointment.rs")
    for text in ("FROM appointment", "FROM api_key"):
        endless[:] = [text]
        problem = program.send("GET", "/api/v1/appointments")
        assert (problem.status_code, problem.headers["Retry-After"]) == (503, "5")
        assert problem.content_type == "application/problem+json"
        assert problem.json["code"] == "took-too-long"
        outcome = program.send("GET", "/fhir/Appointment")
        assert (outcome.status_code, outcome.headers["Retry-After"]) == (503, "5")
        assert outcome.json["resourceType"] == "OperationOutcome"
