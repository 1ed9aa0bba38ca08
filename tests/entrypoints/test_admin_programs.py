"""The pages of keys and of addresses that are told of events."""

import re
from html import unescape
from typing import Any

import pytest
from flask import Flask

from entrypoints.browsing import Client, ClientFor
from entrypoints.programs import Program
from entrypoints.test_odd_input import ODD, contents, forms, send
from entrypoints.world import World, book_for
from openslot.core import clock
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.identity import queries as identity
from openslot.webhooks import queries
from openslot.webhooks.models import Endpoint
from postoffice import run_worker
from receiver import LOOPBACK, Receiver, tell


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings under which the loopback interface may be told."""
    return settings.model_copy(update={"webhook_networks": LOOPBACK})


@pytest.fixture
def admin(client_for: ClientFor) -> Client:
    """The administrator's browser."""
    return client_for("network-admin")


def value_of(page: str, field: str) -> str:
    found = re.search(rf'id="{field}" value="([^"]+)"', page)
    assert found, page
    return unescape(found[1])


def endpoint_of(database: Database) -> Endpoint:
    (one,) = database.read(queries.endpoints)
    return one


# Keys


def test_a_key_is_made_shown_once_used_and_ended(
    app: Flask, admin: Client, network: Database
) -> None:
    made = admin.send(
        "/admin/keys/new",
        name="Kiosk <hall>",
        networks="127.0.0.0/8, ::1/128",
        scopes=["directory:read"],
        fhir="system/Slot.rs",
    )
    text = value_of(made.text, "key")
    assert "no-store" in made.headers["Cache-Control"]
    assert Program(app, text).send("GET", "/api/v1/centres").status_code == 200
    (key,) = network.read(identity.keys)
    assert (key.scopes, key.networks) == ("directory:read system/Slot.rs", "127.0.0.0/8,::1/128")
    listed = admin.get("/admin/keys").text
    assert "Kiosk &lt;hall&gt;" in listed
    assert text not in listed
    assert "cannot be undone" in admin.get(f"/admin/keys/{key.id}/end").text
    assert admin.send(f"/admin/keys/{key.id}/end").status_code == 303
    assert Program(app, text).send("GET", "/api/v1/centres").status_code == 401
    assert admin.get(f"/admin/keys/{key.id}/end").status_code == 404


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"name": ""}, "Enter a name."),
        ({"scopes": []}, "Choose at least one scope."),
        ({"fhir": "patients:all"}, "There is no scope patients:all."),
        ({"networks": "10.0.0.300"}, "Enter networks like 10.0.0.0/8."),
        ({"networks": " ".join(f"2001:db8:{n}::/48" for n in range(40))}, "Enter fewer networks"),
    ],
)
def test_a_key_that_cannot_be_is_refused_and_what_was_typed_stays(
    admin: Client, network: Database, typed: dict[str, Any], said: str
) -> None:
    fields = {"name": "Kiosk", "scopes": ["doctors"], "networks": "", "fhir": ""} | typed
    answer = admin.send("/admin/keys/new", **fields)
    assert answer.status_code == 422
    assert said in unescape(answer.text)
    assert ('value="doctors" checked' in answer.text) == bool(fields["scopes"])
    assert network.read(identity.keys) == []


# Webhooks


def test_an_address_is_added_and_its_secret_shown_once(
    admin: Client, network: Database, there: Receiver
) -> None:
    made = admin.send("/admin/webhooks/new", url=there.url, events=["appointment.booked"])
    endpoint = endpoint_of(network)
    assert value_of(made.text, "secret") == endpoint.secret
    for path in ("/admin/webhooks", f"/admin/webhooks/{endpoint.id}"):
        page = admin.get(path)
        assert there.url in unescape(page.text)
        assert endpoint.secret not in page.text
    rotated = admin.send(f"/admin/webhooks/{endpoint.id}/secret")
    assert value_of(rotated.text, "secret") == endpoint_of(network).secret != endpoint.secret
    assert "also stays valid until" in admin.get(f"/admin/webhooks/{endpoint.id}").text


@pytest.mark.parametrize(
    ("url", "events", "said"),
    [
        ("https://10.0.0.1/", ["slot.freed"], "leads into a private network"),
        ("http://example.org/", ["slot.freed"], "begins with https://"),
        ("nonsense", ["slot.freed"], "Enter an address such as"),
        ("http://127.0.0.1/", [], "Choose at least one event."),
    ],
)
def test_an_address_that_cannot_be_is_refused_and_what_was_typed_stays(
    admin: Client, network: Database, url: str, events: list[str], said: str
) -> None:
    answer = admin.send("/admin/webhooks/new", url=url, events=events)
    assert answer.status_code == 422
    assert said in unescape(answer.text)
    assert f'value="{url}"' in answer.text
    assert ('value="slot.freed" checked' in answer.text) == bool(events)
    assert network.read(queries.endpoints) == []


def test_deliveries_are_seen_and_sent_again(
    admin: Client, network: Database, world: World, settings: Settings, there: Receiver
) -> None:
    run_worker(network, settings, at=clock.now())  # what happened before
    tell(network, there.url, at=clock.now())
    page = f"/admin/webhooks/{endpoint_of(network).id}"
    assert "None yet" in admin.get(page).text
    there.status, there.answer = 500, b"<b>out of order</b>"
    network.run(lambda session: book_for(session, world, "owner", now=clock.now(), days=5))
    run_worker(network, settings, at=clock.now())
    shown = admin.get(page).text
    assert "500 &lt;b&gt;out of order&lt;/b&gt;" in shown
    assert "1 try" in shown
    (action,) = [action for action, _ in forms(shown) if action.endswith("/again")]
    there.status, there.answer = 200, b""
    assert admin.send(action, page=page).status_code == 303
    run_worker(network, settings, at=clock.now())
    assert [one.id for one in there.taken] == [there.taken[0].id] * 2
    assert "Delivered" in admin.get(page).text
    admin.send(f"{page}/active", active="no")
    assert "This webhook is inactive" in admin.get(page).text
    admin.send(action, page="/admin/webhooks/new")
    assert "is switched off. Switch it on" in admin.get(page).text


def test_the_list_of_deliveries_goes_on_to_older_ones(
    admin: Client, network: Database, world: World, settings: Settings, there: Receiver
) -> None:
    run_worker(network, settings, at=clock.now())  # what happened before
    tell(network, there.url, at=clock.now())
    for days in range(5, 27):
        network.run(
            lambda session, days=days: book_for(session, world, "owner", now=clock.now(), days=days)
        )
    run_worker(network, settings, at=clock.now())
    page = f"/admin/webhooks/{endpoint_of(network).id}"
    first = admin.get(page).text
    older = re.search(r'href="([^"]+after=[^"]+)"', first)
    assert older
    second = admin.get(unescape(older[1])).text
    ids = [re.findall(r"webhook-id: ([0-9a-f-]{36})", text) for text in (first, second)]
    assert [len(set(one)) for one in ids] == [20, 2]
    assert not set(ids[0]) & set(ids[1])
    assert "Newest" in second


def test_events_can_be_chosen_anew_and_the_address_deleted(
    admin: Client, network: Database, there: Receiver
) -> None:
    page = f"/admin/webhooks/{tell(network, there.url).id}"
    assert admin.send(page, events=["referral.sent"]).status_code == 303
    assert endpoint_of(network).events == "referral.sent"
    assert admin.send(page, events=["nonsense"]).status_code == 422
    assert admin.send(f"{page}/delete").status_code == 303
    assert network.read(queries.endpoints) == []
    for path in ("", "/secret", "/active", "/delete"):
        assert admin.get(page + path).status_code == 404


@pytest.mark.parametrize("path", ["/admin/keys/new", "/admin/webhooks/new", "one"])
def test_odd_input_is_refused_in_words(
    admin: Client, network: Database, there: Receiver, path: str
) -> None:
    endpoint = tell(network, there.url)
    found = forms(admin.get(f"/admin/webhooks/{endpoint.id}" if path == "one" else path).text)
    assert found
    admin.token_of("/account")
    before = contents(network)
    for odd in ODD:
        for action, fields in found:
            assert send(admin, action, fields, odd) == 422, (action, odd[:20])
    assert contents(network) == before


@pytest.mark.parametrize("after", ["x", "00000000-0000-0000-0000-000000000000", "%00", "9" * 50])
def test_an_odd_place_in_the_list_takes_no_page_down(
    admin: Client, network: Database, there: Receiver, after: str
) -> None:
    page = f"/admin/webhooks/{tell(network, there.url).id}?after={after}"
    assert admin.get(page).status_code in (200, 400)


@pytest.mark.parametrize(
    "who", ["patient-owner", "practitioner-owner", "staff-owner", "centre-admin-owner"]
)
def test_nobody_else_comes_near(
    client_for: ClientFor, network: Database, there: Receiver, who: str
) -> None:
    client, one = client_for(who), f"/admin/webhooks/{tell(network, there.url).id}"
    for path in (
        "/admin/keys",
        "/admin/keys/new",
        "/admin/webhooks",
        "/admin/webhooks/new",
        one,
        f"{one}/secret",
        f"{one}/active",
        f"{one}/delete",
    ):
        assert client.get(path).status_code == 403
    for path in ("/admin/keys/new", "/admin/webhooks/new", one, f"{one}/secret", f"{one}/delete"):
        assert client.post(path).status_code == 403
