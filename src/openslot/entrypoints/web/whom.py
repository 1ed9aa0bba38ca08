"""The patient for whom times are shown: the one named in the request, else the reader.

One rule for every page with times.
"""

from typing import cast
from uuid import UUID

from flask import g

from openslot.booking.slots import Booker
from openslot.core.errors import NotFound
from openslot.entrypoints.web import context, reading
from openslot.records import finding
from openslot.referrals import queries as referrals

NEW = "new"
"""What a form sends as the patient for a dependent who is added with the booking."""


def is_new() -> bool:
    """Return whether the booking is for a dependent who is not entered yet."""
    return reading.text("patient") == NEW and context.actor().patient_id is not None


def named() -> UUID | None:
    """Return the patient named in the request, if the reader may see when they are busy.

    None for visitors, who have to sign in first. Raise NotFound if the reader does not know the
    patient.
    """
    if "named" not in g:
        g.named = _named()
    return cast(UUID | None, g.named)


def _named() -> UUID | None:
    if context.actor().role is None or is_new():
        return None
    patient_id = reading.optional_id("patient")
    if patient_id is None or finding.may_book_for(context.work(), patient_id):
        return patient_id
    raise NotFound


def patient_id() -> UUID | None:
    """Return the named patient, else the reader if they are a patient."""
    return named() or context.actor().patient_id


def carried() -> UUID | None:
    """Return the patient to carry in links; None for the reader.

    Visitors carry the patient from the address, so that it is still there after sign-in.
    """
    actor = context.actor()
    if actor.role is None:
        return reading.optional_id("patient")
    patient_id_named = named()
    return None if patient_id_named == actor.patient_id else patient_id_named


def booker() -> Booker:
    """Return the booker: the reader and the patient. Runs two statements, or none without a
    patient."""
    return referrals.booker(context.work(), patient_id())
