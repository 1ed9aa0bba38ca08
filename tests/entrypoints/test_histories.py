"""Histories in the browser: who sees what, and what strangers cannot tell."""

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from io import BytesIO
from uuid import UUID, uuid4

import pytest
from flask import Flask, g, render_template_string
from pypdf import PdfReader
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

import factories
from entrypoints.browsing import Client, ClientFor
from entrypoints.world import World
from openslot.booking import queries as booking
from openslot.booking.models import Appointment, Status
from openslot.core import audit
from openslot.core.actor import Actor, Role
from openslot.core.audit import AuditEvent
from openslot.core.db import Database
from openslot.directory.models import Dependent, Patient, Practitioner
from openslot.entrypoints.web import records
from openslot.records.models import EmergencyAccess, Entry, EntryKind

NOTE = "Left knee, pain on stairs for three weeks."
PILLS = {"medication": "Ibuprofen 400 mg", "dose": "1 tablet twice a day", "text": "With food."}
REASON = "Unconscious after a fall, allergies unknown."
LOOKED_UP = "/patients?name=aroha++OWNER&identifier=31+3+1980"


@pytest.fixture
def page(world: World) -> str:
    """The address of the owner's history."""
    return f"/patients/{world.patients['owner']}"


@pytest.fixture
def doctor(client_for: ClientFor) -> Client:
    """Who treats the owner."""
    return client_for("practitioner-owner")


def write(doctor: Client, page: str, text: str = NOTE, **more: object) -> None:
    answer = doctor.send(f"{page}/notes/new", text=text, **more)
    assert answer.status_code == 303, answer.text


def entries(network: Database) -> list[Entry]:
    return network.read(
        lambda session: list(session.scalars(select(Entry).order_by(Entry.recorded_at)))
    )


def events(network: Database, patient: UUID) -> list[str]:
    found = network.read(lambda session: audit.events_of(session, f"patient:{patient}"))
    return [one.action for one in found if one.action.startswith("record.")]


def seen(answer: TestResponse) -> str:
    """A page without what differs each time: nonces, tokens and the seconds that the session still
    lasts, and the address asked for."""
    varies = r'nonce="[^"]+"|name="csrf_token" value="[^"]+"|data-left="\d+"'
    text = re.sub(varies, "", answer.text)
    return text.replace(answer.request.path, "")


def test_allergies_stand_at_the_head_of_the_record_for_patient_and_practitioner(
    doctor: Client, page: str, client_for: ClientFor, network: Database
) -> None:
    patient = client_for("patient-owner")
    for client, path in ((doctor, page), (patient, "/history")):
        assert "Allergies are not recorded yet." in client.get(path).text
    assert doctor.send(f"{page}/allergies/none").status_code == 303
    assert "No known allergies" in patient.get("/history").text
    empty = doctor.send(f"{page}/allergies/new", substance=" ", severity="")
    assert empty.status_code == 422
    assert "Enter the substance." in empty.text
    odd = doctor.send(f"{page}/allergies/new", substance="Latex", severity="deadly")
    assert odd.status_code == 422
    latex = {"substance": "Latex", "text": "Weals <b>", "severity": "moderate"}
    assert doctor.send(f"{page}/allergies/new", **latex).status_code == 303
    for client, path in ((doctor, page), (patient, "/history?kind=allergies")):
        text = client.get(path).text
        assert '<div class="os-allergies">' in text
        assert "Latex</bdi></strong>, moderate: <bdi>Weals &lt;b&gt;" in text
    assert "Allergies are recorded" in doctor.send(f"{page}/allergies/none").text
    entry = entries(network)[-1]
    form = doctor.get(f"{page}/entries/{entry.id}/correct").text
    assert 'value="active" checked' in form
    corrected = doctor.send(f"{page}/entries/{entry.id}/correct", **latex, state="resolved")
    assert corrected.status_code == 303
    unsure = doctor.send(f"{page}/allergies/new", substance="Bees", severity="")
    assert unsure.status_code == 303
    bees = entries(network)[-1]
    form = doctor.get(f"{page}/entries/{bees.id}/correct").text
    assert 'name="severity" value="" checked' in form
    doctor.send(
        f"{page}/entries/{bees.id}/correct", substance="Bees", severity="", state="resolved"
    )
    assert "os-allergies" not in doctor.get(page).text
    assert "The patient no longer has this allergy." in patient.get("/history").text


def test_pressing_save_twice_writes_once(doctor: Client, page: str, network: Database) -> None:
    form = doctor.get(f"{page}/notes/new").text
    [name] = re.findall(r'name="entry_id" value="([^"]+)"', form)
    write(doctor, page, entry_id=name)
    write(doctor, page, entry_id=name)
    assert [str(one.id) for one in entries(network)] == [name]


# Who sees a history

STRANGERS = ["practitioner-teammate", "practitioner-stranger", "patient-teammate"]


@pytest.mark.parametrize("person", STRANGERS)
@pytest.mark.parametrize(
    "rest", ["", "?kind=notes", "/notes/new", "/prescriptions/new", "/emergency", "/edit"]
)
def test_strangers_get_the_very_answer_for_a_patient_who_does_not_exist(
    client_for: ClientFor, doctor: Client, page: str, person: str, rest: str
) -> None:
    write(doctor, page)
    client = client_for(person)
    real, nobody = client.get(page + rest), client.get(f"/patients/{uuid4()}{rest}")
    if person.startswith("patient") and rest not in ("", "?kind=notes"):
        assert real.status_code == nobody.status_code == 403
    else:
        assert real.status_code == nobody.status_code == 404
    assert seen(real) == seen(nobody)
    assert dict(real.headers).keys() == dict(nobody.headers).keys()


@pytest.mark.parametrize("person", ["practitioner-teammate", "practitioner-stranger"])
@pytest.mark.parametrize("rest", ["/notes/new", "/prescriptions/new", "/emergency", "/edit"])
def test_strangers_write_to_nobody(
    client_for: ClientFor, network: Database, page: str, person: str, rest: str
) -> None:
    client = client_for(person)
    fields = {"text": NOTE, "reason": REASON, "name": "New", **PILLS}
    real = client.post(page + rest, **fields)
    nobody = client.post(f"/patients/{uuid4()}{rest}", **fields)
    assert real.status_code == nobody.status_code == 404
    assert seen(real) == seen(nobody)
    assert entries(network) == []


def test_reads_and_refusals_are_written_down(
    client_for: ClientFor, doctor: Client, network: Database, world: World, page: str
) -> None:
    doctor.get(page)
    client_for("practitioner-stranger").get(page)
    client_for("practitioner-stranger").get(f"{page}/notes/new")
    client_for("patient-owner").get("/history")
    assert events(network, world.patients["owner"]) == [
        "record.read",
        "record.refused",
        "record.refused",
        "record.read",
    ]


@pytest.mark.parametrize("person", ["staff-owner", "centre-admin-owner", "network-admin"])
def test_staff_and_administrators_see_contact_details_and_nothing_of_a_history(
    client_for: ClientFor, doctor: Client, network: Database, world: World, page: str, person: str
) -> None:
    write(doctor, page)
    client = client_for(person)
    shown = client.get(page)
    assert shown.status_code == 200
    assert "0400 123 456" in shown.text
    assert NOTE not in shown.text
    assert "Sore knee" not in shown.text
    for rest in ("/notes/new", "/emergency"):
        assert client.get(page + rest).status_code == 403
    assert client.get(f"/history/{world.patients['owner']}").status_code == 403
    assert events(network, world.patients["owner"]) == ["record.noted"]
    subject = f"patient:{world.patients['owner']}"
    noted = network.read(lambda session: audit.events_of(session, subject))
    assert [one.action for one in noted][-1] == "patient.read"


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.NO_SHOW, Status.ENTERED_IN_ERROR])
def test_an_appointment_that_did_not_happen_gives_nothing(
    doctor: Client, network: Database, world: World, page: str, status: Status
) -> None:
    factories.change(network, Appointment, world.appointments["owner"], status=status)
    assert doctor.get(page).status_code == 404


# The history of a practitioner's patient


def test_a_practitioner_writes_and_the_next_one_reads(
    client_for: ClientFor, doctor: Client, network: Database, world: World, page: str
) -> None:
    write(doctor, page, appointment_id=world.appointments["owner"])
    assert doctor.send(f"{page}/prescriptions/new", **PILLS).status_code == 303
    factories.change(
        network, Appointment, world.appointments["stranger"], patient_id=world.patients["owner"]
    )
    shown = client_for("practitioner-stranger").get(page)
    assert shown.status_code == 200
    assert NOTE in shown.text
    assert "Ibuprofen 400 mg" in shown.text
    assert "Priya Owner" in shown.text
    assert "Banksia General Hospital" in shown.text
    assert "/correct" not in shown.text
    assert shown.headers["Cache-Control"] == "private, no-store"


def test_a_correction_and_what_it_corrects_point_to_each_other(
    doctor: Client, network: Database, page: str
) -> None:
    write(doctor, page)
    (old,) = entries(network)
    form = f"{page}/entries/{old.id}/correct"
    assert NOTE in doctor.get(form).text
    assert doctor.send(form, text="Right knee, not left.").status_code == 303
    new = entries(network)[-1]
    shown = doctor.get(page).text
    assert f'href="#entry-{new.id}">No longer valid' in shown
    assert f'href="#entry-{old.id}">Corrects the entry' in shown
    assert doctor.get(form).status_code == 409
    assert f"/entries/{new.id}/correct" in shown
    assert f"/entries/{old.id}/correct" not in shown


def test_entries_of_other_patients_are_not_corrected_from_here(
    doctor: Client, network: Database, world: World, page: str
) -> None:
    write(doctor, page)
    (old,) = entries(network)
    other = f"/patients/{world.patients['teammate']}/entries/{old.id}/correct"
    assert doctor.get(other).status_code == 404
    assert doctor.get(f"{page}/entries/{uuid4()}/correct").status_code == 404


def test_what_was_typed_stays_where_something_is_missing(doctor: Client, page: str) -> None:
    answer = doctor.send(f"{page}/prescriptions/new", medication="Ibuprofen", dose="", text="Food")
    assert answer.status_code == 422
    assert 'value="Ibuprofen"' in answer.text
    assert "Enter a dose." in answer.text
    wrong = doctor.send(f"{page}/notes/new", text=NOTE, appointment_id=str(uuid4()))
    assert wrong.status_code == 422
    assert NOTE in wrong.text


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?kind=everything", 200),
        ("?after=x", 400),
        ("?after=20261122T080000.000000_9_00000000000000000000000000000000", 400),
        ("?after=99991231T235959.999999_0_00000000000000000000000000000000", 400),
        ("?after=20261122T080000.000000_-1_00000000000000000000000000000000", 400),
        ("?after=00010101T000000.000000_0_00000000000000000000000000000000", 200),
    ],
)
def test_odd_addresses_of_a_list_are_no_fault_of_ours(
    doctor: Client, page: str, query: str, status: int
) -> None:
    assert doctor.get(page + query).status_code == status


def test_forms_lead_back_to_pages_of_ours_only(doctor: Client, page: str) -> None:
    for back in ("//evil.example", "https://evil.example/"):
        answer = doctor.send(f"{page}/notes/new", text=NOTE, back=back)
        assert answer.location == page


def test_a_gp_can_refer_from_here(
    doctor: Client, network: Database, world: World, page: str
) -> None:
    assert "referrals/new" not in doctor.get(page).text
    factories.change(network, Practitioner, world.practitioners["owner"], profession="GP")
    assert f"{page}/referrals/new" in doctor.get(page).text


# Finding


def test_practitioners_find_their_own_patients_by_a_part_of_the_name(
    client_for: ClientFor, page: str
) -> None:
    client = client_for("practitioner-owner")
    found = client.search("/patients?q=aroha").text
    assert "1 patient" in found
    assert page in found
    assert "Teammate" not in found


@pytest.mark.parametrize(
    "query",
    [
        "q=aroha",
        "q=owner",
        "q=31+3+1980",
        "q=0400",
        "q=patient-owner",
        "name=aroha+owner",
        "born=31+3+1980",
        "name=aroha&identifier=31+3+1980",
        "name=aroha+owne&identifier=31+3+1980",
        "name=aroha+owner&identifier=30+3+1980",
        "name=%25&identifier=31+3+1980",
        "name=aroha+owner&identifier=x",
    ],
)
def test_nobody_else_is_hinted_at(client_for: ClientFor, world: World, query: str) -> None:
    shown = client_for("practitioner-stranger").search(f"/patients?{query}").text
    assert "Aroha Owner" not in shown
    assert str(world.patients["owner"]) not in shown
    assert "2 patients" not in shown


def test_whole_name_and_birth_find_somebody_and_open_nothing(
    client_for: ClientFor, page: str
) -> None:
    shown = client_for("practitioner-stranger").search(LOOKED_UP).text
    assert "Aroha Owner" in shown
    assert f'href="{page}"' not in shown
    assert "0400 123" not in shown
    assert f"{page}/emergency?found=" in shown


def test_registering_somebody_known_reveals_no_more_than_was_typed(client_for: ClientFor) -> None:
    client = client_for("practitioner-stranger")
    known = client.send("/patients/new", name="Aroha Owner", born="31 3 1980")
    assert known.status_code == 409
    assert "0400 123" not in known.text
    assert "patient-owner@example.com" not in known.text
    made = client.send("/patients/new", name="aroha", born="31 3 1980")
    assert made.status_code == 303
    assert made.location.startswith("/search?patient=")


def test_practitioners_change_details_of_their_own_patients_only(
    client_for: ClientFor, doctor: Client, page: str
) -> None:
    assert doctor.get(f"{page}/edit").status_code == 200
    assert client_for("practitioner-stranger").get(f"{page}/edit").status_code == 404


# Emergencies


def emergency_form(client: Client, query: str = LOOKED_UP) -> str:
    found = re.search(r'href="(/patients/[^"]+/emergency\?found=[^"]+)"', client.search(query).text)
    assert found
    return unescape(found[1])


def test_the_glass_is_broken_with_a_reason_and_the_patient_sees_it(
    client_for: ClientFor, doctor: Client, network: Database, page: str
) -> None:
    write(doctor, page)
    client = client_for("practitioner-stranger")
    form = emergency_form(client)
    asked = client.get(form)
    assert "24 hours" in asked.text
    assert NOTE not in asked.text
    refused = client.send(form, reason="no")
    assert refused.status_code == 422
    assert client.get(page).status_code == 404
    opened = client.send(form, reason=REASON)
    assert (opened.status_code, opened.location) == (303, page)
    shown = client.get(page).text
    assert NOTE in shown
    assert "You opened this record in an emergency" in shown
    assert client.get(form).location == page
    reads = client_for("patient-owner").get("/history/reads").text
    assert REASON in reads
    assert "Priya Stranger" in reads

    def end(session: Session) -> None:
        for access in session.scalars(select(EmergencyAccess)):
            access.ends_at = datetime.now(UTC)

    network.run(end)
    assert client.get(page).status_code == 404


def test_only_who_found_the_patient_comes_to_the_emergency_page(
    client_for: ClientFor, network: Database, world: World, page: str
) -> None:
    client, other = client_for("practitioner-stranger"), client_for("practitioner-teammate")
    form = emergency_form(client)
    found = form.partition("?")[2]
    assert other.get(form).status_code == 404
    assert (
        client.get(f"/patients/{world.patients['teammate']}/emergency?{found}").status_code == 404
    )
    assert client.post(f"{page}/emergency", reason=REASON).status_code == 404
    assert network.read(lambda session: list(session.scalars(select(EmergencyAccess)))) == []


# One's own


def test_patients_read_their_own_and_write_nothing(
    client_for: ClientFor, doctor: Client, world: World, page: str
) -> None:
    write(doctor, page, appointment_id=world.appointments["owner"])
    client = client_for("patient-owner")
    shown = client.get("/history")
    assert NOTE in shown.text
    assert "Sore knee" not in shown.text, "it is still to come"
    assert "Sore knee" in client.get("/history?kind=appointments").text
    assert "<textarea" not in shown.text
    assert "/correct" not in shown.text
    assert shown.headers["Cache-Control"] == "private, no-store"
    own = world.patients["owner"]
    assert client.get(f"/history/{own}").location == "/history"
    assert client.get(f"/history/{own}/reads").location == "/history/reads"


@pytest.mark.parametrize("rest", ["", "/reads", "/export.json", "/export.pdf"])
def test_the_history_of_another_patient_is_not_there(
    client_for: ClientFor, world: World, rest: str
) -> None:
    client = client_for("patient-teammate")
    real = client.get(f"/history/{world.patients['owner']}{rest}")
    nobody = client.get(f"/history/{uuid4()}{rest}")
    assert real.status_code == nobody.status_code == 404
    assert seen(real) == seen(nobody)


def test_who_cares_for_somebody_reads_and_takes_along_theirs(
    client_for: ClientFor, doctor: Client, network: Database, world: World, page: str
) -> None:
    write(doctor, page)
    own, carer = world.patients["owner"], world.patients["teammate"]

    def care(session: Session) -> None:
        session.add(Dependent(patient_id=own, carer_id=carer, since=datetime.now(UTC)))

    network.run(care)
    client = client_for("patient-teammate")
    assert client.get(page).location == f"/history/{own}"
    assert NOTE in client.get(f"/history/{own}").text
    assert "Aroha Owner" in client.get("/history").text
    assert NOTE in client.get(f"/history/{own}/export.json").text
    because = "Because there is or was an appointment with them."
    assert because not in client.get(f"/history/{own}/reads").text
    doctor.get(page)
    assert because in client.get(f"/history/{own}/reads").text
    reads = client_for("patient-owner").get("/history/reads").text
    assert "Aroha Teammate" in reads


def test_reads_of_a_day_by_the_same_person_stand_together(
    client_for: ClientFor, doctor: Client, page: str
) -> None:
    for _ in range(3):
        doctor.get(page)
    shown = client_for("patient-owner").get("/history/reads").text
    assert "3 times that day" in shown
    assert "Because you have or had an appointment with them." in shown
    assert shown.count("Priya Owner") == 1


def test_a_history_is_taken_along_without_a_name_in_the_files_name(
    client_for: ClientFor, doctor: Client, network: Database, world: World, page: str
) -> None:
    write(doctor, page, appointment_id=world.appointments["owner"])
    client, own = client_for("patient-owner"), f"/history/{world.patients['owner']}"
    data = client.get(f"{own}/export.json")
    assert data.mimetype == "application/json"
    made = json.loads(data.text)
    assert [one["text"] for one in made["entries"]] == [NOTE]
    assert made["appointments"][0]["reason"] == "Sore knee"
    paper = client.get(f"{own}/export.pdf")
    assert paper.mimetype == "application/pdf"
    assert NOTE in PdfReader(BytesIO(paper.data)).pages[0].extract_text()
    for answer, ending in ((data, "json"), (paper, "pdf")):
        name = answer.headers["Content-Disposition"]
        assert re.fullmatch(rf"attachment; filename=health-record-[\d-]+\.{ending}", name)
        assert answer.headers["Cache-Control"] == "private, no-store"
    assert events(network, world.patients["owner"]).count("record.read") == 2


# Long ones

MANY = 1000


def fill(session: Session, world: World) -> None:
    """As many notes as somebody collects in a long life, several at the same time."""
    begin = datetime.now(UTC) - timedelta(days=MANY)
    session.add_all(
        Entry(
            id=uuid4(),
            patient_id=world.patients["owner"],
            kind=EntryKind.NOTE,
            practitioner_id=world.practitioners["owner"],
            centre_id=world.centres["own"],
            text=f"Number {number}. " + "What was found, said and done. " * 8,
            recorded_at=begin + timedelta(days=number // 2),
        )
        for number in range(MANY)
    )


def test_a_long_history_takes_as_many_statements_as_a_short_one_and_is_quick(
    doctor: Client,
    app: Flask,
    network: Database,
    world: World,
    page: str,
    statements: Callable[..., object],
) -> None:
    database: Database = app.extensions["openslot"].database
    write(doctor, page)
    doctor.get(page)
    with statements(database) as short:  # type: ignore[attr-defined]
        doctor.get(page)
    network.run(lambda session: fill(session, world))
    with statements(database) as long:  # type: ignore[attr-defined]
        shown = doctor.get(page)
    assert long.count == short.count <= 18
    times = []
    for _ in range(9):
        begin = time.perf_counter()
        doctor.get(page)
        times.append(time.perf_counter() - begin)
    print(
        f"{MANY} notes: {long.count} statements, {len(shown.data)} bytes, "
        f"median {sorted(times)[4] * 1000:.0f} ms, best {min(times) * 1000:.0f} ms"
    )
    assert len(shown.data) < 100_000


def test_a_long_history_is_turned_page_by_page_without_loss(
    client_for: ClientFor, network: Database, world: World
) -> None:
    network.run(lambda session: fill(session, world))
    client, address, read = client_for("patient-owner"), "/history", []
    while address:
        shown = client.get(address).text
        read += re.findall(r"Number (\d+)\.", shown)
        older = re.search(r'href="([^"]+)" rel="next"', shown)
        address = unescape(older[1]) if older else ""
    assert sorted(map(int, read)) == list(range(MANY))


def test_pages_of_a_history_mix_all_kinds_in_the_order_of_time(
    client_for: ClientFor, doctor: Client, network: Database, world: World, page: str
) -> None:
    write(doctor, page)
    client = client_for("practitioner-stranger")
    client.send(emergency_form(client), reason=REASON)
    shown = client_for("patient-owner").get("/history").text
    order = [shown.index(words) for words in (REASON, NOTE)]
    assert order == sorted(order)


def test_a_patient_without_anything_is_told_what_will_stand_here(
    client_for: ClientFor, network: Database, world: World
) -> None:
    factories.change(
        network, Appointment, world.appointments["owner"], patient_id=world.patients["teammate"]
    )
    client = client_for("patient-owner")
    assert "Nothing is recorded yet" in client.get("/history").text
    assert "No one else has read it" in client.get("/history/reads").text


def test_names_and_texts_are_shown_as_they_are_written(
    doctor: Client, network: Database, world: World, page: str
) -> None:
    factories.change(network, Patient, world.patients["owner"], name="<b>100%</b> (x)")
    write(doctor, page, "<script>alert(1)</script> 50 %(name)s")
    shown = doctor.get(page).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; 50 %(name)s" in shown
    assert "&lt;b&gt;100%&lt;/b&gt; (x)" in shown


# On the page of an appointment


@pytest.mark.parametrize(
    ("role", "reads", "writes"),
    [
        (Role.PRACTITIONER, True, True),
        (Role.PATIENT, True, False),
        (Role.STAFF, False, False),
        (Role.NETWORK_ADMIN, False, False),
    ],
)
def test_what_was_recorded_at_an_appointment_stands_on_its_page(
    app: Flask,
    doctor: Client,
    network: Database,
    world: World,
    page: str,
    role: Role,
    reads: bool,
    writes: bool,
) -> None:
    write(doctor, page, appointment_id=world.appointments["owner"])
    actor = Actor(
        role=role,
        patient_id=world.patients["owner"] if role is Role.PATIENT else None,
        practitioner_id=world.practitioners["owner"] if role is Role.PRACTITIONER else None,
        centre_id=world.centres["own"] if role is Role.STAFF else None,
    )
    appointment = network.read(
        lambda session: booking.appointment(session, world.appointments["owner"])
    )
    assert appointment is not None
    with app.test_request_context():
        g.actor = actor
        shown = render_template_string(
            "{% from 'history/_appointment.html' import at_appointment %}"
            "{{ at_appointment(at, zone, '/x', me) }}",
            at=records.at_appointment(appointment),
            zone=appointment.zone,
            me=None,
        )
    assert (NOTE in shown) is reads
    assert ("<textarea" in shown) is writes
    assert (f'value="{world.appointments["owner"]}"' in shown) is writes
    assert events(network, world.patients["owner"]).count("record.read") == reads


def test_who_read_is_one_line_of_a_reader_and_a_day(
    client_for: ClientFor, doctor: Client, network: Database, world: World, page: str
) -> None:
    colleague = client_for("practitioner-owner")
    whose = world.patients["owner"]
    network.run(
        lambda session: session.add_all(
            AuditEvent(
                account_id=world.accounts[f"practitioner-{who}"],
                action="record.read",
                subject=f"patient:{whose}",
                details={"how": how},
                at=datetime(2026, 3, day, hour, tzinfo=UTC),
            )
            for day in (2, 3)
            for hour, (who, how) in enumerate(
                [("owner", "care"), ("teammate", "care"), ("owner", "self-booked")] * 2
            )
        )
    )
    assert colleague.get(page).status_code == 200
    reads = client_for("patient-owner").get("/history/reads").text
    lines = re.findall(r'<h2 class="os-h3">(.*?)</h2>(.*?)</li>', reads, re.DOTALL)
    march = [(name, rest) for name, rest in lines if "March 2026" in rest]
    assert len(march) == 4
    assert {("Owner" in name, "4 times that day" in rest) for name, rest in march} == {
        (True, True),
        (False, False),
    }
    for name, rest in march:
        assert ("booked themselves" in rest) == ("Owner" in name)
        assert rest.count("Because you have") == 1


def test_a_day_of_reading_is_not_cut_by_the_end_of_a_page(
    client_for: ClientFor, network: Database, world: World
) -> None:
    network.run(
        lambda session: session.add_all(
            AuditEvent(
                account_id=world.accounts["practitioner-owner"],
                action="record.read",
                subject=f"patient:{world.patients['owner']}",
                details={"how": "care"},
                at=datetime(2026, 3, day, 1, minute, tzinfo=UTC),
            )
            for day in (2, 3)
            for minute in range(30)
        )
    )
    client = client_for("patient-owner")
    first = client.get("/history/reads").text
    assert first.count("30 times that day") == 1
    older = re.search(r'href="([^"]+)" rel="next"', first)
    assert older
    assert client.get(unescape(older[1])).text.count("30 times that day") == 1
