"""Care for others: adding them, acting for them, and handing their record over."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

import factories
from factories import NOW
from openslot.booking import commands as booking
from openslot.booking import queries as appointments
from openslot.booking.errors import HasDependents, NeedsPatient
from openslot.core import audit
from openslot.core.actor import Actor, Role
from openslot.core.db import Database
from openslot.core.errors import DomainError, Forbidden, NotFound
from openslot.directory import commands as directory
from openslot.directory import dependents, queries
from openslot.directory.dependents import HandOverDetails
from openslot.directory.details import DependentDetails, SignUp
from openslot.directory.errors import (
    BirthInFuture,
    DependentKnown,
    OwnAddress,
    OwnEmailNotConfirmed,
    TooManyDependents,
)
from openslot.directory.models import Dependent, Patient
from openslot.identity import commands as identity
from openslot.identity import queries as identities
from openslot.identity.errors import EmailTaken, LinkExpired
from openslot.identity.models import Account
from openslot.usecases import booking as usecases
from openslot.usecases.account_deletion import delete_own_account
from racing import race
from town import Town, build_town
from working import work

CHILD = DependentDetails(name="Tama Ngata", born=date(2015, 4, 2))
EMAIL = "tama@example.net"


def signed_up(database: Database, name: str = "Aroha Ngata", *, confirmed: bool = True) -> Actor:
    """A patient with an account."""

    def act(session: Session) -> Actor:
        email = f"{name.split()[0].lower()}@example.net"
        new = SignUp(name=name, born=date(1985, 1, 2), email=email, password="-" * 12)
        account = directory.sign_up(work(session, now=NOW), new, "-")
        if confirmed:
            identity.confirm_email(work(session, now=NOW), account.id)
        return directory.actor_of(session, account, None)

    return database.run(act)


def as_now(database: Database, actor: Actor) -> Actor:
    """The same person at their next request."""

    def act(session: Session) -> Actor:
        assert actor.account_id
        account = session.get(Account, actor.account_id)
        assert account
        return directory.actor_of(session, account, None)

    return database.read(act)


def add(database: Database, carer: Actor, details: DependentDetails = CHILD) -> UUID:
    return database.run(lambda s: dependents.add(work(s, carer, NOW), details)).id


def invite(database: Database, carer: Actor, child: UUID, email: str = EMAIL) -> None:
    database.run(
        lambda s: dependents.invite(work(s, carer, NOW), child, HandOverDetails(email=email))
    )


def take_over(database: Database, carer: Actor, child: UUID, email: str = EMAIL) -> Account:
    assert carer.patient_id
    carer_id = carer.patient_id
    return database.run(
        lambda s: dependents.take_over(work(s, now=NOW), child, carer_id, email, "-")
    )


@pytest.fixture
def carer(sqlite_database: Database, town: Town) -> Actor:
    return signed_up(sqlite_database)


def test_a_patient_adds_somebody_and_acts_for_them_from_then_on(
    sqlite_database: Database, carer: Actor
) -> None:
    child = add(sqlite_database, carer)
    now = as_now(sqlite_database, carer)
    assert now.dependents == {child}
    assert now.acts_for(child)
    found = sqlite_database.read(lambda s: queries.carer_of(s, child))
    assert found
    assert found.id == carer.patient_id
    events = sqlite_database.read(lambda s: audit.events_of(s, f"patient:{child}"))
    assert {one.action for one in events} == {"patient.created", "dependent.added"}


def test_only_patients_care_for_others(sqlite_database: Database, town: Town) -> None:
    for actor in (town.doctor, town.clerk, Actor()):
        with pytest.raises(Forbidden):
            sqlite_database.run(lambda s, actor=actor: dependents.add(work(s, actor, NOW), CHILD))


@pytest.mark.parametrize(
    ("details", "refusal"),
    [
        (CHILD, DependentKnown),
        (DependentDetails(name="TAMA NGATA", born=CHILD.born), DependentKnown),
        (DependentDetails(name="Mere Ngata", born=date(2200, 1, 1)), BirthInFuture),
    ],
)
def test_nobody_is_added_twice_or_before_they_are_born(
    sqlite_database: Database, carer: Actor, details: DependentDetails, refusal: type[DomainError]
) -> None:
    add(sqlite_database, carer)
    with pytest.raises(refusal):
        add(sqlite_database, carer, details)


def test_nobody_cares_for_more_than_a_household(sqlite_database: Database, carer: Actor) -> None:
    for number in range(dependents.MOST):
        add(sqlite_database, carer, DependentDetails(name=f"Child {number}", born=CHILD.born))
    with pytest.raises(TooManyDependents):
        add(sqlite_database, carer)


def test_the_carer_changes_details_and_nobody_else(sqlite_database: Database, carer: Actor) -> None:
    child = add(sqlite_database, carer)
    stranger = signed_up(sqlite_database, "Other Parent")
    new = DependentDetails(name="Tama Rangi Ngata", born=CHILD.born, medicare_number="2123")
    for actor in (stranger, Actor(role=Role.PATIENT, patient_id=child), Actor()):
        with pytest.raises(NotFound):
            sqlite_database.run(
                lambda s, actor=actor: dependents.change(work(s, actor, NOW), child, new)
            )
    sqlite_database.run(
        lambda s: dependents.change(work(s, as_now(sqlite_database, carer), NOW), child, new)
    )
    row = sqlite_database.read(lambda s: s.get(Patient, child))
    assert row
    assert (row.name, row.medicare_number) == ("Tama Rangi Ngata", "2123")


def test_a_carer_books_moves_and_cancels_for_them_and_a_stranger_does_not(
    sqlite_database: Database, carer: Actor, town: Town
) -> None:
    child = add(sqlite_database, carer)
    booking_request = booking.BookingRequest(
        town.gp_at_hospital, town.booking_request().start, 30, child
    )
    stranger = signed_up(sqlite_database, "Other Parent")
    with pytest.raises(NeedsPatient):
        sqlite_database.run(lambda s: usecases.book(work(s, stranger, NOW), booking_request))
    now = as_now(sqlite_database, carer)
    appointment = sqlite_database.run(lambda s: usecases.book(work(s, now, NOW), booking_request))
    with pytest.raises(NotFound):
        sqlite_database.read(lambda s: booking.appointment_for(work(s, stranger), appointment.id))
    sqlite_database.run(
        lambda s: booking.move(
            work(s, now, NOW, cutoff=timedelta(0)),
            appointment.id,
            booking_request.start + timedelta(hours=2),
        )
    )
    family = [one for one in (now.patient_id, *now.dependents) if one]
    listed = sqlite_database.read(
        lambda s: appointments.appointments(s, appointments.of_patients(family))
    )
    assert [one.id for one in listed] == [appointment.id]


# Handing over


def test_a_record_is_handed_over_and_the_carer_has_no_part_in_it_any_more(
    sqlite_database: Database, carer: Actor, town: Town
) -> None:
    child = add(sqlite_database, carer)
    now = as_now(sqlite_database, carer)
    booking_request = booking.BookingRequest(
        town.gp_at_hospital, town.booking_request().start, 30, child
    )
    appointment = sqlite_database.run(lambda s: usecases.book(work(s, now, NOW), booking_request))
    invite(sqlite_database, now, child)
    account = take_over(sqlite_database, now, child)
    assert (account.email, account.name, account.confirmed_at) == (EMAIL, CHILD.name, NOW)
    theirs = as_now(sqlite_database, Actor(account_id=account.id))
    assert (theirs.patient_id, theirs.role) == (child, Role.PATIENT)
    assert sqlite_database.read(lambda s: booking.appointment_for(work(s, theirs), appointment.id))
    former = as_now(sqlite_database, carer)
    assert former.dependents == frozenset()
    with pytest.raises(NotFound):
        sqlite_database.read(lambda s: booking.appointment_for(work(s, former), appointment.id))
    assert sqlite_database.read(lambda s: queries.carer_of(s, child)) is None
    events = sqlite_database.read(lambda s: audit.events_of(s, f"patient:{child}"))
    assert events[-1].action == "dependent.handed-over"
    assert events[-1].details == {"carer": str(carer.patient_id)}


def test_a_link_works_once(sqlite_database: Database, carer: Actor) -> None:
    child = add(sqlite_database, carer)
    invite(sqlite_database, carer, child)
    take_over(sqlite_database, carer, child)
    with pytest.raises(LinkExpired):
        take_over(sqlite_database, carer, child)


@pytest.mark.parametrize("ended", ["withdrawn", "replaced", "never sent"])
def test_a_link_ends_when_the_carer_thinks_better_of_it(
    sqlite_database: Database, carer: Actor, ended: str
) -> None:
    child = add(sqlite_database, carer)
    if ended != "never sent":
        invite(sqlite_database, carer, child)
    if ended == "withdrawn":
        sqlite_database.run(lambda s: dependents.withdraw(work(s, carer, NOW), child))
    if ended == "replaced":
        invite(sqlite_database, carer, child, "other@example.net")
    with pytest.raises(LinkExpired):
        take_over(sqlite_database, carer, child)


def test_a_link_is_for_this_carer_this_patient_and_this_address(
    sqlite_database: Database, carer: Actor
) -> None:
    child = add(sqlite_database, carer)
    invite(sqlite_database, carer, child)
    assert carer.patient_id
    for named in (
        (child, uuid4(), EMAIL),
        (carer.patient_id, carer.patient_id, EMAIL),
        (child, carer.patient_id, "other@example.net"),
        (uuid4(), carer.patient_id, EMAIL),
    ):
        with pytest.raises(LinkExpired):
            sqlite_database.run(
                lambda s, named=named: dependents.take_over(work(s, now=NOW), *named, "-")
            )


def test_an_address_with_an_account_takes_no_second_record(
    sqlite_database: Database, carer: Actor
) -> None:
    child = add(sqlite_database, carer)
    invite(sqlite_database, carer, child)

    sqlite_database.run(lambda session: factories.account(session, EMAIL, Role.STAFF))
    with pytest.raises(EmailTaken):
        take_over(sqlite_database, carer, child)
    assert as_now(sqlite_database, carer).dependents == {child}


def test_who_has_not_confirmed_their_address_hands_nothing_over(
    sqlite_database: Database, town: Town
) -> None:
    carer = signed_up(sqlite_database, confirmed=False)
    child = add(sqlite_database, carer)
    with pytest.raises(OwnEmailNotConfirmed):
        invite(sqlite_database, carer, child)


def test_only_the_carer_hands_over_and_not_to_themselves(
    sqlite_database: Database, carer: Actor
) -> None:
    child = add(sqlite_database, carer)
    stranger = signed_up(sqlite_database, "Other Parent")
    for actor in (stranger, Actor(role=Role.NETWORK_ADMIN), Actor()):
        with pytest.raises(NotFound):
            invite(sqlite_database, actor, child)
    with pytest.raises(OwnAddress):
        invite(sqlite_database, carer, child, "aroha@example.net")


def test_of_two_who_open_one_link_at_once_one_gets_the_record(database: Database) -> None:
    build_town(database)
    carer = signed_up(database)
    child = add(database, carer)
    invite(database, carer, child)

    def take(_number: int) -> str:
        try:
            return str(take_over(database, carer, child).id)
        except (EmailTaken, LinkExpired) as refusal:
            return refusal.code

    outcomes = race(4, take)
    won = [one for one in outcomes if one not in ("email-taken", "link-expired")]
    assert len(won) == 1, outcomes

    def look(session: Session) -> Any:
        account = identities.by_email(session, EMAIL)
        patient = session.get(Patient, child)
        return account, patient, session.get(Dependent, child)

    account, patient, link = database.read(look)
    assert patient.account_id == account.id
    assert link is None


def test_nobody_leaves_while_they_care_for_somebody(
    sqlite_database: Database, carer: Actor
) -> None:
    child = add(sqlite_database, carer)

    def leave(session: Session) -> None:
        delete_own_account(work(session, carer, NOW, cutoff=timedelta(0)))

    with pytest.raises(HasDependents):
        sqlite_database.run(leave)
    invite(sqlite_database, carer, child)
    take_over(sqlite_database, carer, child)
    sqlite_database.run(leave)
    assert sqlite_database.read(lambda s: s.get(Account, carer.account_id)) is None
