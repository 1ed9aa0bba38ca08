"""Threads that start together, so that races happen each time and not now and then."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, local
from typing import Any, TypeVar

import pytest
from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from openslot.booking.models import Appointment
from openslot.core.db import Database
from openslot.core.errors import DomainError
from openslot.schedules import diaries
from openslot.schedules.diaries import PageKey
from openslot.schedules.models import DiaryPage

T = TypeVar("T")

Outcome = Appointment | DomainError

PATIENCE = 20.0
"""Seconds until a thread that waits for the others gives up with BrokenBarrierError."""


def barrier(parties: int) -> Barrier:
    """A point that nobody passes before all have reached it."""
    return Barrier(parties, timeout=PATIENCE)


def meeting(parties: int) -> Callable[[], None]:
    """A call that returns when all threads have made it; whoever comes again, since a deadlock had
    it begin anew, meets nobody."""
    together, met = barrier(parties), local()

    def meet() -> None:
        if not hasattr(met, "once"):
            met.once = True
            together.wait()

    return meet


def race(racers: int, work: Callable[[int], T]) -> list[T]:
    """What ``work(0)``, ``work(1)`` ... return, all started at the same moment.

    An exception of one of them is raised here, after all have ended.
    """
    start = barrier(racers)

    def run(number: int) -> T:
        start.wait()
        return work(number)

    with ThreadPoolExecutor(racers) as pool:
        futures = [pool.submit(run, number) for number in range(racers)]
    return [future.result() for future in futures]


def attempt(act: Callable[[], Appointment]) -> Outcome:
    """What came of it; anything but a refusal in words is an error of the test."""
    try:
        return act()
    except DomainError as refusal:
        return refusal


def won(outcomes: list[Outcome]) -> list[Appointment]:
    return [one for one in outcomes if isinstance(one, Appointment)]


def without_compare_and_set(
    database: Database, monkeypatch: pytest.MonkeyPatch, racers: int
) -> None:
    """Let all racers read pages, which are there already, before anybody writes, and then write
    without looking."""
    if database.engine.dialect.name == "sqlite":
        # SQLite lets in one writer at a time: its control is to have none of them look.
        monkeypatch.setattr(diaries, "_pages", lambda _session, _keys: {})
        monkeypatch.setattr(diaries, "_compare_and_set", lambda *_arguments: None)
    else:
        meet = meeting(racers)
        pages = diaries._pages

        def read_together(session: Session, keys: Any) -> dict[PageKey, int]:
            found = pages(session, keys)
            meet()
            return found

        monkeypatch.setattr(diaries, "_pages", read_together)
        monkeypatch.setattr(diaries, "_compare_and_set", overwrite_blindly)


def overwrite_blindly(session: Session, old: dict[PageKey, int], new: dict[PageKey, int]) -> None:
    """Write the pages as if nobody else did."""
    for (diary_id, day), mask in sorted(new.items()):
        taken = mask.to_bytes(diaries.PAGE_BYTES, "little")
        where = (DiaryPage.diary_id == diary_id, DiaryPage.day == day)
        changed = session.execute(update(DiaryPage).where(*where).values(taken=taken))
        if changed.rowcount == 0:
            session.execute(insert(DiaryPage).values(diary_id=diary_id, day=day, taken=taken))
