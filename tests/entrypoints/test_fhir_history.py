"""Histories through FHIR: who reads them, what they say, and the trace that a reading leaves."""

import re
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from fhir.resources.R4B import get_fhir_model_class
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

import factories
import serving
from engines import counting
from entrypoints.browsing import ClientFor
from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World, build
from openslot.booking.models import Appointment, Status
from openslot.core.actor import Actor, Role
from openslot.core.audit import AuditEvent
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import NotFound
from openslot.directory.commands import actor_of
from openslot.directory.models import Dependent, Practitioner
from openslot.entrypoints.fhir import histories
from openslot.entrypoints.fhir.registry import RESOURCES
from openslot.identity.models import Account
from openslot.records import commands
from openslot.records.access import Access, may_read
from openslot.records.details import (
    AllergyDetails,
    EmergencyDetails,
    EntryDetails,
    NoAllergiesDetails,
    NoteDetails,
    PrescriptionDetails,
)
from openslot.records.finding import DETAILS_READ, SEARCHED
from openslot.records.models import AllergyState, EmergencyAccess, Entry, Severity
from serving import app_on
from working import work

Json = dict[str, Any]

KINDS = ("Encounter", "DocumentReference", "MedicationRequest")
HALF_HOUR, HOUR, DAY = timedelta(minutes=30), timedelta(hours=1), timedelta(days=1)
NOTE = NoteDetails(text="Müde seit Wochen.\nKnee swollen.")
PILLS = PrescriptionDetails(medication="Ibuprofen 400 mg", dose="1 tablet", text="After meals.")
LOOKED_UP = "/patients?name=aroha+owner&identifier=31+3+1980"
REASON = EmergencyDetails(reason="Unconscious, allergies unknown.")


@dataclass
class Care:
    """The world, and what happens to its patients' histories."""

    database: Database
    world: World
    now: datetime

    def appointment(
        self,
        who: str = "owner",
        patient: str = "owner",
        status: Status = Status.FULFILLED,
        ago: timedelta = DAY,
        schedule: str = "",
    ) -> UUID:
        """An appointment of the patient with the practitioner, which began so long ago."""
        schedule_id, patient_id = (
            self.world.schedules[schedule or who],
            self.world.patients[patient],
        )

        return self.database.run(
            lambda session: (
                factories.appointment_row(
                    session,
                    schedule_id,
                    patient_id,
                    status,
                    self.now - ago,
                    reason="Sore knee",
                    now=self.now,
                ).id
            )
        )

    def doctor(self, who: str) -> Actor:
        """A practitioner as one who acts."""
        return Actor(role=Role.PRACTITIONER, practitioner_id=self.world.practitioners[who])

    def note(
        self,
        who: str = "owner",
        patient: str = "owner",
        appointment: UUID | None = None,
        details: EntryDetails = NOTE,
    ) -> UUID:
        """What the practitioner recorded."""
        return self.database.run(
            lambda session: commands.add(
                work(session, self.doctor(who), self.now, access_days=0),
                self.world.patients[patient],
                details,
                appointment_id=appointment,
            )
        ).id

    def correct(self, entry: UUID, details: EntryDetails) -> UUID:
        """The owner's correction, an hour later."""
        return self.database.run(
            lambda session: commands.correct(
                work(session, self.doctor("owner"), self.now + HOUR, access_days=0), entry, details
            )
        ).id

    def whole(self, who: str = "owner", patient: str = "owner") -> dict[str, UUID]:
        """An appointment with a note and medication, by kind."""
        appointment = self.appointment(who, patient)
        return {
            "Encounter": appointment,
            "DocumentReference": self.note(who, patient, appointment),
            "MedicationRequest": self.note(who, patient, appointment, PILLS),
        }

    def emergency(self, who: str, ends: timedelta, patient: str = "owner") -> None:
        """An emergency access that ends so long from now."""
        row = EmergencyAccess(
            id=uuid4(),
            patient_id=self.world.patients[patient],
            practitioner_id=self.world.practitioners[who],
            reason=REASON.reason,
            starts_at=self.now + ends - DAY,
            ends_at=self.now + ends,
        )
        self.database.run(lambda session: session.add(row))

    def acts(self, patient: UUID | None = None) -> list[str]:
        """What was written down of histories, perhaps of one patient's."""
        query = select(AuditEvent).where(AuditEvent.action.in_(("record.read", "record.refused")))
        if patient is not None:
            query = query.where(AuditEvent.subject == f"patient:{patient}")
        found = self.database.read(lambda session: list(session.scalars(query)))
        return sorted(" ".join([one.action, *one.details.values()]) for one in found)


@pytest.fixture
def care(network: Database, world: World) -> Care:
    return Care(network, world, datetime.now(UTC).replace(microsecond=0))


def found(program: Program, query: str) -> list[str]:
    """The ids that a search shows."""
    bundle = program.get(f"/fhir/{query}")
    return [one["resource"]["id"] for one in bundle.get("entry", ())]


# Who reads


def nothing(_care: Care) -> None:
    """Nothing ties anybody."""


def seen(status: Status, who: str = "teammate") -> Callable[[Care], object]:
    return lambda care: care.appointment(who, status=status)


def seen_before(days: int) -> Callable[[Care], object]:
    return lambda care: care.appointment("teammate", ago=days * DAY + HALF_HOUR)


def glass(ends: timedelta) -> Callable[[Care], object]:
    return lambda care: care.emergency("teammate", ends)


def seen_and_left(care: Care) -> None:
    care.appointment("teammate")
    factories.change(
        care.database, Practitioner, care.world.practitioners["teammate"], active=False
    )


def carer(care: Care) -> None:
    link = Dependent(
        patient_id=care.world.patients["owner"],
        carer_id=care.world.patients["teammate"],
        since=care.now,
    )
    care.database.run(lambda session: session.add(link))


def served(care: Care) -> None:
    """An appointment to the department at which the person works."""
    care.appointment(schedule="owner-service")


TEAMMATE = "practitioner-teammate"
SCENARIOS = {
    "oneself": ("patient-owner", nothing, 0, Access.OWN),
    "another patient": ("patient-teammate", nothing, 0, None),
    "who cares for them": ("patient-teammate", carer, 0, Access.OWN),
    "who treats them": ("practitioner-owner", nothing, 0, Access.CARE),
    "a practitioner of the centre": (TEAMMATE, nothing, 0, None),
    "a practitioner of another": ("practitioner-stranger", nothing, 0, None),
    "an appointment to come": (TEAMMATE, seen(Status.BOOKED), 0, Access.CARE),
    "an appointment that goes on": (TEAMMATE, seen(Status.ARRIVED), 0, Access.CARE),
    "an appointment that is over": (TEAMMATE, seen(Status.FULFILLED), 0, Access.CARE),
    "a time that is kept": (TEAMMATE, seen(Status.HELD), 0, None),
    "a time that lapsed": (TEAMMATE, seen(Status.EXPIRED), 0, None),
    "an appointment that is off": (TEAMMATE, seen(Status.CANCELLED), 0, None),
    "an appointment that was missed": (TEAMMATE, seen(Status.NO_SHOW), 0, None),
    "an appointment in error": (TEAMMATE, seen(Status.ENTERED_IN_ERROR), 0, None),
    "who has left": (TEAMMATE, seen_and_left, 0, None),
    "an appointment within the days": (TEAMMATE, seen_before(6), 7, Access.CARE),
    "an appointment before the days": (TEAMMATE, seen_before(8), 7, None),
    "an appointment long ago": (TEAMMATE, seen_before(800), 0, Access.CARE),
    "an emergency": (TEAMMATE, glass(HOUR), 0, Access.EMERGENCY),
    "an emergency long after an appointment": (
        TEAMMATE,
        lambda care: (seen_before(8)(care), glass(HOUR)(care)),
        7,
        Access.EMERGENCY,
    ),
    "an emergency that is over": (TEAMMATE, glass(-HOUR), 0, None),
    "staff": ("staff-owner", served, 0, None),
    "an administrator of the centre": ("centre-admin-owner", served, 0, None),
    "an administrator of the network": ("network-admin", served, 0, None),
    "a key": ("", nothing, 0, None),
}


@pytest.fixture
def app_with(settings: Settings) -> Iterator[Callable[[int], Flask]]:
    """The app, with an end of access some days after the last appointment."""
    with ExitStack() as stack:
        yield lambda days: stack.enter_context(
            serving.app_with(settings.model_copy(update={"history_access_days": days}))
        )


@pytest.mark.parametrize("name", SCENARIOS)
def test_fhir_decides_as_the_rule_of_histories_does(
    app_with: Callable[[int], Flask], network: Database, world: World, care: Care, name: str
) -> None:
    person, tie, days, expected = SCENARIOS[name]
    ids = care.whole()
    tie(care)
    patient = world.patients["owner"]
    assert decided(care, person, days) is expected
    app = app_with(days)
    program = signed_in(app, world, person) if person else with_key(app, network, "*")
    for kind, key in ids.items():
        for query in (
            f"{kind}?patient={patient}",
            f"{kind}?subject=Patient/{patient}",
            f"{kind}?_id={key}",
            kind,
        ):
            assert (str(key) in found(program, query)) is (expected is not None), query
        for path in (f"/fhir/{kind}/{key}", f"/fhir/{kind}/{key}/_history/x"):
            wanted = 200 if expected and "_history" not in path else 404
            assert program.send("GET", path).status_code == wanted
        assert program.get(f"/fhir/{kind}?patient={patient}&_count=0")["total"] >= bool(expected)
        assert expected or not program.get(f"/fhir/{kind}?_count=0")["total"]
    if expected:
        assert set(care.acts(patient)) == {f"record.read {expected}"}
        program.get(f"/fhir/Patient/{patient}")
    else:
        assert set(care.acts(patient)) == {"record.refused" + (" key Test" if not person else "")}


def decided(care: Care, person: str, days: int) -> Access | None:
    """What records/access.py says."""

    def ask(session: Session) -> Access | None:
        account = session.get(Account, care.world.accounts[person]) if person else None
        actor = actor_of(session, account, None) if account else Actor(role=Role.NETWORK_ADMIN)
        return may_read(
            work(session, actor, care.now, access_days=days), care.world.patients["owner"]
        )

    return care.database.read(ask)


def test_a_search_over_patients_shows_exactly_the_histories_that_are_open(
    app: Flask, care: Care
) -> None:
    ids = {who: care.whole(who, who) for who in ("owner", "teammate", "stranger")}
    care.appointment("owner", "stranger", Status.BOOKED, ago=-DAY)
    care.appointment("owner", "teammate", Status.CANCELLED)
    program = signed_in(app, care.world, "practitioner-owner")
    for kind in KINDS:
        wanted = {str(ids[who][kind]) for who in ("owner", "stranger")}
        assert set(found(program, kind)) == wanted
        assert set(found(program, f"{kind}?patient.name=aroha")) == wanted
        assert program.get(f"/fhir/{kind}?_count=1")["total"] == 2


def test_a_scope_of_fhir_opens_no_history_to_a_program(
    app: Flask, network: Database, care: Care
) -> None:
    ids = care.whole()
    patient = care.world.patients["owner"]
    wide = with_key(app, network, "system/*.rs")
    narrow = with_key(app, network, "system/DocumentReference.rs", "system/Patient.rs")
    other = with_key(app, network, "system/Appointment.cruds")
    for program in (wide, narrow):
        assert program.get("/fhir/DocumentReference")["total"] == 0
        there = program.send("GET", f"/fhir/DocumentReference/{ids['DocumentReference']}")
        assert there.status_code == 404
        along = program.get(f"/fhir/Patient?_id={patient}&_revinclude=DocumentReference:patient")
        assert [one["resource"]["resourceType"] for one in along["entry"]] == ["Patient"]
    assert wide.get("/fhir/Appointment?_revinclude=Encounter:appointment")["total"] == 4
    for path in ("DocumentReference", f"DocumentReference/{ids['DocumentReference']}"):
        assert other.send("GET", f"/fhir/{path}").status_code == 403


def test_nobody_writes_histories_here(app: Flask, care: Care) -> None:
    ids = care.whole()
    program = signed_in(app, care.world, "practitioner-owner")
    for kind, key in ids.items():
        body = program.get(f"/fhir/{kind}/{key}")
        assert program.send("POST", f"/fhir/{kind}", body).status_code == 405
        assert program.send("PUT", f"/fhir/{kind}/{key}", body).status_code == 405


def test_nobody_who_is_not_signed_in_is_asked_for_a_key(app: Flask) -> None:
    for kind in KINDS:
        assert Program(app).send("GET", f"/fhir/{kind}").status_code == 401


# The trace


def test_each_request_is_written_down_once_for_each_patient(app: Flask, care: Care) -> None:
    for who in ("owner", "stranger"):
        care.whole("owner", who)
        care.whole("owner", who)
    program = signed_in(app, care.world, "practitioner-owner")
    for query, patients in (
        ("DocumentReference", 2),
        ("DocumentReference?_count=1", 1),
        ("DocumentReference?_count=0", 2),
        ("Encounter?patient.name=aroha%20owner&_count=0", 1),
        ("Encounter?date=lt2020&_count=0", 0),
        (
            "MedicationRequest?_include=MedicationRequest:encounter&_include=MedicationRequest:patient"
            "&_revinclude=DocumentReference:encounter",
            2,
        ),
        ("Patient?_revinclude=Encounter:patient", 2),
        ("Appointment?_revinclude=Encounter:appointment", 2),
        ("Patient", 0),
        ("Appointment", 0),
        (f"Encounter?date=lt2020&patient={care.world.patients['owner']}", 1),
    ):
        before = len(care.acts())
        program.get(f"/fhir/{query}")
        assert len(care.acts()) - before == patients, query
    assert set(care.acts()) == {"record.read care"}


@pytest.mark.parametrize("person", ["key", "administrator", "patient"])
def test_reading_the_details_of_others_is_written_down(
    app: Flask, network: Database, world: World, person: str
) -> None:
    program = {
        "key": lambda: with_key(app, network, "system/*.rs"),
        "administrator": lambda: signed_in(app, world, "centre-admin-owner"),
        "patient": lambda: signed_in(app, world, "patient-owner"),
    }[person]()
    patient = world.patients["owner"]
    for query in (f"/{patient}", f"?_id={patient}", "?name=nobody"):
        program.get(f"/fhir/Patient{query}")
    program.get(f"/fhir/Appointment?patient={patient}&_include=Appointment:patient")
    with network.reading() as session:
        actions = Counter(session.scalars(select(AuditEvent.action)))
    found = {action: actions[action] for action in (DETAILS_READ, SEARCHED)}
    assert (
        found == {DETAILS_READ: 0, SEARCHED: 0}
        if person == "patient"
        else {DETAILS_READ: 1, SEARCHED: 2}
    )


def test_the_patient_sees_who_read_through_fhir(
    app: Flask, care: Care, client_for: ClientFor
) -> None:
    ids = care.whole()
    client = client_for("patient-owner")
    assert "Priya Owner" not in client.get("/history/reads").text
    program = signed_in(app, care.world, "practitioner-owner")
    program.get(f"/fhir/DocumentReference/{ids['DocumentReference']}")
    assert "Priya Owner" in client.get("/history/reads").text


def test_strangers_are_told_the_same_as_of_nobody_step_by_step(
    app: Flask, network: Database, care: Care
) -> None:
    ids = care.whole()
    program = signed_in(app, care.world, "practitioner-stranger")
    patient = care.world.patients["owner"]
    for kind, key in ids.items():
        answers, counts = [], []
        for path in (
            f"{kind}/{key}",
            f"{kind}/{uuid4()}",
            f"{kind}?patient={patient}",
            f"{kind}?patient={uuid4()}",
            f"{kind}?_id={key}",
            f"{kind}?_id={uuid4()}",
        ):
            with counting(network) as counted:
                answer = program.send("GET", f"/fhir/{path}")
            counts.append(counted.count)
            answers.append((answer.status_code, answer.json.get("total"), "entry" in answer.json))  # type: ignore[union-attr]
        assert answers[0::2] == answers[1::2]
        assert counts[0::2] == counts[1::2]
    assert care.acts(patient) == ["record.refused"] * 9
    assert care.acts() == ["record.refused"] * 18


def test_an_emergency_of_the_pages_is_one_here(
    app: Flask, care: Care, client_for: ClientFor
) -> None:
    ids = care.whole()
    client = client_for(TEAMMATE)
    looked = client.search(LOOKED_UP).text
    form = re.search(r'href="(/patients/[^"]+/emergency\?found=[^"]+)"', looked)
    assert form
    program = signed_in(app, care.world, TEAMMATE)
    path = f"/fhir/DocumentReference/{ids['DocumentReference']}"
    assert program.send("GET", path).status_code == 404
    client.send(unescape(form[1]), reason=REASON.reason)
    shown = program.get(path)
    assert (
        program.get(f"/fhir/{shown['subject']['reference']}")["id"] in shown["subject"]["reference"]
    )
    assert "record.read emergency" in care.acts()


def test_what_may_be_read_no_longer_is_not_told(app: Flask, care: Care) -> None:
    with app.test_request_context("/fhir/Encounter"), pytest.raises(NotFound):
        histories.note({care.world.patients["owner"]})


# What stands there


def check(one: Json) -> Json:
    """R4, as far as the models know it, and what they leave open."""
    get_fhir_model_class(one["resourceType"]).model_validate(one)
    return one


def test_a_note_carries_its_text_and_its_corrections(app: Flask, care: Care) -> None:
    appointment = care.appointment("stranger", patient="owner")
    first = care.note("stranger", appointment=appointment)
    program = signed_in(app, care.world, "patient-owner")
    one = check(program.get(f"/fhir/DocumentReference/{first}"))
    attachment = one["content"][0]["attachment"]
    assert attachment["contentType"] == "text/plain; charset=utf-8"
    assert b64decode(attachment["data"]).decode() == NOTE.text
    assert attachment["size"] == len(NOTE.text.encode())
    assert (one["status"], one["docStatus"]) == ("current", "final")
    assert one["context"]["encounter"][0]["reference"] == f"Encounter/{appointment}"
    assert one["author"][0]["display"] == "Priya Stranger"
    assert datetime.fromisoformat(one["date"]) == care.now
    assert one["date"][-6:] in ("+09:30", "+10:30")  # Adelaide's
    assert one["custodian"]["display"] == "Wattle Clinic"


def test_a_correction_replaces_what_it_corrects(app: Flask, care: Care) -> None:
    note, pills = care.note(), care.note(details=PILLS)
    newer = care.correct(note, NoteDetails(text="The left knee."))
    fewer = care.correct(pills, PrescriptionDetails(medication="Ibuprofen", dose="Half a tablet"))
    program = signed_in(app, care.world, "patient-owner")
    old, new = (check(program.get(f"/fhir/DocumentReference/{one}")) for one in (note, newer))
    assert (old["status"], new["status"]) == ("superseded", "current")
    assert new["relatesTo"] == [
        {
            "code": "replaces",
            "target": {"reference": f"DocumentReference/{note}", "type": "DocumentReference"},
        }
    ]
    assert "relatesTo" not in old
    assert old["meta"]["lastUpdated"] == new["meta"]["lastUpdated"] > old["date"]
    assert "context" not in new
    assert new["date"].endswith("+00:00")
    was, now = (check(program.get(f"/fhir/MedicationRequest/{one}")) for one in (pills, fewer))
    assert (was["status"], now["status"]) == ("entered-in-error", "active")
    assert now["priorPrescription"]["reference"] == f"MedicationRequest/{pills}"
    assert was["intent"] == "order"
    assert was["medicationCodeableConcept"] == {"text": "Ibuprofen 400 mg"}
    assert was["dosageInstruction"] == [{"text": "1 tablet", "patientInstruction": "After meals."}]
    assert now["dosageInstruction"] == [{"text": "Half a tablet"}]
    assert found(program, "DocumentReference?status=superseded") == [str(note)]
    assert found(program, "DocumentReference?status:not=superseded") == [str(newer)]
    assert found(program, f"DocumentReference?relatesto={note}") == [str(newer)]
    assert found(program, "MedicationRequest?status=active") == [str(fewer)]
    assert found(program, "MedicationRequest?status=entered-in-error,stopped") == [str(pills)]
    changed = f"_lastUpdated=gt{(care.now + HALF_HOUR):%Y-%m-%dT%H:%M:%SZ}"
    assert set(found(program, f"DocumentReference?{changed}")) == {str(note), str(newer)}


def test_allergies_have_the_statuses_that_r4_demands(app: Flask, care: Care) -> None:
    none_known = care.note(details=NoAllergiesDetails())
    latex = care.note(details=AllergyDetails(substance="Latex", text="Weals"))
    bees = care.note(details=AllergyDetails(substance="Bees", severity=Severity.SEVERE))
    gone = care.correct(bees, AllergyDetails(substance="Bees", state=AllergyState.RESOLVED))
    program = signed_in(app, care.world, "patient-owner")
    shown = {
        key: check(program.get(f"/fhir/AllergyIntolerance/{key}"))
        for key in (none_known, latex, bees, gone)
    }

    def standing(key: UUID) -> tuple[str | None, str]:
        clinical = shown[key].get("clinicalStatus")
        verified = shown[key]["verificationStatus"]["coding"][0]["code"]
        return clinical["coding"][0]["code"] if clinical else None, verified

    assert standing(latex) == ("active", "confirmed")
    assert standing(gone) == ("resolved", "confirmed")
    assert standing(bees) == standing(none_known) == (None, "entered-in-error")
    assert shown[none_known]["code"]["coding"][0]["code"] == "716186003"
    assert shown[latex]["code"] == {"text": "Latex"}
    assert shown[latex]["reaction"] == [{"manifestation": [{"text": "Weals"}]}]
    [reaction] = shown[bees]["reaction"]
    assert reaction["severity"] == "severe"
    assert reaction["manifestation"][0]["coding"][0]["code"] == "unknown"
    patient = care.world.patients["owner"]
    search = f"AllergyIntolerance?patient={patient}"
    assert len(found(program, search)) == 4
    assert found(program, f"{search}&clinical-status=active") == [str(latex)]
    assert found(program, f"{search}&clinical-status=resolved") == [str(gone)]
    assert len(found(program, f"{search}&verification-status=entered-in-error")) == 2
    assert len(found(program, f"{search}&recorder={care.world.practitioners['owner']}")) == 4
    care.appointment(patient="stranger")
    duplicate = care.note(patient="stranger", details=NoAllergiesDetails())
    care.database.run(
        lambda session: session.execute(
            update(Entry).where(Entry.id == duplicate).values(patient_id=patient)
        )
    )
    assert found(program, f"{search}&clinical-status=active") == [str(latex)]
    shown[duplicate] = check(program.get(f"/fhir/AllergyIntolerance/{duplicate}"))
    assert standing(duplicate) == (None, "entered-in-error")


def test_an_appointment_that_goes_on_has_no_end(app: Flask, care: Care) -> None:
    over = care.appointment("stranger", patient="owner")
    here = care.appointment(status=Status.ARRIVED, ago=HALF_HOUR)
    program = signed_in(app, care.world, "patient-owner")
    one = check(program.get(f"/fhir/Encounter/{over}"))
    assert (one["status"], one["class"]["code"]) == ("finished", "AMB")
    assert datetime.fromisoformat(one["period"]["start"]) == care.now - DAY
    assert datetime.fromisoformat(one["period"]["end"]) == care.now - DAY + HALF_HOUR
    assert one["period"]["end"][-6:] in ("+09:30", "+10:30")
    assert one["location"][0]["location"]["display"] == "Wattle Clinic"
    assert (
        one["serviceProvider"]["reference"] == f"Organization/centre-{care.world.centres['other']}"
    )
    assert one["appointment"][0]["reference"] == f"Appointment/{over}"
    goes_on = check(program.get(f"/fhir/Encounter/{here}"))
    assert goes_on["status"] == "arrived"
    assert set(goes_on["period"]) == {"start"}


def test_an_appointment_to_a_department_is_provided_by_it(app: Flask, care: Care) -> None:
    appointment = care.appointment(schedule="owner-service")
    one = check(
        signed_in(app, care.world, "practitioner-owner").get(f"/fhir/Encounter/{appointment}")
    )
    department = care.world.departments["owner"]
    assert one["serviceProvider"]["reference"] == f"Organization/department-{department}"
    assert one["serviceType"]["text"] == "Radiology appointment"
    assert "participant" not in one


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "reference" in value:
            yield value["reference"]
        for part in value.values():
            yield from references(part)
    if isinstance(value, list):
        for part in value:
            yield from references(part)


@pytest.mark.parametrize(
    "person", ["patient-owner", "practitioner-owner", TEAMMATE, "practitioner-stranger"]
)
def test_every_reference_resolves_for_its_reader(app: Flask, care: Care, person: str) -> None:
    ids = care.whole()
    care.correct(ids["DocumentReference"], NoteDetails(text="The left knee."))
    care.appointment(schedule="owner-service")
    care.note(appointment=care.appointment(status=Status.BOOKED, ago=-2 * DAY))
    care.appointment("teammate", ago=2 * DAY)
    care.emergency("stranger", HOUR)
    program = signed_in(app, care.world, person)
    for kind in KINDS:
        for entry in program.get(f"/fhir/{kind}")["entry"]:
            for reference in references(entry["resource"]):
                assert program.send("GET", f"/fhir/{reference}").status_code == 200, reference


def test_what_was_an_appointment_in_error_is_no_encounter(app: Flask, care: Care) -> None:
    ids = care.whole()
    factories.change(care.database, Appointment, ids["Encounter"], status=Status.ENTERED_IN_ERROR)
    program = signed_in(app, care.world, "patient-owner")
    assert found(program, "Encounter") == []
    assert program.send("GET", f"/fhir/Encounter/{ids['Encounter']}").status_code == 404
    assert "context" not in program.get(f"/fhir/DocumentReference/{ids['DocumentReference']}")
    assert found(program, f"DocumentReference?encounter={ids['Encounter']}") == []


def test_medication_is_no_note_and_a_note_no_medication(app: Flask, care: Care) -> None:
    ids = care.whole()
    program = signed_in(app, care.world, "patient-owner")
    for kind, other in (
        ("MedicationRequest", "DocumentReference"),
        ("DocumentReference", "MedicationRequest"),
    ):
        assert program.send("GET", f"/fhir/{kind}/{ids[other]}").status_code == 404
    assert care.acts() == []


# Searches

SEARCHES = [
    ("patient={patient}", KINDS),
    ("patient=Patient/{patient}", KINDS),
    ("patient:Patient={patient}", KINDS),
    ("subject=Patient/{patient}", KINDS),
    ("patient={nobody}", ()),
    ("patient=Practitioner/1", ()),
    ("patient.name=aroha", KINDS),
    ("patient.name=nobody", ()),
    ("_lastUpdated=gt2020", KINDS),
    ("_lastUpdated=lt2020", ()),
]
OWN_SEARCHES = [
    ("Encounter?date=ge{day}", True),
    ("Encounter?date=lt{day}", False),
    ("Encounter?status=finished", True),
    ("Encounter?status=in-progress,planned", False),
    ("Encounter?status:not=finished", False),
    ("Encounter?class=AMB", True),
    ("Encounter?class=http://terminology.hl7.org/CodeSystem/v3-ActCode|AMB", True),
    ("Encounter?class=IMP", False),
    ("Encounter?class:not=AMB", False),
    ("Encounter?practitioner=Practitioner/{doctor}", True),
    ("Encounter?participant={doctor}", True),
    ("Encounter?practitioner=999", False),
    ("Encounter?practitioner.name=priya", True),
    ("Encounter?appointment=Appointment/{Encounter}", True),
    ("Encounter?appointment.status=booked", False),
    ("Encounter?appointment={nobody}", False),
    ("Encounter?location=Location/{centre}", True),
    ("Encounter?location=999", False),
    ("Encounter?service-provider=centre-{centre}", True),
    ("Encounter?service-provider=department-{centre}", False),
    ("Encounter?service-provider:Organization.name=banksia", True),
    ("DocumentReference?date=ge{day}", True),
    ("DocumentReference?date=lt{day}", False),
    ("DocumentReference?status=current", True),
    ("DocumentReference?status=superseded,entered-in-error", False),
    ("DocumentReference?encounter=Encounter/{Encounter}", True),
    ("DocumentReference?encounter={nobody}", False),
    ("DocumentReference?encounter.status=finished", True),
    ("DocumentReference?encounter.status=arrived", False),
    ("DocumentReference?author=Practitioner/{doctor}", True),
    ("DocumentReference?author.name=stranger", False),
    ("DocumentReference?custodian=centre-{centre}", True),
    ("DocumentReference?type=http://loinc.org|11506-3", True),
    ("DocumentReference?type=11506-3", True),
    ("DocumentReference?type=34133-9", False),
    ("MedicationRequest?authoredon=ge{day}", True),
    ("MedicationRequest?authoredon=lt{day}", False),
    ("MedicationRequest?status=active", True),
    ("MedicationRequest?status=stopped,completed", False),
    ("MedicationRequest?intent=order", True),
    ("MedicationRequest?intent=plan", False),
    ("MedicationRequest?encounter={Encounter}", True),
    ("MedicationRequest?requester=Practitioner/{doctor}", True),
    ("MedicationRequest?requester.name=priya&encounter.class=AMB", True),
    ("MedicationRequest?requester=999", False),
]


def test_every_parameter_finds_what_it_says(app: Flask, care: Care) -> None:
    ids = care.whole()
    program = signed_in(app, care.world, "practitioner-owner")
    filled = {
        "patient": care.world.patients["owner"],
        "doctor": care.world.practitioners["owner"],
        "centre": care.world.centres["own"],
        "nobody": uuid4(),
        "Encounter": ids["Encounter"],
        "day": f"{care.now - 3 * DAY:%Y-%m-%d}",
    }
    for query, kinds in SEARCHES:
        for kind in KINDS:
            wanted = [str(ids[kind])] if kind in kinds else []
            assert found(program, f"{kind}?{query.format(**filled)}") == wanted, (kind, query)
    for query, fits in OWN_SEARCHES:
        wanted = [str(ids[query.partition("?")[0]])] if fits else []
        assert found(program, query.format(**filled)) == wanted, query
    for query in (
        "Encounter?status=booked",
        "DocumentReference?status=active",
        "MedicationRequest?status=current",
        "Encounter?date=x",
    ):
        assert program.send("GET", f"/fhir/{query}").status_code == 400, query


def test_every_search_runs_on_every_engine(database: Database, tmp_path: Path) -> None:
    world = build(database)
    care = Care(database, world, datetime.now(UTC))
    shown = [care.whole() for _ in range(3)]
    with app_on(database, tmp_path) as app:
        program = signed_in(app, world, "practitioner-owner")
        for kind in KINDS:
            wanted = {str(one[kind]) for one in shown}
            assert set(found(program, f"{kind}?patient.name=aroha")) == wanted
            assert (
                found(program, f"{kind}?status:not=entered-in-error&status=entered-in-error") == []
            )
            for name, parameter in RESOURCES[kind].parameters.items():
                if parameter.order is not None:
                    assert set(paged(program, f"{kind}?_sort=-{name}&_count=1")) == wanted
            assert set(paged(program, f"{kind}?_sort=_lastUpdated&_count=2")) == wanted
            assert program.get(f"/fhir/{kind}?_count=0")["total"] == 3
        assert len(found(program, "DocumentReference?encounter.class=AMB")) == 3


def paged(program: Program, query: str) -> list[str]:
    """The ids that a search shows on all its pages, none of them twice."""
    shown: list[str] = []
    path = f"/fhir/{query}"
    while path:
        bundle = program.get(path)
        shown += [one["resource"]["id"] for one in bundle["entry"]]
        links = {one["relation"]: one["url"] for one in bundle["link"]}
        path = links.get("next", "").removeprefix("http://localhost")
    assert len(shown) == len(set(shown)) == bundle["total"]
    return shown


def test_includes_bring_what_belongs_together(app: Flask, care: Care) -> None:
    care.whole()
    program = signed_in(app, care.world, "patient-owner")
    bundle = program.get(
        "/fhir/DocumentReference?_include=DocumentReference:*&_include:iterate=Encounter:*"
    )
    kinds = sorted(one["resource"]["resourceType"] for one in bundle["entry"])
    assert kinds == [
        "Appointment",
        "DocumentReference",
        "Encounter",
        "Location",
        "Organization",
        "Patient",
        "Practitioner",
    ]
    back = program.get(
        "/fhir/Encounter?_revinclude=DocumentReference:encounter"
        "&_revinclude=MedicationRequest:encounter"
    )
    assert [one["resource"]["resourceType"] for one in back["entry"]] == list(KINDS)


def test_statements_do_not_grow_with_the_answer(app: Flask, network: Database, care: Care) -> None:
    for who in ("owner", "teammate", "stranger"):
        for _ in range(4):
            care.whole("owner", who)
    program = signed_in(app, care.world, "practitioner-owner")
    for kind in KINDS:
        for query, most in (
            (f"{kind}?", 6),
            (f"{kind}?_include={kind}:patient", 7),
            (f"{kind}?patient={care.world.patients['owner']}", 6),
        ):
            counts = []
            for count in (1, 50):
                with counting(network) as counted:
                    program.get(f"/fhir/{query}&_count={count}")
                counts.append(counted.count)
            assert counts[0] == counts[1] <= most, (query, counts)


def test_the_description_names_them(app: Flask) -> None:
    statement = Program(app).get("/fhir/metadata")
    known = {one["type"]: one for one in statement["rest"][0]["resource"]}
    for kind in KINDS:
        codes = {one["code"] for one in known[kind]["interaction"]}
        assert codes == {"read", "vread", "search-type"}
        assert {"patient", "subject", "status", "_id", "_lastUpdated"} <= {
            one["name"] for one in known[kind]["searchParam"]
        }
    assert "DocumentReference:encounter" in known["Encounter"]["searchRevInclude"]
    smart = Program(app).get("/.well-known/smart-configuration")
    assert {f"system/{kind}.rs" for kind in KINDS} <= set(smart["scopes_supported"])
