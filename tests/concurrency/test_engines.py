"""Rule: a compare-and-set on one row has one winner, on every engine.

The control does the same without the comparison and has many, so these tests would notice.
Below them: the servers that the tests run on come and go with the run.
"""

import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

import engines
from openslot.core.db import Database
from openslot.directory.models import Diary
from openslot.schedules.models import DiaryPage
from racing import barrier, race

RACERS = 8
ROUNDS = 6
FREE = bytes(36)


def add_page(database: Database) -> None:
    def work(session: Session) -> None:
        session.execute(insert(Diary).values(id=1, kind="practitioner"))
        session.execute(insert(DiaryPage).values(diary_id=1, day=20_000, taken=FREE))

    database.run(work)


def page(session: Session) -> bytes:
    return session.scalars(select(DiaryPage.taken)).one()


def mark(number: int, turn: int) -> bytes:
    """Bytes that nobody else writes."""
    return bytes([number + 1, turn + 1]).ljust(36, b"\0")


def winners(database: Database, turn: int, *, compare: bool) -> list[int]:
    """Who thinks to have changed the page, when all have read it before any one writes."""
    everybody_has_read = barrier(RACERS)

    def work(number: int) -> int:
        old = database.read(page)
        everybody_has_read.wait()
        change = update(DiaryPage).where(DiaryPage.diary_id == 1, DiaryPage.day == 20_000)
        if compare:
            change = change.where(DiaryPage.taken == old)
        change = change.values(taken=mark(number, turn))
        return database.run(lambda session: session.execute(change).rowcount)

    changed = race(RACERS, work)
    return [number for number, rows in enumerate(changed) if rows]


def test_each_round_of_compare_and_set_has_exactly_one_winner(database: Database) -> None:
    add_page(database)
    for turn in range(ROUNDS):
        (winner,) = winners(database, turn, compare=True)
        assert database.read(page) == mark(winner, turn)


def test_control_without_the_comparison_everybody_wins(database: Database) -> None:
    add_page(database)
    assert winners(database, 0, compare=False) == list(range(RACERS))


def test_bytes_are_compared_as_bytes(database: Database) -> None:
    """MariaDB compares text without case and trailing blanks; a page must not be text."""
    add_page(database)
    upper, lower = b"A" + bytes(34) + b" ", b"a" + bytes(34) + b"\0"

    def swap(old: bytes, new: bytes) -> int:
        change = update(DiaryPage).where(DiaryPage.taken == old).values(taken=new)
        return database.run(lambda session: session.execute(change).rowcount)

    assert swap(FREE, upper) == 1
    assert swap(lower, FREE) == 0
    assert swap(upper, FREE) == 1


def test_a_database_is_empty_again_for_the_next_test(database: Database) -> None:
    """The same check before and after: whichever test ran before left nothing."""
    assert database.read(lambda session: session.scalars(select(Diary.id)).all()) == []
    add_page(database)


def test_statements_are_counted_without_what_begins_and_ends(
    database: Database, statements: Callable[[Database], AbstractContextManager[engines.Counted]]
) -> None:
    add_page(database)
    with statements(database) as counted:
        database.run(page)
        database.read(page)
    assert counted.count == 2
    assert all("diary_page" in text for text in counted.texts)


@pytest.mark.parametrize("name", engines.SERVERS)
@pytest.mark.engines
def test_servers_end_with_the_run_that_asked_for_them(name: str) -> None:
    """The run's pipe closes when it is killed, too, so that nothing is left behind."""
    run = engines.Run.start()
    assert run.process.stdin is not None
    url = engines.ask(run.folder, name)
    assert engines.ask(run.folder, name) == url, "asked twice, started once"
    assert processes_of(run.folder)
    run.process.stdin.close()
    run.process.wait(30)
    assert not processes_of(run.folder)
    assert not run.folder.exists()


def processes_of(folder: Path) -> list[str]:
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if f"{folder}/" in line]
