"""Replies to text messages: 1 and 2 answer the last question, STOP and START all messages.

A reply counts once, from a number that we wrote to, and answers only for the patient whom that
number still reaches.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from openslot.booking import queries as booking
from openslot.booking.events import Topic
from openslot.booking.models import Appointment, Status
from openslot.core.actor import Actor, Role
from openslot.core.ids import new_id
from openslot.core.language import language
from openslot.core.locks import lock
from openslot.core.work import Work
from openslot.desk.commands import confirm
from openslot.directory.models import SmsNumber, SmsReply
from openslot.notifications import contents
from openslot.notifications.dispatch import queue_sms, tell_at_once
from openslot.notifications.recipients import Recipient, by_sms
from openslot.notifications.rendering import render_short
from openslot.notifications.sms import Reply, SmsMessage
from openslot.usecases.booking import change_status
from openslot.waiting_list import answers
from openslot.waiting_list import queries as offers
from openslot.waiting_list.models import Offer

STOP = frozenset({"stop", "stopall", "unsubscribe", "end", "quit"})
"""Words after which nothing more is sent. "Cancel" is none: it may mean the appointment."""

START = frozenset({"start", "unstop"})
YES, NO = "1", "2"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the last question to a number was about, and whom the number reaches."""

    appointment: Appointment
    offer: Offer | None
    to: Recipient

    @property
    def reader(self) -> Actor:
        """Return the actor that the reader is: the patient, or whoever cares for them."""
        patient_id = self.appointment.patient_id
        return Actor(role=Role.PATIENT, patient_id=patient_id, account_id=self.to.account_id)


def may_send(work: Work, message: SmsMessage) -> bool:
    """Return whether the number takes messages, and note what this one asks."""
    number = _number(work, message.to)
    if number is None:
        number = SmsNumber(number=message.to)
        work.session.add(number)
    if number.stopped_at is None and message.asks:
        number.asked_id = UUID(message.asks.id)
        number.asked_start = datetime.fromisoformat(message.asks.start)
        number.helped_at = None
    return number.stopped_at is None


def has_stopped(work: Work, number: str) -> bool:
    """Return whether a number wants no messages."""
    known = work.session.get(SmsNumber, number)
    return known is not None and known.stopped_at is not None


def take(work: Work, reply: Reply) -> None:
    """Do what a reply says. Raises what the appointment or the offer raises, and then nothing is
    done: see :func:`refuse`."""
    number = _first_from(work, reply)
    if number is None:
        return
    said = " ".join(reply.text.casefold().split()).rstrip(".!")
    if said in STOP | START:
        number.stopped_at = work.now if said in STOP else None
    elif number.stopped_at is None:
        asked = _asked(work, number)
        if asked is not None and said in (YES, NO):
            number.asked_id = None
            _do(work.by(asked.reader), asked, said == YES)
        elif number.helped_at is None:
            number.helped_at = work.now
            _say(work, number.number, "unknown", asked)


def refuse(work: Work, reply: Reply) -> None:
    """Answer that what a reply says can no longer be done."""
    number = _first_from(work, reply)
    if number is None:
        return
    _say(work, number.number, "too-late", _asked(work, number))
    number.asked_id = None


def _number(work: Work, number: str) -> SmsNumber | None:
    """Return a number that was written to, whose messages and replies come one after another."""
    lock(work.session, f"sms {number}")
    return work.session.get(SmsNumber, number, populate_existing=True)


def _first_from(work: Work, reply: Reply) -> SmsNumber | None:
    """Return the number of a reply, unless we never wrote to it or have the reply already."""
    number = _number(work, reply.sender)
    if number is None or work.session.get(SmsReply, reply.id) is not None:
        return None
    work.session.add(SmsReply(id=reply.id, number=number.number, received_at=work.now))
    return number


def _asked(work: Work, number: SmsNumber) -> _Asked | None:
    """Return the last question, unless its appointment is at another time by now, or its reader at
    another number."""
    if number.asked_id is None:
        return None
    offer = offers.offer(work.session, number.asked_id)
    appointment = offer.hold if offer else booking.appointment(work.session, number.asked_id)
    if appointment is None or appointment.patient is None:
        return None
    to = by_sms(work, appointment.patient)
    if to is None or to.address != number.number or appointment.starts_at != number.asked_start:
        return None
    return _Asked(appointment, offer, to)


def _do(work: Work, asked: _Asked, is_yes: bool) -> None:
    """Do what was asked, and say so."""
    appointment, offer, to = asked.appointment, asked.offer, asked.to
    if offer and is_yes:
        topic = Topic.MOVED if offer.appointment_id else Topic.BOOKED
        tell_at_once(work, topic, answers.accept(work, offer.id), to)
    elif offer:
        answers.decline(work, offer.id)
        _say(work, to.address, "declined", asked)
    elif is_yes:
        confirm(work, appointment.id)
        _say(work, to.address, "confirmed", asked)
    else:
        change_status(work, appointment.id, Status.CANCELLED)
        tell_at_once(work, Topic.CANCELLED, appointment, to)


def _say(work: Work, number: str, answer: str, asked: _Asked | None) -> None:
    """Have an answer sent, in the language of the reader if we know who that is."""
    spoken = asked.to.language if asked else language(work.settings.locale)
    known = contents.answered(asked.appointment, asked.to, work.settings) if asked else {}
    values = {"phone": None, **known, "answer": answer}
    key = f"{asked.appointment.id if asked else answer}.{new_id().hex}"
    queue_sms(work, SmsMessage(number, render_short("reply", spoken, values), key))
