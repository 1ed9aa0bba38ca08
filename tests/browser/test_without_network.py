"""Rule: without a network the page stays, with what was typed, and says why nothing happened."""

from uuid import UUID

from playwright.sync_api import Locator, Page, expect

from browser.conftest import LiveServer
from browser.steps import sign_in
from browser.test_desk_journeys import book_tomorrow, tomorrow
from entrypoints.world import World
from openslot.booking.models import Appointment, Status


def status(live: LiveServer, appointment_id: UUID) -> Status:
    return live.database.read(lambda session: session.get_one(Appointment, appointment_id).status)


def is_said(place: Page | Locator) -> None:
    expect(place.get_by_role("alert").filter(has_text="could not reach the server")).to_be_visible()


def test_pages_and_their_dialogs_stay(
    live_server: LiveServer, world: World, phone_page: Page
) -> None:
    page, booked = phone_page, book_tomorrow(live_server, world)
    sign_in(page, live_server.url, world.emails["patient-owner"])
    page.goto(f"{live_server.url}/appointments/{booked}")
    page.context.set_offline(True)
    page.get_by_role("link", name="Cancel the appointment").click()
    is_said(page)
    page.context.set_offline(False)
    expect(page.get_by_role("alert")).to_have_count(0)

    page.get_by_role("link", name="Cancel the appointment").click()
    page.context.set_offline(True)
    confirm = page.get_by_role("dialog").get_by_role("button", name="Cancel the appointment")
    confirm.click()
    is_said(page.get_by_role("dialog"))
    assert status(live_server, booked) is Status.BOOKED
    page.context.set_offline(False)
    confirm.click()
    expect(page.locator("main")).to_contain_text("The appointment is cancelled.")


def test_a_form_keeps_what_was_typed(
    live_server: LiveServer, world: World, desktop_page: Page
) -> None:
    page = desktop_page
    page.goto(f"{live_server.url}/sign-up")
    page.get_by_label("Full name").fill("Zoe Newcomer")
    page.context.set_offline(True)
    page.locator("main form").get_by_role("button").last.click()
    is_said(page)
    expect(page.get_by_label("Full name")).to_have_value("Zoe Newcomer")


def test_the_board_stays(live_server: LiveServer, world: World, desktop_page: Page) -> None:
    page, one = desktop_page, book_tomorrow(live_server, world)
    tomorrow(live_server, world, page)
    entry = page.locator(".os-board .ev", has_text="Aroha Owner").locator("a")
    page.context.set_offline(True)
    entry.press("l")
    is_said(page)
    expect(entry).to_be_visible()
    page.context.set_offline(False)

    page.route("**/desk/mark", lambda route: route.abort())  # a network that only seems to be there
    entry.press("l")
    is_said(page)
    assert status(live_server, one) is Status.BOOKED
    page.unroute("**/desk/mark")
    entry.press("l")
    expect(page.locator("#desk-note")).to_contain_text("Aroha Owner is expected at 10:00 am.")
    expect(page.locator("[data-away]")).to_have_count(0)
