"""Rules of core/outbox.py: at least once, by one worker at a time, never lost."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

import engines
from openslot.core import outbox
from openslot.core.db import Database
from openslot.core.outbox import ATTEMPTS, LEASE, OutboxMessage, State
from racing import race
from working import work

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


def send(database: Database, *, at: datetime = NOW) -> UUID:
    return database.run(lambda session: outbox.send(work(session, now=at), "mail", {"to": "x"}))


def lease(database: Database, *, at: datetime = NOW) -> OutboxMessage | None:
    leased = database.run(lambda session: outbox.lease(session, now=at))
    return leased[0] if leased else None


def stored(database: Database, message_id: UUID) -> OutboxMessage:
    def act(session: Session) -> OutboxMessage:
        message = session.get_one(OutboxMessage, message_id)
        session.expunge(message)
        return message

    return database.read(act)


def test_workers_share_the_messages_and_lease_none_twice(database: Database) -> None:
    sent = {send(database) for _ in range(24)}

    def act(_number: int) -> list[UUID]:
        leased = []
        while message := lease(database):
            leased.append(message.id)
        return leased

    leased = [message for of_one in race(4, act) for message in of_one]
    # A worker that loses all that it saw goes away; the next round of the worker asks again.
    while message := lease(database):
        leased.append(message.id)
    assert len(leased) == len(sent)
    assert set(leased) == sent


@pytest.mark.parametrize(
    "engine_name", [name for name in engines.engine_names() if name != "sqlite"], indirect=True
)
def test_what_another_worker_is_leasing_is_passed_over(database: Database) -> None:
    first, second = send(database), send(database, at=NOW + MOMENT)

    def act(session: Session) -> list[OutboxMessage | None]:
        [mine] = outbox.lease(session, now=NOW + LEASE)
        session.flush()
        return [mine, lease(database, at=NOW + LEASE)]

    leased = database.run(act)
    assert [message and message.id for message in leased] == [first, second]


def test_the_oldest_due_message_comes_first_and_none_before_its_time(database: Database) -> None:
    later = send(database, at=NOW + timedelta(seconds=1))
    first = send(database)
    assert lease(database, at=NOW - MOMENT) is None
    both = [lease(database, at=NOW + LEASE / 2) for _ in range(2)]
    assert [message and message.id for message in both] == [first, later]


def test_several_are_leased_together_and_one_that_was_tried_alone(database: Database) -> None:
    def several(at: datetime) -> list[UUID]:
        return [
            message.id
            for message in database.run(lambda session: outbox.lease(session, now=at, most=3))
        ]

    tried = send(database)
    message = lease(database)
    assert message is not None
    put_back(database, message, NOW)
    fresh = [send(database, at=NOW + timedelta(hours=hours)) for hours in range(1, 5)]
    later = NOW + timedelta(hours=9)
    assert [several(later) for _ in range(3)] == [[tried], fresh[:3], fresh[3:]]


def test_of_many_that_were_tried_only_the_one_that_is_leased_is_read(
    sqlite_database: Database,
) -> None:
    for _ in range(3):
        send(sqlite_database)
        message = lease(sqlite_database)
        assert message is not None
        put_back(sqlite_database, message, NOW)
    read = list[object]()

    def note(message: object, _context: object) -> None:
        read.append(message)

    event.listen(OutboxMessage, "load", note)
    sqlite_database.run(lambda session: outbox.lease(session, now=NOW + LEASE, most=3))
    event.remove(OutboxMessage, "load", note)
    assert len(read) == 1


def test_what_was_not_begun_is_given_back_as_it_was(database: Database) -> None:
    sent = send(database)
    message = lease(database)
    assert message is not None
    database.run(lambda session: outbox.give_back(session, [message]))
    after = stored(database, sent)
    assert (after.attempts, after.leased_until) == (0, None)
    assert lease(database)


def test_a_lease_runs_out_and_another_worker_takes_over(database: Database) -> None:
    sent = send(database)
    assert lease(database)
    assert lease(database, at=NOW + LEASE - MOMENT) is None
    again = lease(database, at=NOW + LEASE)
    assert again is not None
    assert (again.id, again.attempts) == (sent, 2)


def test_a_failing_message_waits_longer_each_time_and_at_last_is_put_aside(
    database: Database,
) -> None:
    sent, now, waits = send(database), NOW, []
    for _ in range(ATTEMPTS):
        message = lease(database, at=now)
        assert message is not None
        put_back(database, message, now)
        due = stored(database, sent).due_at
        waits.append(due - now)
        assert lease(database, at=due - MOMENT) is None
        now = due
    last = stored(database, sent)
    assert (last.state, last.error, last.finished_at) == (State.FAILED, "no route", now)
    assert lease(database, at=now + timedelta(days=30)) is None
    tried_again = waits[:-1]
    assert tried_again == sorted(tried_again)
    assert tried_again[0] < timedelta(minutes=1)
    assert timedelta(hours=20) < sum(tried_again, timedelta()) < timedelta(hours=28)


def put_back(database: Database, message: OutboxMessage, now: datetime) -> None:
    database.run(lambda session: outbox.put_back(session, message, "no route", now=now))


@pytest.mark.parametrize("state", [State.DONE, State.KEPT])
def test_a_finished_message_is_never_leased_again(database: Database, state: State) -> None:
    sent = send(database)
    message = lease(database)
    assert message is not None
    database.run(lambda session: outbox.finish(session, [message], state, now=NOW))
    after = stored(database, sent)
    assert (after.state, after.finished_at, after.leased_until) == (state, NOW, None)
    assert lease(database, at=NOW + timedelta(days=1)) is None


def test_a_worker_whose_lease_ran_out_leaves_its_successors_message_alone(
    database: Database,
) -> None:
    sent = send(database)
    slow = lease(database)
    successor = lease(database, at=NOW + timedelta(hours=1))
    assert slow is not None
    assert successor is not None
    put_back(database, slow, NOW + timedelta(hours=1))
    assert stored(database, sent).error is None
    database.run(lambda session: outbox.finish(session, [successor], State.DONE, now=NOW))
    put_back(database, slow, NOW + timedelta(hours=2))
    assert stored(database, sent).state == State.DONE


def test_what_a_failed_transaction_wanted_to_send_is_not_sent(database: Database) -> None:
    def act(session: Session) -> None:
        outbox.send(work(session, now=NOW), "mail", {})
        session.flush()
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        database.run(act)
    assert lease(database) is None


def test_the_lag_is_the_age_of_the_oldest_message_that_is_due(database: Database) -> None:
    def lag(now: datetime) -> timedelta:
        return database.read(lambda session: outbox.lag(session, now=now))

    assert lag(NOW) == timedelta(0)
    send(database)
    send(database, at=NOW + timedelta(hours=1))
    assert lag(NOW - MOMENT) == timedelta(0)
    assert lag(NOW + timedelta(minutes=5)) == timedelta(minutes=5)


def test_messages_are_listed_newest_first_and_by_topic(database: Database) -> None:
    sent = [send(database, at=NOW + timedelta(minutes=n)) for n in range(3)]
    database.run(lambda session: outbox.send(work(session, now=NOW), "webhook", {}))

    def act(session: Session) -> list[UUID]:
        return [message.id for message in outbox.messages(session, "mail", limit=2, offset=1)]

    assert database.read(act) == [sent[1], sent[0]]
