"""Who is written to, as far as pages say so."""

from openslot.booking.models import Appointment
from openslot.entrypoints.web import context
from openslot.notifications.preferences import Kind, wants
from openslot.notifications.recipients import patient_or_carer


def written_to(appointment: Appointment) -> bool:
    """Whether what becomes of the appointment is written to the reader: to its patient, or who
    cares for them, at an address that they gave, unless they have switched that mail off.

    Somebody who is not signed in has come by the link of such a mail.
    """
    to = (
        patient_or_carer(context.reader(), appointment.patient, context.settings())
        if appointment.patient
        else None
    )
    if to is None or not wants(context.reader(), to.account_id, Kind.APPOINTMENTS):
        return False
    known = context.account_or_none()
    return known is None or to.account_id == known.id
