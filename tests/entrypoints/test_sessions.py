"""A session has a new token whenever the password is given, is ended by whom it may, and every
signature is SHA-256."""

from base64 import urlsafe_b64decode
from datetime import timedelta

import pytest
import time_machine
from flask import Flask

from entrypoints.browsing import Client, ClientFor
from entrypoints.world import PASSWORD, World
from openslot.core import clock, signing
from openslot.core.audit import AuditEvent
from openslot.core.db import Database
from openslot.entrypoints.web import unsent

NEW = "plum kettle orbit seven"
LONG_AGO = timedelta(minutes=11)

PROOFS = {
    "/account/prove": {"current": PASSWORD},
    "/account/password": {"current": PASSWORD, "password": NEW},
    "/account/email": {"current": PASSWORD, "email": "new@example.org"},
}


def copy_of(client: Client, app: Flask) -> Client:
    """A browser with the cookies that another has now."""
    copy = Client(app)
    for cookie in client.http._cookies.values():
        copy.http.set_cookie(cookie.key, cookie.value)
    return copy


@pytest.mark.parametrize("path", PROOFS)
def test_giving_the_password_again_ends_the_token_that_was_known(
    client_for: ClientFor, app: Flask, path: str
) -> None:
    client = client_for("patient-owner")
    copied = copy_of(client, app)
    assert copied.get("/account").status_code == 200
    assert client.send(path, **PROOFS[path]).status_code == 303
    assert client.get("/account").status_code == 200
    assert copied.get("/account").status_code == 303, "the token of before opens nothing"


def test_a_wrong_password_leaves_the_token(client_for: ClientFor, app: Flask) -> None:
    client = client_for("patient-owner")
    copied = copy_of(client, app)
    assert client.send("/account/prove", current="wrong").status_code == 422
    assert copied.get("/account").status_code == 200


def test_signing_in_again_ends_the_session_that_ran_out(
    client_for: ClientFor, app: Flask, world: World
) -> None:
    client = client_for("staff-owner")
    copied = copy_of(client, app)
    with time_machine.travel(clock.now() + timedelta(minutes=31), tick=False):
        client.send("/login", email=world.emails["staff-owner"], password=PASSWORD)
        assert client.get("/account").status_code == 200
    assert copied.get("/account").status_code == 303, "although its own time is not over here"


def test_a_form_that_was_open_is_taken_after_the_password_is_given(client_for: ClientFor) -> None:
    client = client_for("patient-owner")
    token = client.token_of("/account/details")
    client.send("/account/prove", current=PASSWORD)
    answer = client.http.post("/account/details", data={"csrf_token": token, "name": ""})
    assert answer.status_code == 422, "and not 400, as for a form of another session"


def test_ending_sessions_asks_for_a_password_of_long_ago(client_for: ClientFor) -> None:
    other, client = client_for("patient-owner"), client_for("patient-owner")
    with time_machine.travel(clock.now() + LONG_AGO, tick=False):
        assert client.get("/account/sessions").status_code == 200, "looking needs none"
        asked = client.send("/account/sessions/end", page="/account", session="others")
        assert asked.location.startswith("/account/prove")
        assert other.get("/account").status_code == 200
        client.send("/account/prove", current=PASSWORD)
        client.send("/account/sessions/end", page="/account", session="others")
        assert other.get("/account").status_code == 303


@pytest.mark.parametrize("person", ["patient-owner", "staff-owner", "network-admin"])
@pytest.mark.parametrize("path", ["/", "/account", "/account/sessions", "/nowhere", "/dashboard"])
def test_every_page_of_who_is_signed_in_leads_out(
    client_for: ClientFor, person: str, path: str
) -> None:
    client = client_for(person)
    answer = client.http.get(path, follow_redirects=True)
    assert 'class="os-out" href="/logout"' in answer.text
    assert client.send("/logout").status_code == 303
    assert client.get("/account").status_code == 303


@pytest.mark.parametrize("person", ["network-admin", "centre-admin-owner"])
def test_an_administrator_signs_an_account_out(
    client_for: ClientFor, world: World, network: Database, person: str
) -> None:
    staff, patient, admin = (
        client_for("staff-owner"),
        client_for("patient-owner"),
        client_for(person),
    )
    path = f"/admin/accounts/{world.accounts['staff-owner']}"
    assert f'href="{path}/sign-out"' in admin.get(path).text
    assert admin.get(f"{path}/sign-out").status_code == 200
    assert staff.get("/account").status_code == 200, "asking ends nothing"
    assert admin.send(f"{path}/sign-out").status_code == 303
    assert staff.get("/account").status_code == 303
    assert client_for("staff-owner").get("/account").status_code == 200, "they may sign in again"
    assert [one.get("/account").status_code for one in (patient, admin)] == [200, 200]
    own = f"/admin/accounts/{world.accounts[person]}/sign-out"
    assert admin.send(own, page="/account").status_code == (
        409 if person == "network-admin" else 404
    )


def test_who_does_not_manage_an_account_signs_nobody_out(
    client_for: ClientFor, world: World
) -> None:
    patient, admin = client_for("patient-owner"), client_for("centre-admin-owner")
    path = f"/admin/accounts/{world.accounts['patient-owner']}/sign-out"
    assert admin.send(path, page="/account").status_code == 404
    assert admin.send("/admin/accounts/sign-out", page="/account").status_code == 403
    assert client_for("staff-owner").send(path, page="/account").status_code == 403
    assert patient.get("/account").status_code == 200


def test_the_network_signs_everybody_out_but_the_reader(
    client_for: ClientFor, world: World, network: Database
) -> None:
    others = [client_for(one) for one in ("patient-owner", "staff-owner", "network-admin")]
    sent = {"email": world.emails["patient-owner"], "password": PASSWORD}
    tokens = others[0].http.post("/api/v1/tokens", json=sent).get_json()
    admin = client_for("network-admin")
    assert 'href="/admin/accounts/sign-out"' in admin.get("/admin/accounts").text
    assert admin.send("/admin/accounts/sign-out").status_code == 303
    assert admin.get("/account").status_code == 200
    assert [one.get("/account").status_code for one in others] == [303] * 3
    again = {"refresh_token": tokens["refresh_token"]}
    assert others[0].http.post("/api/v1/tokens/refresh", json=again).status_code == 401
    noted = network.read(lambda session: {one.action for one in session.query(AuditEvent)})
    assert "account.everybodys-credentials-ended" in noted


def test_signing_others_out_asks_for_a_password_of_long_ago(
    client_for: ClientFor, world: World
) -> None:
    admin = client_for("network-admin")
    of_one = f"/admin/accounts/{world.accounts['staff-owner']}/sign-out"
    with time_machine.travel(clock.now() + LONG_AGO, tick=False):
        for address in (of_one, "/admin/accounts/sign-out"):
            asked = admin.send(address, page="/account")
            assert asked.location.startswith("/account/prove")


def signature_bits(text: str) -> int:
    """The length of the signature at the end of a signed text."""
    signature = text.rpartition(".")[2]
    return 8 * len(urlsafe_b64decode(signature + "=" * (-len(signature) % 4)))


def test_every_signature_is_sha_256(client_for: ClientFor, app: Flask) -> None:
    client = client_for("patient-owner")
    cookies = {one.key: one.value for one in client.http._cookies.values()}
    with app.test_request_context():
        carried = unsent.Unsent("/x", ()).signed()
    signed = {
        "session": cookies["openslot"],
        "known browser": cookies["openslot-device"],
        "form": client.token_of("/account/details"),
        "carried form": carried,
        "link": signing.sign("key", "purpose", [1]),
        "dated link": signing.sign_dated("key", "purpose", [1]),
    }
    assert {name: signature_bits(text) for name, text in signed.items()} == dict.fromkeys(
        signed, 256
    )
