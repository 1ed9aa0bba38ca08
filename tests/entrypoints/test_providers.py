"""Sign-in at an identity provider by OpenID Connect."""

import hashlib
import hmac
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from html import unescape
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import time_machine
from flask import Flask
from joserfc import jwt
from sqlalchemy import select
from werkzeug.test import TestResponse

from entrypoints.browsing import Client, ClientFor
from entrypoints.programs import Program
from entrypoints.test_second_steps import add_passkey, is_signed_in, set_up_app
from entrypoints.world import PASSWORD, World
from openslot.core import clock
from openslot.core.audit import AuditEvent
from openslot.core.db import Database
from openslot.core.errors import RateLimited
from openslot.directory import queries as directory
from openslot.entrypoints import limits, turns
from openslot.entrypoints.web.provider_client import EXTENSION, Offers
from openslot.identity import commands as identity
from openslot.identity import queries
from openslot.identity.models import Account, LinkedIdentity
from provider import CLIENT, SECRET, Provider, approve_at, new_key, provider, real_provider
from working import work

PERSON = "staff-owner"
LABEL = "Banksia Health"

Configure = Callable[..., None]


@pytest.fixture
def there() -> Iterator[Provider]:
    with provider() as there:
        yield there


@pytest.fixture
def configure(app: Flask, tmp_path: Path) -> Configure:
    """Name one provider in the settings, with further lines of its table."""
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    usual = {"label": LABEL, "client_id": CLIENT, "client_secret_file": str(secret)}

    def configure(issuer: str, groups: tuple[dict[str, Any], ...] = (), **lines: Any) -> None:
        table = usual | {"issuer": issuer} | lines
        text = "[hospital]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in table.items())
        for group in groups:
            text += "[[hospital.groups]]\n"
            text += "".join(f"{k} = {json.dumps(v)}\n" for k, v in group.items())
        file = tmp_path / f"providers-{hashlib.sha256(text.encode()).hexdigest()[:8]}.toml"
        file.write_text(text)
        app.extensions["openslot"].settings.identity_providers = file
        app.extensions[EXTENSION] = Offers()

    return configure


@pytest.fixture
def hospital(there: Provider, configure: Configure) -> Provider:
    configure(there.issuer, trusts_email=True)
    return there


def sign_in(client: Client, there: Provider, **claims: Any) -> TestResponse:
    """Press the button, sign in there, and come back."""
    sent = client.get("/login/with/hospital")
    assert sent.status_code == 303
    return client.get(there.approve(sent.location, **claims))


def known_by_email(world: World, person: str = PERSON) -> dict[str, Any]:
    return {"sub": f"sub of {person}", "email": world.emails[person], "email_verified": True}


def said(client: Client, answer: TestResponse) -> str:
    """The text of the page where the browser ends up."""
    return unescape(client.get(answer.location).text)


def events(network: Database, *actions: str) -> list[AuditEvent]:
    query = select(AuditEvent).where(AuditEvent.action.in_(actions)).order_by(AuditEvent.id)
    return network.read(lambda session: list(session.scalars(query)))


def account(network: Database, email: str) -> Account:
    found = network.read(lambda session: queries.by_email(session, email))
    assert found
    return found


def test_a_real_provider_signs_staff_in_once_they_have_linked_their_account(
    configure: Configure, client_for: ClientFor, world: World, network: Database
) -> None:
    with real_provider({"sub": "sami", "email": "sami@elsewhere.example"}) as issuer:
        configure(issuer)
        first = client_for(None)
        assert f"Sign in with {LABEL}" in first.get("/login?next=/desk").text
        sent = first.get("/login/with/hospital?next=/account").location
        step = first.get(approve_at(sent, "sami"))
        assert step.location == "/login/link?next=/account"
        page = first.get(step.location).text
        assert "says that you are sami@elsewhere.example" in page
        assert not is_signed_in(first)
        wrong = first.send(step.location, email=world.emails[PERSON], password="no")
        assert (wrong.status_code, is_signed_in(first)) == (401, False)
        linked = first.send(
            "/login/link", email=world.emails[PERSON], password=PASSWORD, next="/account"
        )
        assert (linked.status_code, linked.location) == (303, "/account")
        again = client_for(None)
        sent = again.get("/login/with/hospital?next=/account").location
        assert again.get(approve_at(sent, "sami")).location == "/account"
        assert is_signed_in(again)
        assert LABEL in again.get("/account/sessions").text
        left = again.send("/logout", page="/account")
        assert left.location == "/signed-out/hospital"
        page = unescape(again.get(left.location).text)
        assert f'href="{issuer}/oauth2/end_session?client_id=openslot&' in page
        assert not is_signed_in(again)
    told = events(network, "account.identity-linked", "account.signed-in")
    assert [one.details.get("provider") for one in told] == [None, "hospital", "hospital"]
    assert {one.account_id for one in told} == {world.accounts[PERSON]}


def alg_none(_there: Provider, claims: dict[str, Any]) -> str:
    parts = (json.dumps(one).encode() for one in ({"alg": "none"}, claims))
    return ".".join(urlsafe_b64encode(one).rstrip(b"=").decode() for one in parts) + "."


def signed_with_the_public_key(there: Provider, claims: dict[str, Any]) -> str:
    header = {"alg": "HS256", "kid": there.key.kid}
    parts = (json.dumps(one).encode() for one in (header, claims))
    text = ".".join(urlsafe_b64encode(one).rstrip(b"=").decode() for one in parts)
    digest = hmac.digest(there.key.as_pem(private=False), text.encode(), "sha256")
    return f"{text}.{urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def signed_by_another(there: Provider, claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "RS256", "kid": there.key.kid}, claims, new_key())


EVIL: dict[str, tuple[dict[str, Any], Any]] = {
    "issuer": ({"iss": "http://127.0.0.1:1/realm"}, None),
    "audience": ({"aud": "another"}, None),
    "one more audience": ({"aud": [CLIENT, "another"]}, None),
    "other party": ({"azp": "another"}, None),
    "nonce": ({"nonce": "another"}, None),
    "no nonce": ({"nonce": None}, None),
    "expired": ({"exp": 1}, None),
    "never ends": ({"exp": None}, None),
    "no number": ({"exp": float("nan")}, None),
    "not begun": ({"iat": 9e9}, None),
    "nobody": ({"sub": None}, None),
    "no algorithm": ({}, alg_none),
    "the public key as a secret": ({}, signed_with_the_public_key),
    "another key of this name": ({}, signed_by_another),
    "no token": ({}, lambda _there, _claims: "nonsense"),
    "too long": ({"padding": "x" * 70_000}, None),
}


def test_what_the_provider_has_not_signed_for_this_sign_in_opens_nothing(
    hospital: Provider, client_for: ClientFor, world: World, network: Database
) -> None:
    known = known_by_email(world)
    let_in = client_for(None)
    sign_in(let_in, hospital, **known)
    assert is_signed_in(let_in), "the control"
    for wrong, (claims, sign) in EVIL.items():
        client = client_for(None)
        hospital.sign = sign
        answer = sign_in(client, hospital, **known | claims)
        assert "did not confirm who you are" in said(client, answer), wrong
        assert not is_signed_in(client), wrong
    refused = events(network, "sign-in.refused")
    assert {one.subject for one in refused} == {"provider:hospital:not-confirmed-there"}


def test_an_answer_belongs_to_one_browser_one_provider_and_works_once(
    hospital: Provider, client_for: ClientFor, world: World
) -> None:
    known, begun, other = known_by_email(world), client_for(None), client_for(None)
    back = hospital.approve(begun.get("/login/with/hospital").location, **known)
    assert "begun in another browser" in said(other, other.get(back))
    mixed_up = begun.get(f"{back}&iss=https%3A%2F%2Fevil.example")
    assert "did not confirm" in said(begun, mixed_up)
    assert "begun in another browser" in said(begun, begun.get(back)), "the state is used up"
    hospital.offer["authorization_response_iss_parameter_supported"] = True
    begun.http.application.extensions[EXTENSION] = Offers()  # type: ignore[attr-defined]
    assert "did not confirm" in said(begun, sign_in(begun, hospital, **known))
    late = hospital.approve(begun.get("/login/with/hospital").location, names_itself=True, **known)
    with time_machine.travel(clock.now() + timedelta(minutes=11), tick=False):
        assert "took too long" in said(begun, begun.get(late))
    assert not is_signed_in(begun)
    sign_in(begun, hospital, names_itself=True, **known)
    assert is_signed_in(begun)
    refused = client_for(None)
    back = hospital.approve(refused.get("/login/with/hospital").location, names_itself=True)
    state = re.search(r"state=([^&]+)", back)
    assert state
    answer = refused.get(
        f"/login/with/hospital/done?error=access_denied&state={state[1]}&iss={hospital.issuer}"
        "&error_description=%3Cb%3Ecall+1234"
    )
    page = said(refused, answer)
    assert f"You did not sign in at {LABEL}" in page
    assert "call 1234" not in page


def test_new_keys_of_the_provider_are_read_when_it_names_one_that_is_not_known(
    hospital: Provider, client_for: ClientFor, world: World
) -> None:
    known = known_by_email(world)
    sign_in(client_for(None), hospital, **known)
    curve = {"kty": "EC", "kid": "new curve", "crv": "of next year", "x": "AAAA", "y": "AAAA"}
    hospital.key, hospital.other_keys = new_key(), [curve, {"kty": "OKP", "kid": "1"}, None]
    with time_machine.travel(clock.now() + timedelta(seconds=30), tick=False):
        client = client_for(None)
        sign_in(client, hospital, **known)
        assert is_signed_in(client)
    assert hospital.answers.count("/realm/keys") == 2
    assert hospital.answers.count("/realm/.well-known/openid-configuration") == 1


def test_a_provider_that_is_away_says_so_and_leaves_passwords_as_they_are(
    configure: Configure, client_for: ClientFor, world: World
) -> None:
    configure("http://127.0.0.1:1")
    client = client_for(None)
    answer = client.get("/login/with/hospital?next=/account")
    assert answer.location == "/login?next=/account"
    assert f"{LABEL} does not answer just now" in said(client, answer)
    client.send("/login", email=world.emails[PERSON], password=PASSWORD)
    assert is_signed_in(client)
    assert client.get("/login/with/nobody").status_code == 404
    note = jwt.encode({"alg": "RS256", "kid": "1"}, {}, new_key())
    told = client.http.post("/login/with/hospital/ended", data={"logout_token": note})
    assert (told.status_code, told.headers["Retry-After"]) == (503, "20"), "it may tell again"


def test_a_provider_that_hangs_takes_few_threads(
    hospital: Provider, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "WAITS", 0.2)
    clients, answer = [client_for(None) for _ in range(5)], hospital.answer

    def let_hang(addresses: Iterable[str]) -> tuple[int, list[str]]:
        """How many are asked there at once, and where those are sent who do not wait for them."""
        go_on, asked = Event(), []

        def hang(path: str, headers: Any, body: bytes) -> tuple[int, Any]:
            asked.append(path)
            go_on.wait(4)
            return answer(path, headers, body)

        with monkeypatch.context() as patched, ThreadPoolExecutor(5) as pool:
            patched.setattr(hospital, "answer", hang)
            sent = [pool.submit(one.get, to) for one, to in zip(clients, addresses, strict=True)]
            turned_away = wait(sent, timeout=2).done
            there = len(asked)
            go_on.set()
            return there, [one.result().location for one in turned_away]

    assert let_hang(["/login/with/hospital"] * 5) == (1, ["/login"] * 4)
    backs = [hospital.approve(one.get("/login/with/hospital").location) for one in clients]
    assert let_hang(backs) == (2, ["/login"] * 3)


def test_a_provider_leads_neither_to_another_issuer_nor_without_https_nor_into_a_network(
    hospital: Provider, app: Flask, client_for: ClientFor, world: World
) -> None:
    for wrong, sentence in (
        ({"issuer": "https://evil.example"}, "does not answer"),
        ({"authorization_endpoint": "http://evil.example/"}, "does not answer"),
        ({"authorization_endpoint": "https://evil.example:99999/"}, "does not answer"),
        ({"jwks_uri": "javascript:1"}, "does not answer"),
        ({"token_endpoint_auth_methods_supported": 1}, "does not answer"),
        ({"token_endpoint": "https://10.0.0.1/token"}, "did not confirm"),
        ({"jwks_uri": "https://169.254.169.254/keys"}, "does not answer"),
    ):
        hospital.offer = wrong
        app.extensions[EXTENSION] = Offers()
        client = client_for(None)
        answer = client.get("/login/with/hospital")
        if answer.location.startswith(hospital.issuer):
            answer = client.get(hospital.approve(answer.location, **known_by_email(world)))
        assert sentence in said(client, answer), wrong
        assert not is_signed_in(client)


def test_an_address_links_only_if_it_is_confirmed_there_and_the_account_may_sign_in_so(
    there: Provider,
    configure: Configure,
    client_for: ClientFor,
    world: World,
    network: Database,
) -> None:
    configure(there.issuer)
    known = known_by_email(world)
    assert sign_in(client_for(None), there, **known).location == "/login/link"
    configure(there.issuer, trusts_email=True)
    for doubtful in (
        {"email_verified": False},
        {"email_verified": "true"},
        {"email": None},
        {"email": f"mailto:{known['email']}"},
    ):
        assert sign_in(client_for(None), there, **known | doubtful).location == "/login/link"
    patient = client_for(None)
    answer = sign_in(patient, there, **known_by_email(world, "patient-owner"))
    assert "cannot be opened by signing in" in said(patient, answer)
    assert not is_signed_in(patient)
    client = client_for(None)
    assert sign_in(client, there, **known | {"auth_time": None}).location == "/dashboard"
    assert is_signed_in(client)
    taken_over = client_for(None)
    answer = sign_in(taken_over, there, **known | {"sub": "who has the address now"})
    assert "is linked already" in said(taken_over, answer)
    page, admin = f"/admin/accounts/{world.accounts[PERSON]}", client_for("centre-admin-owner")
    assert LABEL in admin.get(page).text
    assert client_for("centre-admin-stranger").post(f"{page}/unlink").status_code == 404
    assert admin.send(f"{page}/unlink", page=page).status_code == 303
    assert not is_signed_in(client)
    assert "Linked with" not in admin.get(page).text
    sign_in(client_for(None), there, **known)
    network.run(lambda session: identity.set_active(work(session), world.accounts[PERSON], False))
    closed = client_for(None)
    answer = sign_in(closed, there, **known)
    assert "cannot be opened by signing in" in said(closed, answer)
    assert not is_signed_in(closed)


def test_groups_make_place_and_close_accounts_where_the_settings_say_so(
    there: Provider,
    configure: Configure,
    client_for: ClientFor,
    world: World,
    network: Database,
) -> None:
    own, other = world.centres["own"], world.centres["other"]
    groups = (
        {"name": "desk", "centre": own},
        {"name": "lab", "centre": other, "department": world.departments["stranger"]},
        {"name": "boss", "role": "centre-admin", "centre": own},
        {"name": "gone", "centre": 999_999},
        {"name": "mixed up", "centre": own, "department": world.departments["stranger"]},
    )
    trusted = {"trusts_email": True, "roles": ["staff", "administrator"]}
    follows = {"makes_accounts": True, "follows_groups": True}
    new = {"sub": "new", "email": "new@example.com", "email_verified": True, "name": "New Desk"}
    configure(there.issuer, groups, **trusted)
    desk = new | {"groups": ["other", "desk"]}
    assert sign_in(client_for(None), there, **desk).location == "/login/link", "off by default"
    configure(there.issuer, groups, **trusted, **follows)
    assert sign_in(client_for(None), there, **new | {"groups": ["other"]}).location == "/login/link"
    client = client_for(None)
    assert sign_in(client, there, **desk).location == "/dashboard"
    assert is_signed_in(client)
    made = account(network, "new@example.com")
    assert (made.role, made.name, made.confirmed_at is not None) == ("staff", "New Desk", True)

    def place() -> tuple[str, int | None, int | None]:
        found = account(network, "new@example.com")
        member = network.read(lambda session: directory.staff_member(session, made.id))
        return (found.role, member and member.centre_id, member and member.department_id)

    assert place() == ("staff", own, None)
    moved = client_for(None)
    sign_in(moved, there, **new | {"groups": "lab"})
    assert place() == ("staff", other, world.departments["stranger"])
    assert not is_signed_in(client), "another role ends what the earlier one had opened"
    sign_in(client_for(None), there, **new | {"groups": ["boss", "lab"]})
    assert place()[0] == "staff", "the first group of the file counts"
    sign_in(client_for(None), there, **new | {"groups": ["boss"]})
    assert place() == ("centre-admin", own, None)
    for wrong in ("gone", "mixed up"):
        nowhere = client_for(None)
        answer = sign_in(nowhere, there, **new | {"groups": wrong})
        assert "cannot be opened by signing in" in said(nowhere, answer), wrong
        assert place() == ("centre-admin", own, None)
    many = sign_in(client_for(None), there, **new | {"_claim_names": {"groups": "src1"}})
    assert many.location == "/login"
    assert account(network, "new@example.com").active, "too many groups to name are not none"
    lost = client_for(None)
    answer = sign_in(lost, there, **new | {"groups": []})
    assert "cannot be opened by signing in" in said(lost, answer)
    assert not account(network, "new@example.com").active
    answer = sign_in(lost, there, **desk)
    assert not account(network, "new@example.com").active, "a closed account stays closed"
    practitioner = client_for(None)
    configure(there.issuer, groups[:1], trusts_email=True, makes_accounts=True, follows_groups=True)
    sign_in(practitioner, there, **known_by_email(world, "practitioner-owner"))
    assert is_signed_in(practitioner), "groups take only roles that they give"
    told = [one.action for one in events(network, "account.role-given", "account.role-lost")]
    assert told == ["account.role-given"] * 2 + ["account.role-lost"]


def test_the_provider_counts_as_second_step_or_our_own_follows(
    there: Provider, configure: Configure, app: Flask, client_for: ClientFor, world: World
) -> None:
    configure(there.issuer, trusts_email=True, second_step_amr=["mfa"], second_step_acr=["loa3"])
    known = known_by_email(world)
    app.extensions["openslot"].settings.second_factor_roles = ("staff",)
    weak = client_for(None)
    sign_in(weak, there, **known | {"amr": ["pwd"]})
    assert weak.get("/account").location == "/account/second-step"
    for strong in ({"amr": ["pwd", "mfa"]}, {"acr": "loa3"}):
        client = client_for(None)
        sign_in(client, there, **known | strong)
        assert is_signed_in(client)
    assert "acr_values" in there.asked
    assert "with a second step where you work" in client.get("/account/sessions").text
    sent = client.get("/account/prove/with/hospital").location
    weakly = client.get(there.approve(sent, **known, amr="pwd"))
    assert "You need a stronger sign-in" in said(client, weakly)
    assert client.send("/account/prove", page="/account", current=PASSWORD).status_code == 403
    shown, _codes = set_up_app(weak)
    half = client_for(None)
    assert sign_in(half, there, **known).location == "/login/code"
    assert f"You signed in with {LABEL}" in half.get("/login/code").text
    assert not is_signed_in(half)
    half.send("/login/code", code=shown.code(1))
    assert is_signed_in(half)
    configure(there.issuer, trusts_email=True, required_acr=["loa3"], required_amr=["mfa"])
    for too_weak in ({"acr": "loa3"}, {"amr": "mfa"}):
        refused = client_for(None)
        page = said(refused, sign_in(refused, there, **known | too_weak))
        assert f"You need a stronger sign-in at {LABEL}" in page
        assert not is_signed_in(refused)


def test_a_fresh_proof_is_asked_for_anew_and_must_be_fresh_and_of_the_reader(
    hospital: Provider, client_for: ClientFor, world: World
) -> None:
    known, client = known_by_email(world), client_for(None)
    long_ago = int((clock.now() - timedelta(hours=3)).timestamp())
    sign_in(client, hospital, **known | {"auth_time": long_ago})
    asks = client.get("/account/authenticator").location
    assert asks == "/account/prove?next=/account/authenticator", "being signed in is no proof"
    way = "/account/prove/with/hospital?next=/account/authenticator"
    assert way in unescape(client.get(asks).text)

    def prove(**claims: Any) -> TestResponse:
        return client.get(hospital.approve(client.get(way).location, **known | claims))

    for stale in (long_ago, None):
        assert "did not ask you again" in said(client, prove(auth_time=stale))
    assert (hospital.asked["prompt"], hospital.asked["max_age"]) == ("login", "0")
    another = known_by_email(world, "practitioner-owner")
    sign_in(client_for(None), hospital, **another)
    for somebody in ({"sub": "not linked"}, another):
        assert "as someone else" in said(client, prove(**somebody))
    assert client.get("/account/authenticator").status_code == 303
    assert prove().location == "/account/authenticator"
    shown, _codes = set_up_app(client)
    with time_machine.travel(clock.now() + timedelta(minutes=11), tick=False):
        assert prove().location.startswith("/account/prove")
        assert client.get("/account/authenticator").status_code == 303, "the code is to come"
        assert 'name="current"' not in client.get("/account/prove").text
        assert client.send("/account/prove", code="000000").status_code == 422
        assert client.send("/account/prove", code=shown.code()).status_code == 303
        assert client.get("/account/authenticator").status_code == 200


def test_a_reader_links_and_unlinks_but_not_the_last_way_in(
    hospital: Provider, app: Flask, client_for: ClientFor, world: World, network: Database
) -> None:
    own = client_for(PERSON)
    assert "/account/link/hospital" in own.get("/account/sessions").text
    sent = own.get("/account/link/hospital").location
    confirm = own.get(hospital.approve(sent, sub="mine", email="me@work.example"))
    assert confirm.location == "/login/link"
    assert "says that you are me@work.example" in own.get("/login/link").text
    assert own.send("/login/link").location == "/account/sessions"
    sign_in(elsewhere := client_for(None), hospital, sub="mine")
    assert is_signed_in(elsewhere)
    tokens = {"email": world.emails[PERSON], "password": PASSWORD}
    program = Program(app, Program(app).send("POST", "/api/v1/tokens", tokens).json["access_token"])
    listed = program.get("/api/v1/me/credentials")["items"]
    (kept,) = [one for one in listed if one["kind"] == "identity"]
    assert kept["agent"] == LABEL

    def set_password(text: str) -> None:
        def run(session: Any) -> None:
            session.get_one(Account, world.accounts[PERSON]).password = text

        network.run(run)

    password = account(network, world.emails[PERSON]).password
    set_password("!")
    path = f"/api/v1/me/credentials/identity/{kept['id']}"
    assert program.send("DELETE", path).status_code == 409
    chosen = {"page": "/account", "session": f"identity:{kept['id']}"}
    assert "only way to sign in" in said(own, own.send("/account/sessions/end", **chosen))
    add_passkey(own)
    own.send("/account/sessions/end", **chosen)
    assert network.read(lambda session: list(session.scalars(select(LinkedIdentity)))) == []
    set_password(password)
    assert sign_in(client_for(None), hospital, sub="mine").location == "/login/link"


def test_a_role_that_signs_in_there_alone_cannot_do_so_with_a_password_or_passkey(
    there: Provider, configure: Configure, app: Flask, client_for: ClientFor, world: World
) -> None:
    client = client_for(PERSON)
    mate = {"email": world.emails["staff-teammate"], "password": PASSWORD}
    before = Program(app).send("POST", "/api/v1/tokens", mate).json["refresh_token"]
    passkey = add_passkey(client)
    configure(there.issuer, passwords=False)
    goes_on = Program(app).send("POST", "/api/v1/tokens/refresh", {"refresh_token": before})
    assert goes_on.status_code == 401, "nor do programs go on that did so before"
    given = {"email": world.emails[PERSON], "password": PASSWORD}
    refused = client_for(None)
    page = refused.send("/login", **given)
    assert page.status_code == 403
    assert f"Your role signs in with {LABEL}" in page.text
    sent = passkey.answer(refused.get("/login").text)
    assert refused.send("/login/passkey", page="/login", **sent).status_code == 403
    assert Program(app).send("POST", "/api/v1/tokens", given).json["code"] == "sign-in-there"
    assert client_for("patient-owner").get("/account").status_code == 200
    linking = client_for(None)
    assert sign_in(linking, there, sub="mine").location == "/login/link"
    assert linking.send("/login/link", **given).location == "/login/code"
    assert not is_signed_in(linking)
    late = client_for(None)
    sign_in(late, there, sub="mine")
    page = linking.get("/login/code").text
    linking.send("/login/passkey", page="/login/code", **passkey.answer(page))
    assert is_signed_in(linking)
    assert late.send("/login/link", **mate).status_code == 409
    assert not is_signed_in(late), "who is linked by now opens no other account with a password"
    assert "Change" not in linking.get("/account/sessions").text.split("Where you are signed in")[0]


def test_who_signs_in_on_the_ordinary_page_links_nobody_who_stood_there_before(
    hospital: Provider, client_for: ClientFor, world: World, network: Database
) -> None:
    passkey, desk = add_passkey(client_for(PERSON)), client_for(None)
    page, token = desk.get("/login").text, desk.token_of("/login")
    sign_in(desk, hospital, sub="who stood here before")
    desk.http.post("/login/passkey", data={"csrf_token": token, **passkey.answer(page)})
    assert is_signed_in(desk)
    desk = client_for(None)
    token = desk.token_of("/login")
    sign_in(desk, hospital, sub="who stood here before")
    half = desk.send("/login/link", email=world.emails[PERSON], password=PASSWORD)
    assert half.location == "/login/code"
    other = {"email": world.emails["practitioner-owner"], "password": PASSWORD}
    desk.http.post("/login", data={"csrf_token": token, **other})
    assert is_signed_in(desk)
    assert network.read(lambda session: list(session.scalars(select(LinkedIdentity)))) == []


def test_who_signs_out_there_is_signed_out_here(
    hospital: Provider,
    client_for: ClientFor,
    world: World,
    network: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known, event = known_by_email(world), "http://schemas.openid.net/event/backchannel-logout"
    first, second, by_password = client_for(None), client_for(None), client_for(PERSON)
    sign_in(first, hospital, **known, sid="one")
    sign_in(second, hospital, **known, sid="two")
    now = int(clock.now().timestamp())
    usual = {"iss": hospital.issuer, "aud": CLIENT, "iat": now, "events": {event: {}}}

    def note(**claims: Any) -> int:
        token = hospital.signed(usual | claims)
        path = "/login/with/hospital/ended"
        return client_for(None).http.post(path, data={"logout_token": token}).status_code

    wrong: tuple[dict[str, Any], ...] = (
        {"jti": "1", "sid": "one", "nonce": "an ID token"},
        {"jti": "2", "sid": "one", "events": {}},
        {"jti": "3", "sid": "one", "aud": "another"},
        {"jti": "4", "sid": "one", "iat": now - 600},
        {"sid": "one"},
        {"jti": "5"},
    )
    assert [note(**one) for one in wrong] == [400] * len(wrong)
    assert is_signed_in(first)
    assert note(jti="6", sid="one") == 200
    assert (is_signed_in(first), is_signed_in(second)) == (False, True)
    assert note(jti="6", sid="one") == 400, "a note works once"

    def full() -> None:
        raise RateLimited

    monkeypatch.setattr(limits, "provider", full)
    assert note(jti="5") == 429
    assert note(jti="7", sub=known["sub"]) == 200, "right ones are never too many"
    assert (is_signed_in(second), is_signed_in(by_password)) == (False, True)
    told = events(network, "account.signed-out-there")
    assert [one.subject for one in told] == [f"account:{world.accounts[PERSON]}"] * 2
