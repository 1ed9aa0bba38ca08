"""Races for the last appointment that can be squeezed in on a day, with a control."""

from dataclasses import replace
from threading import local
from typing import Any

import pytest
from sqlalchemy.orm import Session

import factories
from factories import MONDAY_9, NOW
from openslot.booking import check, errors, squeezing
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.usecases import booking as usecases
from racing import barrier, race
from town import build_town
from working import work

RACERS = 5
LIMIT = 2


@pytest.mark.parametrize("locks", [True, False], ids=["race", "control"])
def test_several_at_once_do_not_exceed_the_limit(
    database: Database, monkeypatch: pytest.MonkeyPatch, locks: bool
) -> None:
    """Without the lock all count before anybody adds, but where one writer waits for the other."""
    town = build_town(database, patients=RACERS + 1)
    database.run(
        lambda session: factories.appointment(
            session, town.gp_at_hospital, MONDAY_9, town.patients[RACERS]
        )
    )
    if not locks and database.engine.dialect.name != "sqlite":
        monkeypatch.setattr(squeezing, "lock", lambda _session, _name: None)
        count_together(monkeypatch)

    def act(number: int) -> bool:
        wanted = replace(town.booking_request(patient=number, reason="Bleeding"), squeeze_in=True)
        try:
            return bool(database.run(lambda session: book(session, wanted)))
        except errors.NoMoreSqueezedIn:
            return False

    within = sum(race(RACERS, act)) == LIMIT
    assert within is (locks or database.engine.dialect.name == "sqlite")
    assert check.faults(database) == []


def book(session: Session, wanted: Any) -> Any:
    return usecases.book(work(session, SYSTEM, NOW), wanted)


def count_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody go on before all have counted; who is tried again counts no more."""
    together, met, count = barrier(RACERS), local(), squeezing.queries.count

    def counting(*arguments: Any) -> int:
        if hasattr(met, "found"):
            return int(met.found)
        met.found = count(*arguments)
        together.wait()
        return int(met.found)

    monkeypatch.setattr(squeezing.queries, "count", counting)
