"""Replies to text messages: from whom, to what, and what they do."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import factories
from clinic import NOW, START, Clinic, book, move, open_clinic
from factories import change
from openslot.booking.models import Appointment, Status
from openslot.core import audit
from openslot.core.actor import SYSTEM, Actor
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import DomainError
from openslot.core.events import publish
from openslot.core.ids import new_id
from openslot.core.outbox import OutboxMessage
from openslot.directory.contacts import Contact, note_change
from openslot.directory.models import Patient, SmsNumber, SmsReply
from openslot.notifications import replies
from openslot.notifications.preferences import Kind
from openslot.notifications.sms import Reply
from openslot.usecases.erasing import erase
from openslot.waiting_list.events import Topic as OfferTopic
from openslot.waiting_list.models import Offer, OfferStatus
from postoffice import PostOffice, run_worker
from receiver import Receiver, receiver
from texting import BOOKED, MOBILE, PLACE, REMINDER, TO, sms_settings, texts, wants_sms
from working import work

DAY, LATER = timedelta(days=1), START + timedelta(days=7)
DAY_BEFORE = START - timedelta(hours=24)
ASKED = f"{REMINDER} Reply 1 to confirm, 2 to cancel."


@pytest.fixture
def provider() -> Iterator[Receiver]:
    with receiver() as there:
        yield there


@pytest.fixture
def settings(post: PostOffice, provider: Receiver) -> Settings:
    return sms_settings(
        post, provider, sms_reply_secret="key of replies", sms_reminder_hours="24, 3"
    )


@pytest.fixture
def asked(
    sqlite_database: Database, clinic: Clinic, settings: Settings, provider: Receiver
) -> Appointment:
    """Ann has an appointment, and was asked about it the day before."""
    wants_sms(sqlite_database, clinic, Kind.REMINDERS)
    return remind(sqlite_database, clinic, settings)


def remind(database: Database, clinic: Clinic, settings: Settings) -> Appointment:
    appointment = book(database, clinic)
    run_worker(database, settings)
    run_worker(database, settings, at=DAY_BEFORE)
    return appointment


def reply(
    database: Database,
    settings: Settings,
    text: str,
    *,
    sender: str = TO,
    id: str = "",
    at: datetime = DAY_BEFORE,
) -> None:
    """Pass on a reply as the page does, and send what is said to it."""
    said = Reply(sender, text, uuid5(NAMESPACE_URL, id or f"{text} at {at}"))
    visitor = Actor(address="192.0.2.1")
    try:
        database.run(
            lambda session: replies.take(work(session, visitor, at, settings=settings), said)
        )
    except DomainError:
        database.run(
            lambda session: replies.refuse(work(session, visitor, at, settings=settings), said)
        )
    run_worker(database, settings, at=at)


def again(database: Database, appointment: Appointment) -> Appointment:
    return database.read(lambda session: session.get_one(Appointment, appointment.id))


def newest(provider: Receiver) -> str:
    return texts(provider)[-1][1]


def test_1_confirms_once_and_is_not_asked_again(
    sqlite_database: Database, settings: Settings, provider: Receiver, asked: Appointment
) -> None:
    assert texts(provider) == [(TO, ASKED)]
    assert len(ASKED) <= 160
    reply(sqlite_database, settings, " 1. ")
    found = again(sqlite_database, asked)
    assert (found.confirmed_at, found.status) == (DAY_BEFORE, Status.BOOKED)
    thanks = f"Thank you. Your appointment at {PLACE} is confirmed: Mon 23 Nov, 10:30 am."
    assert newest(provider) == thanks
    run_worker(sqlite_database, settings, at=START - timedelta(hours=3))
    assert newest(provider) == REMINDER
    events = sqlite_database.read(lambda s: audit.events_of(s, f"appointment:{asked.id}"))
    assert [one.action for one in events][-1] == "appointment.confirmed"


def test_2_cancels_and_says_so_once(
    sqlite_database: Database,
    clinic: Clinic,
    settings: Settings,
    provider: Receiver,
    post: PostOffice,
) -> None:
    wants_sms(sqlite_database, clinic)  # also of what is cancelled
    appointment = remind(sqlite_database, clinic, settings)
    reply(sqlite_database, settings, "2")
    assert again(sqlite_database, appointment).status is Status.CANCELLED
    said = [text for _to, text in texts(provider)]
    assert said == [
        f"{BOOKED} Reply STOP for no more messages.",
        ASKED,
        f"Your appointment at {PLACE} on Mon 23 Nov, 10:30 am is cancelled.",
    ]
    subjects = [str(one["Subject"]) for one in post.taken]
    assert [one for one in subjects if "cancelled" in one], "the practice and the patient by mail"


def test_who_has_no_messages_of_cancellations_is_told_of_their_own(
    sqlite_database: Database, settings: Settings, provider: Receiver, asked: Appointment
) -> None:
    reply(sqlite_database, settings, "2")
    assert "is cancelled" in newest(provider)


def test_the_same_reply_counts_once(
    sqlite_database: Database,
    clinic: Clinic,
    settings: Settings,
    provider: Receiver,
    asked: Appointment,
) -> None:
    reply(sqlite_database, settings, "1", id="SM1")
    other = book(sqlite_database, clinic, at=START + timedelta(days=1))
    run_worker(sqlite_database, settings, at=DAY_BEFORE)
    later = DAY_BEFORE + timedelta(days=1)
    run_worker(sqlite_database, settings, at=later)
    said = len(texts(provider))
    reply(sqlite_database, settings, "2", id="SM1", at=later)
    assert again(sqlite_database, other).status is Status.BOOKED
    assert len(texts(provider)) == said


def test_an_answer_is_used_up(
    sqlite_database: Database, settings: Settings, provider: Receiver, asked: Appointment
) -> None:
    reply(sqlite_database, settings, "1", id="SM1")
    reply(sqlite_database, settings, "2", id="SM2")
    assert again(sqlite_database, asked).status is Status.BOOKED
    assert newest(provider) == "Sorry, we can only read 1, 2, STOP and START. Please call us."


@pytest.mark.parametrize("sender", ["+61400999999", "+1", "+"])
def test_a_number_that_was_never_written_to_is_nobody(
    sqlite_database: Database,
    settings: Settings,
    provider: Receiver,
    asked: Appointment,
    sender: str,
) -> None:
    reply(sqlite_database, settings, "2", sender=sender)
    assert again(sqlite_database, asked).status is Status.BOOKED
    assert len(texts(provider)) == 1, "and gets no answer"
    with sqlite_database.reading() as session:
        assert session.scalars(select(SmsReply)).all() == []


def test_what_cannot_be_read_is_answered_once(
    sqlite_database: Database, settings: Settings, provider: Receiver, asked: Appointment
) -> None:
    for text in ("Who is this?", "CANCEL", "12", ""):
        reply(sqlite_database, settings, text)
    assert again(sqlite_database, asked).status is Status.BOOKED
    assert len(texts(provider)) == 2
    reply(sqlite_database, settings, "1")
    assert again(sqlite_database, asked).confirmed_at, "the question is open still"


def test_stop_ends_all_messages_and_start_begins_them(
    sqlite_database: Database,
    clinic: Clinic,
    settings: Settings,
    provider: Receiver,
    asked: Appointment,
) -> None:
    reply(sqlite_database, settings, "Stop")
    reply(sqlite_database, settings, "1")
    assert again(sqlite_database, asked).confirmed_at is None
    run_worker(sqlite_database, settings, at=START - timedelta(hours=3))
    assert len(texts(provider)) == 1
    reply(sqlite_database, settings, "START")
    book(sqlite_database, clinic, at=START + timedelta(days=3))
    run_worker(sqlite_database, settings)
    run_worker(sqlite_database, settings, at=START + timedelta(days=2))
    assert len(texts(provider)) == 2


def test_too_late_to_cancel_is_said(
    sqlite_database: Database, settings: Settings, provider: Receiver, asked: Appointment
) -> None:
    reply(sqlite_database, settings, "2", at=START - timedelta(hours=1))
    assert again(sqlite_database, asked).status is Status.BOOKED
    assert (
        TO,
        "Sorry, this can no longer be done by message. Please call (02) 9382 2222.",
    ) in texts(provider)


def test_a_question_about_another_time_is_void(
    sqlite_database: Database, settings: Settings, asked: Appointment
) -> None:
    move(sqlite_database, asked, START + timedelta(days=7))
    reply(sqlite_database, settings, "2")
    assert again(sqlite_database, asked).status is Status.BOOKED
    reply(sqlite_database, settings, "1", id="later")
    assert again(sqlite_database, asked).confirmed_at is None


def test_who_moves_has_confirmed_nothing(
    sqlite_database: Database, settings: Settings, asked: Appointment
) -> None:
    reply(sqlite_database, settings, "1")
    move(sqlite_database, asked, START + timedelta(days=7))
    assert again(sqlite_database, asked).confirmed_at is None


def test_a_number_that_is_no_longer_the_patients_answers_for_nobody(
    sqlite_database: Database, clinic: Clinic, settings: Settings, asked: Appointment
) -> None:
    change(sqlite_database, Patient, clinic.patient, phone="0498 765 432")
    reply(sqlite_database, settings, "2")
    assert again(sqlite_database, asked).status is Status.BOOKED


def test_who_leaves_a_number_to_others_takes_no_question_along(
    sqlite_database: Database, clinic: Clinic, settings: Settings, asked: Appointment
) -> None:
    def leave(session: Session) -> None:
        one = work(session, SYSTEM, DAY_BEFORE, settings=settings)
        bob = factories.patient(session)
        bob.phone = None
        note_change(one, bob, Contact(bob.email, MOBILE))

    sqlite_database.run(leave)
    reply(sqlite_database, settings, "2")
    assert again(sqlite_database, asked).status is Status.CANCELLED


def test_it_is_not_asked_what_can_no_longer_be_done(
    sqlite_database: Database, clinic: Clinic, post: PostOffice, provider: Receiver
) -> None:
    settings = sms_settings(
        post, provider, sms_reply_secret="key of replies", sms_reminder_hours="2"
    )
    wants_sms(sqlite_database, clinic, Kind.REMINDERS)
    book(sqlite_database, clinic)
    run_worker(sqlite_database, settings)
    run_worker(sqlite_database, settings, at=START - timedelta(hours=2))
    assert newest(provider) == REMINDER


# Offers


def offer(database: Database, clinic: Clinic, *, instead_of: Appointment | None = None) -> Offer:
    """A time that is held for Ann a week later, until the day before it."""

    def act(session: Session) -> Offer:
        length = LATER - DAY - NOW
        kept = factories.hold(
            session, clinic.schedule, LATER, clinic.patient, length=length, now=NOW
        )
        made = Offer(
            id=new_id(),
            hold_id=kept.id,
            status=OfferStatus.OPEN,
            made_at=NOW,
            expires_at=NOW + length,
            appointment_id=instead_of.id if instead_of else None,
        )
        kept.offered = True
        session.add(made)
        session.flush()
        publish(work(session, now=NOW), OfferTopic.MADE, offer=made.id)
        return made

    return database.run(act)


def test_1_takes_an_offered_time_and_2_leaves_it_to_others(
    database: Database, settings: Settings, provider: Receiver
) -> None:
    clinic = open_clinic(database)
    wants_sms(database, clinic, Kind.OFFERS)
    old = book(database, clinic)
    offer(database, clinic, instead_of=old)
    run_worker(database, settings)
    question = (
        f"An earlier appointment at {PLACE} is available: Mon 30 Nov, 10:30 am."
        " Reply 1 to accept, 2 to decline, by Sun 29 Nov, 10:30 am."
    )
    assert texts(provider) == [(TO, question)]
    assert len(question) <= 160
    reply(database, settings, "2", at=NOW)
    assert newest(provider) == "Thank you. We will offer this time to others."
    offer(database, clinic, instead_of=old)
    run_worker(database, settings)
    reply(database, settings, "1", at=NOW, id="other")
    assert again(database, old).starts_at == LATER
    assert newest(provider) == f"Your appointment at {PLACE} has moved to Mon 30 Nov, 10:30 am."


def test_an_offer_that_has_expired_is_not_taken(
    sqlite_database: Database, clinic: Clinic, settings: Settings, provider: Receiver
) -> None:
    wants_sms(sqlite_database, clinic, Kind.OFFERS)
    offer(sqlite_database, clinic)
    run_worker(sqlite_database, settings)
    reply(sqlite_database, settings, "1", at=LATER - DAY)
    assert "can no longer be done" in newest(provider)


def test_without_replies_the_message_says_where_to_answer(
    sqlite_database: Database, clinic: Clinic, post: PostOffice, provider: Receiver
) -> None:
    wants_sms(sqlite_database, clinic, Kind.OFFERS)
    offer(sqlite_database, clinic)
    run_worker(sqlite_database, sms_settings(post, provider))
    assert " Answer by Sun 29 Nov, 10:30 am: https://book.example.org/offers/" in newest(provider)


def test_an_erased_person_leaves_no_number(
    sqlite_database: Database, clinic: Clinic, settings: Settings, asked: Appointment
) -> None:
    reply(sqlite_database, settings, "1")
    sqlite_database.run(
        lambda session: erase(work(session, SYSTEM, DAY_BEFORE, settings=settings), clinic.patient)
    )
    with sqlite_database.reading() as session:
        assert session.scalars(select(SmsNumber)).all() == []
        assert session.scalars(select(SmsReply)).all() == []
        left = session.scalars(select(OutboxMessage)).all()
    assert not [one for one in left if "412345678" in str(one.payload)]
