"""What the template of a mail may say to its reader, as values in their language.

Here it is decided what a reader may know: no value tells why a patient comes, or what a
referral, a request or a health record says. The words around the values are in the templates.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from openslot.booking.events import Together, Topic
from openslot.booking.models import Appointment, Priority
from openslot.booking.moves import cutoff_of
from openslot.core import formats
from openslot.core.actor import Role
from openslot.core.config import Settings
from openslot.core.emergency import country_of, emergency_number
from openslot.core.language import Language
from openslot.department_requests.models import ServiceRequest
from openslot.identity.models import Account
from openslot.notifications import ics
from openslot.notifications.events import (
    AppointmentEvent,
    AppointmentsEvent,
    ContactEvent,
    DependentEvent,
    EmergencyEvent,
    OfferEvent,
    ReferralEvent,
    RequestEvent,
    SecondStepEvent,
    SessionMessage,
)
from openslot.notifications.events import Topic as Reminder
from openslot.notifications.recipients import Recipient, Side
from openslot.notifications.sms import Question
from openslot.usecases.growing_up import WARNED_FOR, reaches
from openslot.waiting_list.links import token_of

LINK_LIKE = re.compile(r"\w\.\w|[/@]")
"""Names that a mail program would turn into a link are not greeted: nobody is to have us deliver
their advertisement by registering somebody else's address."""

Values = Mapping[str, object]
"""What a template reads by name; None for what does not apply."""


def appointment(event: AppointmentEvent, to: Recipient) -> Values:
    """Return what patients, carers and those who give the care read of an appointment."""
    appointment, is_practice = event.appointment, to.side is Side.PRACTICE
    request = event.request if is_practice else None
    return {
        **_when(appointment, to),
        **_with_and_where(appointment, to, event.work.settings),
        **_change(event, to, between_departments=request is not None),
        "patient": appointment.patient.name if appointment.patient and is_practice else None,
        "requested_by": request.requesting_department.name if request else None,
        "is_urgent": _is_urgent(request) if request else None,
        "notice": _notice([appointment], to, event.work.settings),
        "questions": 0 if is_practice else event.questions_left,
        "page": ics.page_of(appointment, event.work.settings.public_url),
        "asks": _asks(event),
    }


def _asks(event: AppointmentEvent) -> Question | None:
    """Return the question of a reminder by SMS, to confirm or cancel, while both can be done."""
    appointment, settings = event.appointment, event.work.settings
    may_ask = event.topic == Reminder.REMINDER_BY_SMS and settings.reads_replies
    if not may_ask or appointment.is_confirmed:
        return None
    latest = appointment.starts_at - cutoff_of(appointment.booked_service, settings)
    return _question(appointment.id, appointment) if event.work.now < latest else None


def _question(about: UUID, appointment: Appointment) -> Question:
    return Question(str(about), appointment.starts_at.isoformat())


def appointments(event: AppointmentsEvent, to: Recipient) -> Values:
    """Return what patients, carers and those who give the care read of several appointments: the
    times, and what they have in common; with each time what is of its own."""
    settings, first = event.work.settings, event.appointment
    each = [_with_and_where(one, to, settings) for one in event.appointments]
    common = {
        name: value if all(other[name] == value for other in each) else None
        for name, value in each[0].items()
    }
    is_practice = to.side is Side.PRACTICE
    link = f"series/{first.series_id}" if first.series_id else f"itineraries/{first.itinerary_id}"
    done = event.topic == Together.CANCELLED
    return {
        **_when(first, to),
        **common,
        "times": [
            _time_of(one, to, own, common)
            for one, own in zip(event.appointments, each, strict=True)
        ],
        "patient": first.patient.name if first.patient and is_practice else None,
        "cancelled_by": _done_by(event, to, between_departments=False) if done else None,
        "reason": first.status_reason if done else None,
        "notice": _notice(event.appointments, to, settings),
        "page": page(settings, link),
    }


def _notice(appointments: Sequence[Appointment], to: Recipient, settings: Settings) -> str | None:
    """Return how long before they start appointments can still be changed: the longest of them."""
    cutoff = max(cutoff_of(one.booked_service, settings) for one in appointments)
    return formats.duration(to.language, cutoff // timedelta(minutes=1)) if cutoff else None


def _time_of(appointment: Appointment, to: Recipient, own: Values, common: Values) -> str:
    """Return when one of several appointments is, and what else it has of its own."""
    more = (own[name] for name in ("service", "with_whom", "place") if common[name] is None)
    start = _start(to.language, appointment.starts_at, appointment)
    return ", ".join(str(part) for part in (start, *more) if part)


def session_message(event: SessionMessage, to: Recipient) -> Values:
    """Return what everybody in a session reads: the words of the care team, and who wrote them."""
    return {
        **appointment(event, to),
        "words": event.words,
        "sender": _done_by(event, to, between_departments=False) or event.appointment.with_whom,
    }


def requested_appointment(event: AppointmentEvent, to: Recipient) -> Values:
    """Return what the department that requested an appointment reads of it: no patient."""
    appointment, request = event.appointment, event.request
    if request is None:
        raise LookupError
    return {
        **_request(request, event.work.settings),
        **_when(appointment, to),
        **_change(event, to, between_departments=True),
    }


def request(event: RequestEvent, to: Recipient) -> Values:
    """Return what a department reads of what the other one did about a request."""
    request = event.request
    is_requesting = to.department_id == request.department_id
    other = request.department if is_requesting else request.requesting_department
    start = formats.day_time(to.language, request.current_start, request.zone, year=True)
    return {
        **_request(request, event.work.settings),
        "other": other.name,
        "when": start,
        "start": start,
        "length": formats.duration(to.language, request.minutes),
        **dict.fromkeys(CHANGE),
    }


def referral(event: ReferralEvent, to: Recipient) -> Values:
    """Return what patients and practitioners read of a referral: who, and until when."""
    referral = event.referral
    expires = referral.expires_at
    zone = event.work.settings.time_zone  # the last day is one day, whoever reads of it
    return {
        "patient": referral.patient.name,
        "gp": referral.gp.name,
        "specialist": referral.addressee.name if referral.addressee else None,
        "expires": formats.day_long(to.language, expires, zone, year=True) if expires else None,
        "page": page(event.work.settings, f"referrals/{referral.id}"),
    }


def answered(appointment: Appointment, to: Recipient, settings: Settings) -> Values:
    """Return what the answer to a reply about an appointment says of it."""
    return {**_when(appointment, to), **_with_and_where(appointment, to, settings)}


def offer(event: OfferEvent, to: Recipient) -> Values:
    """Return what is said of a time that is held for the reader, with the link that answers."""
    appointment, replaced, settings = event.appointment, event.replaced, event.work.settings
    # Who has the link answers without signing in: not for an address that others just entered.
    token = token_of(settings.signing_keys(), event.offer.id)
    link = "offers" if to.is_new else f"offers/{token}"
    return {
        **_when(appointment, to),
        **_with_and_where(appointment, to, settings),
        "old_start": _start(to.language, replaced.starts_at, replaced) if replaced else None,
        "expires": _start(to.language, event.offer.expires_at, appointment),
        "expires_short": _short(to.language, event.offer.expires_at, appointment),
        "must_sign_in": to.is_new,
        "asks": _question(event.offer.id, appointment) if settings.reads_replies else None,
        "page": page(settings, link),
    }


def emergency(event: EmergencyEvent, to: Recipient) -> Values:
    """Return what is said of emergency access to a health record; administrators are not told
    whose it is."""
    access, zone = event.access, ZoneInfo(to.zone or event.work.settings.time_zone)
    link = {
        Side.PATIENT: "history/reads",
        Side.CARER: f"history/{access.patient_id}/reads",
        Side.PRACTICE: "admin/audit?group=records",
    }
    return {
        "practitioner": event.practitioner.name,
        "opened": _in_zone(to.language, access.starts_at, zone),
        "open_until": _in_zone(to.language, access.ends_at, zone),
        "page": page(event.work.settings, link[to.side]),
    }


def growing_up(event: DependentEvent, to: Recipient) -> Values:
    """Return what carers are told of a child who grows up."""
    settings = event.work.settings
    age = settings.carer_ends_age
    ends = reaches(event.dependent.born, age) if age and event.dependent.born else None
    soonest = (event.work.now + WARNED_FOR).date()
    return {
        "told_age": settings.carer_told_age,
        "ends_age": age,
        "ends": formats.day_long(to.language, max(ends, soonest)) if ends else None,
        "page": page(settings, "profile/dependents"),
    }


def contact(event: ContactEvent, to: Recipient) -> Values:
    """Return what is said of a changed address or phone number: which of them, not what it is."""
    return {
        "has_email": event.has_email,
        "has_phone": event.has_phone,
        "page": page(
            event.work.settings, "account" if to.side is Side.PATIENT else "profile/dependents"
        ),
    }


def second_step(event: SecondStepEvent, to: Recipient) -> Values:
    """Return what is said of a second step: what happened to it, and when."""
    zone = ZoneInfo(to.zone or event.work.settings.time_zone)
    return {
        "change": event.change,
        "when": _in_zone(to.language, event.at, zone),
        "page": page(event.work.settings, "account/sessions"),
    }


def page(settings: Settings, path: str) -> str | None:
    """Return the whole address of a page; None where no public address is set."""
    return f"{settings.public_url.rstrip('/')}/{path}" if settings.public_url else None


def for_every_mail(name: str, settings: Settings) -> Values:
    """Return what every template may read, whatever else it is given."""
    return {
        "name": "" if LINK_LIKE.search(name) else name,
        "network_name": settings.network_name,
        "emergency_number": emergency_number(settings, None),
        "replies": settings.reads_replies,
        "facts": (),
        "clock_note": None,
        "dependent": None,
        "kind": None,
        "stop_page": None,
    }


# Parts of the above

CHANGE = ("old_start", "moved_by", "cancelled_by", "reason")
"""What is said of a change to an appointment."""


def _when(appointment: Appointment, to: Recipient) -> Values:
    """Return the start, for a subject and in full, how long it takes, and how far the reader's
    clock is from the centre's."""
    start = appointment.starts_at
    reader_zone = to.zone or appointment.zone
    return {
        "when": formats.day_time(to.language, start, appointment.zone, year=True),
        "short": _short(to.language, start, appointment),
        "start": _start(to.language, start, appointment),
        "length": formats.duration(to.language, appointment.minutes),
        "clock_note": formats.zone_difference(to.language, reader_zone, appointment.zone, start),
    }


def _short(language: Language, start: datetime, appointment: Appointment) -> str:
    """Return day and time on the centre's clock in little room, such as "Mon 23 Nov, 10:30 am"."""
    return formats.day_time(language, start, appointment.zone, year=False, short=True)


def _start(language: Language, start: datetime, appointment: Appointment) -> str:
    """Return day and time at the centre, such as "Monday 23 November 2026, 10:30 am, Sydney time
    (UTC+11:00)"."""
    return language.gettext(
        "%(time)s, %(zone)s (%(offset)s)",
        time=formats.day_time(language, start, appointment.zone, year=True),
        zone=formats.zone_city(language, appointment.zone),
        offset=formats.offset(start, appointment.zone),
    )


def _in_zone(language: Language, instant: datetime, zone: ZoneInfo) -> str:
    """Return day and time with the zone: "Monday 2 November 2026, 12:00 pm, Sydney time"."""
    return language.gettext(
        "%(time)s, %(zone)s",
        time=formats.day_time(language, instant, zone, year=True),
        zone=formats.zone_city(language, zone),
    )


def _with_and_where(appointment: Appointment, to: Recipient, settings: Settings) -> Values:
    """Return with whom and where; for patients also the nearest telephone number."""
    is_practice = to.side is Side.PRACTICE
    phones = (
        part.phone
        for part in (appointment.service, appointment.department, appointment.centre)
        if part
    )
    phone = None if is_practice else next(filter(None, phones), None)
    booked = appointment.booked_service
    return {
        "service": booked.name if booked else None,
        "mode": booked.mode.value if booked else None,
        "video_url": appointment.video_url,
        "instructions": booked.instructions if booked and not is_practice else None,
        "with_whom": None if appointment.service or is_practice else appointment.with_whom,
        "place": ics.place_of(appointment.centre),
        "centre": appointment.centre.name,
        "phone": formats.phone(phone, country_of(settings, appointment.zone)) if phone else None,
        "emergency_number": emergency_number(settings, appointment.zone),
    }


def _request(request: ServiceRequest, settings: Settings) -> Values:
    return {
        "service": request.service.name,
        "department": request.department.name,
        "requested_by": request.requesting_department.name,
        "is_urgent": _is_urgent(request),
        "place": request.centre.name,
        "page": page(settings, f"requests/{request.id}"),
    }


def _is_urgent(request: ServiceRequest) -> bool:
    return request.priority == Priority.URGENT


def _change(event: AppointmentEvent, to: Recipient, *, between_departments: bool) -> Values:
    """Return the old start, who cancelled and why; between departments also who moved it."""
    values: dict[str, object] = dict.fromkeys(CHANGE)
    if event.topic == Topic.MOVED and event.change.was:
        old_start = datetime.fromisoformat(event.change.was)
        values["old_start"] = _start(to.language, old_start, event.appointment)
    if event.topic == Topic.MOVED and between_departments:
        values["moved_by"] = _done_by(event, to, between_departments)
    if event.topic == Topic.CANCELLED:
        values["cancelled_by"] = _done_by(event, to, between_departments)
        values["reason"] = event.appointment.status_reason
    return values


def _done_by(event: AppointmentEvent, to: Recipient, between_departments: bool) -> str | None:
    """Return who acted, as the reader may know them; None if that is not known.

    Patients, their carers and practitioners act as themselves, staff for their centre, and those
    who run the network for it. Departments read the department, and no name of a patient.
    """
    account, words = event.acting_account, to.language.gettext
    if account is None:
        return None
    if account.id == to.account_id:
        return words("You")
    if account.role == Role.PATIENT:
        return _patient_or_carer(event, account, to, is_named=not between_departments)
    if between_departments and event.acting_department:
        return event.acting_department.name
    if account.role == Role.PRACTITIONER:
        practitioner = event.appointment.practitioner
        is_theirs = practitioner is not None and practitioner.account_id == account.id
        return practitioner.name if practitioner and is_theirs else account.name
    if account.role == Role.NETWORK_ADMIN:
        return event.work.settings.network_name
    return (event.acting_centre or event.appointment.centre).name


def _patient_or_carer(
    event: AppointmentEvent, account: Account, to: Recipient, *, is_named: bool
) -> str:
    """Return the patient, or the person who cared for them when they acted."""
    patient, words = event.appointment.patient, to.language.gettext
    if patient is not None and patient.account_id == account.id:
        return patient.name if is_named else words("The patient")
    if not is_named:
        return words("The patient’s carer")
    if to.side is Side.PRACTICE:
        return words("%(name)s, the patient’s carer", name=account.name)
    return account.name
