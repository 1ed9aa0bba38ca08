"""Races for the last of few things that no unique key counts, on every engine: passkeys, questions,
services of a schedule, codes at sign-in, follow-ups of a referral.

In the control nobody takes a lock, and on servers, where writers do not wait, both are done.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_bytes
from threading import local
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import factories
import waitroom
from factories import HALF_HOUR, NOW
from openslot.booking.errors import ReferralSpent
from openslot.booking.models import Appointment, Status
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.core.errors import DomainError
from openslot.identity import commands as identity
from openslot.identity import opening, passkeys
from openslot.identity.models import Passkey, SignInFailure
from openslot.questions import commands as questions
from openslot.questions.commands import QuestionDetails
from openslot.questions.models import ServiceQuestion
from openslot.referrals import commands as referrals
from openslot.schedules import commands as schedules
from openslot.schedules import queries as schedule_queries
from openslot.schedules.availability import Weekly
from openslot.schedules.commands import Offering
from openslot.schedules.errors import HoursNameIt, HoursNameOthers
from openslot.schedules.models import Schedule
from openslot.usecases import booking
from openslot.waiting_list import answers
from racing import meeting, race
from referring import TUESDAY_9, Dentists
from town import build_town
from working import work

DAY = timedelta(days=1)

Act = Callable[[Session], Any]


@dataclass(frozen=True)
class Case:
    """Two who do something at once: the module whose lock keeps them apart, what they read before
    they write, the last of so many ``times``, what the later may be told, whether all is well
    afterwards, and the engines whose own locks keep them apart too."""

    acts: tuple[Act, Act]
    locks_in: Any
    reads: tuple[Any, Sequence[str]]
    refusals: tuple[type[DomainError], ...]
    is_well: Callable[[Session], bool]
    times: int = 1
    apart_on: tuple[str, ...] = ("sqlite",)


def number(session: Session, kind: Any) -> int:
    return session.scalar(select(func.count()).select_from(kind)) or 0


def two_passkeys(database: Database, monkeypatch: pytest.MonkeyPatch) -> Case:
    account = database.run(lambda session: factories.account(session, "jo@example.org"))
    monkeypatch.setattr(passkeys, "MOST", 1)
    site = passkeys.Site("localhost", "http://localhost", "")

    monkeypatch.setattr(  # what an authenticator has signed is not what this is about
        passkeys,
        "_verified_new",
        lambda *_: SimpleNamespace(
            credential_id=token_bytes(8), credential_public_key=b"", sign_count=0
        ),
    )

    def act(session: Session) -> None:
        answer = passkeys.Answer("", "")
        passkeys.register(work(session, now=NOW), site, account.id, answer, "phone")

    def is_one(session: Session) -> bool:
        return number(session, Passkey) == 1

    reads = passkeys.queries, ["passkeys_of"]
    return Case((act, act), opening, reads, (passkeys.TooManyPasskeys,), is_one)


def two_lists_of_questions(database: Database, monkeypatch: pytest.MonkeyPatch) -> Case:
    """Each replaces the questions, of which there are none yet."""
    town = build_town(database)
    scan = database.read(lambda session: session.get_one(Schedule, town.scan))
    monkeypatch.setattr(questions, "MOST_QUESTIONS", 2)
    asked = [QuestionDetails(words=words) for words in ("Since when?", "Where?")]

    def act(session: Session) -> None:
        assert scan.service_id is not None
        questions.set_questions(work(session, SYSTEM, NOW), scan.service_id, asked)

    def are_two(session: Session) -> bool:
        return number(session, ServiceQuestion) == len(asked)

    return Case((act, act), questions, (questions.queries, ["questions"]), (), are_two)


def two_lists_of_services(database: Database, monkeypatch: pytest.MonkeyPatch) -> Case:
    """Each replaces what a schedule offers, which was nothing yet."""
    town = build_town(database)
    services = database.run(
        lambda session: [
            factories.offered_service(session, None, name).id for name in ("Check-up", "Review")
        ]
    )
    monkeypatch.setattr(schedules, "MOST_OFFERED", 1)

    def offer(service_id: int) -> Act:
        return lambda session: schedules.offer_services(
            work(session, SYSTEM, NOW), town.gp_at_hospital, [Offering(service_id=service_id)]
        )

    def is_one(session: Session) -> bool:
        return len(schedule_queries.offered_by(session, town.gp_at_hospital)) == 1

    acts, reads = (offer(services[0]), offer(services[1])), (schedule_queries, ["replace_offered"])
    # MariaDB locks the schedule that the rows refer to, and has one of the two try again.
    return Case(acts, schedules, reads, (), is_one, apart_on=("sqlite", "mariadb"))


def hours_for_a_service_that_goes(database: Database, _patch: pytest.MonkeyPatch) -> Case:
    """One says that hours are for a service, which the other takes away."""
    town = build_town(database)

    def offered(session: Session) -> list[int]:
        there = [factories.offered_service(session, None, name) for name in ("Check-up", "Review")]
        factories.offer(session, town.gp_at_hospital, *there)
        return [service.id for service in there]

    check_up, review = database.run(offered)
    nine, five = (factories.ALL_DAY[0].starts, factories.ALL_DAY[0].ends)

    def keep_hours(session: Session) -> None:
        hours = [Weekly(0, nine, five, services=(review,))]
        schedules.set_hours(work(session, SYSTEM, NOW), town.gp_at_hospital, hours)

    def take_away(session: Session) -> None:
        left = [Offering(service_id=check_up)]
        schedules.offer_services(work(session, SYSTEM, NOW), town.gp_at_hospital, left)

    def are_offered(session: Session) -> bool:
        there = {one.id for _, one in schedule_queries.offered_by(session, town.gp_at_hospital)}
        periods = schedule_queries.hours_of(session, town.gp_at_hospital)
        return all(set(period.services) <= there for period in periods)

    acts, reads = (keep_hours, take_away), (schedule_queries, ["offered_by", "hours_of"])
    return Case(acts, schedules, reads, (HoursNameIt, HoursNameOthers), are_offered)


def two_wrong_codes(database: Database, _patch: pytest.MonkeyPatch) -> Case:
    account = database.run(lambda session: factories.account(session, "jo@example.org"))
    source = identity.source_of(None)

    def act(session: Session) -> None:
        unit = work(session, now=NOW, sign_in_attempts=1)
        identity.use_code(unit, account.id, "wrong", source)

    def is_one(session: Session) -> bool:
        return number(session, SignInFailure) == 1

    reads = identity.queries, ["failures_since"]
    return Case((act, act), identity, reads, (identity.SignInLocked,), is_one)


def an_offer_and_a_booking(database: Database, _patch: pytest.MonkeyPatch) -> Case:
    """A specialist's patient may have one more appointment by their letter, and is offered one."""
    dentists = Dentists(database, build_town(database))
    dentists.sent(most=2)
    after = TUESDAY_9 + HALF_HOUR
    dentists.becomes(dentists.book(), Status.ARRIVED, Status.FULFILLED, now=after)
    patient = dentists.town.patient()
    waitroom.wait(
        database,
        dentists.town,
        now=after,
        schedule_id=dentists.first_schedule,
        starts_from=TUESDAY_9 + DAY,
        starts_until=TUESDAY_9 + DAY + HALF_HOUR,
    )
    waitroom.expire_due(database, after)
    [offer] = waitroom.offers(database)

    unlimited = {"most_upcoming": 0, "most_upcoming_with": 0}  # else they would count, too

    def accept(session: Session) -> None:
        answers.accept(work(session, patient, after, **unlimited), offer.id)

    def book(session: Session) -> None:
        wanted = dentists.booking_request(TUESDAY_9 + 2 * DAY)
        booking.book(work(session, patient, after, **unlimited), wanted)

    def is_one(session: Session) -> bool:
        booked = Appointment.status == Status.BOOKED
        later = Appointment.starts_at > after
        return session.query(Appointment).filter(booked, later).count() == 1

    reads = referrals.queries, ["authorisation_for"]
    return Case((accept, book), referrals, reads, (ReferralSpent,), is_one, times=2)


CASES = [
    two_passkeys,
    two_lists_of_questions,
    two_lists_of_services,
    hours_for_a_service_that_goes,
    two_wrong_codes,
    an_offer_and_a_booking,
]


def read_together(
    monkeypatch: pytest.MonkeyPatch, module: Any, names: Sequence[str], times: int
) -> None:
    """Let neither write before both have read for the last time; who is tried again meets
    nobody."""
    meet, own = meeting(2), local()
    for name in names:
        read = getattr(module, name)

        def reading(*arguments: Any, read: Any = read, **more: Any) -> Any:
            found = read(*arguments, **more)
            own.times = getattr(own, "times", 0) + 1
            if own.times == times:
                meet()
            return found

        monkeypatch.setattr(module, name, reading)


@pytest.mark.parametrize("locks", [True, False], ids=["race", "control"])
@pytest.mark.parametrize("prepare", CASES)
def test_of_two_at_once_the_later_counts_what_the_other_did(
    database: Database,
    engine_name: str,
    monkeypatch: pytest.MonkeyPatch,
    prepare: Callable[[Database, pytest.MonkeyPatch], Case],
    locks: bool,
) -> None:
    case = prepare(database, monkeypatch)
    waits = locks or engine_name in case.apart_on
    told: list[DomainError] = []

    def act(number: int) -> None:
        try:
            database.run(case.acts[number])
        except case.refusals as refusal:
            told.append(refusal)

    with monkeypatch.context() as patch:
        if not locks:
            patch.setattr(case.locks_in, "lock", lambda _session, _name: None)
        if not waits:
            read_together(patch, *case.reads, case.times)
        race(2, act)
    assert len(told) == bool(waits and case.refusals)
    assert database.read(case.is_well) is waits
