"""Whoever takes their account away waits for nothing any more, and is offered nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

import factories
from factories import HALF_HOUR, MONDAY_9, NOW
from openslot.booking.models import Status
from openslot.core.actor import Actor
from openslot.core.db import Database
from openslot.core.errors import Forbidden
from openslot.directory.models import Patient
from openslot.identity.models import Account
from openslot.usecases.account_deletion import delete_own_account
from openslot.waiting_list.models import OfferStatus, Waiting
from town import Town, build_town
from waitroom import (
    appointment,
    assert_clean,
    book,
    cancel,
    entry,
    expire_due,
    offers,
    open_offer,
    wait,
)
from working import work

TUESDAY_9 = MONDAY_9 + timedelta(days=1)


@pytest.fixture
def town(database: Database) -> Town:
    return build_town(database)


@pytest.fixture
def leaver(database: Database, town: Town) -> Actor:
    """The first patient, with an account."""

    def act(session: Session) -> Actor:
        account = factories.account(session, "aroha@example.net")
        session.get_one(Patient, town.patients[0]).account_id = account.id
        return replace(town.patient(0), account_id=account.id)

    return database.run(act)


def leave(database: Database, actor: Actor) -> None:
    database.run(
        lambda session: delete_own_account(work(session, actor, NOW, cutoff=timedelta(hours=24)))
    )


def test_the_time_that_was_kept_is_free_for_the_next(
    database: Database, town: Town, leaver: Actor
) -> None:
    first = wait(database, town, by=leaver)
    second = wait(database, town, 1)
    assert expire_due(database) == 1
    offer = open_offer(database, first)
    assert offer
    leave(database, leaver)
    assert entry(database, first).status == Waiting.LEFT
    assert [one.id for one in offers(database, OfferStatus.WITHDRAWN)] == [offer.id]
    assert appointment(database, offer.hold_id).status == Status.EXPIRED
    assert expire_due(database) == 1
    assert open_offer(database, second)
    assert_clean(database)


def test_nothing_that_comes_free_later_is_offered(
    database: Database, town: Town, leaver: Actor
) -> None:
    taken = book(database, town, 1, TUESDAY_9)
    window = {"starts_from": TUESDAY_9, "starts_until": TUESDAY_9 + HALF_HOUR}
    waited = wait(database, town, by=leaver, **window)
    leave(database, leaver)
    cancel(database, taken.id)
    assert expire_due(database) == 0
    assert offers(database) == []
    assert entry(database, waited).ended_at == NOW


def test_an_earlier_time_for_an_appointment_goes_with_the_appointment(
    database: Database, town: Town, leaver: Actor
) -> None:
    own = book(database, town, 0, TUESDAY_9)
    wait(
        database, town, by=leaver, schedule_id=None, appointment_id=own.id, practitioner_id=town.gp
    )
    assert expire_due(database) == 1
    leave(database, leaver)
    assert appointment(database, own.id).status == Status.CANCELLED
    assert offers(database) == []
    assert expire_due(database) == 0
    assert_clean(database)


def test_who_may_not_leave_goes_on_waiting(database: Database, town: Town) -> None:
    one = wait(database, town)
    with pytest.raises(Forbidden):
        leave(database, town.patient(0))
    assert entry(database, one).status == Waiting.WAITING
    assert database.read(lambda session: session.query(Account).count()) == 0
