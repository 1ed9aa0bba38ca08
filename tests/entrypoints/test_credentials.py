"""Nothing that opens an account outlives the end of everything, or a new password or address."""

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import update

from entrypoints.browsing import Client, ClientFor, link_in, mails
from entrypoints.programs import signed_in
from entrypoints.world import PASSWORD, World
from openslot.core import clock
from openslot.core.db import Database
from openslot.identity.credentials import SIGNED_IN
from openslot.identity.models import Account

NEW = "seven quiet otters swim"


class Thief:
    """Somebody who has copied every credential of an account."""

    def __init__(self, client_for: ClientFor, world: World) -> None:
        self.browser: Client = client_for("patient-owner")
        self.http = client_for(None).http
        sent = {"email": world.emails["patient-owner"], "password": PASSWORD}
        self.tokens = self.http.post("/api/v1/tokens", json=sent).get_json()
        address = self.http.post("/api/v1/me/calendar", headers=self.bearer()).get_json()
        self.calendar = address["address"].removeprefix("http://localhost")
        assert self.opens() == {"browser", "access", "calendar"}

    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    def opens(self) -> set[str]:
        """What still opens the account."""
        found = {
            "browser": self.browser.get("/account").status_code,
            "access": self.http.get("/api/v1/me", headers=self.bearer()).status_code,
            "calendar": self.http.get(self.calendar).status_code,
        }
        return {name for name, status in found.items() if status == 200}

    def refresh(self) -> int:
        again = {"refresh_token": self.tokens["refresh_token"]}
        return self.http.post("/api/v1/tokens/refresh", json=again).status_code


@pytest.fixture
def thief(client_for: ClientFor, world: World) -> Thief:
    return Thief(client_for, world)


def test_signing_out_everywhere_ends_all_that_is_chosen(
    thief: Thief, client_for: ClientFor
) -> None:
    own = client_for("patient-owner")
    page = own.get("/account/sessions").text
    assert page.count('value="program:') == 1
    assert page.count('value="calendar:') == 1
    own.send("/account/sessions/end", page="/account", session="others", kinds="calendar")
    assert thief.opens() == {"browser", "access"}
    own.send("/account/sessions/end", page="/account", session="others")
    assert thief.opens() == set()
    assert thief.refresh() == 401
    assert own.get("/account").status_code == 200


@pytest.mark.parametrize("kind", sorted(SIGNED_IN))
@pytest.mark.parametrize("which", ["00" * 32, "0" * 32, "none", "", "another's"])
def test_who_ends_what_is_not_there_is_told_so(
    app: Flask, client_for: ClientFor, world: World, thief: Thief, kind: str, which: str
) -> None:
    stranger = client_for("patient-stranger")
    if which == "another's":
        page = client_for("patient-owner").get("/account/sessions").text
        which = page.partition(f'value="{kind}:')[2].partition('"')[0]
        assert which
    answer = stranger.send("/account/sessions/end", page="/account", session=f"{kind}:{which}")
    assert answer.status_code == 404
    assert "That is signed out" not in stranger.get("/account/sessions").text
    program = signed_in(app, world, "patient-stranger")
    path = f"/api/v1/me/credentials/{kind}/{which or 'none'}"
    assert program.send("DELETE", path).status_code == 404
    assert program.send("GET", "/api/v1/me").status_code == 200
    assert thief.opens() == {"browser", "access", "calendar"}


def test_a_new_password_ends_everything(thief: Thief, client_for: ClientFor) -> None:
    own = client_for("patient-owner")
    own.send("/account/password", current=PASSWORD, password=NEW)
    assert thief.opens() == set()
    assert thief.refresh() == 401


def test_a_reset_ends_everything(
    thief: Thief, client_for: ClientFor, network: Database, world: World
) -> None:
    client = client_for(None)
    client.send("/forgot", email=world.emails["patient-owner"])
    assert client.send(link_in(mails(network)[0]), password=NEW).status_code == 303
    assert thief.opens() == set()


def test_an_account_that_was_switched_off_opens_to_nothing_of_before(
    thief: Thief, client_for: ClientFor, network: Database, world: World
) -> None:
    own = update(Account).where(Account.email == world.emails["patient-owner"])
    for active, opens in ((False, set()), (True, {"browser", "calendar"})):
        network.run(lambda session, active=active: session.execute(own.values(active=active)))
        assert active or thief.refresh() == 401
        assert thief.opens() == opens
    admin, path = client_for("network-admin"), f"/admin/accounts/{world.accounts['patient-owner']}"
    for active in ("no", "yes"):
        assert admin.post(f"{path}/active", active=active).status_code == 303
    assert thief.opens() == set()


def test_a_new_address_is_taken_when_it_is_confirmed_and_ends_everything(
    thief: Thief, client_for: ClientFor, network: Database, world: World
) -> None:
    own, anybody = client_for("patient-owner"), client_for(None)
    anybody.send("/forgot", email=world.emails["patient-owner"])
    reset = link_in(mails(network)[0])
    for email in ("moana@example.net", "aroha@example.net"):
        own.send("/account/email", email=email, current=PASSWORD)
    assert thief.opens() == {"browser", "access", "calendar"}
    assert world.emails["patient-owner"] in own.get("/account").text
    links = {mail["to"]: link_in(mail) for mail in mails(network)}
    assert anybody.get(links["moana@example.net"]).status_code == 410, "it would take the other"
    assert own.send(links["aroha@example.net"]).status_code == 303
    assert own.get("/account").status_code == 200, "this browser stays signed in"
    assert thief.opens() == set()
    assert thief.refresh() == 401
    assert anybody.get(reset).status_code == 410, "links in the old mailbox end too"


def test_a_family_of_tokens_ends_however_often_it_is_refreshed(
    client_for: ClientFor, world: World
) -> None:
    http, start = client_for(None).http, clock.now()
    sent = {"email": world.emails["patient-owner"], "password": PASSWORD}
    tokens = http.post("/api/v1/tokens", json=sent).get_json()
    statuses = []
    for days in range(20, 120, 20):
        with time_machine.travel(start + timedelta(days=days), tick=False):
            answer = http.post(
                "/api/v1/tokens/refresh", json={"refresh_token": tokens["refresh_token"]}
            )
            statuses.append(answer.status_code)
            tokens = answer.get_json() if answer.status_code == 201 else tokens
    assert statuses == [201, 201, 201, 201, 401]


def test_programs_list_and_end_the_same_credentials(
    thief: Thief, client_for: ClientFor, world: World
) -> None:
    http = client_for(None).http
    sent = {"email": world.emails["patient-owner"], "password": PASSWORD}
    token = http.post("/api/v1/tokens", json=sent).get_json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    items = http.get("/api/v1/me/credentials", headers=bearer).get_json()["items"]
    assert sorted(item["kind"] for item in items) == ["browser", "calendar", "program", "program"]
    browser = next(item for item in items if item["kind"] == "browser")
    path = f"/api/v1/me/credentials/browser/{browser['id']}"
    assert http.delete(path, headers=bearer).status_code == 204
    assert thief.opens() == {"access", "calendar"}
    assert http.delete("/api/v1/me/credentials", headers=bearer).status_code == 204
    assert thief.opens() == set()
    assert http.get("/api/v1/me", headers=bearer).status_code == 401


def test_a_browser_of_staff_is_signed_out_sooner(client_for: ClientFor) -> None:
    staff, patient = client_for("staff-owner"), client_for("patient-owner")
    with time_machine.travel(clock.now() + timedelta(minutes=45), tick=False):
        assert staff.get("/account").status_code == 303
        assert patient.get("/account").status_code == 200


def test_a_browser_is_signed_out_after_its_days_however_often_it_is_used(
    client_for: ClientFor,
) -> None:
    patient, start = client_for("patient-owner"), clock.now()
    statuses = []
    for hours in range(11, 14 * 24 + 11, 11):
        with time_machine.travel(start + timedelta(hours=hours), tick=False):
            used = patient.http.put("/session", headers={"Accept": "application/json"})
            statuses.append(used.status_code)
    assert statuses == [200] * 30 + [401]


def test_asking_how_long_a_session_lasts_does_not_make_it_last_longer(
    client_for: ClientFor, world: World
) -> None:
    staff, who = client_for("staff-owner"), str(world.accounts["staff-owner"])
    later = [clock.now() + timedelta(minutes=minutes) for minutes in (20, 29, 31)]
    with time_machine.travel(later[0], tick=False):
        left = staff.get("/session").json["left"]
        assert 9 * 60 <= left <= 10 * 60
        assert staff.get("/session").json == {"left": left, "who": who}
    with time_machine.travel(later[1], tick=False):
        assert staff.http.put("/session").json == {"left": 30 * 60, "who": who}
    with time_machine.travel(later[2], tick=False):
        assert 28 * 60 - 1 <= staff.get("/session").json["left"] <= 28 * 60
    with time_machine.travel(later[2] + timedelta(minutes=30), tick=False):
        assert staff.get("/session").json == {"left": 0, "who": ""}
        refused = staff.http.put("/session", headers={"Accept": "application/json"})
        assert refused.status_code == 401


def test_no_other_site_can_keep_a_session_alive(client_for: ClientFor) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site", "Accept": "application/json"}
    assert client_for("staff-owner").http.put("/session", headers=foreign).status_code == 403
