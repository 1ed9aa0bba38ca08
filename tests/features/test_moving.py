"""Staff ask to work somewhere else, and an administrator of that place admits them."""

from typing import Any

import pytest

import factories
from factories import NOW
from openslot.core.actor import Actor, Role
from openslot.core.db import Database
from openslot.core.errors import Forbidden, Invalid, NotFound
from openslot.directory import moving, queries, registration
from openslot.directory.commands import actor_of
from openslot.directory.moving import MoveDetails
from openslot.directory.registration import StaffSignUp
from openslot.identity.models import Account
from town import Town
from working import work

NETWORK = Actor(role=Role.NETWORK_ADMIN)


def runs(centre_id: int) -> Actor:
    return Actor(role=Role.CENTRE_ADMIN, centre_id=centre_id)


@pytest.fixture
def nora(sqlite_database: Database, town: Town) -> Actor:
    """Staff of Radiology at the hospital."""

    def write(session: Any) -> Actor:
        account = factories.staff(session, town.hospital, town.department, email="nora@example.org")
        return actor_of(session, account, None)

    return sqlite_database.run(write)


def run(database: Database, actor: Actor, command: Any, *args: Any, **more: Any) -> Any:
    return database.run(lambda session: command(work(session, actor, NOW), *args, **more))


def place(database: Database, actor: Actor) -> tuple[int, int | None]:
    member = database.read(lambda session: queries.staff_member(session, actor.account_id))  # type: ignore[arg-type]
    assert member is not None
    return member.centre_id, member.department_id


def waiting(database: Database, actor: Actor) -> list[str]:
    return [one.account.email for one in run(database, actor, moving.waiting)]


def test_an_administrator_of_the_new_centre_admits(
    sqlite_database: Database, town: Town, nora: Actor
) -> None:
    run(sqlite_database, nora, moving.ask, MoveDetails(centre_id=town.clinic))
    assert place(sqlite_database, nora) == (town.hospital, town.department)
    assert waiting(sqlite_database, runs(town.hospital)) == []
    with pytest.raises(NotFound):
        run(sqlite_database, runs(town.hospital), moving.admit, nora.account_id)
    with pytest.raises(NotFound):
        run(sqlite_database, nora, moving.admit, nora.account_id)
    assert waiting(sqlite_database, runs(town.clinic)) == ["nora@example.org"]
    run(sqlite_database, runs(town.clinic), moving.admit, nora.account_id)
    assert place(sqlite_database, nora) == (town.clinic, None)
    assert waiting(sqlite_database, NETWORK) == []


def test_a_place_that_is_not_listed_goes_to_the_network(
    sqlite_database: Database, town: Town, nora: Actor
) -> None:
    run(sqlite_database, nora, moving.ask, MoveDetails(place="Bay Hospital"))
    assert waiting(sqlite_database, runs(town.clinic)) == []
    assert waiting(sqlite_database, NETWORK) == ["nora@example.org"]
    with pytest.raises(Invalid) as caught:
        run(sqlite_database, NETWORK, moving.admit, nora.account_id)
    assert caught.value.field == "centre_id"
    run(sqlite_database, NETWORK, moving.admit, nora.account_id, centre_id=town.clinic)
    assert place(sqlite_database, nora) == (town.clinic, None)


def test_asking_again_replaces_and_withdrawing_and_declining_change_nothing(
    sqlite_database: Database, town: Town, nora: Actor
) -> None:
    run(sqlite_database, nora, moving.ask, MoveDetails(place="Bay Hospital"))
    run(sqlite_database, nora, moving.ask, MoveDetails(centre_id=town.clinic))
    run(sqlite_database, nora, moving.withdraw)
    run(sqlite_database, nora, moving.withdraw)
    assert waiting(sqlite_database, NETWORK) == []
    run(sqlite_database, nora, moving.ask, MoveDetails(centre_id=town.clinic))
    run(sqlite_database, runs(town.clinic), moving.decline, nora.account_id)
    assert place(sqlite_database, nora) == (town.hospital, town.department)


def test_what_cannot_be_asked_for(sqlite_database: Database, town: Town, nora: Actor) -> None:
    refused = [
        MoveDetails(),
        MoveDetails(centre_id=town.clinic, place="Bay Hospital"),
        MoveDetails(centre_id=town.clinic, department_id=town.department),
        MoveDetails(centre_id=town.hospital, department_id=town.department),
    ]
    for details in refused:
        with pytest.raises(Invalid) as caught:
            run(sqlite_database, nora, moving.ask, details)
        assert caught.value.field == "workplace"
    with pytest.raises(NotFound):
        run(sqlite_database, nora, moving.ask, MoveDetails(centre_id=999_999))
    for stranger in (town.patient(), town.doctor, NETWORK, runs(town.clinic)):
        with pytest.raises(Forbidden):
            run(sqlite_database, stranger, moving.ask, MoveDetails(centre_id=town.clinic))


@pytest.mark.parametrize("admitted", [True, False])
def test_registering_with_a_facility_that_is_not_listed(
    sqlite_database: Database, town: Town, admitted: bool
) -> None:
    details = StaffSignUp(
        name="Ned New",
        email="ned@example.org",
        password="orchard lantern velvet",
        facility="Bay Hospital",
    )
    made = run(sqlite_database, Actor(), registration.register, details, "hash")
    assert not made.active
    assert sqlite_database.read(lambda session: registration.is_waiting(session, made.email))
    if admitted:
        run(sqlite_database, NETWORK, moving.admit, made.id, centre_id=town.clinic)
    else:
        run(sqlite_database, NETWORK, moving.decline, made.id)
    account = sqlite_database.read(lambda session: session.get(Account, made.id))
    assert (account is not None and account.active) is admitted
    with pytest.raises(Invalid):
        run(
            sqlite_database,
            Actor(),
            registration.register,
            details.model_copy(update={"facility": None, "email": "other@example.org"}),
            "hash",
        )
