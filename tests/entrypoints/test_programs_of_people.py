"""Programs that act for people: asked for, agreed to, exchanged for tokens, ended."""

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pyotp
import time_machine
from authlib.integrations.requests_client import OAuth2Session
from flask import Flask
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import text as sql

from entrypoints.asking import (
    BACK,
    VERIFIER,
    agreed,
    allowed,
    asking,
    brought,
    exchanged,
    leads_to,
    refreshed,
    registered,
    tokens_of,
)
from entrypoints.browsing import Client, ClientFor
from entrypoints.programs import Program, with_key
from entrypoints.test_smart_tokens import EC, TYPE, public, signed
from entrypoints.world import PASSWORD, World
from openslot.app import create_app
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.identity.authorization import challenge_of
from openslot.identity.models import LinkedIdentity
from serving import serving

OFFLINE = "launch/patient patient/Appointment.rs offline_access"


def events(database: Database, action: str) -> int:
    with database.reading() as session:
        query = sql("SELECT count(*) FROM audit_event WHERE action = :action")
        return int(session.execute(query, {"action": action}).scalar_one())


def works(app: Flask, tokens: dict[str, Any]) -> bool:
    program = Program(app, tokens["access_token"])
    return program.send("GET", "/fhir/Appointment").status_code == 200


def test_a_library_signs_somebody_in_stays_and_signs_out(
    app: Flask, network: Database, world: World, client_for: ClientFor
) -> None:
    client_id, secret = registered(network, has_secret=True)
    scope = "openid fhirUser launch/patient patient/Appointment.read offline_access"
    library = OAuth2Session(
        str(client_id),
        secret,
        scope=scope,
        redirect_uri=BACK,
        code_challenge_method="S256",
        token_endpoint_auth_method="client_secret_basic",
    )
    browser = client_for("patient-owner")
    with serving(app) as url:
        known = library.get(f"{url}/.well-known/oauth-authorization-server", withhold_token=True)
        metadata = known.json()
        address, state = library.create_authorization_url(
            metadata["authorization_endpoint"], code_verifier=VERIFIER, nonce="once"
        )
        found = leads_to(allowed(browser, address))
        assert found is not None
        assert found.startswith(BACK)
        token = library.fetch_token(
            f"{url}/oauth/token", authorization_response=found, state=state, code_verifier=VERIFIER
        )
        assert (
            token["scope"] == "fhirUser launch/patient offline_access openid patient/Appointment.rs"
        )
        assert token["patient"] == str(world.patients["owner"])
        keys = KeySet.import_key_set(library.get(f"{url}/oauth/keys", withhold_token=True).json())
        claims = jwt.decode(token["id_token"], keys, algorithms=["RS256"]).claims
        assert (claims["iss"], claims["aud"]) == (metadata["issuer"], str(client_id))
        assert (claims["sub"], claims["nonce"]) == (str(world.accounts["patient-owner"]), "once")
        assert claims["fhirUser"] == f"http://localhost/fhir/Patient/{token['patient']}"
        assert library.get(f"{url}/fhir/Appointment").json()["total"] == 1
        again = library.refresh_token(f"{url}/oauth/token")
        assert again["access_token"] != token["access_token"]
        state_of = library.introspect_token(f"{url}/oauth/introspect", token=again["access_token"])
        told = state_of.json()
        assert (told["active"], told["fhirUser"]) == (True, claims["fhirUser"])
        for name in ("patient", "need_patient_banner", "scope"):
            assert told[name] == token[name]
        library.revoke_token(f"{url}/oauth/revoke", token=again["refresh_token"])
        assert library.get(f"{url}/fhir/Appointment").status_code == 401


def test_what_cannot_be_sent_back_is_shown(
    network: Database, client_for: ClientFor, client_id: UUID
) -> None:
    own = ("http://127.0.0.1/back", "http://[::1]/back", "org.example.app:/back")
    native, _ = registered(network, redirects=own)
    browser = client_for("patient-owner")
    foreign = (
        "https://evil.example/back",
        "https://app.example/back",
        f"{BACK}&more=1",
        "https://app.example/back/../evil?of=us",
        "//app.example/back?of=us",
        "javascript:alert(1)",
        "",
    )
    pretending = (
        "http://127.0.0.1:80@evil.example/back",
        "http://127.0.0.1.evil.example/back",
        "http://127.0.0.1:\uff14\uff10\uff10\uff10/back",
        "http://localhost:4000/back",
        "http://[::2]:4000/back",
        "https://127.0.0.1:4000/back",
        "org.example.app:/other",
    )
    refused = [asking(uuid4(), OFFLINE), asking(client_id, OFFLINE, client_id="no id")]
    refused += [asking(client_id, OFFLINE, redirect_uri=address) for address in foreign]
    refused += [asking(native, OFFLINE, redirect_uri=address) for address in pretending]
    refused += [asking(client_id, OFFLINE) + f"&redirect_uri={BACK}"]
    for address in refused:
        answer = browser.get(address)
        assert (answer.status_code, leads_to(answer)) == (400, None), address
        sent = browser.post(address, decision="yes")
        assert (sent.status_code, leads_to(sent)) == (400, None), address
    for here in ("http://127.0.0.1:4000/back", "http://[::1]:4000/back", "org.example.app:/back"):
        asked = browser.get(asking(native, OFFLINE, redirect_uri=here))
        assert "act for you" in asked.text, here


WRONG: list[tuple[dict[str, str | None], str]] = [
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"response_type": None}, "invalid_request"),
    ({"response_mode": "fragment"}, "invalid_request"),
    ({"code_challenge": None}, "invalid_request"),
    ({"code_challenge_method": "plain"}, "invalid_request"),
    ({"code_challenge_method": None}, "invalid_request"),
    ({"scope": "system/*.cruds manage doctors * nonsense"}, "invalid_scope"),
    ({"scope": None}, "invalid_scope"),
    ({"aud": "https://evil.example/fhir"}, "invalid_request"),
    ({"request_uri": "https://evil.example"}, "request_uri_not_supported"),
    ({"prompt": "none login"}, "invalid_request"),
    ({"prompt": "none"}, "consent_required"),
    ({"max_age": "-1"}, "invalid_request"),
    ({"launch": "made up", "scope": "launch patient/*.rs"}, "invalid_request"),
    ({"nonce": "n" * 600}, "invalid_request"),
    ({"nonce": "n" * 3000}, "invalid_request"),
]


def test_what_is_wrong_otherwise_is_sent_back(client_for: ClientFor, client_id: UUID) -> None:
    browser = client_for("patient-owner")
    for changes, error in WRONG:
        got = brought(browser.get(asking(client_id, OFFLINE, **changes)))
        assert (got["error"], got["state"]) == (error, "of ours"), changes
        assert got["iss"] == "http://localhost"
        assert "code" not in got


def test_not_now_and_not_signed_in(client_for: ClientFor, client_id: UUID) -> None:
    address = asking(client_id, OFFLINE)
    stranger = client_for(None)
    assert brought(stranger.get(address + "&prompt=none"))["error"] == "login_required"
    assert stranger.get(address).status_code == 303
    for chosen_by_program in ("", "&decision=yes&patient=1&find=a"):
        said_no = client_for("patient-owner").send(address + chosen_by_program, decision="no")
        assert brought(said_no)["error"] == "access_denied"


def test_signing_in_leads_back_to_the_request_with_nothing_lost(
    app: Flask, world: World, client_for: ClientFor, client_id: UUID
) -> None:
    address = asking(client_id, OFFLINE, state="ü &=+;%0a\" '<", nonce="x" * 400)
    browser = client_for(None)
    to_login = browser.get(address).location
    answer = browser.send(to_login, email=world.emails["patient-owner"], password=PASSWORD)
    browser.token = None
    assert agreed(browser, answer.location)["state"] == "ü &=+;%0a\" '<"


def test_who_has_to_set_up_a_second_step_goes_on_afterwards(
    settings: Settings, world: World, client_id: UUID
) -> None:
    app = create_app(settings.model_copy(update={"second_factor_roles": ("patient",)}))
    browser = Client(app)
    address = asking(client_id, OFFLINE)
    browser.send("/login", email=world.emails["patient-owner"], password=PASSWORD)
    browser.token = None
    assert browser.get(address).location == "/account/second-step"
    page = browser.get("/account/authenticator").text
    secret = re.search(r'name="secret" value="([^"]+)"', page)
    shown = re.search(r"secret=([A-Z2-7]+)", page)
    assert secret, page
    assert shown, page
    codes = browser.send(
        "/account/authenticator", secret=secret[1], code=pyotp.TOTP(shown[1]).now()
    )
    assert "/oauth/authorize?" in codes.text
    app.extensions["openslot"].database.close()


def test_a_code_works_once_for_its_program_and_for_a_minute(
    app: Flask, network: Database, client_for: ClientFor, client_id: UUID
) -> None:
    other, _ = registered(network)
    browser, address = client_for("patient-owner"), asking(client_id, OFFLINE)
    code = agreed(browser, address)["code"]
    for wrong in (
        {"code_verifier": "b" * 43},
        {"code_verifier": challenge_of(VERIFIER)},
        {"redirect_uri": "https://app.example/back"},
        {"client_id": str(other)},
        {"code": "osa_nothing"},
    ):
        refusal = exchanged(app, client_id, code, **wrong)
        assert (refusal.status_code, refusal.json["error"]) == (400, "invalid_grant"), wrong  # type: ignore[index]
    tokens: dict[str, Any] = exchanged(app, client_id, code).json  # type: ignore[assignment]
    assert works(app, tokens)
    assert exchanged(app, client_id, code).status_code == 400
    assert not works(app, tokens)
    assert refreshed(app, client_id, tokens["refresh_token"]).status_code == 400
    assert events(network, "token.code-reused") == 1
    late = agreed(browser, address)["code"]
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=61)):
        assert exchanged(app, client_id, late).status_code == 400


def test_a_refresh_token_is_replaced_and_one_that_comes_again_ends_all(
    app: Flask, network: Database, client_for: ClientFor, client_id: UUID
) -> None:
    first = tokens_of(app, client_for("patient-owner"), client_id, OFFLINE)
    body = {"refresh_token": first["refresh_token"]}
    assert Program(app).send("POST", "/api/v1/tokens/refresh", body).status_code == 401
    other, _ = registered(network)
    assert refreshed(app, other, first["refresh_token"]).status_code == 400
    second: dict[str, Any] = refreshed(app, client_id, first["refresh_token"]).json  # type: ignore[assignment]
    assert (second["patient"], second["scope"]) == (first["patient"], first["scope"])
    assert works(app, second)
    assert refreshed(app, client_id, first["refresh_token"]).status_code == 400
    assert not works(app, second)
    assert refreshed(app, client_id, second["refresh_token"]).status_code == 400
    assert events(network, "token.reused") == 1


def test_a_program_has_to_ask_again_after_ninety_days_used_or_not(
    app: Flask, client_for: ClientFor, client_id: UUID
) -> None:
    tokens = tokens_of(app, client_for("patient-owner"), client_id, OFFLINE)
    began = datetime.now(UTC)
    for days in (25, 50, 75, 89):
        with time_machine.travel(began + timedelta(days=days)):
            tokens = refreshed(app, client_id, tokens["refresh_token"]).json  # type: ignore[assignment]
    with time_machine.travel(began + timedelta(days=91)):
        assert refreshed(app, client_id, tokens["refresh_token"]).status_code == 400


def test_what_ends_a_program(
    app: Flask, network: Database, world: World, client_for: ClientFor, client_id: UUID
) -> None:
    """A press on the page, the API, signing out everywhere, an administrator, a new password; what
    waits to be exchanged ends too."""
    browser = client_for("patient-owner")
    admin = with_key(app, network, "manage")
    person = "account:read account:write offline_access user/Appointment.rs"

    def begin(scope: str = OFFLINE) -> tuple[dict[str, Any], str]:
        tokens = tokens_of(app, browser, client_id, scope)
        return tokens, agreed(browser, asking(client_id, scope))["code"]

    def ended(begun: tuple[dict[str, Any], str]) -> bool:
        tokens, code = begun
        answers = (
            refreshed(app, client_id, tokens["refresh_token"]).status_code,
            Program(app, tokens["access_token"]).send("GET", "/fhir/Slot").status_code,
            exchanged(app, client_id, code).status_code,
        )
        return answers == (400, 401, 400)

    begun = begin()
    listed = browser.get("/account/sessions")
    assert "Growth chart" in listed.text
    (own_data,) = browser.get("/account/export").json["programs"]  # type: ignore[index] # an object
    assert (own_data["name"], own_data["scopes"]) == ("Growth chart", sorted(OFFLINE.split()))
    button = re.search(r'value="(program:[0-9a-f]+)"', listed.text)
    assert button
    browser.send("/account/sessions/end", page="/account", session=button[1])
    assert ended(begun)
    assert "Growth chart" not in browser.get("/account/sessions").text
    assert events(network, "consent.withdrawn") == 1

    begun = begin(person)
    own = Program(app, begun[0]["access_token"])
    found = own.get("/api/v1/me/credentials")["items"]
    (let,) = [one for one in found if one["kind"] == "program"]
    assert set(let["scopes"]) == set(person.split())
    own.send("DELETE", f"/api/v1/me/credentials/program/{let['id']}")
    assert ended(begun)

    begun = begin()
    browser.send("/account/sessions/end", page="/account", session="others", kinds="program")
    assert ended(begun)

    begun = begin()
    assert admin.send("DELETE", f"/api/v1/programs/{client_id}/tokens").status_code == 204
    assert ended(begun)

    begun = begin()
    new = "another correct horse battery"
    answer = browser.send("/account/password", current=PASSWORD, password=new)
    assert answer.status_code == 303
    browser.token = None
    assert ended(begun)

    tokens = tokens_of(app, browser, client_id, OFFLINE)
    assert admin.send("DELETE", f"/api/v1/programs/{client_id}").status_code == 204
    assert not works(app, tokens)
    assert browser.get(asking(client_id, OFFLINE)).status_code == 400


def test_online_access_ends_with_the_browser_and_without_either_nothing_stays(
    app: Flask, client_for: ClientFor, client_id: UUID
) -> None:
    browser = client_for("patient-owner")
    online = tokens_of(app, browser, client_id, "patient/*.rs online_access")
    offline = tokens_of(app, browser, client_id, "patient/*.rs offline_access")
    brief = tokens_of(app, browser, client_id, "patient/*.rs")
    assert "refresh_token" not in brief
    browser.send("/account/prove", current=PASSWORD, next="/")  # gives the session another token
    online = refreshed(app, client_id, online["refresh_token"]).json  # type: ignore[assignment]
    assert works(app, online)
    browser.send("/logout")
    assert not works(app, online)
    assert not works(app, brief)
    assert refreshed(app, client_id, online["refresh_token"]).status_code == 400
    assert works(app, offline)


def test_people_are_asked_once_for_what_they_agreed_to(
    app: Flask, network: Database, client_for: ClientFor, client_id: UUID
) -> None:
    browser = client_for("patient-owner")
    tokens_of(app, browser, client_id, "patient/Appointment.rs patient/Slot.rs")
    assert "code" in brought(browser.get(asking(client_id, "patient/Slot.rs")))
    assert leads_to(browser.get(asking(client_id, "patient/Appointment.cruds"))) is None
    for prompt in ("consent", "select_account"):
        assert leads_to(browser.get(asking(client_id, "patient/Slot.rs", prompt=prompt))) is None
    again = brought(browser.get(asking(client_id, "patient/Slot.rs", prompt="none")))
    assert "code" in again
    native, _ = registered(network, redirects=("http://127.0.0.1/back",))
    for _ in range(2):
        address = asking(native, "patient/Slot.rs", redirect_uri="http://127.0.0.1:4000/back")
        assert leads_to(browser.get(address)) is None
        agreed(browser, address)


def test_nobody_agrees_to_what_their_page_did_not_say(
    app: Flask, network: Database, client_for: ClientFor
) -> None:
    """As it was for somebody else in this browser, or the program may ask for more by now."""
    client_id, _ = registered(network, scopes=("user/Slot.rs",))
    address = asking(client_id, "user/*.rs")
    browser, other = client_for("patient-owner"), client_for("patient-teammate")
    shown = re.search(r'name="shown" value="([^"]+)"', browser.get(address).text)
    assert shown
    answer = other.send(address, decision="yes", shown=shown[1])
    assert (answer.status_code, answer.location) == (303, address)
    more = {"name": "Growth chart", "redirects": [BACK], "scopes": ["user/*.rs"]}
    with_key(app, network, "manage").send("PUT", f"/api/v1/programs/{client_id}", more)
    answer = browser.send(address, decision="yes", shown=shown[1])
    assert (answer.status_code, answer.location) == (303, address)


def test_what_was_agreed_to_for_one_patient_is_not_for_all(
    app: Flask, client_for: ClientFor, client_id: UUID
) -> None:
    browser = client_for("patient-owner")
    both = "appointments:read patient/Appointment.rs user/Appointment.rs"
    tokens_of(app, browser, client_id, both)
    assert "code" in brought(browser.get(asking(client_id, both)))
    for wide in ("appointments:read", "user/Appointment.rs"):
        assert leads_to(browser.get(asking(client_id, wide))) is None
        silent = brought(browser.get(asking(client_id, wide, prompt="none")))
        assert silent["error"] == "consent_required"


def test_a_program_can_want_a_fresh_proof(client_for: ClientFor, client_id: UUID) -> None:
    browser = client_for("patient-owner")
    address = asking(client_id, "patient/Slot.rs", prompt="login")
    assert leads_to(browser.get(address)) is None
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=5)):
        assert browser.get(address).location.startswith("/account/prove?next=/oauth/authorize")
        late = browser.post(address, decision="yes")
        assert (late.status_code, late.location) == (303, address)
        aged = asking(client_id, "patient/Slot.rs", max_age="3600")
        assert leads_to(browser.get(aged)) is None


def test_programs_prove_who_they_are(app: Flask, network: Database, client_for: ClientFor) -> None:
    browser = client_for("patient-owner")
    secretive, secret = registered(network, has_secret=True)
    signing, _ = registered(network, jwks=public(EC))
    code = agreed(browser, asking(secretive, OFFLINE))["code"]
    for wrong in ({}, {"client_secret": "osp_wrong"}, {"client_secret": ""}):
        refusal = exchanged(app, secretive, code, **wrong)
        assert (refusal.status_code, refusal.json["error"]) == (401, "invalid_client")  # type: ignore[index]
    tokens = exchanged(app, secretive, code, client_secret=secret or "").json
    assert works(app, tokens)  # type: ignore[arg-type] # an object
    assert refreshed(app, secretive, tokens["refresh_token"]).status_code == 401  # type: ignore[index]
    code = agreed(browser, asking(signing, OFFLINE))["code"]
    assert exchanged(app, signing, code).status_code == 401
    assertion = {"client_assertion_type": TYPE, "client_assertion": signed(str(signing))}
    assert exchanged(app, signing, code, **assertion).status_code == 200
    assert exchanged(app, signing, code, **assertion).status_code == 401  # used before
    for_network = {"grant_type": "client_credentials", "scope": "appointments:read"}
    assertion |= {"client_assertion": signed(str(signing))}
    refusal = Program(app).send_form("/oauth/token", {**for_network, **assertion})
    assert (refusal.status_code, refusal.json["error"]) == (400, "unauthorized_client")  # type: ignore[index]


def test_introspection_tells_a_program_of_its_own_tokens_and_a_manager_of_all(
    app: Flask, network: Database, client_for: ClientFor, client_id: UUID
) -> None:
    tokens = tokens_of(app, client_for("patient-owner"), client_id, OFFLINE)
    other, secret = registered(network, has_secret=True)
    basic = base64.b64encode(f"{other}:{secret}".encode()).decode()
    sent = {"token": tokens["access_token"]}
    http = app.test_client(use_cookies=False)
    answer = http.post("/oauth/introspect", data=sent, headers={"Authorization": f"Basic {basic}"})
    assert answer.json == {"active": False}
    public = http.post("/oauth/introspect", data={**sent, "client_id": str(client_id)})
    assert public.status_code == 401
    told = with_key(app, network, "manage").send_form("/oauth/introspect", sent).json
    assert (told["active"], told["client_id"]) == (True, str(client_id))  # type: ignore[index]
    less = with_key(app, network, "directory:read").send_form("/oauth/introspect", sent)
    assert less.status_code == 403
    revoked = http.post("/oauth/revoke", data=sent, headers={"Authorization": f"Basic {basic}"})
    assert revoked.status_code == 200
    assert works(app, tokens)


def test_introspection_tells_a_manager_what_holds_for_the_program(
    app: Flask, settings: Settings, network: Database, world: World, client_for: ClientFor
) -> None:
    """Whose provider asks for a second step needs none here, and the token works."""
    client_id, _ = registered(network)
    tokens = tokens_of(app, client_for("patient-owner"), client_id, OFFLINE)
    linked = {"issuer": "https://sso.example", "subject": "1", "identity_hash": bytes(32)}
    network.run(
        lambda session: session.add(
            LinkedIdentity(
                id=uuid4(),
                account_id=world.accounts["patient-owner"],
                made_at=datetime.now(UTC),
                **linked,
            )
        )
    )
    strict = create_app(settings.model_copy(update={"second_factor_roles": ("patient",)}))
    sent = {"token": tokens["access_token"]}
    told = with_key(strict, network, "manage").send_form("/oauth/introspect", sent).json
    assert told["active"] is True  # type: ignore[index] # an object
    assert works(strict, tokens)
    strict.extensions["openslot"].database.close()


def test_scopes_narrow_what_a_person_may_do(
    app: Flask, network: Database, client_for: ClientFor, client_id: UUID
) -> None:
    browser = client_for("practitioner-owner")
    tokens = tokens_of(app, browser, client_id, "user/Appointment.read appointments:read")
    assert tokens["scope"] == "appointments:read user/Appointment.rs"
    program = Program(app, tokens["access_token"])
    assert program.send("GET", "/fhir/Appointment").status_code == 200
    assert program.send("GET", "/api/v1/appointments").status_code == 200
    for method, path in (
        ("GET", "/fhir/Patient"),
        ("POST", "/fhir/Appointment"),
        ("POST", "/fhir/Appointment/$book"),
        ("GET", "/api/v1/me"),
        ("GET", "/api/v1/keys"),
        ("PUT", "/dashboard"),
    ):
        answer = program.send(method, path, {} if method != "GET" else None)
        assert answer.status_code == 403, (path, answer.text)
    admin = with_key(app, network, "manage")
    less = {"name": "Growth chart", "redirects": [BACK], "scopes": ["user/Slot.rs"]}
    assert admin.send("PUT", f"/api/v1/programs/{client_id}", less).status_code == 200
    assert program.send("GET", "/fhir/Appointment").status_code == 403


def test_a_program_removes_no_second_step(
    app: Flask, client_for: ClientFor, client_id: UUID
) -> None:
    scope = "account:read account:write"
    tokens = tokens_of(app, client_for("patient-owner"), client_id, scope)
    program = Program(app, tokens["access_token"])
    answer = program.send("DELETE", "/api/v1/me/credentials/authenticator/authenticator")
    assert answer.status_code == 403


def test_nothing_that_opens_is_stored(app: Flask, network: Database, client_for: ClientFor) -> None:
    client_id, secret = registered(network, has_secret=True)
    browser = client_for("patient-owner")
    code = agreed(browser, asking(client_id, f"openid {OFFLINE}"))["code"]
    tokens = exchanged(app, client_id, code, client_secret=secret or "").json
    private = '"d":'
    with network.reading() as session:
        names = session.scalars(sql("SELECT name FROM sqlite_master WHERE type = 'table'")).all()
        stored = "".join(
            str(row) for name in names for row in session.execute(sql(f'SELECT * FROM "{name}"'))
        )
    words = (code, secret, tokens["access_token"], tokens["refresh_token"], private)  # type: ignore[index]
    for word in words:
        assert str(word).removeprefix("osa_") not in stored


def test_scripts_of_a_programs_own_site_may_ask(app: Flask, client_id: UUID) -> None:
    http = app.test_client()
    for path in ("/oauth/token", "/oauth/revoke", "/fhir/Patient"):
        allowed = http.options(path, headers={"Origin": "https://app.example"})
        assert allowed.headers["Access-Control-Allow-Origin"] == "https://app.example"
        assert "Access-Control-Allow-Credentials" not in allowed.headers
        for origin in ("https://evil.example", "http://app.example", "https://app.example.evil"):
            refused = http.options(path, headers={"Origin": origin})
            assert "Access-Control-Allow-Origin" not in refused.headers
    nothing = http.options("/fhir/Patient/1/$nothing", headers={"Origin": "https://app.example"})
    assert nothing.status_code == 200, "so that the script sees 404, and not that it may not ask"
    assert "PATCH" in nothing.headers["Access-Control-Allow-Methods"]
    for path in ("/fhir/metadata", "/fhir/.well-known/smart-configuration"):
        for answer in (
            http.options(path),
            http.get(path, headers={"Origin": "https://any.example"}),
        ):
            assert answer.headers["Access-Control-Allow-Origin"] == "*", "SMART App Launch 2.2"


def test_programs_take_no_password_unless_the_network_allows_it(
    settings: Settings, world: World
) -> None:
    app = create_app(settings.model_copy(update={"password_tokens": False}))
    sent = {"email": world.emails["patient-owner"], "password": PASSWORD}
    answer = Program(app).send("POST", "/api/v1/tokens", sent)
    assert (answer.status_code, answer.json["code"]) == (403, "password-tokens-off")  # type: ignore[index]
    body = {"refresh_token": "osr_any"}
    assert Program(app).send("POST", "/api/v1/tokens/refresh", body).status_code == 403
    app.extensions["openslot"].database.close()


def test_administrators_register_change_and_stop_programs(
    app: Flask, network: Database, client_for: ClientFor
) -> None:
    admin, sent = client_for("network-admin"), {"name": "Growth chart", "redirects": BACK}
    for address in (
        "http://app.example/back",
        "https://me@app.example/",
        "https://app.example/#part",
        "https:///back",
        "javascript:alert(1)",
        "data:text/html,x",
        "app:/back",
        "https://app.example/\\@evil.example",
        "https://" + "a" * 500,
    ):
        for name in ("redirects", "launch_url"):
            answer = admin.send(
                "/admin/programs/new", **{**sent, name: address, "scopes": "openid"}
            )
            assert answer.status_code == 422, (name, address)
    for scope in ("system/Slot.rs", "manage", "*", "patient/Nothing.rs"):
        answer = admin.send("/admin/programs/new", **sent, fhir=scope)
        assert answer.status_code == 422, scope
    made = admin.send(
        "/admin/programs/new",
        **sent,
        operator="Banksia Apps",
        scopes=["openid", "offline_access"],
        fhir="patient/Slot.read",
        has_secret="y",
    )
    found = re.search(
        r'id="client" value="([^"]+)".*id="secret" value="(osp_[^"]+)"', made.text, re.S
    )
    assert found, made.text
    client_id, secret = UUID(found[1]), found[2]
    assert secret not in admin.get(f"/admin/programs/{client_id}").text
    person = client_for("patient-owner")
    scope = "patient/*.rs offline_access"
    asked = person.get(asking(client_id, scope)).text
    for word in ("Growth chart", "Banksia Apps", "app.example", "Only about one patient"):
        assert word in asked
    code = agreed(person, asking(client_id, scope))["code"]
    again = admin.send(f"/admin/programs/{client_id}/secret")
    new = re.search(r'value="(osp_[^"]+)"', again.text)
    assert new, again.text
    assert exchanged(app, client_id, code, client_secret=secret).status_code == 401
    tokens = exchanged(app, client_id, code, client_secret=new[1]).json
    assert tokens["scope"] == "offline_access patient/Slot.rs"  # type: ignore[index] # an object
    program = Program(app, tokens["access_token"])  # type: ignore[index]
    slots = f"/fhir/Slot?start={datetime.now(UTC):%Y-%m-%d}"
    assert program.send("GET", slots).status_code == 200
    changed = {"name": "Chart", "redirects": BACK, "scopes": ["openid"]}
    assert admin.send(f"/admin/programs/{client_id}", **changed).status_code == 303
    assert program.send("GET", slots).status_code == 403
    assert admin.send(f"/admin/programs/{client_id}/access").status_code == 303
    assert program.send("GET", slots).status_code == 401
    assert admin.send(f"/admin/programs/{client_id}/end").status_code == 303
    assert person.get(asking(client_id, scope)).status_code == 400
    assert "Chart" not in admin.get("/admin/programs").text


def test_what_programs_read_about_signing_in_leads_to_what_is_there(app: Flask) -> None:
    http = app.test_client()
    smart = http.get("/fhir/.well-known/smart-configuration").json
    server = http.get("/.well-known/oauth-authorization-server").json
    statement = http.get("/fhir/metadata").json
    assert smart == server | {"capabilities": smart["capabilities"]}  # type: ignore[index,operator]
    known = {"launch-ehr", "launch-standalone", "authorize-post", "permission-v2"}
    assert known <= set(smart["capabilities"])  # type: ignore[index]
    uris = statement["rest"][0]["security"]["extension"][0]["extension"]  # type: ignore[index]
    named = {one["url"]: one["valueUri"] for one in uris}
    assert named["authorize"] == smart["authorization_endpoint"]  # type: ignore[index]
    rules = {rule.rule for rule in app.url_map.iter_rules()}
    addresses = [value for key, value in server.items() if key.endswith(("endpoint", "_uri"))]  # type: ignore[union-attr]
    assert {address.removeprefix("http://localhost") for address in addresses} <= rules
    assert server["code_challenge_methods_supported"] == ["S256"]  # type: ignore[index]
    for name in ("token", "introspection", "revocation"):  # RFC 8414, 2
        assert server[f"{name}_endpoint_auth_signing_alg_values_supported"]  # type: ignore[index]


def test_no_program_gets_the_answer_to_another_of_the_same_person(
    app: Flask, network: Database, world: World, client_for: ClientFor
) -> None:
    browser, answers = client_for("patient-owner"), []
    day = (datetime.now(UTC) + timedelta(days=9)).date()
    body = {
        "schedule": world.schedules["owner"],
        "start": f"{day}T11:00:00+10:00",
        "patient": str(world.patients["owner"]),
    }
    for _ in range(2):
        client_id, _ = registered(network, scopes=("appointments:write",))
        tokens = tokens_of(app, browser, client_id, "appointments:write")
        program = Program(app, tokens["access_token"])
        answers.append(program.send("POST", "/api/v1/holds", body, Idempotency_Key="1").json)
    assert answers[0]["id"] != answers[1].get("id")  # type: ignore[index,union-attr] # objects
