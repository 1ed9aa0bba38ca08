"""Who looks whether somebody is known, or whether there is room, before they add: one of many who
ask at once is let in, on every engine."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session

import factories
from engines import engine_names
from entrypoints.programs import Program, with_key
from factories import NOW
from openslot.core.actor import Actor
from openslot.core.db import Database
from openslot.core.errors import DomainError
from openslot.directory import commands as directory
from openslot.directory import dependents
from openslot.directory.details import DependentDetails
from openslot.directory.models import Dependent, Patient, Practitioner
from openslot.directory.queries import profession_called
from openslot.feedback import commands as feedback
from openslot.feedback import rules
from openslot.feedback.models import Favourite
from openslot.feedback.queries import FavouriteKind
from openslot.usecases import deactivation
from racing import meeting, race
from serving import app_on
from town import Town, build_town
from working import work

RACERS = 8
MIA = DependentDetails(name="Mia", born=date(2019, 5, 4))


@pytest.fixture
def town(database: Database) -> Town:
    return build_town(database)


@pytest.fixture
def app(database: Database, tmp_path: Path) -> Iterator[Flask]:
    """The app on each engine."""
    with app_on(database, tmp_path) as app:
        yield app


def add(database: Database, carer: Actor, name: str) -> str:
    """What became of adding somebody."""
    details = MIA.model_copy(update={"name": name})
    try:
        database.run(lambda session: dependents.add(work(session, carer, NOW), details))
    except DomainError as error:
        return error.code
    return "added"


def test_of_equal_dependents_one_is_added(database: Database, town: Town) -> None:
    outcomes = race(RACERS, lambda _: add(database, town.patient(), MIA.name))
    assert Counter(outcomes) == {"added": 1, "dependent-known": RACERS - 1}
    assert database.read(lambda session: session.query(Dependent).count()) == 1


def test_nobody_cares_for_more_than_the_most(
    database: Database, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dependents, "MOST", 3)
    outcomes = race(RACERS, lambda number: add(database, town.patient(), f"Mia {number}"))
    assert Counter(outcomes) == {"added": 3, "too-many-dependents": RACERS - 3}


def test_no_two_dependents_come_to_bear_one_name(database: Database, town: Town) -> None:
    def fill(session: Session) -> list[UUID]:
        made = [
            dependents.add(
                work(session, town.patient(), NOW), MIA.model_copy(update={"name": f"Mia {one}"})
            )
            for one in range(RACERS)
        ]
        return [one.id for one in made]

    children = database.run(fill)
    carer = replace(town.patient(), dependents=frozenset(children))

    def rename(number: int) -> str:
        child = children[number]
        try:
            database.run(lambda session: dependents.change(work(session, carer, NOW), child, MIA))
        except DomainError as error:
            return error.code
        return "renamed"

    assert Counter(race(RACERS, rename)) == {"renamed": 1, "dependent-known": RACERS - 1}


def use_or_deactivate(database: Database, number: int) -> str:
    """What became of a practitioner with a profession, or of deactivating it."""
    try:
        if number % 2:
            database.run(lambda session: factories.practitioner(session, "Ola", "Osteopath").id)
        else:
            database.run(deactivate_osteopaths)
    except DomainError as error:
        return error.code
    return "had" if number % 2 else "deactivated"


def deactivate_osteopaths(session: Session) -> None:
    row = profession_called(session, "Osteopath")
    deactivation.deactivate_profession(work(session), row.id, active=False)


def start_over(session: Session) -> None:
    profession_called(session, "Osteopath").active = True
    session.execute(update(Practitioner).values(active=False))


def test_nobody_has_a_profession_that_is_deactivated_meanwhile(database: Database) -> None:
    outcomes = set(race(RACERS, lambda number: use_or_deactivate(database, number)))
    assert outcomes in ({"had", "profession-in-use"}, {"deactivated", "profession-inactive"})


@pytest.mark.parametrize(
    "engine_name", [name for name in engine_names() if name == "mariadb"], indirect=True
)
def test_without_the_lock_somebody_would_have_one(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the others, two changes of the directory at once are never made both. Here one of the two
    may be taken for a deadlock and made anew, after the other; so they have five tries."""
    monkeypatch.setattr(directory, "lock_profession", lambda *_: None)
    check, switch = directory.check_expertise, directory.set_active

    def both() -> list[str]:
        meet = meeting(2)

        def waiting(act: Callable[..., Any]) -> Callable[..., Any]:
            def wait(*given: Any, **more: Any) -> Any:
                meet()
                return act(*given, **more)

            return wait

        monkeypatch.setattr(directory, "check_expertise", waiting(check))
        monkeypatch.setattr(directory, "set_active", waiting(switch))
        outcomes = race(2, lambda number: use_or_deactivate(database, number))
        database.run(start_over)
        return outcomes

    assert ["deactivated", "had"] in (both() for _ in range(5))


def test_of_equal_patients_one_is_registered(app: Flask, database: Database) -> None:
    token = with_key(app, database, "*").token
    programs = [Program(app, token) for _ in range(RACERS)]
    body = {"name": "Ilse Brandt", "born": "1990-01-01"}
    answers: list[Any] = race(
        RACERS, lambda number: programs[number].send("POST", "/api/v1/patients", body)
    )
    said = Counter(one.json.get("code", one.status_code) for one in answers)
    assert said == {201: 1, "patient-known": RACERS - 1}
    assert database.read(lambda session: session.query(Patient).count()) == 1


SPELLINGS: dict[str, list[dict[str, str]]] = {
    "number": [
        {"name": "Ilse Brandt", "medicare_number": "2123 45670 1"},
        {"name": "I. Brandt", "medicare_number": "2123456701"},
        {"name": "Ilse B", "medicare_number": "2123-45670-1"},
    ],
    "phone": [
        {"name": "Ilse Brandt", "born": "1990-01-01", "phone": "0400 123 456"},
        {"name": "ILSE BRANDT", "phone": "+61 400 123 456"},
        {"name": "ilse brandt", "phone": "0400-123-456"},
    ],
    "name": [
        {"name": "Łukasz Šárka", "born": "1990-01-01"},
        {"name": "LUKASZ SARKA", "born": "1990-01-01"},
        {"name": "lukasz  sárka", "born": "1990"},
    ],
    "email": [
        {"name": "Ilse Brandt", "email": "Ilse@Example.org"},
        {"name": "ilse brandt", "email": "ilse@example.org"},
    ],
}
"""The same person, as several who register them at once write it."""


@pytest.mark.parametrize("kind", SPELLINGS)
def test_of_one_person_in_other_spellings_one_is_registered(
    app: Flask, database: Database, kind: str
) -> None:
    token = with_key(app, database, "*").token
    programs = [Program(app, token) for _ in range(RACERS)]
    bodies = SPELLINGS[kind]
    answers: list[Any] = race(
        RACERS,
        lambda number: programs[number].send(
            "POST", "/api/v1/patients", bodies[number % len(bodies)]
        ),
    )
    said = Counter(one.json.get("code", one.status_code) for one in answers)
    assert said == {201: 1, "patient-known": RACERS - 1}
    assert database.read(lambda session: session.query(Patient).count()) == 1


def test_nobody_keeps_more_favourites_than_the_most(
    database: Database, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MOST_FAVOURITES", 2)
    account = database.run(lambda session: factories.account(session, "ann@example.net"))
    ann = replace(town.patient(), account_id=account.id)
    wanted: list[tuple[FavouriteKind, int]] = [
        ("practitioner", town.gp),
        ("practitioner", town.physio),
        ("practitioner", town.specialist),
        ("centre", town.hospital),
        ("centre", town.clinic),
        ("department", town.department),
    ]

    def keep(number: int) -> str:
        kind, subject = wanted[number]
        try:
            database.run(
                lambda session: feedback.add_favourite(work(session, ann, NOW), kind, subject)
            )
        except DomainError as error:
            return error.code
        return "kept"

    assert Counter(race(len(wanted), keep))["kept"] == 2
    assert database.read(lambda session: session.query(Favourite).count()) == 2
