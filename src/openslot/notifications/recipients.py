"""To whom mail goes: the people and departments that an event affects, with address, language
and clock. An empty list means that nobody is to be notified, or has an address."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from openslot.core.actor import Role
from openslot.core.config import Settings
from openslot.core.language import Language, language
from openslot.core.work import Work
from openslot.department_requests.events import Topic as RequestTopic
from openslot.department_requests.models import Kept
from openslot.directory import queries as directory
from openslot.directory.contacts import is_new, mobile_of
from openslot.directory.models import Department, Patient, Practitioner, Service
from openslot.identity import queries as accounts
from openslot.identity.models import Account
from openslot.notifications import queries
from openslot.notifications.events import (
    AppointmentEvent,
    AppointmentsEvent,
    Channel,
    ContactEvent,
    DependentEvent,
    EmergencyEvent,
    OfferEvent,
    ReferralEvent,
    RequestEvent,
    SecondStepEvent,
)

PatientEvent = AppointmentEvent | ReferralEvent | OfferEvent | EmergencyEvent

ANSWERS = frozenset(
    {RequestTopic.PROPOSED, RequestTopic.ACCEPTED, RequestTopic.DECLINED, RequestTopic.COMPLETED}
)
"""What the department asked does; the one that made the request is notified of it."""


class Side(StrEnum):
    """The patient, the person who cares for them, or those who give the care."""

    PATIENT = "patient"
    CARER = "carer"
    PRACTICE = "practice"


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address, with the language and, if known, the time zone of its reader: of mail, or the
    number of a mobile phone.

    ``is_new`` says that somebody else than the reader has entered the address a short time ago, and
    ``copy`` tells several addresses of one reader apart.

    ``dependent`` is the patient's name if the reader is their carer. ``department_id`` is the
    department that is written to, at its own address or through an account of its staff.
    """

    side: Side
    name: str
    address: str
    language: Language
    zone: str | None = None
    account_id: UUID | None = None
    dependent: str | None = None
    department_id: int | None = None
    is_new: bool = False
    copy: str = ""
    channel: Channel = Channel.MAIL

    @property
    def key(self) -> str:
        """Return what distinguishes this recipient from others of the same event."""
        if self.copy:
            return self.copy
        if self.account_id:
            return self.account_id.hex
        return f"department-{self.department_id}" if self.department_id else self.side


# The people of an event


def patient(event: PatientEvent) -> list[Recipient]:
    """Return the patient, or their carer, by mail, and by SMS if the network sends any."""
    if event.patient is None:
        return []
    found = _only(patient_or_carer(event.work, event.patient))
    if event.work.settings.sends_sms:
        found += _only(by_sms(event.work, event.patient))
    return found


def practice(event: AppointmentEvent) -> list[Recipient]:
    """Return the practitioner, or the department of the service except the person who acted."""
    appointment = event.appointment
    if event.patient is not None and not _is_confirmed(event.work, event.patient):
        return []
    if appointment.practitioner:
        return _only(_person(event.work, Side.PRACTICE, appointment.practitioner, None))
    if appointment.department is None:
        return []
    staff = _department(event.work, appointment.department, appointment.service)
    return [to for to in staff if event.by is None or to.account_id != event.by]


def patient_of_all(event: AppointmentsEvent) -> list[Recipient]:
    """Return the patient of several appointments, or their carer."""
    return [] if event.for_practice else patient(event)


def practice_of_all(event: AppointmentsEvent) -> list[Recipient]:
    """Return those who give the care at several appointments."""
    return practice(event) if event.for_practice else []


def requesting_department(event: AppointmentEvent) -> list[Recipient]:
    """Return the department that requested the appointment, if others acted on it.

    A request that was cancelled as a whole has mail of its own.
    """
    request = event.request
    if request is None or request.status == Kept.CANCELLED:
        return []
    if event.acting_department and event.acting_department.id == request.department_id:
        return []
    return _department(event.work, request.requesting_department, None)


def specialist(event: ReferralEvent) -> list[Recipient]:
    """Return the practitioner whom a referral names."""
    addressee = event.referral.addressee
    if addressee is None:
        return []
    return _only(_person(event.work, Side.PRACTICE, addressee, None))


def gp(event: ReferralEvent) -> list[Recipient]:
    """Return the GP who wrote a referral."""
    return _only(_person(event.work, Side.PRACTICE, event.referral.gp, None))


def other_department(event: RequestEvent) -> list[Recipient]:
    """Return the department that did not act; if neither did, the one whose turn it is now, and
    both of a cancellation.

    The department asked is left out if it gets mail about the appointment, which has the calendar
    entry. It is written to at the address of the service, the other one at its own.
    """
    request = event.request
    requesting, providing = request.requesting_department, request.department
    by = event.acting_department.id if event.acting_department else None
    if by == requesting.id:
        departments = [providing]
    elif by == providing.id or event.topic in ANSWERS:
        departments = [requesting]
    elif event.topic == RequestTopic.CANCELLED:
        departments = [requesting, providing]
    else:
        departments = [providing]
    recipients: list[Recipient] = []
    for department in departments:
        if department.id != providing.id:
            recipients += _department(event.work, department, None)
        elif not _has_appointment_mail(event):
            recipients += _department(event.work, department, request.service)
    return recipients


def rebooked(event: OfferEvent) -> list[Recipient]:
    """Return the patient who is offered a new time because the old one cannot take place."""
    return _offered_to(event) if event.is_rebooking else []


def waiting(event: OfferEvent) -> list[Recipient]:
    """Return the patient or department on the waiting list that is offered a time."""
    return [] if event.is_rebooking else _offered_to(event)


def administrators(event: EmergencyEvent) -> list[Recipient]:
    """Return the administrators of the centres where the practitioner works."""
    found = queries.administrators(event.work.session, event.access.practitioner_id)
    return [_account(account, event.work.settings) for account in found]


def carer(event: DependentEvent) -> list[Recipient]:
    """Return the carer of a child who grows up."""
    zone = event.carer.time_zone
    name = event.dependent.name
    return _only(_person(event.work, Side.CARER, event.carer, zone, dependent=name))


def owner(event: SecondStepEvent) -> list[Recipient]:
    """Return the owner of an account."""
    account = event.account
    tongue = language(account.locale, event.work.settings.locale)
    side = Side.PATIENT if account.role == Role.PATIENT else Side.PRACTICE
    to = Recipient(side, account.name, account.email, tongue, account.time_zone, account.id)
    return [to]


def contact_changed(event: ContactEvent) -> list[Recipient]:
    """Return the new and the old address of a patient, their account, and their carer."""
    work, patient = event.work, event.patient
    if not _is_confirmed(work, patient):
        return []
    account = accounts.by_id(work.session, patient.account_id) if patient.account_id else None
    carer = directory.carer_of(work.session, patient.id)
    tongue = language(account.locale if account else None, work.settings.locale)
    copies = {"former": event.old_email, "account": account.email if account else None}
    found = [
        _person(work, Side.PATIENT, patient, patient.time_zone),
        *(
            Recipient(Side.PATIENT, patient.name, email, tongue, patient.time_zone, copy=copy)
            for copy, email in copies.items()
            if email
        ),
        _person(work, Side.CARER, carer, None, dependent=patient.name) if carer else None,
    ]
    unique = {one.address.casefold(): one for one in reversed(found) if one}
    return list(unique.values())


# Addresses


def by_sms(work: Work, patient: Patient) -> Recipient | None:
    """Return the mobile number of the patient, or of their carer. Without an account nobody could
    choose it, and the network decides whether to write to those whom no mail reaches."""
    to = patient_or_carer(work, patient, Channel.SMS)
    if to is None or to.account_id is not None:
        return to
    is_only_way = work.settings.sms_without_email and patient_or_carer(work, patient) is None
    return to if is_only_way else None


def patient_or_carer(
    work: Work, patient: Patient, channel: Channel = Channel.MAIL
) -> Recipient | None:
    """Return the patient or, if they have no address, their carer; None if neither has one.

    The patient's own address comes before that of the account.
    """
    recipient = _person(work, Side.PATIENT, patient, patient.time_zone, channel=channel)
    carer = None if recipient else directory.carer_of(work.session, patient.id)
    if carer is None:
        return recipient
    zone = patient.time_zone or carer.time_zone
    return _person(work, Side.CARER, carer, zone, dependent=patient.name, channel=channel)


def _only(recipient: Recipient | None) -> list[Recipient]:
    return [recipient] if recipient else []


def _has_appointment_mail(event: RequestEvent) -> bool:
    """Return whether the appointment is booked, moved or cancelled together with its request."""
    if event.topic == RequestTopic.AMENDED:
        return event.has_moved
    booked_or_cancelled = event.topic in (RequestTopic.ACCEPTED, RequestTopic.CANCELLED)
    return booked_or_cancelled and event.request.appointment is not None


def _offered_to(event: OfferEvent) -> list[Recipient]:
    if event.patient:
        return patient(event)
    department = event.waiting_department
    return _department(event.work, department, None) if department else []


def _department(work: Work, department: Department, service: Service | None) -> list[Recipient]:
    """Return the address of the service, else of the department, else those of its staff."""
    for mailbox in (service, department):
        if mailbox and mailbox.email:
            tongue = language(work.settings.locale)
            return [
                Recipient(
                    Side.PRACTICE, mailbox.name, mailbox.email, tongue, department_id=department.id
                )
            ]
    staff = queries.staff_of(work.session, department.id)
    return [_account(account, work.settings, department_id=department.id) for account in staff]


def _account(
    account: Account, settings: Settings, *, department_id: int | None = None
) -> Recipient:
    return Recipient(
        Side.PRACTICE,
        account.name,
        account.email,
        language(account.locale, settings.locale),
        account.time_zone,
        account.id,
        department_id=department_id,
    )


def _is_confirmed(work: Work, patient: Patient) -> bool:
    """Return whether a patient's account, if there is one, may cause mail to others."""
    account = accounts.by_id(work.session, patient.account_id) if patient.account_id else None
    return account is None or account.confirmed_at is not None


def _person(
    work: Work,
    side: Side,
    person: Patient | Practitioner,
    zone: str | None,
    *,
    dependent: str | None = None,
    channel: Channel = Channel.MAIL,
) -> Recipient | None:
    account = accounts.by_id(work.session, person.account_id) if person.account_id else None
    if account is not None and account.confirmed_at is None:
        return None  # the address may be somebody else's
    if channel is Channel.SMS:
        address = mobile_of(person.phone, work.settings)
    else:
        address = person.email or (account.email if account else None)
    if not address:
        return None
    return Recipient(
        side,
        person.name,
        address,
        language(account.locale if account else None, work.settings.locale),
        zone or (account.time_zone if account else None),
        account.id if account else None,
        dependent,
        is_new=isinstance(person, Patient) and bool(person.email) and is_new(person, work.now),
        channel=channel,
    )
