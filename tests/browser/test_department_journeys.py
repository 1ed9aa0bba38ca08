"""Two departments in a real Chromium: one asks, the other proposes, both agree, it is done and
rated. Every page on the way passes axe, also on a phone and without JavaScript."""

from datetime import UTC, datetime

from playwright.sync_api import Page, expect

from browser.conftest import LiveServer
from browser.steps import Look, checked, press_start, sign_in, unchecked
from entrypoints.world import World
from openslot.booking import check
from openslot.department_requests.models import ServiceRequest


def journey(page: Page, server: LiveServer, world: World, look: Look) -> None:
    """Surgery asks urgently, Radiology proposes, Surgery takes it, it is completed and rated.

    No first free start is pressed: it may begin while the page is read.
    """
    surgery, radiology = world.emails["staff-teammate"], world.emails["staff-owner"]
    sign_in(page, server.url, surgery)
    page.goto(f"{server.url}/departments")
    look(page)
    page.get_by_role("link", name="Request for Radiology appointment").click()
    page.get_by_label("What needs doing?").fill("CT head")
    press_start(page, 1)
    expect(page.get_by_label("What needs doing?")).to_have_value("CT head")
    page.get_by_text("Urgent").click()
    look(page)
    page.get_by_label("What needs doing?").press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Your request is sent to Radiology")
    look(page)
    address = page.url

    sign_in(page, server.url, radiology)
    page.goto(f"{server.url}/requests")
    look(page)
    page.get_by_role("link", name="Suggest or decline").click()
    page.get_by_role("link", name="Propose another time").click()
    press_start(page, 2)
    page.get_by_label("Message").fill("The scanner is serviced")
    look(page)
    page.get_by_role("button", name="Propose this time").click()
    expect(page.get_by_role("status").first).to_contain_text("Your proposal is sent")
    look(page)

    sign_in(page, server.url, surgery)
    page.goto(f"{server.url}/requests?tab=outgoing")
    page.locator(".os-table").get_by_role("link", name="Radiology appointment", exact=True).click()
    look(page)
    page.get_by_role("button", name="Take this time").click()
    expect(page.locator(".is-accepted")).to_be_visible()
    look(page)

    sign_in(page, server.url, radiology)
    page.goto(address)
    page.get_by_role("button", name="Mark as completed").click()
    expect(page.locator(".is-done")).to_be_visible()

    sign_in(page, server.url, surgery)
    page.goto(address)
    look(page)
    page.get_by_role("radio", name="4 stars").check(force=True)
    page.get_by_role("button", name="Save the rating").click()
    expect(page.get_by_role("status").first).to_contain_text("is saved")
    page.goto(f"{server.url}/departments/{world.departments['owner']}")
    expect(page.locator(".os-rating")).to_contain_text("4.0")
    page.get_by_role("button", name="Add to favourites").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    look(page)
    page.goto(f"{server.url}/profile/favourites")
    expect(page.get_by_role("link", name="Radiology")).to_be_visible()
    look(page)


def ended_well(server: LiveServer) -> None:
    rows = server.database.read(lambda session: list(session.query(ServiceRequest)))
    assert [(one.task, one.priority, one.stars) for one in rows] == [("CT head", "urgent", 4)]
    assert rows[0].starts_at > datetime.now(UTC)
    assert check.faults(server.database) == []


def test_departments_ask_and_answer_on_a_desktop(
    desktop_page: Page, live_server: LiveServer, world: World
) -> None:
    journey(desktop_page, live_server, world, checked)
    ended_well(live_server)


def test_departments_ask_and_answer_on_a_phone(
    phone_page: Page, live_server: LiveServer, world: World
) -> None:
    journey(phone_page, live_server, world, checked)
    ended_well(live_server)


def test_departments_ask_and_answer_without_javascript(
    noscript_page: Page, live_server: LiveServer, world: World
) -> None:
    journey(noscript_page, live_server, world, unchecked)
    ended_well(live_server)


def test_stars_are_chosen_with_the_keyboard(
    desktop_page: Page, live_server: LiveServer, world: World
) -> None:
    page = desktop_page
    sign_in(page, live_server.url, world.emails["patient-owner"])
    page.goto(f"{live_server.url}/practitioners/{world.practitioners['owner']}")
    page.get_by_role("radio", name="1 star", exact=True).focus()
    for _step in range(3):
        page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="4 stars")).to_be_checked()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#ratings .os-rating")).to_contain_text("4.0")
    checked(page)


def test_registering_as_staff_passes_axe(
    desktop_page: Page, live_server: LiveServer, world: World
) -> None:
    page = desktop_page
    page.goto(f"{live_server.url}/sign-up/staff")
    checked(page)
    page.get_by_label("Full name").fill("Ned New")
    page.get_by_label("Work email").fill("ned@example.net")
    page.get_by_label("Where do you work?").select_option(label="Radiology")
    page.get_by_label("Password").fill("orchard lantern velvet seven")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are registered")
    sign_in(page, live_server.url, world.emails["centre-admin-owner"])
    page.goto(f"{live_server.url}/admin/accounts")
    checked(page)
    page.get_by_role("button", name="Approve Ned New").click()
    expect(page.get_by_role("status").first).to_contain_text("Ned New can sign in now")
