"""Encrypted columns: used as others, bound to their rows, found by hashes, encrypted anew."""

from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Text, func, select, text, type_coerce, update
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session, aliased

import factories
from clinic import NOW, Clinic, open_clinic
from engines import DATA_KEY, DATA_KEYS
from openslot.core import idempotency, reencryption
from openslot.core.data_keys import DataKeys, DoesNotOpen, new_key
from openslot.core.db import Database
from openslot.core.folding import is_text
from openslot.core.idempotency import KeptAnswer
from openslot.directory.models import Patient, Practitioner
from openslot.records.models import Entry, EntryKind
from openslot.schema import metadata

WORDS = "Allergic to penicillin, gezeichnet Müller 🩺"
NEW_KEY = new_key()
ROTATED = DataKeys(f"{DATA_KEY} {NEW_KEY}")


@pytest.fixture
def clinic(database: Database) -> Clinic:
    return open_clinic(database)


def write(database: Database, clinic: Clinic, words: str = WORDS, **more: Any) -> UUID:
    """Write a note; its id."""

    def act(session: Session) -> UUID:
        practitioner_id = session.scalars(select(Practitioner.id)).one()
        entry = Entry(
            patient_id=clinic.patient,
            practitioner_id=practitioner_id,
            kind=EntryKind.NOTE,
            text=words,
            recorded_at=NOW,
            **more,
        )
        session.add(entry)
        session.flush()
        return entry.id

    return database.run(act)


def stored(database: Database, entry_id: UUID) -> str:
    """What the table has."""
    query = select(type_coerce(Entry.text, Text)).where(Entry.id == entry_id)
    return database.read(lambda session: session.scalars(query).one())


def read(database: Database, entry_id: UUID) -> str:
    return database.read(lambda session: session.get_one(Entry, entry_id).text)


def with_keys(database: Database, keys: DataKeys) -> closing[Database]:
    """The same database, in a process with these keys."""
    url = database.engine.url.render_as_string(hide_password=False)
    return closing(Database(url, keys))


def test_an_encrypted_column_is_read_as_any_other(database: Database, clinic: Clinic) -> None:
    entry_id = write(database, clinic, dose="", medication=None)
    assert WORDS.encode() not in stored(database, entry_id).encode()
    other = aliased(Entry)
    few = select(Entry).limit(1).subquery()
    with database.reading() as session:
        assert session.scalars(select(Entry.text)).all() == [WORDS]
        assert session.execute(select(other.text, other.dose, other.medication)).one() == (
            WORDS,
            "",
            None,
        )
        assert session.connection().scalars(select(few.c.text)).all() == [WORDS]
        assert session.scalars(select(Entry).where(Entry.medication.is_(None))).one().text == WORDS
        for unknown in (select(select(Entry.text).subquery().c.text), select(func.max(Entry.text))):
            with pytest.raises(TypeError, match="with its row only"):
                session.execute(unknown)
        for compare in (Entry.text.__eq__, Entry.text.contains, Entry.text.startswith):
            with pytest.raises(TypeError, match="only be compared with NULL"):
                compare(WORDS)


def test_a_change_is_encrypted_and_one_for_an_unknown_row_is_refused(
    database: Database, clinic: Clinic
) -> None:
    entry_id = write(database, clinic)
    before = stored(database, entry_id)

    def change(session: Session) -> None:
        entry = session.get_one(Entry, entry_id)
        entry.text, entry.dose = "Corrected", "one a day"

    database.run(change)
    assert read(database, entry_id) == "Corrected"
    assert stored(database, entry_id) not in (before, "Corrected")
    whoever = update(Entry).values(text=WORDS)
    with pytest.raises(StatementError, match="for a row, which is not known"):
        database.run(lambda session: session.execute(whoever))


@pytest.mark.parametrize(
    ("table", "column"),
    [("history_entry", "text"), ("history_entry", "dose"), ("patient", "medicare_number")],
    ids=["another row", "another column", "another table"],
)
def test_a_value_opens_in_its_place_only(
    sqlite_database: Database, table: str, column: str
) -> None:
    clinic = open_clinic(sqlite_database)
    value = stored(sqlite_database, write(sqlite_database, clinic))
    write(sqlite_database, clinic, "Well")
    with sqlite_database.engine.begin() as connection:
        copy = text(f"UPDATE {table} SET {column} = :value")
        connection.execute(copy, {"value": value})
    query = select(metadata.tables[table].c[column])
    with pytest.raises(DoesNotOpen, match=f"{table}.{column}:.* was changed outside"):
        sqlite_database.read(lambda session: session.execute(query).all())


def test_without_the_key_there_is_an_error_and_no_text(sqlite_database: Database) -> None:
    entry_id = write(sqlite_database, open_clinic(sqlite_database))
    other = DataKeys(NEW_KEY)
    with (
        with_keys(sqlite_database, other) as elsewhere,
        pytest.raises(DoesNotOpen, match=f"data key {DATA_KEYS.newest} is not set"),
    ):
        read(elsewhere, entry_id)


def test_a_number_is_found_by_a_hash_of_any_key(database: Database, clinic: Clinic) -> None:
    def register(name: str, number: str) -> Callable[[Session], UUID]:
        return lambda session: (
            factories.patient(
                session, name, medicare_number=number, email=f"{name}@example.org", now=NOW
            ).id
        )

    def found(database: Database, number: str) -> list[str]:
        query = select(Patient.name).where(is_text(Patient.medicare_number, number))
        return database.read(lambda session: list(session.scalars(query)))

    database.run(register("old", "2428 77813 2"))
    with with_keys(database, ROTATED) as rotated:
        rotated.run(register("new", "3950-15638-1"))
        assert found(rotated, "2428778132") == ["old"]
        assert found(rotated, "3950156381") == ["new"]
        list(reencryption.renew(rotated))
    with with_keys(database, DataKeys(NEW_KEY)) as newest:
        assert found(newest, "2428778132") == ["old"]
        assert found(newest, "395015638") == []


def test_everything_is_encrypted_anew_also_after_a_stop(
    database: Database, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reencryption, "AT_ONCE", 2)
    ids = [write(database, clinic, f"{WORDS} {number}") for number in range(5)]
    with with_keys(database, ROTATED) as rotated:
        assert next(reencryption.renew(rotated)).renewed == 2
        renewed = sum(step.renewed for step in reencryption.renew(rotated))
        assert rotated.read(reencryption.left) == 0
        assert sum(step.renewed for step in reencryption.renew(rotated)) == 0
    assert renewed >= len(ids) - 2
    with with_keys(database, DataKeys(NEW_KEY)) as newest:
        assert [read(newest, one) for one in ids] == [f"{WORDS} {n}" for n in range(5)]
        assert list(newest.read(lambda session: list(reencryption.faults(session)))) == []


def test_what_somebody_changes_meanwhile_is_not_lost(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry_id = write(sqlite_database, open_clinic(sqlite_database))
    read_page = reencryption._page

    def read_and_change(session: Session, *rest: Any) -> Any:
        rows = read_page(session, *rest)
        if entry_id in (row.get("id") for row in rows):
            session.get_one(Entry, entry_id).text = "Changed"
            session.flush()
        return rows

    monkeypatch.setattr(reencryption, "_page", read_and_change)
    with with_keys(sqlite_database, ROTATED) as rotated:
        list(reencryption.renew(rotated))
        assert read(rotated, entry_id) == "Changed"


def test_a_request_with_an_idempotency_key_cannot_be_guessed(sqlite_database: Database) -> None:
    sent, other = (sha256(body).hexdigest() for body in (b"2123 45670 1", b"2123 45671 9"))
    sqlite_database.run(lambda session: idempotency.begin(session, "me", "1", sent, now=NOW))

    def is_of(session: Session, digest: str) -> bool:
        kept = idempotency.find(session, "me", "1")
        return kept is not None and idempotency.is_of(session, kept, digest)

    [digest] = sqlite_database.read(lambda session: session.scalars(select(KeptAnswer.digest)))
    assert digest != sent
    with with_keys(sqlite_database, ROTATED) as rotated:
        assert rotated.read(lambda session: is_of(session, sent))
        assert not rotated.read(lambda session: is_of(session, other))
    with with_keys(sqlite_database, DataKeys(NEW_KEY)) as without:
        assert not without.read(lambda session: is_of(session, sent))
