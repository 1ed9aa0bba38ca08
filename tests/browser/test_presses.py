"""How many presses the tasks of patients and practitioners take, on a phone and a desktop."""

from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page, expect

import factories
from browser.conftest import LiveServer
from browser.steps import Presses, checked, sign_in, turn_week
from browser.test_journeys import NEW
from entrypoints.world import SYDNEY, World
from openslot.booking.models import Appointment, Status

NEW_PATIENT, NEW_CHILD, MOVED, CANCELLED, ARRIVED_AND_DONE = 6, 3, 3, 2, 2
"""Most presses of a task. A new patient signs in once more after signing up, which proves that
they know the password that they chose."""


def test_a_new_patient_and_then_their_child_are_booked_on_a_phone(
    phone_page: Page, live_server: LiveServer, world: World
) -> None:
    page, press = phone_page, Presses()
    page.goto(live_server.url)
    press(page.get_by_role("link", name="Physiotherapist", exact=True))
    press(page.locator(".os-result .os-slot:not(.more)").nth(1))
    checked(page, contrast=True)
    press(page.get_by_role("button", name="Sign up"))
    expect(page.get_by_text("We hold ")).to_be_visible()
    checked(page)
    page.get_by_label("Name").fill(NEW["name"])
    page.get_by_label("Date of birth").fill(NEW["born"])
    page.get_by_label("Email").fill(NEW["email"])
    page.get_by_label("Password").fill(NEW["password"])
    press(page.locator("main").get_by_role("button", name="Sign up"))
    page.get_by_label("Password", exact=True).fill(NEW["password"])
    press(page.locator("main").get_by_role("button", name="Sign in"))
    expect(page.locator("#booking")).to_contain_text("Held for you")
    checked(page)
    press(page.get_by_role("button", name="Confirm booking"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Your appointment is booked")
    assert press.count <= NEW_PATIENT

    page.goto(f"{live_server.url}/book/{world.schedules['stranger']}")
    turn_week(page)
    press = Presses()
    press(page.locator(".os-days .os-slot:visible").first)
    expect(page.get_by_label("Name")).to_be_hidden()
    press(page.get_by_role("radio", name="Someone else I care for"))
    page.get_by_label("Name").fill("Tama Ngata")
    page.get_by_label("Date of birth").fill("2 April 2015")
    checked(page, contrast=True)
    press(page.get_by_role("button", name="Confirm booking"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("is booked")
    expect(page.locator("main")).to_contain_text("Tama Ngata")
    assert press.count <= NEW_CHILD


def test_moving_cancelling_and_a_row_of_the_day_on_a_desktop(
    desktop_page: Page, live_server: LiveServer, world: World
) -> None:
    page, press = desktop_page, Presses()
    sign_in(page, live_server.url, world.emails["patient-owner"])
    page.goto(f"{live_server.url}/appointments/{world.appointments['owner']}")
    press(page.get_by_role("link", name="Move", exact=False).first)
    turn_week(page)
    press(page.locator(".os-days .os-slot:visible").nth(3))
    press(page.get_by_role("button", name="Move the appointment"))
    expect(page.get_by_text("Your appointment was moved")).to_be_visible()
    assert press.count <= MOVED
    press = Presses()
    press(page.get_by_role("link", name="Cancel the appointment"))
    press(page.get_by_role("button", name="Cancel the appointment"))
    expect(page.get_by_text("The appointment is cancelled")).to_be_visible()
    assert press.count <= CANCELLED

    now = datetime.now(UTC)
    start = now.astimezone(SYDNEY).replace(hour=10, minute=0, second=0, microsecond=0)
    one = live_server.database.run(
        lambda session: factories.appointment(
            session,
            world.schedules["owner"],
            start,
            world.patients["stranger"],
            now=start - timedelta(days=1),
        )
    ).id
    sign_in(page, live_server.url, world.emails["practitioner-owner"])
    press = Presses()
    row = page.locator(f"#a{one}")
    press(row.get_by_role("button", name="Arrived"))
    press(row.get_by_role("button", name="Complete"))
    expect(row.get_by_role("button")).to_have_count(0)
    assert press.count <= ARRIVED_AND_DONE
    status = live_server.database.read(lambda session: session.get_one(Appointment, one).status)
    assert status is Status.FULFILLED
