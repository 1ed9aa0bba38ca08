"""Two journeys in a real Chromium: a letter from a GP to the specialist's answer, and a child
that is added, booked for and handed over; the pages on the way pass axe."""

import re

from playwright.sync_api import Page, expect

from browser.conftest import LiveServer
from browser.steps import checked, sign_in, turn_week
from entrypoints.browsing import mails
from entrypoints.world import World, give_professions

STRONG = "orchard lantern velvet seven"


def as_gp_and_specialist(server: LiveServer, world: World) -> None:
    server.database.run(lambda session: give_professions(session, world, expertise="Cardiology"))


def test_from_a_gps_letter_to_the_specialists_answer(
    desktop_page: Page, phone_page: Page, noscript_page: Page, live_server: LiveServer, world: World
) -> None:
    as_gp_and_specialist(live_server, world)
    doctor, patient, specialist = desktop_page, phone_page, noscript_page

    sign_in(doctor, live_server.url, world.emails["practitioner-owner"])
    doctor.goto(f"{live_server.url}/patients/{world.patients['owner']}/referrals/new")
    checked(doctor)
    doctor.get_by_label("Referral").fill("Palpitations since May.")
    doctor.get_by_label("Name or area of expertise").fill("stranger")
    doctor.get_by_role("button", name="Find").click()
    doctor.get_by_label("Priya Stranger, Cardiology").check()
    expect(doctor.get_by_label("Referral")).to_have_value("Palpitations since May.")
    doctor.get_by_role("button", name="Send").click()
    expect(doctor.get_by_text("The referral is sent.")).to_be_visible()
    checked(doctor)

    sign_in(patient, live_server.url, world.emails["patient-owner"])
    patient.goto(f"{live_server.url}/referrals")
    checked(patient)
    patient.get_by_role("link", name="Book with it").click()
    patient.get_by_role("link", name="Book at Wattle Clinic").click()
    expect(
        patient.get_by_text("You are booking with the referral from Priya Owner.")
    ).to_be_visible()
    checked(patient)
    turn_week(patient)
    patient.locator(".os-days .os-slot:visible").first.click()
    patient.get_by_role("button", name="Confirm booking").click()
    expect(patient.get_by_role("heading", name="Your appointment is booked")).to_be_visible()

    sign_in(specialist, live_server.url, world.emails["practitioner-stranger"])
    specialist.goto(f"{live_server.url}/referrals")
    specialist.get_by_role("link", name="Aroha Owner").first.click()
    expect(specialist.get_by_text("Palpitations since May.")).to_be_visible()
    specialist.get_by_label("Your answer").fill("A harmless extra beat.")
    specialist.get_by_role("button", name="Send the answer").click()
    expect(specialist.get_by_text("Your answer is sent to the GP.")).to_be_visible()

    doctor.goto(f"{live_server.url}/referrals?state=used")
    checked(doctor)
    expect(doctor.get_by_text("Answered")).to_be_visible()
    doctor.get_by_role("link", name="Aroha Owner").click()
    expect(doctor.get_by_text("A harmless extra beat.")).to_be_visible()


def test_a_child_is_added_booked_for_and_handed_over(
    phone_page: Page, desktop_page: Page, live_server: LiveServer, world: World
) -> None:
    parent, child = phone_page, desktop_page
    sign_in(parent, live_server.url, world.emails["patient-owner"])
    parent.goto(f"{live_server.url}/profile/dependents")
    checked(parent)
    parent.get_by_role("link", name="Add a person").click()
    parent.get_by_label("Name").fill("Tama Ngata")
    parent.get_by_label("Date of birth").fill("2 April 2008")
    checked(parent)
    parent.get_by_role("button", name="Add").click()
    expect(parent.get_by_text("You can now book for Tama Ngata.")).to_be_visible()
    checked(parent)

    parent.goto(f"{live_server.url}/book/{world.schedules['stranger']}")
    turn_week(parent)
    parent.locator(".os-days .os-slot:visible").first.click()
    expect(parent.locator("#booking")).to_contain_text("Held for you")
    parent.get_by_role("radio", name="Tama Ngata").check()
    expect(parent.get_by_role("radio", name="Tama Ngata")).to_be_checked()
    expect(parent.locator("#booking")).to_contain_text("Held for you")
    checked(parent)
    parent.get_by_role("button", name="Confirm booking").click()
    expect(parent.get_by_role("heading", name=re.compile("is booked"))).to_be_visible()

    parent.goto(f"{live_server.url}/profile/dependents")
    expect(parent.get_by_text("Priya Stranger")).to_be_visible()
    parent.get_by_role("link", name="Hand over").click()
    parent.get_by_label("Their email address").fill("tama@example.net")
    checked(parent)
    parent.get_by_role("button", name="Make the link").click()
    expect(parent.get_by_text("Ask an administrator for the link.")).to_be_visible()
    checked(parent)
    [mail] = [one for one in mails(live_server.database) if one["to"] == "tama@example.net"]
    found = re.search(r"http://[^/\s]+(/hand-over/\S+)", mail["text"])
    assert found

    child.goto(f"{live_server.url}{found[1]}")
    checked(child)
    child.get_by_label("Password").fill(STRONG)
    child.get_by_role("button", name="Create my account").click()
    sign_in(child, live_server.url, "tama@example.net", STRONG)
    expect(child.get_by_text("Priya Stranger").first).to_be_visible()
    parent.goto(f"{live_server.url}/profile/dependents")
    expect(parent.get_by_text("No one yet")).to_be_visible()
