"""A doctor goes on leave, and a patient takes the new time from a mail; another waits for a
time, and gets one when it comes free."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

import factories
from browser.conftest import LiveServer
from browser.steps import checked, sign_in
from entrypoints.world import World, book_for, build
from factories import SYDNEY
from openslot.booking import check
from openslot.booking.models import Appointment, Status
from openslot.core.actor import SYSTEM
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.entrypoints.worker.main import do_duties, handle_next
from openslot.schedules.availability import Weekly
from openslot.schedules.commands import set_hours
from openslot.waiting_list.links import token_of
from openslot.waiting_list.models import Offer, OfferStatus
from working import work


@pytest.fixture
def world(live_server: LiveServer) -> World:
    """The network, and two more appointments with the practitioner ``owner``."""
    world = build(live_server.database)
    now = datetime.now(UTC)
    for who in ("teammate", "stranger"):
        patients = {**world.patients, "owner": world.patients[who]}
        world.appointments[f"{who}-here"] = live_server.database.run(
            lambda session, patients=patients, days={"teammate": 4, "stranger": 5}[who]: (
                book_for(
                    session,
                    World(schedules=world.schedules, patients=patients),
                    "owner",
                    now=now,
                    days=days,
                ).id
            )
        )
    return world


def run_worker(server: LiveServer) -> None:
    """Do what the worker does, until nothing is due."""
    settings: Settings = server.app.extensions["openslot"].settings
    do_duties(server.database, settings)
    while handle_next(server.database, settings):
        pass


def day(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).astimezone(SYDNEY).date().isoformat()


def offered(server: LiveServer) -> list[str]:
    """The links of the open offers."""
    key = server.app.extensions["openslot"].settings.key()
    rows = server.database.read(lambda session: list(session.query(Offer)))
    return [token_of(key, one.id) for one in rows if one.status == OfferStatus.OPEN]


def status(database: Database, world: World, appointment: str) -> str:
    return database.read(
        lambda session: session.get_one(Appointment, world.appointments[appointment]).status
    )


def test_leave_over_three_appointments_and_the_patient_takes_the_new_time_from_the_link(
    desktop_page: Page, phone_page: Page, live_server: LiveServer, world: World
) -> None:
    page = desktop_page
    sign_in(page, live_server.url, world.emails["practitioner-owner"])
    page.goto(f"{live_server.url}/calendar/absences")
    page.get_by_label("From, day").fill(day(3))
    page.get_by_label("To, day").fill(day(5))
    page.get_by_role("button", name="Block this time").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("3 appointments fall")
    checked(page)
    for number, choice in enumerate(
        ("Keep the appointment", "Offer another time", "Cancel the appointment")
    ):
        page.locator(".os-decide").nth(number).get_by_label(choice, exact=True).check()
    page.get_by_role("button", name="Block the time").click()
    expect(page.get_by_text("can no longer be booked")).to_be_visible()
    run_worker(live_server)
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Who has answered")
    for words in ("New time offered", "Kept", "Cancelled"):
        expect(page.locator(".os-answers").get_by_text(words)).to_have_count(1)
    checked(page)
    page.get_by_role("link", name="Blocked time").click()
    expect(page.get_by_text("1 patient has been offered another time.")).to_be_visible()
    checked(page)
    assert status(live_server.database, world, "owner") == Status.BOOKED
    assert status(live_server.database, world, "stranger-here") == Status.CANCELLED

    [link] = offered(live_server)
    phone_page.goto(f"{live_server.url}/offers/{link}")
    checked(phone_page)
    phone_page.get_by_role("button", name="Take this time").click()
    expect(phone_page.get_by_role("heading", level=1)).to_have_text(
        "Your appointment has moved to the new time"
    )
    checked(phone_page)
    assert status(live_server.database, world, "teammate-here") == Status.BOOKED
    assert offered(live_server) == []
    assert check.faults(live_server.database) == []


def test_who_waits_is_offered_the_time_that_somebody_gives_up(
    desktop_page: Page, live_server: LiveServer, world: World
) -> None:
    page, database = desktop_page, live_server.database
    only_then = database.read(
        lambda session: session.get_one(Appointment, world.appointments["owner"]).starts_at
    )
    close_but(database, world, only_then)
    cancel(database, world.appointments["stranger"])  # at that very time, elsewhere
    sign_in(page, live_server.url, world.emails["patient-stranger"])
    page.goto(f"{live_server.url}/waiting")
    checked(page)
    page.goto(f"{live_server.url}/waiting/new?practitioner={world.practitioners['owner']}")
    page.get_by_label("From", exact=True).fill(day(3))
    page.get_by_label("To", exact=True).fill(day(3))
    checked(page)
    page.get_by_role("button", name="Join the waiting list").click()
    expect(page.get_by_text("You are on the waiting list.")).to_be_visible()
    checked(page)
    run_worker(live_server)
    assert offered(live_server) == []

    cancel(database, world.appointments["owner"])
    run_worker(live_server)
    page.goto(f"{live_server.url}/offers")
    checked(page)
    page.get_by_role("link", name="Accept or decline").click()
    expect(page.get_by_role("button", name="Take this time")).to_be_visible()
    checked(page)
    page.get_by_role("button", name="Take this time").click()
    expect(page.get_by_text("The time is booked.")).to_be_visible()
    assert check.faults(database) == []


def close_but(database: Database, world: World, start: datetime) -> None:
    """Leave one half hour of the practitioner's week open."""
    local = start.astimezone(SYDNEY)
    first = local.hour * 60 + local.minute
    hours = (Weekly(local.weekday(), first, first + 30),)
    database.run(
        lambda session: set_hours(
            work(session, SYSTEM, datetime.now(UTC)), world.schedules["owner"], hours
        )
    )


def cancel(database: Database, appointment: UUID) -> None:
    database.run(
        lambda session: factories.change_status(
            session, appointment, Status.CANCELLED, now=datetime.now(UTC)
        )
    )
