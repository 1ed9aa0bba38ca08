"""Odd input on the pages of booking: an answer in words, never a fault, and nothing changed."""

from typing import Any

import pytest
from sqlalchemy import select

from entrypoints.browsing import ClientFor
from entrypoints.test_odd_input import ODD
from entrypoints.world import PASSWORD, World
from openslot.booking.models import Appointment
from openslot.core.db import Database
from openslot.schedules.models import Absence, DiaryPage

TIMES = [
    b"2026-11-23",
    b"2026-11-23T09:00:00",
    b"2026-11-23T09:00:01Z",
    b"1900-01-01T00:00:00Z",
    b"2199-12-31T23:59:59+14:00",
    b"9999-12-31T23:59:59Z",
    b"0001-01-01T00:00:00+00:00",
    b"2026-11-23T09:00:00.000001Z",
]
TYPED = [*ODD, *TIMES]
UNKNOWN = "0190a5c0-0000-7000-8000-000000000000"
STATUSES = frozenset({200, 303, 400, 403, 404, 409, 410, 413, 422})

READ = [
    (None, "/search", ["q", "suburb", "kind", "when", "sort", "page", "patient"]),
    (None, "/book/{schedule}", ["week", "start", "minutes", "hold", "patient"]),
    ("patient-owner", "/book/{schedule}", ["week", "start", "minutes", "hold", "patient"]),
    ("staff-owner", "/book/{schedule}", ["start", "patient", "hold"]),
    ("patient-owner", "/appointments/{appointment}/move", ["week", "start", "minutes", "schedule"]),
    ("patient-owner", "/dashboard/past", ["page"]),
    ("practitioner-owner", "/calendar", ["day", "view"]),
]

WRITTEN = [
    ("patient-owner", "/book/{schedule}", ["start", "minutes", "hold", "patient", "priority"]),
    ("patient-owner", "/book/{schedule}/hold", ["start", "minutes", "patient"]),
    ("staff-owner", "/book/{schedule}", ["start", "minutes", "patient", "second"]),
    ("patient-owner", "/appointments/{appointment}/move", ["start", "minutes", "schedule"]),
    ("practitioner-owner", "/appointments/{appointment}/status", ["to", "back"]),
    (
        "practitioner-owner",
        "/calendar/absences",
        ["from_day", "from_time", "to_day", "to_time", "kind", "reason"],
    ),
]


def filled(path: str, world: World) -> str:
    return path.format(
        schedule=world.schedules["teammate"], appointment=world.appointments["owner"]
    )


def booked_time(database: Database) -> list[Any]:
    """All that these pages could change."""

    def read(session: Any) -> list[Any]:
        rows = [
            (one.id, one.starts_at, one.status, one.version)
            for one in session.scalars(select(Appointment))
        ]
        pages = [
            (page.diary_id, page.day, page.taken) for page in session.scalars(select(DiaryPage))
        ]
        return sorted(rows) + sorted(pages) + [len(session.scalars(select(Absence)).all())]

    return database.read(read)


@pytest.mark.parametrize(("person", "path", "names"), READ, ids=lambda part: str(part)[:40])
def test_odd_addresses_are_answered_in_words(
    client_for: ClientFor, world: World, person: str | None, path: str, names: list[str]
) -> None:
    client = client_for(person)
    for name in names:
        for typed in TYPED:
            answer = client.http.get(filled(path, world), query_string={name: typed[:4000]})
            assert answer.status_code in STATUSES, (name, typed[:40], answer.status_code)


@pytest.mark.parametrize(("person", "path", "names"), WRITTEN, ids=lambda part: str(part)[:40])
def test_odd_forms_change_nothing(
    client_for: ClientFor, world: World, network: Database, person: str, path: str, names: list[str]
) -> None:
    client = client_for(person)
    before = booked_time(network)
    for name in names:
        for typed in TYPED:
            answer = client.post(filled(path, world), **{name: typed})
            assert answer.status_code in STATUSES, (name, typed[:40], answer.status_code)
    assert booked_time(network) == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"name": 7}',
        b'{"born": "soon"}',
        b'{"id": "x"}',
        b'{"name": "\\u0000"}',
        b'"text"',
        b"null",
        b'{"name": "' + b"x" * 5000 + b'"}',
    ],
)
def test_odd_json_is_refused_and_changes_nothing(
    client_for: ClientFor, world: World, body: bytes
) -> None:
    client = client_for("patient-owner")
    answer = client.http.put("/dashboard", data=body, content_type="application/json")
    assert answer.status_code in (400, 422)
    assert answer.content_type == "application/problem+json"


def test_own_details_change_by_json(client_for: ClientFor, world: World) -> None:
    client = client_for("patient-owner")
    answer = client.http.put("/dashboard", json={"phone": "0491 570 156"})
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["phone"] == "0491 570 156"


def test_an_account_is_deleted_by_http(client_for: ClientFor, world: World) -> None:
    client = client_for("patient-owner")
    proof = {"password": PASSWORD}
    assert client.http.delete("/dashboard", json=proof).status_code == 204
    assert client.get("/dashboard").status_code == 303
    staff = client_for("staff-owner")
    answer = staff.http.delete("/dashboard", headers={"Accept": "application/json"})
    assert answer.status_code in (403, 409)


@pytest.mark.parametrize(
    "path",
    [
        "/appointments/{}",
        "/appointments/{}/cancel",
        "/appointments/{}/appointment.ics",
        "/holds/{}/x",
    ],
)
@pytest.mark.parametrize("part", ["1", "nonsense", UNKNOWN, "%00", "x" * 3000, "../.."])
def test_odd_ids_are_not_found(client_for: ClientFor, path: str, part: str) -> None:
    # A number under /appointments is a doctor's, whose service asks programs for a key.
    expected = (404, 303, 308, 200, 401)
    assert client_for("patient-owner").get(path.format(part)).status_code in expected
