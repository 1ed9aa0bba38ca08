"""Rule for when a page may say that a mail was sent."""

from openslot.booking.models import Appointment
from openslot.entrypoints.web import context
from openslot.notifications.preferences import Kind, wants
from openslot.notifications.recipients import patient_or_carer


def mailed(sentence: str, otherwise: str) -> str:
    """Return a ``sentence`` that promises mail, if mail goes out; else the other one."""
    return sentence if context.settings().sends_mail else otherwise


def written_to(appointment: Appointment) -> bool:
    """Return whether the reader gets mail about the appointment.

    They do as its patient or carer, at an address they gave, unless they turned these mails off. A
    reader who is not signed in came through the link in such a mail.
    """
    if not context.settings().sends_mail:
        return False
    to = patient_or_carer(context.work(), appointment.patient) if appointment.patient else None
    if to is None or not wants(context.reader(), to.account_id, Kind.APPOINTMENTS):
        return False
    reader = context.account_or_none()
    return reader is None or to.account_id == reader.id
