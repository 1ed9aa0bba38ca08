"""What is no longer kept is removed when it is due, and nothing before."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

import factories
from factories import NOW
from openslot.booking.models import Appointment, Status
from openslot.core import audit, sealing
from openslot.core.actor import SYSTEM
from openslot.core.audit import AuditEvent, AuditSeal
from openslot.core.births import BirthDate
from openslot.core.db import Database
from openslot.directory.models import Dependent, Patient
from openslot.entrypoints.worker import main as worker
from openslot.records.models import Entry
from openslot.usecases import erasing, retention
from town import Town, build_town
from waitroom import SETTINGS
from working import KEY, work

YEARS = {"record_years": 7, "child_record_age": 25, "audit_years": 7}
LONG_AGO = NOW - timedelta(days=8 * 365)


@pytest.fixture
def town(database: Database) -> Town:
    return build_town(database, patients=2)


def old_record(
    database: Database, town: Town, born: str | None, at: datetime = LONG_AGO, **more: Any
) -> UUID:
    """The first patient, with a note and an appointment from long ago."""

    def act(session: Session) -> UUID:
        patient = session.get_one(Patient, town.patients[0])
        patient.born = BirthDate(born) if born else None
        patient.created_at = at - timedelta(days=1)
        for name, value in more.items():
            setattr(patient, name, value)
        factories.appointment_row(
            session, town.gp_at_hospital, patient.id, Status.CANCELLED, at, reason="Cough"
        )
        entry = {"practitioner_id": town.gp, "kind": "note", "text": "Bronchitis"}
        session.add(Entry(patient_id=patient.id, recorded_at=at, **entry))
        return patient.id

    return database.run(act)


def remove(database: Database, now: datetime = NOW, **changed: Any) -> int:
    settings = YEARS | changed
    return database.run(
        lambda s: retention.remove_due_records(work(s, SYSTEM, now, **settings), limit=10)
    )


def entries(database: Database) -> int:
    return database.read(lambda session: session.query(Entry).count())


@pytest.mark.parametrize(
    ("born", "changed", "removed"),
    [
        ("1980-05-01", {}, True),
        ("1980-05-01", {"record_years": 0}, False),
        ("1980-05-01", {"record_years": 9}, False),
        ("2010-05-01", {}, False),
        ("2001", {}, False),
        ("2001-01-01", {}, False),
        ("2000-12-31", {}, True),
        ("2000", {}, True),
        (None, {}, False),
        (None, {"child_record_age": 7}, True),
    ],
)
def test_a_record_is_removed_when_adults_and_children_are_due(
    database: Database, town: Town, born: str | None, changed: dict[str, int], removed: bool
) -> None:
    patient_id = old_record(database, town, born)
    due = database.read(lambda s: retention.due(work(s, SYSTEM, NOW, **(YEARS | changed))))
    assert due.records == removed
    assert remove(database, **changed) == removed
    assert entries(database) == (not removed)
    patient = database.read(lambda s: s.get_one(Patient, patient_id))
    assert (patient.name == erasing.NAMELESS) is removed
    assert remove(database, **changed) == 0


@pytest.mark.parametrize("what", ["entry", "appointment"])
def test_one_recent_thing_keeps_the_whole_record(database: Database, town: Town, what: str) -> None:
    patient_id = old_record(database, town, "1980")

    def act(session: Session) -> None:
        if what == "entry":
            session.query(Entry).one().recorded_at = NOW - timedelta(days=365)
        else:
            session.query(Appointment).one().ends_at = NOW - timedelta(days=365)

    database.run(act)
    assert remove(database) == 0
    assert database.read(lambda s: s.get_one(Patient, patient_id)).erased_at is None


def test_whoever_has_an_account_loses_the_record_and_not_the_account(
    database: Database, town: Town
) -> None:
    account = database.run(lambda s: factories.account(s, "old@example.net"))
    patient_id = old_record(database, town, "1980", account_id=account.id)
    assert remove(database) == 1
    patient = database.read(lambda s: s.get_one(Patient, patient_id))
    assert (patient.active, patient.account_id) == (True, account.id)
    assert entries(database) == 0
    assert database.read(lambda s: s.query(Appointment).one()).reason is None
    assert remove(database) == 0


@pytest.mark.parametrize("cares", [True, False])
def test_who_cares_or_is_cared_for_loses_the_record_and_not_the_name(
    sqlite_database: Database, *, cares: bool
) -> None:
    town = build_town(sqlite_database, patients=2)
    patient_id = old_record(sqlite_database, town, "1980")
    carer, child = (patient_id, town.patients[1]) if cares else (town.patients[1], patient_id)
    link = {"patient_id": child, "carer_id": carer, "since": NOW}
    sqlite_database.run(lambda session: session.add(Dependent(**link)))
    assert remove(sqlite_database) == 1
    assert entries(sqlite_database) == 0
    assert sqlite_database.read(lambda s: s.get_one(Patient, patient_id)).erased_at is None


def test_the_record_of_an_erased_person_goes_when_it_is_due(database: Database, town: Town) -> None:
    patient_id = old_record(database, town, "1980-05-01")
    database.run(lambda s: erasing.erase(work(s, SYSTEM, NOW), patient_id))
    assert entries(database) == 1
    assert remove(database) == 1
    assert entries(database) == 0


# The audit log


def log(database: Database, at: datetime, count: int = 3) -> None:
    def act(session: Session) -> None:
        for number in range(count):
            audit.record(work(session, SYSTEM, at), "test.done", f"test:{number}")

    database.run(act)
    while database.run(lambda s: sealing.seal_next(s, now=at + timedelta(minutes=1), keys=[KEY])):
        pass


def drop(database: Database, **changed: Any) -> int:
    settings = YEARS | changed
    return database.run(lambda s: retention.remove_due_events(work(s, SYSTEM, NOW, **settings)))


def test_old_audit_events_go_and_the_chain_stays_whole(database: Database) -> None:
    log(database, LONG_AGO)
    log(database, NOW - timedelta(days=30))
    assert drop(database, audit_years=0) == 0
    assert drop(database) == 3
    assert drop(database) == 0
    assert database.read(lambda s: list(sealing.broken(s, [KEY]))) == []
    left = database.read(lambda s: [one.action for one in s.query(AuditEvent)])
    assert sorted(left) == ["audit.removed", *["test.done"] * 3]
    seals = database.read(
        lambda s: [one.removed_at for one in s.query(AuditSeal).order_by(AuditSeal.number)]
    )
    assert [one is not None for one in seals] == [True, False]


def test_a_seal_with_one_event_that_is_not_due_stays(database: Database) -> None:
    database.run(lambda s: audit.record(work(s, SYSTEM, LONG_AGO), "test.done", "test:1"))
    log(database, NOW - timedelta(days=30))
    assert drop(database) == 0


def test_events_put_under_a_removed_seal_are_found(database: Database) -> None:
    log(database, LONG_AGO)
    drop(database)
    database.run(
        lambda s: s.add(AuditEvent(at=LONG_AGO, action="x", subject="y", details={}, seal_number=1))
    )
    assert [one.number for one in database.read(lambda s: list(sealing.broken(s, [KEY])))] == [1]


def test_the_worker_does_it_once_a_day(database: Database, town: Town) -> None:
    old_record(database, town, "1980")
    settings = SETTINGS.model_copy(update=YEARS)
    for hour in (0, 1):
        now = datetime(2026, 11, 23, hour, tzinfo=UTC)
        worker.plan_day(database, settings, lambda now=now: now)
        while worker.handle_next(database, settings, now=lambda now=now: now):
            pass
    assert entries(database) == 0
