"""People who work in a department register themselves, and somebody who knows them lets them in."""

from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from factories import NOW
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import Forbidden, Invalid, NotFound
from openslot.directory import registration, staff
from openslot.directory.commands import actor_of
from openslot.directory.errors import NameTaken
from openslot.directory.models import Department, Service, StaffMember
from openslot.directory.registration import StaffSignUp
from openslot.directory.staff import AddressNotConfirmed, AlreadyPlaced
from openslot.directory.templates import TEMPLATES
from openslot.identity.commands import confirm_email, sign_in, source_of
from openslot.identity.errors import EmailTaken, NotActive, WrongCredentials
from openslot.identity.models import Account
from openslot.identity.passwords import hash_password
from openslot.schedules import queries as schedules
from openslot.schedules.founding import found_from_template
from openslot.schedules.models import Schedule
from town import Town, build_town
from working import work

PASSWORD = "orchard lantern velvet"
QUICK = Settings(_env_file=None, password_iterations=1)


def details(town: Town, **changes: object) -> StaffSignUp:
    values = {
        "name": "Ned New",
        "email": "ned@example.org",
        "password": PASSWORD,
        "centre_id": town.hospital,
        "department_id": town.department,
    }
    return StaffSignUp.model_validate(values | changes)


def register(database: Database, town: Town, **changes: object) -> Account:
    hashed = hash_password(PASSWORD, time_cost=1)
    return database.run(
        lambda session: registration.register(
            work(session, now=NOW), details(town, **changes), hashed
        )
    )


def enter(database: Database, password: str = PASSWORD) -> Account:
    address = "10.0.0.1"
    return sign_in(
        database,
        QUICK,
        "ned@example.org",
        password,
        source=source_of(address),
        address=address,
        now=NOW,
    ).account


def admin(town: Town) -> Actor:
    return Actor(role=Role.CENTRE_ADMIN, centre_id=town.hospital)


def foreign_admin(town: Town) -> Actor:
    return Actor(role=Role.CENTRE_ADMIN, centre_id=town.clinic)


def placed(database: Database, account_id: UUID) -> Actor:
    """Somebody who was let in, as one who acts."""

    def act(session: Session) -> Actor:
        account = registration.admit(work(session, SYSTEM, NOW), account_id)
        session.flush()
        return actor_of(session, account, None)

    return database.run(act)


def test_who_registers_waits_and_only_the_right_password_says_so_on_each_engine(
    database: Database,
) -> None:
    town = build_town(database)
    account = register(database, town)
    with pytest.raises(NotActive):
        enter(database)
    with pytest.raises(WrongCredentials) as wrong:
        enter(database, "something else entirely")
    assert not isinstance(wrong.value, NotActive)
    assert database.read(lambda session: registration.is_waiting(session, "ned@example.org"))
    database.run(lambda session: registration.admit(work(session, admin(town), NOW), account.id))
    assert enter(database).id == account.id
    assert not database.read(lambda session: registration.is_waiting(session, "ned@example.org"))


def test_who_is_declined_is_gone_on_each_engine(database: Database) -> None:
    town = build_town(database)
    account = register(database, town)
    database.run(lambda session: registration.decline(work(session, admin(town), NOW), account.id))
    for kind in (Account, StaffMember):
        assert database.read(lambda session, kind=kind: session.get(kind, account.id)) is None
    register(database, town)


def test_only_who_runs_the_centre_sees_who_waits_there_and_decides(
    sqlite_database: Database, town: Town
) -> None:
    account = register(sqlite_database, town)
    seen = {
        name: [
            one.account.id
            for one in sqlite_database.read(
                lambda session, actor=actor: registration.waiting(work(session, actor))
            )
        ]
        for name, actor in (
            ("own", admin(town)),
            ("network", SYSTEM),
            ("foreign", foreign_admin(town)),
            ("clerk", town.clerk),
        )
    }
    assert seen == {"own": [account.id], "network": [account.id], "foreign": [], "clerk": []}
    for actor in (foreign_admin(town), town.clerk, Actor()):
        for act in (registration.admit, registration.decline):
            with pytest.raises(NotFound):
                sqlite_database.run(
                    lambda session, act=act, actor=actor: act(work(session, actor, NOW), account.id)
                )


def test_nobody_is_let_in_twice_or_sent_away_afterwards(
    sqlite_database: Database, town: Town
) -> None:
    account = register(sqlite_database, town)
    placed(sqlite_database, account.id)
    for act in (registration.admit, registration.decline):
        with pytest.raises(NotFound):
            sqlite_database.run(
                lambda session, act=act: act(work(session, SYSTEM, NOW), account.id)
            )


def test_where_mail_is_sent_the_address_is_confirmed_first(
    sqlite_database: Database, town: Town
) -> None:
    account_id = register(sqlite_database, town).id
    mailed = {"smtp_host": "mail.example.org", "public_url": "https://book.example.org"}

    def let_in(session: Session) -> None:
        registration.admit(work(session, admin(town), NOW, **mailed), account_id)

    with pytest.raises(AddressNotConfirmed):
        sqlite_database.run(let_in)
    sqlite_database.run(lambda s: confirm_email(work(s, now=NOW), account_id))
    sqlite_database.run(let_in)


def test_switching_a_waiting_account_on_lets_it_in(sqlite_database: Database, town: Town) -> None:
    account = register(sqlite_database, town)
    sqlite_database.run(
        lambda session: staff.set_account_active(
            work(session, admin(town), NOW), account.id, active=True
        )
    )
    assert sqlite_database.read(lambda session: registration.waiting(work(session, SYSTEM))) == []


def test_a_registration_names_a_place_that_is_there(sqlite_database: Database, town: Town) -> None:
    with pytest.raises(NotFound):
        register(sqlite_database, town, centre_id=999, department_id=None)
    with pytest.raises(NotFound):
        register(sqlite_database, town, department_id=999)
    with pytest.raises(Invalid):
        register(sqlite_database, town, centre_id=town.clinic)
    register(sqlite_database, town)
    with pytest.raises(EmailTaken):
        register(sqlite_database, town)


# Departments of templates


def test_every_template_becomes_a_department_whose_services_can_be_booked_on_each_engine(
    database: Database,
) -> None:
    town = build_town(database)
    for number, template in enumerate(TEMPLATES.values()):
        account = register(database, town, department_id=None, email=f"ned{number}@example.org")
        actor = placed(database, account.id)
        name = f"{template.name} {number}"
        made = database.run(
            lambda session, actor=actor, key=template.key, name=name: found_from_template(
                work(session, actor, NOW), key, name=name
            )
        )
        assert made.centre_id == town.hospital
        services = database.read(
            lambda session, made=made: list(
                session.scalars(select(Service).where(Service.department_id == made.id))
            )
        )
        assert {one.name: one.minutes for one in services} == dict(template.services)
        bookable = database.read(
            lambda session, services=services: schedules.places(
                session, Schedule.service_id.in_([one.id for one in services])
            )
        )
        assert len(bookable) == len(services)
        member = database.read(
            lambda session, account=account: session.get(StaffMember, account.id)
        )
        assert member is not None
        assert member.department_id == made.id
        for place in bookable.values():
            assert place.hours


def test_a_department_is_founded_once_and_under_a_name_that_is_free(
    sqlite_database: Database, town: Town
) -> None:
    actor = placed(sqlite_database, register(sqlite_database, town, department_id=None).id)

    def found(by: Actor, key: str, name: str | None = None) -> Department:
        return sqlite_database.run(
            lambda session: found_from_template(work(session, by, NOW), key, name=name)
        )

    with pytest.raises(NameTaken):
        found(actor, "radiology")
    with pytest.raises(Invalid):
        found(actor, "astrology")
    made = found(actor, "radiology", "Imaging")
    assert made.name == "Imaging"
    with pytest.raises(AlreadyPlaced):
        found(actor, "podiatry")
    with pytest.raises(Forbidden):
        found(admin(town), "podiatry")


def test_templates_fit_the_grid_of_their_services() -> None:
    assert len(TEMPLATES) >= 12
    for template in TEMPLATES.values():
        names = [one.name for one in template.services]
        assert len(set(names)) == len(names) >= 3
        assert all(one.minutes % 15 == 0 and one.minutes <= 120 for one in template.services)
