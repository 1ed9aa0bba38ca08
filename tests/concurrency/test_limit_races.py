"""Races for the last appointment that a patient may have, on every engine: in all, with one
practitioner, for one service, on one day, by whatever way; and for the last hold of a program.

In the control nothing rests on what was counted, and there is one too many.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import local
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import engines
from entrypoints.browsing import Client
from entrypoints.programs import signed_in
from entrypoints.world import PASSWORD, build
from factories import HALF_HOUR, MONDAY_9, NOW
from openslot.booking import check, commands, errors, rules
from openslot.booking.commands import BookingRequest
from openslot.booking.models import Appointment, Status
from openslot.booking.patients import queries as patients
from openslot.booking.slots import slots
from openslot.core.actor import SYSTEM, Actor
from openslot.core.db import Database
from openslot.core.work import Work
from openslot.directory.changes.queries import mark_changed
from openslot.directory.models import Service
from openslot.entrypoints.web.reading import instant_text
from openslot.schedules import diaries
from openslot.schedules import queries as schedules
from openslot.schedules.models import DiaryPage, Schedule
from openslot.usecases import booking, itineraries, series
from racing import meeting, race
from serving import app_on
from town import Town, build_town
from working import work

MOST = 3
DAY = timedelta(days=1)
REFUSED = (errors.TooManyUpcoming, errors.TooManyThatDay, errors.TooManyInSeries)


@dataclass(frozen=True)
class Limit:
    """A limit of MOST, and what counts it."""

    counted_by: str
    settings: dict[str, int]
    service: dict[str, int]
    is_of_a_day: bool = False
    is_of_gp: bool = False


NONE = {"most_upcoming": 0, "most_upcoming_with": 0}
LIMITS = {
    "in all": Limit("patient_with_number", NONE | {"most_upcoming": MOST}, {}),
    "with one": Limit(
        "patient_with_number", NONE | {"most_upcoming_with": MOST}, {}, is_of_gp=True
    ),
    "of a service": Limit("patient_with_number", NONE, {"most_ahead": MOST}),
    "on a day": Limit("number_on_day", NONE, {"most_a_day": MOST}, is_of_a_day=True),
}


@dataclass(frozen=True)
class Scene:
    """A patient who may have a few appointments more, and when."""

    database: Database
    town: Town
    limit: Limit

    @property
    def carer(self) -> Actor:
        return replace(self.town.patient(1), dependents=frozenset({self.town.patients[0]}))

    def work(self, session: Session, actor: Actor) -> Work:
        return work(session, actor, NOW, **self.limit.settings)

    def start(self, number: int) -> datetime:
        """Times that are each on another page of the patient's diary: on other days or, where one
        day counts, before and after eleven in Sydney, which is midnight UTC."""
        if self.limit.is_of_a_day:
            return MONDAY_9 + (HALF_HOUR * number if number < 4 else HALF_HOUR * (4 + number))
        return MONDAY_9 + number * DAY

    def request(self, number: int) -> BookingRequest:
        schedule = self.town.gp_at_hospital if self.limit.is_of_gp else self.town.scan
        return self.town.booking_request(self.start(number), schedule=schedule)

    def book(self, number: int, actor: Actor, **more: Any) -> Appointment:
        return self.database.run(
            lambda session: booking.book(self.work(session, actor), self.request(number), **more)
        )

    def count(self) -> int:
        """How many appointments the patient has that the limit is about."""
        ends = MONDAY_9 + (DAY / 2 if self.limit.is_of_a_day else 30 * DAY)
        return self.database.read(
            lambda session: (
                session.query(Appointment)
                .filter(Appointment.patient_id == self.town.patients[0])
                .filter(Appointment.status == Status.BOOKED, Appointment.starts_at < ends)
                .count()
            )
        )


LAST = 4
"""The number of the time that the other one wants."""


def set_up(database: Database, limit: Limit, *, has: int) -> Scene:
    """The patient has some appointments, from the desk."""
    scene = Scene(database, build_town(database), limit)
    say(database, scene.town, **limit.service)
    for number in range(has):
        scene.book(number, SYSTEM)
    return scene


def say(database: Database, town: Town, **values: Any) -> None:
    """Change what the service of the department says."""

    def write(session: Session) -> None:
        service_id = session.get_one(Schedule, town.scan).service_id
        service = session.get_one(Service, service_id)
        for name, value in values.items():
            setattr(service, name, value)
        mark_changed(session, "service", service.id)

    database.run(write)


def alone(scene: Scene) -> Callable[[], object]:
    return lambda: scene.book(2, scene.town.patient())


def held_first(scene: Scene) -> Callable[[], object]:
    """As pages do."""

    def act() -> object:
        patient = scene.town.patient()
        held = scene.database.run(
            lambda session: booking.hold(scene.work(session, patient), scene.request(2))
        )
        return scene.book(2, patient, hold_id=held.id)

    return act


def in_series(scene: Scene) -> Callable[[], object]:
    starts = [scene.start(number) for number in (1, 2)]
    return lambda: scene.database.run(
        lambda session: series.book(
            scene.work(session, scene.town.patient()), scene.request(1), starts
        )
    )


def in_itinerary(scene: Scene) -> Callable[[], object]:
    steps = [scene.request(number) for number in (1, 2)]
    return lambda: scene.database.run(
        lambda session: itineraries.book(scene.work(session, scene.town.patient()), steps)
    )


def undone(scene: Scene) -> Callable[[], object]:
    patient = scene.town.patient()
    booked = scene.book(2, SYSTEM)

    def become(status: Status) -> Appointment:
        return scene.database.run(
            lambda session: booking.change_status(scene.work(session, patient), booked.id, status)
        )

    become(Status.CANCELLED)
    return lambda: become(Status.BOOKED)


def moved(scene: Scene) -> Callable[[], object]:
    """From another day."""
    patient = scene.town.patient()
    elsewhere = replace(scene.request(0), start=MONDAY_9 + 2 * DAY)
    booked = scene.database.run(
        lambda session: booking.book(scene.work(session, SYSTEM), elsewhere)
    )
    return lambda: scene.database.run(
        lambda session: commands.move(scene.work(session, patient), booked.id, scene.start(2))
    )


def in_session(scene: Scene) -> Callable[[], object]:
    """A place of one in which somebody is already."""
    say(scene.database, scene.town, places=3)
    other = replace(scene.request(2), patient_id=scene.town.patients[2])
    scene.database.run(lambda session: booking.book(scene.work(session, SYSTEM), other))
    return lambda: scene.book(2, scene.town.patient())


WAYS: dict[str, tuple[Callable[[Scene], Callable[[], object]], str, int, int]] = {
    "alone": (alone, "in all", 1, 1),
    "with one practitioner": (alone, "with one", 1, 1),
    "of a service": (alone, "of a service", 1, 1),
    "on a day": (alone, "on a day", 1, 1),
    "held first": (held_first, "in all", 1, 1),
    "series": (in_series, "of a service", 2, 3),
    "itinerary": (in_itinerary, "on a day", 2, 2),
    "undo": (undone, "in all", 1, 1),
    "move": (moved, "on a day", 1, 1),
    "session": (in_session, "of a service", 1, 1),
}
"""What adds appointments, within which limit, how many, and how often that is counted."""

SERVERS = [name for name in engines.engine_names() if name != "sqlite"]
"""SQLite's writers wait for each other, and count one after the other anyway."""


def counting_together(
    monkeypatch: pytest.MonkeyPatch, name: str, parties: int, times: Sequence[int]
) -> Callable[[int], None]:
    """Let nobody go on before all have counted, so many ``times`` each; who is tried again meets
    nobody. Returns what a thread tells its number to."""
    count, meet, own = getattr(patients, name), meeting(parties), local()

    def counting(*arguments: Any, **more: Any) -> Any:
        found = count(*arguments, **more)
        own.count = getattr(own, "count", 0) + 1
        if own.count == times[own.number]:
            meet()
        return found

    def begin(number: int) -> None:
        own.number = number

    monkeypatch.setattr(patients, name, counting)
    return begin


def nothing(_number: int) -> None:
    """Nobody waits for others."""


def race_with_another(
    scene: Scene, first: Callable[[], object], begin: Callable[[int], None]
) -> int:
    """How many are refused of the ``first`` and a carer, who books one appointment."""

    def act(number: int) -> bool:
        begin(number)
        try:
            first() if number == 0 else scene.book(LAST, scene.carer)
        except REFUSED:
            return True
        return False

    return sum(race(2, act))


@pytest.mark.parametrize("way", WAYS)
def test_nobody_has_more_than_the_limit_by_asking_twice_at_once(
    database: Database, engine_name: str, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    prepare, name, adds, times = WAYS[way]
    scene = set_up(database, LIMITS[name], has=MOST - adds)
    first, begin = prepare(scene), nothing
    if engine_name in SERVERS:
        begin = counting_together(monkeypatch, scene.limit.counted_by, 2, [times, 1])
    assert race_with_another(scene, first, begin) == 1
    assert scene.count() in (MOST, MOST - adds + 1)
    assert check.faults(database) == []


@pytest.mark.parametrize("engine_name", SERVERS, indirect=True)
@pytest.mark.parametrize("way", WAYS)
def test_control_if_nothing_rests_on_what_was_counted_there_is_one_too_many(
    database: Database, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    prepare, name, adds, times = WAYS[way]
    scene = set_up(database, LIMITS[name], has=MOST - adds)
    first = prepare(scene)
    monkeypatch.setattr(patients, "rest_on_whole", lambda *_: None)
    begin = counting_together(monkeypatch, scene.limit.counted_by, 2, [times, 1])
    assert race_with_another(scene, first, begin) == 0
    assert scene.count() == MOST + 1


@pytest.mark.parametrize("engine_name", SERVERS, indirect=True)
@pytest.mark.parametrize("writes", [True, False], ids=["race", "control"])
def test_who_has_counted_before_a_hold_is_confirmed_counts_again(
    database: Database, monkeypatch: pytest.MonkeyPatch, writes: bool
) -> None:
    """An appointment is moved to a day; after its appointments are counted, and before the holds
    are read that the move lets go, a hold on that day is confirmed."""
    scene = set_up(database, LIMITS["on a day"], has=MOST - 1)
    move, patient = moved(scene), scene.town.patient()
    held = database.run(
        lambda session: booking.hold(scene.work(session, patient), scene.request(LAST))
    )
    confirms = [lambda: scene.book(LAST, patient, hold_id=held.id)]
    count = patients.number_on_day

    def count_and_confirm(*arguments: Any) -> int:
        found = count(*arguments)
        while confirms:
            confirms.pop()()
        return found

    monkeypatch.setattr(patients, "number_on_day", count_and_confirm)
    if not writes:
        monkeypatch.setattr(diaries, "write_whole", lambda *_: None)
    with pytest.raises(errors.TooManyThatDay) if writes else nullcontext():
        move()
    assert scene.count() == (MOST if writes else MOST + 1)
    assert check.faults(database) == []


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
@pytest.mark.parametrize("way", [alone, held_first, in_series, in_itinerary])
@pytest.mark.parametrize(("limit", "written"), [(Limit("", NONE, {}), 0), (LIMITS["in all"], 1)])
def test_only_where_something_is_limited_is_the_page_of_the_whole_diary_written(
    database: Database, way: Callable[[Scene], Callable[[], object]], limit: Limit, written: int
) -> None:
    way(set_up(database, limit, has=0))()
    pages = select(func.count()).where(DiaryPage.day == diaries.WHOLE)
    assert database.read(lambda session: session.scalar(pages)) == written


# Programs have no such limit, but one of what they hold for a patient


@pytest.mark.parametrize("rests", [True, False], ids=["race", "control"])
@pytest.mark.parametrize("in_group", [True, False], ids=["in a group", "alone"])
def test_programs_hold_no_more_for_a_patient_by_asking_twice_at_once(
    database: Database,
    engine_name: str,
    monkeypatch: pytest.MonkeyPatch,
    in_group: bool,
    rests: bool,
) -> None:
    """In a group, SQLite's writers have counted before they wait for each other, too."""
    scene = set_up(database, LIMITS["in all"], has=0)
    monkeypatch.setattr(rules, "MOST_HOLDS", MOST)

    def hold(number: int, *, in_group: bool = False) -> bool:
        begin(number)
        program = replace(SYSTEM, program="key of a portal")
        try:
            database.run(
                lambda session: booking.hold(scene.work(session, program), scene.request(number)),
                in_group=in_group,
            )
        except errors.TooManyHolds:
            return False
        return True

    begin = nothing
    assert all(hold(number) for number in range(2, MOST + 1))
    if not rests:
        monkeypatch.setattr(patients, "rest_on_whole", lambda *_: None)
    counts_first = in_group or engine_name in SERVERS
    if counts_first:
        begin = counting_together(monkeypatch, "patient_with", 2, [1, 1])
    held = race(2, lambda number: hold(number, in_group=in_group))
    assert sum(held) == (1 if rests or not counts_first else 2)
    assert check.faults(database) == []


# Through all doors


def test_of_a_page_the_api_and_fhir_at_once_one_books_the_last(
    database: Database, engine_name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world = build(database)
    schedule_id, patient = world.schedules["owner"], str(world.patients["owner"])
    starts = [free_start(database, schedule_id, days) for days in (5, 6, 7)]
    with app_on(database, tmp_path, most_upcoming=2) as app:  # there is one already
        program, browser = signed_in(app, world, "patient-owner"), Client(app)
        browser.send("/login", email=world.emails["patient-owner"], password=PASSWORD)
        path = f"/book/{schedule_id}"
        browser.token_of(f"{path}?start={instant_text(starts[0])}")
        body = {"schedule": schedule_id, "start": starts[1].isoformat(), "patient": patient}
        actors = (f"Patient/{patient}", f"PractitionerRole/{schedule_id}")
        resource = {
            "resourceType": "Appointment",
            "status": "booked",
            "start": starts[2].isoformat(),
            "end": (starts[2] + HALF_HOUR).isoformat(),
            "participant": [{"actor": {"reference": one}, "status": "accepted"} for one in actors],
        }
        doors = (
            lambda: browser.post(path, start=instant_text(starts[0]), minutes=30),
            lambda: program.send("POST", "/api/v1/appointments", body),
            lambda: program.send("POST", "/fhir/Appointment", resource),
        )
        begin = nothing
        if engine_name in SERVERS:
            begin = counting_together(monkeypatch, "patient_with_number", 3, [1, 1, 1])

        def knock(number: int) -> int:
            begin(number)
            return doors[number]().status_code

        answers = sorted(race(3, knock))
    assert answers in ([201, 409, 409], [303, 409, 409])


def free_start(database: Database, schedule_id: int, days: int) -> datetime:
    """The first time of a schedule after so many days."""
    now = datetime.now(UTC)
    found = database.read(
        lambda session: slots(
            work(session, now=now),
            schedules.places(session, Schedule.id == schedule_id),
            now + days * DAY,
            now + 30 * DAY,
            limit=1,
        )
    )
    return found[0].start
