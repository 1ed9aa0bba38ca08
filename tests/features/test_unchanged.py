"""Saving a form as it was found notes nothing, writes to nobody and keeps the version."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import factories
from factories import NOW
from openslot.core.actor import SYSTEM, Role
from openslot.core.audit import AuditEvent
from openslot.core.db import Database
from openslot.core.fields import Details
from openslot.core.ids import new_id
from openslot.core.outbox import OutboxMessage
from openslot.department_requests import commands as requests
from openslot.department_requests.details import RequestDetails
from openslot.directory import commands as directory
from openslot.directory.details import (
    CentreDetails,
    DepartmentDetails,
    PatientDetails,
    PractitionerDetails,
    ServiceDetails,
)
from openslot.directory.models import Centre, Department, Patient, Practitioner, Service
from openslot.identity import commands as identity
from openslot.referrals import commands as referrals
from openslot.referrals.details import ReferralDetails
from openslot.webhooks import commands as webhooks
from openslot.webhooks.models import Endpoint
from openslot.webhooks.rules import Event
from referring import Dentists
from town import Town
from wards import ask, build_wards
from working import work

Save = Callable[[Session, Any], Any]
"""Saves a form; the second value is an optional other word for its text."""


def noted(database: Database) -> tuple[int | None, ...]:
    """How many audit events and messages there are."""
    return database.read(
        lambda session: tuple(
            session.scalar(select(func.count()).select_from(table))
            for table in (AuditEvent, OutboxMessage)
        )
    )


def as_found(kind: type[Details], thing: object, **changed: object) -> Any:
    return kind(**{name: getattr(thing, name) for name in kind.model_fields} | changed)


def _directory(database: Database, town: Town) -> dict[str, Save]:
    """The forms of what a directory lists."""
    scan = database.read(lambda session: session.scalar(select(Service.id)))
    kinds = {
        "centre": (Centre, town.hospital, CentreDetails, directory.change_centre),
        "department": (Department, town.department, DepartmentDetails, directory.change_department),
        "service": (Service, scan, ServiceDetails, directory.change_service),
        "patient": (Patient, town.patients[0], PatientDetails, directory.change_patient),
    }

    def save(session: Session, text: str | None, name: str) -> None:
        model, key, kind, change = kinds[name]
        thing = session.get(model, key)
        changed = {"name": text} if text else {}
        change(work(session, SYSTEM), key, as_found(kind, thing, **changed))  # type: ignore[operator]

    return {name: lambda s, text, name=name: save(s, text, name) for name in kinds}


def _practitioner(town: Town) -> Save:
    def save(session: Session, text: str | None) -> None:
        person = session.get(Practitioner, town.gp)
        details = as_found(PractitionerDetails, person, **({"name": text} if text else {}))
        centres = frozenset({town.hospital, town.clinic})
        directory.change_practitioner(work(session, SYSTEM), town.gp, details, centre_ids=centres)

    return save


def _request(database: Database) -> Save:
    wards = build_wards(database)
    request = ask(database, wards)

    def save(session: Session, text: str | None) -> None:
        found = session.get(type(request), request.id)
        details = as_found(RequestDetails, found, **({"task": text} if text else {}))
        requests.amend(work(session, wards.surgery), request.id, details)

    return save


def _draft(database: Database, town: Town) -> Save:
    letter = Dentists(database, town).draft(to=town.specialist)

    def save(session: Session, text: str | None) -> None:
        details = ReferralDetails(practitioner_id=town.specialist, letter=text or "As it was.")
        referrals.change(work(session, town.doctor, access_days=0), letter, details)

    return save


def _account(database: Database) -> Save:
    account = database.run(
        lambda session: factories.account(session, "sam@example.org", Role.STAFF, name="Sam").id
    )

    def save(session: Session, text: str | None) -> None:
        identity.change_account(work(session, SYSTEM), account, name=text or "Sam", theme="dark")

    return save


def _webhook(database: Database) -> Save:
    endpoint = Endpoint(
        id=new_id(),
        url="https://example.org/hook",
        events="",
        secret="-",
        active=True,
        created_at=NOW,
        misses=0,
    )
    key = endpoint.id
    database.run(lambda session: session.add(endpoint))

    def save(session: Session, text: str | None) -> None:
        events = list(Event)[: 2 if text else 1]
        webhooks.choose_events(work(session, SYSTEM), key, events)

    return save


@pytest.mark.parametrize(
    "form",
    [
        "webhook",
        "centre",
        "department",
        "service",
        "patient",
        "practitioner",
        "request",
        "draft",
        "account",
    ],
)
def test_what_is_saved_as_it_was_found_notes_nothing(
    sqlite_database: Database, town: Town, form: str
) -> None:
    makers: dict[str, Callable[[], Save]] = {
        "practitioner": lambda: _practitioner(town),
        "webhook": lambda: _webhook(sqlite_database),
        "request": lambda: _request(sqlite_database),
        "draft": lambda: _draft(sqlite_database, town),
        "account": lambda: _account(sqlite_database),
    }
    save = makers[form]() if form in makers else _directory(sqlite_database, town)[form]
    sqlite_database.run(lambda session: save(session, None))
    before = noted(sqlite_database)
    sqlite_database.run(lambda session: save(session, None))
    assert noted(sqlite_database) == before
    sqlite_database.run(lambda session: save(session, "Something else"))
    assert noted(sqlite_database) != before
