"""Text messages: what is said to whom, and the provider that takes them over HTTP."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import pytest
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from clinic import NOW, REASON, START, Clinic, book, cancel, move
from factories import change
from openslot.core.actor import Actor
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.outbox import OutboxMessage, State
from openslot.directory.models import Patient
from openslot.notifications.dispatch import SMS
from openslot.notifications.events import Channel, Topic
from openslot.notifications.preferences import Kind, choose
from postoffice import PostOffice, rows, run_worker, settings_for
from receiver import Receiver, receiver
from working import work

MOBILE = "0412 345 678"
TO = "+61412345678"
PASSWORD = "hunter2-of-the-provider"
PLACE = "Royal Randwick Hospital"


@pytest.fixture
def provider() -> Iterator[Receiver]:
    with receiver() as there:
        there.status = 201
        yield there


@pytest.fixture
def settings(post: PostOffice, provider: Receiver) -> Settings:
    return sms_settings(post, provider)


def sms_settings(post: PostOffice, provider: Receiver, **more: Any) -> Settings:
    return settings_for(
        post,
        **{
            "sms_provider": "json",
            "sms_url": provider.url,
            "sms_password": PASSWORD,
            "sms_from": "+61400000000",
            **more,
        },
    )


def wants_sms(database: Database, clinic: Clinic, *kinds: Kind, phone: str = MOBILE) -> None:
    """Ann enters her number, and chooses text messages of some kinds."""
    change(database, Patient, clinic.patient, phone=phone)
    one = clinic.patient_account
    chosen = dict.fromkeys(kinds or (Kind.APPOINTMENTS, Kind.REMINDERS, Kind.OFFERS), True)
    database.run(
        lambda session: choose(work(session, Actor(account_id=one), NOW), one, chosen, Channel.SMS)
    )


def texts(provider: Receiver) -> list[tuple[str, str]]:
    return [(one.payload["to"], one.payload["text"]) for one in provider.taken]


def test_who_chose_it_is_told_of_appointments_in_short(
    database: Database, clinic: Clinic, settings: Settings, provider: Receiver, post: PostOffice
) -> None:
    wants_sms(database, clinic, Kind.APPOINTMENTS)
    appointment = book(database, clinic)
    run_worker(database, settings)
    move(database, appointment, START + timedelta(days=7))
    run_worker(database, settings)
    cancel(database, appointment)
    run_worker(database, settings)
    assert texts(provider) == [
        (TO, f"Your appointment at {PLACE} is booked: Mon 23 Nov, 10:30 am."),
        (TO, f"Your appointment at {PLACE} has moved to Mon 30 Nov, 10:30 am."),
        (TO, f"Your appointment at {PLACE} on Mon 30 Nov, 10:30 am is cancelled."),
    ]
    assert post.recipients.count("ann@example.org") == 3, "mail stays"
    assert all(len(text) <= 160 and text.isascii() for _to, text in texts(provider))
    assert not any(REASON in one.body.decode() for one in provider.taken)
