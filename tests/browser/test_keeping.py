"""Choosing another time, week, length or person keeps all the rest, with and without JavaScript."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import LiveServer
from browser.steps import checked, sign_in, turn_week
from entrypoints.world import World
from factories import SYDNEY
from openslot.booking.models import Appointment, Status
from timetable import Timetable, fill, occupy

REASON = "Cough at night"


@pytest.fixture
def table(live_server: LiveServer, world: World) -> Timetable:
    return fill(live_server.database, world)


def is_kept(page: Page, person: str) -> None:
    """The person and the reason stand in the form, and a time is kept."""
    expect(page.get_by_role("radio", name=person)).to_be_checked()
    expect(page.get_by_label("Reason for the appointment")).to_have_value(REASON)
    expect(page.locator("#booking")).to_contain_text("Held for you")


def booked_for(server: LiveServer, schedule: int) -> list[object]:
    return server.database.read(
        lambda session: [
            one.patient_id
            for one in session.query(Appointment)
            if one.schedule_id == schedule and one.status == Status.BOOKED
        ]
    )


@pytest.mark.parametrize("kind", ["desktop", "phone", "noscript"])
def test_person_and_reason_stay_whatever_else_is_chosen(
    request: pytest.FixtureRequest,
    live_server: LiveServer,
    world: World,
    table: Timetable,
    kind: str,
) -> None:
    page: Page = request.getfixturevalue(f"{kind}_page")
    sign_in(page, live_server.url, world.emails["patient-owner"])
    page.goto(f"{live_server.url}/book/{table.gp_here}")
    turn_week(page)
    page.locator(".os-days .os-slot:visible").first.click()
    expect(page.locator("#booking")).to_contain_text("Held for you")

    page.get_by_role("radio", name="Tama Owner").check()
    if kind == "noscript":
        page.get_by_role("button", name="Show the times for this person").click()
    expect(page.get_by_role("radio", name="Tama Owner")).to_be_checked()
    expect(page.locator("#booking")).to_contain_text("Held for you")
    page.get_by_label("Reason for the appointment").fill(REASON)

    page.locator(".os-days .os-slot:visible").nth(1).click()
    is_kept(page, "Tama Owner")
    turn_week(page)
    is_kept(page, "Tama Owner")
    page.get_by_label("Appointment length").select_option("60")
    page.get_by_role("button", name="Show times").click()
    is_kept(page, "Tama Owner")
    if kind != "noscript":
        checked(page)
    page.locator(".os-days .os-slot:visible").nth(2).click()
    is_kept(page, "Tama Owner")

    page.get_by_role("button", name="Confirm booking").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your appointment is booked")
    for words in ("Tama Owner", "Noor Aziz", "Banksia General Hospital", REASON):
        expect(page.locator("main")).to_contain_text(words)
    assert booked_for(live_server, table.gp_here) == [table.child]


@pytest.mark.parametrize("kind", ["desktop", "noscript"])
def test_a_time_that_is_gone_keeps_week_person_and_reason(
    request: pytest.FixtureRequest,
    live_server: LiveServer,
    world: World,
    table: Timetable,
    kind: str,
) -> None:
    page: Page = request.getfixturevalue(f"{kind}_page")
    sign_in(page, live_server.url, world.emails["patient-owner"])
    page.goto(
        f"{live_server.url}/book/{table.gp_here}?week={_sydney_day(14)}&patient={table.child}"
    )
    shown = page.locator("h2#week").text_content()
    page.get_by_label("Reason for the appointment").fill(REASON)
    occupy(live_server.database, table.gp_here, world.patients["teammate"], days=14, hour=10)
    day = page.locator(f"#d{_sydney_day(14)}")
    day.get_by_role("button", name="10:00 am").click()
    expect(page.get_by_role("alert")).to_contain_text("nearest free times")
    expect(page.locator("h2#week")).to_have_text(shown or "")
    expect(page.get_by_role("radio", name="Tama Owner")).to_be_checked()
    expect(page.get_by_label("Reason for the appointment")).to_have_value(REASON)
    page.get_by_role("alert").locator(".os-slot").first.click()
    is_kept(page, "Tama Owner")
    page.get_by_role("button", name="Confirm booking").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your appointment is booked")
    assert sorted(map(str, booked_for(live_server, table.gp_here))) == sorted(
        map(str, [table.child, world.patients["teammate"]])
    )


def test_a_time_of_a_result_is_kept_when_it_is_pressed(
    phone_page: Page, live_server: LiveServer, world: World, table: Timetable
) -> None:
    page = phone_page
    sign_in(page, live_server.url, world.emails["patient-owner"])
    for path in ("/search?q=gp", f"/practitioners/{table.gp}", f"/centres/{world.centres['own']}"):
        page.goto(live_server.url + path)
        checked(page)
        page.locator("main .os-slot:not(.more)").first.click()
        expect(page.locator("#booking")).to_contain_text("Held for you")
        expect(page.get_by_role("radio", name="Me, Aroha Owner")).to_be_checked()
        checked(page)


def _sydney_day(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).astimezone(SYDNEY).date().isoformat()
