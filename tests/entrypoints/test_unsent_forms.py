"""What was typed comes back when a form is refused for its token, its session or its size."""

import re
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from entrypoints.browsing import Client, ClientFor
from entrypoints.test_walk import PEOPLE, values, ways
from entrypoints.world import PASSWORD, World
from openslot.app import LARGEST_REQUEST
from openslot.core.db import Database
from openslot.core.errors import Invalid
from openslot.entrypoints.web import notifications, profile, providers, reading
from openslot.entrypoints.web.access import allowed_roles
from openslot.entrypoints.web.accounts import SIGN_INS
from openslot.records.models import Entry

TEXT = "Walks with a stick.\nنص طويل – 診察 “quoted” & <b>bold</b>"
LONG = f"{TEXT}\n" + "Slept badly. " * 460
SECRET = "a password nobody may see again"
FIELDS = ("text", "letter", "answer", "description", "reason", "why", "about", "name", "task")
NEXT = re.compile(r'<form[^>]* action="([^"]+)"[^>]*>(.*?)</form>', re.DOTALL)
INPUT = re.compile(r'<input[^>]* name="([^"]+)"(?:[^>]* value="([^"]*)")?')
AREA = re.compile(r'<textarea[^>]* name="([^"]+)"[^>]*>\n(.*?)</textarea>', re.DOTALL)


def form_in(answer: TestResponse, button: str) -> tuple[str, dict[str, str]]:
    """The address and the fields of the form that has this button."""
    for action, body in NEXT.findall(answer.text):
        if button in body:
            fields = dict(INPUT.findall(body)) | dict(AREA.findall(body))
            return unescape(action), {name: unescape(text) for name, text in fields.items()}
    raise AssertionError(f"no form with {button}: {answer.text}")


def note(client: Client, world: World, **fields: object) -> TestResponse:
    """Send a note with whatever token the browser still has."""
    path = f"/patients/{world.patients['owner']}/notes/new"
    return client.http.post(path, data={"text": LONG, "appointment_id": "", **fields})


def typed(answer: TestResponse) -> str:
    return unescape(answer.text)


@pytest.mark.parametrize("person", PEOPLE)
def test_no_form_loses_its_text_for_a_stale_token(
    app: Flask, client_for: ClientFor, world: World, person: str | None
) -> None:
    client, role, lost = client_for(person), PEOPLE[person], []
    without_token = (
        *notifications.WITHOUT_TOKEN,
        *profile.WITHOUT_TOKEN,
        *providers.WITHOUT_TOKEN,
    )
    fields = dict.fromkeys(FIELDS, TEXT) | {"password": SECRET, "current": SECRET}
    for way in ways(app, values(world, "owner")):
        view = app.view_functions[way.endpoint]
        if "POST" not in way.methods or way.endpoint in without_token:
            continue
        answer = client.http.post(way.path, data={**fields, "csrf_token": "stale"})
        may = role in (allowed_roles(view) or ())
        if way.endpoint in SIGN_INS:
            continue
        assert answer.status_code in ((400, 303) if role or may else (401,)), way
        if typed(answer).count(TEXT) < len(FIELDS) or SECRET in answer.text:
            lost.append(way.endpoint)
    assert lost == []


def test_a_note_comes_back_after_signing_in_again(
    client_for: ClientFor, network: Database, world: World
) -> None:
    client = client_for("practitioner-owner")
    token = client.token_of(f"/patients/{world.patients['owner']}/notes/new")
    client.post("/logout")
    refused = note(client, world, csrf_token=token, entry_id="")
    assert refused.status_code == 401
    assert LONG in typed(refused)
    wrong = sign_in(client, refused, "practitioner-owner", world, "not the password")
    assert wrong.status_code == 401
    assert LONG in typed(wrong)
    again = sign_in(client, wrong, "practitioner-owner", world)
    assert "signed in as" not in typed(again)
    action, fields = form_in(again, "Send again")
    assert (action, fields["text"]) == (f"/patients/{world.patients['owner']}/notes/new", LONG)
    assert client.http.post(action, data=fields).status_code == 303
    assert note_texts(network, world) == [LONG.strip()]


def sign_in(
    client: Client, page: TestResponse, person: str, world: World, password: str = PASSWORD
) -> TestResponse:
    _action, fields = form_in(page, "Forgotten your password?")
    fields |= {"email": world.emails[person], "password": password}
    return client.http.post("/login", data=fields)


def note_texts(network: Database, world: World) -> list[str]:
    return network.read(
        lambda session: [
            entry.text or ""
            for entry in session.scalars(
                select(Entry).where(Entry.patient_id == world.patients["owner"])
            )
        ]
    )


def test_a_session_that_ended_on_the_server_returns_the_text_too(
    client_for: ClientFor, world: World
) -> None:
    client, other = client_for("practitioner-owner"), client_for("practitioner-owner")
    token = client.token_of(f"/patients/{world.patients['owner']}/notes/new")
    other.send("/account/sessions/end", page="/account/sessions", session="others")
    refused = note(client, world, csrf_token=token)
    assert refused.status_code == 401
    again = sign_in(client, refused, "practitioner-owner", world)
    assert form_in(again, "Send again")[1]["text"] == LONG


def test_somebody_else_who_has_signed_in_meanwhile_is_asked(
    client_for: ClientFor, network: Database, world: World
) -> None:
    client = client_for("practitioner-owner")
    token = client.token_of(f"/patients/{world.patients['owner']}/notes/new")
    client.post("/logout")
    client.send("/login", email=world.emails["practitioner-teammate"], password=PASSWORD)
    refused = note(client, world, csrf_token=token, entry_id="")
    assert refused.status_code == 400
    assert "You are now signed in as Priya Teammate" in re.sub("<[^>]+>", "", refused.text)
    action, fields = form_in(refused, "Send as Priya Teammate")
    assert fields["text"] == LONG
    sent_as_other = client.http.post(action, data=fields)
    assert sent_as_other.status_code == 404
    assert LONG in typed(sent_as_other)
    assert note_texts(network, world) == []
    action, fields = form_in(refused, "Sign in with the other account")
    page = client.http.post(action, data=fields)
    again = sign_in(client, page, "practitioner-owner", world)
    action, fields = form_in(again, "Send again")
    assert client.http.post(action, data=fields).status_code == 303
    assert note_texts(network, world) == [LONG.strip()]


def test_the_sign_in_page_that_was_open_for_too_long_keeps_what_it_carries(
    client_for: ClientFor, world: World
) -> None:
    client = client_for("practitioner-owner")
    token = client.token_of(f"/patients/{world.patients['owner']}/notes/new")
    client.post("/logout")
    refused = note(client, world, csrf_token=token)
    fields = form_in(refused, "Forgotten your password?")[1]
    fields |= {"email": world.emails["practitioner-owner"], "password": PASSWORD}
    fresh = Client(client.http.application)
    stale = fresh.http.post("/login", data=fields)
    assert (stale.status_code, PASSWORD in stale.text) == (400, False)
    assert world.emails["practitioner-owner"] in stale.text
    again = sign_in(fresh, stale, "practitioner-owner", world)
    assert form_in(again, "Send again")[1]["text"] == LONG
    reloaded = fresh.http.post("/login", data=fields)
    assert form_in(reloaded, "Send again")[1]["text"] == LONG


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://other.example"},
        {"Origin": "null"},
        {"Referer": "https://other.example/page"},
    ],
)
def test_another_site_cannot_put_its_words_into_a_form_here(
    client_for: ClientFor, world: World, headers: dict[str, str]
) -> None:
    path = f"/patients/{world.patients['owner']}/notes/new"
    for person in ("practitioner-owner", None):
        client = client_for(person)
        answer = client.http.post(path, data={"text": LONG}, headers=headers)
        assert answer.status_code in (400, 401)
        assert "Walks with a stick" not in answer.text


def test_a_form_that_comes_back_leads_to_no_other_site(client_for: ClientFor) -> None:
    for path, is_own in (("/evil.example/", True), ("/\\evil.example/", False)):
        answer = client_for("practitioner-owner").http.post(
            "/", data={"reason": "Cough for two weeks"}, environ_overrides={"PATH_INFO": path}
        )
        assert answer.status_code >= 400
        assert ("Cough for two weeks" in answer.text) == is_own


def test_what_is_carried_is_read_only_if_it_is_our_own(client_for: ClientFor) -> None:
    client = client_for("practitioner-owner")
    answer = client.post("/login", unsent='["/logout",[["text","Their words"]],[],false,""]')
    assert answer.status_code == 303


def test_a_form_that_is_too_large_comes_back_whole(client_for: ClientFor, world: World) -> None:
    client = client_for("practitioner-owner")
    path = f"/patients/{world.patients['owner']}/notes/new"
    huge = "Slept badly. " * (LARGEST_REQUEST // 12)
    answer = client.send(path, text=huge)
    assert answer.status_code == 413
    assert form_in(answer, "Send again")[1]["text"].strip() == huge.strip()


LONG_FIELDS = [
    ("practitioner-owner", "/patients/{patient}/notes/new", "text", 10_000),
    ("practitioner-owner", "/patients/{patient}/prescriptions/new", "text", 10_000),
    ("practitioner-owner", "/patients/{patient}/prescriptions/new", "medication", 200),
    ("practitioner-owner", "/patients/{patient}/allergies/new", "substance", 200),
    ("patient-owner", "/appointments/{appointment}/amend", "reason", 2000),
    ("patient-owner", "/appointments/{appointment}/cancel", "why", 500),
    ("patient-owner", "/book/{schedule}", "reason", 2000),
    ("patient-owner", "/book/{schedule}/hold", "reason", 2000),
    ("practitioner-owner", "/account/details", "about", 2000),
]


@pytest.mark.parametrize(("person", "address", "field", "most"), LONG_FIELDS)
def test_a_text_that_is_too_long_comes_back_whole_with_the_limit(
    client_for: ClientFor, world: World, person: str, address: str, field: str, most: int
) -> None:
    parts = values(world, "owner")
    path = address.format_map({name.removesuffix("_id"): part for name, part in parts.items()})
    text = ("Slept badly, <i>again</i>. " * most)[: most + 1].strip() + "…"
    text = text.ljust(most + 1, "!")
    start = "2027-01-04T00:00:00Z"
    answer = client_for(person).post(path, **{"start": start, "minutes": 30, field: text})
    assert 400 <= answer.status_code < 500
    assert text in typed(answer)
    assert f"Shorten this to {most} characters." in typed(answer)
    assert not re.search(r"<textarea[^>]* maxlength", answer.text)


def test_a_form_of_more_fields_than_any_page_has_does_not_come_back(
    client_for: ClientFor,
) -> None:
    """Each of them would cost time and space in the answer."""
    many = {f"a{number}": "x y" for number in range(1001)}
    answer = client_for(None).http.post("/login", data=many)
    assert answer.status_code == 413
    assert "x y" not in typed(answer)


def test_the_second_press_of_a_booking_form_leads_to_the_appointment(
    client_for: ClientFor, world: World
) -> None:
    client, schedule = client_for("patient-owner"), world.schedules["stranger"]
    page = client.get(f"/book/{schedule}").text
    start = re.findall(r'name="start" value="([^"]+)"', page)[-1]
    fields = {"start": start, "minutes": 30, "patient": world.patients["owner"]}
    first, second = (client.post(f"/book/{schedule}", **fields) for _press in range(2))
    assert first.status_code == second.status_code == 303
    assert first.location == second.location
    other = client.post(f"/book/{schedule}", **{**fields, "minutes": 60})
    assert other.status_code == 409


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Jose\u0301\u200b\r\nno", "José\nno"),
        ("\u200b", None),
        ("x\u202e", "x"),
        ("a\u2028b\u2029c", "a\nb\nc"),
    ],
)
def test_texts_are_kept_without_what_cannot_be_seen(
    app: Flask, sent: str, kept: str | None
) -> None:
    with app.test_request_context(method="POST", data={"why": sent}):
        assert reading.long_text("why", 10) == kept


def test_a_text_with_controls_is_refused(app: Flask) -> None:
    with app.test_request_context(method="POST", data={"why": "a\x07b"}), pytest.raises(Invalid):
        reading.long_text("why", 10)
