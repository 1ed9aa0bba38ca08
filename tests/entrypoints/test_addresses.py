"""No address of the pages has a name, a birth, a number or an e-mail of somebody."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, unquote_plus, urlsplit
from uuid import uuid4

import pytest
import time_machine
from flask import Flask
from werkzeug.test import TestResponse

from entrypoints.browsing import Client, ClientFor
from entrypoints.test_walk import PEOPLE, ways
from entrypoints.test_walk import values as parts_of
from entrypoints.world import PASSWORD, World
from openslot.core import clock
from openslot.core.db import Database
from openslot.directory.models import Patient
from openslot.entrypoints.web import patients as pages
from openslot.entrypoints.web.asked import LASTS

TEMPLATES = Path(pages.__file__).parent / "templates"
FORM = re.compile(r"<form\b([^>]*(?:\{\{.*?\}\}[^>]*)*)>(.*?)</form>", re.DOTALL)
FIELD = re.compile(r"<(input|textarea)\b([^>]*(?:\{\{.*?\}\}[^>]*)*)>")
NOT_TYPED = {"hidden", "checkbox", "radio", "submit", "button", "number"}
ALLOWED = {
    "search.results": {"q", "where", "centre", "suburb", "service", "expertise", "name"},
    "requests.departments": {"q"},
    "reports.show": {"since", "until"},
    "desk.show": {"day"},
    "series.plan": {"until"},
    "series.move": {"day", "clock"},
    "itineraries.plan": {"from"},
}
"""What may be typed into an address: what one looks for in public, and days and times."""

IN_TEMPLATES = {
    "search/results.html": {"{{ name }}"},
    "search/_parts.html": {"q", "where"},
    "requests/departments.html": {"q"},
    "reports/show.html": {"since", "until"},
    "series/book.html": {"until"},
    "series/move.html": {"day", "clock"},
    "itineraries/plan.html": {"from"},
    "desk/show.html": {"day"},
}


def attribute(tag: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return unescape(found[1]) if found else ""


def readable_forms(page: str) -> Iterator[tuple[str, set[str]]]:
    """The address of each form that is sent by GET, and the names of what is typed into it."""
    for tag, inside in FORM.findall(page):
        if attribute(tag, "method").lower() != "post":
            typed = {
                attribute(field, "name")
                for kind, field in FIELD.findall(inside)
                if kind == "textarea" or attribute(field, "type") not in NOT_TYPED
            }
            yield attribute(tag, "action"), typed


def test_no_template_has_a_form_that_puts_people_into_addresses() -> None:
    found = {
        (str(file.relative_to(TEMPLATES)), name)
        for file in TEMPLATES.rglob("*.html")
        for _action, names in readable_forms(file.read_text(encoding="utf-8"))
        for name in names
    }
    assert found == {(file, name) for file, names in IN_TEMPLATES.items() for name in names}


@pytest.mark.parametrize("person", PEOPLE)
def test_no_page_puts_people_into_addresses(
    app: Flask, client_for: ClientFor, world: World, network: Database, person: str | None
) -> None:
    client, wrong, forms = client_for(person), [], 0
    known = people(network)
    router = app.url_map.bind("localhost")
    for way in ways(app, parts_of(world, "owner") | {"merge_id": uuid4()}):
        if "GET" not in way.methods:
            continue
        answer = client.get(way.path)
        if answer.status_code != 200 or answer.mimetype != "text/html":
            continue
        for action, names in readable_forms(answer.text):
            endpoint = router.match(urlsplit(action or way.path).path)[0]
            forms += 1
            wrong += [(way.path, name) for name in names - ALLOWED.get(endpoint, set())]
        wrong += [(way.path, href) for href in hrefs(answer.text) if tells(href, known)]
    assert wrong == []
    assert forms, "or nothing was looked at"


def people(network: Database) -> set[str]:
    """The names, addresses and numbers of all patients."""
    rows = network.read(lambda session: session.query(Patient).all())
    values = {
        value
        for row in rows
        for value in (row.name, row.email, row.phone, row.medicare_number)
        if value
    }
    assert values
    return values


def hrefs(page: str) -> list[str]:
    return [unescape(one) for one in re.findall(r'(?:href|action)="([/?][^"]*)"', page)]


def tells(href: str, known: set[str]) -> bool:
    typed = [value for _name, value in parse_qsl(urlsplit(href).query)]
    return any("@" in value or value in known for value in typed)


# Old addresses


@pytest.mark.parametrize(
    ("person", "old", "new"),
    [
        ("staff-owner", "/patients?q=Aroha", "/patients"),
        ("staff-owner", "/patients?service=1&q=Aroha&page=2", "/patients?service=1&page=2"),
        ("practitioner-owner", "/patients?name=Aroha+Owner&identifier=31+3+1980", "/patients"),
        ("staff-owner", "/patients/new?name=Aroha", "/patients/new"),
        ("staff-owner", "/patients/new?medicare_number=1", "/patients/new"),
        ("network-admin", "/admin/accounts?q=Aroha&role=patient", "/admin/accounts?role=patient"),
        ("network-admin", "/admin/accounts/new?email=Aroha@x.example", "/admin/accounts/new"),
        ("network-admin", "/admin/practitioners?q=Aroha", "/admin/practitioners"),
        ("network-admin", "/admin/audit?person=Aroha", "/admin/audit"),
        ("network-admin", "/admin/audit.csv?person=Aroha", "/admin/audit.csv"),
        (None, "/login?email=Aroha@x.example&next=/account", "/login?next=/account"),
        (None, "/sign-up?email=Aroha@x.example", "/sign-up"),
        (None, "/forgot?email=Aroha@x.example", "/forgot"),
        # What is kept for after signing in has none either.
        (None, "/patients?q=Aroha", "/patients"),
    ],
)
def test_an_old_address_leads_to_the_empty_form(
    client_for: ClientFor, person: str | None, old: str, new: str
) -> None:
    client = client_for(person)
    for ask in (client.http.get, client.http.head):
        answer = ask(old)
        assert (answer.status_code, unquote_plus(answer.location)) == (303, new)
    after = client.http.get(old, follow_redirects=True)
    assert after.status_code == 200
    assert 'value="Aroha' not in after.text


def test_an_old_address_of_a_merge_leads_to_the_empty_form(
    client_for: ClientFor, world: World
) -> None:
    path = f"/admin/patients/{world.patients['owner']}/merge"
    assert client_for("network-admin").get(f"{path}?q=Aroha").location == path


# Searching


SEARCHES = [
    ("staff-owner", "/patients", {"q": "aroha owner"}, "Aroha Owner"),
    ("staff-owner", "/patients", {"q": "31 March 1980"}, "Aroha Owner"),
    (
        "practitioner-stranger",
        "/patients",
        {"name": "Aroha Owner", "identifier": "31 3 1980"},
        "Aroha Owner",
    ),
    ("network-admin", "/admin/accounts", {"q": "patient-owner@example.com"}, "Aroha Owner"),
    ("network-admin", "/admin/practitioners", {"q": "priya own"}, "Priya Owner"),
    ("network-admin", "/admin/audit", {"person": "patient-owner@example.com"}, "<h1"),
]


def send(client: Client, path: str, typed: dict[str, str], **shown: str) -> TestResponse:
    return client.send(path, **typed, **shown)


@pytest.mark.parametrize(("person", "path", "typed", "found"), SEARCHES)
def test_what_is_searched_for_is_not_in_the_address(
    client_for: ClientFor, person: str, path: str, typed: dict[str, str], found: str
) -> None:
    client = client_for(person)
    answer = client.send(path, **typed)
    assert answer.status_code == 303
    location = unquote_plus(answer.location)
    assert location.startswith(f"{path}?asked=")
    for text in typed.values():
        assert text not in location
        assert text.encode().hex() not in location
    for _again in range(2):  # reloading and going back are the same request
        page = client.get(answer.location).text
        assert found in page
        assert all(f'value="{text}"' in page for text in typed.values())
    assert client.send(path, **dict.fromkeys(typed, " ")).location == path


def test_only_who_searched_reads_the_address(client_for: ClientFor, world: World) -> None:
    found = client_for("staff-owner").send("/patients", q="aroha").location
    other = client_for("staff-teammate")
    answer = other.get(found)
    assert (answer.status_code, answer.location) == (303, "/patients")
    assert "This search has ended. Search again." in other.get("/patients").text
    assert client_for(None).get(found).location.startswith("/login?next=")


@pytest.mark.parametrize("change", [lambda text: text[:-4], lambda text: text + "x", lambda _: ""])
def test_a_changed_address_finds_nothing(client_for: ClientFor, change: object) -> None:
    client = client_for("staff-owner")
    path, _, hidden = client.send("/patients", q="aroha").location.partition("asked=")
    assert client.get(f"{path}asked={change(hidden)}").location == "/patients"


def test_a_search_ends(client_for: ClientFor) -> None:
    client = client_for("network-admin")
    found = client.send("/admin/accounts", q="aroha", role="patient").location
    assert "Aroha Owner" in client.get(found).text
    with time_machine.travel(clock.now() + LASTS + timedelta(minutes=1)):
        ended = client_for("network-admin").get(found)
    assert (ended.status_code, ended.location) == (303, "/admin/accounts?role=patient")


def test_a_search_is_paged(
    client_for: ClientFor, monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    monkeypatch.setattr(pages, "PAGE_SIZE", 1)
    client = client_for("network-admin")
    first = client.search("/patients?q=a&service=7").text
    following = re.search(r'href="(/patients\?[^"]*)" rel="next"', first)
    assert following, "there are several"
    address = unescape(following[1])
    assert "q=" not in address
    assert "page=2" in address
    assert "service=7" in address or 'name="service"' not in first
    second = client.get(address).text
    assert '" rel="prev"' in second
    shown = re.compile(r'<h3><a href="(/patients/[^"]+)">')
    assert shown.findall(first) != shown.findall(second)


def test_the_filter_of_the_audit_stays_in_its_links(client_for: ClientFor) -> None:
    client = client_for("network-admin")
    page = client.search("/admin/audit?person=patient-owner&group=accounts&subject=x:1").text
    links = [one for one in hrefs(page) if one.startswith("/admin/audit") and "asked=" in one]
    assert len(links) >= 2, "the file, and everything"
    assert any(one.startswith("/admin/audit.csv?") for one in links)
    for link in links:
        shown = client.get(link)
        assert shown.status_code == 200
        if shown.mimetype == "text/html":
            assert 'value="patient-owner"' in shown.text


# Filling in


def test_a_search_without_result_fills_in_the_form_to_register(client_for: ClientFor) -> None:
    client = client_for("staff-owner")
    page = client.search("/patients?q=Zoe+Newcomer").text
    (link, *_same) = [one for one in hrefs(page) if one.startswith("/patients/new")]
    assert "Zoe" not in unquote_plus(link)
    assert 'value="Zoe Newcomer"' in client.get(link).text


def test_an_address_to_sign_in_with_is_filled_in(client_for: ClientFor) -> None:
    client = client_for(None)
    page = client.send("/forgot", email="somebody@example.org").text
    (link,) = [one for one in hrefs(page) if one.startswith("/login?asked=")]
    assert 'value="somebody@example.org"' in client.get(link).text
    assert "somebody@example.org" not in client_for(None).get(link).text


NAMED = "Aroha%20Owner"
LEADS = (
    f"/patients?q={NAMED}",
    f"/patients?q={NAMED}&page=2",
    f"/admin/audit?person={NAMED}&group=security",
    f"/login?email=a@example.org&next=%2Fpatients%3Fq%3D{NAMED.replace('%', '%25')}",
    f"/an/old/page?who={NAMED}",
    f"/account/sessions/end?who={NAMED}",
    "/login?next=" * 2000 + f"/patients?q={NAMED}",
)
"""Old addresses that name somebody: of pages that search, of ways in ways, and of none."""


def nowhere(text: str) -> bool:
    """Whether a text, read out as often as it can be, names nobody."""
    for _layer in range(8):
        text = unquote_plus(unescape(text))
    return "Aroha" not in text and "a@example" not in text


@pytest.mark.parametrize("lead", LEADS)
@pytest.mark.parametrize("path", ["/login", "/sign-up", "/account/prove"])
@pytest.mark.parametrize("person", [None, "staff-owner"])
def test_a_way_to_go_on_names_nobody(
    client_for: ClientFor, path: str, lead: str, person: str | None
) -> None:
    client = client_for(person)
    answer = client.http.get(path, query_string={"next": lead})
    for _step in range(3):
        if answer.status_code != 303:
            break
        assert nowhere(answer.location), answer.location
        answer = client.http.get(answer.location)
    assert nowhere("".join(re.findall(r'(?:href|action|value)="([^"]*)"', answer.text)))


def test_signing_in_leads_to_the_page_without_the_name(client_for: ClientFor, world: World) -> None:
    client = client_for(None)
    sent = {"email": world.emails["staff-owner"], "password": PASSWORD}
    answer = client.send("/login", **sent, next=f"/patients?q={NAMED}&page=2")
    assert (answer.status_code, answer.location) == (303, "/patients?page=2")


@pytest.mark.parametrize("path", [f"/patients?q={NAMED}", f"/nowhere?who={NAMED}"])
def test_a_refused_page_and_one_that_is_not_there_lead_on_without_the_name(
    client_for: ClientFor, path: str
) -> None:
    answer = client_for(None).http.get(path, follow_redirects=True)
    assert answer.request.path == "/nowhere" or nowhere(answer.request.url)
    assert nowhere("".join(re.findall(r'href="([^"]*)"', answer.text)))


def test_what_names_nobody_stays_in_the_way(client_for: ClientFor) -> None:
    lead = "/search?q=knee%20pain&suburb=Randwick&x=%2B1#there"
    page = client_for(None).http.get("/login", query_string={"next": lead})
    assert page.status_code == 200
    assert f'name="next" value="{lead.replace("&", "&amp;")}"' in page.text


def test_a_form_of_an_old_address_is_sent_again_without_the_name(
    client_for: ClientFor, world: World
) -> None:
    client = client_for(None)
    stale = client.http.post(
        f"/patients?q={NAMED}",
        data={"csrf_token": "stale", "name": "x"},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert stale.status_code == 401
    sent = {"email": world.emails["staff-owner"], "password": PASSWORD}
    found = re.search(r'name="unsent" value="([^"]*)"', stale.text)
    assert found
    token = re.search(r'name="csrf_token" value="([^"]*)"', stale.text)
    assert token
    page = client.http.post(
        "/login", data={**sent, "unsent": unescape(found[1]), "csrf_token": unescape(token[1])}
    )
    assert page.status_code == 200
    assert nowhere("".join(re.findall(r'action="([^"]*)"', page.text)))
