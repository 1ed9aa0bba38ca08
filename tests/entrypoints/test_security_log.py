"""What an intruder does is written down: once for many, without personal data in the log."""

import json
from datetime import timedelta

import pytest
import time_machine
from structlog.testing import capture_logs

from entrypoints.browsing import ClientFor, mails
from entrypoints.world import PASSWORD, World
from openslot.core import audit, clock
from openslot.core.actor import SYSTEM
from openslot.core.audit import AuditEvent, Wanted
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.work import Work
from openslot.identity import keys
from openslot.notifications.alarms import raise_alarms

BEARER = "Authorization"


def events(network: Database, *beginnings: str) -> list[AuditEvent]:
    wanted = Wanted(beginnings=beginnings)
    return network.read(lambda session: list(audit.events(session, wanted, limit=500)))


def actions(network: Database, *beginnings: str) -> list[str]:
    return [one.action for one in reversed(events(network, *beginnings))]


def key_of(network: Database, settings: Settings, *scopes: str) -> str:
    def make(session: object) -> str:
        work = Work(session, SYSTEM, clock.now(), settings)  # type: ignore[arg-type] # a session
        return keys.create_key(work, "Front desk", scopes, ())[1]

    return network.run(make)


def test_a_flood_of_wrong_passwords_leaves_a_few_rows(
    client_for: ClientFor, network: Database, world: World, settings: Settings
) -> None:
    settings.sign_in_attempts = 50
    with time_machine.travel(clock.now(), tick=False):
        client = client_for(None)
        client.token_of("/login")
        for _attempt in range(25):
            client.post("/login", email=world.emails["patient-owner"], password="wrong")
    found = events(network, "sign-in.failed")
    assert sorted(one.details["count"] for one in found) == [1, 10]
    assert "@" not in found[0].subject


def test_each_kind_of_event_is_in_the_stream(
    client_for: ClientFor, network: Database, world: World, settings: Settings
) -> None:
    client, email = client_for("patient-owner"), world.emails["patient-owner"]
    client.send("/forgot", email=email)
    client.get("/admin/keys")  # not for patients
    client.get(f"/appointments/{world.appointments['stranger']}")
    client.get("/account/export")
    http = client_for(None).http
    tokens = http.post("/api/v1/tokens", json={"email": email, "password": PASSWORD}).get_json()
    again = {"refresh_token": tokens["refresh_token"]}
    http.post("/api/v1/tokens/refresh", json=again)
    http.post("/api/v1/tokens/refresh", json=again)
    http.get("/api/v1/me", headers={BEARER: "Bearer ost_nonsense"})
    http.post("/login", data={"email": email, "password": PASSWORD})
    client.send("/logout")
    found = set(actions(network))
    assert found >= {
        "account.signed-in",
        "account.signed-out",
        "account.reset-asked",
        "access.forbidden",
        "access.forged-form",
        "access.not-found",
        "access.unauthenticated",
        "data.exported",
        "token.issued",
        "token.refreshed",
        "token.reused",
    }


def test_a_key_is_noted_at_first_use_and_from_another_network(
    client_for: ClientFor, network: Database, settings: Settings
) -> None:
    bearer = {BEARER: f"Bearer {key_of(network, settings, 'directory:read')}"}
    http, start = client_for(None).http, clock.now()
    for minutes, address in ((0, "10.1.1.1"), (5, "10.1.1.1"), (10, "10.2.2.2"), (15, "10.1.1.1")):
        with time_machine.travel(start + timedelta(minutes=minutes), tick=False):
            answer = http.get(
                "/api/v1/centres", headers=bearer, environ_base={"REMOTE_ADDR": address}
            )
            assert answer.status_code == 200
    assert actions(network, "key.") == ["key.created", "key.first-used", "key.new-network"]


def test_a_key_ends(client_for: ClientFor, network: Database, settings: Settings) -> None:
    bearer = {BEARER: f"Bearer {key_of(network, settings, 'directory:read', 'manage')}"}
    http = client_for(None).http
    wanted = {"name": "child", "scopes": ["directory:read"]}
    with time_machine.travel(clock.now() + timedelta(days=300), tick=False):
        child = http.post("/api/v1/keys", json=wanted, headers=bearer).get_json()
        mother = next(
            one
            for one in http.get("/api/v1/keys", headers=bearer).get_json()["items"]
            if one["name"] == "Front desk"
        )
    assert child["ends"] == mother["ends"], "a key does not outlive the one that made it"
    with time_machine.travel(clock.now() + timedelta(days=366), tick=False):
        assert http.get("/api/v1/centres", headers=bearer).status_code == 401


def test_reading_the_audit_is_audited(client_for: ClientFor, network: Database) -> None:
    client = client_for("network-admin")
    client.search("/admin/audit?person=aroha")
    client.get("/admin/audit.csv")
    found = [(one.details["how"], one.details["fields"]) for one in events(network, "audit.read")]
    assert found == [("file", []), ("page", ["person"]), ("page", [])]


def test_the_log_has_no_personal_data(client_for: ClientFor, world: World) -> None:
    email = world.emails["patient-owner"]
    with capture_logs() as lines:
        client_for("patient-owner").send("/forgot", email=email)
        client_for(None).send("/login", email=email, password="wrong")
    ours = [line for line in lines if "audit_event" in line]
    assert {line["event"] for line in ours} >= {
        "account.signed-in",
        "account.reset-asked",
        "sign-in.failed",
    }
    assert email not in json.dumps(ours)
    assert "127.0.0.1" not in json.dumps(ours)


def test_administrators_are_told_once_an_hour(
    client_for: ClientFor, network: Database, world: World, settings: Settings
) -> None:
    http = client_for(None).http
    sent = {"email": world.emails["patient-owner"], "password": PASSWORD}
    again = {"refresh_token": http.post("/api/v1/tokens", json=sent).get_json()["refresh_token"]}
    for _use in range(2):
        http.post("/api/v1/tokens/refresh", json=again)
    for minutes in (1, 2):
        at = clock.now().replace(minute=10) + timedelta(minutes=minutes)
        found = network.run(
            lambda session, at=at: raise_alarms(Work(session, SYSTEM, at, settings))
        )
        assert found == ["token.reused"] or at < clock.now() - timedelta(hours=1)
    told = [mail["to"] for mail in mails(network)]
    assert told == [world.emails["network-admin"]]


ROUTES = (
    "/admin/keys/new",
    "/admin/webhooks/new",
    "/admin/import",
    "/admin/audit.csv",
    "/admin/accounts/new",
)


@pytest.mark.parametrize("path", ROUTES)
def test_a_password_of_long_ago_is_asked_for_again(client_for: ClientFor, path: str) -> None:
    client = client_for("network-admin")
    assert client.get(path).status_code == 200
    with time_machine.travel(clock.now() + timedelta(minutes=11), tick=False):
        asked = client.get(path)
        assert asked.status_code == 303
        assert asked.location.startswith("/account/prove?next=")
        if not path.endswith(".csv"):
            assert client.post(path).location.startswith("/account/prove"), "nor is it done"
        wrong = client.send(asked.location, current="wrong", next=path)
        assert wrong.status_code == 422
        assert client.get(path).status_code == 303
        proved = client.send(asked.location, current=PASSWORD, next=path)
        assert (proved.status_code, proved.location) == (303, path)
        assert client.get(path).status_code == 200


def test_a_proof_leads_to_no_other_site(client_for: ClientFor) -> None:
    client = client_for("network-admin")
    answer = client.send("/account/prove", current=PASSWORD, next="//evil.example/")
    assert answer.location == "/dashboard"
