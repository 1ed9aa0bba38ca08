"""Removing what a network no longer keeps: health records and audit events after their years.

A health record is due ``record_years`` after the patient's last appointment and entry, and that of
a child not before the end of the year in which they reach ``child_record_age``. If the birth is
unknown, the patient counts as newborn when they were registered. What is due is removed for good,
and a patient without an account, whom nobody cares for, is erased with it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from openslot.booking.queries import Condition
from openslot.core import audit, sealing
from openslot.core.clock import years_after
from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.directory.models import Patient
from openslot.records import queries as records
from openslot.usecases import erasing


@dataclass(frozen=True, slots=True)
class Due:
    """What is due to be removed now."""

    records: int
    audit_events: int


def due(work: Work) -> Due:
    """Return what is due; nothing where the settings say 0."""
    found = _is_due(work)
    oldest = _years_ago(work.now, work.settings.audit_years)
    return Due(
        records=records.count_due(work.session, found) if found is not None else 0,
        audit_events=sealing.removable(work.session, before=oldest)
        if work.settings.audit_years
        else 0,
    )


def remove_due_records(work: Work, *, limit: int) -> int:
    """Remove up to ``limit`` health records that are due, and return the number of patients."""
    found = _is_due(work)
    if found is None:
        return 0
    patients = records.due_patients(work.session, found, limit=limit)
    for patient in patients:
        _remove(work, patient)
    return len(patients)


def remove_due_events(work: Work) -> int:
    """Remove the audit events of the oldest seal if all of them are due; return the number."""
    if not work.settings.audit_years:
        return 0
    before = _years_ago(work.now, work.settings.audit_years)
    keys = work.settings.seal_keys()
    seal = sealing.remove_next(work.session, before=before, now=work.now, keys=keys)
    if seal is None:
        return 0
    audit.record(work, "audit.removed", f"seal:{seal.number}", events=seal.events)
    return seal.events


def _remove(work: Work, patient: Patient) -> None:
    is_free = patient.account_id is None and directory.dependent(work.session, patient.id) is None
    cares = bool(directory.dependents_of(work.session, patient.id))
    if patient.erased_at is None and patient.active and is_free and not cares:
        erasing.erase(work, patient.id, keep_record=False)
        return
    erasing.remove_texts(work, patient.id)
    erasing.remove_record(work, patient.id)
    audit.record(work, "patient.record-removed", f"patient:{patient.id}")


def _is_due(work: Work) -> Condition | None:
    settings = work.settings
    if not settings.record_years:
        return None
    grown_up = _years_ago(work.now, settings.child_record_age)
    return records.out_of_date(
        before=_years_ago(work.now, settings.record_years),
        adults_born_before=f"{grown_up.year:04}",
        first_seen_before=min(grown_up, _years_ago(work.now, settings.record_years)),
    )


def _years_ago(now: datetime, years: int) -> datetime:
    return years_after(now.astimezone(UTC), -years)
