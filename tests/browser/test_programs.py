"""A program of somebody else: a page of another origin, which people let act for them (SMART App
Launch, standalone), and which books for them."""

from datetime import timedelta

from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import select

from browser.conftest import LiveServer
from entrypoints.asking import registered
from entrypoints.world import PASSWORD, World
from openslot.booking.models import Appointment
from openslot.core import clock
from serving import serving

APP = """<!doctype html><title>App</title><script type="module">
const query = new URLSearchParams(location.search), kept = sessionStorage
const base64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)))
  .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)))
const answered = async (url, options) => {
  const answer = await fetch(url, options)
  if (!answer.ok) throw new Error(`${url} ${answer.status} ${await answer.text()}`)
  return answer.json()
}

async function ask() {
  const fhir = query.get("iss"), verifier = random(), state = random()
  const server = await answered(`${fhir}/.well-known/smart-configuration`)
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))
  const program = { client_id: query.get("client"), redirect_uri: location.origin + "/app" }
  kept.setItem("begun", JSON.stringify({ fhir, verifier, state, program, server }))
  location = server.authorization_endpoint + "?" + new URLSearchParams({
    ...program, response_type: "code", scope: "launch/patient patient/*.rs patient/Appointment.c",
    state, aud: fhir, code_challenge: base64url(digest), code_challenge_method: "S256" })
}

async function book() {
  const { fhir, verifier, state, program, server } = JSON.parse(kept.getItem("begun"))
  if (query.get("state") !== state || query.get("iss") !== server.issuer)
    throw new Error("somebody else answers: " + query)
  const tokens = await answered(server.token_endpoint, { method: "POST",
    body: new URLSearchParams({ ...program, grant_type: "authorization_code",
      code: query.get("code"), code_verifier: verifier }) })
  const headers = { Authorization: `Bearer ${tokens.access_token}`,
    "Content-Type": "application/fhir+json" }
  const patient = await answered(`${fhir}/Patient/${tokens.patient}`, { headers })
  const start = new Date(Date.now() + 7 * 86400e3).toISOString().slice(0, 10)
  const slots = await answered(`${fhir}/Slot?status=free&_count=1&start=ge${start}`, { headers })
  const parameter = [
    ["appointment", `Appointment/${slots.entry[0].resource.id}`],
    ["patient", `Patient/${patient.id}`],
  ].map(([name, reference]) => ({ name: name + "-reference", valueReference: { reference } }))
  const booked = await answered(`${fhir}/Appointment/$book`, { method: "POST", headers,
    body: JSON.stringify({ resourceType: "Parameters", parameter }) })
  return `${booked.entry[0].resource.status} for ${patient.name[0].text}`
}

(query.has("code") ? book() : ask()).then((said) => { if (said) document.body.textContent = said },
  (wrong) => { document.body.textContent = wrong })
</script><body>"""


def test_a_program_of_another_origin_signs_a_patient_in_and_books(
    desktop_page: Page, live_server: LiveServer, world: World
) -> None:
    page, elsewhere = desktop_page, Flask("elsewhere")
    elsewhere.add_url_rule("/app", view_func=lambda: APP)
    with serving(elsewhere) as origin:
        client_id, _ = registered(live_server.database, redirects=("http://127.0.0.1/app",))
        page.goto(f"{origin}/app?client={client_id}&iss={live_server.url}/fhir")
        page.get_by_label("Email").fill(world.emails["patient-owner"])
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.locator("main").get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("heading", name="Let Growth chart act for you?")).to_be_visible()
        page.get_by_role("button", name="Allow").click()
        expect(page.locator("body")).to_have_text("booked for Aroha Owner")
    later = select(Appointment.patient_id).where(
        Appointment.starts_at > clock.now() + timedelta(days=5)
    )
    with live_server.database.reading() as session:
        assert list(session.scalars(later)) == [world.patients["owner"]]
