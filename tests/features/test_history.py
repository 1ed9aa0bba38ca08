"""Adding to histories, opening them in an emergency, and reading what stands in them."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError
from pypdf import PdfReader
from sqlalchemy import func, select

import factories
from factories import MONDAY_9, NOW, SYDNEY
from openslot.booking.models import Status
from openslot.core import audit, outbox
from openslot.core.actor import Actor, Role
from openslot.core.audit import AuditEvent
from openslot.core.births import BirthDate
from openslot.core.db import Database
from openslot.core.errors import DomainError, Forbidden, NotFound
from openslot.core.keyset import Key
from openslot.core.language import language
from openslot.exports.history import document, whole
from openslot.exports.history_pdf import pdf
from openslot.records import commands, queries
from openslot.records.details import (
    AllergyDetails,
    EmergencyDetails,
    EntryDetails,
    NoAllergiesDetails,
    NoteDetails,
    PrescriptionDetails,
)
from openslot.records.errors import (
    AllergiesKnown,
    AlreadyCorrected,
    AlreadyOpen,
    NoneKnownSince,
    NotYourAppointment,
    NotYourEntry,
    TooManyLookUps,
)
from openslot.records.finding import MISSES_COUNT, MOST_MISSES, look_up, search
from openslot.records.models import AllergyState, EmergencyAccess, Entry, EntryKind, Severity
from racing import race
from town import build_town
from working import work

NOTE = NoteDetails(text="Cough for three weeks.\nChest clear.")
PILLS = PrescriptionDetails(medication="Amoxicillin 500 mg", dose="1 capsule 3 times a day")
REASON = EmergencyDetails(reason="Unconscious, allergies unknown.")
HOUR = timedelta(hours=1)


class Surgery:
    """The town with an appointment of its first patient to the GP, who writes; a physio looks
    on."""

    def __init__(self, database: Database) -> None:
        self.database, self.town = database, build_town(database)
        self.patient = self.town.patients[0]
        self.gp = self.town.doctor
        self.physio = Actor(role=Role.PRACTITIONER, practitioner_id=self.town.physio)
        self.appointment = self.see(self.town.gp_at_hospital)

    def see(self, schedule: int, *, patient: int = 0, status: Status = Status.ARRIVED) -> UUID:
        """An appointment."""

        patient_id = self.town.patients[patient]
        return self.database.run(
            lambda session: factories.appointment_row(session, schedule, patient_id, status).id
        )

    def note(
        self,
        actor: Actor | None = None,
        *,
        appointment: UUID | None = None,
        now: datetime = NOW,
        text: str = NOTE.text,
        patient: UUID | None = None,
        entry_id: UUID | None = None,
    ) -> Entry:
        """Write a note."""
        return self.database.run(
            lambda session: commands.add(
                work(session, actor or self.gp, now, access_days=0),
                patient or self.patient,
                NoteDetails(text=text),
                appointment_id=appointment,
                entry_id=entry_id,
            )
        )

    def prescribe(self, details: EntryDetails = PILLS, *, hours: int = 0) -> Entry:
        """Record medication, or an allergy."""
        return self.database.run(
            lambda session: commands.add(
                work(session, self.gp, NOW + hours * HOUR, access_days=0),
                self.patient,
                details,
                appointment_id=self.appointment,
            )
        )

    def correct(
        self,
        entry: Entry,
        actor: Actor | None = None,
        details: EntryDetails = NOTE,
    ) -> Entry:
        """Correct an entry."""
        return self.database.run(
            lambda session: commands.correct(
                work(session, actor or self.gp, NOW + HOUR, access_days=0), entry.id, details
            )
        )

    def break_glass(
        self, actor: Actor | None = None, patient: UUID | None = None
    ) -> EmergencyAccess:
        """Open the history without an appointment."""
        return self.database.run(
            lambda session: commands.break_glass(
                work(session, actor or self.physio, NOW, access_days=0),
                patient or self.patient,
                REASON,
            )
        )

    def entries(self) -> list[queries.Record]:
        """What the history holds, newest first."""
        return self.database.read(lambda session: queries.entries(session, self.patient))

    def acts(self) -> list[str]:
        """What the audit knows of it."""
        found = self.database.read(
            lambda session: audit.events_of(session, f"patient:{self.patient}")
        )
        return [one.action for one in found]


@pytest.fixture
def surgery(database: Database) -> Surgery:
    return Surgery(database)


@pytest.fixture
def here(sqlite_database: Database) -> Surgery:
    return Surgery(sqlite_database)


# Writing


def test_notes_and_medication_of_an_appointment_bear_its_centre(surgery: Surgery) -> None:
    surgery.note(appointment=surgery.appointment)
    surgery.prescribe()
    medication, note = sorted(surgery.entries(), key=lambda one: one.kind, reverse=True)
    assert (note.entry.text, note.author.name) == (NOTE.text, "Samuel Jackson")
    assert note.entry.appointment_id == medication.entry.appointment_id == surgery.appointment
    assert note.centre is not None
    assert note.centre.id == surgery.town.hospital
    assert (medication.entry.medication, medication.entry.text) == ("Amoxicillin 500 mg", "")
    assert {"record.noted", "record.prescribed"} <= set(surgery.acts())


def test_without_an_appointment_there_is_no_centre(surgery: Surgery) -> None:
    surgery.note()
    assert surgery.entries()[0].centre is None


def test_what_is_sent_again_under_its_name_is_kept_once(surgery: Surgery) -> None:
    name = uuid4()

    def press(_racer: int) -> UUID:
        return surgery.note(entry_id=name).id

    assert set(race(4, press)) == {name}
    assert surgery.note(entry_id=name, text="Something else.").text == NOTE.text
    written = surgery.database.read(
        lambda session: session.scalar(
            select(func.count()).where(AuditEvent.action == "record.noted")
        )
    )
    assert written == 1


def test_the_name_of_somebody_elses_entry_is_no_way_to_it(here: Surgery) -> None:
    theirs = here.note().id
    here.see(here.town.gp_at_hospital, patient=1)
    with pytest.raises(NotFound):
        here.note(patient=here.town.patients[1], entry_id=theirs)


def test_who_may_not_read_may_not_write(here: Surgery) -> None:
    with pytest.raises(NotFound):
        here.note(here.physio)
    with pytest.raises(NotFound):
        here.note(here.town.clerk)
    with pytest.raises(NotFound):
        here.note(patient=uuid4())
    with pytest.raises(Forbidden):
        here.note(here.town.patient())
    assert here.entries() == []


def test_a_note_goes_to_appointments_of_this_patient_with_this_practitioner(here: Surgery) -> None:
    others = [
        here.see(here.town.gp_at_hospital, patient=1),
        here.see(here.town.physio_at_hospital),
        here.see(here.town.gp_at_clinic, status=Status.CANCELLED),
        uuid4(),
    ]
    for appointment in others:
        with pytest.raises(NotYourAppointment):
            here.note(appointment=appointment)


def test_only_its_author_corrects_an_entry_and_the_old_one_stays(surgery: Surgery) -> None:
    old = surgery.note(appointment=surgery.appointment)
    surgery.see(surgery.town.physio_at_hospital)
    with pytest.raises(NotYourEntry):
        surgery.correct(old, surgery.physio)
    new = surgery.correct(old, details=NoteDetails(text="Cough for two weeks."))
    newer, older = surgery.entries()
    assert (newer.entry.id, older.entry.id) == (new.id, old.id)
    assert older.entry.text == NOTE.text
    assert older.corrected_by is not None
    assert newer.corrects is not None
    assert (older.corrected_by.id, newer.corrects.id) == (new.id, old.id)
    assert newer.entry.appointment_id == surgery.appointment
    assert newer.centre == older.centre


def test_an_entry_is_corrected_once_and_its_correction_again(surgery: Surgery) -> None:
    old = surgery.note()
    new = surgery.correct(old)
    with pytest.raises(AlreadyCorrected):
        surgery.correct(old)
    surgery.correct(new)
    assert len(surgery.entries()) == 3


def test_what_it_is_does_not_change_by_correction(here: Surgery) -> None:
    with pytest.raises(DomainError):
        here.correct(here.note(), details=PILLS)


def test_strangers_cannot_tell_an_entry_from_none(here: Surgery) -> None:
    old = here.note()
    for actor in (here.physio, here.town.clerk, here.town.patient(1)):
        with pytest.raises(NotFound):
            here.correct(old, actor)
    with pytest.raises(NotFound):
        here.correct(Entry(id=uuid4()))


@pytest.mark.parametrize("text", ["", "   ", "\x07", "a" * 10_001])
def test_a_note_says_something_that_can_be_kept(text: str) -> None:
    with pytest.raises(ValidationError):
        NoteDetails(text=text)


# Emergencies


def test_breaking_the_glass_opens_the_history_and_is_told(surgery: Surgery) -> None:
    opened = surgery.break_glass()
    assert opened.ends_at - opened.starts_at == timedelta(hours=24)
    surgery.note(surgery.physio)
    assert {"record.emergency-access", "record.noted"} <= set(surgery.acts())
    told = surgery.database.read(
        lambda session: outbox.messages(session, "record.emergency-access", limit=9, offset=0)
    )
    assert [one.payload for one in told] == [{"access": str(opened.id)}]


def test_nobody_breaks_the_glass_without_need(here: Surgery) -> None:
    with pytest.raises(AlreadyOpen):
        here.break_glass(here.gp)
    here.break_glass()
    with pytest.raises(AlreadyOpen):
        here.break_glass()


def test_only_practitioners_break_the_glass_and_only_of_patients(here: Surgery) -> None:
    for actor in (here.town.clerk, here.town.patient(1), Actor(role=Role.NETWORK_ADMIN)):
        with pytest.raises(Forbidden):
            here.break_glass(actor)
    with pytest.raises(NotFound):
        here.break_glass(patient=uuid4())


@pytest.mark.parametrize("reason", ["", "emergency", "x y", "  \n "])
def test_an_emergency_has_a_reason_in_words(reason: str) -> None:
    with pytest.raises(ValidationError):
        EmergencyDetails(reason=reason)


# Reading


def test_a_history_is_paged_without_loss_also_among_equal_times(surgery: Surgery) -> None:
    for number in range(7):
        surgery.note(text=f"Note {number}", now=NOW + (number // 3) * HOUR)
    seen: list[str] = []
    mark: Key | None = None
    while True:
        page = surgery.database.read(
            lambda session, mark=mark: queries.entries(  # type: ignore[misc]
                session, surgery.patient, after=mark, limit=2
            )
        )
        if not page:
            break
        seen += [one.entry.text for one in page]
        mark = (page[-1].entry.recorded_at, page[-1].entry.id)
    assert sorted(seen) == [f"Note {number}" for number in range(7)]
    assert seen[0] == "Note 6"


def test_entries_are_sifted_by_kind(surgery: Surgery) -> None:
    surgery.note()
    surgery.prescribe()
    for kind in (EntryKind.NOTE, EntryKind.PRESCRIPTION):
        found = surgery.database.read(
            lambda session, kind=kind: queries.entries(  # type: ignore[misc]
                session, surgery.patient, kinds=[kind]
            )
        )
        assert [one.kind for one in found] == [kind]


PEANUTS = AllergyDetails(substance="Peanuts", text="Swelling", severity=Severity.SEVERE)
NONE_KNOWN = NoAllergiesDetails()


def known(surgery: Surgery) -> tuple[list[str | None], bool]:
    """The substances that the patient is allergic to, and whether it is stated that there are
    none."""
    found = surgery.database.read(lambda session: queries.allergies(session, surgery.patient))
    return [one.entry.substance for one in found.known], found.statement is not None


def test_allergies_are_the_severest_first_until_somebody_says_that_they_are_gone(
    surgery: Surgery,
) -> None:
    assert known(surgery) == ([], False)
    latex = surgery.prescribe(AllergyDetails(substance="Latex", severity=Severity.MILD))
    peanuts = surgery.prescribe(PEANUTS)
    surgery.prescribe(AllergyDetails(substance="Bees"))
    assert known(surgery) == (["Peanuts", "Latex", "Bees"], False)
    surgery.see(surgery.town.physio_at_hospital)
    gone = PEANUTS.model_copy(update={"state": AllergyState.RESOLVED})
    resolved = surgery.correct(peanuts, surgery.physio, gone)
    assert (resolved.practitioner_id, resolved.appointment_id) == (surgery.town.physio, None)
    wrong = AllergyDetails(substance="Latex", state=AllergyState.IN_ERROR)
    assert surgery.correct(latex, details=wrong).appointment_id == surgery.appointment
    assert known(surgery) == (["Bees"], False)
    assert "record.allergy-noted" in surgery.acts()


def test_that_no_allergies_are_known_counts_until_one_is_recorded(surgery: Surgery) -> None:
    first = surgery.prescribe(NONE_KNOWN)
    assert known(surgery) == ([], True)
    again = surgery.prescribe(NONE_KNOWN, hours=1)
    assert again.corrects_id == first.id
    peanuts = surgery.prescribe(PEANUTS, hours=2)
    assert peanuts.corrects_id == again.id
    assert known(surgery) == (["Peanuts"], False)
    with pytest.raises(AllergiesKnown):
        surgery.prescribe(NONE_KNOWN, hours=3)
    gone = surgery.database.run(
        lambda session: commands.correct(
            work(session, surgery.gp, NOW + 3 * HOUR, access_days=0),
            peanuts.id,
            PEANUTS.model_copy(update={"state": AllergyState.RESOLVED}),
        )
    )
    assert known(surgery) == ([], False)
    last = surgery.prescribe(NONE_KNOWN, hours=4)
    with pytest.raises(NoneKnownSince):
        surgery.correct(gone, details=PEANUTS)
    surgery.correct(last, details=NoAllergiesDetails(state=AllergyState.IN_ERROR))
    assert known(surgery) == ([], False)


def test_practitioners_find_their_own_patients_only(surgery: Surgery) -> None:
    surgery.see(surgery.town.gp_at_hospital, patient=1, status=Status.CANCELLED)
    surgery.see(surgery.town.gp_at_hospital, patient=2, status=Status.EXPIRED)

    def found(text: str) -> list[str]:
        people, count = surgery.database.read(
            lambda session: search(
                work(session, surgery.town.doctor, NOW), text=text, limit=10, offset=0
            )
        )
        assert count == len(people)
        return [one.name for one in people]

    assert found("patient") == ["Patient 0", "Patient 1"]
    assert found("patient 2") == []


# Taking it along


def test_a_birth_is_not_guessed_by_looking_somebody_up(sqlite_database: Database) -> None:
    town, day = build_town(sqlite_database), date(1980, 1, 1)
    account = sqlite_database.run(
        lambda session: factories.account(session, "clerk@example.org", Role.STAFF).id
    )
    clerk = Actor(role=Role.STAFF, centre_id=town.hospital, account_id=account)

    def ask(name: str, now: datetime = NOW) -> int:
        return sqlite_database.run(
            lambda session: len(look_up(work(session, clerk, now), name, born=BirthDate(day)))
        )

    for number in range(MOST_MISSES):
        assert ask(f"Nobody {number}") == 0
    with pytest.raises(TooManyLookUps):
        ask("Ann Example")
    assert ask("Ann Example", NOW + MISSES_COUNT) == 0


def test_the_document_holds_everything_with_times_in_their_zones(surgery: Surgery) -> None:
    old = surgery.note(appointment=surgery.appointment)
    new = surgery.correct(old)
    surgery.prescribe()
    surgery.break_glass()
    made = surgery.database.read(
        lambda session: document(whole(work(session, now=NOW + HOUR), surgery.patient))
    )
    assert json.loads(json.dumps(made)) == made
    assert (made["format"], made["version"]) == ("openslot-history", 1)
    assert made["patient"]["name"] == "Patient 0"
    assert made["created"] == (NOW + HOUR).isoformat()
    kept = {one["id"]: one for one in made["entries"]}
    assert len(kept) == 3
    assert kept[str(old.id)]["corrected_by"] == str(new.id)
    assert kept[str(new.id)]["corrects"] == str(old.id)
    assert kept[str(old.id)]["recorded"] == NOW.astimezone(SYDNEY).isoformat()
    assert kept[str(old.id)]["time_zone"] == "Australia/Sydney"
    assert kept[str(old.id)]["author"] == {"name": "Samuel Jackson", "profession": "GP"}
    (appointment,) = made["appointments"]
    assert (appointment["id"], appointment["start"]) == (
        str(surgery.appointment),
        MONDAY_9.isoformat(),
    )
    (opened,) = made["emergency_accesses"]
    assert (opened["reason"], opened["from"]) == (REASON.reason, NOW.isoformat())
    assert [one["what"] for one in made["reads"]] == ["emergency-access"]
    assert made["reads"][0]["reason"] == REASON.reason
    assert made["referrals"] == []


ODD = "Zażółć γλώσσα Привет עברית العربية\n\n漢字 🙂 " + "x" * 300 + " <b>&amp;</b> 50 %"


def test_the_pdf_can_be_read_and_bears_name_date_and_number_on_every_page(here: Surgery) -> None:
    for number in range(60):
        here.note(text=f"Number {number}: " + "word " * 40, now=NOW + number * HOUR)
    here.note(text=ODD, appointment=here.appointment)
    here.prescribe()
    here.prescribe(PEANUTS)
    here.break_glass()
    now = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    whole_history = here.database.read(lambda session: whole(work(session, now=now), here.patient))
    made = pdf(whole_history, language=language("en_AU"), zone=SYDNEY, network="Harbour Network")
    pages = [page.extract_text() for page in PdfReader(BytesIO(made)).pages]
    assert len(pages) > 3
    for number, page in enumerate(pages, 1):
        for words in ("Patient 0", "Printed on Monday 23 November 2026", "Harbour Network"):
            assert words in page
        assert f"Page {number} of {len(pages)}" in page
    text = "\n".join(pages)
    for number in range(60):
        assert f"Number {number}:" in text
    for words in (
        "Zażółć γλώσσα Привет",
        "<b>&amp;</b> 50 %",
        "Amoxicillin 500 mg, 1 capsule",
        "Peanuts, severe",
        "Samuel Jackson, GP",
        REASON.reason.split()[0],
        "Prince of Wales Hospital",
        "Arrived",
    ):
        assert words in text


def test_the_pdf_of_a_history_with_nothing_in_it(here: Surgery) -> None:
    empty = here.database.read(lambda session: whole(work(session, now=NOW), here.town.patients[2]))
    made = pdf(empty, language=language("en_AU"), zone=ZoneInfo("UTC"), network="OpenSlot")
    assert "None" in PdfReader(BytesIO(made)).pages[0].extract_text()


def test_a_whole_history_takes_as_many_statements_however_long_it_is(
    here: Surgery, statements: Callable[..., object]
) -> None:
    counts = []
    for _ in range(2):
        for number in range(20):
            here.note(text=f"Note {number}")
        with here.database.reading() as session, statements(here.database) as counted:  # type: ignore[attr-defined]
            whole(work(session, now=NOW), here.patient)
        counts.append(counted.count)
    assert counts[0] == counts[1] <= 8
