"""The calendar file of an appointment, for pages and the API."""

from collections.abc import Sequence
from uuid import UUID

from flask import Response

from openslot.booking.models import Appointment
from openslot.core.language import language
from openslot.entrypoints.request import now, root, settings
from openslot.notifications.calendar_titles import side_of, title
from openslot.notifications.ics import calendar_entry, calendar_file

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
    return _file(entry, "appointment.ics")


def appointments_calendar(
    appointments: Sequence[Appointment], patient_id: UUID | None, locale: str | None
) -> Response:
    """Return several appointments as one iCalendar file, as :func:`appointment_calendar` does."""
    reader_language = language(locale, settings().locale)
    entries = [(one, title(one, side_of(one, patient_id), reader_language)) for one in appointments]
    written = calendar_file(entries, public_url=root(), organizer=settings().mail_from, now=now())
    return _file(written, "appointments.ics")


def _file(entry: bytes, name: str) -> Response:
    response = Response(entry, content_type=f"{MEDIA}; charset=utf-8; method=PUBLISH")
    response.headers["Content-Disposition"] = f"attachment; filename={name}"
    return response
