"""For whom the reader looks for times: the patient whom the address or the form names, or the
reader. One rule for every page that shows times."""

from typing import cast
from uuid import UUID

from flask import g

from openslot.booking.whom import Booker
from openslot.core.errors import NotFound
from openslot.entrypoints.web import context, known, reading
from openslot.referrals import queries as referrals


def named() -> UUID | None:
    """Return whom the address names, for readers who may know when they are busy.

    Visitors name nobody until they have signed in. NotFound for somebody whom the reader does
    not know.
    """
    if "named" not in g:
        g.named = _named()
    return cast(UUID | None, g.named)


def _named() -> UUID | None:
    if context.actor().role is None:
        return None
    patient_id = reading.optional_id("patient")
    if patient_id is None or known.knows(patient_id):
        return patient_id
    raise NotFound


def patient_id() -> UUID | None:
    """Return whom times are looked for: whoever is named, else the reader if they are a patient."""
    return named() or context.actor().patient_id


def carried() -> UUID | None:
    """Return what links say of whom it is for: nothing where it is the reader. Visitors carry
    on what came, so that it is still there once they have signed in."""
    actor = context.actor()
    if actor.role is None:
        return reading.optional_id("patient")
    found = named()
    return None if found == actor.patient_id else found


def booker() -> Booker:
    """Return who looks for times, and for whom; two statements, none where it is nobody yet."""
    return referrals.booker(context.reader(), context.actor(), patient_id(), now=context.now())
