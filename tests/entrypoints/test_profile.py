"""One's own account: details, password, e-mail address, sessions, data, and its end."""

import json
from typing import Any

import pytest

from entrypoints.browsing import ClientFor, link_in, mails
from entrypoints.world import PASSWORD, World
from openslot.booking import queries as booking
from openslot.booking.models import Status
from openslot.core.db import Database
from openslot.directory import queries as directory
from openslot.directory.models import Gender
from openslot.identity import queries as identities
from openslot.identity.models import Account

NEW = "plum kettle orbit seven"
DETAILS = {"name": "Aroha Rangi", "born": "1 April 1981", "phone": "0400 999 888"}


def account(database: Database, world: World, person: str) -> Account | None:
    """The account as it is in the database now."""
    return database.read(lambda session: identities.by_id(session, world.accounts[person]))


@pytest.mark.parametrize(
    ("person", "seen"),
    [
        ("patient-owner", ["31 March 1980", "0400 123 456", "Delete your account"]),
        ("practitioner-owner", ["Physiotherapist", "Banksia General Hospital", "No ratings yet"]),
        ("staff-owner", ["Radiology", "Banksia General Hospital"]),
        ("centre-admin-owner", ["Centre administrator", "Banksia General Hospital"]),
        ("network-admin", ["Network administrator"]),
    ],
)
def test_everybody_sees_what_they_are(client_for: ClientFor, person: str, seen: list[str]) -> None:
    page = client_for(person).get("/account").text
    assert [one for one in seen if one not in page] == []


def test_a_patient_changes_record_and_account_together(
    client_for: ClientFor, world: World, network: Database
) -> None:
    client = client_for("patient-owner")
    assert client.send("/account/details", **DETAILS).status_code == 303
    patient = network.read(lambda session: directory.patient(session, world.patients["owner"]))
    assert (patient.name, str(patient.born), patient.phone) == (
        "Aroha Rangi",
        "1981-04-01",
        "0400 999 888",
    )
    assert patient.email == world.emails["patient-owner"], "what the form does not show is kept"
    kept = account(network, world, "patient-owner")
    assert kept
    assert kept.name == "Aroha Rangi"


def test_a_refused_change_keeps_what_was_typed(client_for: ClientFor) -> None:
    client = client_for("patient-owner")
    answer = client.send("/account/details", **{**DETAILS, "born": "31 2 1980"})
    assert answer.status_code == 422
    assert 'value="Aroha Rangi"' in answer.text
    assert 'value="31 2 1980"' in answer.text


def test_a_practitioner_changes_contact_and_words_not_the_profession(
    client_for: ClientFor, world: World, network: Database
) -> None:
    client = client_for("practitioner-owner")
    answer = client.send(
        "/account/details", about="Knees.", languages="Tamil", gender="female", profession="GP"
    )
    assert answer.status_code == 303
    person = network.read(
        lambda session: directory.practitioner(session, world.practitioners["owner"])
    )
    assert (person.about, person.languages, person.gender, person.profession) == (
        "Knees.",
        "Tamil",
        Gender.FEMALE,
        "Physiotherapist",
    )
    assert '<option selected value="female">Female</option>' in client.get("/account/details").text
    assert "Female" in client_for(None).get(f"/practitioners/{person.id}").text
    assert client.send("/account/details", gender="robot").status_code == 422


def test_staff_change_name_and_telephone(client_for: ClientFor) -> None:
    client = client_for("staff-owner")
    assert (
        client.send("/account/details", name="Sami Lund", phone="02 9000 0000").status_code == 303
    )
    page = client.get("/account").text
    assert "Sami Lund" in page
    assert "9000 0000" in page


def test_a_new_password_needs_the_old_and_ends_other_sessions(
    client_for: ClientFor, world: World
) -> None:
    other, client = client_for("patient-owner"), client_for("patient-owner")
    wrong = client.send("/account/password", current="wrong", password=NEW)
    assert wrong.status_code == 422
    assert "Wrong password. Try again." in wrong.text
    assert client.send("/account/password", current=PASSWORD, password="short").status_code == 422
    assert client.send("/account/password", current=PASSWORD, password=NEW).status_code == 303
    assert client.get("/account").status_code == 200, "this browser stays signed in"
    assert other.get("/account").status_code == 303
    signed_in = client_for(None).send("/login", email=world.emails["patient-owner"], password=NEW)
    assert signed_in.status_code == 303


def test_a_new_address_is_taken_once_it_is_confirmed_and_the_old_one_is_told(
    client_for: ClientFor, world: World, network: Database
) -> None:
    client, old = client_for("patient-owner"), world.emails["patient-owner"]

    def of_the_record() -> str | None:
        return network.read(
            lambda session: directory.patient(session, world.patients["owner"])
        ).email

    fields = {"email": "Aroha@Example.NET", "current": PASSWORD}
    assert client.send("/account/email", **fields).status_code == 303
    (asked,) = mails(network)
    assert asked["to"] == "aroha@example.net"
    assert "Confirm your email address" in client.get("/account").text
    assert of_the_record() == old
    assert client.send(link_in(asked)).status_code == 303
    assert "Confirm your email address" not in client.get("/account").text
    assert of_the_record() == "aroha@example.net", "the record follows"
    assert {mail["to"] for mail in mails(network)} == {old, "aroha@example.net"}


def test_nobody_learns_that_an_address_is_known_or_gets_it(
    client_for: ClientFor, world: World, network: Database
) -> None:
    client, theirs = client_for("patient-owner"), world.emails["patient-teammate"]
    answer = client.send("/account/email", email=theirs, current=PASSWORD)
    assert answer.status_code == 303
    assert "Ask an administrator for the link." in client.get("/account").text
    assert mails(network) == []


def test_the_mail_of_confirmation_is_sent_again(
    client_for: ClientFor, world: World, network: Database
) -> None:
    def unconfirm(session: Any) -> None:
        found = identities.by_id(session, world.accounts["patient-owner"])
        assert found
        found.confirmed_at = None

    network.run(unconfirm)
    client = client_for("patient-owner")
    assert client.send("/confirm/send", page="/account").status_code == 303
    assert len(mails(network)) == 1


def test_sessions_are_listed_and_ended(client_for: ClientFor, world: World) -> None:
    first, second, third = (client_for("patient-owner") for _browser in range(3))
    stranger = client_for("patient-stranger")
    page = first.get("/account/sessions").text
    assert page.count('name="session" value="') == 3, "two others, and all others"
    own = [part.partition('"')[0] for part in page.split('name="session" value="')[1:]]
    token_hash = next(value for value in own if value != "others")
    stranger.send("/account/sessions/end", page="/account", session=token_hash)
    assert [one.get("/account").status_code for one in (first, second, third)] == [200] * 3
    first.send("/account/sessions/end", page="/account", session=token_hash)
    assert sorted(one.get("/account").status_code for one in (first, second, third)) == [
        200,
        200,
        303,
    ]
    first.send("/account/sessions/end", page="/account", session="others")
    assert first.get("/account").status_code == 200
    assert {second.get("/account").status_code, third.get("/account").status_code} == {303}


def test_own_data_can_be_taken_along(client_for: ClientFor, world: World) -> None:
    answer = client_for("patient-owner").get("/account/export")
    assert "attachment" in answer.headers["Content-Disposition"]
    data = json.loads(answer.text)
    assert data["details"]["born"] == "1980-03-31"
    [appointment] = data["appointments"]
    assert appointment["id"] == str(world.appointments["owner"])
    assert appointment["with"] == "Priya Owner"
    assert (appointment["reason"], appointment["service"]) == ("Sore knee", None)
    assert "password" not in answer.text


def test_a_deleted_account_leaves_the_record_without_login(
    client_for: ClientFor, world: World, network: Database
) -> None:
    client = client_for("patient-owner")
    assert client.send("/account/delete", current="wrong").status_code == 422
    assert client.send("/account/delete", current=PASSWORD).status_code == 303
    assert client.get("/account").status_code == 303
    assert account(network, world, "patient-owner") is None
    patient = network.read(lambda session: directory.patient(session, world.patients["owner"]))
    assert patient.account_id is None
    appointment = network.read(
        lambda session: booking.appointment(session, world.appointments["owner"])
    )
    assert appointment
    assert appointment.status is Status.CANCELLED
    again = client_for(None).send("/login", email=world.emails["patient-owner"], password=PASSWORD)
    assert again.status_code == 401


@pytest.mark.parametrize(
    ("referrer", "back"),
    [
        ("http://localhost/search?q=knee", "/search?q=knee"),
        ("http://evil.example/search", "/"),
        ("http://localhost//evil.example", "/"),
        ("", "/"),
    ],
)
def test_colours_are_chosen_and_lead_back_to_own_pages(
    client_for: ClientFor, referrer: str, back: str
) -> None:
    answer = client_for(None).http.post("/theme/dark", headers={"Referer": referrer})
    assert (answer.status_code, answer.location) == (303, back)
    assert "theme=dark" in answer.headers["Set-Cookie"]


def test_colours_are_kept_with_the_account(
    client_for: ClientFor, world: World, network: Database
) -> None:
    client_for("patient-owner").http.post("/theme/light")
    kept = account(network, world, "patient-owner")
    assert kept
    assert kept.theme == "light"
    assert client_for(None).http.post("/theme/pink").status_code == 404
