"""Every page of every role answers on every engine: no SQL of ours suits only one of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from entrypoints.browsing import Client
from entrypoints.world import PASSWORD, World, build
from openslot.core.db import Database
from serving import app_on

PAGES: dict[str, list[str]] = {
    "patient-owner": [
        "/dashboard",
        "/dashboard/past",
        "/account",
        "/account/sessions",
        "/account/export",
        "/search?q=physio&sort=earliest&evening=yes",
        "/search?sort=rating",
        "/centres/{centre}",
        "/departments/{department}",
        "/practitioners/{practitioner}",
        "/book/{schedule}",
        "/appointments/{appointment}",
        "/appointments/{appointment}/move",
        "/profile/notifications",
        "/profile/calendar",
        "/waiting",
        "/offers",
        "/waiting/new?appointment={appointment}",
    ],
    "practitioner-owner": [
        "/dashboard",
        "/calendar",
        "/calendar?view=day",
        "/calendar/hours",
        "/calendar/absences",
        "/waiting",
        "/patients?q=aroha",
        "/patients/{patient}",
    ],
    "staff-owner": ["/dashboard", "/patients", "/admin/department"],
    "centre-admin-owner": [
        "/dashboard",
        "/admin/centres",
        "/admin/practitioners",
        "/admin/accounts",
        "/admin/audit?group=appointments",
        "/admin/audit.csv",
    ],
    "network-admin": [
        "/dashboard",
        "/admin/centres/{centre}",
        "/admin/practitioners/{practitioner}",
        "/admin/accounts?q=a&role=patient",
        "/admin/outbox",
        "/admin/audit?person=a&since=2026-01-01&until=2100-01-01",
        "/admin/audit?before=2100-01-01T00:00:00_00000000000000000000000000000000",
        "/admin/audit.csv",
        "/readyz",
    ],
}

SEARCHES = {
    "/patients?q=aroha",
    "/admin/accounts?q=a&role=patient",
    "/admin/audit?person=a&since=2026-01-01&until=2100-01-01",
}
"""Searches that are sent by POST."""


@pytest.fixture
def world(database: Database) -> World:
    return build(database)


@pytest.fixture
def app(database: Database, world: World, tmp_path: Path) -> Iterator[Flask]:
    with app_on(database, tmp_path, password_iterations=1) as app:
        yield app


def test_pages_answer(app: Flask, world: World) -> None:
    for person, paths in PAGES.items():
        client = Client(app)
        signed_in = client.send("/login", email=world.emails[person], password=PASSWORD)
        assert signed_in.status_code == 303, person
        for path in paths:
            filled = path.format(
                appointment=world.appointments["owner"],
                patient=world.patients["owner"],
                centre=world.centres["own"],
                department=world.departments["owner"],
                practitioner=world.practitioners["owner"],
                schedule=world.schedules["owner"],
            )
            answer = client.search(filled) if path in SEARCHES else client.get(filled)
            expected = (200, 503) if path == "/readyz" else (200,)
            assert answer.status_code in expected, (person, filled)


def test_wrong_passwords_are_counted(app: Flask, world: World) -> None:
    client = Client(app)
    email = world.emails["patient-owner"]
    for _ in range(10):
        assert client.send("/login", email=email, password="wrong").status_code == 401
    assert client.send("/login", email=email, password=PASSWORD).status_code == 429
