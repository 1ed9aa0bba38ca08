"""Administrators are told when one account opens unusually many patients."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

import factories
from factories import NOW
from openslot.core import audit
from openslot.core.actor import Actor, Role
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.ids import new_id
from openslot.notifications.alarms import OF_ONE_ACCOUNT, raise_alarms
from working import work

HOUR = timedelta(hours=1)


@pytest.fixture
def settings() -> Settings:
    return Settings(_env_file=None, public_url="https://book.example.org", secret_key="a key")


@pytest.fixture
def alarms(database: Database, settings: Settings) -> Callable[..., list[str]]:
    """The alarms that are raised, after ``opened`` patients of each account by an action."""
    database.run(
        lambda session: factories.account(
            session, "net@example.org", Role.NETWORK_ADMIN, confirmed_at=NOW
        )
    )

    def raised(
        action: str, opened: dict[UUID | None, int], *, times: int = 1, ago: timedelta = HOUR / 2
    ) -> list[str]:
        def act(session: object) -> list[str]:
            for account_id, number in opened.items():
                doing = work(session, Actor(account_id=account_id), NOW - ago)
                for _patient in range(number):
                    subject = f"patient:{new_id()}"
                    for _time in range(times):
                        audit.record(doing, action, subject)
            session.flush()
            return raise_alarms(work(session, Actor(), NOW, settings=settings))

        return database.run(act)

    return raised


@pytest.mark.parametrize("action", OF_ONE_ACCOUNT)
def test_one_account_that_opens_many_patients_raises_an_alarm(
    alarms: Callable[..., list[str]], action: str
) -> None:
    most = OF_ONE_ACCOUNT[action]
    first, second = new_id(), new_id()
    assert alarms(action, {first: most - 1, second: most - 1}) == [], "each has its own number"
    assert alarms(action, {first: 1}) == [action]


@pytest.mark.parametrize("action", OF_ONE_ACCOUNT)
def test_looking_again_or_long_ago_or_as_a_program_raises_none(
    alarms: Callable[..., list[str]], action: str
) -> None:
    most = OF_ONE_ACCOUNT[action]
    assert alarms(action, {new_id(): 2}, times=most) == [], "the same patients"
    assert alarms(action, {new_id(): most}, ago=2 * HOUR) == []
    assert alarms(action, {None: most}) == [], "programs have their own limits"
