"""What follows when somebody changes how a patient is reached.

A change by somebody else than the patient or their carer is told to the old and the new address and
to the account. For a day after it, links that need no sign-in are not sent to the new address, so
that nobody leads a patient's mail, and with it their appointments, elsewhere unnoticed.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from openslot.core.config import Settings
from openslot.core.events import publish
from openslot.core.folding import folded, mobile, phone_key
from openslot.core.work import Work
from openslot.directory.editing import Editor, editor_of_patient
from openslot.directory.models import Patient
from openslot.directory.queries import is_of_another, remove_number

NEW_FOR = timedelta(days=1)
"""Time for which an address is new that somebody else has entered."""

_THEIR_OWN = frozenset({Editor.OWNER, Editor.CARER})


class Topic(StrEnum):
    """CHANGED: somebody else changed the address or the phone number of a ``patient``.

    The payload has the ``old_email``, if that was changed, and whether the ``phone`` was.
    """

    CHANGED = "patient.contact-changed"


class Contact(NamedTuple):
    """How a patient is reached."""

    email: str | None
    phone: str | None


def contact_of(patient: Patient) -> Contact:
    """Return how a patient is reached now."""
    return Contact(patient.email, patient.phone)


def note_change(work: Work, patient: Patient, old: Contact) -> None:
    """Have a change told that the actor has made, unless it is their own."""
    has_email = folded(old.email or "") != folded(patient.email or "")
    has_phone = phone_key(old.phone or "") != phone_key(patient.phone or "")
    is_their_own = editor_of_patient(work.actor, patient) in _THEIR_OWN
    if has_email:
        note_email(work, patient, is_their_own=is_their_own)
    if has_phone and work.settings.sends_sms:
        forget_number(work, patient, old.phone)
    if (has_email or has_phone) and not is_their_own:
        publish(
            work,
            Topic.CHANGED,
            patient=patient.id,
            at=work.now,
            email=has_email,
            phone=has_phone,
            old_email=old.email if has_email else None,
        )


def mobile_of(phone: str | None, settings: Settings) -> str | None:
    """Return the number that text messages go to, in the form of E.164; None if it takes none."""
    return mobile(phone, settings.country, settings.texted_countries) if phone else None


def forget_number(work: Work, patient: Patient, phone: str | None) -> None:
    """Forget that text messages were sent to a number that a patient has no more, unless others
    have it, or it said STOP: that stays true."""
    number = mobile_of(phone, work.settings)
    if number is not None and not is_of_another(work.session, phone or "", patient.id):
        remove_number(work.session, number)


def note_email(work: Work, patient: Patient, *, is_their_own: bool) -> None:
    """Note since when a patient has their address, if somebody else entered it."""
    patient.email_changed_at = None if is_their_own else work.now


def is_new(patient: Patient, now: datetime) -> bool:
    """Return whether somebody else entered the patient's address a short time ago."""
    return patient.email_changed_at is not None and now < patient.email_changed_at + NEW_FOR
