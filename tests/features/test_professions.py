"""Professions are rows of a network: added, renamed and deactivated by its administrators."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import factories
import professions
from importing import bring_in, problems_of, write
from openslot.core.actor import Actor, Role
from openslot.core.db import Database
from openslot.core.errors import DomainError, Forbidden
from openslot.directory import commands, queries
from openslot.directory.details import PractitionerDetails, ProfessionDetails
from openslot.directory.errors import (
    ExpertiseMissing,
    NameTaken,
    ProfessionInactive,
    ProfessionInUse,
    ProfessionNeeded,
    ProfessionUnknown,
)
from openslot.directory.models import Practitioner, Profession
from openslot.resources.commands import NeedDetails, set_needs
from openslot.schedules import known
from openslot.usecases.deactivation import deactivate_practitioner, deactivate_profession
from town import Town, build_town
from working import work


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for files to import."""
    return tmp_path


def add(session: Session, name: str = "Orthoptist", **details: Any) -> Profession:
    """Add a profession."""
    return commands.create_profession(work(session), ProfessionDetails(name=name, **details))


def change(session: Session, code: str, **details: Any) -> Profession:
    """Change some details of a profession."""
    row = queries.profession_called(session, code)
    known = ProfessionDetails.model_validate(row, from_attributes=True)
    new = known.model_copy(update=details)
    return commands.change_profession(work(session), row.id, new)


def deactivate(session: Session, code: str, *, active: bool = False) -> None:
    """Deactivate or reactivate a profession."""
    row = queries.profession_called(session, code)
    deactivate_profession(work(session), row.id, active=active)


def refused(database: Database, act: Callable[[Session], object]) -> DomainError:
    """What a change is refused with."""
    with pytest.raises(DomainError) as error:
        database.run(act)
    return error.value


def test_an_added_profession_is_one_like_the_others(sqlite_database: Database, town: Town) -> None:
    def act(session: Session) -> str:
        add(session, position=0)
        factories.practitioner(session, "Tove Lindqvist", "Orthoptist")
        return queries.professions(session)[0].code

    assert sqlite_database.run(act) == "Orthoptist"
    found = sqlite_database.read(
        lambda session: session.scalars(
            select(Practitioner).where(Practitioner.profession == "Orthoptist")
        ).one()
    )
    assert (found.profession_name, found.needs_referral, found.may_refer) == (
        "Orthoptist",
        False,
        False,
    )


def test_a_renamed_profession_keeps_its_code(database: Database) -> None:
    town = build_town(database)
    before = database.read(
        lambda session: known.bookable(session)[town.physio_at_hospital].subject.kind
    )
    person = database.read(lambda session: queries.practitioner(session, town.physio).changed_at)
    database.run(lambda session: change(session, "Physiotherapist", name="Physical therapist"))

    def after(session: Session) -> tuple[object, ...]:
        place, subject = known.bookable(session)[town.physio_at_hospital]
        assert subject.practitioner
        return place.profession, subject.kind, subject.practitioner.changed_at > person

    assert before == "Physiotherapist"
    assert database.read(after) == ("Physiotherapist", "Physical therapist", True)


def test_whether_it_needs_a_referral_is_known_at_once(
    sqlite_database: Database, town: Town
) -> None:
    def by_referral(session: Session) -> bool:
        return known.bookable(session)[town.physio_at_hospital].place.by_referral

    assert not sqlite_database.read(by_referral)
    sqlite_database.run(lambda session: change(session, "Physiotherapist", needs_referral=True))
    assert sqlite_database.read(by_referral)
    lacking = {"name": "New One", "profession": "Physiotherapist"}
    details = PractitionerDetails.model_validate(lacking)
    error = refused(
        sqlite_database,
        lambda session: commands.create_practitioner(work(session), details),
    )
    assert isinstance(error, ExpertiseMissing)

    def new_phone(session: Session) -> None:
        person = queries.practitioner(session, town.physio)
        values = {name: getattr(person, name) for name in PractitionerDetails.model_fields}
        changed = PractitionerDetails.model_validate(values | {"phone": "02 9999 9999"})
        commands.change_practitioner(work(session), town.physio, changed, centre_ids=frozenset())

    sqlite_database.run(new_phone)


@pytest.mark.parametrize(
    ("details", "field"),
    [
        ({"name": "gp"}, "name"),
        ({"name": "Diabeteseducator"}, "name"),
        ({"name": "General practitioner"}, "name"),
        ({"name": "Orthoptist", "other_names": "eye therapist, Physio"}, "other_names"),
    ],
)
def test_a_name_is_of_one_profession(
    sqlite_database: Database, details: dict[str, str], field: str
) -> None:
    error = refused(sqlite_database, lambda session: add(session, **details))
    assert isinstance(error, NameTaken)
    assert error.field == field


def test_the_first_name_of_a_renamed_one_stays_taken(sqlite_database: Database) -> None:
    sqlite_database.run(lambda session: change(session, "Podiatrist", name="Foot carer"))
    sqlite_database.run(lambda session: change(session, "Podiatrist", name="Foot therapist"))
    error = refused(sqlite_database, lambda session: add(session, "Podiatrist"))
    assert isinstance(error, NameTaken)
    assert sqlite_database.run(lambda session: add(session, "Foot carer")).code == "Foot carer"


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.NETWORK_ADMIN])
def test_only_network_administrators_change_professions(
    sqlite_database: Database, town: Town, role: Role
) -> None:
    who = Actor(role=role, centre_id=town.hospital, practitioner_id=town.gp)

    def all_three(session: Session) -> None:
        own, row = work(session, who), queries.profession_called(session, "Nurse")
        details = ProfessionDetails(name="Healer")
        for act in (
            lambda: commands.create_profession(own, details),
            lambda: commands.change_profession(own, row.id, details),
            lambda: deactivate_profession(own, row.id, active=False),
        ):
            with pytest.raises(Forbidden):
                act()

    sqlite_database.run(all_three)


def test_what_somebody_has_or_needs_stays(sqlite_database: Database, town: Town) -> None:
    in_use = refused(sqlite_database, lambda session: deactivate(session, "GP"))
    assert isinstance(in_use, ProfessionInUse)
    assert in_use.params["count"] == 1

    def need(session: Session) -> None:
        service = factories.service(session, town.department, "Birth")
        set_needs(work(session), service.id, [NeedDetails(profession="Midwife")])

    sqlite_database.run(need)
    needed = refused(sqlite_database, lambda session: deactivate(session, "Midwife"))
    assert isinstance(needed, ProfessionNeeded)
    assert needed.params["services"] == "Birth"


def test_nobody_comes_to_have_or_need_what_is_deactivated_or_not_there(
    sqlite_database: Database, town: Town
) -> None:
    def leave(session: Session) -> None:
        factories.practitioner(session, "Ed Educator", "Nurse").active = False
        deactivate(session, "Nurse")

    sqlite_database.run(leave)
    former = sqlite_database.read(
        lambda session: session.scalars(
            select(Practitioner.id).where(Practitioner.profession == "Nurse")
        ).one()
    )

    def need(profession: str) -> Callable[[Session], None]:
        def act(session: Session) -> None:
            service = factories.service(session, town.department, "Dressing")
            set_needs(work(session), service.id, [NeedDetails(profession=profession)])

        return act

    for act in (
        lambda session: factories.practitioner(session, "New One", "Nurse"),
        lambda session: deactivate_practitioner(work(session), former, active=True),
        need("Nurse"),
    ):
        assert isinstance(refused(sqlite_database, act), ProfessionInactive)
    for act in (
        lambda session: factories.practitioner(session, "New One", "Wizard"),
        need("Wizard"),
    ):
        error = refused(sqlite_database, act)
        assert isinstance(error, ProfessionUnknown)
        assert error.field == "profession"
    sqlite_database.run(lambda session: deactivate(session, "Nurse", active=True))
    sqlite_database.run(lambda session: deactivate_practitioner(work(session), former, active=True))


def test_files_name_professions_by_every_name_that_is_active(
    sqlite_database: Database, folder: Path
) -> None:
    def set_up(session: Session) -> None:
        add(session, other_names="eye therapist")
        change(session, "Orthoptist", name="Squint specialist")
        deactivate(session, "Chiropractor")

    sqlite_database.run(set_up)
    header = "provider_email,password,provider_type"
    names = ("ORTHOPTIST", "squint specialist", "Eye Therapist")
    rows = [f"p{number}@example.com,x,{name}" for number, name in enumerate(names)]
    write(folder, {"p.csv": "\n".join([header, *rows])})
    bring_in(sqlite_database, folder)
    found = sqlite_database.read(
        lambda session: session.scalars(select(Practitioner.profession)).all()
    )
    assert list(found) == ["Orthoptist"] * 3
    write(folder, {"p.csv": f"{header}\nlate@example.com,x,Chiropractor"})
    [problem] = problems_of(sqlite_database, folder)
    assert "Enter one of GP, Specialist" in problem
    assert "Squint specialist" in problem
    assert "Chiropractor" not in problem


def test_the_migration_keeps_codes_and_names() -> None:
    rows = {row["code"]: row for row in professions.ROWS}
    assert len(rows) == 22
    assert all(row["name"] == code for code, row in rows.items())
    assert [code for code, row in rows.items() if row["needs_referral"]] == ["Specialist"]
    assert [code for code, row in rows.items() if row["may_refer"]] == ["GP"]
    assert rows["GP"]["hl7_code"] == "124"
    assert rows["Dentist"]["snomed_code"] == "408444009"
