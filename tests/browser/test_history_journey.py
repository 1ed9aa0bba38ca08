"""A history from both sides in a real Chromium; every page on the way passes axe."""

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import LiveServer
from browser.steps import checked, sign_in
from entrypoints.world import World

NOTE = "Left knee, pain on stairs for three weeks."
CORRECTED = "Right knee, pain on stairs for three weeks."
REASON = "Unconscious after a fall, allergies unknown."


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_it_is_written_corrected_read_and_opened_in_an_emergency(
    request: pytest.FixtureRequest, live_server: LiveServer, world: World, size: str
) -> None:
    page: Page = request.getfixturevalue(f"{size}_page")
    history = f"{live_server.url}/patients/{world.patients['owner']}"

    # Who treats the patient writes a note and medication, and corrects the note.
    sign_in(page, live_server.url, world.emails["practitioner-owner"])
    page.goto(history)
    checked(page)
    page.locator("details").get_by_label("Note").fill(NOTE)
    page.get_by_role("button", name="Save the note").click()
    expect(page.get_by_text("The note is saved.")).to_be_visible()
    page.locator("summary", has_text="Record medication").click()
    page.get_by_label("Medication", exact=True).fill("Ibuprofen 400 mg")
    page.get_by_label("Dose").fill("1 tablet twice a day")
    page.get_by_role("button", name="Record medication").click()
    expect(page.get_by_text("The medication is saved.")).to_be_visible()
    note = page.locator("li", has_text=NOTE)
    note.get_by_role("link", name="Correct").click()
    checked(page)
    page.get_by_label("Note").fill(CORRECTED)
    page.get_by_role("button", name="Save the correction").click()
    expect(page.get_by_text("No longer valid: corrected on")).to_be_visible()
    checked(page)

    # Somebody else does not find the patient by a part of the name, and breaks the glass.
    sign_in(page, live_server.url, world.emails["practitioner-stranger"])
    response = page.goto(history)
    assert response is not None
    assert response.status == 404
    page.goto(f"{live_server.url}/patients")
    page.get_by_label("Your patients: name, date of birth").fill("aroha own")
    page.get_by_role("button", name="Find", exact=True).click()
    expect(page.get_by_text("No match among your patients")).to_be_visible()
    page.get_by_label("Full name").fill("Aroha Owner")
    page.get_by_label("Date of birth or other detail").fill("31 March 1980")
    page.get_by_role("button", name="Find patient").click()
    checked(page)
    page.get_by_role("link", name="Emergency access").click()
    checked(page)
    page.get_by_role("button", name="Open health record").click()
    expect(page.get_by_role("alert")).to_contain_text("There is a problem")
    checked(page)
    page.get_by_label("Why do you need this health record now?").fill(REASON)
    page.get_by_role("button", name="Open health record").click()
    expect(page.get_by_text("You opened this record in an emergency")).to_be_visible()
    expect(page.locator(".os-record").get_by_text(CORRECTED)).to_be_visible()
    checked(page)

    # The patient reads all of it, and who did.
    sign_in(page, live_server.url, world.emails["patient-owner"])
    page.goto(f"{live_server.url}/history")
    for words in (NOTE, CORRECTED, "Ibuprofen 400 mg", REASON):
        expect(page.get_by_text(words, exact=True)).to_be_visible()
    checked(page)
    page.get_by_role("link", name="Medication", exact=True).click()
    expect(page.get_by_text(NOTE, exact=True)).to_have_count(0)
    page.get_by_role("link", name="See who read it").click()
    expect(page.get_by_role("heading", name="Priya Stranger opened it")).to_be_visible()
    expect(page.get_by_role("heading", name="Priya Owner")).to_be_visible()
    checked(page)
