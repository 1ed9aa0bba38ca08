"""The front desk in a real Chromium: a telephone call in four presses, keys, dragging, paper."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from playwright.sync_api import Locator, Page, Route, expect

import factories
from browser.conftest import LiveServer
from browser.steps import Presses, checked, sign_in
from browser.test_paper import sheets
from entrypoints.world import SYDNEY, World, password_hash
from openslot.booking.models import Appointment, Status
from openslot.entrypoints.web import desk_links
from openslot.entrypoints.web.desk import EVERY

FILL_LABELS = """count => {
  const labels = document.querySelector(".os-labels");
  while (labels.children.length < count) labels.append(labels.firstElementChild.cloneNode(true));
}"""
ROWS = """() => {
  const row = document.querySelector(".os-daylist tbody tr");
  const rows = new Set([...row.cells].map(cell => Math.round(cell.getBoundingClientRect().top)));
  const born = document.createRange();
  born.selectNodeContents(row.querySelector(".sub"));
  return [rows.size, new Set([...born.getClientRects()].map(line => line.top)).size];
}"""
MOST_PRESSES = 4
"""From the ringing of the telephone to the booking of somebody who is not registered yet."""


def tomorrow(live: LiveServer, world: World, page: Page) -> None:
    """A receptionist of the own centre looks at the board of tomorrow."""
    centre_id = world.centres["own"]
    live.database.run(
        lambda session: factories.staff(
            session, centre_id, email="desk@example.org", password_hash=password_hash()
        )
    )
    sign_in(page, live.url, "desk@example.org", home="/desk")
    day = (datetime.now(UTC).astimezone(SYDNEY) + timedelta(days=1)).date()
    page.goto(f"{live.url}/desk?day={day.isoformat()}")


def book_tomorrow(live: LiveServer, world: World) -> UUID:
    """An appointment at ten, on that board."""
    now = datetime.now(UTC)
    start = (now.astimezone(SYDNEY) + timedelta(days=1)).replace(
        hour=10, minute=0, second=0, microsecond=0
    )
    schedule, patient = world.schedules["owner"], world.patients["owner"]
    return live.database.run(
        lambda session: factories.appointment(session, schedule, start, patient, now=now).id
    )


def free_time(page: Page, number: int = 0) -> Locator:
    column = page.locator(".os-board .col", has=page.get_by_role("link", name="Priya Owner"))
    return column.locator(".gap a").nth(20 + number)


@pytest.mark.parametrize("device", ["desktop_page", "phone_page"])
def test_a_telephone_call_takes_four_presses(
    live_server: LiveServer, world: World, device: str, request: pytest.FixtureRequest
) -> None:
    page: Page = request.getfixturevalue(device)
    tomorrow(live_server, world, page)
    checked(page, contrast=True)
    press = Presses()
    press(free_time(page))
    dialog = page.locator("dialog.os-dialog[open]")
    expect(dialog.get_by_label("Who is it for?")).to_be_focused()
    page.keyboard.type("Zoe Newman")
    press(dialog.get_by_role("button", name="Register somebody new"))
    expect(dialog.get_by_label("Name")).to_have_value("Zoe Newman")
    dialog.get_by_label("Date of birth").fill("1 2 1990")
    dialog.get_by_label("Phone number").fill("0400 777 666")
    checked(page)
    press(dialog.get_by_role("button", name="Register and book"))
    expect(page.get_by_text("Zoe Newman is booked")).to_be_visible()
    expect(dialog).to_have_count(0)
    assert press.count < MOST_PRESSES

    again = Presses()
    again(free_time(page, 3))
    expect(dialog.get_by_label("Who is it for?")).to_be_focused()
    page.keyboard.type("zoe")
    again(dialog.get_by_role("button", name="Zoe Newman"))
    expect(dialog.get_by_role("button", name="Book")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("There is already an appointment with")).to_be_visible()
    checked(page)
    dialog.get_by_label("A second appointment on this day").check()
    dialog.get_by_role("button", name="Book").click()
    expect(dialog).to_have_count(0)
    expect(page.locator(".os-board .ev", has_text="Zoe Newman")).to_have_count(2)


def test_keys_and_dragging_do_what_the_buttons_do(
    live_server: LiveServer, world: World, desktop_page: Page
) -> None:
    page = desktop_page
    one = book_tomorrow(live_server, world)

    def status() -> Status:
        return live_server.database.read(lambda session: session.get_one(Appointment, one).status)

    tomorrow(live_server, world, page)
    entry = page.locator(".os-board .ev", has_text="Aroha Owner").locator("a")
    entry.hover()
    expect(entry).to_have_attribute("title", re.compile("^Aroha Owner 10:00.am"))
    entry.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".gap a:focus")).to_have_count(1)
    page.keyboard.press("ArrowUp")
    expect(entry).to_be_focused()
    page.evaluate("window.kept = document.querySelector('.os-board .gap')")
    page.keyboard.press("n")
    expect(page.get_by_text("This can be noted once the time")).to_be_visible()
    assert page.evaluate("kept.isConnected"), "what a press does not change stays as it is"
    page.keyboard.press("m")
    for key in ("Shift", "ArrowDown", "ArrowUp", "ArrowUp"):  # past the entry, never to it
        page.keyboard.press(key)
        expect(page.locator(".target a:focus")).to_have_text(re.compile("^(9|10|11):"))
    page.keyboard.press("Escape")
    expect(entry).to_be_focused()
    gap = free_time(page)
    gap.scroll_into_view_if_needed()
    clock = gap.inner_text()
    entry.drag_to(gap)
    page.wait_for_url("**/move?**")
    checked(page)
    page.get_by_role("button", name="Move").last.click()
    expect(page.get_by_text(clock).first).to_be_visible()
    assert status() is Status.BOOKED


def test_an_answer_from_before_a_press_does_not_bring_back_the_board_of_then(
    live_server: LiveServer, world: World, desktop_page: Page
) -> None:
    page, polls = desktop_page, list[Route]()
    book_tomorrow(live_server, world)
    page.clock.install()
    tomorrow(live_server, world, page)
    page.route("**/desk/now**", lambda route: polls.append(route))
    old = '<div id="desk-figures">As it was</div><div id="desk-now"></div>'

    figures = page.locator("#desk-figures")

    def answer_after(press: Callable[[], None]) -> None:
        page.clock.run_for(EVERY * 1000)
        while not polls:
            page.wait_for_timeout(20)
        press()
        with page.expect_response("**/desk/now**"):
            polls.pop().fulfill(body=old, content_type="text/html")
        page.wait_for_timeout(100)

    def press() -> None:
        page.locator(".os-board .ev a").focus()
        page.keyboard.press("n")
        expect(page.get_by_text("This can be noted once the time")).to_be_visible()

    answer_after(press)
    expect(figures).not_to_have_text("As it was")
    answer_after(lambda: None)
    expect(figures).to_have_text("As it was")


def test_the_day_list_on_paper_has_all_columns(
    live_server: LiveServer, world: World, desktop_page: Page
) -> None:
    book_tomorrow(live_server, world)
    tomorrow(live_server, world, desktop_page)
    desktop_page.goto(desktop_page.url.replace("/desk?", "/desk/list?paper=calls&"))
    expect(desktop_page.get_by_role("button", name="Print")).to_be_visible()
    [sheet] = sheets(desktop_page)
    for words in ("Call list", "10:00", "Aroha Owner", "31 March 1980", "0400 123 456", "Reached"):
        assert words in sheet
    desktop_page.emulate_media(media="print")
    desktop_page.set_viewport_size({"width": 480, "height": 900})  # less than a sheet
    assert desktop_page.evaluate(ROWS) == [1, 1], "cells side by side, dates of birth on one line"
    desktop_page.emulate_media(media="null")
    desktop_page.goto(desktop_page.url.replace("paper=calls", "paper=labels"))
    [labels] = sheets(desktop_page)
    assert ("Aroha Owner" in labels, "Printed on" in labels) == (True, False)
    assert "Page 1" not in labels, "it would push the labels down"
    for count, needed in ((24, 1), (25, 2)):
        desktop_page.evaluate(FILL_LABELS, count)
        assert len(sheets(desktop_page)) == needed, "a sheet has 8 rows of 3"


def test_the_kiosk_keeps_nothing_of_who_has_left(
    live_server: LiveServer, world: World, phone_page: Page
) -> None:
    page = phone_page
    with live_server.app.test_request_context():
        token = desk_links.check_in(world.centres["own"])
    page.clock.install()
    page.goto(f"{live_server.url}/check-in/{token}")
    initial, born = (
        page.get_by_label("First letter of your name"),
        page.get_by_label("Date of birth"),
    )

    def is_cleared_after(seconds: int) -> None:
        page.clock.run_for((seconds - 10) * 1000)
        expect(initial.or_(page.get_by_text("Take a seat"))).to_be_visible()
        assert page.url == asked, "whoever is slow may go on"
        with page.expect_navigation():
            page.clock.run_for(10_000)
        expect(initial).to_have_value("")
        expect(born).to_have_value("")

    asked = page.url
    initial.fill("A")
    born.fill("31 3 1980")
    is_cleared_after(120)
    initial.fill("A")
    page.get_by_role("button", name="I’m here").click()
    expect(page.get_by_text("There is a problem")).to_be_visible()
    is_cleared_after(120)
    initial.fill("A")
    born.fill("31 3 1980")
    page.get_by_role("button", name="I’m here").click()
    expect(page.get_by_text("Take a seat")).to_be_visible()
    is_cleared_after(15)
