"""Whose name a page may say to its reader, where an address names a patient by id."""

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
"""Patients whom a session remembers."""


def remember(patients: Iterable[Patient]) -> None:
    """Remember in the cookie whom a practitioner found by the whole name and the date of birth."""
    found = [str(one.id) for one in patients]
    if found:
        before = [one for one in session.get(_FOUND, ()) if one not in found]
        session[_FOUND] = [*before, *found][-MOST:]


def knows(patient_id: UUID) -> bool:
    """Whether the reader may be told who this is: they know the patient, or found them just now."""
    known = finding.knows(
        context.reader(),
        context.actor(),
        patient_id,
        now=context.now(),
        access_days=context.settings().history_access_days,
    )
    return known or str(patient_id) in session.get(_FOUND, ())


def patient(patient_id: UUID) -> Patient:
    """The patient whom an address names; NotFound for one whom the reader does not know."""
    if not knows(patient_id):
        raise NotFound
    return queries.patient(context.reader(), patient_id)
