"""What tests of text messages share: Ann's number, and a provider that is a real HTTP server."""

from typing import Any

from clinic import NOW, Clinic
from factories import change
from openslot.core.actor import Actor
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.directory.models import Patient
from openslot.notifications.events import Channel
from openslot.notifications.preferences import Kind, choose
from postoffice import PostOffice, settings_for
from receiver import Receiver
from working import work

MOBILE, TO = "0412 345 678", "+61412345678"
PASSWORD = "hunter2-of-the-provider"
PLACE = "Royal Randwick Hospital"
BOOKED = f"Your appointment at {PLACE} is booked: Mon 23 Nov, 10:30 am."
REMINDER = f"Reminder of your appointment at {PLACE}: Mon 23 Nov, 10:30 am."


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
