"""What programs that act for people may send, and what they get for anything else (RFC 6749)."""

from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from flask import Flask

from entrypoints.asking import (
    BACK,
    agreed,
    asking,
    brought,
    exchanged,
    leads_to,
    refreshed,
    registered,
    tokens_of,
)
from entrypoints.browsing import Client, ClientFor
from entrypoints.programs import Program
from entrypoints.test_old_passwords import mark
from entrypoints.test_smart_tokens import EC, TYPE, public, signed
from entrypoints.world import PASSWORD, World
from openslot.app import create_app
from openslot.core.config import Settings
from openslot.core.db import Database

CAPITALS = "HTTPS://App.Example/back?of=us"


def test_a_program_may_ask_by_a_form_too(client_for: ClientFor, client_id: UUID) -> None:
    address = asking(client_id, "patient/Slot.rs", state="ü &=")
    path, _mark, query = address.partition("?")
    led = client_for(None).http.post(path, data=dict(parse_qsl(query)))
    assert (led.status_code, led.location) == (303, address)


def test_a_program_may_ask_for_less_when_it_refreshes_and_gets_no_more(
    app: Flask, client_for: ClientFor, client_id: UUID
) -> None:
    scope = "offline_access patient/Appointment.rs patient/Slot.rs user/Slot.rs"
    tokens = tokens_of(app, client_for("patient-owner"), client_id, scope)

    def again(asked: str) -> Any:
        answer = refreshed(app, client_id, tokens["refresh_token"], scope=asked)
        tokens.update(answer.json if answer.status_code == 200 else {})
        return answer.json

    for wider in ("user/Appointment.rs", "account:read nonsense", "user/Slot.rs"):
        assert again(wider)["error"] == "invalid_scope", wider
    assert again("patient/Slot.read patient/Patient.rs")["scope"] == "patient/Slot.rs"
    program = Program(app, tokens["access_token"])
    assert program.send("GET", "/fhir/Appointment").status_code == 403
    assert again("")["scope"] == scope, "the refresh token is good for all of it"
    assert Program(app, tokens["access_token"]).send("GET", "/fhir/Appointment").status_code == 200


def test_who_wants_no_page_is_told_why_there_would_be_one(
    app: Flask, settings: Settings, network: Database, world: World, client_for: ClientFor
) -> None:
    client_id, _ = registered(network)
    browser = client_for("patient-owner")
    shown = asking(client_id, "patient/Slot.rs")
    silent = f"{shown}&prompt=none"
    tokens_of(app, browser, client_id, "patient/Slot.rs")
    assert "code" in brought(browser.get(silent))
    strict = create_app(settings.model_copy(update={"second_factor_roles": ("patient",)}))
    half = Client(strict)
    half.send("/login", email=world.emails["patient-owner"], password=PASSWORD)
    assert brought(half.get(silent))["error"] == "interaction_required"
    assert half.get(shown).location == "/account/second-step"
    strict.extensions["openslot"].database.close()
    mark(network, world, "patient-owner")
    assert brought(browser.get(silent))["error"] == "interaction_required"
    assert browser.get(shown).location == "/account/password"


def test_the_scheme_and_host_of_an_address_have_no_case(
    app: Flask, network: Database, client_for: ClientFor
) -> None:
    browser, scope = client_for("patient-owner"), "patient/Slot.rs"
    for there, sent in ((CAPITALS, BACK), (BACK, CAPITALS)):
        client_id, _ = registered(network, redirects=(there,))
        asked = asking(client_id, scope, redirect_uri=sent)
        code = agreed(browser, asked)["code"]
        assert exchanged(app, client_id, code, redirect_uri=sent).status_code == 200
        assert "code" in brought(browser.get(asked)), "nobody is asked again"
        other = browser.get(asking(client_id, scope, redirect_uri=BACK.replace("back", "Back")))
        assert (other.status_code, leads_to(other)) == (400, None)


def test_a_program_proves_in_one_way_who_it_is(app: Flask, network: Database) -> None:
    signing, _ = registered(network, jwks=public(EC))
    http = app.test_client(use_cookies=False)
    sent = {"grant_type": "authorization_code", "code": "osa_1", "redirect_uri": BACK}
    sent["client_assertion_type"], sent["client_assertion"] = TYPE, signed(str(signing))
    basic = {"Authorization": "Basic bm86bm8="}
    for form, headers in ((sent | {"client_secret": "osp_1"}, {}), (sent, basic)):
        refused = http.post("/oauth/token", data=form, headers=headers)
        assert (refused.status_code, refused.json["error"]) == (400, "invalid_request")  # type: ignore[index]
    client_id, _ = registered(network)
    for wrong in ("Basic !", "Bearer ost_1"):
        answer = http.post(
            "/oauth/revoke",
            data={"token": "ost_1", "client_id": str(client_id)},
            headers={"Authorization": wrong},
        )
        assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")  # type: ignore[index]
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_what_was_wrong_is_described_in_ascii_for_who_wrote_the_program(
    app: Flask, client_for: ClientFor, client_id: UUID
) -> None:
    french = {"Accept-Language": "fr"}
    form = {"grant_type": "authorization_code", "client_id": "no"}
    refused: Any = app.test_client().post("/oauth/token", data=form, headers=french).json
    assert refused["error_description"].startswith("The program is not known")
    twice = asking(client_id, "patient/Slot.rs") + "&d%C3%A9%22=1&d%C3%A9%22=2"
    back = brought(client_for("patient-owner").get(twice))
    assert (back["error"], back["error_description"]) == (
        "invalid_request",
        "Send d once, and not that long.",
    )
