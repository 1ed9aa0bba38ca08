"""One's own account by JSON: the record goes with it, and what is sensitive wants the password."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from entrypoints.browsing import Client, ClientFor
from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import PASSWORD, World
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.directory.models import Patient
from openslot.identity.models import Account, AccountSession

ME = "/api/v1/me"
JSON = {"Accept": "application/json"}


def both(network: Database, world: World) -> tuple[Account, Patient]:
    """The account and the record of patient-owner."""

    def look(session: Session) -> tuple[Account, Patient]:
        account = session.get_one(Account, world.accounts["patient-owner"])
        return account, session.get_one(Patient, world.patients["owner"])

    return network.read(look)


def names(network: Database, world: World) -> tuple[str, str]:
    account, patient = both(network, world)
    return account.name, patient.name


def test_the_email_is_not_changed_on_the_dashboard(
    client_for: ClientFor, network: Database, world: World
) -> None:
    sent = {"email": "other@example.net", "name": "Ann Other"}
    answer: Any = client_for("patient-owner").http.put("/dashboard", json=sent)
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (403, "email")
    account, patient = both(network, world)
    assert account.email == patient.email == world.emails["patient-owner"]
    assert names(network, world) == ("Aroha Owner", "Aroha Owner")


def test_on_the_dashboard_account_and_record_change_together(
    client_for: ClientFor, network: Database, world: World
) -> None:
    sent = {"email": world.emails["patient-owner"], "name": "Ann Other"}
    answer: Any = client_for("patient-owner").http.put("/dashboard", json=sent)
    assert (answer.status_code, answer.json["name"]) == (200, "Ann Other")
    assert names(network, world) == ("Ann Other", "Ann Other")


def test_through_the_api_account_and_record_change_together(
    app: Flask, network: Database, world: World
) -> None:
    answer: Any = signed_in(app, world, "patient-owner").send("PATCH", ME, {"name": "Ann Other"})
    assert (answer.status_code, answer.json["name"]) == (200, "Ann Other")
    assert names(network, world) == ("Ann Other", "Ann Other")
    other = signed_in(app, world, "staff-owner")
    changed: Any = other.send("PATCH", ME, {"name": "Sami Other"}).json
    assert changed["name"] == "Sami Other"


@pytest.mark.parametrize("sent", [None, {}, {"password": 7}, {"password": ""}, {"password": "no"}])
def test_no_account_is_deleted_without_its_password(
    app: Flask, client_for: ClientFor, network: Database, world: World, sent: Any
) -> None:
    browser = client_for("patient-owner")
    answer: Any = browser.http.delete("/dashboard", json=sent, headers=JSON)
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "password")
    program = signed_in(app, world, "patient-owner")
    assert program.send("DELETE", ME, sent).status_code in (400, 415, 422)
    both(network, world)


def by_browser(client: Client, password: str) -> int:
    return client.http.delete("/dashboard", json={"password": password}).status_code


def by_api(program: Program, password: str) -> int:
    return program.send("DELETE", ME, {"password": password}).status_code


def test_guessing_the_password_is_slowed_down_wherever_it_is_asked_for(
    app: Flask, client_for: ClientFor, settings: Settings, network: Database, world: World
) -> None:
    browser, program = client_for("patient-owner"), signed_in(app, world, "patient-owner")
    half = settings.sign_in_attempts // 2
    tried = [by_browser(browser, "wrong") for _ in range(half)]
    tried += [by_api(program, "wrong") for _ in range(settings.sign_in_attempts - half)]
    assert set(tried) == {422}
    assert by_browser(browser, PASSWORD) == by_api(program, PASSWORD) == 429
    page = browser.send("/account/delete", current=PASSWORD)
    assert page.status_code == 429
    both(network, world)


def test_those_who_work_here_and_keys_delete_no_account(
    app: Flask, client_for: ClientFor, network: Database, world: World
) -> None:
    assert by_browser(client_for("staff-owner"), PASSWORD) == 403
    assert by_api(signed_in(app, world, "staff-owner"), PASSWORD) == 403
    assert by_api(with_key(app, network, "*"), PASSWORD) == 403


def test_browsers_that_the_idle_limit_signed_out_are_not_listed(
    client_for: ClientFor, settings: Settings, network: Database, world: World
) -> None:
    client_for("patient-owner")
    owner = world.accounts["patient-owner"]

    def age(session: Session) -> None:
        row = session.query(AccountSession).filter_by(account_id=owner).one()
        row.seen_at -= timedelta(hours=settings.session_hours)
        row.agent = "Old Browser"

    network.run(age)
    client = client_for("patient-owner")
    assert client.get("/account/sessions").text.count('name="session"') == 0


@pytest.mark.parametrize("by", ["session", "token"])
@pytest.mark.parametrize("person", ["patient-owner", "practitioner-owner", "staff-owner"])
def test_the_dashboard_changes_details_and_own_appointments_by_session_or_token(
    app: Flask, client_for: ClientFor, world: World, person: str, by: str
) -> None:
    appointment = str(world.appointments["owner"])
    sent = {"phone": "0491 570 156", "appointments": [{"id": appointment, "reason": "A cough"}]}
    if by == "session":
        answer: Any = client_for(person).http.put("/dashboard", json=sent)
    else:
        answer = signed_in(app, world, person).send("PUT", "/dashboard", sent)
    assert answer.status_code == 200, answer.json
    assert answer.json["phone"] == "0491 570 156"
    assert answer.json["appointments"] == [{"id": appointment, "reason": "A cough"}]


def test_a_put_changes_everything_or_nothing(
    client_for: ClientFor, network: Database, world: World
) -> None:
    stranger = str(world.appointments["stranger"])
    sent = {"name": "Ann Other", "appointments": [{"id": stranger, "reason": "A cough"}]}
    browser = client_for("patient-owner")
    assert browser.http.put("/dashboard", json=sent).status_code == 404
    for odd in ("x", {}, [7], [{}], [{"id": "x"}], [{"id": stranger, "start": "now"}], [{}] * 50):
        answer: Any = browser.http.put("/dashboard", json={"appointments": odd})
        assert answer.status_code in (400, 422), odd
    assert names(network, world) == ("Aroha Owner", "Aroha Owner")


def test_those_who_work_here_are_told_why_their_account_stays(
    app: Flask, client_for: ClientFor, world: World
) -> None:
    for person in ("practitioner-owner", "staff-owner", "centre-admin-owner", "network-admin"):
        sent = {"password": PASSWORD}
        answers: list[Any] = [
            client_for(person).http.delete("/dashboard", json=sent, headers=JSON),
            signed_in(app, world, person).send("DELETE", ME, sent),
            signed_in(app, world, person).send("DELETE", "/dashboard", sent),
        ]
        for answer in answers:
            assert (answer.status_code, answer.json["code"]) == (403, "account-is-kept")
