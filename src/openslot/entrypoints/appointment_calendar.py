"""The calendar file of an appointment, for pages and the API."""

from uuid import UUID

from flask import Response

from openslot.booking.models import Appointment
from openslot.core.language import language
from openslot.entrypoints.request import now, root, settings
from openslot.notifications.calendar_titles import side_of, title
from openslot.notifications.ics import calendar_entry

MEDIA = "text/calendar"


def appointment_calendar(
    appointment: Appointment, patient_id: UUID | None, locale: str | None
) -> Response:
    """Return an iCalendar file (RFC 5545) for a patient or, without one, for the care team.

    ``locale`` is the reader's, if known; it decides the language.
    """
    reader_language = language(locale, settings().locale)
    entry = calendar_entry(
        appointment,
        method="PUBLISH",
        public_url=root(),
        organizer=settings().mail_from,
        summary=title(appointment, side_of(appointment, patient_id), reader_language),
        now=now(),
    )
    response = Response(entry, content_type=f"{MEDIA}; charset=utf-8; method=PUBLISH")
    response.headers["Content-Disposition"] = "attachment; filename=appointment.ics"
    return response
