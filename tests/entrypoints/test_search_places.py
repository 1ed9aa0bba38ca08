"""What and where: the second field of the search, on pages and in the API."""

import re
from urllib.parse import unquote

import pytest
from flask import Flask

import factories
from entrypoints.browsing import ClientFor
from entrypoints.programs import with_key
from entrypoints.world import World
from openslot.core.db import Database
from openslot.directory.models import Centre

BANKSIA, WATTLE = (-33.9, 151.2), (-34.98, 138.51)


@pytest.fixture(autouse=True)
def on_the_map(network: Database, world: World) -> None:
    for which, suburb, (latitude, longitude) in (
        ("own", "Mascot", BANKSIA),
        ("other", "Glenelg", WATTLE),
    ):
        values = {"suburb": suburb, "latitude": latitude, "longitude": longitude}
        factories.change(network, Centre, world.centres[which], **values)


def test_a_place_is_remembered_until_the_field_is_emptied(client_for: ClientFor) -> None:
    reader = client_for(None)
    found = reader.get("/search?where=mascot")
    assert "Within 50\xa0km of Mascot." in found.text
    assert "Wattle Clinic" not in found.text
    (cookie,) = (one for one in found.headers.getlist("Set-Cookie") if one.startswith("place="))
    assert "; HttpOnly; " in cookie
    assert "SameSite=Lax" in cookie
    assert "of Mascot." in reader.get("/search?kind=centre").text
    assert "Soonest available near Mascot" in reader.get("/").text
    assert "Wattle Clinic" in reader.get("/search?kind=centre&where=").text
    assert "near Mascot" not in reader.get("/").text


def test_an_unknown_place_is_said_and_is_not_remembered(client_for: ClientFor) -> None:
    reader = client_for(None)
    page = reader.get("/search?kind=centre&where=Atlantis").text
    assert "We have nothing at “Atlantis”, so this is everywhere." in page
    assert '<a href="/search?kind=centre&amp;where=Glenelg">Glenelg</a>' in page
    assert "Atlantis" not in reader.get("/").text


def test_where_somebody_stands_is_in_no_cookie_and_stays_in_the_links(
    client_for: ClientFor,
) -> None:
    reader = client_for(None)
    reader.get("/search?where=Mascot")
    page = reader.get("/search?kind=centre&near=-34.97,138.52&where=")
    assert "Within 50\xa0km of you." in page.text
    assert "1.4\xa0km away" in page.text
    assert page.text.count('name="near" value="-34.97,138.52"') == 2, "both forms keep it"
    assert "near=-34.97,138.52" in unquote(page.text)
    assert not [one for one in page.headers.getlist("Set-Cookie") if "138.52" in one]


@pytest.mark.parametrize("near", ["here", "1", "1,2,3", "91,0", "0,181", "nan,1", "1e3,2", "-,-"])
def test_what_is_no_position_is_left_out(client_for: ClientFor, near: str) -> None:
    page = client_for(None).get("/search", query_string={"kind": "centre", "near": near})
    assert page.status_code == 200
    assert "Within 50\xa0km" not in page.text


def test_what_is_far_is_shown_and_said(client_for: ClientFor) -> None:
    page = client_for(None).get("/search?kind=centre&near=53.35,-6.26").text
    assert "There is nothing within 50\xa0km. The nearest come first." in page
    assert re.search(r"<strong>1\d,\d{3}\xa0km away</strong>", page)


def test_programs_search_near_to_a_place(app: Flask, network: Database) -> None:
    program = with_key(app, network, "*")
    found = program.get("/api/v1/search?kind=centre&where=mascot")
    assert (found["near"], found["is_far"]) == ("Mascot", False)
    assert [(one["name"], one["kilometres"]) for one in found["items"]] == [
        ("Banksia General Hospital", 0.0)
    ]
    found = program.get("/api/v1/search?kind=centre&latitude=-34.97&longitude=138.52")
    assert [(one["name"], one["kilometres"]) for one in found["items"]] == [("Wattle Clinic", 1.4)]
    everywhere = program.get("/api/v1/search?kind=centre&where=Atlantis")
    assert (everywhere["near"], everywhere["total"]) == (None, 2)


@pytest.mark.parametrize(
    ("query", "field"),
    [("latitude=1", "longitude"), ("longitude=1", "latitude"), ("latitude=91&longitude=1", "")],
)
def test_half_a_position_is_refused(app: Flask, network: Database, query: str, field: str) -> None:
    answer = with_key(app, network, "*").send("GET", f"/api/v1/search?{query}")
    assert answer.status_code in (400, 422)
    assert field in answer.text
