"""A passkey in a real browser, made and used by Chromium's virtual authenticator."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import DESKTOP, PATIENCE, LiveServer
from browser.steps import checked, sign_in
from entrypoints.world import World

PHONE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
"""An authenticator like that of a phone: it keeps passkeys, and recognises its owner."""


@pytest.fixture
def named(live_server: LiveServer) -> str:
    """The address of the server by a name, since no passkey is bound to a number."""
    url = live_server.url.replace("127.0.0.1", "localhost")
    live_server.app.extensions["openslot"].settings.public_url = url
    return url


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a browser with an authenticator."""
    context = browser.new_context(viewport=DESKTOP)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    authenticator = context.new_cdp_session(page)
    authenticator.send("WebAuthn.enable")
    authenticator.send("WebAuthn.addVirtualAuthenticator", {"options": PHONE})
    yield page
    context.close()


def test_a_passkey_is_added_signs_in_alone_and_proves(
    page: Page, named: str, world: World, live_server: LiveServer
) -> None:
    live_server.app.extensions["openslot"].settings.second_factor_roles = ("practitioner",)
    sign_in(page, named, world.emails["practitioner-owner"], home="/account/second-step")
    checked(page)
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill("My phone")
    checked(page)
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.locator(".os-codes li")).to_have_count(10)
    checked(page)
    page.get_by_role("link", name="I have kept them").click()
    expect(page).to_have_url(f"{named}/dashboard")
    page.goto(f"{named}/account/sessions")
    expect(page.get_by_role("heading", name="My phone")).to_be_visible()
    checked(page)

    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("Your device made no passkey")).to_be_visible()

    page.context.clear_cookies()
    page.goto(f"{named}/login")
    checked(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page).to_have_url(f"{named}/dashboard")

    page.goto(f"{named}/account/prove?next=/account/sessions")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(f"{named}/account/sessions")
