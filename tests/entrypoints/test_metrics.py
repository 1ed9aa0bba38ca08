"""/metrics: who may read it, and what is counted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.orm import Session

import factories
from clinic import NOW, START, Clinic, open_clinic
from openslot.booking.errors import SlotTaken
from openslot.core.db import Database, LostRace
from openslot.entrypoints import measuring
from openslot.entrypoints.worker.main import do_duties
from serving import app_on

TOKEN = {"Authorization": "Bearer a-secret"}


@pytest.fixture
def app(sqlite_database: Database, tmp_path: Path) -> Iterator[Flask]:
    """The app, whose metrics are read with a token."""
    with app_on(sqlite_database, tmp_path, metrics_token="a-secret") as app:
        yield app


@pytest.fixture
def clinic(sqlite_database: Database) -> Clinic:
    return open_clinic(sqlite_database)


def sample(app: Flask, name: str, **labels: str) -> float:
    """The value of a sample now; 0 if there is none."""
    text = app.test_client().get("/metrics", headers=TOKEN).text
    return sum(
        one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.name == name and labels.items() <= one.labels.items()
    )


NETWORKS = ("10.0.0.0/8",)


@pytest.mark.parametrize(
    ("changed", "headers", "address", "status"),
    [
        ({}, TOKEN, "127.0.0.1", 404),
        ({"metrics_token": "a-secret"}, {}, "127.0.0.1", 403),
        ({"metrics_token": "a-secret"}, {"Authorization": "Bearer b"}, "127.0.0.1", 403),
        ({"metrics_token": "a-secret"}, TOKEN, "9.9.9.9", 200),
        ({"metrics_networks": NETWORKS}, {}, "10.1.2.3", 200),
        ({"metrics_networks": NETWORKS}, TOKEN, "9.9.9.9", 403),
        ({"metrics_networks": NETWORKS, "metrics_token": "a-secret"}, {}, "10.1.2.3", 403),
        ({"metrics_networks": NETWORKS, "metrics_token": "a-secret"}, TOKEN, "10.1.2.3", 200),
    ],
)
def test_metrics_are_for_those_whom_the_settings_name(
    sqlite_database: Database,
    tmp_path: Path,
    changed: dict[str, Any],
    headers: dict[str, str],
    address: str,
    status: int,
) -> None:
    with app_on(sqlite_database, tmp_path, **changed) as app:
        asked = {"REMOTE_ADDR": address}
        answer = app.test_client().get("/metrics", headers=headers, environ_base=asked)
        assert answer.status_code == status
        assert ("openslot_" in answer.text) is (status == 200)


def test_requests_are_counted_by_patterns_and_known_methods_only(
    app: Flask, clinic: Clinic
) -> None:
    client, route = app.test_client(), "/book/<int:schedule_id>"
    before = sample(app, "openslot_requests_total", route=route, method="GET")
    took = sample(app, "openslot_request_seconds_count", route=route)
    client.get(f"/book/{clinic.schedule}?patient={clinic.patient}")
    client.open("/nowhere/ann.example", method="ANNEXAMPLE")
    assert sample(app, "openslot_requests_total", route=route, method="GET") == before + 1
    assert sample(app, "openslot_request_seconds_count", route=route) == took + 1
    assert sample(app, "openslot_requests_total", route="none", method="other") > 0
    text = client.get("/metrics", headers=TOKEN).text.casefold()
    assert str(clinic.patient) not in text
    assert "example" not in text


def test_events_conflicts_and_retries_are_counted_once_they_are_certain(
    app: Flask, clinic: Clinic, sqlite_database: Database
) -> None:
    counted = (
        ("openslot_events_total", {"topic": "appointment.booked"}),
        ("openslot_conflicts_total", {"code": "slot-taken"}),
        ("openslot_transaction_retries_total", {}),
    )
    before = [sample(app, name, **labels) for name, labels in counted]
    tries = list[int]()

    def book(session: Session) -> None:
        patient = factories.patient(session, "Bob Example").id
        factories.appointment(session, clinic.schedule, START, patient, now=NOW)
        tries.append(1)
        if len(tries) == 1:
            raise LostRace

    sqlite_database.run(book)
    with pytest.raises(SlotTaken):
        sqlite_database.run(book)
    after = [sample(app, name, **labels) for name, labels in counted]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1, 1]


def test_what_waits_and_who_was_seen_is_read_from_the_database(
    app: Flask, clinic: Clinic, sqlite_database: Database
) -> None:
    sqlite_database.run(
        lambda session: factories.appointment(
            session, clinic.schedule, START, clinic.patient, now=NOW
        )
    )
    assert sample(app, "openslot_worker_seen_timestamp_seconds") == 0
    services = app.extensions["openslot"]
    do_duties(sqlite_database, services.settings, now=lambda: NOW)
    assert sample(app, "openslot_worker_seen_timestamp_seconds") == NOW.timestamp()
    assert sample(app, "openslot_outbox_waiting", kind="appointment.booked") == 1
    assert sample(app, "openslot_outbox_lag_seconds") > 0
    assert sample(app, "openslot_database_connections") >= 0


def test_without_the_database_the_rest_is_told(
    app: Flask, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sample(app, "openslot_database_up") == 1

    def away(_session: Session) -> list[Any]:
        raise OSError("away")

    monkeypatch.setattr(measuring, "_of_database", away)
    text = app.test_client().get("/metrics", headers=TOKEN).text
    assert 'openslot_database_up{tenant=""} 0.0' in text
    assert "openslot_requests_total" in text
    assert "openslot_outbox_lag_seconds" not in text
