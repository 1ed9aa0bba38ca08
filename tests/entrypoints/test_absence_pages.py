"""Blocking time: the appointments inside are seen first, and what becomes of each is chosen."""

from datetime import UTC, datetime, timedelta
from html import unescape
from re import findall
from typing import Any

import pytest

from entrypoints.browsing import Client, ClientFor
from entrypoints.world import World, book_for
from factories import SYDNEY
from openslot.booking import check, elsewhere
from openslot.booking.models import Appointment, Status
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.entrypoints.worker.main import handle_next
from openslot.schedules.models import Absence, AbsenceKind
from openslot.waiting_list.models import AbsenceDecision, Choice, Offer
from receiver import LOOPBACK, Receiver
from working import work

PAGE = "/calendar/absences"


def day_of_appointment(days: int = 3) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).astimezone(SYDNEY).date().isoformat()


def days(days: int = 3, **more: object) -> dict[str, object]:
    return {
        "kind": "leave",
        "from_day": day_of_appointment(days),
        "to_day": day_of_appointment(days),
        **more,
    }


def every(network: Database, kind: type[Any]) -> list[Any]:
    return network.read(lambda session: list(session.query(kind)))


def hidden_fields(page: str) -> dict[str, str]:
    """What the page that asks about appointments carries along, and what it proposes."""
    found = findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page)
    fields = {name: unescape(value) for name, value in found}
    for name, value in findall(r'name="(slot-[\w-]+)">\s*<option value="([^"]+)"', page):
        fields[name] = value
    return fields


def asked(client: Client, path: str = PAGE, **typed: object) -> dict[str, str]:
    page = client.send(path, **typed)
    assert page.status_code == 409, page.text
    return hidden_fields(page.text)


def test_time_without_appointments_is_blocked_and_opened_again(
    client_for: ClientFor, network: Database
) -> None:
    client = client_for("practitioner-owner")
    assert client.send(PAGE, **days(20, reason="Conference")).status_code == 303
    assert "Conference" in client.get(PAGE).text
    [absence] = every(network, Absence)
    assert client.send(f"{PAGE}/{absence.id}/end", page=PAGE).status_code == 303
    assert every(network, Absence) == []


def test_one_day_of_leave_is_opened_again(client_for: ClientFor, network: Database) -> None:
    client = client_for("practitioner-owner")
    week = {"kind": "leave", "from_day": day_of_appointment(20), "to_day": day_of_appointment(24)}
    assert client.send(PAGE, **week).status_code == 303
    assert client.send(PAGE, **week).status_code == 303
    day = {"from_day": day_of_appointment(22), "to_day": day_of_appointment(22)}
    assert client.send(f"{PAGE}/reopen", page=PAGE, **day).status_code == 303
    left = [(one.starts_at, one.ends_at) for one in every(network, Absence)]
    assert [round((end - start) / timedelta(days=1)) for start, end in left] == [2] * 4
    refused = client.send(f"{PAGE}/reopen", page=PAGE, **day)
    assert refused.status_code == 422
    assert "No time is blocked in this period" in refused.text


def test_what_is_blocked_twice_is_not_said_to_be_free(
    client_for: ClientFor, network: Database
) -> None:
    client = client_for("practitioner-owner")
    for _ in range(2):
        assert client.send(PAGE, **days(20)).status_code == 303
    first, second = every(network, Absence)
    client.send(f"{PAGE}/{first.id}/end", page=PAGE)
    assert "Other blocked time still covers a part of it." in client.get(PAGE).text
    client.send(f"{PAGE}/{second.id}/end", page=PAGE)
    assert "This time can be booked again." in client.get(PAGE).text


def test_the_appointments_inside_are_asked_about_before_anything_is_blocked(
    client_for: ClientFor, network: Database
) -> None:
    client = client_for("practitioner-owner")
    page = client.send(PAGE, **days())
    assert page.status_code == 409
    for words in (
        "1 appointment falls",
        "Aroha Owner",
        "Keep the appointment",
        "Offer another time",
    ):
        assert words in page.text
    assert every(network, Absence) == []


@pytest.mark.parametrize("choice", list(Choice))
def test_an_appointment_is_kept_moved_or_cancelled(
    client_for: ClientFor, network: Database, world: World, settings: Settings, choice: Choice
) -> None:
    client, appointment = client_for("practitioner-owner"), world.appointments["owner"]
    fields = asked(client, **days())
    answer = client.send(PAGE, **{**fields, f"appointment-{appointment}": choice.value})
    assert answer.status_code == 303, answer.text
    while handle_next(network, settings):
        pass
    status = network.read(lambda session: session.get_one(Appointment, appointment).status)
    assert status == (Status.CANCELLED if choice is Choice.CANCEL else Status.BOOKED)
    assert len(every(network, Offer)) == (choice is Choice.MOVE)
    page = client.get(PAGE).text
    assert ("has been offered another time" in page) == (choice is Choice.MOVE)
    assert "needs a decision" not in page
    there = client.get(answer.location)
    words = {"keep": "Kept", "move": "New time offered", "cancel": "Cancelled"}
    assert f"</svg>{words[choice.value]}</span>" in there.text
    assert '<a class="os-line" href="tel:' in there.text
    day = days()["from_day"]
    calendars = [client.get(f"/calendar?view=day&day={day}"), client.get("/calendar/list")]
    calendars.append(client_for("centre-admin-owner").get(f"/desk?day={day}"))
    marked = ["New time offered" in one.text for one in calendars]
    assert marked == [choice is Choice.MOVE] * 3
    assert client_for("patient-owner").get(answer.location).status_code == 403
    assert client_for("practitioner-stranger").get(answer.location).status_code in (403, 404)
    assert check.faults(network) == []


def test_one_choice_for_all_is_shown_before_it_is_done(
    client_for: ClientFor, network: Database, world: World
) -> None:
    now = datetime.now(UTC)
    network.run(lambda session: book_for(session, world, "owner", now=now, days=4))
    client = client_for("practitioner-owner")
    fields = asked(client, **{**days(), "to_day": day_of_appointment(4)})
    page = client.send(PAGE, **{**fields, "preset": "cancel"})
    assert page.status_code == 409
    assert len(findall(r'value="cancel" checked', page.text)) == 2
    assert every(network, Absence) == []


def test_an_appointment_that_was_booked_meanwhile_is_asked_about_too(
    client_for: ClientFor, network: Database, world: World
) -> None:
    client = client_for("practitioner-owner")
    fields = asked(client, **{**days(), "to_day": day_of_appointment(4)})
    now = datetime.now(UTC)
    network.run(lambda session: book_for(session, world, "owner", now=now, days=4))
    page = client.send(PAGE, **{**fields, f"appointment-{world.appointments['owner']}": "cancel"})
    assert page.status_code == 409
    assert "The appointments in this time have changed" in page.text
    assert "2 appointments fall" in page.text
    assert f'name="appointment-{world.appointments["owner"]}" value="cancel" checked' in page.text


@pytest.mark.parametrize("slot", ["", "x", "1/x", "1/2026-13-45T00:00:00Z", "9999999999/z"])
def test_a_time_that_is_none_is_refused_in_words(
    client_for: ClientFor, network: Database, world: World, slot: str
) -> None:
    client, appointment = client_for("practitioner-owner"), world.appointments["owner"]
    fields = asked(client, **days())
    page = client.send(
        PAGE, **{**fields, f"appointment-{appointment}": "move", f"slot-{appointment}": slot}
    )
    assert page.status_code == 400
    assert "Choose a time to move each appointment to" in page.text
    assert every(network, Absence) == []


def test_what_nobody_answered_is_decided_again(
    client_for: ClientFor, network: Database, world: World, settings: Settings
) -> None:
    client, appointment = client_for("practitioner-owner"), world.appointments["owner"]
    client.send(PAGE, **{**asked(client, **days()), f"appointment-{appointment}": "move"})
    while handle_next(network, settings):
        pass
    later = datetime.now(UTC) - timedelta(minutes=1)

    def run_out(session: Any) -> None:
        session.query(Offer).one().expires_at = later

    network.run(run_out)
    page = client.get(PAGE).text
    assert "1 appointment inside blocked time needs a decision" in page
    assert "The patient has not answered." in page
    answer = client.send(f"{PAGE}/decide", page=PAGE, **{f"appointment-{appointment}": "keep"})
    assert answer.status_code == 303
    assert "needs a decision" not in client.get(PAGE).text
    [decision] = every(network, AbsenceDecision)
    assert decision.choice == Choice.KEEP


def test_the_next_hours_are_kept_free_for_an_emergency(
    client_for: ClientFor, network: Database
) -> None:
    client = client_for("practitioner-owner")
    answer = client.send(f"{PAGE}/emergency", page="/calendar", hours="3")
    assert answer.status_code == 303
    [absence] = every(network, Absence)
    assert absence.kind == AbsenceKind.KEPT_FREE
    assert absence.ends_at - absence.starts_at == timedelta(hours=3)
    assert absence.starts_at <= datetime.now(UTC) < absence.starts_at + timedelta(minutes=6)


def test_who_runs_the_centre_blocks_for_its_practitioners(
    client_for: ClientFor, network: Database, world: World
) -> None:
    client = client_for("centre-admin-owner")
    who = world.practitioners["owner"]
    path = f"{PAGE}?practitioner={who}"
    assert path in client.get(f"/admin/practitioners/{who}").text
    assert "Priya Owner" in client.get(path).text
    fields = asked(client, path, **days())
    answer = client.send(path, **{**fields, f"appointment-{world.appointments['owner']}": "keep"})
    [absence] = every(network, Absence)
    there = f"{PAGE}/{absence.id}/answers?practitioner={who}"
    assert (answer.status_code, answer.location) == (303, there)
    assert "Priya Owner" in client.get(there).text
    assert absence.created_by == world.accounts["centre-admin-owner"]


@pytest.mark.parametrize(
    ("person", "status"),
    [
        ("centre-admin-stranger", 403),
        ("practitioner-stranger", 403),
        ("staff-owner", 403),
        ("patient-owner", 403),
    ],
)
def test_others_neither_look_nor_block(
    client_for: ClientFor, network: Database, world: World, person: str, status: int
) -> None:
    client = client_for(person)
    path = f"{PAGE}?practitioner={world.practitioners['owner']}"
    assert client.get(path).status_code == status
    for action in ("", "/emergency", "/decide"):
        typed = {**days(20), "practitioner": world.practitioners["owner"]}
        assert client.post(f"{PAGE}{action}", **typed).status_code == status
    assert every(network, Absence) == []


def test_an_administrator_names_whose_time_it_is(client_for: ClientFor) -> None:
    client = client_for("centre-admin-owner")
    assert client.get(PAGE).status_code == 404
    assert client.get(f"{PAGE}?practitioner=999999").status_code == 403
    assert client_for("network-admin").get(f"{PAGE}?practitioner=999999").status_code == 404


def test_a_calendar_elsewhere_is_added_shown_and_removed(
    client_for: ClientFor, network: Database, settings: Settings, there: Receiver
) -> None:
    settings.calendar_networks = LOOPBACK
    start = (datetime.now(UTC) + timedelta(days=20)).replace(hour=1, minute=0)
    there.status, there.answer = (
        200,
        (
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VEVENT\r\nUID:1\r\n"
            f"DTSTART:{start:%Y%m%dT%H%M00Z}\r\nDURATION:PT1H\r\nSUMMARY:Secret talk\r\n"
            "END:VEVENT\r\nEND:VCALENDAR\r\n"
        ).encode(),
    )
    client = client_for("practitioner-owner")
    assert client.send(f"{PAGE}/calendar", page=PAGE, url=there.url).status_code == 303
    assert "Not yet" in client.get(PAGE).text
    while handle_next(network, settings):
        pass
    page = client.get(PAGE).text
    assert "127.0.0.1" in page
    assert "1 time<" in page
    assert there.url not in page
    day = start.astimezone(SYDNEY).date()
    shown = client.get(f"/calendar?view=day&day={day}").text
    assert "Busy elsewhere" in shown
    assert "Secret" not in page + shown
    there.status = 404
    later = datetime.now(UTC) + timedelta(hours=1)
    network.run(lambda session: elsewhere.queue_due(work(session, now=later), limit=1))
    while handle_next(network, settings, now=lambda: later):
        pass
    assert "The server answered with status 404." in client.get(PAGE).text
    assert client.send(f"{PAGE}/calendar/remove", page=PAGE).status_code == 303
    assert every(network, Absence) == []


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://10.0.0.1/c.ics", "private network"),
        ("webcal://10.0.0.1/c.ics", "private network"),
        ("my calendar", "Enter an address such as"),
    ],
)
def test_an_address_where_no_calendar_may_be_is_refused_with_its_reason(
    client_for: ClientFor, url: str, sentence: str
) -> None:
    refused = client_for("practitioner-owner").send(f"{PAGE}/calendar", page=PAGE, url=url)
    assert refused.status_code == 422
    assert sentence in refused.text
    assert f'value="{url}"' in refused.text
