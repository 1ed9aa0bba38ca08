"""Seals over the audit: every change of what was sealed is found, on every engine."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import structlog
from pydantic import SecretStr
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from clinic import NOW
from openslot.core import audit, sealing
from openslot.core.actor import Actor
from openslot.core.audit import AuditEvent, AuditSeal
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.ids import new_id
from openslot.core.sealing import BATCH, NOTHING_BEFORE, SETTLED, Checked, seal_next
from openslot.entrypoints.worker.main import seal_audit
from racing import barrier, race
from working import work

FORMER, CURRENT = "former-" * 6, "current-" * 6
KEYS = (CURRENT,)
LATER = NOW + timedelta(hours=1)
MOMENT = timedelta(microseconds=1)


def record(database: Database, count: int, *, at: datetime = NOW) -> None:
    """So many events, a millisecond apart."""

    def act(session: Session) -> None:
        for number in range(count):
            when = at + timedelta(milliseconds=number)
            origin = Actor(account_id=new_id(), address="192.0.2.7")
            audit.record(
                work(session, origin, when),
                "patient.changed",
                f"patient:{number}",
                fields=["näme", number],
            )

    database.run(act)


def seal_all(database: Database, *, at: datetime = LATER, key: str = CURRENT) -> None:
    seal_audit(database, Settings(_env_file=None, secret_key=SecretStr(key)), lambda: at)


def seal_once(database: Database) -> None:
    database.run(lambda session: seal_next(session, now=LATER, keys=KEYS))


def seals(database: Database) -> list[AuditSeal]:
    query = select(AuditSeal).order_by(AuditSeal.number)
    return database.read(lambda session: list(session.scalars(query)))


def faults(database: Database, *keys: str) -> list[str]:
    return database.read(
        lambda session: [str(one) for one in sealing.broken(session, keys or KEYS)]
    )


def three_seals(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve events under three seals."""
    monkeypatch.setattr(sealing, "BATCH", 4)
    record(database, 12)
    seal_all(database)
    assert [one.events for one in seals(database)] == [4, 4, 4]


def test_seals_follow_one_another_and_cover_every_event(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    three_seals(database, monkeypatch)
    made = seals(database)
    assert [one.number for one in made] == [1, 2, 3]
    assert made[0].previous == NOTHING_BEFORE
    assert all(after.previous == before.digest for before, after in pairwise(made))
    assert len({one.digest for one in made}) == 3
    assert faults(database) == []
    state = database.read(sealing.state)
    assert (state.unsealed, state.newest and state.newest.number) == (0, 3)


def test_events_wait_until_what_is_under_way_has_come_in(sqlite_database: Database) -> None:
    record(sqlite_database, 1)
    seal_all(sqlite_database, at=NOW + SETTLED - MOMENT)
    assert seals(sqlite_database) == []
    state = sqlite_database.read(sealing.state)
    assert (state.unsealed, state.oldest_unsealed, state.newest) == (1, NOW, None)
    seal_all(sqlite_database, at=NOW + SETTLED)
    assert len(seals(sqlite_database)) == 1


def test_what_comes_in_late_lies_under_the_next_seal(sqlite_database: Database) -> None:
    record(sqlite_database, 3)
    seal_all(sqlite_database)
    record(sqlite_database, 2, at=NOW - timedelta(hours=1))
    seal_all(sqlite_database, at=LATER + timedelta(minutes=1))
    assert [one.events for one in seals(sqlite_database)] == [3, 2]
    assert faults(sqlite_database) == []


def test_nothing_to_seal_makes_no_seal(sqlite_database: Database) -> None:
    seal_all(sqlite_database)
    assert seals(sqlite_database) == []
    assert faults(sqlite_database) == []


# Tampering


def event(session: Session, number: int) -> AuditEvent:
    return session.scalars(
        select(AuditEvent).where(AuditEvent.subject == f"patient:{number}")
    ).one()


def seal(session: Session, number: int) -> AuditSeal:
    return session.get_one(AuditSeal, number)


def change(**values: Any) -> Callable[[Session], None]:
    def act(session: Session) -> None:
        for name, value in values.items():
            setattr(event(session, 5), name, value)

    return act


def drop_an_event(session: Session) -> None:
    session.delete(event(session, 5))


def drop_two_events(session: Session) -> None:
    session.delete(event(session, 5))
    session.delete(event(session, 6))


def add_an_event(session: Session) -> None:
    audit.record(work(session, Actor(), NOW), "patient.changed", "patient:99")
    session.flush()
    event(session, 99).seal_number = 2


def swap_two_accounts(session: Session) -> None:
    one, other = event(session, 5), event(session, 6)
    one.account_id, other.account_id = other.account_id, one.account_id


def swap_between_seals(session: Session) -> None:
    event(session, 5).seal_number, event(session, 9).seal_number = 3, 2


def move_to_another_seal(session: Session) -> None:
    event(session, 5).seal_number = 3


def unseal_an_event(session: Session) -> None:
    event(session, 5).seal_number = None


def drop_a_seal_with_its_events(session: Session) -> None:
    session.execute(delete(AuditEvent).where(AuditEvent.seal_number == 2))
    session.delete(seal(session, 2))


def drop_the_first_seal(session: Session) -> None:
    session.execute(delete(AuditEvent).where(AuditEvent.seal_number == 1))
    session.delete(seal(session, 1))


def drop_a_seal_and_unseal_its_events(session: Session) -> None:
    unsealed = update(AuditEvent).where(AuditEvent.seal_number == 2).values(seal_number=None)
    session.execute(unsealed)
    session.delete(seal(session, 2))


def close_the_gap(session: Session) -> None:
    """Take the second seal out, and hang the third on the first."""
    drop_a_seal_with_its_events(session)
    session.flush()
    first, third = seal(session, 1), seal(session, 3)
    session.add(
        AuditSeal(
            number=2,
            digest=third.digest,
            previous=first.digest,
            events=third.events,
            sealed_at=third.sealed_at,
        )
    )
    session.flush()
    moved = update(AuditEvent).where(AuditEvent.seal_number == 3).values(seal_number=2)
    session.execute(moved)
    session.delete(third)


def write_a_seal_anew(session: Session) -> None:
    """Change an event, and its seal so that the two fit."""
    event(session, 5).action = "patient.created"
    session.flush()
    second = seal(session, 2)
    own = session.scalars(select(AuditEvent).where(AuditEvent.seal_number == 2)).all()
    second.digest = sealing.digest_of(second, own, key=CURRENT)


def write_the_last_seal_anew_without_the_key(session: Session) -> None:
    """Change an event under the newest seal, and the seal, as who owns only the database could."""
    event(session, 9).action = "patient.created"
    session.flush()
    third = seal(session, 3)
    own = session.scalars(select(AuditEvent).where(AuditEvent.seal_number == 3)).all()
    third.digest = sealing.digest_of(third, own, key=None)


def write_the_last_seal_anew_with_another_key(session: Session) -> None:
    write_the_last_seal_anew_without_the_key(session)
    third = seal(session, 3)
    own = session.scalars(select(AuditEvent).where(AuditEvent.seal_number == 3)).all()
    third.digest = sealing.digest_of(third, own, key="guessed")


def say_that_events_were_removed_as_old(session: Session) -> None:
    session.execute(delete(AuditEvent).where(AuditEvent.seal_number == 2))
    seal(session, 2).removed_at = LATER


def forge_the_count(session: Session) -> None:
    drop_an_event(session)
    seal(session, 2).events = 3


CHANGED = [r"audit seal 2: it, or one of its 4 events between .*UTC, was changed"]
TAMPERINGS = [
    (change(at=NOW + timedelta(days=1)), CHANGED),
    (change(action="patient.created"), CHANGED),
    (change(subject="patient:5 "), CHANGED),
    (change(account_id=None), CHANGED),
    (change(address="192.0.2.8"), CHANGED),
    (change(details={"fields": ["name"]}), CHANGED),
    (swap_two_accounts, CHANGED),
    (forge_the_count, [r"audit seal 2: it, or one of its 3 events"]),
    (swap_between_seals, [r"seal 2: it, or one of its 4", r"seal 3: it, or one of its 4"]),
    (drop_an_event, [r"audit seal 2: 1 of its 4 events is missing"]),
    (drop_two_events, [r"audit seal 2: 2 of its 4 events are missing"]),
    (unseal_an_event, [r"audit seal 2: 1 of its 4 events is missing"]),
    (add_an_event, [r"audit seal 2: it has 1 more than its 4 events"]),
    (
        move_to_another_seal,
        [r"seal 2: 1 of its 4 events is", r"seal 3: it has 1 more than its 4 events"],
    ),
    (drop_a_seal_with_its_events, [r"audit seal 2: was removed"]),
    (drop_a_seal_and_unseal_its_events, [r"audit seal 2: was removed"]),
    (drop_the_first_seal, [r"audit seal 1: was removed"]),
    (close_the_gap, [r"audit seal 2: it, or one of its 4 events"]),
    (write_a_seal_anew, [r"audit seal 3: does not follow the seal before it"]),
    (write_the_last_seal_anew_without_the_key, [r"audit seal 3: it, or one of its 4 events"]),
    (write_the_last_seal_anew_with_another_key, [r"audit seal 3: it, or one of its 4 events"]),
    (say_that_events_were_removed_as_old, [r"seal 2: its events were removed, but not by"]),
]


@pytest.mark.parametrize(
    ("tamper", "expected"), TAMPERINGS, ids=lambda value: getattr(value, "__name__", "")
)
def test_every_tampering_is_found_and_named(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    tamper: Callable[[Session], None],
    expected: list[str],
) -> None:
    three_seals(database, monkeypatch)
    database.run(tamper)
    found = faults(database)
    assert len(found) == len(expected), found
    for line, pattern in zip(found, expected, strict=True):
        assert re.search(pattern, line), line


def test_that_the_last_seal_was_removed_shows_by_its_events(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other engines let nobody do that."""
    three_seals(sqlite_database, monkeypatch)
    with closing(sqlite3.connect(str(sqlite_database.engine.url.database))) as file, file:
        file.execute("DELETE FROM audit_seal WHERE number = 3")
    assert faults(sqlite_database) == ["audit seal 3: was removed"]


def test_seals_are_proved_some_at_a_time(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "SEALS_AT_ONCE", 2)
    three_seals(sqlite_database, monkeypatch)
    assert faults(sqlite_database) == []
    sqlite_database.run(change(action="x"))
    assert len(faults(sqlite_database)) == 1


# Keys


def seal_without_a_key(database: Database) -> None:
    """Seal as the first versions did."""

    def act(session: Session) -> None:
        made = seal_next(session, now=LATER, keys=KEYS)
        assert made
        own = session.scalars(select(AuditEvent).where(AuditEvent.seal_number == made.number))
        made.digest = sealing.digest_of(made, own.all(), key=None)

    database.run(act)


def keyed_from(database: Database, *keys: str) -> int | None:
    checked = Checked()
    found = database.read(lambda session: list(sealing.broken(session, keys, checked)))
    assert found == []
    return checked.keyed_from


def test_seals_from_before_there_was_a_key_are_still_checked(sqlite_database: Database) -> None:
    record(sqlite_database, 3)
    seal_without_a_key(sqlite_database)
    assert keyed_from(sqlite_database, CURRENT) is None
    record(sqlite_database, 3)
    seal_all(sqlite_database)
    assert keyed_from(sqlite_database, CURRENT) == 2
    sqlite_database.run(
        lambda session: session.execute(
            update(AuditEvent).where(AuditEvent.seal_number == 1).values(action="x")
        )
    )
    assert [one[:14] for one in faults(sqlite_database)] == ["audit seal 1: "]


def test_after_the_first_seal_with_a_key_none_is_without(sqlite_database: Database) -> None:
    for seal_them in (seal_all, seal_without_a_key):
        record(sqlite_database, 3)
        seal_them(sqlite_database)
    assert [one[:14] for one in faults(sqlite_database)] == ["audit seal 2: "]


def test_seals_made_with_an_earlier_key_stay_valid(sqlite_database: Database) -> None:
    record(sqlite_database, 3)
    seal_all(sqlite_database, key=FORMER)
    record(sqlite_database, 3)
    sqlite_database.run(lambda session: seal_next(session, now=LATER, keys=(FORMER, CURRENT)))
    assert keyed_from(sqlite_database, FORMER, CURRENT) == 1
    assert [one[:14] for one in faults(sqlite_database, CURRENT)] == ["audit seal 1: "]


def test_keys_that_only_check_seals_sign_nothing() -> None:
    settings = Settings(
        _env_file=None,
        secret_key=SecretStr(CURRENT),
        secret_key_fallbacks=(SecretStr("newer"),),
        audit_key_fallbacks=(SecretStr(FORMER),),
    )
    assert settings.seal_keys() == (FORMER, "newer", CURRENT)
    assert settings.signing_keys() == ("newer", CURRENT)


def test_each_seal_is_logged_for_a_copy_outside_the_database(sqlite_database: Database) -> None:
    record(sqlite_database, BATCH + 1)
    with structlog.testing.capture_logs() as lines:
        seal_all(sqlite_database)
    told = [(line["seal"], line["digest"]) for line in lines if line["event"] == "audit.sealed"]
    assert told == [(one.number, one.digest) for one in seals(sqlite_database)]


# Several workers


def test_two_workers_at_once_make_one_chain(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "BATCH", 3)
    record(database, 30)
    race(3, lambda _number: seal_all(database))
    assert sum(one.events for one in seals(database)) == 30
    assert faults(database) == []


def test_of_two_workers_that_saw_the_same_events_each_event_gets_one_seal(
    database: Database, monkeypatch: pytest.MonkeyPatch, engine_name: str
) -> None:
    if engine_name == "sqlite":
        record(database, 6)  # writers queue up there before they read
        race(
            2,
            lambda _number: database.run(lambda session: seal_next(session, now=LATER, keys=KEYS)),
        )
    else:
        record(database, 6)
        both_read, plain, seen = barrier(2), sealing._settled_events, []

        def wait_after_reading(session: Session, until: datetime) -> Any:
            found = plain(session, until)
            if len(seen) < 2:
                seen.append(len(found))
                both_read.wait()
            return found

        monkeypatch.setattr(sealing, "_settled_events", wait_after_reading)
        race(
            2,
            lambda _number: database.run(lambda session: seal_next(session, now=LATER, keys=KEYS)),
        )
        assert seen == [6, 6]
    assert [one.events for one in seals(database)] == [6]
    assert faults(database) == []


def test_a_batch_is_of_bounded_size(sqlite_database: Database) -> None:
    record(sqlite_database, BATCH + 1)
    seal_all(sqlite_database)
    assert [one.events for one in seals(sqlite_database)] == [BATCH, 1]
