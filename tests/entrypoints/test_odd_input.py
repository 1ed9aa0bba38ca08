"""What nobody types: it never meets a fault of ours, and what cannot be kept changes nothing."""

import re
from html import unescape
from typing import Any
from urllib.parse import quote_plus

import pytest
from sqlalchemy import select

from entrypoints.browsing import Client, ClientFor
from entrypoints.world import World
from openslot.core.db import Database
from openslot.schema import metadata

FORMS = [
    (None, "/login"),
    (None, "/sign-up"),
    (None, "/forgot"),
    (None, "/sign-up/staff"),
    ("patient-owner", "/practitioners/{practitioner}"),
    ("patient-owner", "/centres/{centre}"),
    ("patient-owner", "/account/details"),
    ("patient-owner", "/account/password"),
    ("patient-owner", "/account/email"),
    ("patient-owner", "/account/sessions"),
    ("patient-owner", "/account/delete"),
    ("practitioner-owner", "/account/details"),
    ("staff-owner", "/account/details"),
    ("practitioner-owner", "/patients/{patient}"),
    ("practitioner-owner", "/patients/{patient}/notes/new"),
    ("practitioner-owner", "/patients/{patient}/prescriptions/new"),
    ("practitioner-owner", "/patients/{patient}/allergies/new"),
    ("staff-owner", "/patients/new"),
    ("staff-owner", "/patients/{patient}/edit"),
    ("staff-owner", "/admin/departments/{department}/edit"),
    ("staff-owner", "/admin/departments/{department}/services/new"),
    ("staff-owner", "/admin/services/{service}"),
    ("staff-owner", "/services/{teammate_service}/request"),
    ("staff-owner", "/departments"),
    ("network-admin", "/admin/centres/new"),
    ("network-admin", "/admin/centres/{centre}/edit"),
    ("network-admin", "/admin/centres/{centre}/closures"),
    ("network-admin", "/admin/centres/{centre}/departments/new"),
    ("network-admin", "/admin/practitioners/new"),
    ("network-admin", "/admin/practitioners/{practitioner}/edit"),
    ("network-admin", "/admin/practitioners/{practitioner}/centres/new"),
    ("network-admin", "/admin/schedules/{schedule}"),
    ("network-admin", "/admin/accounts/new"),
    ("network-admin", "/admin/import"),
    ("network-admin", "/admin/keys/new"),
    ("network-admin", "/admin/webhooks/new"),
]
SEARCHES = [
    (None, "/search?q="),
    ("staff-owner", "/patients?q="),
    ("staff-owner", "/requests?service="),
    ("staff-owner", "/requests?priority="),
    ("staff-owner", "/requests?tab=closed&page="),
    ("staff-owner", "/departments?q="),
    (None, "/practitioners/1?ratings="),
    ("staff-owner", "/patients?page="),
    ("practitioner-owner", "/patients?q="),
    ("practitioner-owner", "/patients?name=x&identifier="),
    ("practitioner-owner", "/patients?identifier=31+3+1980&name="),
    ("patient-owner", "/history?after="),
    ("patient-owner", "/history/reads?after="),
    ("network-admin", "/admin/practitioners?q="),
    ("network-admin", "/admin/accounts?q="),
    ("network-admin", "/admin/accounts?role="),
    ("network-admin", "/admin/audit?person="),
    ("network-admin", "/admin/accounts?asked="),
    ("network-admin", "/admin/outbox?page="),
    (None, "/login?next="),
    (None, "/login?email="),
]
BY_POST = ("/patients?", "/admin/practitioners?", "/admin/accounts?q", "/admin/audit?person")
NEVER_KEPT = [b"a\x00b", b"\x07", b"x" * 100_000]
ODD = [
    *NEVER_KEPT,
    b"",
    b" ",
    b"\xed\xa0\x80",  # half of a surrogate pair, in the bytes that some programs write it in
    b"\xff\xfe",
    "\u202eevil\u2066".encode(),
    "é".encode() * 5000,
    b"-1",
    b"99999999999999999999",
    b"1e309",
    b"nan",
    b"2026-02-30",
    b"0001-01-01",
    b"9999-12-31",
    b"31 3 1980",
    b"24:05",
    b"' OR 1=1 --",
    b"<script>alert(1)</script>",
    b"{{ 7 * 7 }}",
    b"%s %(name)s {0} {name}",
    b"../../etc/passwd",
    b"=cmd|' /C calc'!A0",
    b"yes",
]
FORM = re.compile(r'<form[^>]*method="post"[^>]*>.*?</form>', re.DOTALL)
ACTION = re.compile(r'action="([^"]*)"')
NAME = re.compile(r'<(?:input|select|textarea|button)[^>]* name="([^"]+)"')
IGNORED = {"account_session", "audit_event", "outbox_message", "sign_in_failure"}
"""Tables that rightly remember that somebody tried."""


def address(pattern: str, world: World) -> str:
    """The path with ids of objects that the person may change."""
    return pattern.format(
        patient=world.patients["owner"],
        department=world.departments["owner"],
        service=world.services["owner"],
        teammate_service=world.services["teammate"],
        centre=world.centres["own"],
        practitioner=world.practitioners["owner"],
        schedule=world.schedules["owner"],
    )


def forms(page: str) -> list[tuple[str, list[str]]]:
    """Where each form of what a page is about is sent, and the names of its fields."""
    main = page[page.index("<main") : page.index("</main>")]
    return [
        (unescape(found[1]), sorted(set(NAME.findall(form)) - {"csrf_token"}))
        for form in FORM.findall(main)
        if (found := ACTION.search(form))
    ]


def send(client: Client, path: str, fields: list[str], odd: bytes) -> int:
    """Post ``odd`` in every field, byte by byte as it is."""
    token = (client.token or "").encode()
    body = b"&".join(
        [
            b"csrf_token=" + token,
            *(quote_plus(name).encode() + b"=" + _escaped(odd) for name in fields),
        ]
    )
    kind = "application/x-www-form-urlencoded"
    return client.http.post(path, data=body, content_type=kind).status_code


def _escaped(odd: bytes) -> bytes:
    return b"%" + odd.hex("%").encode() if odd else b""


def contents(database: Database) -> dict[str, list[Any]]:
    """All that the database holds, but for the traces of trying."""
    tables = [table for table in metadata.sorted_tables if table.name not in IGNORED]
    return database.read(
        lambda session: {table.name: list(session.execute(select(table))) for table in tables}
    )


@pytest.mark.parametrize(("person", "pattern"), FORMS)
def test_no_field_takes_the_page_down(
    client_for: ClientFor, world: World, network: Database, person: str | None, pattern: str
) -> None:
    client, path = client_for(person), address(pattern, world)
    client_for(person)  # another browser, which the page of sessions lists
    client.token_of("/forgot" if person is None else "/account")
    found = forms(client.get(path).text)
    assert found, path
    before = contents(network)
    for odd in ODD:  # those that are never kept come first
        for action, fields in found:
            status = send(client, action, fields, odd)
            assert status < 500, (action, odd[:20], status)
        if odd in NEVER_KEPT:
            assert contents(network) == before, (path, odd[:20])


@pytest.mark.parametrize(("person", "start"), SEARCHES)
def test_no_search_takes_the_page_down(
    client_for: ClientFor, world: World, person: str | None, start: str
) -> None:
    client = client_for(person)
    ask = client.search if start.startswith(BY_POST) else client.get
    for odd in ODD:
        text = _escaped(odd[:6000]).decode()
        status = ask(start + text).status_code
        assert status < 500, (start, odd[:20], status)
