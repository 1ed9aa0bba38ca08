"""Answers are compressed for who accepts that, and pages take few bytes."""

import gzip
import re
import runpy
from pathlib import Path

import brotli
import pytest
from flask import Flask

from entrypoints.browsing import ClientFor
from entrypoints.programs import with_key
from entrypoints.world import World
from openslot.core.db import Database

ROOT = Path(__file__).parents[2]
FIRST_PAGE, LATER_PAGE = 80_000, 15_000
"""Bytes on the wire, at most."""


def size(client_for: ClientFor, path: str) -> int:
    """Bytes of an answer on the wire, with its headers as HTTP/1.1 sends them."""
    answer = client_for(None).get(path, **{"Accept-Encoding": "br, gzip"})
    assert answer.status_code == 200
    return len(answer.data) + len(str(answer.headers))


@pytest.mark.parametrize("path", ["/search?q=randwick", "/api/v1/openapi.json", "/fhir/metadata"])
@pytest.mark.parametrize(("name", "read"), [("br", brotli.decompress), ("gzip", gzip.decompress)])
def test_what_is_compressed_says_the_same(
    client_for: ClientFor, path: str, name: str, read: object
) -> None:
    client = client_for(None)
    plain = client.get(path)
    assert "Content-Encoding" not in plain.headers
    packed = client.get(path, **{"Accept-Encoding": name})
    assert packed.headers["Content-Encoding"] == name
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert len(packed.data) < len(plain.data)
    opened = read(packed.data).decode()  # type: ignore[operator]
    changes = re.compile(r'(nonce|value)="[^"]+"')
    assert changes.sub("", opened) == changes.sub("", plain.text)


@pytest.mark.parametrize("accepted", ["br;q=0", "gzip;q=0, br;q=0", "identity", ""])
def test_what_is_refused_is_not_sent(client_for: ClientFor, accepted: str) -> None:
    answer = client_for(None).get("/fhir/metadata", **{"Accept-Encoding": accepted})
    assert "Content-Encoding" not in answer.headers
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert answer.json["resourceType"] == "CapabilityStatement"


def test_the_version_of_an_object_is_the_same_however_it_is_sent(
    app: Flask, network: Database, world: World
) -> None:
    program = with_key(app, network, "*")
    path = f"/api/v1/appointments/{world.appointments['owner']}"
    accepted = ("identity", "br", "gzip")
    answers = [program.send("GET", path, **{"Accept-Encoding": one}) for one in accepted]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers["ETag"] for answer in answers}) == 1


def test_a_first_page_and_later_ones_take_few_bytes(client_for: ClientFor) -> None:
    page = client_for(None).get("/").text
    files = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page))
    assert len(files) > 4
    assert sum(size(client_for, path) for path in ("/", *files)) < FIRST_PAGE
    for path in ("/", "/search?q=randwick", "/centres/1", "/practitioners/1", "/book/1"):
        assert size(client_for, path) < LATER_PAGE


def test_files_are_kept_for_a_year_under_the_fingerprint_of_their_content(
    client_for: ClientFor,
) -> None:
    page = client_for(None).get("/").text
    for path in re.findall(r'"(/static/[^"#]+)', page):
        assert re.search(r"\?v=[0-9a-f]{12}$", path)
        kept = client_for(None).get(path).headers["Cache-Control"]
        assert set(kept.split(", ")) == {"public", "max-age=31536000", "immutable"}


def test_the_stylesheet_of_bootstrap_has_what_pages_use_now() -> None:
    script = runpy.run_path(str(ROOT / "scripts/build_bootstrap.py"))
    sheet = script["sheet"]()
    assert script["SHEET"].read_text(encoding="utf-8") == sheet, "run scripts/build_bootstrap.py"
    assert len(sheet) < 40_000
    assert ".carousel" not in sheet
