"""Bodies larger than the server takes are refused as each kind of route refuses things."""

import json

import pytest
from flask import Flask

from entrypoints.programs import Program, with_key
from openslot.app import LARGEST_REQUEST
from openslot.core.db import Database
from openslot.entrypoints.failures import MOST_FIELDS

LARGE = b"{" + b" " * LARGEST_REQUEST + b"}"
PROBLEM, OUTCOME = "application/problem+json", "application/fhir+json"
FORM, FHIR = "application/x-www-form-urlencoded", "application/fhir+json"
ADDRESSES = [
    ("/api/v1/tokens", "application/json", PROBLEM),
    ("/api/v1/appointments", "application/json", PROBLEM),
    ("/doctors", "application/json", PROBLEM),
    ("/oauth/token", FORM, "application/json"),
    ("/fhir/Appointment", FHIR, OUTCOME),
    ("/fhir/Appointment/_search", FORM, OUTCOME),
    ("/login", FORM, "text/html"),
    ("/login", "application/json", PROBLEM),
]


@pytest.fixture
def program(app: Flask, network: Database) -> Program:
    """One who may do everything."""
    return with_key(app, network, "*")


@pytest.mark.parametrize(("path", "sent", "answered"), ADDRESSES)
def test_a_body_that_is_too_large_is_refused_as_the_route_refuses_things(
    program: Program, path: str, sent: str, answered: str
) -> None:
    headers = {"Authorization": f"Bearer {program.token}"}
    answer = program.client.post(path, data=LARGE, content_type=sent, headers=headers)
    assert (answer.status_code, answer.mimetype) == (413, answered)


@pytest.mark.parametrize("path", ["/oauth/token", "/fhir/Appointment/_search", "/login"])
def test_a_form_of_very_many_fields_is_refused_before_they_are_read(
    program: Program, path: str
) -> None:
    headers = {"Authorization": f"Bearer {program.token}"}
    answer = program.client.post(path, data="a&" * 1000, content_type=FORM, headers=headers)
    assert answer.status_code == 413
    answer = program.client.post(path, data="a&" * 999, content_type=FORM, headers=headers)
    assert answer.status_code != 413


@pytest.mark.parametrize(("path", "sent", "answered"), ADDRESSES)
def test_who_shows_no_proof_is_refused_without_reading_a_large_body(
    app: Flask, path: str, sent: str, answered: str
) -> None:
    answer = app.test_client().post(path, data=LARGE, content_type=sent)
    assert (answer.status_code in (401, 413), answer.mimetype) == (True, answered)


def test_a_body_of_the_largest_size_is_read_whole(program: Program) -> None:
    body = b"{" + b" " * (LARGEST_REQUEST - 2) + b"}"
    answer = program.client.post("/api/v1/tokens", data=body, content_type="application/json")
    assert answer.status_code == 422, answer.text


def test_what_is_refused_before_the_body_is_read_is_named(program: Program) -> None:
    path, kind = "/api/v1/tokens?more=1", "application/json"
    answer = program.client.post(path, data=LARGE, content_type=kind)
    assert answer.status_code == 422
    assert [one["field"] for one in (answer.json or {})["errors"]] == ["more"]


@pytest.mark.parametrize(
    ("path", "sent", "named"),
    [
        ("/api/v1/tokens", "application/json", "errors"),
        ("/fhir/Appointment", FHIR, "issue"),
        ("/fhir/ServiceRequest", FHIR, "issue"),
    ],
)
def test_an_answer_does_not_grow_with_the_mistakes(
    program: Program, path: str, sent: str, named: str
) -> None:
    body = json.dumps({f"n{number}": number for number in range(2 * MOST_FIELDS)})
    headers = {"Authorization": f"Bearer {program.token}"}
    answer = program.client.post(path, data=body, content_type=sent, headers=headers)
    assert answer.status_code in (400, 422)
    assert len((answer.json or {})[named]) <= MOST_FIELDS
