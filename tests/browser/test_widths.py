"""No page scrolls sideways, however narrow the window and however long a name; and what only a
browser shows of a form: a choice that is not chosen, and a kept time that runs out."""

from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

import factories
from browser.conftest import PHONE, LiveServer
from browser.steps import WIDTHS, sign_in, turn_week
from entrypoints.world import World
from factories import SYDNEY
from openslot.booking.models import Appointment
from openslot.core.db import Database
from openslot.directory.models import Department, Patient, Practitioner, Service
from openslot.identity.models import Account

LONG = "Llanfairpwllgwyngyll" * 7
ADDRESS = f"{'conor.mac.carthaigh' * 3}@example.org"
DEPARTMENT, SERVICE = "Injury/Orthopaedics/Emergency", "Musculoskeletal/Sports consultation"
FOUND = "/patients?q=llan"
"""Stands for the results of a search, which is sent by POST."""
WINDOWS = (320, 390, 1024, 1280)

PAGES = {
    "patient-owner": [
        "/dashboard",
        "/account",
        "/history",
        "/search?q=wattle",
        "/appointments/{appointment}",
        "/book/{schedule}",
        "/profile/dependents",
    ],
    "practitioner-owner": [
        "/dashboard",
        "/calendar",
        FOUND,
        "/patients/{patient}",
        "/patients/{patient}/edit",
        "/appointments/{appointment}",
    ],
    "staff-owner": [
        "/dashboard",
        "/requests",
        "/requests?tab=outgoing",
        "/requests?tab=closed",
        FOUND,
        "/patients/{patient}",
        "/waiting",
    ],
    "network-admin": [
        "/dashboard",
        "/requests",
        "/admin/accounts",
        "/admin/practitioners",
        "/admin/audit",
        "/appointments/{appointment}",
    ],
}


def lengthen(database: Database, world: World) -> None:
    """Give everybody and everything of ``owner`` a name that nothing breaks."""

    def work(session: Session) -> None:
        patient = session.get_one(Patient, world.patients["owner"])
        practitioner = session.get_one(Practitioner, world.practitioners["owner"])
        patient.name = practitioner.name = LONG
        patient.email = practitioner.email = ADDRESS
        for kind, key in ((Department, world.departments), (Service, world.services)):
            session.get_one(kind, key["owner"]).name = LONG[:100]
        for account in session.query(Account).filter(Account.name == "Aroha Owner"):
            account.name = LONG

    database.run(work)


@pytest.mark.parametrize("person", PAGES)
def test_no_page_scrolls_sideways(
    desktop_page: Page, live_server: LiveServer, world: World, person: str
) -> None:
    lengthen(live_server.database, world)
    page = desktop_page
    sign_in(page, live_server.url, world.emails[person])
    names = {
        "appointment": world.appointments["owner"],
        "patient": world.patients["owner"],
        "schedule": world.schedules["owner"],
    }
    wide = []
    for path in PAGES[person]:
        if path == FOUND:
            page.goto(live_server.url + "/patients")
            page.locator("#q").fill("llan")
            with page.expect_navigation() as found:
                page.locator("#q").press("Enter")
            answer = found.value
        else:
            answer = page.goto(live_server.url + path.format(**names))
        assert answer
        assert answer.ok, path
        for width in WINDOWS:
            page.set_viewport_size({"width": width, "height": 800})
            scroll, client = page.evaluate(WIDTHS)
            if scroll > client:
                wide.append((path, width, scroll))
    page.set_viewport_size({"width": WINDOWS[0], "height": 800})
    for language in ("es", "ga"):  # whose words are long
        page.set_extra_http_headers({"Accept-Language": language})
        page.goto(f"{live_server.url}/dashboard")
        scroll, client = page.evaluate(WIDTHS)
        if scroll > client:
            wide.append((language, client, scroll))
    assert not wide


def name_at_length(database: Database, world: World) -> None:
    """Names as long as those of real hospitals."""
    factories.change(database, Department, world.departments["teammate"], name=DEPARTMENT)
    factories.change(database, Department, world.departments["owner"], name=f"{DEPARTMENT} East")
    factories.change(database, Service, world.services["teammate"], name=SERVICE)


def test_the_table_of_requests_fits_every_window(
    desktop_page: Page, live_server: LiveServer, world: World
) -> None:
    page = desktop_page
    name_at_length(live_server.database, world)
    sign_in(page, live_server.url, world.emails["staff-owner"])
    page.goto(f"{live_server.url}/departments")
    page.get_by_role("link", name=f"Request for {SERVICE}").click()
    page.get_by_label("What needs doing?").fill("Physiotherapy after an operation of the hip")
    turn_week(page)
    page.locator(".os-days .os-slot:visible").nth(1).click()
    page.get_by_label("What needs doing?").press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Your request is sent")
    sign_in(page, live_server.url, world.emails["network-admin"])
    page.goto(f"{live_server.url}/requests")
    expect(page.locator(".os-table tbody tr")).to_have_count(1)
    for width in (1024, 1100, 1240, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        table = page.locator(".os-table").bounding_box()
        main = page.locator("main").bounding_box()
        assert table
        assert main
        assert table["x"] + table["width"] <= main["x"] + main["width"], width


def test_another_time_looks_chosen_only_where_it_is(
    desktop_page: Page, live_server: LiveServer, world: World
) -> None:
    page = desktop_page
    sign_in(page, live_server.url, world.emails["practitioner-owner"])
    day = appointment_day(live_server.database, world)
    page.goto(f"{live_server.url}/calendar/absences")
    page.get_by_label("From, day").fill(day)
    page.get_by_label("To, day").fill(day)
    page.get_by_role("button", name="Block this time").click()
    page.get_by_role("radio", name="Keep the appointment").check()
    other = page.locator(".os-choice", has_text="Offer another time")
    plain = page.locator(".os-choice", has_text="Cancel the appointment")
    colour = "choice => getComputedStyle(choice).backgroundColor"
    assert other.evaluate(colour) == plain.evaluate(colour)
    page.get_by_role("radio", name="Offer another time").check()
    assert other.evaluate(colour) != plain.evaluate(colour)


def appointment_day(database: Database, world: World) -> str:
    def read(session: Session) -> datetime:
        return session.get_one(Appointment, world.appointments["owner"]).starts_at

    return database.read(read).astimezone(SYDNEY).date().isoformat()


def test_a_kept_time_that_runs_out_says_so(
    phone_page: Page, live_server: LiveServer, world: World
) -> None:
    page = phone_page
    page.clock.install()
    sign_in(page, live_server.url, world.emails["patient-owner"])
    page.goto(f"{live_server.url}/book/{world.schedules['teammate']}")
    turn_week(page)
    page.locator(".os-days .os-slot:visible").first.click()
    expect(page.locator(".os-hold")).to_contain_text("Held for you until")
    page.get_by_label("Reason for the appointment").fill("Sore knee")
    page.clock.fast_forward(timedelta(minutes=9).total_seconds() * 1000)
    more = page.get_by_role("button", name="Hold it for 10 more minutes")
    expect(more).to_be_visible()
    page.clock.fast_forward(timedelta(minutes=2).total_seconds() * 1000)
    expect(page.locator(".os-hold")).to_contain_text("We are no longer holding this time for you.")
    expect(page.get_by_text("Held for you until")).to_be_hidden()
    expect(page.get_by_text("Held until")).to_be_hidden()
    expect(page.locator(".os-bar")).to_contain_text("No longer held")
    expect(more).to_be_hidden()
    expect(page.get_by_label("Reason for the appointment")).to_have_value("Sore knee")
    page.get_by_role("button", name="Confirm booking").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your appointment is booked")


def test_the_head_of_a_calendar_is_one_line_for_the_longest_days(
    live_server: LiveServer, world: World, desktop_page: Page
) -> None:
    sign_in(desktop_page, live_server.url, world.emails["practitioner-owner"])
    for shown in ("view=week&day=2026-12-28", "view=day&day=2026-11-25", "view=day&day=2026-09-30"):
        desktop_page.goto(f"{live_server.url}/calendar?{shown}")
        heading = desktop_page.locator("h1").bounding_box()
        last = desktop_page.locator("summary", has_text="Emergency").bounding_box()
        assert heading
        assert last
        assert last["y"] < heading["y"] + heading["height"] <= last["y"] + last["height"]


def test_the_mark_of_a_chosen_time_covers_none_of_its_words(
    live_server: LiveServer, world: World, desktop_page: Page
) -> None:
    sign_in(desktop_page, live_server.url, world.emails["patient-owner"])
    desktop_page.goto(f"{live_server.url}/book/{world.schedules['teammate']}")
    turn_week(desktop_page)
    desktop_page.locator(".os-days .os-slot:visible", has_text="12:30").first.click()
    expect(desktop_page.locator("#booking")).to_contain_text("Held for you")
    words, mark = desktop_page.locator(".os-slot[aria-current]").evaluate(
        """slot => {
            const range = document.createRange();
            range.selectNodeContents([...slot.childNodes].find((one) => one.nodeType === 3));
            return [range, slot.querySelector("svg")].map((part) => {
                const { left, right, top, bottom } = part.getBoundingClientRect();
                return { left, right, top, bottom };
            });
        }"""
    )
    is_beside = mark["left"] >= words["right"] or mark["bottom"] <= words["top"]
    assert is_beside, (words, mark)


def test_a_figure_at_the_beginning_of_a_line_has_no_rule(
    phone_page: Page, live_server: LiveServer, world: World
) -> None:
    page = phone_page
    sign_in(page, live_server.url, world.emails["network-admin"])
    figures = page.locator(".os-stats div").evaluate_all(
        "all => all.map(one => [one.offsetLeft, getComputedStyle(one).borderInlineStartWidth])"
    )
    edge = min(left for left, _rule in figures)
    first = [rule for left, rule in figures if left == edge]
    assert len(first) > 1
    assert set(first) == {"0px"}


@pytest.mark.parametrize(("width", "entry"), [(1280, "Waiting list"), (1100, "More")])
def test_one_entry_of_the_menu_is_marked(
    desktop_page: Page, live_server: LiveServer, world: World, width: int, entry: str
) -> None:
    page = desktop_page
    sign_in(page, live_server.url, world.emails["patient-owner"])
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{live_server.url}/waiting")
    marked = page.locator(".os-nav a, .os-nav summary").evaluate_all(
        "all => all.filter(one => one.checkVisibility() && getComputedStyle(one).fontWeight > 600)"
        ".map(one => one.innerText.trim())"
    )
    assert marked == [entry]


def test_every_choice_is_seen_in_a_wide_window(
    desktop_page: Page, live_server: LiveServer, world: World
) -> None:
    page = desktop_page
    sign_in(page, live_server.url, world.emails["patient-owner"])
    page.goto(f"{live_server.url}/history")
    cut = "all => all.map(one => one.scrollWidth > one.clientWidth)"
    assert not any(page.locator(".os-tabs").evaluate_all(cut))


def test_the_head_of_a_page_holds_letters_of_twice_the_size(
    phone_page: Page, live_server: LiveServer, world: World
) -> None:
    page = phone_page
    sign_in(page, live_server.url, world.emails["patient-owner"])
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    box = page.locator(".os-out").bounding_box()
    assert box
    assert box["x"] + box["width"] <= PHONE["width"]
