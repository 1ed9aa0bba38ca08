"""Before a session ends the page says so, and when it has ended nothing about people is in view."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from sqlalchemy import update

from browser.conftest import LiveServer
from browser.steps import checked, sign_in
from entrypoints.world import PASSWORD, World
from openslot.identity.models import AccountSession
from openslot.records.models import Entry

TEXT = "Walks with a stick.\nSlept badly, but “better” than before & without pain."
NAME = "Aroha Owner"
IDLE = 30
"""Minutes without use until staff are signed out."""


def pass_by(live: LiveServer, page: Page, minutes: float, *, used: float = 0) -> None:
    """Let minutes go by in the browser and, as if nobody but another tab had used it ``used``
    minutes ago, on the server."""
    seen = datetime.now(UTC) - timedelta(minutes=used or minutes)
    live.database.run(lambda session: session.execute(update(AccountSession).values(seen_at=seen)))
    page.clock.fast_forward(int(minutes * 60_000))


def last_used(live: LiveServer) -> datetime:
    seen = live.database.read(lambda session: session.query(AccountSession.seen_at).scalar())
    assert isinstance(seen, datetime)
    return seen


@pytest.fixture
def note(live_server: LiveServer, world: World, desktop_page: Page) -> Page:
    """The page of a new note, with its text typed and not sent."""
    desktop_page.clock.install()
    sign_in(desktop_page, live_server.url, world.emails["practitioner-owner"])
    desktop_page.goto(f"{live_server.url}/patients/{world.patients['owner']}/notes/new")
    desktop_page.get_by_role("textbox").first.fill(TEXT)
    return desktop_page


def warning(page: Page) -> Locator:
    return page.get_by_role("alertdialog", name="Do you want to stay signed in?")


def test_one_press_keeps_the_session_and_what_was_typed(
    live_server: LiveServer, note: Page
) -> None:
    pass_by(live_server, note, IDLE - 4)
    expect(warning(note)).to_have_count(0)
    pass_by(live_server, note, 2, used=IDLE - 2)
    expect(warning(note)).to_be_visible()
    expect(note.get_by_role("button", name="Stay signed in")).to_be_focused()
    checked(note, contrast=True)

    before = last_used(live_server)
    note.get_by_role("button", name="Stay signed in").click()
    expect(warning(note)).to_have_count(0)
    expect(note.get_by_role("textbox").first).to_have_value(TEXT)
    assert last_used(live_server) > before + timedelta(minutes=IDLE - 3)


def test_a_slow_network_keeps_the_warning_until_the_answer_comes(
    live_server: LiveServer, note: Page
) -> None:
    waiting: list[Route] = []
    note.route("**/session", lambda route: waiting.append(route))
    pass_by(live_server, note, IDLE - 2)
    expect(warning(note)).to_be_visible()
    waiting.pop().abort()
    note.get_by_role("button", name="Stay signed in").click()
    expect(note.get_by_role("status").filter(has_text="One moment")).to_be_visible()
    waiting.pop().abort()
    failed = note.get_by_role("status").filter(has_text="could not reach the server")
    expect(failed).to_be_visible()

    pass_by(live_server, note, 1.8, used=IDLE - 0.2)
    note.get_by_role("button", name="Stay signed in").click()
    pass_by(live_server, note, 0.3, used=IDLE - 0.1)
    expect(note.get_by_role("heading", name="You are signed out")).to_be_visible()
    waiting.pop().continue_()  # it was asked for in time
    expect(note.get_by_role("textbox").first).to_have_value(TEXT)


def test_an_ended_session_leaves_nothing_in_view_and_the_text_comes_back(
    live_server: LiveServer, world: World, note: Page
) -> None:
    pass_by(live_server, note, IDLE + 1)
    expect(note.get_by_role("heading", name="You are signed out")).to_be_focused()
    assert NAME not in note.content()
    assert "Priya" not in note.content()
    checked(note, contrast=True)

    note.get_by_role("button", name="Sign in").click()
    note.get_by_label("Email").fill(world.emails["practitioner-owner"])
    note.get_by_label("Password", exact=True).fill(PASSWORD)
    note.locator("main").get_by_role("button", name="Sign in").click()
    expect(note.get_by_role("heading", name="Check and send again")).to_be_visible()
    expect(note.get_by_role("textbox").first).to_have_value(TEXT)
    note.get_by_role("button", name="Send again").click()
    expect(note.locator("main")).to_contain_text("Walks with a stick.")
    (saved,) = live_server.database.read(lambda session: [one.text for one in session.query(Entry)])
    assert saved.splitlines() == TEXT.splitlines()


def test_a_page_that_was_only_read_leads_back_to_itself(
    live_server: LiveServer, world: World, desktop_page: Page
) -> None:
    page, path = desktop_page, f"/patients/{world.patients['owner']}"
    page.clock.install()
    sign_in(page, live_server.url, world.emails["practitioner-owner"])
    page.goto(f"{live_server.url}{path}")
    pass_by(live_server, page, IDLE + 1)
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    assert NAME not in page.content()
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Email").fill(world.emails["practitioner-owner"])
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{live_server.url}{path}")


def test_a_tab_in_use_keeps_the_others_and_signing_out_hides_them(
    live_server: LiveServer, note: Page
) -> None:
    other = note.context.new_page()
    other.goto(f"{live_server.url}/dashboard")
    pass_by(live_server, note, IDLE - 2)
    expect(warning(note)).to_be_visible()
    other.bring_to_front()
    other.reload()
    expect(warning(note)).to_have_count(0)

    other.goto(f"{live_server.url}/logout")
    other.locator("main").get_by_role("button", name="Sign out").click()
    expect(note.get_by_role("heading", name="You are signed out")).to_be_visible()
    assert NAME not in note.content()


def test_a_session_at_its_very_end_cannot_be_kept(live_server: LiveServer, note: Page) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=2)
    live_server.database.run(
        lambda session: session.execute(update(AccountSession).values(ends_at=soon))
    )
    pass_by(live_server, note, IDLE - 2)
    note.get_by_role("button", name="Stay signed in").click()
    expect(warning(note)).to_contain_text("You cannot stay signed in for longer")
    note.get_by_role("button", name="Stay signed in").click()
    expect(note.get_by_role("textbox").first).to_have_value(TEXT)
