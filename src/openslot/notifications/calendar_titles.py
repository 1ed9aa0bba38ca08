"""What an appointment is called in a calendar, which other people may look into: one rule for
entries in mail, for downloads, and for calendars to subscribe to."""

import unicodedata
from uuid import UUID

from openslot.booking.diaries import with_whom
from openslot.booking.models import Appointment, GroupSession
from openslot.core.language import Language
from openslot.notifications.recipients import Side


def title(appointment: Appointment, side: Side, language: Language) -> str:
    """Return the patient's initials for those who give care, for patients who they see, and for
    carers also whose appointment it is; never a service or a reason."""
    gettext, patient = language.gettext, appointment.patient
    if side is Side.PRACTICE:
        who = initials(patient.name) if patient else ""
        return gettext("Appointment: %(who)s", who=who) if who else gettext("Booked")
    name = appointment.practitioner.name if appointment.practitioner else appointment.centre.name
    if side is Side.CARER and patient:
        return gettext("%(who)s: appointment with %(name)s", who=patient.name, name=name)
    return gettext("Appointment with %(name)s", name=name)


def part_title(part: Appointment | GroupSession, language: Language) -> str:
    """Return what an appointment or session of others is called for a practitioner whom it needs:
    who has it, and nothing of the patient or the service."""
    return language.gettext("Needed by %(name)s", name=with_whom(part.schedule))


def side_of(appointment: Appointment, patient_id: UUID | None) -> Side:
    """Return the side of a reader who may see the appointment: None stands for those who give
    care."""
    if patient_id is None:
        return Side.PRACTICE
    return Side.PATIENT if patient_id == appointment.patient_id else Side.CARER


def initials(name: str) -> str:
    """Return the first letters of the first and the last word of a name: "A. E."."""
    words = [letters for word in name.split() if (letters := _letters(word))]
    ends = words[:1] + words[1:][-1:]
    return " ".join(f"{_capital(letters[0])}." for letters in ends)


def _letters(word: str) -> list[str]:
    """Return the letters of a word: no brackets, quotes, nor the ʻokina, which is no initial."""
    return [sign for sign in word if sign.isalpha() and unicodedata.category(sign) != "Lm"]


def _capital(letter: str) -> str:
    capital = letter.upper()
    return capital if len(capital) == 1 else letter
