"""Published files are sent once: who has one already gets 304, without a body."""

import pytest
from flask import Flask
from sqlalchemy import update

from entrypoints.browsing import Client
from entrypoints.programs import with_key
from openslot.core.db import Database
from openslot.directory.models import Practitioner

PUBLISHED = (
    "/api/v1/openapi.json",
    "/fhir/metadata",
    "/.well-known/smart-configuration",
    "/fhir/.well-known/smart-configuration",
    "/fhir/$bulk-publish/locations.ndjson",
    "/static/theme.css",
)


@pytest.mark.parametrize("path", PUBLISHED)
@pytest.mark.parametrize("encoding", ["br", "identity"])
def test_what_is_published_is_not_sent_twice(app: Flask, path: str, encoding: str) -> None:
    http = app.test_client()
    first = http.get(path, headers={"Accept-Encoding": encoding}, buffered=True)
    assert first.status_code == 200, first.text
    assert first.data
    known = {"Accept-Encoding": encoding, "If-None-Match": first.headers["ETag"]}
    again = http.get(path, headers=known, buffered=True)
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    other = http.get(path, headers=known | {"If-None-Match": '"other"'}, buffered=True)
    assert (other.status_code, other.data) == (200, first.data)


def test_a_static_file_has_the_time_of_its_change_too(app: Flask) -> None:
    first = Client(app).get("/static/theme.css")
    again = Client(app).get(
        "/static/theme.css", **{"If-Modified-Since": first.headers["Last-Modified"]}
    )
    assert (again.status_code, again.data) == (304, b"")


def test_a_code_system_is_sent_again_when_it_has_a_new_code(app: Flask, network: Database) -> None:
    program = with_key(app, network, "system/*.rs")
    path = "/fhir/CodeSystem/specialty"
    tag = program.send("GET", path).headers["ETag"]
    assert program.send("GET", path, If_None_Match=tag).status_code == 304
    network.run(lambda session: session.execute(update(Practitioner).values(expertise="Knees")))
    assert program.send("GET", path, If_None_Match=tag).status_code == 200
