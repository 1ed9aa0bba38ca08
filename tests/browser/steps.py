"""What every journey does: sign in, and look whether a page is good for everybody."""

from collections.abc import Callable

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from entrypoints.world import PASSWORD

Look = Callable[[Page], None]
"""What a journey does with each page on its way."""

WIDTHS = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"


class Presses:
    """Presses that are counted; what is typed between them is not."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, button: Locator) -> None:
        self.count += 1
        button.click()


def sign_in(
    page: Page, server_url: str, email: str, password: str = PASSWORD, *, home: str = "/dashboard"
) -> None:
    """As nobody or somebody else before; one arrives at ``home``."""
    page.context.clear_cookies()
    page.goto(f"{server_url}/login")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.locator("main").get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_url(f"{server_url}{home}")


def turn_week(page: Page) -> None:
    """Show the free starts of next week: the first of this one may begin while one reads."""
    link, button = (page.get_by_role(role, name="Next week") for role in ("link", "button"))
    link.or_(button).click()


def press_start(page: Page, number: int) -> None:
    """Press a free start of the week, on a phone its day first: late at night today has few."""
    start = page.locator(".os-days .os-slot").nth(number)
    day = start.locator("xpath=ancestor::section[@id]").get_attribute("id")
    narrow = page.locator(f".os-strip [href='#{day}']")
    if narrow.is_visible():
        narrow.click()
    start.click()


def checked(page: Page, *, contrast: bool = False) -> None:
    """The page, once it is all there, passes axe and does not scroll sideways.

    A click returns when the next page begins to arrive; axe needs the whole of it. It takes most
    of its time for the contrast of colours, which are few: pages are measured once, not in each
    state.
    """
    page.wait_for_load_state()
    found = Axe().run(page, options={"rules": {"color-contrast": {"enabled": contrast}}})
    assert found.violations_count == 0, f"{page.url}\n{found.generate_report()}"
    scroll, client = page.evaluate(WIDTHS)
    assert scroll <= client, f"{page.url} scrolls sideways"


def unchecked(_page: Page) -> None:
    """Where no script runs, axe does not either."""
