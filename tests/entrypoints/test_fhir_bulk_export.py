"""$export by a client that does as Bulk Data Access 2 says: asks, waits, reads files, ends."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fhir.resources.R4B import get_fhir_model_class
from flask import Flask
from werkzeug.test import TestResponse

from entrypoints.conftest import World
from entrypoints.programs import Program, demonstration, signed_in, with_key
from entrypoints.published import Json
from factories import NOW
from openslot.core import audit, clock
from openslot.core.db import Database
from openslot.directory.models import Patient
from openslot.entrypoints.fhir import bulk_export
from openslot.entrypoints.fhir.bulk_export import EXPORTED, OF_PATIENTS
from openslot.entrypoints.request import EXTENSION
from openslot.exports import bulk

PLACE = "https://book.example"
ASYNC = {"Prefer": "respond-async"}
EVERYTHING = ("system/*.rs",)


@pytest.fixture(scope="module")
def demo(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The demonstration network as it is at NOW."""
    with demonstration(sqlite_template, tmp_path_factory.mktemp("exported"), f"{PLACE}/") as app:
        yield app


@pytest.fixture
def database(demo: Flask) -> Database:
    found: Database = demo.extensions[EXTENSION].database
    return found


def begun(program: Program, address: str = "/fhir/$export") -> str:
    """Where the state of an export is told."""
    answer = program.send("GET", address, **ASYNC)
    assert answer.status_code == 202, answer.text
    return urlsplit(answer.headers["Content-Location"]).path


def files_of(program: Program, address: str = "/fhir/$export") -> dict[str, list[Json]]:
    """The resources of each file, by kind."""
    manifest = program.get(begun(program, address))
    files = {one["type"]: read(program, one) for one in manifest["output"]}
    for one in manifest["output"]:
        assert one["type"] == "AuditEvent" or one["count"] == len(files[one["type"]])
    return files


def read(program: Program, output: Json) -> list[Json]:
    with program.send("GET", urlsplit(output["url"]).path) as answer:
        assert answer.status_code == 200, answer.text
        assert answer.content_type == "application/fhir+ndjson"
        return [json.loads(line) for line in answer.text.splitlines()]


def searched(program: Program, kind: str) -> list[str]:
    """The ids of all pages of a search."""
    ids: list[str] = []
    address = f"/fhir/{kind}?_count=200"
    while address:
        page = program.get(address)
        ids += [one["resource"]["id"] for one in page.get("entry", ())]
        links = {link["relation"]: link["url"] for link in page["link"]}
        address = links.get("next", "").removeprefix(PLACE)
    return ids


def test_the_files_have_what_searches_find_and_are_valid(demo: Flask, database: Database) -> None:
    program = with_key(demo, database, *EVERYTHING)
    files = files_of(program)
    assert set(files) <= set(EXPORTED)
    assert {"Patient", "Appointment", "Practitioner", "Location"} <= set(files)
    assert not {
        "AllergyIntolerance",
        "MedicationRequest",
        "DocumentReference",
        "Encounter",
        "Slot",
    } & set(files)
    for kind in ("Patient", "Appointment", "Schedule"):
        assert [one["id"] for one in files[kind]] == searched(program, kind)
    for kind, lines in files.items():
        for line in lines[:20]:
            get_fhir_model_class(kind).model_validate(line)


def test_a_manifest_says_what_was_asked_and_until_when(demo: Flask, database: Database) -> None:
    program = with_key(demo, database, *EVERYTHING)
    answer = program.send("GET", begun(program, "/fhir/Patient/$export?_type=Patient"))
    manifest: Any = answer.json
    assert manifest["request"] == f"{PLACE}/fhir/Patient/$export?_type=Patient"
    assert manifest["transactionTime"] == "2026-11-22T07:59:00+00:00"
    assert manifest["requiresAccessToken"] is True
    assert [one["type"] for one in manifest["output"]] == ["Patient"]
    assert answer.headers["Expires"] == "Mon, 23 Nov 2026 08:00:00 GMT"


def test_of_patients_is_what_is_about_them(demo: Flask, database: Database) -> None:
    program = with_key(demo, database, *EVERYTHING)
    files = files_of(program, "/fhir/Patient/$export")
    assert set(files) <= set(OF_PATIENTS)
    assert {"Patient", "Appointment"} <= set(files)


def test_only_what_changed_since_is_asked_for(demo: Flask, database: Database) -> None:
    program = with_key(demo, database, *EVERYTHING)
    whole = files_of(program, "/fhir/$export?_type=Appointment")["Appointment"]
    changes = sorted(one["meta"]["lastUpdated"] for one in whole)
    middle = changes[len(changes) // 2]
    later = files_of(program, f"/fhir/$export?_type=Appointment&_since={middle}")["Appointment"]
    assert {one["id"] for one in later} == {
        one["id"] for one in whole if one["meta"]["lastUpdated"] >= middle
    }


def test_a_program_gets_what_its_scopes_are_for(demo: Flask, database: Database) -> None:
    program = with_key(demo, database, "system/Location.rs", "system/Patient.r")
    assert list(files_of(program)) == ["Location"]
    refused = program.send("GET", "/fhir/$export?_type=Patient", **ASYNC)
    assert refused.status_code == 403
    assert "system/Patient.s" in refused.text
    nothing = with_key(demo, database, "patients:read").send("GET", "/fhir/$export", **ASYNC)
    assert nothing.status_code == 403


@pytest.mark.parametrize("way", ["status", "file", "end"])
def test_an_export_is_the_programs_own_until_it_ends(
    demo: Flask, database: Database, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    program, other = (with_key(demo, database, *EVERYTHING) for _ in range(2))
    place = begun(program, "/fhir/$export?_type=Location")
    asks: dict[str, Callable[[Program], TestResponse]] = {
        "status": lambda who: who.send("GET", place),
        "file": lambda who: who.send("GET", f"{place}/Location.ndjson"),
        "end": lambda who: who.send("DELETE", place),
    }
    assert asks[way](other).status_code == 404
    assert asks[way](Program(demo)).status_code == 401
    with monkeypatch.context() as patched:
        patched.setattr(clock, "now", lambda: NOW + bulk.LASTS * 2)
        assert asks[way](program).status_code == 404
    with asks[way](program) as answer:
        assert answer.status_code == (202 if way == "end" else 200)
    if way == "end":
        assert asks["status"](program).status_code == asks["file"](program).status_code == 404
    assert program.send("GET", f"{place}/Patient.ndjson").status_code == 404


def test_people_do_not_export(app: Flask, world: World) -> None:
    answer = signed_in(app, world, "network-admin").send("GET", "/fhir/$export", **ASYNC)
    assert answer.status_code == 403
    assert "Only programs" in answer.text


@pytest.mark.parametrize(
    ("address", "field"),
    [
        ("/fhir/$export?_type=Slot", "_type"),
        ("/fhir/$export?_type=MedicationRequest", "_type"),
        ("/fhir/Patient/$export?_type=Practitioner", "_type"),
        ("/fhir/$export?_outputFormat=text/csv", "_outputFormat"),
        ("/fhir/$export?_since=yesterday", "_since"),
        ("/fhir/$export?_elements=id", "_elements"),
        ("/fhir/$export?_typeFilter=Patient%3Factive%3Dtrue", "_typeFilter"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(
    demo: Flask, database: Database, address: str, field: str
) -> None:
    program = with_key(demo, database, *EVERYTHING)
    answer = program.send("GET", address, **ASYNC)
    assert answer.status_code == 400
    assert field in answer.text
    assert program.send("GET", "/fhir/$export").status_code == 400
    lenient = program.send(
        "GET", "/fhir/$export?_elements=id", Prefer="respond-async, handling=lenient"
    )
    assert lenient.status_code == 202


def test_what_reads_an_export_waits_for_its_place(demo: Flask, database: Database) -> None:
    place = begun(with_key(demo, database, *EVERYTHING))
    for path, waits in ((place, True), (f"{place}/Patient.ndjson", True), ("/fhir/Patient", False)):
        assert bulk_export.is_read({"PATH_INFO": path}) is waits


def test_pages_lose_and_repeat_nothing_and_are_audited(
    demo: Flask, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_export, "LINES_AT_ONCE", 7)
    program = with_key(demo, database, *EVERYTHING)
    place = begun(program, "/fhir/$export?_type=Patient")
    ids = [one["id"] for one in read(program, {"url": f"{place}/Patient.ndjson"})]
    active = database.read(lambda session: session.query(Patient).count())
    assert len(set(ids)) == len(ids) == active > 14
    subject = f"export:{place.rpartition('/')[2]}"
    events = database.read(lambda session: audit.events_of(session, subject))
    assert [(one.action, one.details) for one in events] == [
        ("export.begun", {"kinds": "Patient", "program": "key Test"}),
        ("export.read", {"kinds": "Patient", "program": "key Test"}),
    ]
