"""Rule for when a page may show the name of a patient whose id is in the address."""

from collections.abc import Iterable
from uuid import UUID

from flask import session

from openslot.core.errors import NotFound
from openslot.directory import queries
from openslot.directory.models import Patient
from openslot.entrypoints.web import context
from openslot.records import finding

_FOUND = "found"
MOST = 10
"""Most patients that a session remembers."""


def remember(patients: Iterable[Patient]) -> None:
    """Remember in the session the patients found by full name and date of birth."""
    found = [str(one.id) for one in patients]
    if found:
        before = [one for one in session.get(_FOUND, ()) if one not in found]
        session[_FOUND] = [*before, *found][-MOST:]


def knows(patient_id: UUID) -> bool:
    """Return whether the reader knows this patient, or has just found them."""
    known = finding.knows(
        context.reader(),
        context.actor(),
        patient_id,
        now=context.now(),
        access_days=context.settings().history_access_days,
    )
    return known or str(patient_id) in session.get(_FOUND, ())


def patient(patient_id: UUID) -> Patient:
    """Return the patient; raise NotFound if the reader does not know them."""
    if not knows(patient_id):
        raise NotFound
    return queries.patient(context.reader(), patient_id)
