"""Pages about mail and calendars: chosen signed in, stopped with one click, read by programs."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, time, timedelta
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

import factories
from engines import Counted
from entrypoints.browsing import Client, ClientFor
from entrypoints.world import World
from factories import SYDNEY
from openslot.core import clock
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.directory.models import Dependent
from openslot.notifications.preferences import Kind, preferences, stop_token
from readers import agreed, agreed_entry, check_form

PEOPLE = [
    "patient-owner",
    "practitioner-owner",
    "staff-owner",
    "centre-admin-owner",
    "network-admin",
]


def wanted(network: Database, world: World, person: str) -> set[Kind]:
    account_id = world.accounts[person]
    found = network.read(lambda session: preferences(session, account_id))
    return {kind for kind, on in found.items() if on}


# Which mail


@pytest.mark.parametrize(
    ("person", "kinds"),
    [
        ("patient-owner", {"appointments", "reminders", "offers", "referrals"}),
        ("practitioner-owner", {"appointments", "referrals"}),
        ("staff-owner", {"appointments", "requests", "offers"}),
        ("centre-admin-owner", set()),
        ("network-admin", set()),
    ],
)
def test_everybody_chooses_among_what_they_get(
    client_for: ClientFor, person: str, kinds: set[str]
) -> None:
    page = client_for(person).get("/profile/notifications").text
    assert set(re.findall(r'type="checkbox" value="y"', page)) <= {'type="checkbox" value="y"'}
    names = {name for name in Kind if re.search(f'name="{name}"', page)}
    assert names == kinds
    assert page.count(" checked") == len(kinds), "all are on"


def test_a_choice_is_kept_and_shown(client_for: ClientFor, network: Database, world: World) -> None:
    client = client_for("patient-owner")
    answer = client.send("/profile/notifications", appointments="y", referrals="y", requests="")
    assert answer.status_code == 303
    assert wanted(network, world, "patient-owner") == {
        Kind.APPOINTMENTS,
        Kind.REFERRALS,
        Kind.REQUESTS,
    }, "what was not asked is left alone"
    page = client.get("/profile/notifications").text
    assert page.count(" checked") == 2
    assert "Your notification settings are saved." in page
    assert wanted(network, world, "patient-teammate") == set(Kind)


@pytest.mark.parametrize("person", PEOPLE)
def test_the_account_page_leads_there(client_for: ClientFor, person: str) -> None:
    page = client_for(person).get("/account").text
    assert 'href="/profile/notifications"' in page
    assert ('href="/profile/calendar"' in page) is ("admin" not in person)


# One click


@pytest.fixture
def link(settings: Settings, world: World) -> str:
    return f"/unsubscribe/{stop_token(settings, world.accounts['patient-owner'], Kind.REMINDERS)}"


def test_opening_the_link_changes_nothing(
    client_for: ClientFor, network: Database, world: World, link: str
) -> None:
    page = client_for(None).get(link)
    assert page.status_code == 200
    assert "Stop these emails?" in page.text
    assert "A reminder before each appointment" in page.text
    assert wanted(network, world, "patient-owner") == set(Kind)


def test_a_mail_program_stops_it_with_one_post(
    app: Flask, network: Database, world: World, link: str
) -> None:
    # RFC 8058, 3.1: no cookies, no form of ours, this body.
    answer = app.test_client().post(link, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert Kind.REMINDERS not in wanted(network, world, "patient-owner")
    assert len(wanted(network, world, "patient-owner")) == 4
    again = app.test_client().post(link, data={"List-Unsubscribe": "One-Click"})
    assert again.status_code == 200


def test_it_can_be_had_again(app: Flask, network: Database, world: World, link: str) -> None:
    client = app.test_client()
    client.post(link)
    assert "Email me again" in client.get(link).text
    assert "We will email you about this again." in client.post(link, data={"again": "yes"}).text
    assert wanted(network, world, "patient-owner") == set(Kind)


@pytest.mark.parametrize("token", ["nonsense", "", "A" * 400])
def test_a_link_that_is_not_ours_is_nothing(client_for: ClientFor, token: str) -> None:
    client = client_for(None)
    assert client.get(f"/unsubscribe/{token}").status_code == 404
    assert client.http.post(f"/unsubscribe/{token}").status_code == 404


# Calendars


def make_address(client: Client) -> str:
    """Make an address on the page; the path that it shows."""
    page = client.send("/profile/calendar").text
    found = re.search(r'class="os-copy" dir="ltr">([^<]+)<', page)
    assert found, page
    return urlsplit(found[1]).path


@pytest.mark.parametrize("person", ["patient-owner", "practitioner-owner", "staff-owner"])
def test_a_calendar_is_read_without_signing_in(
    client_for: ClientFor, world: World, person: str
) -> None:
    path = make_address(client_for(person))
    answer = client_for(None).get(path)
    assert answer.status_code == 200
    assert answer.content_type == "text/calendar; charset=utf-8"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    own = [] if person == "staff-owner" else [str(world.appointments["owner"])]
    assert [one.uid for one in agreed(answer.data).entries] == own
    assert "Sore knee" not in answer.text


def test_unchanged_it_is_not_sent_again(client_for: ClientFor) -> None:
    path, reader = make_address(client_for("patient-owner")), client_for(None)
    first = reader.get(path)
    again = reader.get(path, **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_it_can_be_asked_for_without_its_body(client_for: ClientFor) -> None:
    path, reader = make_address(client_for("patient-owner")), client_for(None)
    whole, head = reader.get(path), reader.http.head(path)
    assert (head.status_code, head.data) == (200, b"")
    for name in ("Content-Type", "Content-Length", "ETag", "Cache-Control"):
        assert head.headers[name] == whole.headers[name]


def test_reading_it_starts_no_session(client_for: ClientFor) -> None:
    path = make_address(client_for("patient-owner"))
    assert "Set-Cookie" not in client_for(None).get(path).headers


def test_an_address_that_ended_is_answered_as_one_that_never_was(client_for: ClientFor) -> None:
    client, reader = client_for("patient-owner"), client_for(None)
    ended = make_address(client)
    client.send("/profile/calendar/end", page="/profile/calendar")
    never = f"/calendars/{'x' * 43}.ics"
    answers = [reader.get(path) for path in (ended, never)]
    assert [one.status_code for one in answers] == [404, 404]
    texts = {
        re.sub(r'nonce="[^"]*"|value="[^"]*"', "", one.text.replace(path, ""))
        for one, path in zip(answers, (ended, never), strict=True)
    }
    assert len(texts) == 1


def test_the_log_of_a_fault_does_not_hold_the_address(
    client_for: ClientFor, network: Database
) -> None:
    path = make_address(client_for("patient-owner"))
    with network.engine.begin() as connection:
        connection.execute(text("ALTER TABLE calendar_feed RENAME TO elsewhere"))
    with capture_logs() as lines:
        assert client_for(None).get(path).status_code == 500
    (line,) = lines
    assert line["path"] == "/calendars/<token>.ics"
    assert path.removeprefix("/calendars/").removesuffix(".ics") not in str(lines)


def test_a_cancelled_appointment_changes_it(client_for: ClientFor, world: World) -> None:
    client = client_for("patient-owner")
    path = make_address(client)
    etag = client.get(path).headers["ETag"]
    answer = client.send(f"/appointments/{world.appointments['owner']}/cancel")
    assert answer.status_code == 303
    changed = client.get(path, **{"If-None-Match": etag})
    assert changed.status_code == 200
    assert "VEVENT" not in changed.text


def test_the_address_is_shown_once(client_for: ClientFor) -> None:
    client = client_for("patient-owner")
    assert "Create an address" in client.get("/profile/calendar").text
    path = make_address(client)
    page = client.get("/profile/calendar").text
    assert path not in page
    assert "Active" in page
    assert "Create a new address" in page


def test_a_new_address_and_switching_off_end_the_old_one(client_for: ClientFor) -> None:
    client = client_for("patient-owner")
    first = make_address(client)
    second = make_address(client)
    assert client.get(first).status_code == 404
    assert client.get(second).status_code == 200
    assert client.send("/profile/calendar/end", page="/profile/calendar").status_code == 303
    assert client.get(second).status_code == 404
    assert "Create an address" in client.get("/profile/calendar").text


def test_its_page_takes_as_many_statements_whatever_is_in_it(
    client_for: ClientFor,
    network: Database,
    app: Flask,
    world: World,
    statements: Callable[[Database], AbstractContextManager[Counted]],
) -> None:
    del network
    used = app.extensions["openslot"].database
    reader, counts = client_for(None), []
    for person in ("patient-owner", "practitioner-owner"):
        path = make_address(client_for(person))
        reader.get(path)  # writes down whom a practitioner is shown, once an hour
        with statements(used) as counted:
            assert reader.get(path).status_code == 200
        counts.append(counted.count)
    assert counts == [3, 6], "a practitioner's has also empty sessions, and what needs them"
    assert world


# One appointment


@pytest.mark.parametrize(
    ("person", "called"),
    [
        ("patient-owner", "Appointment with Priya Owner"),
        ("practitioner-owner", "Appointment: A. O."),
        ("centre-admin-owner", "Appointment: A. O."),
    ],
)
def test_an_appointment_is_downloaded_for_a_calendar(
    client_for: ClientFor, world: World, person: str, called: str
) -> None:
    answer = client_for(person).get(f"/appointments/{world.appointments['owner']}/appointment.ics")
    assert answer.content_type == "text/calendar; charset=utf-8; method=PUBLISH"
    assert answer.headers["Content-Disposition"] == "attachment; filename=appointment.ics"
    assert "private" in answer.headers["Cache-Control"]
    check_form(answer.data)
    book = agreed(answer.data)
    (seen,) = book.entries
    assert (book.method, seen.attendees) == ("PUBLISH", ())
    assert (seen.uid, seen.summary) == (str(world.appointments["owner"]), called)
    assert (seen.status, seen.sequence) == ("CONFIRMED", 0)
    assert seen.length == timedelta(minutes=30)
    assert seen.start.astimezone(SYDNEY).time() == time(10)
    assert "Sore knee" not in answer.text


def test_a_download_says_whose_appointment_it_is_where_that_is_a_dependent(
    client_for: ClientFor, network: Database, world: World
) -> None:
    def care(session: Session) -> None:
        teammate, owner = world.patients["teammate"], world.patients["owner"]
        session.add(Dependent(patient_id=teammate, carer_id=owner, since=clock.now()))

    network.run(care)
    answer = client_for("patient-owner").get(
        f"/appointments/{world.appointments['teammate']}/appointment.ics"
    )
    assert agreed_entry(answer.data).summary == "Aroha Teammate: appointment with Priya Teammate"


def test_a_hold_is_tentative(client_for: ClientFor, network: Database, world: World) -> None:
    def hold(session: Session) -> UUID:
        day = (clock.now() + timedelta(days=4)).astimezone(SYDNEY).date()
        start = datetime.combine(day, time(10), SYDNEY)
        schedule, patient = world.schedules["teammate"], world.patients["owner"]
        return factories.hold(session, schedule, start, patient, now=clock.now()).id

    held = network.run(hold)
    answer = client_for("patient-owner").get(f"/appointments/{held}/appointment.ics")
    assert agreed_entry(answer.data).status == "TENTATIVE"


@pytest.mark.parametrize("person", ["patient-stranger", "practitioner-stranger"])
def test_strangers_download_nothing(client_for: ClientFor, world: World, person: str) -> None:
    path = f"/appointments/{world.appointments['owner']}/appointment.ics"
    assert client_for(person).get(path).status_code == 404
