"""Whole journeys in a real Chromium: as a patient, as a practitioner, with and without
JavaScript, on a phone; every page on the way passes axe."""

import pytest
from playwright.sync_api import Page, expect

import factories
from browser.conftest import DESKTOP, PHONE, LiveServer
from browser.steps import Look, checked, sign_in, turn_week, unchecked
from entrypoints.world import World
from factories import SYDNEY
from openslot.booking import check
from openslot.booking.models import Appointment, Status
from openslot.core.db import Database
from openslot.directory.models import Centre
from openslot.entrypoints.worker.main import handle_next

NEW = {
    "name": "Aroha Ngata",
    "born": "31/3/1980",
    "email": "aroha@example.net",
    "password": "orchard lantern velvet seven",
}


def sign_up(page: Page, server: LiveServer) -> None:
    page.goto(f"{server.url}/sign-up")
    page.get_by_label("Name").fill(NEW["name"])
    page.get_by_label("Date of birth").fill(NEW["born"])
    page.get_by_label("Email").fill(NEW["email"])
    page.get_by_label("Password").fill(NEW["password"])
    page.locator("main").get_by_role("button", name="Sign up").click()
    page.get_by_label("Password", exact=True).fill(NEW["password"])
    page.locator("main").get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{server.url}/dashboard")


def appointments_of(database: Database, status: Status) -> list[Appointment]:
    return database.read(
        lambda session: [one for one in session.query(Appointment) if one.status == status]
    )


def journey(page: Page, server: LiveServer, look: Look) -> None:
    """Sign up, search, hold, book, move, cancel."""
    before = len(appointments_of(server.database, Status.BOOKED))
    page.goto(server.url)
    look(page)
    sign_up(page, server)
    look(page)

    page.goto(f"{server.url}/search?q=physio+randwick&kind=practitioner&sort=earliest")
    look(page)
    page.locator(".os-result .more").first.click()
    turn_week(page)
    look(page)
    page.locator(".os-days .os-slot:visible").nth(1).click()
    expect(page.locator("#booking")).to_contain_text("Held for you")
    look(page)
    page.get_by_label("Reason for the appointment").fill("Sore knee after running")
    page.get_by_role("button", name="Confirm booking").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your appointment is booked")
    look(page)
    assert len(appointments_of(server.database, Status.BOOKED)) == before + 1

    page.get_by_role("link", name="Move").click()
    look(page)
    turn_week(page)
    page.locator(".os-days .os-slot:visible").nth(3).click()
    look(page)
    page.get_by_role("button", name="Move the appointment").click()
    expect(page.get_by_text("Your appointment was moved")).to_be_visible()
    look(page)

    page.goto(f"{server.url}/dashboard")
    look(page)
    page.get_by_role("link", name="Open appointment").click()
    page.get_by_role("link", name="Cancel the appointment").click()
    page.get_by_role("button", name="Cancel the appointment").click()
    expect(page.get_by_text("The appointment is cancelled")).to_be_visible()
    assert len(appointments_of(server.database, Status.BOOKED)) == before
    assert check.faults(server.database) == []


def test_a_new_patient_books_moves_and_cancels(
    desktop_page: Page, live_server: LiveServer, world: World
) -> None:
    journey(desktop_page, live_server, checked)


def test_the_same_on_a_phone(phone_page: Page, live_server: LiveServer, world: World) -> None:
    journey(phone_page, live_server, checked)


def test_the_same_without_javascript(
    noscript_page: Page, live_server: LiveServer, world: World
) -> None:
    journey(noscript_page, live_server, unchecked)


def test_a_practitioners_day(desktop_page: Page, live_server: LiveServer, world: World) -> None:
    page = desktop_page
    sign_in(page, live_server.url, world.emails["practitioner-owner"])
    checked(page)
    page.get_by_role("link", name="Calendar", exact=True).click()
    checked(page)
    page.get_by_role("link", name="Next week").click()
    checked(page)
    page.goto(f"{live_server.url}/appointments/{world.appointments['owner']}")
    checked(page)
    page.goto(f"{live_server.url}/calendar/hours")
    checked(page)
    page.get_by_role("link", name="Change these hours").first.click()
    checked(page)
    page.get_by_text("Every second week, once a month").click()
    other = page.get_by_role("group", name="Other hours 1")
    other.get_by_label("Day", exact=True).fill("2027-03-02")
    other.get_by_label("Repeats").select_option("Every 2 weeks")
    page.get_by_role("button", name="Show the times").click()
    expect(other.get_by_text("Enter hours such as")).to_be_visible()
    checked(page)
    other.get_by_label("Day", exact=True).fill("")
    page.get_by_role("button", name="Show the times").click()
    expect(page.get_by_role("heading", name="Times in the next two weeks")).to_be_visible()
    checked(page)

    page.goto(f"{live_server.url}/calendar/absences")
    checked(page)
    appointment = live_server.database.read(
        lambda session: session.get_one(Appointment, world.appointments["owner"])
    )
    day = appointment.starts_at.astimezone(SYDNEY).date().isoformat()
    page.get_by_label("From, day").fill(day)
    page.get_by_label("To, day").fill(day)
    page.get_by_role("button", name="Block this time").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("in this time")
    checked(page)
    page.get_by_label("Cancel the appointment").check()
    page.get_by_role("button", name="Block the time").click()
    expect(page.get_by_text("can no longer be booked")).to_be_visible()
    checked(page)
    settings = live_server.app.extensions["openslot"].settings
    while handle_next(live_server.database, settings):
        pass
    assert len(appointments_of(live_server.database, Status.CANCELLED)) == 1
    assert check.faults(live_server.database) == []


LONGEST = "/api/docs"
"""A page of some hundred operations, all alike: measuring each would take as long as all pages."""


@pytest.mark.parametrize(
    ("who", "paths"),
    [
        (
            None,
            [
                "/",
                "/search",
                "/search?q=zzzzz",
                "/login",
                "/sign-up",
                "/forgot",
                "/nowhere",
                "/centres/1",
                "/departments/1",
                "/practitioners/1",
                "/book/1",
                "/sign-up/staff",
                "/api/docs",
            ],
        ),
        (
            "patient-owner",
            [
                "/dashboard",
                "/dashboard/past",
                "/account",
                "/account/details",
                "/account/password",
                "/account/email",
                "/account/sessions",
                "/account/delete",
                "/history",
                "/history/reads",
                "/waiting",
                "/waiting/new?practitioner=1",
                "/offers",
                "/referrals",
                "/profile/dependents",
                "/profile/favourites",
                "/profile/notifications",
                "/profile/calendar",
            ],
        ),
        (
            "practitioner-owner",
            [
                "/dashboard",
                "/calendar",
                "/calendar/absences",
                "/referrals",
                "/patients",
                "/waiting",
                "/reports",
            ],
        ),
        (
            "staff-owner",
            [
                "/dashboard",
                "/patients",
                "/patients/new",
                "/admin/department",
                "/account",
                "/requests",
                "/departments",
                "/waiting",
            ],
        ),
        (
            "centre-admin-owner",
            [
                "/dashboard",
                "/admin/centres",
                "/admin/practitioners",
                "/admin/accounts",
                "/admin/audit",
                "/requests",
                "/reports",
            ],
        ),
        (
            "network-admin",
            [
                "/dashboard",
                "/admin/centres",
                "/admin/centres/new",
                "/admin/centres/1",
                "/admin/practitioners",
                "/admin/practitioners/1",
                "/admin/accounts",
                "/admin/outbox",
                "/admin/import",
                "/admin/audit",
                "/admin/keys",
                "/admin/webhooks",
                "/reports",
            ],
        ),
    ],
)
def test_every_page_is_accessible(
    desktop_page: Page, live_server: LiveServer, world: World, who: str | None, paths: list[str]
) -> None:
    """On a wide window, and when it becomes as narrow as a phone."""
    page = desktop_page
    if who:
        sign_in(page, live_server.url, world.emails[who])
    for path in paths:
        response = page.goto(live_server.url + path)
        assert response is not None
        assert response.status == (404 if path == "/nowhere" else 200), path
        checked(page, contrast=path != LONGEST)
        if path != LONGEST:
            page.set_viewport_size(PHONE)
            checked(page)
        page.set_viewport_size(DESKTOP)


def test_dark_pages_are_accessible(
    desktop_page: Page, live_server: LiveServer, world: World
) -> None:
    desktop_page.emulate_media(color_scheme="dark")
    for path in ("/", "/search?q=physio", "/book/1", "/practitioners/1", "/sign-up"):
        desktop_page.goto(live_server.url + path)
        checked(desktop_page, contrast=True)


def test_booking_by_keyboard_alone(
    desktop_page: Page, live_server: LiveServer, world: World
) -> None:
    page = desktop_page
    sign_in(page, live_server.url, world.emails["patient-owner"])
    page.goto(f"{live_server.url}/book/{world.schedules['teammate']}")
    turn_week(page)
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('os-slot')"):
            break
    page.keyboard.press("Enter")
    expect(page.locator("#booking")).to_contain_text("Held for you")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == "Confirm booking":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your appointment is booked")


def test_two_patients_press_the_same_time(
    browser: object, desktop_page: Page, phone_page: Page, live_server: LiveServer, world: World
) -> None:
    """The second is told kindly, keeps what was typed, and books one of the nearest times."""
    book = f"{live_server.url}/book/{world.schedules['stranger']}"
    sign_in(desktop_page, live_server.url, world.emails["patient-owner"])
    sign_in(phone_page, live_server.url, world.emails["patient-teammate"])
    for page in (desktop_page, phone_page):
        page.goto(book)
        turn_week(page)
    desktop_page.locator(".os-days .os-slot:visible").first.click()
    phone_page.locator(".os-days .os-slot:visible").first.click()
    expect(phone_page.get_by_role("alert")).to_contain_text("nearest free times")
    phone_page.get_by_role("alert").locator(".os-slot").first.click()
    phone_page.get_by_role("button", name="Confirm booking").click()
    expect(phone_page.get_by_role("heading", level=1)).to_have_text("Your appointment is booked")
    desktop_page.get_by_role("button", name="Confirm booking").click()
    expect(desktop_page.get_by_role("heading", level=1)).to_have_text("Your appointment is booked")
    assert check.faults(live_server.database) == []


def test_a_phone_finds_what_is_near(
    phone_page: Page, live_server: LiveServer, world: World
) -> None:
    """The browser says where it is, to a kilometre; without leave it asks for a suburb."""
    for which, latitude in (("own", -33.92), ("other", -34.98)):
        spot = {"latitude": latitude, "longitude": 151.24}
        factories.change(live_server.database, Centre, world.centres[which], **spot)
    page = phone_page
    page.goto(live_server.url)
    page.get_by_role("button", name="Near me").click()
    expect(page.get_by_label("Suburb or postcode")).to_be_focused()
    page.context.grant_permissions(["geolocation"])
    page.context.set_geolocation({"latitude": -33.9123456, "longitude": 151.2398765})
    page.get_by_role("button", name="Near me").click()
    expect(page.locator("main")).to_contain_text("of you.")
    assert "near=-33.91%2C151.24" in page.url
    expect(page.locator(".os-result").first).to_contain_text("1.1\xa0km away")
    checked(page)


def test_a_phone_shows_one_day_of_the_week(
    phone_page: Page, live_server: LiveServer, world: World
) -> None:
    page = phone_page
    page.goto(f"{live_server.url}/book/{world.schedules['owner']}")
    days, strip = page.locator(".os-day:visible"), page.locator(".os-strip a")
    expect(days).to_have_count(1)
    expect(strip).to_have_count(7)
    strip.nth(4).click()
    expect(days).to_have_count(1)
    expect(days).to_have_id(str(strip.nth(4).get_attribute("href")).removeprefix("#"))
    expect(page.locator(".os-strip [aria-current]")).to_have_count(1)
    expect(strip.nth(4)).to_have_attribute("aria-current", "date")
    checked(page)
