"""The day of a practitioner: each row has the button for what comes next."""

import re
from datetime import datetime, time, timedelta
from html import unescape
from uuid import UUID

from entrypoints.browsing import ClientFor, next_week
from entrypoints.world import World
from factories import SYDNEY, appointment
from openslot.booking.models import Appointment, Status
from openslot.booking.offered import hold_for_reschedule
from openslot.core import clock
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from working import work


def book_today(network: Database, world: World) -> UUID:
    start = datetime.combine(clock.now().astimezone(SYDNEY).date(), time(10), SYDNEY)
    return network.run(
        lambda session: appointment(
            session,
            world.schedules["owner"],
            start,
            world.patients["owner"],
            now=start - timedelta(days=1),
        )
    ).id


def test_a_row_of_today_is_one_press_from_what_comes_next(
    client_for: ClientFor, network: Database, world: World
) -> None:
    client, booked = client_for("practitioner-owner"), book_today(network, world)
    back = f"/dashboard#a{booked}"
    for to, label, then in (
        (Status.ARRIVED, "Arrived", Status.ARRIVED),
        (Status.BOOKED, "Undo", Status.BOOKED),
        (Status.ARRIVED, "Arrived", Status.ARRIVED),
        (Status.FULFILLED, "Complete", Status.FULFILLED),
    ):
        page = client.get("/dashboard").text
        assert f'{label}<span class="visually-hidden"> <bdi>' in page
        assert f'name="back" value="{back}"' in page
        path = f"/appointments/{booked}/status"
        answer = client.send(path, page="/dashboard", to=to.value, back=back)
        assert (answer.status_code, answer.location) == (303, back)
        now = network.read(lambda session: session.get_one(Appointment, booked).status)
        assert now is then
    assert f'name="back" value="{back}"' not in client.get("/dashboard").text


def test_a_time_that_is_offered_is_shown_as_offered_in_every_calendar(
    client_for: ClientFor, network: Database, world: World
) -> None:
    day = clock.now().astimezone(SYDNEY).date() + timedelta(days=1)
    network.run(
        lambda session: hold_for_reschedule(
            work(session, SYSTEM, clock.now()),
            world.appointments["owner"],
            world.schedules["owner"],
            datetime.combine(day, time(11), SYDNEY),
            until=clock.now() + timedelta(days=1),
        )
    )
    for path in ("/calendar?view=day&", "/calendar?view=week&"):
        page = client_for("practitioner-owner").get(f"{path}day={day}").text
        assert "Offered to a patient</bdi>, Offered" in page
        assert "Held online" not in page
    page = client_for("centre-admin-owner").get(f"/desk?day={day}").text
    assert "ev is-offered" in page
    assert "</span> Offered</span><i>Offered</i>" in page


def test_patients_of_today_need_no_search_and_a_gap_leads_to_booking(
    client_for: ClientFor, network: Database, world: World
) -> None:
    client, booked = client_for("practitioner-owner"), book_today(network, world)
    patients = client.get("/patients").text
    assert ">Today</h2>" in patients
    assert f'href="/patients/{world.patients["owner"]}"' in patients
    week = client.get(f"/calendar?day={next_week()}").text
    gap = re.search(r'class="gap[^"]*"><a href="(/patients\?schedule=[^"]*)"', week)
    assert gap
    assert "start" in client.get(unescape(gap[1])).text
    page = client.get(f"/appointments/{booked}").text
    assert re.search(r"<h1><a [^>]*><bdi>", page), "the patient is the heading"
    assert "Book a follow-up" in page
