"""Queries and row-level writes of merges, and of what belongs to a patient in all tables."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Table, or_, select, update
from sqlalchemy.orm import Session

from openslot.core.db import LostRace, changed
from openslot.core.errors import NotFound
from openslot.core.tables import Base
from openslot.directory.models import Patient, PatientMerge

OWN_WAY = frozenset({"appointment", "dependent", "patient", "patient_merge", "rating"})
"""Tables that name a patient and are not merged row by row; usecases/merging.py has their ways."""


def tables_of_patients() -> dict[str, Table]:
    """Return the tables whose rows belong to a patient, by the column ``patient_id``."""
    return {
        table.name: table
        for table in Base.metadata.sorted_tables
        if any(key.column.table is Patient.__table__ for key in table.foreign_keys)
        and table.name not in OWN_WAY
    }


def rows_of(session: Session, table: Table, patient_id: UUID) -> list[UUID]:
    """Return the ids of the patient's rows in a table."""
    query = select(table.c.id).where(table.c.patient_id == patient_id).order_by(table.c.id)
    return list(session.scalars(query))


def give_rows(session: Session, table: Table, ids: Collection[UUID], to: UUID) -> None:
    """Give rows to another patient, and raise their version where they have one. Raises LostRace if
    one is gone."""
    if not ids:
        return
    values: dict[str, Any] = {"patient_id": to}
    if "version" in table.c:
        values["version"] = table.c.version + 1
    if changed(session, update(table).where(table.c.id.in_(ids)).values(values)) != len(ids):
        raise LostRace


def hanging_on(
    session: Session, patient_id: UUID, rows: Mapping[str, Collection[UUID]]
) -> dict[str, set[UUID]]:
    """Return ``rows``, by table, with the patient's rows that point to one of them, and those that
    point to these: corrections of an entry, notes at an appointment, what a referral was used
    for."""
    tables = {**tables_of_patients(), "appointment": Base.metadata.tables["appointment"]}
    every = {name: set(rows.get(name, ())) for name in tables}
    count = -1
    while count != (count := sum(map(len, every.values()))):
        for table in tables.values():
            for key in table.foreign_keys:
                if key.column.table.name in tables:
                    pointing = select(table.c.id).where(
                        table.c.patient_id == patient_id,
                        key.parent.in_(every[key.column.table.name]),
                    )
                    every[table.name].update(session.scalars(pointing))
    return every


def existing(session: Session, table: Table, ids: Collection[UUID], patient_id: UUID) -> list[UUID]:
    """Return which of these rows still are the patient's."""
    theirs = (table.c.id.in_(ids), table.c.patient_id == patient_id)
    return list(session.scalars(select(table.c.id).where(*theirs)))


def merged_with_rows(session: Session) -> list[UUID]:
    """Return the merged duplicates that have rows again, written while they were merged."""
    found: set[UUID] = set()
    for table in tables_of_patients().values():
        query = select(table.c.patient_id).join(Patient, Patient.id == table.c.patient_id)
        found.update(session.scalars(query.where(Patient.merged_into.is_not(None)).distinct()))
    return sorted(found)


def merges_of(session: Session, patient_id: UUID) -> Sequence[PatientMerge]:
    """Return the merges of or into a patient, the newest first."""
    concerned = or_(PatientMerge.patient_id == patient_id, PatientMerge.duplicate_id == patient_id)
    newest = (PatientMerge.merged_at.desc(), PatientMerge.id.desc())
    return session.scalars(select(PatientMerge).where(concerned).order_by(*newest)).all()


def merge(session: Session, merge_id: UUID) -> PatientMerge:
    """Return a merge. Raises NotFound."""
    found = session.get(PatientMerge, merge_id)
    if found is None:
        raise NotFound
    return found


def standing_merge(session: Session, duplicate_id: UUID) -> PatientMerge | None:
    """Return the merge of a duplicate that is not undone, or None."""
    stands = (PatientMerge.duplicate_id == duplicate_id, PatientMerge.undone_at.is_(None))
    return session.scalar(select(PatientMerge).where(*stands))


def add_merge(session: Session, row: PatientMerge) -> None:
    """Store a new merge."""
    session.add(row)
    session.flush()


def duplicates_of(session: Session, patient_id: UUID) -> list[UUID]:
    """Return the duplicates that were merged into the patient, also by way of others."""
    found: list[UUID] = []
    last = [patient_id]
    while last:
        query = select(Patient.id).where(Patient.merged_into.in_(last)).order_by(Patient.id)
        last = list(session.scalars(query))
        found += last
    return found


def merged_into(session: Session, patient_ids: Collection[UUID]) -> dict[UUID | None, list[UUID]]:
    """Return the duplicates that were merged into each of these patients; one statement."""
    found: dict[UUID | None, list[UUID]] = {}
    query = select(Patient.merged_into, Patient.id).where(Patient.merged_into.in_(patient_ids))
    for patient_id, duplicate_id in session.execute(query.order_by(Patient.id)):
        found.setdefault(patient_id, []).append(duplicate_id)
    return found
