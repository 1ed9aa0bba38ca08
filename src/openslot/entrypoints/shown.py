"""Writes an access event when the care team or a program is shown other people's data.

It goes by the rows that were read for the answer, so that no page and no operation can forget it.
Queries of single columns in place of rows call ``read_about``.
"""

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID

from flask import Flask, Response, g, request

from openslot.booking.models import Appointment
from openslot.core.audit import AuditEvent
from openslot.core.people import watch
from openslot.department_requests.models import ServiceRequest
from openslot.directory.models import Patient
from openslot.directory.rules import works_with_patients
from openslot.entrypoints.request import note_apart, now, reader_actor, services
from openslot.exports.history import REFERRAL_READ
from openslot.records.access import READ, subject_of
from openslot.records.finding import DETAILS_READ, SEARCHED
from openslot.records.shown import LISTED, SHOWN
from openslot.referrals.models import Referral
from openslot.waiting_list.models import WaitingEntry

ABOUT_PATIENTS = (Appointment, Referral, ServiceRequest, WaitingEntry)
"""Rows that name a patient."""

ENOUGH = frozenset({"audit.read", DETAILS_READ, READ, REFERRAL_READ, SEARCHED})
"""Access events that a view writes itself, and that say as much."""

POSTED = frozenset({"fhir.search_by_post"})
"""Views that only read, although they are posted."""

REFUSED_FORMS = frozenset({400, 409, 422, 429, 503})
"""Statuses of pages that show a form again."""

SECRETS = frozenset({"token"})
"""Parts of addresses that no event may have."""


def install(app: Flask) -> None:
    """Note after each request whom it showed."""
    app.after_request(_note)


def _note(response: Response) -> Response:
    if (seen := g.get("people")) and _shows(response) and works_with_patients(reader_actor()):
        actor = reader_actor()
        people = seen - {actor.patient_id, *actor.dependents}
        if people and ENOUGH.isdisjoint(g.get("audited", ())):
            _write(str(actor.account_id or actor.program), people)
    return response


def _shows(response: Response) -> bool:
    """Return whether the answer can show what was read: also a page by which a form is refused or
    answered. What programs change has events of its own."""
    if response.mimetype == "text/html":
        return response.status_code == 200 or response.status_code in REFUSED_FORMS
    is_look = request.method == "GET" or request.endpoint in POSTED
    return is_look and response.status_code == 200


def _write(reader: str, people: set[UUID]) -> None:
    """Write that the reader was shown one patient, or a list of several."""
    parts = {name: str(value) for name, value in (request.view_args or {}).items()}
    place = {name: value for name, value in parts.items() if name not in SECRETS}
    subject = f"page:{request.endpoint}"[:80]
    noted = partial(services().shown.note, reader, now=now())
    if len(people) == 1:
        subject = subject_of(*people)
        if noted(subject, people):
            note_apart(SHOWN, subject, page=request.endpoint, **place)
    elif number := noted(f"{subject} {place}", people):
        note_apart(LISTED, subject, found=number, **place)


def _patient_of_event(row: Mapping[str, Any]) -> UUID | None:
    kind, _colon, written = row.get("subject", "").partition(":")
    with suppress(ValueError):
        return UUID(written) if kind == "patient" else None
    return None


watch(Patient, lambda row: row.get("id"))
watch(AuditEvent, _patient_of_event)
for kind in ABOUT_PATIENTS:
    watch(kind, lambda row: row.get("patient_id"))
