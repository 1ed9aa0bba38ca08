"""The mails of an appointment: booked, moved, cancelled, near; to the patient, or who cares for
them, and to whoever gives the care.

Times are those of the centre, with its city and offset. Neither the reason for an appointment nor a
name stands in a subject, which phones show on locked screens; the reason stands nowhere.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from openslot.booking.events import AppointmentChanged, Topic
from openslot.booking.models import Appointment, Priority
from openslot.core import formats
from openslot.core.config import Settings
from openslot.core.language import Language
from openslot.directory.models import Department
from openslot.notifications import events, ics
from openslot.notifications.composing import compose
from openslot.notifications.ics import Attendee, Method
from openslot.notifications.letters import Letter, Sentence, greeting
from openslot.notifications.letters import marked as _
from openslot.notifications.mail import Mail
from openslot.notifications.preferences import Kind
from openslot.notifications.recipients import Recipient, Side
from openslot.notifications.titles import title
from openslot.requests.queries import Asked

Fact = tuple[str, str]
AppointmentTopic = Topic | events.Topic
REMINDER = events.Topic.REMINDER


@dataclass(frozen=True, slots=True)
class News:
    """What happened to an appointment, or that it comes near.

    ``asked`` is the request of a department that the appointment stands for, and ``acted`` the
    department of whoever did it, where they work for one.
    """

    topic: AppointmentTopic
    event: AppointmentChanged
    appointment: Appointment
    asked: Asked | None = None
    acted: Department | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """Subject, heading and first sentence of one kind of mail; ``%(who)s`` is the patient."""

    subject: str
    heading: str
    opening: str


WORDS: Mapping[tuple[Side, AppointmentTopic], Words] = {
    (Side.PATIENT, Topic.BOOKED): Words(
        _("Your appointment is booked: %(when)s"),
        _("Your appointment is booked"),
        _("Here is when and where it takes place."),
    ),
    (Side.PATIENT, Topic.MOVED): Words(
        _("Your appointment has moved: %(when)s"),
        _("Your appointment has moved"),
        _("Your appointment has a new time. The old one no longer holds."),
    ),
    (Side.PATIENT, Topic.CANCELLED): Words(
        _("Your appointment is cancelled: %(when)s"),
        _("Your appointment is cancelled"),
        _("This appointment will not take place."),
    ),
    (Side.PATIENT, REMINDER): Words(
        _("Reminder of your appointment: %(when)s"),
        _("Your appointment is coming up"),
        _("This is a reminder of an appointment that you have booked."),
    ),
    (Side.CARER, Topic.BOOKED): Words(
        _("An appointment is booked: %(when)s"),
        _("An appointment of %(who)s is booked"),
        _("Here is when and where it takes place."),
    ),
    (Side.CARER, Topic.MOVED): Words(
        _("An appointment has moved: %(when)s"),
        _("An appointment of %(who)s has moved"),
        _("The appointment has a new time. The old one no longer holds."),
    ),
    (Side.CARER, Topic.CANCELLED): Words(
        _("An appointment is cancelled: %(when)s"),
        _("An appointment of %(who)s is cancelled"),
        _("This appointment will not take place."),
    ),
    (Side.CARER, REMINDER): Words(
        _("Reminder of an appointment: %(when)s"),
        _("An appointment of %(who)s is coming up"),
        _("This is a reminder of an appointment of somebody you care for."),
    ),
    (Side.PRACTICE, Topic.BOOKED): Words(
        _("New appointment: %(when)s"),
        _("New appointment"),
        _("An appointment with you was booked."),
    ),
    (Side.PRACTICE, Topic.MOVED): Words(
        _("Appointment moved: %(when)s"),
        _("Appointment moved"),
        _("This appointment has a new time. The old one no longer holds."),
    ),
    (Side.PRACTICE, Topic.CANCELLED): Words(
        _("Appointment cancelled: %(when)s"),
        _("Appointment cancelled"),
        _("This appointment will not take place. Its time is free again."),
    ),
}


def appointment_mail(news: News, to: Recipient, settings: Settings, *, now: datetime) -> Mail:
    """What ``to`` is told of the news, with the appointment for their calendar (RFC 6047), where it
    stands already when they are reminded."""
    words, reminds = WORDS[to.side, news.topic], news.topic is REMINDER
    when = formats.day_time(
        to.language, news.appointment.starts_at, news.appointment.zone, year=True
    )
    return compose(
        _letter(news, words, to, settings),
        to,
        settings,
        subject=Sentence(words.subject, {"when": when}),
        key=_key(news, to),
        kind=Kind.REMINDERS if reminds else Kind.APPOINTMENTS,
        calendar=None if reminds else _calendar(news, to, settings, now),
        method=None if reminds else _method(news),
    )


def _method(news: News) -> Method:
    return "CANCEL" if news.topic is Topic.CANCELLED else "REQUEST"


def _key(news: News, to: Recipient) -> str:
    """Unique to this news for this reader, and the same whenever the mail is made again."""
    act = news.topic.rpartition(".")[2]
    return f"{news.event.appointment}.{news.event.version}.{act}.{to.mark}"


def _calendar(news: News, to: Recipient, settings: Settings, now: datetime) -> bytes:
    return ics.calendar_entry(
        news.appointment,
        method=_method(news),
        public_url=settings.public_url,
        organizer=settings.mail_from,
        now=now,
        attendee=Attendee(to.name, to.email),
        summary=title(news.appointment, to.side, to.language),
    )


def _letter(news: News, words: Words, to: Recipient, settings: Settings) -> Letter:
    page = ics.page_of(news.appointment, settings.public_url)
    who = {"who": to.cares_for} if to.cares_for else {}
    return Letter(
        heading=Sentence(words.heading, who),
        sentences=[greeting(to.name), Sentence(words.opening)],
        facts=[
            *_people(news.appointment, to),
            *_asking(news, to),
            *times(news, to),
            *place_facts(news.appointment, to, settings),
            *by_whom(news, to),
        ],
        closing=[*own_clock(news.appointment, to), *_may_change(news, to, settings)],
        button=(to.language.gettext(_("See the appointment")), page) if page else None,
    )


def _people(appointment: Appointment, to: Recipient) -> Iterator[Fact]:
    say = to.language.gettext
    if to.side is Side.PRACTICE and appointment.patient:
        yield say(_("Patient")), appointment.patient.name
    if appointment.service:
        yield say(_("Service")), appointment.service.name
    elif to.side is not Side.PRACTICE:
        yield say(_("With")), appointment.with_whom


def _asking(news: News, to: Recipient) -> Iterator[Fact]:
    """For whom a department does it, which nobody but the department is told."""
    if news.asked is None or not _between_departments(news, to):
        return
    say = to.language.gettext
    yield say(_("For")), news.asked.asking.name
    yield how_soon(news.asked, to)


def how_soon(asked: Asked, to: Recipient) -> Fact:
    """How soon a department needs what it asked for."""
    say, urgent = to.language.gettext, asked.request.priority == Priority.URGENT
    return say(_("How soon")), say(_("Urgent")) if urgent else say(_("Routine"))


def times(news: News, to: Recipient) -> Iterator[Fact]:
    """When an appointment is, when it was before it moved, and how long it takes."""
    say, appointment = to.language.gettext, news.appointment
    yield say(_("When")), when_there(to.language, appointment.starts_at, news.appointment)
    if news.topic is Topic.MOVED and news.event.was:
        before = datetime.fromisoformat(news.event.was)
        yield say(_("Before")), when_there(to.language, before, news.appointment)
    minutes = (appointment.ends_at - appointment.starts_at) // timedelta(minutes=1)
    yield say(_("How long")), formats.duration(to.language, minutes)


def when_there(language: Language, start: datetime, appointment: Appointment) -> str:
    """Day and time at the centre: "Monday 23 November 2026, 10:30 am, Sydney time (UTC+11:00)"."""
    return language.gettext(
        _("%(time)s, %(zone)s (%(offset)s)"),
        time=formats.day_time(language, start, appointment.zone, year=True),
        zone=formats.zone_city(language, appointment.zone),
        offset=formats.offset(start, appointment.zone),
    )


def place_facts(appointment: Appointment, to: Recipient, settings: Settings) -> Iterator[Fact]:
    """Where the appointment takes place and, for patients, the nearest telephone."""
    say, centre = to.language.gettext, appointment.centre
    yield say(_("Where")), ics.place_of(centre)
    nearest = (one.phone for one in (appointment.service, appointment.department, centre) if one)
    phone = next(filter(None, nearest), None)
    if phone and to.side is not Side.PRACTICE:
        yield say(_("Phone")), formats.phone(phone, settings.country)


def by_whom(news: News, to: Recipient) -> Iterator[Fact]:
    """Who cancelled, and what they said about it; between departments also who moved it."""
    say, who = to.language.gettext, _by(news, to)
    if who and news.topic is Topic.CANCELLED:
        yield say(_("Cancelled by")), who
    elif who and news.topic is Topic.MOVED and _between_departments(news, to):
        yield say(_("Moved by")), who
    if news.topic is Topic.CANCELLED and news.appointment.status_reason:
        yield say(_("Why")), news.appointment.status_reason


def _between_departments(news: News, to: Recipient) -> bool:
    return news.asked is not None and to.side is Side.PRACTICE


def _by(news: News, to: Recipient) -> str | None:
    """Who did it; staff act for their centre, between departments for their own, and are not
    named in mail."""
    if news.event.by is None:
        return None
    appointment, account_id = news.appointment, UUID(news.event.by)
    if account_id == to.account_id:
        return to.language.gettext(_("You"))
    if _between_departments(news, to):
        return _department_or_patient(news, account_id, to) or appointment.centre.name
    for person in (appointment.patient, appointment.practitioner):
        if person and person.account_id == account_id:
            return person.name
    return appointment.centre.name


def _department_or_patient(news: News, account_id: UUID, to: Recipient) -> str | None:
    """Departments do not read in mail who the patient is that they ask for."""
    if news.acted:
        return news.acted.name
    patient = news.appointment.patient
    is_theirs = patient is not None and patient.account_id == account_id
    return to.language.gettext(_("The patient")) if is_theirs else None


def own_clock(appointment: Appointment, to: Recipient) -> Iterator[Sentence]:
    """How far the reader's clock is from that of the centre."""
    start = appointment.starts_at
    said = formats.zone_difference(
        to.language, to.zone or appointment.zone, appointment.zone, start
    )
    if said:
        yield Sentence(said)


def _may_change(news: News, to: Recipient, settings: Settings) -> Iterator[Sentence]:
    """Until when patients may move or cancel it on its page; practices always may."""
    if to.side is Side.PRACTICE or news.topic is Topic.CANCELLED or not settings.public_url:
        return
    hours = settings.cancel_cutoff_hours
    if not hours:
        yield Sentence(_("You can move or cancel it on its page until it starts."))
        return
    length = formats.duration(to.language, hours * 60)
    yield Sentence(
        _("You can move or cancel it on its page until %(length)s before it starts."),
        {"length": length},
    )
