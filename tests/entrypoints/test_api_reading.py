"""How requests of programs are read: strictly, and with answers that programs understand."""

import json
from typing import Any

import pytest
from flask import Flask

from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import PASSWORD, World
from openslot.core.db import Database


@pytest.fixture
def program(app: Flask, network: Database) -> Program:
    return with_key(app, network, "*")


def refused(answer: Any, status: int, *fields: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    assert [one["field"] for one in answer.json.get("errors", ())] == list(fields)


@pytest.mark.parametrize("minutes", ["30", True, 30.5, None, [30]], ids=repr)
def test_a_number_is_a_number(program: Program, minutes: object) -> None:
    schedule = {"centre": 1, "practitioner": 1, "hours": [], "slot_minutes": minutes}
    refused(program.send("POST", "/api/v1/schedules", schedule), 422, "slot_minutes")


def test_a_whole_number_may_have_a_point(program: Program, world: World) -> None:
    path = f"/api/v1/schedules/{world.schedules['owner']}"
    answer = program.client.open(
        path,
        method="PATCH",
        data='{"max_slots": 3.0}',
        content_type="application/json",
        headers={"Authorization": f"Bearer {program.token}"},
    )
    assert answer.json["max_slots"] == 3


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"x"', b"\xff\xfe{", b'{"name": "\\ud800"}', b"[" * 100_000, b"9" * 5000],
    ids=["none", "open", "list", "text", "bytes", "surrogate", "deep", "long"],
)
def test_what_is_no_json_object_is_malformed(program: Program, body: bytes) -> None:
    answer = program.client.open(
        "/api/v1/centres",
        method="POST",
        data=body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {program.token}"},
    )
    refused(answer, 400)


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("number", ["0", "1000000000", "2147483648", "-1", "01", "1.0", "9" * 40])
def test_no_number_of_ours_is_nobodys_address_whatever_the_method(
    program: Program, method: str, number: str
) -> None:
    refused(program.send(method, f"/api/v1/centres/{number}", {}), 404)


@pytest.mark.parametrize("path", ["/api/v1/slots?from=", "/api/v1/appointments?to="])
def test_a_number_is_no_instant(program: Program, path: str) -> None:
    field = path.rpartition("?")[2].rstrip("=")
    refused(program.send("GET", f"{path}0.5"), 422, field)
    refused(program.send("GET", f"{path}2027-03-08T09:00:00"), 422, field)


@pytest.mark.parametrize("version", ["3", '"x"', 'W/"1', '"1" "2"', '*, "1"'])
def test_a_version_is_an_etag_of_ours(program: Program, world: World, version: str) -> None:
    path = f"/api/v1/appointments/{world.appointments['owner']}"
    refused(program.send("PATCH", path, {"reason": "x"}, If_Match=version), 400, "If-Match")


@pytest.mark.parametrize(
    ("versions", "status"),
    [('"1", "2"', 200), ('W/"7" ,"1"', 200), ('"7", "8"', 412), ('W/"1"', 412), ('W/"1","7"', 412)],
)
def test_a_list_of_versions_holds_where_one_of_them_is_the_newest(
    program: Program, world: World, versions: str, status: int
) -> None:
    path = f"/api/v1/appointments/{world.appointments['owner']}"
    answer = program.send("PATCH", path, {"reason": "x"}, If_Match=versions)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("known", "status"),
    [('W/"1"', 304), ('"1"', 304), ('"7", "1"', 304), ("*", 304), ('W/"2"', 200), ("x", 200)],
)
def test_what_one_has_already_is_not_sent_again(
    program: Program, world: World, known: str, status: int
) -> None:
    path = f"/api/v1/appointments/{world.appointments['owner']}"
    answer = program.send("GET", path, If_None_Match=known)
    assert (answer.status_code, answer.headers["ETag"]) == (status, '"1"')
    assert bool(answer.get_data()) == (status == 200)


def test_any_version_will_do_with_a_star(program: Program, world: World) -> None:
    path = f"/api/v1/appointments/{world.appointments['owner']}"
    assert program.send("PATCH", path, {"reason": "x"}, If_Match="*").status_code == 200


@pytest.mark.parametrize(
    "key", ["", "two words", "é", "x" * 101], ids=["none", "words", "letter", "long"]
)
def test_an_idempotency_key_is_of_100_ascii_characters(program: Program, key: str) -> None:
    doctor = {"name": "Dr Ann Lee", "locations": ["12 High St"], "schedule": {}}
    answer = program.send("POST", "/doctors", doctor, Idempotency_Key=key)
    refused(answer, 400, "Idempotency-Key")


def test_who_bears_a_token_may_sign_in_anew(app: Flask, world: World) -> None:
    bearer = signed_in(app, world, "patient-owner")
    body = {"email": world.emails["staff-owner"], "password": PASSWORD}
    assert bearer.send("POST", "/api/v1/tokens", body).status_code == 201


class TestAddressesBesidePages:
    """/appointments is the doctor-schedule service's, and that of the pages of appointments."""

    def test_a_program_is_told_in_json(self, app: Flask, program: Program, world: World) -> None:
        refused(program.send("GET", "/appointments/none"), 404)
        refused(Program(app).send("GET", "/appointments/none", Accept="*/*"), 404)
        refused(program.send("GET", f"/appointments/{world.appointments['owner']}"), 401)

    def test_a_browser_gets_a_page(self, app: Flask, world: World) -> None:
        browser = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
        gone = Program(app).send("GET", "/appointments/none", **browser)
        assert (gone.status_code, gone.mimetype) == (404, "text/html")
        page = Program(app).send("GET", f"/appointments/{world.appointments['owner']}", **browser)
        assert page.status_code == 303


def test_the_document_links_what_was_made_to_what_can_be_done_with_it(app: Flask) -> None:
    document = json.loads(Program(app).send("GET", "/api/v1/openapi.json").text)
    made = document["paths"]["/api/v1/holds"]["post"]["responses"]["201"]
    removal = document["paths"]["/api/v1/holds/{hold_id}"]["delete"]["operationId"]
    assert made["links"][removal]["parameters"] == {"hold_id": "$response.body#/id"}
