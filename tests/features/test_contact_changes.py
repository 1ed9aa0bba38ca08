"""Somebody else changes how a patient is reached: who is told, and what is not sent there."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy.orm import Session

import factories
from factories import NOW
from openslot.core import outbox
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.db import Database
from openslot.directory import commands, contacts, own
from openslot.directory.details import PatientDetails
from openslot.directory.models import Dependent, Patient
from openslot.entrypoints.worker.main import handle_next
from openslot.identity.models import Account
from openslot.usecases import erasing, merging
from town import Town, build_town
from waitroom import SETTINGS, expire_due, wait
from working import KEY, work

OLD, NEW = "aroha@example.org", "desk@evil.example"
SETTINGS = SETTINGS.model_copy(
    update={"public_url": "https://book.example.org", "secret_key": SecretStr(KEY)}
)


@pytest.fixture
def town(database: Database) -> Town:
    return build_town(database, patients=2)


@pytest.fixture
def aroha(database: Database, town: Town) -> UUID:
    """A patient without an account, who has an address and a phone number."""
    patient = town.patients[0]
    values = {"name": "Aroha Ngata", "email": OLD, "phone": "0400 123 456"}
    factories.change(database, Patient, patient, **values)
    return patient


def account(database: Database, patient: UUID, email: str, *, confirmed: bool = True) -> UUID:
    def act(session: Session) -> UUID:
        made = factories.account(
            session, email, Role.PATIENT, name="Aroha", confirmed_at=NOW if confirmed else None
        )
        session.get_one(Patient, patient).account_id = made.id
        return made.id

    return database.run(act)


def details(session: Session, patient: UUID, **changed: Any) -> PatientDetails:
    row = session.get_one(Patient, patient)
    known = {name: getattr(row, name) for name in PatientDetails.model_fields}
    return PatientDetails.model_validate(known | changed)


def change(
    database: Database, actor: Actor, patient: UUID, at: datetime = NOW, **changed: Any
) -> None:
    database.run(
        lambda s: commands.change_patient(
            work(s, actor, at), patient, details(s, patient, **changed)
        )
    )
    handle_all(database, at)


def handle_all(database: Database, at: datetime = NOW) -> None:
    while handle_next(database, SETTINGS, now=lambda: at):
        pass


def mails(database: Database, subject: str = "changed") -> list[tuple[str, str]]:
    """To whom mail is about a change, and its text."""
    found = database.read(lambda s: [one.payload for one in outbox.all_messages(s, outbox.MAIL)])
    return sorted((one["to"], one["text"]) for one in found if subject in one["subject"])


def told(database: Database) -> list[str]:
    return [to for to, _text in mails(database)]


NETWORK = Actor(role=Role.NETWORK_ADMIN)
OTHERS: dict[str, Callable[[Town], Actor]] = {
    "staff": lambda town: town.clerk,
    "practitioner": lambda town: town.doctor,
    "network": lambda town: NETWORK,
    "program": lambda town: Actor(role=Role.STAFF, centre_id=town.hospital, program="key Desk"),
    "import": lambda town: SYSTEM,
}


@pytest.mark.parametrize("other", OTHERS)
def test_the_old_and_the_new_address_are_told(
    database: Database, town: Town, aroha: UUID, other: str
) -> None:
    change(database, OTHERS[other](town), aroha, email=NEW)
    assert told(database) == [OLD, NEW]
    for _to, text in mails(database):
        assert "The care team changed your email address." in text
        assert "contact us straight away" in text
        assert NEW not in text, "the old address learns no more"


def test_the_account_is_told_as_well(database: Database, town: Town, aroha: UUID) -> None:
    account(database, aroha, "account@example.org")
    change(database, NETWORK, aroha, email=NEW, phone="0400 999 999")
    assert told(database) == ["account@example.org", OLD, NEW]
    assert "your email address and your phone number" in mails(database)[0][1]


def test_an_account_that_is_not_confirmed_causes_no_mail(
    database: Database, town: Town, aroha: UUID
) -> None:
    account(database, aroha, "account@example.org", confirmed=False)
    change(database, NETWORK, aroha, email=NEW)
    assert told(database) == []


def test_a_changed_phone_number_is_told_to_the_address(
    database: Database, town: Town, aroha: UUID
) -> None:
    change(database, town.clerk, aroha, phone="0400 999 999")
    assert told(database) == [OLD]
    assert "changed your phone number" in mails(database)[0][1]


@pytest.mark.parametrize(
    "changed", [{"phone": "+61 400 123 456"}, {"email": "Aroha@Example.org"}, {"name": "Aroha N"}]
)
def test_what_is_only_written_otherwise_is_no_change(
    database: Database, town: Town, aroha: UUID, changed: dict[str, str]
) -> None:
    change(database, town.clerk, aroha, **changed)
    assert told(database) == []


def test_a_carer_is_told(database: Database, town: Town, aroha: UUID) -> None:
    def act(session: Session) -> None:
        carer = factories.patient(session, "Mere Ngata", email="mere@example.org")
        session.add(Dependent(patient_id=aroha, carer_id=carer.id, since=NOW))

    database.run(act)
    change(database, town.clerk, aroha, email=NEW)
    assert told(database) == [OLD, NEW, "mere@example.org"]
    assert "the email address of Aroha Ngata" in dict(mails(database))["mere@example.org"]


def test_what_people_change_themselves_is_not_told_here(
    database: Database, town: Town, aroha: UUID
) -> None:
    patient = Actor(role=Role.PATIENT, patient_id=aroha)
    change(database, patient, aroha, phone="0400 999 999")
    carer = Actor(role=Role.PATIENT, patient_id=town.patients[1], dependents=frozenset({aroha}))
    change(database, carer, aroha, email="both@example.org")
    assert told(database) == []


def test_details_that_a_merge_fills_in_are_told(database: Database, town: Town) -> None:
    kept, duplicate = town.patients
    factories.change(database, Patient, duplicate, email=NEW)
    database.run(lambda s: merging.merge(work(s, NETWORK, NOW), kept, duplicate, end_access=False))
    handle_all(database)
    assert told(database) == [NEW]
    assert database.read(lambda s: contacts.is_new(s.get_one(Patient, kept), NOW))


def test_the_old_address_goes_when_a_person_is_erased(
    database: Database, town: Town, aroha: UUID
) -> None:
    change(database, town.clerk, aroha, email=NEW)
    change(database, town.clerk, aroha, email=OLD)
    database.run(lambda s: erasing.erase(work(s, NETWORK, NOW), aroha, keep_record=False))
    left = database.read(
        lambda s: [one.payload for one in outbox.all_messages(s, contacts.Topic.CHANGED)]
    )
    assert not [one for one in left if OLD in str(one) or NEW in str(one)]


# Offers


def offer_mail(database: Database, town: Town, at: datetime) -> str:
    """The mail about a time that is offered to the patient at an instant."""
    wait(database, town, 0, now=at)
    assert expire_due(database, at) == 1
    handle_all(database, at)
    return mails(database, "appointment is available")[-1][1]


LINK = "https://book.example.org/offers/"


@pytest.mark.parametrize(
    ("age", "has_link"),
    [(timedelta(0), False), (contacts.NEW_FOR / 2, False), (contacts.NEW_FOR, True)],
)
def test_a_new_address_gets_no_link_that_needs_no_sign_in(
    database: Database, town: Town, aroha: UUID, age: timedelta, has_link: bool
) -> None:
    change(database, town.clerk, aroha, NOW - age, email=NEW)
    text = offer_mail(database, town, NOW)
    assert (LINK in text) is has_link
    assert ("please sign in to answer, or call us" in text) is not has_link
    assert "https://book.example.org/offers" in text


def test_an_own_address_gets_the_link(database: Database, town: Town, aroha: UUID) -> None:
    mine = account(database, aroha, OLD)
    change(database, NETWORK, aroha, email=NEW)
    change(database, NETWORK, aroha, email=OLD)

    def take(session: Session) -> None:
        row = session.get_one(Account, mine)
        row.pending_email = "mine@example.org"
        own.take_email(work(session, Actor(account_id=mine), NOW), row, keep_session=None)

    database.run(take)
    assert LINK in offer_mail(database, town, NOW + timedelta(hours=1))


def test_an_address_of_a_new_patient_gets_the_link(
    database: Database, town: Town, aroha: UUID
) -> None:
    assert LINK in offer_mail(database, town, NOW)
