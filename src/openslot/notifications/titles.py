"""What an appointment is called in a calendar, which others may look into: one rule for the entries
in mail, for those that are downloaded, and for the calendars that programs subscribe to."""

from uuid import UUID

from openslot.booking.models import Appointment
from openslot.core.language import Language
from openslot.notifications.letters import marked as _
from openslot.notifications.recipients import Side


def title(appointment: Appointment, side: Side, language: Language) -> str:
    """For those who give care the patient's initials, for patients with whom it is, for carers
    also whose it is; never a service, never why."""
    say, patient = language.gettext, appointment.patient
    if side is Side.PRACTICE:
        who = initials(patient.name) if patient else ""
        return say(_("Appointment: %(who)s"), who=who) if who else say(_("Booked"))
    whom = appointment.practitioner.name if appointment.practitioner else appointment.centre.name
    if side is Side.CARER and patient:
        return say(_("%(who)s: appointment with %(name)s"), who=patient.name, name=whom)
    return say(_("Appointment with %(name)s"), name=whom)


def side_of(appointment: Appointment, patient_id: UUID | None) -> Side:
    """The side of somebody who may see the appointment: of this patient, or None who gives care."""
    if patient_id is None:
        return Side.PRACTICE
    return Side.PATIENT if patient_id == appointment.patient_id else Side.CARER


def initials(name: str) -> str:
    """The first letters of the first and the last word of a name: "A. E."."""
    words = name.split()
    ends = words[:1] + words[1:][-1:]
    return " ".join(f"{word[0].upper()}." for word in ends)
