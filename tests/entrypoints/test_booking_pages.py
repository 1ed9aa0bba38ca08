"""What the pages of booking and of appointments say: for whom, by whose clock, and what was
written."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

import factories
from entrypoints.browsing import Client, ClientFor, next_week
from entrypoints.world import World
from factories import SYDNEY
from openslot.booking.commands import BookingRequest
from openslot.booking.models import Appointment, Status
from openslot.core import audit, clock
from openslot.core.actor import SYSTEM, Actor
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.directory.models import Dependent
from openslot.notifications.preferences import Kind, choose
from openslot.usecases import booking as usecases
from working import work

WRITTEN = "We have emailed you the details."


@pytest.fixture(autouse=True)
def _mail_goes_out(settings: Settings) -> None:
    settings.smtp_host, settings.confirm_email = "mail.example.org", False


@pytest.fixture
def carer(client_for: ClientFor) -> Client:
    return client_for("patient-owner")


@pytest.fixture
def child(carer: Client, network: Database) -> UUID:
    """Somebody whom the patient ``owner`` cares for."""
    carer.send("/profile/dependents/new", name="Tama Owner", born="2 April 2015")
    return network.read(lambda session: session.query(Dependent).one().patient_id)


def held(client: Client, schedule: int, **fields: object) -> tuple[str, dict[str, object]]:
    """Press a free time of next week, and give the page and what its form would send."""
    path = f"/book/{schedule}"
    whom = f"&patient={fields['patient']}" if fields else ""
    page = client.get(f"{path}?week={next_week()}{whom}").text
    start = re.findall(r'<button[^>]* name="start" value="([^"]+)"', page)[-1]
    kept = client.send(f"{path}/hold", page=path, start=start, minutes=30, **fields)
    assert kept.status_code == 303, kept.text
    hold = re.search(r"hold=([0-9a-f-]+)", kept.location)
    assert hold
    return kept.location.partition("#")[0], {
        "start": start,
        "minutes": 30,
        "hold": hold[1],
        **fields,
    }


def booked(client: Client, schedule: int, **fields: object) -> str:
    """Book a free time, and come to the page of the appointment."""
    page, form = held(client, schedule, **fields)
    answer = client.send(f"/book/{schedule}", page=page, **form)
    assert answer.status_code == 303, answer.text
    return answer.location


def elsewhere(client: Client, zone: str = "Australia/Perth") -> None:
    """The reader's device is in another time zone."""
    client.http.set_cookie("tz", zone.replace("/", "%2F"))


# For whom


def test_booking_again_is_for_whom_the_appointment_was(
    carer: Client, child: UUID, world: World
) -> None:
    schedule = world.schedules["teammate"]
    appointment = booked(carer, schedule, patient=child).partition("?")[0]
    assert carer.send(f"{appointment}/cancel").status_code == 303
    again = f"/book/{schedule}?patient={child}"
    for page in (appointment, "/dashboard", "/dashboard/past"):
        assert again in carer.get(page).text, page


def test_booking_ones_own_appointment_again_names_nobody(carer: Client, world: World) -> None:
    appointment = f"/appointments/{world.appointments['owner']}"
    assert carer.send(f"{appointment}/cancel").status_code == 303
    for page in (appointment, "/dashboard"):
        assert f'href="/book/{world.schedules["owner"]}"' in carer.get(page).text, page


# Somebody else was faster


@pytest.mark.parametrize("pressed", ["hold", "confirm", "confirm without a hold", "move"])
def test_after_somebody_was_faster_the_week_looked_at_is_shown_again(
    carer: Client, client_for: ClientFor, network: Database, world: World, pressed: str
) -> None:
    schedule, later = world.schedules["owner"], clock.now() + timedelta(days=21)
    week = later.date().isoformat()
    mine = f"/appointments/{world.appointments['owner']}/move"
    path = mine if pressed == "move" else f"/book/{schedule}"
    page = carer.get(f"{path}?week={week}").text
    heading = re.search(r'<h2 id="week">([^<]+)</h2>', page)
    start = re.findall(r'name="start" value="([^"]+)"', page)[0]
    assert heading
    form: dict[str, object] = {"start": start, "minutes": 30}
    if pressed == "move":
        page = carer.get(f"{path}?week={week}&start={start}").text
    elif pressed == "confirm without a hold":
        page = carer.get(f"{path}?week={week}&start={start}").text
        form = {"chosen": start, "chosen_minutes": 30}
    elif pressed == "confirm":
        kept = carer.send(f"{path}/hold", page=path, **form, week=week)
        form["hold"] = re.findall(r"hold=([0-9a-f-]+)", kept.location)[0]
        carer.send(f"/holds/{form['hold']}/release", page=path)
    network.run(
        lambda session: usecases.book(
            work(session, SYSTEM, clock.now()),
            BookingRequest(schedule, datetime.fromisoformat(start), 30, world.patients["stranger"]),
        )
    )
    answer = carer.post(f"{path}/hold" if pressed == "hold" else path, **form)
    assert answer.status_code == 409
    assert heading[0] in answer.text


# Twice


def test_confirming_in_a_second_tab_comes_to_the_appointment(carer: Client, world: World) -> None:
    schedule = world.schedules["teammate"]
    page, form = held(carer, schedule)
    first = carer.send(f"/book/{schedule}", page=page, **form)
    second = carer.post(f"/book/{schedule}", **form)
    assert (second.status_code, second.location) == (303, first.location)
    assert "Your appointment is booked" in carer.get(second.location).text


def test_going_back_after_booking_comes_to_the_appointment(carer: Client, world: World) -> None:
    schedule = world.schedules["teammate"]
    page, form = held(carer, schedule)
    first = carer.send(f"/book/{schedule}", page=page, **form)
    back = carer.http.get(page)
    assert (back.status_code, back.location) == (303, first.location)


def test_going_back_after_moving_comes_to_the_appointment(carer: Client, world: World) -> None:
    appointment = booked(carer, world.schedules["teammate"]).partition("?")[0]
    page = carer.get(f"{appointment}/move?week={next_week()}").text
    start = re.findall(r'<button[^>]* name="start" value="([^"]+)"', page)[0]
    there = f"{appointment}/move?minutes=30&start={start}"
    moved = carer.send(f"{appointment}/move", page=there, start=start, minutes=30)
    assert (moved.status_code, moved.location) == (303, appointment)
    assert "was moved from" in carer.get(appointment).text
    back = carer.http.get(there)
    assert (back.status_code, back.location) == (303, appointment)
    again = carer.post(f"{appointment}/move", start=start, minutes=30)
    assert (again.status_code, again.location) == (303, appointment)
    assert "was moved from" not in carer.get(appointment).text


def test_cancelling_in_a_second_tab_comes_to_the_appointment(carer: Client, world: World) -> None:
    appointment = f"/appointments/{world.appointments['owner']}"
    assert carer.send(f"{appointment}/cancel").status_code == 303
    for again in (carer.post(f"{appointment}/cancel"), carer.http.get(f"{appointment}/cancel")):
        assert (again.status_code, again.location) == (303, appointment)


@pytest.mark.parametrize("change", ["patient", "start", "status"])
def test_another_booking_with_the_same_hold_is_not_taken_for_the_first(
    carer: Client, child: UUID, network: Database, world: World, change: str
) -> None:
    schedule = world.schedules["teammate"]
    page, form = held(carer, schedule, patient=world.patients["owner"])
    first = carer.send(f"/book/{schedule}", page=page, **form)
    appointment_id = UUID(first.location.rpartition("/")[2].partition("?")[0])
    if change == "patient":
        form["patient"] = child
    elif change == "start":
        start = datetime.fromisoformat(str(form["start"]))
        form["start"] = (start - timedelta(minutes=30)).isoformat()
    else:
        factories.change(network, Appointment, appointment_id, status=Status.ARRIVED)
    assert carer.post(f"/book/{schedule}", **form).status_code == 409


# What was written


def test_mail_is_spoken_of_only_where_it_is_sent(
    carer: Client, network: Database, world: World
) -> None:
    appointment = booked(carer, world.schedules["teammate"])
    assert WRITTEN in carer.get(appointment).text
    account = world.accounts["patient-owner"]
    network.run(
        lambda session: choose(
            work(session, Actor(account_id=account), datetime.now(UTC)),
            account,
            {Kind.APPOINTMENTS: False},
        )
    )
    page = carer.get(appointment).text
    assert "Your appointment is booked" in page
    assert WRITTEN not in page


def test_mail_about_a_dependent_goes_to_who_cares(carer: Client, child: UUID, world: World) -> None:
    assert WRITTEN in carer.get(booked(carer, world.schedules["teammate"], patient=child)).text


# By whose clock


def test_a_kept_time_names_its_zone_where_the_reader_has_another(
    carer: Client, world: World
) -> None:
    page, _form = held(carer, world.schedules["teammate"])
    elsewhere(carer)
    shown = carer.get(page).text
    assert re.search(r"Held for you until <b>[^<]+</b> \(Sydney time\)</p>", shown)
    assert re.search(r"Held until [^<]+ \(Sydney time\)<", shown)
    assert re.search(r"You can move or cancel it until [^<]+ \(Sydney time\)\.", shown)
    elsewhere(carer, "Australia/Melbourne")
    assert "(Sydney time)" not in carer.get(page).text


def test_appointments_name_their_zone_where_the_reader_has_another(
    carer: Client, world: World
) -> None:
    appointment = booked(carer, world.schedules["teammate"])
    elsewhere(carer)
    coming = carer.get("/dashboard").text
    assert re.search(r"</span>[^<]+ \(Sydney time\), <bdi>", coming)
    shown = carer.get(appointment).text
    assert re.search(r"Your own clock, in Perth, is [23] hours behind\.", shown)
    assert re.search(
        r"<h1>[^<]+ \(Sydney time\)</h1>", carer.get(appointment.partition("?")[0]).text
    )
    elsewhere(carer, "Australia/Melbourne")
    for page in ("/dashboard", appointment):
        there = carer.get(page).text
        assert "(Sydney time)" not in there, page
        assert "Your own clock" not in there, page


# What is over, and what happened


def test_the_page_has_the_words_for_a_hold_that_runs_out(carer: Client, world: World) -> None:
    page, _form = held(carer, world.schedules["teammate"])
    shown = carer.get(page).text
    assert re.search(
        r"<p data-when-over hidden>We are no longer holding this time for you\.", shown
    )
    assert "<p data-while-kept>Held for you until" in shown


def test_what_happened_is_told_in_the_words_of_the_audit(
    client_for: ClientFor, network: Database, world: World
) -> None:
    appointment = world.appointments["owner"]
    network.run(
        lambda session: audit.record(
            work(session, Actor(), datetime.now(UTC)),
            "appointment.recorded",
            f"appointment:{appointment}",
        )
    )
    shown = client_for("practitioner-owner").get(f"/appointments/{appointment}").text
    assert "Imported the appointment" in shown
    assert "appointment.recorded" not in shown


def test_leave_of_whole_days_is_shown_as_days(
    client_for: ClientFor, network: Database, world: World
) -> None:
    day = (datetime.now(SYDNEY) + timedelta(days=9)).date()
    client = client_for("practitioner-owner")
    sent = client.send(
        "/calendar/absences", from_day=day.isoformat(), to_day=day.isoformat(), kind="leave"
    )
    assert sent.status_code == 303, sent.text
    shown = client.get("/dashboard").text
    away = shown.partition('id="away"')[2].partition("</section>")[0]
    assert day.strftime("%-d %B") in away
    assert "12:00" not in away


def test_the_day_of_a_practitioner_elsewhere_names_its_zone(client_for: ClientFor) -> None:
    client = client_for("practitioner-owner")
    elsewhere(client)
    assert '<p class="quiet">Sydney time</p>' in client.get("/dashboard").text
    elsewhere(client, "Australia/Melbourne")
    assert '<p class="quiet">Sydney time</p>' not in client.get("/dashboard").text
