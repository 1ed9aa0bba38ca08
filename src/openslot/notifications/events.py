"""The events that mails are sent about, with what each is about, loaded from the outbox.

A payload may be older than the code that reads it: what was added to it later is optional.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import queries as booking
from openslot.booking.events import AppointmentChanged, Together
from openslot.booking.models import Appointment, Status
from openslot.core.work import Work
from openslot.department_requests import queries as requests
from openslot.department_requests.models import ServiceRequest
from openslot.directory import queries as directory
from openslot.directory.models import Centre, Department, Patient, Practitioner
from openslot.identity import queries as accounts
from openslot.identity.events import Change
from openslot.identity.models import Account
from openslot.questions.queries import left_to_answer
from openslot.records.models import EmergencyAccess
from openslot.referrals import queries as referrals
from openslot.referrals.models import Referral
from openslot.waiting_list import queries as offers
from openslot.waiting_list.models import Offer

Payload = Mapping[str, Any]


class Channel(StrEnum):
    """How a message reaches somebody."""

    MAIL = "mail"
    SMS = "sms"


class Topic(StrEnum):
    """REMINDER: an appointment is coming up, and who has email is told. REMINDER_BY_SMS: the same
    for those who have text messages.

    The names must stay: reminders wait in the outbox for months, and of two for one time the
    second is dropped by an id that is made of them.
    """

    REMINDER = "appointment.reminder"
    REMINDER_BY_SMS = "appointment.reminder-by-sms"


@dataclass(frozen=True, eq=False)
class Event:
    """One message of the outbox; ``key`` is the id, and version, of what it is about."""

    work: Work
    topic: str
    key: str

    @property
    def is_told_with_others(self) -> bool:
        """Return whether another event tells people of this one."""
        return False

    @property
    def channels(self) -> frozenset[Channel]:
        """Return how people are told of it: a reminder has one channel, as it has a time."""
        alone = {Topic.REMINDER: Channel.MAIL, Topic.REMINDER_BY_SMS: Channel.SMS}
        return frozenset({alone[Topic(self.topic)]} if self.topic in alone else Channel)


def read_ahead(session: Session, payloads: Sequence[Payload]) -> None:
    """Read together what most events need: appointments, and the accounts of their people."""
    acting = {UUID(payload["by"]) for payload in payloads if payload.get("by")}
    told = {
        person.account_id
        for one in booking.read_ahead(session, appointments_of(payloads))
        for person in (one.patient, one.practitioner)
        if person is not None and person.account_id is not None
    }
    accounts.read_ahead(session, acting | told)


def appointments_of(payloads: Sequence[Payload]) -> list[UUID]:
    """Return the ids of the appointments that events are about, each of one."""
    return [UUID(payload["appointment"]) for payload in payloads if payload.get("appointment")]


OFF = frozenset({Status.CANCELLED, Status.ENTERED_IN_ERROR})


@dataclass(frozen=True, eq=False)
class AppointmentEvent(Event):
    """An appointment was booked, moved or cancelled, or is coming up."""

    change: AppointmentChanged
    appointment: Appointment

    @classmethod
    def load(cls, work: Work, topic: str, payload: Payload) -> "AppointmentEvent | None":
        """Return the event; None if the appointment does not exist."""
        change = change_of(payload)
        appointment = booking.appointment(work.session, UUID(change.appointment))
        key = f"{change.appointment}.{change.version}"
        if topic in tuple(Topic):
            key += f".{work.now:%Y%m%d%H%M}"  # of one version there may be several reminders
        return cls(work, topic, key, change, appointment) if appointment else None

    @classmethod
    def of(cls, work: Work, topic: str, appointment: Appointment) -> "AppointmentEvent":
        """Return the event that the work itself has just made."""
        by = str(work.actor.account_id) if work.actor.account_id else None
        change = _as_it_is(appointment, by)
        return cls(work, topic, f"{change.appointment}.{change.version}", change, appointment)

    @property
    def is_told_with_others(self) -> bool:
        """Return whether the appointment changed together with others."""
        return self.change.together

    @property
    def by(self) -> UUID | None:
        """Return the account that acted."""
        return UUID(self.change.by) if self.change.by else None

    @property
    def patient(self) -> Patient | None:
        """Return the patient; None for a task of a department."""
        return self.appointment.patient

    @cached_property
    def request(self) -> ServiceRequest | None:
        """Return the department's request that the appointment was booked for."""
        if self.appointment.service is None:
            return None
        return requests.of_appointment(self.work.session, self.appointment.id)

    @cached_property
    def questions_left(self) -> int:
        """Return how many questions the patient still has to answer."""
        return left_to_answer(self.work.session, self.appointment)

    @cached_property
    def acting_account(self) -> Account | None:
        """Return the account that acted; None if a program or nobody known did, or if it has been
        deleted since."""
        return accounts.by_id(self.work.session, self.by) if self.by else None

    @cached_property
    def acting_centre(self) -> Centre | None:
        """Return the centre of the staff that acted; None for others."""
        staff = directory.staff_member(self.work.session, self.by) if self.by else None
        if staff is None:
            return None
        return directory.centre(self.work.session, staff.centre_id, inactive=True)

    @cached_property
    def acting_department(self) -> Department | None:
        """Return the department of the account that acted."""
        return department_of(self.work.session, self.by)


@dataclass(frozen=True, eq=False)
class AppointmentsEvent(AppointmentEvent):
    """Several appointments were booked, moved or cancelled together; the first stands for all."""

    appointments: tuple[Appointment, ...]
    for_practice: bool

    @classmethod
    def load(cls, work: Work, topic: str, payload: Payload) -> "AppointmentsEvent | None":
        """Return the event about the appointments of which it is still true; None if it is of
        none."""
        ids = [UUID(one) for one in payload["appointments"].split(",")]
        told = tuple(
            one
            for one in booking.appointments(work.session, Appointment.id.in_(ids))
            if (one.status in OFF) is (topic == Together.CANCELLED)
        )
        if not told:
            return None
        first, last = told[0], max(one.version for one in told)
        change = _as_it_is(first, payload["by"])
        for_practice = bool(payload["for_practice"])
        return cls(work, topic, f"{first.id}.all.{last}", change, first, told, for_practice)


def _as_it_is(appointment: Appointment, by: str | None) -> AppointmentChanged:
    start, end = appointment.starts_at.isoformat(), appointment.ends_at.isoformat()
    return AppointmentChanged(
        str(appointment.id), appointment.version, appointment.schedule_id, start, end, None, by
    )


@dataclass(frozen=True, eq=False)
class SessionMessage(AppointmentEvent):
    """The care team writes to everybody in a session: here to the patient of one appointment."""

    words: str

    @classmethod
    def load(cls, work: Work, topic: str, payload: Payload) -> "SessionMessage | None":
        """Return the message; None if the appointment does not exist."""
        event = AppointmentEvent.load(work, topic, payload)
        if event is None:
            return None
        key = f"{event.change.appointment}.{payload['message']}"
        return cls(work, topic, key, event.change, event.appointment, payload["words"])


def change_of(payload: Payload) -> AppointmentChanged:
    """Return what the payload of an :class:`AppointmentEvent` says of its appointment."""
    return AppointmentChanged(**{name: payload[name] for name in payload if name not in _BESIDE})


_BESIDE = frozenset({"message", "words"})
"""What the payload of a :class:`SessionMessage` has besides."""


def without_words(payload: Payload) -> dict[str, Any]:
    """Return a payload without what a person wrote, once the mails have it."""
    return {name: value for name, value in payload.items() if name != "words"}


@dataclass(frozen=True, eq=False)
class ReferralEvent(Event):
    """A referral was sent, withdrawn or answered."""

    referral: Referral

    @classmethod
    def load(cls, work: Work, topic: str, payload: Payload) -> "ReferralEvent | None":
        """Return the event; None if the referral does not exist."""
        referral = referrals.referral(work.session, UUID(payload["referral"]))
        if referral is None:
            return None
        return cls(work, topic, f"{referral.id}.{referral.version}", referral)

    @property
    def patient(self) -> Patient:
        """Return the patient who is referred."""
        return self.referral.patient


@dataclass(frozen=True, eq=False)
class RequestEvent(Event):
    """A department acted on a request; ``version`` is that of the request right afterwards."""

    request: ServiceRequest
    version: int
    by: UUID | None
    has_moved: bool

    @classmethod
    def load(cls, work: Work, topic: str, payload: Payload) -> "RequestEvent | None":
        """Return the event; None if the request does not exist."""
        request = requests.request(work.session, UUID(payload["request"]))
        if request is None:
            return None
        version, by = payload["version"], payload["by"]
        return cls(
            work,
            topic,
            f"{request.id}.{version}",
            request,
            version,
            UUID(by) if by else None,
            bool(payload.get("moved")),
        )

    @cached_property
    def acting_department(self) -> Department | None:
        """Return the department of the account that acted."""
        return department_of(self.work.session, self.by)


@dataclass(frozen=True, eq=False)
class OfferEvent(Event):
    """A time was offered, from the waiting list or after an absence."""

    offer: Offer

    @classmethod
    def load(cls, work: Work, topic: str, payload: Payload) -> "OfferEvent | None":
        """Return the event; None if the offer does not exist."""
        offer = offers.offer(work.session, UUID(payload["offer"]))
        return cls(work, topic, str(offer.id), offer) if offer else None

    @property
    def is_rebooking(self) -> bool:
        """Return whether the old appointment cannot take place."""
        return self.offer.is_rebooking

    @cached_property
    def appointment(self) -> Appointment:
        """Return the hold."""
        return self.offer.hold

    @cached_property
    def replaced(self) -> Appointment | None:
        """Return the appointment that the offer would replace."""
        return self.offer.appointment

    @property
    def patient(self) -> Patient | None:
        """Return the patient; None if a department waits."""
        return self.appointment.patient

    @property
    def waiting_department(self) -> Department | None:
        """Return the department that waits; None if a patient does."""
        entry = self.offer.entry
        if entry is None or entry.department_id is None:
            return None
        return directory.department(self.work.session, entry.department_id, inactive=True)


@dataclass(frozen=True, eq=False)
class EmergencyEvent(Event):
    """A practitioner opened a health record in an emergency."""

    access: EmergencyAccess

    @classmethod
    def load(cls, work: Work, topic: str, payload: Payload) -> "EmergencyEvent | None":
        """Return the event; None if the access does not exist."""
        access = work.session.get(EmergencyAccess, UUID(payload["access"]))
        return cls(work, topic, str(access.id), access) if access else None

    @cached_property
    def patient(self) -> Patient:
        """Return the patient whose health record it is."""
        return directory.patient(self.work.session, self.access.patient_id, inactive=True)

    @cached_property
    def practitioner(self) -> Practitioner:
        """Return the practitioner who opened it."""
        return directory.practitioner(self.work.session, self.access.practitioner_id, inactive=True)


@dataclass(frozen=True, eq=False)
class DependentEvent(Event):
    """A child grows up, and their carer is told of what that changes."""

    dependent: Patient
    carer: Patient

    @classmethod
    def load(cls, work: Work, topic: str, payload: Payload) -> "DependentEvent | None":
        """Return the event; None if one of the two is no longer there, or was erased."""
        pair = [work.session.get(Patient, UUID(payload[name])) for name in ("patient", "carer")]
        patient, carer = pair
        if patient is None or carer is None or patient.erased_at or carer.erased_at:
            return None
        return cls(work, topic, f"{patient.id}.{topic}", patient, carer)


@dataclass(frozen=True, eq=False)
class ContactEvent(Event):
    """Somebody else changed the address or the phone number of a patient."""

    patient: Patient
    has_email: bool
    has_phone: bool
    old_email: str | None

    @classmethod
    def load(cls, work: Work, topic: str, payload: Payload) -> "ContactEvent | None":
        """Return the event; None if the patient does not exist or was erased."""
        patient = work.session.get(Patient, UUID(payload["patient"]))
        if patient is None or patient.erased_at:
            return None
        key = f"{patient.id}.{payload['at']}"
        has_email, has_phone = bool(payload["email"]), bool(payload["phone"])
        return cls(work, topic, key, patient, has_email, has_phone, payload["old_email"])


@dataclass(frozen=True, eq=False)
class SecondStepEvent(Event):
    """A second step of an account was added, removed or used up."""

    account: Account
    change: Change
    at: datetime

    @classmethod
    def load(cls, work: Work, topic: str, payload: Payload) -> "SecondStepEvent | None":
        """Return the event; None if the account does not exist any more."""
        account = accounts.by_id(work.session, UUID(payload["account"]))
        if account is None:
            return None
        at, change = str(payload["at"]), Change(payload["change"])
        key = f"{account.id}.{at}.{change}"
        return cls(work, topic, key, account, change, datetime.fromisoformat(at))


def department_of(session: Session, account_id: UUID | None) -> Department | None:
    """Return the department that an account works for; None if it works for none."""
    staff = directory.staff_member(session, account_id) if account_id else None
    if staff is None or staff.department_id is None:
        return None
    return directory.department(session, staff.department_id, inactive=True)
