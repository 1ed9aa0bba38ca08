"""Rule for when a page may show the name of a patient whose id is in the address."""

from uuid import UUID

from openslot.core.errors import NotFound
from openslot.directory import queries
from openslot.directory.models import Patient
from openslot.entrypoints.web import context
from openslot.records import finding


def patient(patient_id: UUID) -> Patient:
    """Return the patient; raise NotFound if the reader does not know them."""
    if not finding.may_book_for(context.work(), patient_id):
        raise NotFound
    return queries.patient(context.reader(), patient_id)
