"""A second step at sign-in: codes of an app, recovery codes, passkeys, and roles that need one."""

import re
from datetime import timedelta
from html import unescape

import pyotp
import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from entrypoints.browsing import Client, ClientFor, link_in, mails
from entrypoints.programs import Program, signed_in
from entrypoints.test_walk import values, ways
from entrypoints.world import PASSWORD, World
from openslot.core import clock
from openslot.core.audit import AuditEvent
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.entrypoints.web.access import WITHOUT_STEP
from openslot.identity import queries
from openslot.identity.models import Account, Authenticator, RecoveryCode
from openslot.identity.models import Passkey as StoredPasskey
from passkeys import Passkey

NEW = "seven quiet otters swim"
PERSON = "practitioner-owner"


class App:
    """An authenticator app with a secret; ``code(1)`` is the one that it shows next."""

    def __init__(self, secret: str) -> None:
        self.shown = pyotp.TOTP(secret)

    def code(self, ahead: int = 0) -> str:
        return self.shown.at(int(clock.now().timestamp()) + 30 * ahead)


def set_up_app(client: Client) -> tuple[App, list[str]]:
    """Set up an app as a person does, and return it with the recovery codes."""
    page = client.get("/account/authenticator").text
    key = re.search(r'class="os-key">(.*?)</code>', page)
    hidden = re.search(r'name="secret" value="([^"]+)"', page)
    assert key
    assert hidden
    app = App(re.sub(r"<[^>]+>|\s", "", key[1]))
    done = client.send("/account/authenticator", secret=unescape(hidden[1]), code=app.code())
    assert done.status_code in (200, 303), done.text
    return app, re.findall(r"<li><code>([^<]+)</code>", done.text)


def add_passkey(client: Client, name: str = "My phone") -> Passkey:
    passkey = Passkey()
    page = client.get("/account/passkeys").text
    done = client.send("/account/passkeys", name=name, **passkey.answer(page))
    assert done.status_code in (200, 303), done.text
    return passkey


def give_password(client: Client, world: World, person: str = PERSON) -> TestResponse:
    return client.send("/login", email=world.emails[person], password=PASSWORD)


def is_signed_in(client: Client) -> bool:
    return client.get("/account").status_code == 200


def actions(network: Database) -> list[str]:
    query = select(AuditEvent.action).order_by(AuditEvent.at, AuditEvent.id)
    return network.read(lambda session: list(session.scalars(query)))


def test_a_code_is_asked_for_after_the_password_and_works_once(
    client_for: ClientFor, world: World, network: Database
) -> None:
    own, elsewhere = client_for(PERSON), client_for(PERSON)
    app, codes = set_up_app(own)
    assert len(set(codes)) == 10
    assert is_signed_in(own)
    assert not is_signed_in(elsewhere), "what the password alone opened is ended"
    other = client_for(None)
    step = give_password(other, world)
    assert (step.status_code, step.location) == (303, "/login/code")
    assert not is_signed_in(other)
    refused = other.send("/login/code", code=app.code())
    assert (refused.status_code, is_signed_in(other)) == (422, False), "it was used to set up"
    next_code = app.code(1)
    assert other.send("/login/code", code=f" {next_code[:3]} {next_code[3:]}").status_code == 303
    assert is_signed_in(other)
    third = client_for(None)
    give_password(third, world)
    assert third.send("/login/code", code=next_code).status_code == 422
    assert third.send("/login/code", code=app.code(3)).status_code == 422
    assert third.send("/login/code", code=codes[3].upper().replace("-", " ")).status_code == 303
    assert is_signed_in(third)
    assert "9 are left" in third.get("/account/sessions").text
    again = client_for(None)
    give_password(again, world)
    assert again.send("/login/code", code=codes[3]).status_code == 422
    assert {"account.code-asked", "account.recovery-code-used"} <= {*actions(network)}


def test_being_half_signed_in_opens_nothing_and_ends_soon(
    app: Flask, client_for: ClientFor, world: World, network: Database
) -> None:
    shown, _codes = set_up_app(client_for(PERSON))
    half = client_for(None)
    give_password(half, world)
    for way in ways(app, values(world, "owner")):
        if None in getattr(app.view_functions[way.endpoint], "allowed", {None}):
            continue
        if "GET" in way.methods:
            assert half.get(way.path).location.startswith("/login"), way
    client = client_for(None)
    client.send("/forgot", email=world.emails[PERSON])
    token = half.token_of("/login/code")
    reset = client.send(link_in(mails(network)[0]), password=NEW)
    assert (reset.status_code, is_signed_in(client)) == (303, False)
    late = half.http.post("/login/code", data={"csrf_token": token, "code": shown.code(1)})
    assert late.location == "/login", "a new password ends it"
    step = client.send("/login", email=world.emails[PERSON], password=NEW)
    assert step.location == "/login/code", "a link in a mail is no second step"
    for active, status in ((False, 303), (True, 200)):
        changed = update(Account).values(active=active)
        network.run(lambda session, changed=changed: session.execute(changed))
        assert client.get("/login/code").status_code == status
    with time_machine.travel(clock.now() + timedelta(minutes=11), tick=False):
        assert client.get("/login/code").location == "/login"


def test_guessing_codes_is_stopped_told_to_the_owner_and_not_begun_anew_by_the_password(
    client_for: ClientFor, network: Database, world: World
) -> None:
    shown, _codes = set_up_app(client_for(PERSON))
    thief = client_for(None)
    statuses = []
    for number in range(11):
        give_password(thief, world)
        code = f"{(int(shown.code(1)) + 7 + number) % 10**6:06}"
        statuses.append(thief.send("/login/code", code=code).status_code)
        assert actions(network).count("account.second-step-guessed") == (number >= 9)
    assert statuses == [422] * 10 + [429]
    assert thief.send("/login/code", code=shown.code(1)).status_code == 429
    with time_machine.travel(clock.now() + timedelta(minutes=16), tick=False):
        give_password(thief, world)
        assert thief.send("/login/code", code=shown.code()).status_code == 303


def test_strangers_who_know_the_id_of_an_account_do_not_lock_its_codes(
    client_for: ClientFor, network: Database, world: World
) -> None:
    shown, _codes = set_up_app(client_for(PERSON))
    account = network.read(lambda session: queries.by_email(session, world.emails[PERSON]))
    assert account
    for mark in (" ", "\n"):
        for _ in range(10):
            client_for(None).send("/login", email=f"codes of{mark}{account.id}", password="no")
    owner = client_for(None)
    give_password(owner, world)
    assert owner.send("/login/code", code=shown.code(1)).status_code == 303


def test_programs_send_a_code_too(app: Flask, client_for: ClientFor, world: World) -> None:
    before = signed_in(app, world, PERSON)
    shown, codes = set_up_app(client_for(PERSON))
    assert before.send("GET", "/api/v1/me").status_code == 401
    sent, program = {"email": world.emails[PERSON], "password": PASSWORD}, Program(app)
    refused = program.send("POST", "/api/v1/tokens", sent)
    assert (refused.status_code, refused.json["code"]) == (403, "code-needed")
    wrong = program.send("POST", "/api/v1/tokens", sent | {"code": codes[0][:-1]})
    assert (wrong.status_code, wrong.json["code"]) == (422, "wrong-code")
    tokens = program.send("POST", "/api/v1/tokens", sent | {"code": shown.code(1)})
    assert tokens.status_code == 201
    own = Program(app, tokens.json["access_token"])
    items = own.get("/api/v1/me/credentials")["items"]
    steps = {one["kind"]: one["left"] for one in items if one["kind"] not in ("browser", "program")}
    assert steps == {"authenticator": None, "recovery-codes": 10}
    removed = own.send("DELETE", "/api/v1/me/credentials/authenticator/authenticator")
    assert removed.status_code == 204
    left = [one["kind"] for one in own.get("/api/v1/me/credentials")["items"]]
    assert left == ["browser", "program"]


def test_a_role_that_needs_a_second_step_sets_it_up_before_anything_else(
    app: Flask, settings: Settings, client_for: ClientFor, world: World
) -> None:
    client, patient = client_for(PERSON), client_for("patient-owner")
    tokens = Program(app).send(
        "POST", "/api/v1/tokens", {"email": world.emails[PERSON], "password": PASSWORD}
    )
    app.extensions["openslot"].settings.second_factor_roles = ("practitioner",)
    assert is_signed_in(patient)
    own = Program(app, tokens.json["access_token"]).send("GET", "/api/v1/me")
    assert (own.status_code, own.json["code"]) == (401, "bad-token")
    for way in ways(app, values(world, "owner")):
        if way.endpoint not in WITHOUT_STEP and "GET" in way.methods:
            answer = client.get(way.path)
            assert (answer.status_code, answer.location) == (303, "/account/second-step"), way
    assert "Set this up to continue" in client.get("/account/second-step").text
    again = {"refresh_token": tokens.json["refresh_token"]}
    assert Program(app).send("POST", "/api/v1/tokens/refresh", again).status_code == 401
    sent = {"email": world.emails[PERSON], "password": PASSWORD}
    refused = Program(app).send("POST", "/api/v1/tokens", sent)
    assert (refused.status_code, refused.json["code"]) == (403, "must-enrol")
    set_up_app(client)
    assert is_signed_in(client)
    page = client.send(
        "/account/sessions/end", page="/account", session="authenticator:authenticator"
    )
    assert page.status_code == 303
    listed = client.get("/account/sessions").text
    assert "Your role needs a second step" in listed
    assert 'value="authenticator:authenticator"' in listed


def test_who_needs_no_second_step_removes_it_and_its_codes_and_is_told(
    client_for: ClientFor, network: Database, world: World
) -> None:
    own = client_for(PERSON)
    set_up_app(own)
    own.send("/account/sessions/end", page="/account", session="authenticator:authenticator")
    for kind in (Authenticator, RecoveryCode):
        assert network.read(lambda session, kind=kind: session.scalars(select(kind)).all()) == []
    assert give_password(client_for(None), world).location == "/dashboard"
    told = [name for name in actions(network) if name.startswith("account.authenticator")]
    assert told == ["account.authenticator-added", "account.authenticator-removed"]


def test_administrators_remove_what_somebody_has_lost_but_not_their_own(
    app: Flask, client_for: ClientFor, world: World, network: Database
) -> None:
    lost = client_for("staff-owner")
    set_up_app(lost)
    account = world.accounts["staff-owner"]
    path = f"/admin/accounts/{account}/second-steps"
    assert client_for("centre-admin-stranger").get(path).status_code == 404
    admin = client_for("centre-admin-owner")
    assert "Remove the second step" in admin.get(f"/admin/accounts/{account}").text
    assert admin.send(path).status_code == 303
    assert admin.send(path).status_code == 409
    assert not is_signed_in(lost)
    assert give_password(client_for(None), world, "staff-owner").location == "/dashboard"
    assert "account.second-steps-removed" in actions(network)
    root = client_for("network-admin")
    set_up_app(root)
    own = root.send(f"/admin/accounts/{world.accounts['network-admin']}/second-steps")
    assert own.status_code == 409
    assert "This is your own account" in own.text
    with time_machine.travel(clock.now() + timedelta(minutes=11), tick=False):
        assert admin.get(path).location.startswith("/account/prove")


def test_a_passkey_signs_in_alone_and_as_second_step_and_proves(
    client_for: ClientFor, world: World, network: Database
) -> None:
    own = client_for(PERSON)
    passkey = add_passkey(own)
    alone = client_for(None)
    page = alone.get("/login").text
    done = alone.send("/login/passkey", page="/login", **passkey.answer(page))
    assert (done.status_code, is_signed_in(alone)) == (303, True)
    second = client_for(None)
    give_password(second, world)
    page = second.get("/login/code").text
    done = second.send("/login/passkey", page="/login/code", **passkey.answer(page))
    assert (done.status_code, is_signed_in(second)) == (303, True)
    with time_machine.travel(clock.now() + timedelta(minutes=11), tick=False):
        asked = second.get("/account/authenticator").location
        assert asked.startswith("/account/prove")
        assert second.get("/account/password").location.startswith("/account/prove")
        half = second.send("/account/prove", current=PASSWORD)
        assert half.status_code == 403
        assert "Enter the code" in half.text
        sent = passkey.answer(second.get("/account/prove").text)
        assert second.send("/account/prove", **sent).status_code == 303
        assert second.get("/account/authenticator").status_code == 200
        assert second.get("/account/password").status_code == 200
    assert "My phone" in own.get("/account/sessions").text
    kept = own.get("/account/export").json["second_steps"]
    assert [(one["kind"], one["name"]) for one in kept] == [
        ("passkey", "My phone"),
        ("recovery-codes", None),
    ]
    assert "with a passkey" in own.get("/account/sessions").text
    (stored,) = network.read(lambda session: session.scalars(select(StoredPasskey)).all())
    assert stored.sign_count == passkey.counter


@pytest.mark.parametrize(
    "wrong",
    ["origin", "host", "unseen", "counter", "key", "owner", "again", "late", "other page", "junk"],
)
def test_a_passkey_that_is_not_right_opens_nothing(
    client_for: ClientFor, world: World, network: Database, wrong: str
) -> None:
    passkey = add_passkey(client_for(PERSON))
    client = client_for(None)
    page = client.get("/login").text
    if wrong == "origin":
        passkey.origin = "https://evil.example"
    elif wrong == "host":
        passkey.host = "evil.example"
    elif wrong == "unseen":
        passkey.verifies = False
    elif wrong == "counter":
        network.run(lambda session: session.execute(update(StoredPasskey).values(sign_count=9)))
    elif wrong == "again":  # many passkeys count no uses
        passkey.counter = -1
        network.run(lambda session: session.execute(update(StoredPasskey).values(sign_count=0)))
    elif wrong == "key":
        passkey.key = Passkey().key
    elif wrong == "owner":
        passkey.owner = "AAAA"
    elif wrong == "other page":
        other = client_for(None)
        give_password(other, world)
        page = other.get("/login/code").text
    sent = passkey.answer(page)
    if wrong == "again":
        assert client_for(None).send("/login/passkey", page="/login", **sent).status_code == 303
    elif wrong == "junk":
        sent["credential"] = '{"id": [], "response": 7}'
    wait = timedelta(minutes=16 if wrong == "late" else 0)
    with time_machine.travel(clock.now() + wait, tick=False):
        refused = client.send("/login/passkey", page="/login", **sent)
    assert refused.status_code == 422
    assert "This passkey was not accepted" in refused.text
    assert not is_signed_in(client)


def test_a_passkey_opens_no_account_that_its_password_would_not(
    client_for: ClientFor, world: World, network: Database, settings: Settings
) -> None:
    passkey = add_passkey(client_for(PERSON))
    settings.confirm_email = True
    client, own = client_for(None), update(Account).where(Account.email == world.emails[PERSON])
    for active, status in ((False, 422), (True, 401)):
        values = {"active": active, "confirmed_at": None}
        network.run(lambda session, values=values: session.execute(own.values(**values)))
        sent = passkey.answer(client.get("/login").text)
        assert client.send("/login/passkey", page="/login", **sent).status_code == status
        assert not is_signed_in(client)


def test_a_passkey_of_another_account_is_no_second_step(
    client_for: ClientFor, world: World
) -> None:
    add_passkey(client_for(PERSON))
    theirs = add_passkey(client_for("practitioner-stranger"))
    client = client_for(None)
    give_password(client, world)
    sent = theirs.answer(client.get("/login/code").text)
    assert client.send("/login/passkey", page="/login/code", **sent).status_code == 422
    assert not is_signed_in(client)
