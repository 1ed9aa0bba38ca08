"""Filters of the search: set by a form or the address, taken off one by one, in the API too."""

import re
from html import unescape

from flask import Flask

import factories
from entrypoints.browsing import ClientFor
from entrypoints.programs import with_key
from entrypoints.world import World
from openslot.core.db import Database
from openslot.directory.models import Gender, Mode, Practitioner

ALL = "q=physio&kind=practitioner&gender=female&mode=video&language=Hindi&evening=yes&new=yes"


def video_calls(network: Database, world: World) -> None:
    """Have the practitioner ``owner``, a woman, offer calls by video besides."""

    def offer(session: object) -> None:
        usual = factories.offered_service(session, None, "Consultation")
        video = factories.offered_service(session, None, "Video call", mode=Mode.VIDEO)
        factories.offer(session, world.schedules["owner"], usual, video)

    network.run(offer)
    factories.change(network, Practitioner, world.practitioners["owner"], gender=Gender.FEMALE)


def test_filters_stay_in_the_address_and_come_off_one_by_one(
    client_for: ClientFor, network: Database, world: World
) -> None:
    video_calls(network, world)
    reader = client_for(None)
    page = reader.get(f"/search?{ALL}").text
    assert "Priya Owner" in page
    assert "Priya Teammate" not in page
    assert "Video call" in page
    chips = page[page.index("Filters in use") : page.index("Remove all")]
    links = [unescape(one) for one in re.findall(r'href="(/search[^"]+)"', chips)]
    for name in ("gender", "mode", "language", "evening", "new"):
        without = next(link for link in links if f"{name}=" not in link)
        assert without.startswith("/search?q=physio"), "the others stay"
        assert page.count(f'name="{name}"') == 2, "in the form of filters, and a new search"
    [clear] = re.findall(r'href="([^"]+)">Remove all', page)
    assert "Priya Teammate" in reader.get(unescape(clear)).text


def test_programs_search_with_the_same_filters(app: Flask, network: Database, world: World) -> None:
    video_calls(network, world)
    program = with_key(app, network, "*")
    one = program.get(f"/api/v1/search?{ALL.replace('yes', 'true').replace('new', 'new_patients')}")
    assert [found["name"] for found in one["items"]] == ["Priya Owner"]
    assert program.send("GET", "/api/v1/search?mode=letter").status_code == 422
    assert program.get(f"/fhir/Practitioner/{world.practitioners['owner']}")["gender"] == "female"
