"""Every page says where one is, and leads to help and to the emergency number of the place."""

import re

import pytest

from entrypoints.browsing import ClientFor
from entrypoints.world import World


@pytest.mark.parametrize(
    ("person", "path", "place"),
    [
        ("patient-owner", "/profile/dependents/new", "People you care for"),
        ("practitioner-owner", "/calendar/absences", "Blocked time"),
        ("practitioner-owner", "/calendar/list", "Calendar"),
        ("centre-admin-owner", "/admin/audit", "Overview"),
        ("network-admin", "/admin/keys", "Overview"),
    ],
)
def test_the_nearest_place_is_marked(
    client_for: ClientFor, person: str, path: str, place: str
) -> None:
    page = client_for(person).get(path).text
    marked = re.findall(r'<a href="[^"]*" aria-current="page">.*?</svg>(.*?)</a>', page)
    assert marked
    assert set(marked) == {place}


@pytest.mark.parametrize("person", ["centre-admin-owner", "network-admin"])
def test_every_figure_and_entry_of_the_overview_leads_somewhere(
    client_for: ClientFor, person: str
) -> None:
    client = client_for(person)
    page = client.get("/dashboard").text
    main = page[page.index("os-stats") : page.index("os-foot")]
    links = set(re.findall(r'href="(/[^"#]*)"', main))
    assert len(links) > 8
    assert {client.http.get(link, follow_redirects=True).status_code for link in links} == {200}


def test_the_emergency_number_is_that_of_the_place(client_for: ClientFor, world: World) -> None:
    visitor = client_for(None)
    assert "In an emergency call 000." in visitor.get(f"/centres/{world.centres['own']}").text
    visitor.http.set_cookie("tz", "Europe/Dublin")
    page = visitor.get("/help").text
    assert "In an emergency call 112." in page
    assert 'href="/accessibility"' in page
