"""32 browsers press one time: over HTTP, on every engine, one wins and nobody sees a 5xx."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

import factories
from entrypoints.browsing import Client
from entrypoints.world import PASSWORD, World, build, password_hash
from openslot.app import create_app
from openslot.booking import check
from openslot.booking.models import Appointment
from openslot.booking.slots import slots
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.entrypoints.web.reading import instant_text
from openslot.schedules import queries as schedules
from openslot.schedules.models import Schedule
from racing import race
from working import work

RACERS = 32


def add_racers(session: Session) -> None:
    now = datetime.now(UTC)
    for number in range(RACERS):
        name, email = f"Racer {number}", f"racer-{number}@example.com"
        account = factories.account(
            session, email, name=name, password_hash=password_hash(), now=now
        )
        factories.patient(session, name, email=email, account_id=account.id, now=now)


def free_start(database: Database, world: World) -> datetime:
    now = datetime.now(UTC)
    tomorrow = now + timedelta(days=1)
    found = database.read(
        lambda session: slots(
            work(session, now=now),
            schedules.places(session, Schedule.id == world.schedules["owner"]),
            tomorrow,
            tomorrow + timedelta(days=1),
            limit=1,
        )
    )
    return found[0].start


def test_of_32_browsers_one_books_and_the_others_get_the_nearest_times(
    database: Database, tmp_path: Path
) -> None:
    world = build(database)
    database.run(add_racers)
    start = free_start(database, world)
    settings = Settings(
        _env_file=None,
        data_dir=tmp_path,
        database_url=database.engine.url.render_as_string(hide_password=False),
        rate_limits=False,
        password_iterations=1,
    )
    apps = [create_app(settings) for _ in range(2)]  # as in two processes
    path = f"/book/{world.schedules['owner']}"
    clients = [Client(apps[number % 2]) for number in range(RACERS)]
    for number, client in enumerate(clients):
        client.send("/login", email=f"racer-{number}@example.com", password=PASSWORD)
        client.token_of(f"{path}?start={instant_text(start)}")

    answers = race(
        RACERS, lambda number: clients[number].post(path, start=instant_text(start), minutes=30)
    )

    assert Counter(answer.status_code for answer in answers) == {303: 1, 409: RACERS - 1}
    refused = [answer.text for answer in answers if answer.status_code == 409]
    assert all("nearest free times" in page for page in refused)
    booked = database.read(
        lambda session: [one for one in session.query(Appointment) if one.starts_at == start]
    )
    assert len(booked) == 1
    assert check.faults(database) == []
    for app in apps:
        app.extensions["openslot"].database.close()
