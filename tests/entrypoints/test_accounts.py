"""Signing in and out, signing up, confirming, and a forgotten password."""

import re
from datetime import timedelta

import pytest
import time_machine
from flask import Flask

from entrypoints.browsing import ClientFor, link_in, mails
from entrypoints.world import PASSWORD, World
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.entrypoints.limits import POSTS
from openslot.identity import queries as identities

NEW = "plum kettle orbit seven"
PERSON = {
    "name": "Mere Tane",
    "born": "31 3 1980",
    "email": "mere@example.org",
    "phone": "0400 111 222",
    "password": NEW,
}


def test_a_person_signs_in_and_out(client_for: ClientFor) -> None:
    client = client_for("patient-owner")
    assert client.get("/account").status_code == 200
    answer = client.send("/logout")
    assert (answer.status_code, answer.location) == (303, "/")
    assert client.get("/account").status_code == 303


def test_signing_out_ends_the_session_on_the_server(client_for: ClientFor) -> None:
    client = client_for("patient-owner")
    with client.http.session_transaction() as kept:
        cookie = dict(kept)
    client.send("/logout")
    with client.http.session_transaction() as again:
        again.update(cookie)
    assert client.get("/account").status_code == 303


def test_wrong_credentials_are_refused_alike(client_for: ClientFor, world: World) -> None:
    client = client_for(None)
    known = client.send("/login", email=world.emails["patient-owner"], password="wrong")
    unknown = client.send("/login", email="nobody@example.org", password="wrong")
    assert (known.status_code, unknown.status_code) == (401, 401)
    assert "Wrong email address or password" in known.text
    assert "nobody@example.org" in unknown.text, "what was typed is kept"
    strip = re.compile(r'value="[^"]*"|asked=[^"]*|nonce="[^"]*"|data-options="[^"]*"')
    assert strip.sub("", known.text) == strip.sub("", unknown.text)


def test_an_account_that_is_switched_off_does_not_open(
    client_for: ClientFor, world: World, network: Database
) -> None:
    def switch_off(session: object) -> None:
        account = identities.by_email(session, world.emails["patient-owner"])  # type: ignore[arg-type] # a session
        assert account
        account.active = False

    client, email = client_for(None), world.emails["patient-owner"]
    client.send("/forgot", email=email)
    network.run(switch_off)
    assert client.send("/login", email=email, password=PASSWORD).status_code == 401
    assert client.get(link_in(mails(network)[0])).status_code == 410


def test_too_many_wrong_passwords_must_wait(client_for: ClientFor, settings: Settings) -> None:
    client = client_for(None)
    for _attempt in range(settings.sign_in_attempts):
        client.send("/login", email="a@example.org", password="wrong")
    answer = client.send("/login", email="a@example.org", password="wrong")
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert 'value="a@example.org"' in answer.text


@pytest.mark.parametrize(
    ("wanted", "reached"),
    [
        ("/requests?tab=closed", "/requests?tab=closed"),
        ("", "/dashboard"),
        ("https://evil.example", "/dashboard"),
        ("//evil.example", "/dashboard"),
        ("/\\evil.example", "/dashboard"),
        ("/\t/evil.example", "/dashboard"),
        ("javascript:alert(1)", "/dashboard"),
    ],
)
def test_signing_in_leads_to_own_pages_only(
    client_for: ClientFor, world: World, wanted: str, reached: str
) -> None:
    answer = client_for(None).send(
        "/login", email=world.emails["staff-owner"], password=PASSWORD, next=wanted
    )
    assert (answer.status_code, answer.location) == (303, reached)


def test_who_is_signed_in_needs_no_form(client_for: ClientFor) -> None:
    client = client_for("patient-owner")
    assert client.get("/login?next=/account").location == "/account"
    assert client.get("/sign-up").location == "/dashboard"


def test_a_form_without_its_token_changes_nothing(app: Flask, world: World) -> None:
    client = app.test_client()
    answer = client.post(
        "/login", data={"email": world.emails["patient-owner"], "password": PASSWORD}
    )
    assert answer.status_code == 400
    assert client.get("/account").status_code == 303


def test_a_patient_signs_up_and_comes_back_to_what_they_chose(
    client_for: ClientFor, network: Database
) -> None:
    client = client_for(None)
    wanted = "/book/4?start=2026-11-24T00:00:00Z"
    answer = client.send("/sign-up", next=wanted, **PERSON)
    assert answer.status_code == 303
    assert answer.location.startswith("/login?next=")
    assert "mere" not in answer.location
    shown = client.get(answer.location)
    assert "You can sign in now." in shown.text
    assert 'value="mere@example.org"' in shown.text
    assert wanted in shown.text
    signed_in = client.post("/login", email="mere@example.org", password=NEW, next=wanted)
    assert signed_in.location == wanted
    assert "31 March 1980" in client.get("/account").text
    [mail] = mails(network)
    assert mail["to"] == "mere@example.org"


def test_a_known_address_gets_the_same_answer_and_another_mail(
    client_for: ClientFor, world: World, network: Database
) -> None:
    known = {**PERSON, "email": world.emails["patient-owner"]}
    fresh, again = (client_for(None).send("/sign-up", **one) for one in (PERSON, known))
    assert fresh.status_code == again.status_code == 303
    path = "/login?asked="
    assert again.location.startswith(path)
    assert fresh.location.startswith(path)
    newest, other = mails(network)
    assert newest["to"] == known["email"]
    assert newest["subject"] != other["subject"]
    unchanged = client_for(None).send("/login", email=known["email"], password=NEW)
    assert unchanged.status_code == 401


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("name", "", "Enter your full name."),
        ("born", "", "Enter your date of birth."),
        (
            "born",
            "31 2 1980",
            "Enter a date such as 31 March 1980, or only the year, or month and year.",
        ),
        ("born", "31.3.80", "Write years with four digits."),
        (
            "born",
            "86400",
            "Enter a date such as 31 March 1980, or only the year, or month and year.",
        ),
        ("born", "31 3 2080", "Enter a date of birth that is in the past"),
        ("email", "mere", "Enter an email address"),
        ("phone", "abc", "Enter a telephone number"),
        ("password", "plum kettle", "at least 12 characters"),
        ("password", "plum kettle " * 43, "at most 512 characters"),
        ("password", "password1234", "too easy to guess"),
        ("password", "Mere@example.org", "too easy to guess"),
        ("password", "Q1w2e3r4t5y6u7i8o9p0", "too easy to guess"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    client_for: ClientFor, field: str, typed: str, sentence: str
) -> None:
    answer = client_for(None).send("/sign-up", **{**PERSON, field: typed})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert f'href="#{field}"' in answer.text
    assert "<title>Error: " in answer.text
    assert NEW not in answer.text, "a password is never sent back"


@pytest.mark.parametrize("path", ["/sign-up", "/sign-up/staff"])
@pytest.mark.parametrize("password", ["", "plum kettle", "password1234"])
def test_an_empty_form_and_its_password_are_refused_at_once(
    client_for: ClientFor, path: str, password: str
) -> None:
    answer = client_for(None).send(path, password=password)
    assert answer.status_code == 422
    assert 'href="#name"' in answer.text
    assert 'href="#email"' in answer.text
    assert answer.text.count('href="#password"') == 1


def test_a_birth_to_come_and_a_short_password_are_refused_at_once(client_for: ClientFor) -> None:
    answer = client_for(None).send(
        "/sign-up", **{**PERSON, "born": "31 3 2080", "password": "short"}
    )
    assert answer.status_code == 422
    assert "Enter a date of birth that is in the past" in answer.text
    assert "at least 12 characters" in answer.text


def test_an_address_is_confirmed_by_a_button_not_by_a_link(
    client_for: ClientFor, network: Database
) -> None:
    client = client_for(None)
    client.send("/sign-up", **PERSON)
    path = link_in(mails(network)[0])

    def confirmed() -> bool:
        return network.read(
            lambda session: (
                identities.by_email(session, "mere@example.org").confirmed_at  # type: ignore[union-attr] # it is there
                is not None
            )
        )

    assert client.get(path).status_code == 200
    assert not confirmed()
    assert client.get(path.replace("/confirm/", "/reset/")).status_code == 410, "it only confirms"
    assert client.send(path).status_code == 303
    assert confirmed()
    assert client.get(path).status_code == 410


def test_links_that_are_not_ours_are_refused(client_for: ClientFor) -> None:
    client = client_for(None)
    assert client.get("/confirm/nonsense").status_code == 410
    assert client.get("/reset/nonsense").status_code == 410
    assert "/forgot" in client.get("/reset/nonsense").text


def test_a_forgotten_password_is_set_anew_once(
    client_for: ClientFor, world: World, network: Database
) -> None:
    email = world.emails["patient-owner"]
    old_browser, client = client_for("patient-owner"), client_for(None)
    assert client.send("/forgot", email=email).status_code == 200
    path = link_in(mails(network)[0])
    assert client.send(path, password="short").status_code == 422
    assert client.send(path, password=NEW).status_code == 303
    assert old_browser.get("/account").status_code == 303, "other sessions end"
    assert client.post("/login", email=email, password=NEW).status_code == 303
    assert client_for(None).get(path).status_code == 410, "the link works once"


def test_a_link_runs_out(client_for: ClientFor, world: World, network: Database) -> None:
    client = client_for(None)
    client.send("/forgot", email=world.emails["patient-owner"])
    path = link_in(mails(network)[0])
    with time_machine.travel(timedelta(hours=3)):
        assert client.get(path).status_code == 410


def test_forgetting_says_the_same_of_any_address(
    client_for: ClientFor, world: World, network: Database
) -> None:
    client = client_for(None)
    known = client.send("/forgot", email=world.emails["patient-owner"])
    unknown = client.send("/forgot", email="nobody@example.org")
    assert known.status_code == unknown.status_code == 200
    assert len(mails(network)) == 1
    same = unknown.text.replace("nobody@example.org", world.emails["patient-owner"])
    strip = re.compile(r'asked=[^"]*|nonce="[^"]*"')
    assert strip.sub("", same) == strip.sub("", known.text)


def test_links_in_mail_bear_the_configured_address(
    client_for: ClientFor, world: World, network: Database, settings: Settings
) -> None:
    settings.public_url = "https://care.example.org/"
    client = client_for(None)
    token = client.token_of("/forgot")
    client.http.post(
        "/forgot",
        data={"csrf_token": token, "email": world.emails["patient-owner"]},
        headers={"Host": "evil.example"},
    )
    for mail in mails(network):
        assert "https://care.example.org/reset/" in mail["text"]
        assert "evil.example" not in mail["text"]


def test_where_addresses_must_be_confirmed_signing_in_sends_the_mail_again(
    client_for: ClientFor, settings: Settings, network: Database
) -> None:
    client = client_for(None)
    client.send("/sign-up", **PERSON)
    settings.confirm_email = True
    answer = client.send("/login", email=PERSON["email"], password=NEW)
    assert answer.status_code == 401
    assert "Follow the link" in answer.text
    first, second = mails(network)
    assert first["subject"] == second["subject"]


def test_every_limit_names_a_route(app: Flask) -> None:
    assert set(POSTS) <= set(app.view_functions)
