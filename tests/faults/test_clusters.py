"""Several servers of one database: what one of them cannot do, another does, and only once.

A commit between nodes of Galera is settled when it is made, not when its rows are locked.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

import clusters
import engines
from clusters import Node, until
from engines import DATA_KEYS, Server
from factories import MONDAY_9, NOW
from faults.test_database_away import note, notes
from openslot.booking.errors import TooManyUpcoming
from openslot.booking.patients import queries as patients
from openslot.core.audit import AuditEvent, AuditSeal
from openslot.core.db import Database
from openslot.core.facts import DeploymentFact
from openslot.core.locks import lock
from openslot.core.refusals import is_cut_off
from openslot.core.servers import options_of
from openslot.core.tables import Base
from openslot.schema import metadata
from openslot.usecases import booking
from racing import barrier, race
from town import build_town
from working import work

pytestmark = pytest.mark.engines


@pytest.fixture
def nodes() -> Iterator[list[Node]]:
    """Two nodes of Galera, of which the first goes on alone, and an upgraded database."""
    folder = engines.scratch_folder()
    with ExitStack() as stack:
        stack.callback(engines.shutil.rmtree, folder, ignore_errors=True)
        found = clusters.start_galera(folder, (2, 1), innodb_flush_log_at_trx_commit="0")
        for node in found:
            stack.callback(node.kill)
        found[0].ask("CREATE DATABASE openslot")
        with closing(Database(clusters.url_of(found, "openslot"), DATA_KEYS)) as database:
            metadata.create_all(database.engine)
        yield found


@pytest.mark.skipif(not engines.installed()["galera"], reason="needs Galera and rsync")
def test_nodes_of_galera(nodes: list[Node], monkeypatch: pytest.MonkeyPatch) -> None:
    """In one test, since they take seconds to start."""
    check_that_of_two_who_change_one_row_the_later_does_it_again(nodes)
    check_that_a_lock_on_another_node_shows_what_the_first_has_done(nodes)
    check_that_of_two_who_count_on_different_nodes_the_later_counts_again(nodes, monkeypatch)
    check_that_another_does_what_a_node_that_is_cut_off_cannot(nodes)


def check_that_of_two_who_change_one_row_the_later_does_it_again(nodes: list[Node]) -> None:
    """Both have changed it before either commits, and no lock of rows is in the way."""
    both = [Database(clusters.url_of([node], "openslot"), DATA_KEYS) for node in nodes]
    both[0].run(lambda session: session.add(DeploymentFact(name="number", value="0")))
    met, tries = barrier(2), []

    def count_up(session: Session) -> None:
        tries.append(1)
        fact = session.get_one(DeploymentFact, "number")
        fact.value = str(int(fact.value) + 1)
        session.flush()
        if len(tries) <= 2:
            met.wait()

    race(2, lambda number: both[number].run(count_up))
    assert len(tries) == 3
    for database in both:
        fact = database.read(lambda session: session.get_one(DeploymentFact, "number"))
        assert fact.value == "2"
        database.close()


def check_that_a_lock_on_another_node_shows_what_the_first_has_done(nodes: list[Node]) -> None:
    both = [Database(clusters.url_of([node], "openslot"), DATA_KEYS) for node in nodes]
    met, seen = barrier(2), []
    there = select(func.count()).where(DeploymentFact.name.startswith("first-"))

    def add_one(session: Session, number: int) -> None:
        lock(session, "first")
        seen.append(session.scalar(there))
        if len(seen) <= 2:
            met.wait()
        if not seen[-1]:
            session.add(DeploymentFact(name=f"first-{number}", value=""))

    race(2, lambda number: both[number].run(lambda session: add_one(session, number)))
    assert seen == [0, 0, 1]
    assert both[0].read(lambda session: session.scalar(text("SELECT @@wsrep_sync_wait"))) == 7
    for database in both:
        database.close()


def check_that_of_two_who_count_on_different_nodes_the_later_counts_again(
    nodes: list[Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A patient books the last appointment that they may have at both, first of one, then of two;
    the page that this rests on is inserted the first time."""
    both = [Database(clusters.url_of([node], "openslot"), DATA_KEYS) for node in nodes]
    town, count, met = build_town(both[0]), patients.patient_with_number, barrier(2)
    counted: list[int] = []

    def count_together(*arguments: Any, **more: Any) -> Any:
        found = count(*arguments, **more)
        counted.append(found[2].overall)
        if len(counted) <= 2:
            met.wait()
        return found

    def act(number: int, week: int) -> bool:
        start = MONDAY_9 + timedelta(days=7 * week + number)
        wanted = town.booking_request(start, schedule=town.scan)
        by = town.patient()
        try:
            both[number].run(
                lambda session: booking.book(work(session, by, NOW, most_upcoming=week), wanted)
            )
        except TooManyUpcoming:
            return False
        return True

    monkeypatch.setattr(patients, "patient_with_number", count_together)
    for week in (1, 2):
        counted.clear()
        assert sum(race(2, lambda number, week=week: act(number, week))) == 1
        assert counted == [week - 1, week - 1, week]
    for database in both:
        database.close()


def check_that_another_does_what_a_node_that_is_cut_off_cannot(nodes: list[Node]) -> None:
    """It still takes connections, and says no to every statement."""
    first, second = nodes
    database = Database(clusters.url_of([second, first], "openslot"), DATA_KEYS)
    tries, before = [], notes(database)

    def act(session: Session) -> None:
        tries.append(session.scalar(text("SELECT @@port")))
        note(session)
        if len(tries) == 1:
            second.isolate(is_alone=True)
            until(lambda: second.ask("SHOW STATUS LIKE 'wsrep_ready'")[1] == "OFF")
            with pytest.raises(pymysql.MySQLError) as refused:
                second.ask("SELECT * FROM openslot.audit_event")
            assert is_cut_off(refused.value)
            session.scalar(select(func.count()).select_from(AuditEvent))

    database.run(act)
    assert tries == [second.port, first.port]
    assert notes(database) == before + 1
    database.close()


@pytest.fixture
def pair() -> Iterator[tuple[Server, Server]]:
    """A PostgreSQL that leads, and one that follows."""
    folder = engines.scratch_folder()
    with ExitStack() as stack:
        stack.callback(engines.shutil.rmtree, folder, ignore_errors=True)
        found = clusters.start_pair(folder)
        for server in found:
            stack.callback(server.stop)
        yield found


@pytest.mark.skipif("postgresql" not in engines.SERVERS, reason="needs PostgreSQL")
def test_of_several_servers_that_one_is_used_which_leads(pair: tuple[Server, Server]) -> None:
    """The follower is named first, and takes over while work is under way."""
    leader, follower = (str(Path(one.listens).parent) for one in pair)
    hosts = f"host={follower}&host={leader}&host=/nowhere"
    url = f"postgresql+psycopg://openslot@/postgres?{hosts}"
    database = Database(url, DATA_KEYS)
    kinds = (AuditSeal, AuditEvent)
    Base.metadata.create_all(database.engine, [kind.__table__ for kind in kinds])
    database.run(note)
    assert options_of(database.engine)["host"] == leader
    tries = []

    def act(session: Session) -> None:
        tries.append(1)
        note(session)
        if len(tries) == 1:
            pair[0].process.kill()
            promote(follower)
            session.scalar(text("SELECT 1"))

    database.run(act)
    assert notes(database) == 2
    assert len(tries) == 2
    assert options_of(database.engine)["host"] == follower
    database.close()


def promote(folder: str) -> None:
    with psycopg.connect(host=folder, user="openslot", dbname="postgres") as connection:
        connection.execute("SELECT pg_promote()")
