"""Pages promise mail only if mail goes out, with its links."""

import re
from html import unescape
from uuid import uuid4

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from entrypoints.browsing import ClientFor, mails
from entrypoints.test_walk import PEOPLE, values, ways
from entrypoints.world import PASSWORD, World
from openslot.core.config import Settings
from openslot.core.db import Database

SERVER = "mail.example.org"
PROMISE = re.compile(
    r"we (will|have|’ll) (also )?(e-?mail|sen[dt]|tell|told|notif)|we sent"
    r"|(emailed|sent) (you|them|it)|check your email|send (me|the|a) link|and email (you|them)",
    re.IGNORECASE,
)
BUTTONS = {"Send me a link", "Send the link"}
"""What makes the link, which an administrator passes on where no mail goes out."""


@pytest.fixture
def silent(settings: Settings) -> Settings:
    """A network from which no mail goes out."""
    settings.smtp_host = ""
    return settings


@pytest.fixture
def mailing(settings: Settings) -> Settings:
    settings.smtp_host, settings.confirm_email = SERVER, False
    return settings


def promises(page: str) -> list[str]:
    """The sentences of a page that promise mail."""
    main = page.partition("<main")[2].partition("</main>")[0]
    texts = (unescape(text).strip() for text in re.sub(r"<[^>]*>", "\n", main).split("\n"))
    return [text for text in texts if PROMISE.search(text) and text not in BUTTONS]


def html_of(answer: TestResponse) -> str:
    """The page, or nothing if it is a file."""
    return answer.text if answer.mimetype == "text/html" else ""


@pytest.mark.parametrize(
    ("host", "address", "goes_out"),
    [
        (SERVER, "https://care.example.org", True),
        (SERVER, "", False),
        ("", "https://care.example.org", False),
        ("", "", False),
    ],
)
def test_mail_goes_out_by_a_server_and_with_an_address(
    settings: Settings, host: str, address: str, goes_out: bool
) -> None:
    given = settings.model_copy(update={"smtp_host": host, "public_url": address})
    assert given.sends_mail is goes_out


@pytest.mark.parametrize("person", PEOPLE)
def test_no_page_promises_mail_that_does_not_go_out(
    silent: Settings, app: Flask, client_for: ClientFor, world: World, person: str | None
) -> None:
    client = client_for(person)
    parts = values(world, "owner") | {"merge_id": uuid4()}
    found = {
        way.path: said
        for way in ways(app, parts)
        if "GET" in way.methods and (said := promises(html_of(client.get(way.path))))
    }
    assert found == {}


def test_these_pages_promise_mail_that_goes_out(mailing: Settings, client_for: ClientFor) -> None:
    promised = {
        path: bool(promises(client_for(None).get(path).text))
        for path in ("/sign-up", "/forgot", "/sign-up/staff")
    }
    assert set(promised.values()) == {True}
    assert promises(client_for("patient-owner").get("/offers").text)
    assert promises(client_for("network-admin").get("/admin/accounts/new").text)


FORGOT = ("/forgot", {"email": "somebody@example.org"}, None)
SIGN_UP = (
    "/sign-up",
    {
        "name": "Mere Rangi",
        "born": "31 3 1980",
        "email": "mere@example.org",
        "password": "plum kettle orbit seven",
    },
    None,
)
NEW_ADDRESS = ("/account/email", {"email": "new@example.org", "current": PASSWORD}, "patient-owner")
CONFIRM = ("/confirm/send", {}, "patient-owner")
STAFF = (
    "/admin/accounts/new",
    {"role": "network-admin", "email": "new@example.org", "name": "New Admin"},
    "network-admin",
)


@pytest.mark.parametrize("form", [FORGOT, SIGN_UP, NEW_ADDRESS, CONFIRM, STAFF])
def test_what_a_form_answers_promises_mail_only_if_it_goes_out(
    settings: Settings,
    client_for: ClientFor,
    network: Database,
    form: tuple[str, dict[str, str], str | None],
) -> None:
    path, fields, person = form
    page = "/account" if path == "/confirm/send" else path
    said = []
    for server in ("", SERVER):
        settings.smtp_host, settings.confirm_email = server, False
        client = client_for(person)
        answer = client.send(path, page=page, **fields)
        shown = client.get(answer.location) if answer.status_code == 303 else answer
        assert shown.status_code == 200, shown.text
        said.append(bool(promises(shown.text)))
        fields = {name: value.replace("@", "2@") for name, value in fields.items()}
    assert said[0] is False
    assert said[1] is (path != "/confirm/send")


def test_a_record_is_handed_over_without_a_promise(
    silent: Settings, client_for: ClientFor, network: Database
) -> None:
    client = client_for("patient-owner")
    ana = {"name": "Ana Rangi", "born": "1 2 2015", "relation": "Child"}
    assert client.send("/profile/dependents/new", **ana).status_code == 303
    page = client.get("/profile/dependents").text
    (path,) = set(re.findall(r'href="(/profile/dependents/[^"]*/hand-over)"', page))
    answer = client.send(path, email="tama@example.net")
    assert answer.status_code == 303, answer.text
    assert len(mails(network)) == 1, "an administrator can read it and pass it on"
    listed = client.get(answer.location).text
    assert promises(listed) == []
    assert "Ask an administrator" in listed
