"""Mail is chosen and stopped, a calendar subscribed to, and all of it read in the audit."""

import re
from datetime import timedelta
from urllib.request import urlopen

import icalendar
from playwright.sync_api import Page, expect

from browser.conftest import LiveServer
from browser.steps import checked, sign_in
from entrypoints.world import World
from openslot.core import clock
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.entrypoints.worker.main import seal_audit
from openslot.notifications.preferences import Kind, preferences, stop_token


def wanted(database: Database, world: World) -> set[Kind]:
    found = database.read(lambda session: preferences(session, world.accounts["patient-owner"]))
    return {kind for kind, on in found.items() if on}


def test_mail_is_chosen_and_stopped_and_the_calendar_read(
    live_server: LiveServer, phone_page: Page, world: World
) -> None:
    page, database = phone_page, live_server.database
    sign_in(page, live_server.url, world.emails["patient-owner"])
    page.goto(f"{live_server.url}/account")
    page.get_by_role("link", name="Notifications").click()
    checked(page)
    page.get_by_label("Times that come free").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Your notification settings are saved")
    assert wanted(database, world) == set(Kind) - {Kind.OFFERS}

    page.goto(f"{live_server.url}/profile/calendar")
    checked(page)
    page.get_by_role("button", name="Create an address").click()
    expect(page.locator(".os-copy")).to_be_visible()
    checked(page)
    address = page.locator(".os-copy").inner_text()
    with urlopen(address) as answer:
        (event,) = icalendar.Calendar.from_ical(answer.read()).walk("VEVENT")
    assert event["uid"] == str(world.appointments["owner"])
    page.get_by_role("button", name="Deactivate").click()
    expect(page.get_by_role("button", name="Create an address")).to_be_visible()


def test_a_link_in_a_mail_stops_it_without_signing_in_or_scripts(
    live_server: LiveServer, noscript_page: Page, world: World
) -> None:
    page = noscript_page
    settings: Settings = live_server.app.extensions["openslot"].settings
    token = stop_token(settings, world.accounts["patient-owner"], Kind.REMINDERS)
    page.goto(f"{live_server.url}/unsubscribe/{token}")
    page.get_by_role("button", name="Stop these emails").click()
    expect(page.get_by_text("We will no longer email you about this.")).to_be_visible()
    assert wanted(live_server.database, world) == set(Kind) - {Kind.REMINDERS}
    page.get_by_role("button", name="Email me again").click()
    expect(page.get_by_text("We will email you about this again.")).to_be_visible()
    assert wanted(live_server.database, world) == set(Kind)


def test_the_audit_is_searched_and_taken_along(
    live_server: LiveServer, desktop_page: Page, world: World
) -> None:
    page, database = desktop_page, live_server.database
    sign_in(page, live_server.url, world.emails["network-admin"])
    seal_audit(database, Settings(_env_file=None), lambda: clock.now() + timedelta(minutes=1))
    page.goto(f"{live_server.url}/admin/audit")
    checked(page)
    expect(page.get_by_text(re.compile("Last sealed"))).to_be_visible()
    page.get_by_label("Person: name or email").fill("nadia")
    page.get_by_label("What", exact=True).select_option(label="Accounts")
    page.get_by_role("button", name="Find").click()
    table = page.get_by_role("table", name="Audit")
    expect(table.get_by_role("row")).to_have_count(2)
    expect(table).to_contain_text("Signed in")
    checked(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    text = download.value.path().read_text()
    assert [line.split(",")[3] for line in text.splitlines()] == ["action", "account.signed-in"]
