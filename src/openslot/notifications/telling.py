"""Who is told of referrals, requests, offers and emergency access, each as one story.

Every function writes into the transaction that marks the event as done, and writes nothing
where the news holds no longer.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import queries as appointments
from openslot.booking.models import Appointment
from openslot.core.config import Settings
from openslot.directory import queries as directory
from openslot.directory.models import Department
from openslot.notifications import queries
from openslot.notifications.care_messages import emergency_mail, referral_mail
from openslot.notifications.commands import tell
from openslot.notifications.desk_messages import Offered, offer_mail, request_mail
from openslot.notifications.preferences import Kind
from openslot.notifications.recipients import (
    Recipient,
    account_side,
    department_of,
    department_side,
    patient_side,
    practitioner_side,
)
from openslot.notifications.standing import still_holds
from openslot.offers.links import token_of
from openslot.offers.models import Offer, WaitingEntry
from openslot.records.models import EmergencyAccess
from openslot.referrals import queries as referrals
from openslot.referrals.events import Topic as ReferralTopic
from openslot.referrals.queries import Letter
from openslot.requests import queries as requests
from openslot.requests.events import Topic as RequestTopic
from openslot.requests.queries import Asked

Event = Mapping[str, Any]

TO_WHO_ASKED = frozenset(
    {
        RequestTopic.PROPOSED,
        RequestTopic.ACCEPTED,
        RequestTopic.DECLINED,
        RequestTopic.CANCELLED,
        RequestTopic.COMPLETED,
    }
)
"""Whom an act concerns that neither department did, but an administrator or its appointment."""


def queue_referral_news(
    session: Session, topic: str, event: Event, *, now: datetime, settings: Settings
) -> None:
    """Tell the patient, and the specialist if one is named; of an answer, the GP."""
    letter = referrals.letter(session, UUID(event["referral"]))
    if letter is None or not still_holds(session, topic, event, now=now):
        return
    for to in _of_referral(session, letter, topic, settings):
        mail = referral_mail(letter, ReferralTopic(topic), to, settings)
        about = {**event, "topic": topic}
        tell(session, to, Kind.REFERRALS, mail, now=now, about=about)


def _of_referral(
    session: Session, letter: Letter, topic: str, settings: Settings
) -> Iterator[Recipient]:
    told: list[Recipient | None]
    if topic == ReferralTopic.ANSWERED:
        told = [practitioner_side(session, letter.gp, settings)]
    else:
        addressee = letter.addressee
        told = [
            patient_side(session, letter.patient, settings),
            practitioner_side(session, addressee, settings) if addressee else None,
        ]
    yield from (one for one in told if one)


def queue_request_news(
    session: Session, topic: str, event: Event, *, now: datetime, settings: Settings
) -> None:
    """Tell the department that did not act, unless mail about the appointment tells it already."""
    asked = requests.asked(session, UUID(event["request"]))
    if asked is None or not still_holds(session, topic, event, now=now):
        return
    for told in _told(session, asked, topic, event):
        if told.id == asked.department.id and _appointment_tells(asked, topic, event):
            continue
        # What is asked of a service goes to its own address; answers go to whoever asked.
        service = asked.service if told.id == asked.department.id else None
        for to in department_side(session, told, service, settings):
            mail = request_mail(asked, RequestTopic(topic), told, to, settings)
            about = {**event, "topic": topic}
            tell(session, to, Kind.REQUESTS, mail, now=now, about=about)


def _appointment_tells(asked: Asked, topic: str, event: Event) -> bool:
    """Whether those who do it are told by the mail about its appointment, which has what is for
    their calendar: booked, moved or cancelled with the request."""
    if topic == RequestTopic.AMENDED:
        return bool(event.get("moved"))
    follows = topic in (RequestTopic.ACCEPTED, RequestTopic.CANCELLED)
    return follows and asked.appointment is not None


def _told(session: Session, asked: Asked, topic: str, event: Event) -> tuple[Department, ...]:
    """The other department than that of whoever acted; who that was not, the usual one."""
    acted = department_of(session, event["by"])
    by = acted.id if acted else None
    if by == asked.asking.id:
        return (asked.department,)
    if by == asked.department.id:
        return (asked.asking,)
    if topic == RequestTopic.CANCELLED:
        return (asked.asking, asked.department)
    return (asked.asking,) if topic in TO_WHO_ASKED else (asked.department,)


def queue_offer(
    session: Session, topic: str, event: Event, *, now: datetime, settings: Settings
) -> None:
    """Tell whom a time is offered to, while it is kept for them."""
    offer = session.get(Offer, UUID(event["offer"]))
    if offer is None or not still_holds(session, topic, event, now=now):
        return
    kept = appointments.appointment(session, offer.hold_id)
    if kept is None:
        return
    old = appointments.appointment(session, offer.appointment_id) if offer.appointment_id else None
    offered = Offered(offer, kept, old, token_of(settings.key(), offer.id))
    kind = Kind.APPOINTMENTS if offered.is_rebooking else Kind.OFFERS
    for to in _of_offer(session, offer, kept, settings):
        mail = offer_mail(offered, to, settings)
        tell(session, to, kind, mail, now=now, about={**event, "topic": topic})


def _of_offer(
    session: Session, offer: Offer, kept: Appointment, settings: Settings
) -> list[Recipient]:
    if kept.patient:
        to = patient_side(session, kept.patient, settings)
        return [to] if to else []
    entry = session.get(WaitingEntry, offer.entry_id) if offer.entry_id else None
    department_id = entry.department_id if entry else None
    if department_id is None:
        return []
    waiting = directory.department(session, department_id, inactive=True)
    return department_side(session, waiting, None, settings)


def queue_emergency_news(
    session: Session, topic: str, event: Event, *, now: datetime, settings: Settings
) -> None:
    """Tell the patient, and who runs the centres where the practitioner works; always."""
    access = session.get(EmergencyAccess, UUID(event["access"]))
    if access is None:
        return
    patient = directory.patient(session, access.patient_id, inactive=True)
    person = directory.practitioner(session, access.practitioner_id, inactive=True)
    owner = patient_side(session, patient, settings)
    admins = queries.administrators(session, person.id)
    told = [*([owner] if owner else []), *(account_side(one, settings) for one in admins)]
    for to in told:
        mail = emergency_mail(access, person.name, to, settings)
        about = {**event, "topic": topic}
        tell(session, to, None, mail, now=now, about=about)
