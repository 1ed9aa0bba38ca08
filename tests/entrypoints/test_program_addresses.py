"""Addresses and headers as clients make them: a slash at the end, another version of FHIR."""

from typing import Any

import pytest
from flask import Flask

from entrypoints.programs import Program, with_key
from entrypoints.test_fhir_appointments import outcome
from openslot.core.db import Database

R5 = "application/fhir+json; fhirVersion=5.0"


@pytest.fixture
def program(app: Flask, network: Database) -> Program:
    return with_key(app, network, "*")


def answered(program: Program, method: str, path: str, body: Any = None) -> tuple[int, str, bytes]:
    answer = program.send(method, path, body)
    return answer.status_code, answer.content_type, answer.data


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/fhir/metadata", 200),
        ("GET", "/fhir/Patient", 200),
        ("GET", "/fhir/Location/1", 200),
        ("GET", "/fhir/$bulk-publish", 200),
        ("GET", "/.well-known/smart-configuration", 200),
        ("GET", "/doctors", 200),
        ("GET", "/doctors/1", 200),
        ("GET", "/appointments/1", 200),
        ("GET", "/api/v1/centres", 200),
        ("GET", "/api/v1/me", 403),
        ("GET", "/api/v1/nothing", 404),
        ("POST", "/fhir/Patient/_search", 415),
        ("POST", "/fhir/Appointment/$hold", 400),
        ("PUT", "/fhir/Patient", 405),
        ("OPTIONS", "/fhir/Patient", 200),
        ("POST", "/api/v1/tokens", 422),
    ],
)
def test_a_slash_at_the_end_changes_nothing(
    program: Program, method: str, path: str, status: int
) -> None:
    body = {} if method == "POST" else None
    without = answered(program, method, path, body)
    assert without[0] == status, without
    assert answered(program, method, f"{path}/", body) == without


@pytest.mark.parametrize("path", ["/account/", "/fhir/Patient//"])
def test_pages_and_further_slashes_are_as_they_were(program: Program, path: str) -> None:
    assert program.send("GET", path).status_code in (404, 308)


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (R5, 406),
        ("application/fhir+json;fhirVersion=4.3", 406),
        ("application/json; fhirVersion=3.0", 406),
        ("application/fhir+json; fhirVersion=4.0", 200),
        ("application/fhir+json; fhirVersion=4.0.1", 200),
        (f"{R5}, application/fhir+json", 200),
        (f"{R5}, */*;q=0.1", 200),
        ("application/fhir+json; charset=utf-8", 200),
    ],
)
def test_another_version_of_fhir_is_not_answered_with_this_one(
    program: Program, accept: str, status: int
) -> None:
    answer = program.send("GET", "/fhir/Location", Accept=accept)
    assert answer.status_code == status, answer.text
    if status == 406:
        assert "FHIR 4.0" in outcome(answer)["details"]["text"]


def test_another_version_is_no_format_and_no_body(program: Program) -> None:
    asked = program.client.get(
        "/fhir/Location", query_string={"_format": R5}, headers=auth(program)
    )
    assert asked.status_code == 406
    for path in ("/fhir/Appointment", "/fhir/Appointment/$hold"):
        for content_type, status in ((R5, 415), ("application/fhir+json; fhirVersion=4.0", 400)):
            sent = program.client.post(
                path, data="{}", content_type=content_type, headers=auth(program)
            )
            assert sent.status_code == status, (path, sent.text)


def auth(program: Program) -> dict[str, str]:
    return {"Authorization": f"Bearer {program.token}"}


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-12-08", "2026-12-06"),
        ("2026-12-08T09:00:00+11:00", "2026-12-06"),
        ("2026-12-08", "2026-12-06T09:00:00+11:00"),
        ("ge2026-12-08", "le2026-12-06"),
        ("2026-12-08T09:00:00+11:00", "2026-12-08T09:00:00+11:00"),
        ("2026-12-08T09:00:00Z", "2026-12-08T10:00:00+11:00"),
    ],
)
def test_find_refuses_an_end_before_the_start(program: Program, start: str, end: str) -> None:
    query = {"start": start, "end": end}
    refused = program.client.get(
        "/fhir/Appointment/$find", query_string=query, headers=auth(program)
    )
    assert refused.status_code == 400, refused.text
    assert outcome(refused)["expression"] == ["end"]
    assert "after the start" in outcome(refused)["details"]["text"]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-12-08", "2026-12-08"),
        ("2026-12-08T09:00:00+11:00", "2026-12-08"),
        ("2026-12-08T01:00:00+14:00", "2026-12-07"),  # the evening of the seventh in Sydney
        ("2026-12-08T09:00:00+11:00", "2026-12-07T23:00:00Z"),
    ],
)
def test_find_takes_any_end_after_the_start(program: Program, start: str, end: str) -> None:
    query = {"start": start, "end": end}
    found = program.client.get("/fhir/Appointment/$find", query_string=query, headers=auth(program))
    assert found.status_code == 200, found.text
