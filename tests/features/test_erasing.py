"""Erasing a person: no word of them is left anywhere in the database, and the rest stands."""

import html
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import factories
from classes import offer_classes
from factories import MONDAY_9, NOW
from openslot.booking import check
from openslot.booking.errors import HasDependents
from openslot.booking.models import Appointment, Status
from openslot.booking.sessions import commands as sessions
from openslot.core import idempotency, outbox, sealing
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.births import BirthDate
from openslot.core.db import Database
from openslot.core.errors import Forbidden, NotFound
from openslot.core.tables import Base
from openslot.department_requests.models import ServiceRequest
from openslot.directory.errors import MergedFurther, PatientErased
from openslot.directory.models import Dependent, Patient, Service
from openslot.entrypoints.worker.main import handle_next
from openslot.feedback.models import Rating
from openslot.identity.models import Account, AccountSession, SignInFailure
from openslot.records import commands as records
from openslot.records.details import EmergencyDetails, NoteDetails
from openslot.records.models import Entry
from openslot.referrals import commands as referrals
from openslot.usecases import booking as usecases
from openslot.usecases import erasing, merging
from referring import Dentists
from town import Town, build_town
from waitroom import SETTINGS
from working import KEY, work

NAME, PHONE, NUMBER = "Zephyrine O’Quillfeather", "0491 570 156", "2953 91837 1"
EMAIL, ACCOUNT = "zephyrine@quill.example", "quillfeather@home.example"
REASON, WHY, TASK = "Secretrash", "Secretexcuse", "Secrettask"
NOTE, LETTER, GLASS = "Secretnote", "Secretletter", "Secretcollapse in the street"
PLANTED = (
    "Zephyrine",
    "Quillfeather",
    "quill.example",
    ACCOUNT,
    "0491 570",
    "570156",
    "295391837",
    "953 91837",
    REASON,
    WHY,
    TASK,
    GLASS.split()[0],
    "Secretchrome",
)
IN_RECORD = (NOTE, LETTER)


@pytest.fixture
def town(database: Database) -> Town:
    return build_town(database, patients=3)


def plant(database: Database, town: Town) -> None:
    """Write the words of a person wherever the program writes some."""
    patient = town.patients[0]

    def details(session: Session) -> None:
        row = session.get_one(Patient, patient)
        account = factories.account(session, ACCOUNT, name=NAME)
        row.name, row.email, row.phone, row.medicare_number = NAME, EMAIL, PHONE, NUMBER
        row.born, row.account_id = BirthDate("1987-03-04"), account.id

    database.run(details)
    dentists = Dentists(database, town)
    database.run(lambda s: _care(s, town))
    letter = dentists.draft(patient=0, letter=LETTER)
    database.run(lambda s: referrals.send(work(s, town.doctor, NOW, access_days=0), letter))
    while handle_next(database, SETTINGS, now=lambda: NOW):
        pass
    database.run(lambda s: _traces(s, town))
    for _ in range(3):
        database.run(lambda s: sealing.seal_next(s, now=NOW + timedelta(days=1), keys=[KEY]))


def _care(session: Session, town: Town) -> None:
    patient = town.patients[0]
    at = MONDAY_9 + timedelta(days=3)
    booked = factories.appointment(session, town.gp_at_hospital, at, patient, reason=REASON)
    later = at + timedelta(days=1)
    gone = factories.appointment(session, town.gp_at_hospital, later, patient, reason=REASON)
    factories.change_status(session, gone.id, Status.CANCELLED, why=WHY)
    booked.task = TASK
    records.add(work(session, town.doctor, NOW, access_days=0), patient, NoteDetails(text=NOTE))
    physio = Actor(role=Role.PRACTITIONER, practitioner_id=town.physio)
    records.break_glass(work(session, physio, NOW), patient, EmergencyDetails(reason=GLASS))
    session.add(Rating(patient_id=patient, practitioner_id=town.gp, stars=2, rated_at=NOW))


def _traces(session: Session, town: Town) -> None:
    patient = session.get_one(Patient, town.patients[0])
    session.add(SignInFailure(email=ACCOUNT, address="192.0.2.7", at=NOW))
    session.add(
        AccountSession(
            token_hash=bytes(32),
            account_id=patient.account_id,
            created_at=NOW,
            seen_at=NOW,
            ends_at=NOW,
            agent="Secretchrome",
        )
    )
    for body in ({"name": NAME}, {"html": f"<p>Zephyrine O&rsquo;Quillfeather {EMAIL}</p>"}):
        outbox.send(work(session, now=NOW), outbox.MAIL, {"to": EMAIL, **body})
    session.add(
        idempotency.KeptAnswer(
            key_hash="k" * 64,
            digest="d" * 64,
            started_at=NOW,
            status=201,
            headers={"Location": f"/api/v1/patients/{patient.id}"},
            body=f'{{"id": "{patient.id}", "phone": "{PHONE}"}}',
        )
    )
    session.add(
        ServiceRequest(
            service_id=session.scalars(select(Service.id)).one(),
            department_id=town.department,
            patient_id=patient.id,
            task=TASK,
            description=REASON,
            starts_at=MONDAY_9,
            minutes=30,
            status="declined",
            answer=WHY,
            version=1,
            created_at=NOW,
            changed_at=NOW,
            priority="routine",
        )
    )


def erase(database: Database, patient: UUID, **more: Any) -> erasing.Erased:
    erased = database.run(lambda s: erasing.erase(work(s, SYSTEM, NOW), patient, **more))
    database.scrub()
    return erased


def dump(database: Database) -> str:
    """All tables as text, and the bytes of the file where there is one."""

    def read(session: Session) -> str:
        rows = (
            repr(dict(row))
            for table in Base.metadata.sorted_tables
            for row in session.execute(table.select()).mappings()
        )
        return "\n".join(rows)

    text = database.read(read)
    file = database.engine.url.database
    if database.engine.dialect.name == "sqlite" and file:
        folder = Path(file).parent
        for one in folder.glob(f"{Path(file).name}*"):
            text += one.read_bytes().decode("latin-1")
    return text


def words_in(text: str, words: tuple[str, ...]) -> set[str]:
    folded = text.casefold()
    return {word for word in words if word.casefold() in folded}


def test_no_word_of_a_person_is_left(database: Database, town: Town) -> None:
    plant(database, town)
    before = dump(database)
    assert words_in(before, (*PLANTED, NOTE)) >= {*PLANTED, NOTE} - {"570156", "295391837"}
    erase(database, town.patients[0])
    after = dump(database)
    assert words_in(after, PLANTED) - {GLASS.split()[0]} == set()
    assert NOTE in after
    assert check.faults(database) == []
    assert database.read(lambda s: list(sealing.broken(s, [KEY]))) == []


def test_a_name_is_found_however_messages_and_answers_write_it(sqlite_database: Database) -> None:
    town, name = build_town(sqlite_database), 'Zoë "Zuzu" O’Dea & Sons'
    written = {"key_hash": "k" * 64, "digest": "d" * 64, "started_at": NOW, "status": 201}

    def plant_forms(session: Session) -> None:
        session.get_one(Patient, town.patients[0]).name = name
        for payload in ({"text": f"Dear {name}"}, {"html": f"<p>{html.escape(name)}</p>"}):
            outbox.send(work(session, now=NOW), outbox.MAIL, {"to": "x@example.org", **payload})
        body = json.dumps({"name": name})
        session.add(idempotency.KeptAnswer(**written, headers={}, body=body))

    sqlite_database.run(plant_forms)
    assert erase(sqlite_database, town.patients[0]).messages == 3
    assert words_in(dump(sqlite_database), ("Zuzu", "O’Dea")) == set()


def test_the_record_goes_too_if_it_is_asked(database: Database, town: Town) -> None:
    plant(database, town)
    erase(database, town.patients[0], keep_record=False)
    assert words_in(dump(database), (*PLANTED, *IN_RECORD)) == set()
    assert database.read(lambda s: s.query(Entry).count()) == 0


def test_what_is_left_is_a_patient_without_a_name(database: Database, town: Town) -> None:
    plant(database, town)
    foreseen = database.read(lambda s: erasing.preview(work(s, SYSTEM, NOW), town.patients[0]))
    assert erase(database, town.patients[0]) == foreseen
    patient = database.read(lambda s: s.get_one(Patient, town.patients[0]))
    assert (patient.name, patient.born, patient.active) == (erasing.NAMELESS, "1987", False)
    assert patient.erased_at == NOW
    assert database.read(lambda s: s.query(Account).count()) == 0
    own = Appointment.patient_id == town.patients[0]
    states = database.read(lambda s: {one.status for one in s.query(Appointment).where(own)})
    assert Status.BOOKED not in states
    with pytest.raises(PatientErased):
        erase(database, town.patients[0])
    with pytest.raises(NotFound):
        database.run(lambda s: factories.appointment(s, town.gp_at_hospital, MONDAY_9, patient.id))


def test_merged_duplicates_are_erased_with_the_patient(database: Database, town: Town) -> None:
    plant(database, town)
    database.run(lambda s: merging.merge(work(s, SYSTEM, NOW), town.patients[1], town.patients[0]))
    with pytest.raises(MergedFurther):
        erase(database, town.patients[0])
    erase(database, town.patients[1], keep_record=False)
    assert words_in(dump(database), (*PLANTED, *IN_RECORD)) == set()


def test_others_keep_their_mail_and_texts(database: Database, town: Town) -> None:
    plant(database, town)

    def other(session: Session) -> None:
        outbox.send(work(session, now=NOW), outbox.MAIL, {"to": "bob@home.example", "text": "Hi"})
        factories.appointment(
            session, town.physio_at_hospital, MONDAY_9, town.patients[1], reason="Knee"
        )

    database.run(other)
    erase(database, town.patients[0])
    after = dump(database)
    assert "bob@home.example" in after
    assert "Knee" in after


def test_no_word_is_left_of_what_was_written_to_a_session(sqlite_database: Database) -> None:
    classes = offer_classes(sqlite_database)

    def write(session: Session) -> None:
        booked = [
            usecases.book(work(session, SYSTEM, NOW), classes.request(patient))
            for patient in range(2)
        ]
        told = sessions.Message(message=f"{NAME} brings cake, {GLASS}.")
        sessions.write_to_all(work(session, SYSTEM, NOW), booked[0].session_id, told)
        session.get_one(Patient, booked[0].patient_id).name = NAME

    sqlite_database.run(write)
    erase(sqlite_database, classes.town.patients[0])
    assert words_in(dump(sqlite_database), (*PLANTED, GLASS)) == set()


def test_what_was_written_to_a_session_is_only_in_the_mails(sqlite_database: Database) -> None:
    classes = offer_classes(sqlite_database)

    def write(session: Session) -> None:
        booked = usecases.book(work(session, SYSTEM, NOW), classes.request())
        told = sessions.Message(message=WHY)
        sessions.write_to_all(work(session, SYSTEM, NOW), booked.session_id, told)

    sqlite_database.run(write)
    while handle_next(sqlite_database, SETTINGS, now=lambda: NOW, but=[outbox.MAIL]):
        pass
    told = sqlite_database.read(lambda s: list(outbox.all_messages(s, "session.message")))
    assert [WHY in str(message.payload) for message in told] == [False]


def test_who_cares_for_others_is_not_erased(database: Database, town: Town) -> None:
    database.run(
        lambda s: s.add(
            Dependent(patient_id=town.patients[1], carer_id=town.patients[0], since=NOW)
        )
    )
    with pytest.raises(HasDependents):
        erase(database, town.patients[0])
    erase(database, town.patients[1])
    assert database.read(lambda s: s.query(Dependent).count()) == 0


def test_only_administrators_of_the_network_erase(database: Database, town: Town) -> None:
    for actor in (
        town.patient(0),
        town.doctor,
        town.clerk,
        Actor(role=Role.CENTRE_ADMIN, centre_id=town.hospital),
        Actor(),
    ):
        for command in (erasing.erase, erasing.preview):
            with pytest.raises(Forbidden):
                database.run(lambda s, by=actor, do=command: do(work(s, by, NOW), town.patients[0]))
