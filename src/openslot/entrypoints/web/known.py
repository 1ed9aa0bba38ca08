"""Rule for when a page may show the name of a patient whose id is in the address."""

from collections.abc import Iterable
from uuid import UUID

from flask import session

from openslot.core.errors import NotFound
from openslot.directory import queries
from openslot.directory.models import Patient
from openslot.entrypoints.web import context
from openslot.records import finding

_SESSION_KEY = "found"
MOST = 10
"""Most patients that a session remembers."""


def remember(patients: Iterable[Patient]) -> None:
    """Remember in the session the patients found by full name and date of birth."""
    found_ids = [str(patient.id) for patient in patients]
    if found_ids:
        before = [patient for patient in session.get(_SESSION_KEY, ()) if patient not in found_ids]
        session[_SESSION_KEY] = [*before, *found_ids][-MOST:]


def knows(patient_id: UUID) -> bool:
    """Return whether the reader knows this patient, or has just found them."""
    is_known = finding.knows(context.work(), patient_id)
    return is_known or str(patient_id) in session.get(_SESSION_KEY, ())


def patient(patient_id: UUID) -> Patient:
    """Return the patient; raise NotFound if the reader does not know them."""
    if not knows(patient_id):
        raise NotFound
    return queries.patient(context.reader(), patient_id)
