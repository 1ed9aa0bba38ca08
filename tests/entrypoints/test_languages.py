"""Readers choose the language of pages, of what is refused, and of what is sent to them."""

import re
from html import unescape

import pytest
from flask import Flask
from flask_babel import gettext

from entrypoints.browsing import Client, ClientFor
from entrypoints.world import PASSWORD, World
from openslot.core.db import Database
from openslot.core.language import LANGUAGES
from openslot.entrypoints.web.helpers import term
from openslot.identity import queries as identities


@pytest.mark.parametrize(
    ("sent", "language", "direction"),
    [
        ("es-MX,en;q=0.8", "es", "ltr"),
        ("ar", "ar", "rtl"),
        ("zh-CN", "zh-Hans", "ltr"),
        ("en-AU,fr;q=0.9", "en-AU", "ltr"),
        ("sw", "en-AU", "ltr"),
    ],
)
def test_a_page_is_in_the_first_language_of_the_browser_that_is_offered(
    app: Flask, sent: str, language: str, direction: str
) -> None:
    page = app.test_client().get("/", headers={"Accept-Language": sent}).text
    assert f'<html lang="{language}" dir="{direction}"' in page


def test_a_choice_goes_before_the_browser_and_stays(
    client_for: ClientFor, network: Database, world: World
) -> None:
    client = client_for("patient-owner")
    assert 'lang="en-AU"' in client.get("/").text
    answer = client.http.post("/language/fr", headers={"Referer": "http://localhost/search"})
    assert answer.location == "/search"
    page = client.http.get("/dashboard", headers={"Accept-Language": "es"}).text
    assert 'lang="fr"' in page
    assert "Vos rendez-vous" in page
    account = network.read(
        lambda session: identities.by_id(session, world.accounts["patient-owner"])
    )
    assert account is not None
    assert account.locale == "fr", "mail and text messages too"
    assert client.http.post("/language/xx").status_code == 404


def test_whoever_signs_in_keeps_the_language_they_read(
    app: Flask, network: Database, world: World
) -> None:
    browser = Client(app)
    browser.http.post("/language/ga")
    browser.send("/login", email=world.emails["patient-owner"], password=PASSWORD)
    account = network.read(
        lambda session: identities.by_id(session, world.accounts["patient-owner"])
    )
    assert account is not None
    assert account.locale == "ga"


def test_each_language_is_offered_by_its_own_name(app: Flask) -> None:
    page = app.test_client().get("/").text
    names = re.findall(r'/language/(\w+)"><button [^>]*lang="([\w-]+)"[^>]*>([^<]+)<', page)
    assert [name for name, _tag, _label in names] == list(LANGUAGES)
    assert ("ar", "ar", "العربية") in names


def test_professions_of_the_network_are_translated_and_its_own_stay(
    client_for: ClientFor, world: World
) -> None:
    client = client_for("network-admin")
    client.send("/admin/professions/new", name="100 % Healer", position="1")
    client.http.post("/language/es")
    page = client.get("/admin/practitioners/new").text
    assert ">Fisioterapeuta<" in page
    assert ">100 % Healer<" in page


def test_a_profession_is_translated_beside_its_expertise(app: Flask) -> None:
    with app.test_request_context(headers={"Accept-Language": "es"}):
        words = ("Specialist", "Specialist, Kites", "")
        assert [term(text) for text in words] == ["Especialista", "Especialista, Kites", ""]


def test_what_fields_ask_for_is_translated_with_its_places(app: Flask) -> None:
    answer = app.test_client().post(
        "/api/v1/tokens",
        json={"email": "a@example.org", "password": "x", "more": 1},
        headers={"Accept-Language": "fr"},
    )
    assert answer.json
    assert answer.json["errors"] == [{"field": "more", "detail": "Ce champ n’est pas reconnu."}]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refused_form_names_its_fields_in_each_language(app: Flask, language: str) -> None:
    """A form says what to enter, and which field is meant, in the reader's language."""
    client = Client(app)
    client.http.post(f"/language/{language}")
    reader = {"Accept-Language": language.replace("_", "-")}
    with app.test_request_context(headers=reader):
        missing = [gettext("Enter your full name."), gettext("Enter your date of birth.")]
        long = gettext("Shorten this to {longest} characters.").format(longest=200)
        named = gettext("%(field)s: %(sentence)s", field=gettext("Full name"), sentence=long)
    nothing = unescape(client.send("/sign-up", name="", born="").text)
    assert [sentence in nothing for sentence in missing] == [True, True]
    assert named in unescape(client.send("/sign-up", name="x" * 201).text)
