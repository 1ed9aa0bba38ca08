"""A carer's access ends when a child is of age, with warning, unless it is confirmed."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

import factories
from openslot.core import audit, outbox
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.births import BirthDate
from openslot.core.db import Database
from openslot.core.errors import Forbidden, NotFound
from openslot.directory.models import Dependent
from openslot.entrypoints.worker.main import handle_next
from openslot.usecases import growing_up
from openslot.usecases.booking import book
from town import MONDAY_9, Town, build_town
from waitroom import SETTINGS
from working import work

ADDED = datetime(2015, 1, 1, tzinfo=UTC)


@pytest.fixture
def town(database: Database) -> Town:
    return build_town(database, patients=2)


def child(database: Database, born: str, since: datetime = ADDED) -> tuple[UUID, UUID]:
    """A child and their carer, who has an address."""

    def act(session: Session) -> tuple[UUID, UUID]:
        carer = factories.patient(session, "Aroha Ngata", email="aroha@example.net")
        young = factories.patient(session, "Tama Ngata", born=BirthDate(born))
        session.add(Dependent(patient_id=young.id, carer_id=carer.id, since=since))
        return young.id, carer.id

    return database.run(act)


def day(database: Database, on: date, **changed: Any) -> None:
    """Do the work of a day, at noon, and write the mails."""
    now = datetime(on.year, on.month, on.day, 1, tzinfo=UTC)
    look = growing_up.look_after_ages
    database.run(lambda s: look(work(s, SYSTEM, now, **changed), limit=10))
    settings = SETTINGS.model_copy(update=changed)
    while handle_next(database, settings, now=lambda: now):
        pass


def subjects(database: Database) -> list[str]:
    found = database.read(lambda s: list(outbox.all_messages(s, outbox.MAIL)))
    return [one.payload["subject"] for one in found]


def is_cared_for(database: Database, patient: UUID) -> bool:
    return database.read(lambda s: s.get(Dependent, patient)) is not None


TOLD = "Somebody you care for can manage their own record"
WARNED = "Your access to a record ends soon"
ENDED = "Your access to a record has ended"


def test_a_carer_is_told_warned_and_loses_access(database: Database) -> None:
    young, _carer = child(database, "2010-06-15")
    day(database, date(2026, 6, 14))
    assert subjects(database) == []
    for _ in range(2):
        day(database, date(2026, 6, 15))
    assert subjects(database) == [TOLD]
    day(database, date(2028, 5, 15))
    assert subjects(database) == [TOLD]
    for _ in range(2):
        day(database, date(2028, 5, 16))
    assert subjects(database) == [TOLD, WARNED]
    day(database, date(2028, 6, 14))
    assert is_cared_for(database, young)
    day(database, date(2028, 6, 15))
    assert not is_cared_for(database, young)
    assert subjects(database) == [TOLD, WARNED, ENDED]
    events = database.read(lambda s: audit.events_of(s, f"patient:{young}"))
    assert [one.action for one in events if one.action.startswith("dependent.")] == [
        "dependent.told",
        "dependent.warned",
        "dependent.ended",
    ]


def test_without_a_warning_the_access_does_not_end(database: Database) -> None:
    """A network that upgrades has young adults among its dependents."""
    young, _carer = child(database, "2006-06-15")
    day(database, date(2026, 7, 1))
    assert is_cared_for(database, young)
    day(database, date(2026, 7, 30))
    assert is_cared_for(database, young)
    day(database, date(2026, 7, 31))
    assert not is_cared_for(database, young)
    assert subjects(database) == [WARNED, ENDED]


@pytest.mark.parametrize(
    ("born", "last"),
    [
        ("2010", date(2028, 12, 30)),
        ("2010-02", date(2028, 2, 27)),
        ("2012-02-29", date(2030, 2, 28)),
    ],
)
def test_an_unsure_birth_counts_from_its_last_day(
    database: Database, born: str, last: date
) -> None:
    young, _carer = child(database, born)
    day(database, last - timedelta(days=40))
    day(database, last - timedelta(days=35))
    day(database, last - timedelta(days=29))
    day(database, last)
    assert is_cared_for(database, young)
    day(database, last + timedelta(days=2))
    assert not is_cared_for(database, young)


def test_somebody_added_as_an_adult_is_left_alone(database: Database) -> None:
    parent, _carer = child(database, "1940-01-01")
    for on in (date(2026, 6, 1), date(2026, 8, 1)):
        day(database, on)
    assert is_cared_for(database, parent)
    assert subjects(database) == []


def test_never_means_never(database: Database) -> None:
    young, _carer = child(database, "2000-01-01", datetime(2001, 1, 1, tzinfo=UTC))
    for on in (date(2026, 6, 1), date(2026, 8, 1)):
        day(database, on, carer_told_age=0, carer_ends_age=0)
    assert is_cared_for(database, young)
    assert subjects(database) == []


def test_what_the_care_team_confirms_goes_on(database: Database, town: Town) -> None:
    young, carer = child(database, "2006-06-15")
    day(database, date(2026, 7, 1))
    theirs = replace(town.booking_request(schedule=town.physio_at_hospital), patient_id=young)
    database.run(lambda s: book(work(s, SYSTEM, MONDAY_9 - timedelta(days=7)), theirs))
    database.run(lambda s: growing_up.continue_caring(work(s, town.clerk), young))
    day(database, date(2026, 9, 1))
    assert is_cared_for(database, young)
    for actor, error in (
        (Actor(role=Role.PATIENT, patient_id=carer, dependents=frozenset({young})), Forbidden),
        (town.doctor, NotFound),
        (Actor(), Forbidden),
    ):
        with pytest.raises(error):
            database.run(lambda s, by=actor: growing_up.continue_caring(work(s, by), young))
