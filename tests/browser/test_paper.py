"""Pages on paper: whose they are and of what day on every sheet, and nothing cut off."""

from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from uuid import UUID

import pytest
from playwright.sync_api import Page
from pypdf import PdfReader
from sqlalchemy.orm import Session

from browser.conftest import LiveServer
from browser.steps import sign_in
from entrypoints.world import SYDNEY, World
from openslot.booking.commands import BookingRequest
from openslot.core.actor import SYSTEM
from openslot.directory import commands as directory
from openslot.directory.details import PatientDetails
from openslot.records.models import Entry, EntryKind
from openslot.referrals.models import Kept, Referral
from openslot.usecases.booking import book
from working import work

REASON = "Follow-up of the fracture of the left wrist, with the pictures of last week and a letter"
PAPERS = ["A4", "Letter"]


def sheets(page: Page, paper: str = "A4") -> list[str]:
    made = page.pdf(format=paper, margin=dict.fromkeys(("top", "bottom", "left"), "15mm"))
    return [
        " ".join(sheet.extract_text().replace("\u00a0", " ").split())
        for sheet in PdfReader(BytesIO(made)).pages
    ]


def full_day(live: LiveServer, world: World) -> tuple[str, list[str]]:
    """24 appointments of one day, of people with long names; return the day and the names."""
    day = (datetime.now(UTC).astimezone(SYDNEY) + timedelta(days=8)).replace(
        hour=8, minute=0, second=0, microsecond=0
    )
    names = [f"Alejandra Maria {number:02} Rodriguez-Fernandez" for number in range(24)]
    now = datetime.now(UTC)

    def do(session: Session) -> None:
        for number, name in enumerate(names):
            patient = directory.add_patient(
                work(session, SYSTEM, now), PatientDetails(name=name), account_id=None
            )
            start = day + timedelta(minutes=30 * number)
            wanted = BookingRequest(world.schedules["owner"], start, 30, patient.id, reason=REASON)
            book(work(session, SYSTEM, now), wanted)

    live.database.run(do)
    return day.date().isoformat(), names


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("view", ["day", "week"])
def test_a_calendar_on_paper_names_its_owner_and_cuts_nothing_off(
    live_server: LiveServer, world: World, desktop_page: Page, view: str, paper: str
) -> None:
    day, names = full_day(live_server, world)
    sign_in(desktop_page, live_server.url, world.emails["practitioner-owner"])
    desktop_page.goto(f"{live_server.url}/calendar?view={view}&day={day}")
    printed = sheets(desktop_page, paper)
    first_day = f"{date.fromisoformat(day):%a} {date.fromisoformat(day).day} Banksia General"
    for number, sheet in enumerate(printed, 1):
        assert "Priya Owner" in sheet
        assert "Printed on" in sheet
        assert "Calendar, " in sheet
        assert f"Page {number} of {len(printed)}" in sheet
        assert first_day in sheet or not any(name in sheet for name in names)
        assert "…" not in sheet
        assert "Block time" not in sheet
    whole = " ".join(printed)
    for name in names:
        assert name in whole
    assert whole.count(REASON) == len(names)


def test_a_health_record_on_paper_names_the_patient_and_begins_on_the_first_sheet(
    live_server: LiveServer, world: World, desktop_page: Page
) -> None:
    def write(session: Session) -> None:
        for number in range(40):
            entry = Entry(
                patient_id=world.patients["owner"],
                practitioner_id=world.practitioners["owner"],
                kind=EntryKind.NOTE,
                text=f"Number {number}. " + "Sleeps badly. " * 20,
                recorded_at=datetime.now(UTC) - timedelta(minutes=number),
            )
            session.add(entry)

    live_server.database.run(write)
    sign_in(desktop_page, live_server.url, world.emails["patient-owner"])
    desktop_page.goto(f"{live_server.url}/history")
    printed = sheets(desktop_page)
    assert len(printed) > 1
    for sheet in printed:
        assert "Aroha Owner, born 31 March 1980" in sheet
        assert "Printed on" in sheet
    assert "Number 0." in printed[0]
    assert "Number 1." in printed[0]


@pytest.mark.parametrize("path", ["/history/reads", "/referrals/{letter}", "/appointments/{visit}"])
def test_what_is_about_a_patient_names_them_on_each_sheet(
    live_server: LiveServer, world: World, desktop_page: Page, path: str
) -> None:
    letter = live_server.database.run(lambda session: a_letter(session, world))
    sign_in(desktop_page, live_server.url, world.emails["patient-owner"])
    place = path.format(letter=letter, visit=world.appointments["owner"])
    desktop_page.goto(f"{live_server.url}{place}")
    for number, sheet in enumerate(sheets(desktop_page), 1):
        assert "Aroha Owner, born 31 March 1980" in sheet
        assert f"Page {number} of " in sheet
        assert "Sign out" not in sheet
    if "letter" in path:
        assert number > 1
        assert "The end." in sheet


def a_letter(session: Session, world: World) -> UUID:
    """A referral of more than a sheet."""
    now = datetime.now(UTC)
    letter = Referral(
        patient_id=world.patients["owner"],
        gp_id=world.practitioners["owner"],
        expertise="Cardiology",
        letter="Pain in the chest after stairs. " * 150 + "The end.",
        status=Kept.SENT,
        created_at=now,
        sent_at=now,
        expires_at=now + timedelta(days=90),
    )
    session.add(letter)
    session.flush()
    return letter.id


def test_an_appointment_on_paper_names_the_patient_and_has_nothing_to_press(
    live_server: LiveServer, world: World, desktop_page: Page
) -> None:
    sign_in(desktop_page, live_server.url, world.emails["patient-owner"])
    appointment: UUID = world.appointments["owner"]
    desktop_page.goto(f"{live_server.url}/appointments/{appointment}?booked=1")
    desktop_page.locator("h1").focus()
    (sheet,) = sheets(desktop_page)
    assert "Aroha Owner" in sheet
    assert "Priya Owner" in sheet
    for control in ("What you can do", "Add to calendar", "Skip to main", "Dark colours"):
        assert control not in sheet
    desktop_page.emulate_media(media="print")
    outline = desktop_page.locator("h1").evaluate("el => getComputedStyle(el).outlineStyle")
    assert outline == "none"
