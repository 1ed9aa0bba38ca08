"""Nothing is taken out of the directory while appointments to come need it, and by nobody else."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

import factories
from entrypoints.world import World, build
from openslot.booking.models import Status
from openslot.core.actor import SYSTEM, Actor
from openslot.core.db import Database
from openslot.core.errors import Forbidden, NotFound
from openslot.directory.commands import actor_of
from openslot.directory.errors import HasAppointments
from openslot.identity import queries as identities
from openslot.schedules import queries as schedules
from openslot.usecases import deactivation
from working import work

NOW = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
Command = Callable[..., None]


@pytest.fixture
def world(sqlite_database: Database) -> World:
    """The network of the entry points' tests."""
    return build(sqlite_database, NOW)


def actor(database: Database, world: World, person: str) -> Actor:
    """A person as one who acts."""

    def read(session: Session) -> Actor:
        account = identities.by_id(session, world.accounts[person])
        assert account
        return actor_of(session, account, None)

    return database.read(read)


def ask(
    database: Database,
    command: Command,
    who: Actor,
    key: int,
    *,
    active: bool = False,
    now: datetime = NOW,
) -> None:
    """Do a command as somebody."""
    database.run(lambda session: command(work(session, who, now), key, active=active))


COMMANDS = [
    (deactivation.deactivate_centre, lambda world: world.centres["own"], 2),
    (deactivation.deactivate_practitioner, lambda world: world.practitioners["owner"], 1),
    (deactivation.deactivate_schedule, lambda world: world.schedules["owner"], 1),
]


@pytest.mark.parametrize(("command", "key", "count"), COMMANDS)
def test_appointments_to_come_stand_against_it(
    sqlite_database: Database, world: World, command: Command, key: Any, count: int
) -> None:
    with pytest.raises(HasAppointments) as refused:
        ask(sqlite_database, command, SYSTEM, key(world))
    assert refused.value.params["count"] == count


@pytest.mark.parametrize(("command", "key", "count"), COMMANDS)
def test_cancelled_and_past_appointments_do_not(
    sqlite_database: Database, world: World, command: Command, key: Any, count: int
) -> None:
    sqlite_database.run(
        lambda session: factories.change_status(
            session, world.appointments["owner"], Status.CANCELLED, now=NOW
        )
    )
    ask(sqlite_database, command, SYSTEM, key(world), now=NOW + timedelta(days=5))
    assert world.schedules["owner"] not in bookable(sqlite_database)
    ask(sqlite_database, command, SYSTEM, key(world), active=True)
    assert world.schedules["owner"] in bookable(sqlite_database)


def bookable(database: Database) -> set[int]:
    """The schedules that can be booked."""
    return set(database.read(schedules.places))


def test_a_service_and_its_department_go_and_come(sqlite_database: Database, world: World) -> None:
    schedule = world.schedules["owner-service"]
    for command, key in (
        (deactivation.deactivate_service, world.services["owner"]),
        (deactivation.deactivate_department, world.departments["owner"]),
    ):
        ask(sqlite_database, command, SYSTEM, key)
        assert schedule not in bookable(sqlite_database)
        ask(sqlite_database, command, SYSTEM, key, active=True)
        assert schedule in bookable(sqlite_database)


def test_appointments_with_a_service_stand_against_it(
    sqlite_database: Database, world: World
) -> None:
    start = NOW + timedelta(days=2)
    schedule, patient = world.schedules["owner-service"], world.patients["teammate"]
    sqlite_database.run(
        lambda session: factories.appointment(session, schedule, start, patient, now=NOW)
    )
    for command, key in (
        (deactivation.deactivate_service, world.services["owner"]),
        (deactivation.deactivate_department, world.departments["owner"]),
    ):
        with pytest.raises(HasAppointments):
            ask(sqlite_database, command, SYSTEM, key)


@pytest.mark.parametrize(
    ("person", "command", "key", "refusal"),
    [
        ("centre-admin-owner", deactivation.deactivate_centre, "centre", Forbidden),
        ("staff-owner", deactivation.deactivate_department, "department", Forbidden),
        ("staff-teammate", deactivation.deactivate_service, "service", Forbidden),
        ("centre-admin-stranger", deactivation.deactivate_service, "service", Forbidden),
        ("centre-admin-stranger", deactivation.deactivate_practitioner, "practitioner", Forbidden),
        ("practitioner-owner", deactivation.deactivate_practitioner, "practitioner", Forbidden),
        ("centre-admin-stranger", deactivation.deactivate_schedule, "schedule", Forbidden),
        ("network-admin", deactivation.deactivate_schedule, "nothing", NotFound),
    ],
)
def test_only_those_who_run_it_may(
    sqlite_database: Database,
    world: World,
    person: str,
    command: Command,
    key: str,
    refusal: type[Exception],
) -> None:
    keys = {
        "centre": world.centres["own"],
        "department": world.departments["owner"],
        "service": world.services["owner"],
        "practitioner": world.practitioners["owner"],
        "schedule": world.schedules["owner"],
        "nothing": 10_000,
    }
    with pytest.raises(refusal):
        ask(sqlite_database, command, actor(sqlite_database, world, person), keys[key])


def test_nobody_takes_a_practitioner_from_a_centre_of_others(
    sqlite_database: Database, world: World
) -> None:
    """Who works at two centres is deactivated by the network; each ends the work at their own."""
    person = world.practitioners["stranger"]
    sqlite_database.run(
        lambda session: factories.schedule(
            session, world.centres["own"], practitioner_id=person, hours=(), now=NOW
        )
    )
    later = NOW + timedelta(days=30)
    admin = actor(sqlite_database, world, "centre-admin-stranger")
    with pytest.raises(Forbidden):
        ask(sqlite_database, deactivation.deactivate_practitioner, admin, person, now=later)
    ask(
        sqlite_database,
        deactivation.deactivate_schedule,
        admin,
        world.schedules["stranger"],
        now=later,
    )
