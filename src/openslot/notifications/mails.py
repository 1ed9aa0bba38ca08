"""Every mail in one table: about which event, to whom, from which template, and when it is stale.

A template is ``templates/mail/<name>.txt``; docs/mail.md lists the values that it may use. A text
message is the same in short: the block ``sms`` of the template.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from openslot.booking.events import Together
from openslot.booking.events import Topic as Appointment
from openslot.core.work import Work
from openslot.department_requests.events import Topic as Request
from openslot.directory.contacts import Topic as Contact
from openslot.identity.events import Topic as Identity
from openslot.notifications import contents
from openslot.notifications.contents import Values
from openslot.notifications.events import (
    AppointmentEvent,
    AppointmentsEvent,
    ContactEvent,
    DependentEvent,
    EmergencyEvent,
    Event,
    OfferEvent,
    Payload,
    ReferralEvent,
    RequestEvent,
    SecondStepEvent,
    SessionMessage,
)
from openslot.notifications.events import Topic as Reminder
from openslot.notifications.ics import Method
from openslot.notifications.preferences import Kind
from openslot.notifications.recipients import (
    Recipient,
    administrators,
    carer,
    contact_changed,
    gp,
    other_department,
    owner,
    patient,
    patient_of_all,
    practice,
    practice_of_all,
    rebooked,
    requesting_department,
    specialist,
    waiting,
)
from openslot.notifications.staleness import (
    appointment_is_stale,
    appointments_are_stale,
    offer_is_stale,
    referral_is_stale,
    request_is_stale,
)
from openslot.records.events import Topic as Record
from openslot.referrals.events import Topic as Referral
from openslot.usecases.growing_up import Topic as GrowingUp
from openslot.waiting_list.events import Topic as Offer

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class About(Generic[E]):
    """What a mail can be about: how it is loaded, when it is stale so that no mail is sent (None:
    never), and what the templates may say of it."""

    load: Callable[[Work, str, Payload], E | None]
    is_stale: Callable[[E], bool] | None
    content: Callable[[E, Recipient], Values]


@dataclass(frozen=True, slots=True)
class Mail(Generic[E]):
    """One mail about an event: its template, who gets it, and the preference that stops it (None:
    nothing does).

    ``calendar`` is the method of its calendar entry. With ``reminder`` its recipients are
    reminded of the appointment later; with ``quiet`` it waits for the end of quiet hours.
    ``content`` is for readers who may know something else than other readers of the event.
    With ``sms`` recipients get it as a text message too, if they chose that for its kind.
    """

    template: str
    to: Callable[[E], Iterable[Recipient]]
    kind: Kind | None
    calendar: Method | None = None
    reminder: bool = False
    quiet: bool = False
    content: Callable[[E, Recipient], Values] | None = None
    sms: bool = False


@dataclass(frozen=True, slots=True)
class Mails(Generic[E]):
    """All mails about an event."""

    about: About[E]
    mails: tuple[Mail[E], ...]


APPOINTMENT = About(AppointmentEvent.load, appointment_is_stale, contents.appointment)
APPOINTMENTS = About(AppointmentsEvent.load, appointments_are_stale, contents.appointments)
SESSION = About(SessionMessage.load, appointment_is_stale, contents.session_message)
REFERRAL = About(ReferralEvent.load, referral_is_stale, contents.referral)
REQUEST = About(RequestEvent.load, request_is_stale, contents.request)
OFFER = About(OfferEvent.load, offer_is_stale, contents.offer)
CONTACT = About(ContactEvent.load, None, contents.contact)
GROWING_UP = About(DependentEvent.load, None, contents.growing_up)
SECOND_STEP = About(SecondStepEvent.load, None, contents.second_step)
EMERGENCY = About(EmergencyEvent.load, None, contents.emergency)


def _mails(about: About[E], *mails: Mail[E]) -> Mails[E]:
    return Mails(about, mails)


def _of_all(name: str) -> Mails[AppointmentsEvent]:
    return _mails(
        APPOINTMENTS,
        Mail(name, patient_of_all, Kind.APPOINTMENTS, calendar="PUBLISH", sms=True),
        Mail(f"{name}_practice", practice_of_all, Kind.APPOINTMENTS, calendar="PUBLISH"),
    )


MAILS: Mapping[str, Mails[Any]] = {
    Together.BOOKED: _of_all("appointments_booked"),
    Together.MOVED: _of_all("appointments_moved"),
    Together.CANCELLED: _of_all("appointments_cancelled"),
    Appointment.BOOKED: _mails(
        APPOINTMENT,
        Mail(
            "appointment_booked",
            patient,
            Kind.APPOINTMENTS,
            calendar="REQUEST",
            reminder=True,
            sms=True,
        ),
        Mail("appointment_booked_practice", practice, Kind.APPOINTMENTS, calendar="REQUEST"),
    ),
    Appointment.MOVED: _mails(
        APPOINTMENT,
        Mail(
            "appointment_moved",
            patient,
            Kind.APPOINTMENTS,
            calendar="REQUEST",
            reminder=True,
            sms=True,
        ),
        Mail("appointment_moved_practice", practice, Kind.APPOINTMENTS, calendar="REQUEST"),
        Mail(
            "request_appointment_moved",
            requesting_department,
            Kind.REQUESTS,
            content=contents.requested_appointment,
        ),
    ),
    Appointment.CANCELLED: _mails(
        APPOINTMENT,
        Mail("appointment_cancelled", patient, Kind.APPOINTMENTS, calendar="CANCEL", sms=True),
        Mail("appointment_cancelled_practice", practice, Kind.APPOINTMENTS, calendar="CANCEL"),
        Mail(
            "request_appointment_cancelled",
            requesting_department,
            Kind.REQUESTS,
            content=contents.requested_appointment,
        ),
    ),
    **{
        topic: _mails(
            APPOINTMENT,
            Mail("appointment_reminder", patient, Kind.REMINDERS, quiet=True, sms=True),
        )
        for topic in Reminder
    },
    Referral.SENT: _mails(
        REFERRAL,
        Mail("referral_sent", patient, Kind.REFERRALS),
        Mail("referral_sent_specialist", specialist, Kind.REFERRALS),
    ),
    Referral.REVOKED: _mails(
        REFERRAL,
        Mail("referral_withdrawn", patient, Kind.REFERRALS),
        Mail("referral_withdrawn_specialist", specialist, Kind.REFERRALS),
    ),
    Appointment.MESSAGE: _mails(SESSION, Mail("session_message", patient, Kind.APPOINTMENTS)),
    Referral.ANSWERED: _mails(REFERRAL, Mail("referral_answered", gp, Kind.REFERRALS)),
    Request.MADE: _mails(REQUEST, Mail("request_made", other_department, Kind.REQUESTS)),
    Request.AMENDED: _mails(REQUEST, Mail("request_changed", other_department, Kind.REQUESTS)),
    Request.PROPOSED: _mails(REQUEST, Mail("request_new_time", other_department, Kind.REQUESTS)),
    Request.ACCEPTED: _mails(REQUEST, Mail("request_accepted", other_department, Kind.REQUESTS)),
    Request.DECLINED: _mails(REQUEST, Mail("request_declined", other_department, Kind.REQUESTS)),
    Request.CANCELLED: _mails(REQUEST, Mail("request_cancelled", other_department, Kind.REQUESTS)),
    Request.COMPLETED: _mails(REQUEST, Mail("request_completed", other_department, Kind.REQUESTS)),
    Offer.MADE: _mails(
        OFFER,
        Mail("offer_waiting_list", waiting, Kind.OFFERS, sms=True),
        Mail("offer_new_time", rebooked, Kind.APPOINTMENTS, sms=True),
    ),
    Record.EMERGENCY: _mails(
        EMERGENCY,
        Mail("emergency_access", patient, None),
        Mail("emergency_access_administrator", administrators, None),
    ),
    Identity.SECOND_STEP: _mails(SECOND_STEP, Mail("account_second_step", owner, None)),
    Contact.CHANGED: _mails(CONTACT, Mail("contact_changed", contact_changed, None)),
    **{
        topic: _mails(GROWING_UP, Mail(topic.replace(".", "_"), carer, None)) for topic in GrowingUp
    },
}
"""By the topic of the event. A mail about a new time for an appointment that cannot take place
is mail about an appointment: it reaches also those who want no mail about offers."""


class AccountMail(StrEnum):
    """The mails about an account, by their templates. Pages send them at once, each with a link,
    and nothing stops them.

    KNOWN goes to the owner of an account if somebody registers with their address: the page
    itself answers the same for known and unknown ones. EMAIL_CHANGED goes to the old address.
    """

    CONFIRM = "account_confirm"
    RESET = "account_reset"
    INVITATION = "account_invitation"
    KNOWN = "account_known"
    EMAIL_CHANGED = "account_email_changed"
    HAND_OVER = "account_hand_over"
    STAFF_WELCOME = "account_staff_welcome"
    STAFF_DECLINED = "account_staff_declined"
    ALARM = "account_alarm"
    MANY_READ = "account_many_read"
    UNREVIEWED = "account_unreviewed"
