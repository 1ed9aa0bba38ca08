"""The server is killed under load, again and again: what it confirmed is there, and the
diaries are right."""

import re
import time
from datetime import UTC, datetime, timedelta
from http.cookiejar import CookieJar
from pathlib import Path
from random import Random
from threading import Event, Thread
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, Request, build_opener
from uuid import UUID

from engines import DATA_KEYS
from entrypoints.browsing import TOKEN
from entrypoints.world import PASSWORD, World, build
from faults.serving_process import GONE, free_port, kill, serving
from openslot.booking import check
from openslot.booking.models import Appointment, Status
from openslot.booking.slots import slots
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.entrypoints.web.reading import instant_text
from openslot.migrations import run
from openslot.schedules import queries as schedules
from openslot.schedules.models import Schedule
from working import work

ROUNDS = 4
CLERKS = 3


class NoRedirect(HTTPRedirectHandler):
    """A redirect is the answer: it names the appointment that was booked."""

    def redirect_request(self, *_arguments: object) -> None:
        return None


class Clerk:
    """A browser of a clerk, who books any patient any time."""

    def __init__(self, url: str, world: World) -> None:
        self.url, self.world = url, world
        self.opener = build_opener(HTTPCookieProcessor(CookieJar()), NoRedirect())
        self.token = self._token("/login")
        email = world.emails["staff-owner"]
        self.send("/login", email=email, password=PASSWORD)
        self.token = self._token(
            f"/book/{world.schedules['owner']}?patient={self.patient}"
            f"&start={instant_text(datetime.now(UTC))}"
        )

    @property
    def patient(self) -> UUID:
        return self.world.patients["owner"]

    def book(self, start: datetime) -> UUID | None:
        """The id of the appointment that the server confirmed; None where it refused."""
        status, location = self.send(
            f"/book/{self.world.schedules['owner']}",
            start=instant_text(start),
            minutes="30",
            patient=str(self.patient),
            second="yes",
        )
        assert status in (303, 409), status
        return UUID(urlsplit(location).path.rsplit("/", 1)[1]) if status == 303 else None

    def send(self, path: str, **fields: str) -> tuple[int, str]:
        body = urlencode({"csrf_token": self.token, **fields}).encode()
        try:
            with self.opener.open(Request(self.url + path, body), timeout=10) as answer:
                return answer.status, ""
        except HTTPError as answer:
            with answer:
                return answer.code, answer.headers.get("Location", "")

    def _token(self, path: str) -> str:
        with self.opener.open(self.url + path, timeout=10) as page:
            found = re.search(TOKEN, page.read().decode())
        assert found
        return found[1]


def clerk_when_ready(url: str, world: World) -> Clerk:
    """A clerk who is signed in, as soon as the server answers."""
    gives_up = time.monotonic() + 120
    while True:
        try:
            return Clerk(url, world)
        except GONE:
            if time.monotonic() > gives_up:
                raise
            time.sleep(0.05)


def test_a_killed_server_loses_nothing_that_it_confirmed(tmp_path: Path) -> None:
    chance = Random(7)
    database = Database(Settings(_env_file=None, data_dir=tmp_path).url, DATA_KEYS)
    run.upgrade(database.engine)
    world = build(database)
    confirmed: set[UUID] = set()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    for number in range(ROUNDS):
        starts = free_starts(database, world)
        with serving(tmp_path, port) as server:
            clerks = [clerk_when_ready(url, world) for _ in range(CLERKS)]
            stop = Event()
            threads = [
                Thread(target=book_on, args=(clerk, starts[index::CLERKS], confirmed, stop))
                for index, clerk in enumerate(clerks)
            ]
            for thread in threads:
                thread.start()
            stop.wait(chance.uniform(0.1, 0.6))
            kill(server)
            stop.set()
            for thread in threads:
                thread.join()
        assert check.faults(database) == [], f"round {number}"
    booked = database.read(
        lambda session: {
            one.id for one in session.query(Appointment) if one.status == Status.BOOKED
        }
    )
    assert confirmed <= booked
    assert len(confirmed) > ROUNDS
    database.close()


def book_on(clerk: Clerk, starts: list[datetime], confirmed: set[UUID], stop: Event) -> None:
    """Book one start after the other until the server is gone."""
    for start in starts:
        if stop.is_set():
            return
        try:
            appointment = clerk.book(start)
        except GONE:
            return
        if appointment:
            confirmed.add(appointment)


def free_starts(database: Database, world: World) -> list[datetime]:
    now = datetime.now(UTC)
    found = database.read(
        lambda session: slots(
            work(session, now=now),
            schedules.places(session, Schedule.id == world.schedules["owner"]),
            now + timedelta(hours=1),
            now + timedelta(days=30),
        )
    )
    return [slot.start for slot in found]
