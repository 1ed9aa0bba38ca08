"""Pages of those who care for others: adding, booking for them, handing over."""

import re
from datetime import UTC, datetime, time, timedelta
from uuid import UUID, uuid4

import pytest
import time_machine
from flask import Flask
from itsdangerous import URLSafeTimedSerializer

import factories
from entrypoints.browsing import Client, ClientFor, link_in, mails, next_week
from entrypoints.programs import signed_in
from entrypoints.world import PASSWORD, World
from openslot.booking.models import Appointment, Status
from openslot.core import audit, clock
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.directory.models import Dependent, Patient

LIST = "/profile/dependents"
EMAIL = "tama@example.net"
STRONG = "orchard lantern velvet seven"


@pytest.fixture
def carer(client_for: ClientFor) -> Client:
    return client_for("patient-owner")


@pytest.fixture
def child(carer: Client, network: Database) -> UUID:
    """Somebody whom the patient cares for."""
    answer = carer.send(f"{LIST}/new", name="Tama Ngata", born="2 April 2015")
    assert answer.status_code == 303, answer.text
    return network.read(lambda session: session.query(Dependent).one().patient_id)


def appointments_of(network: Database, patient: UUID) -> list[Appointment]:
    return network.read(
        lambda session: (
            session.query(Appointment)
            .filter_by(patient_id=patient)
            .filter(Appointment.status.in_([Status.HELD, Status.BOOKED]))
            .all()
        )
    )


def starts(page: str) -> list[str]:
    return re.findall(r'<button[^>]* name="start" value="([^"]+)"', page)


def test_somebody_is_added_and_listed(carer: Client, child: UUID) -> None:
    page = carer.get(LIST).text
    assert "Tama Ngata" in page
    assert "Born 2 April 2015" in page
    assert f"/search?patient={child}" in page
    assert "People you care for" in carer.get("/account").text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "", "born": "2 April 2015"}, "Enter a name."),
        ({"name": "Tama", "born": ""}, "Enter a date of birth."),
        ({"name": "Tama", "born": "yesterday"}, "There is a problem"),
        ({"name": "Tama", "born": "1 January 2199"}, "Enter a date of birth that is in the past."),
        ({"name": "x" * 201, "born": "2 April 2015"}, "Shorten this"),
        ({"name": "a\x07b", "born": "2 April 2015"}, "cannot be seen"),
    ],
)
def test_what_cannot_be_kept_is_shown_again_with_a_sentence(
    carer: Client, network: Database, fields: dict[str, str], sentence: str
) -> None:
    answer = carer.send(f"{LIST}/new", **fields)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert network.read(lambda session: session.query(Dependent).count()) == 0


def test_details_are_changed_and_names_are_text(carer: Client, child: UUID) -> None:
    page = f"{LIST}/{child}"
    answer = carer.send(page, name="<b>Tama</b>", born="2 April 2015", medicare_number="2123")
    assert answer.status_code == 303
    shown = carer.get(LIST).text
    assert "&lt;b&gt;Tama&lt;/b&gt;" in shown
    assert 'value="2123"' in carer.get(page).text


def test_nobody_else_finds_them(
    client_for: ClientFor, world: World, carer: Client, child: UUID
) -> None:
    stranger = client_for("patient-stranger")
    schedule = world.schedules["stranger"]
    for path in (f"{LIST}/{child}", f"{LIST}/{child}/hand-over", f"{LIST}/{uuid4()}"):
        assert stranger.get(path).status_code == 404
        assert stranger.post(path, name="X", email=EMAIL).status_code == 404
    assert stranger.post(f"{LIST}/{child}/hand-over/withdraw").status_code == 404
    assert "Tama" not in stranger.get(LIST).text
    assert stranger.get(f"/book/{schedule}?patient={child}").status_code == 404
    for path in (f"/book/{schedule}", f"/book/{schedule}/hold"):
        answer = stranger.post(path, patient=child, start="2100-01-01T00:00:00Z")
        assert answer.status_code == 404
    for person in ("staff-owner", "practitioner-owner", "network-admin"):
        assert client_for(person).get(LIST).status_code == 403


# Booking for them


def test_the_week_asks_who_it_is_for_and_the_choice_stays(
    carer: Client, network: Database, world: World, child: UUID
) -> None:
    book = f"/book/{world.schedules['stranger']}"
    own = carer.get(book).text
    assert re.search(rf'name="patient" value="{child}" ', own)
    start = starts(carer.get(f"{book}?patient={child}").text)[-1]
    held = carer.post(f"{book}/hold", start=start, minutes=30, patient=child).location
    assert f"patient={child}" in held
    page = carer.get(held).text
    assert "Who is it for?" in page
    assert re.search(rf'name="patient" value="{child}" checked', page)
    [kept] = appointments_of(network, child)
    answer = carer.post(book, start=start, minutes=30, patient=child, hold=kept.id)
    assert answer.status_code == 303
    assert [one.status for one in appointments_of(network, child)] == [Status.BOOKED]
    assert "Tama" in carer.get(LIST).text
    assert carer.get(answer.location).status_code == 200


def test_who_is_chosen_last_is_whom_it_is_booked_for(
    carer: Client, network: Database, world: World, child: UUID
) -> None:
    book = f"/book/{world.schedules['stranger']}"
    start = starts(carer.get(book).text)[-1]
    held = carer.post(f"{book}/hold", start=start, minutes=30).location
    hold = re.search(r"hold=([0-9a-f-]{36})", held)
    assert hold
    answer = carer.post(book, start=start, minutes=30, patient=child, hold=hold[1])
    assert answer.status_code == 303, answer.text
    assert [one.status for one in appointments_of(network, child)] == [Status.BOOKED]
    mine = appointments_of(network, world.patients["owner"])
    assert [one.status for one in mine] == [Status.BOOKED]  # the one that was there before


def test_times_are_free_for_whom_it_is_for(
    carer: Client, network: Database, world: World, child: UUID
) -> None:
    first, second = (f"/book/{world.schedules[who]}" for who in ("stranger", "teammate"))
    start = starts(carer.get(f"{first}?patient={child}").text)[-1]
    carer.post(first, start=start, minutes=30, patient=child)
    week = f"start={start}"
    assert start in starts(carer.get(f"{second}?{week}").text)
    assert start not in starts(carer.get(f"{second}?{week}&patient={child}").text)


def test_who_can_book_for_a_newcomer_is_asked_whom_it_is_for(
    client_for: ClientFor, network: Database, world: World
) -> None:
    path = f"/book/{world.schedules['stranger']}"
    assert "Someone else I care for" in client_for("patient-teammate").get(path).text
    for who in ("staff-stranger", None):
        assert "Who is it for?" not in client_for(who).get(path).text


# Handing over


def offer(carer: Client, child: UUID, email: str = EMAIL) -> None:
    answer = carer.send(f"{LIST}/{child}/hand-over", email=email)
    assert answer.status_code == 303, answer.text


def test_a_record_is_handed_over_by_a_link(
    carer: Client, client_for: ClientFor, network: Database, child: UUID
) -> None:
    offer(carer, child)
    assert EMAIL in carer.get(LIST).text
    [mail] = [one for one in mails(network) if one["to"] == EMAIL]
    link, newcomer = link_in(mail), client_for(None)
    assert "Tama Ngata" in newcomer.get(link).text
    for weak in ("short", "tama@example.net", "password1234"):
        assert newcomer.send(link, password=weak).status_code == 422
    assert newcomer.send(link, password=STRONG).status_code == 303
    assert newcomer.get(link).status_code == 410
    newcomer.token = None
    assert newcomer.send("/login", email=EMAIL, password=STRONG).status_code == 303
    assert "Tama Ngata" in newcomer.get("/account").text
    assert "Tama" not in carer.get(LIST).text
    assert carer.get(f"{LIST}/{child}").status_code == 404


def test_an_address_with_an_account_is_told_only_to_whoever_opens_the_link(
    carer: Client, client_for: ClientFor, network: Database, world: World, child: UUID
) -> None:
    known = world.emails["staff-owner"]
    told = []
    for email in (EMAIL, known):
        answer = carer.send(f"{LIST}/{child}/hand-over", email=email)
        page = carer.get(LIST).text
        told.append(
            (answer.status_code, answer.location, email in page, "already has an account" in page)
        )
    assert told[0] == told[1]
    [mail, *_] = [one for one in mails(network) if one["to"] == known]
    opened = client_for(None).get(link_in(mail))
    assert opened.status_code == 409
    assert "This address already has an account" in opened.text
    assert client_for(None).post(link_in(mail), password=STRONG).status_code == 409


def test_a_link_taken_back_or_replaced_or_too_old_opens_nothing(
    carer: Client, client_for: ClientFor, network: Database, child: UUID
) -> None:
    offer(carer, child)
    first = link_in(mails(network)[0])
    offer(carer, child, "other@example.net")
    second = link_in(mails(network)[0])
    newcomer = client_for(None)
    assert newcomer.get(first).status_code == 410
    with time_machine.travel(clock.now() + timedelta(days=15)):
        assert newcomer.get(second).status_code == 410
    assert newcomer.get(second).status_code == 200
    carer.post(f"{LIST}/{child}/hand-over/withdraw")
    assert newcomer.get(second).status_code == 410
    assert newcomer.post(second, password=STRONG).status_code == 410


def test_links_that_we_did_not_sign_open_nothing(
    client_for: ClientFor, network: Database, world: World, settings: Settings, child: UUID
) -> None:
    content = [child.hex, world.patients["owner"].hex, EMAIL]
    forged = URLSafeTimedSerializer("another secret", salt="hand-over").dumps(content)
    other_use = URLSafeTimedSerializer(settings.key(), salt="reset").dumps(content)
    for token in (forged, other_use, "x", "a.b.c", "%00", "x" * 5000):
        assert client_for(None).get(f"/hand-over/{token}").status_code == 410


def test_the_own_address_and_none_are_refused(
    carer: Client, network: Database, world: World, child: UUID
) -> None:
    for email in ("", "nobody", world.emails["patient-owner"]):
        answer = carer.send(f"{LIST}/{child}/hand-over", email=email)
        assert answer.status_code in (409, 422)
        assert "There is a problem" in answer.text
    assert mails(network) == []


def test_a_carer_does_not_delete_their_account_before_handing_over(
    carer: Client, network: Database, world: World, child: UUID
) -> None:
    answer = carer.send("/account/delete", current=PASSWORD)
    assert answer.status_code == 409
    assert "Hand their records over first" in answer.text
    person = network.read(lambda session: session.get(Patient, world.patients["owner"]))
    assert person
    assert person.account_id


# Added by mistake


def test_somebody_added_by_mistake_is_removed_and_the_account_can_be_deleted(
    carer: Client, child: UUID, network: Database
) -> None:
    page = f"{LIST}/{child}/remove"
    assert page in carer.get(LIST).text
    assert "Stop looking after <bdi>Tama Ngata</bdi>?" in carer.get(page).text
    assert carer.send(page).status_code == 303
    assert "No one yet" in carer.get(LIST).text
    assert network.read(lambda session: session.get(Patient, child)) is None
    events = network.read(lambda session: audit.events_of(session, f"patient:{child}"))
    assert "dependent.removed" in [one.action for one in events]
    assert carer.get(page).status_code == 404


def test_a_record_with_something_in_it_is_kept_and_the_page_says_so(
    carer: Client, child: UUID, network: Database, world: World
) -> None:
    page = f"{LIST}/{child}/remove"
    factories.change(network, Appointment, world.appointments["owner"], patient_id=child)
    for answer in (carer.get(page), carer.post(page)):
        assert answer.status_code == 409
        assert "in the record of Tama Ngata" in answer.text
        assert f"{LIST}/{child}/hand-over" in answer.text
    assert network.read(lambda session: session.get(Patient, child)) is not None


def test_nobody_removes_whom_others_care_for(
    client_for: ClientFor, child: UUID, world: World
) -> None:
    stranger = client_for("patient-stranger")
    for patient in (child, world.patients["stranger"], uuid4()):
        assert stranger.get(f"{LIST}/{patient}/remove").status_code == 404
        assert stranger.post(f"{LIST}/{patient}/remove").status_code == 404


NEWCOMER = {"patient": "new", "name": "Tama Ngata", "born": "2 April 2015"}


def test_a_child_is_entered_in_the_form_and_booked_for_with_it(
    carer: Client, network: Database, world: World
) -> None:
    path = f"/book/{world.schedules['owner']}"
    page = carer.get(f"{path}?week={next_week()}").text
    assert "Someone else I care for" in page
    start = starts(page)[3]
    held = carer.send(f"{path}/hold", page=path, start=start, reason="Earache", **NEWCOMER)
    assert held.status_code == 200, "what was typed is in no address"
    hold = re.search(r'name="hold" value="([^"]+)"', held.text)
    assert hold is not None
    assert 'value="Tama Ngata"' in held.text
    assert re.search(r'value="new" checked', held.text)
    sent = {"hold": hold[1], "chosen": start, "chosen_minutes": "30", **NEWCOMER}

    refused = carer.send(path, page=path, **{**sent, "born": "2 April 2199"})
    assert refused.status_code == 422
    assert "Enter a date of birth that is in the past." in refused.text
    assert network.read(lambda session: session.query(Dependent).count()) == 0

    booked = carer.send(path, page=path, **sent)
    assert booked.status_code == 303, booked.text
    child = network.read(lambda session: session.query(Dependent).one().patient_id)
    [appointment] = appointments_of(network, child)
    assert f"/appointments/{appointment.id}" in booked.location
    assert carer.send(path, page=path, **sent).location == booked.location, "pressed twice"
    own = appointments_of(network, world.patients["owner"])
    assert [one for one in own if one.status is Status.HELD] == []

    again = carer.send(path, page=path, **{**sent, "chosen": starts(page)[9]})
    assert again.status_code == 409
    assert "You already care for a person with this name" in again.text


def test_neither_child_nor_booking_is_there_if_the_time_is_gone(
    carer: Client, network: Database, world: World
) -> None:
    path = f"/book/{world.schedules['owner']}"
    start = starts(carer.get(f"{path}?week={next_week()}").text)[3]
    at = datetime.fromisoformat(start)
    network.run(
        lambda session: factories.appointment(
            session, world.schedules["owner"], at, world.patients["stranger"], now=clock.now()
        )
    )
    answer = carer.send(path, page=path, chosen=start, chosen_minutes="30", **NEWCOMER)
    assert answer.status_code == 409
    assert 'value="Tama Ngata"' in answer.text
    assert network.read(lambda session: session.query(Dependent).count()) == 0


def test_programs_of_carers_enter_a_child_with_the_booking(
    app: Flask, network: Database, world: World
) -> None:
    start = datetime.combine(clock.now().date() + timedelta(days=8), time(2), UTC)
    body = {
        "schedule": world.schedules["owner"],
        "start": start.isoformat(),
        "reason": "Earache",
        "dependent": {"name": "Tama Ngata", "born": "2015-04-02"},
    }
    path = "/api/v1/appointments"
    carer = signed_in(app, world, "patient-owner")
    both = carer.send("POST", path, {**body, "patient": str(world.patients["owner"])})
    assert both.status_code == 422
    assert "Send dependent without patient" in both.text
    made = carer.send("POST", path, body)
    assert made.status_code == 201, made.text
    child = network.read(lambda session: session.query(Dependent).one().patient_id)
    assert (made.json["patient"]["id"], made.json["reason"]) == (str(child), "Earache")
    assert signed_in(app, world, "staff-owner").send("POST", path, body).status_code == 403
