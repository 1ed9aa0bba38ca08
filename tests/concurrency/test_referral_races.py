"""Races for one referral, on every engine: one letter, one appointment.

The control takes the unique column away from the appointments, and then there are two.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from entrypoints.programs import Program, signed_in
from entrypoints.test_fhir_service_requests import PATH, letter
from entrypoints.world import build, give_professions
from factories import HALF_HOUR, NOW
from openslot.booking import commands as booking
from openslot.booking import queries as appointments
from openslot.booking.errors import ReferralSpent
from openslot.booking.models import Appointment, Status
from openslot.core.db import Database
from openslot.core.errors import DomainError
from openslot.referrals import commands as referrals
from openslot.referrals import queries
from openslot.referrals.details import AnswerDetails
from openslot.referrals.errors import AlreadyAnswered
from racing import race
from referring import TUESDAY_9, Dentists
from serving import app_on
from town import build_town
from working import work

RACERS = 8


def attempts(dentists: Dentists, number: int) -> list[Appointment | DomainError]:
    """Bookings at both specialists at different times, all at the same moment."""

    def book(turn: int) -> Appointment | DomainError:
        start = TUESDAY_9 + timedelta(days=turn // 2) + HALF_HOUR * (turn % 2)
        booking_request = dentists.booking_request(start, second=turn % 2 == 1)
        try:
            return dentists.book(booking_request)
        except DomainError as refusal:
            return refusal

    return race(number, book)


def booked(dentists: Dentists) -> list[Appointment]:
    return dentists.database.read(
        lambda session: [
            one
            for one in session.query(Appointment)
            if one.referral_id is not None and one.status == Status.BOOKED
        ]
    )


def test_of_bookings_with_one_letter_exactly_one_wins(database: Database) -> None:
    dentists = Dentists(database, build_town(database))
    dentists.sent()
    outcomes = attempts(dentists, RACERS)
    won = [one for one in outcomes if isinstance(one, Appointment)]
    spent = [one for one in outcomes if isinstance(one, ReferralSpent)]
    assert (len(won), len(spent)) == (1, RACERS - 1), outcomes
    assert len(booked(dentists)) == 1


def test_control_without_the_unique_use_several_win(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody believes what was seen before the first booking, and appointments name no use."""
    dentists = Dentists(database, build_town(database))
    dentists.sent()
    seen = database.read(
        lambda session: queries.authorisation_for(
            work(session, now=NOW),
            booking.place_of(session, dentists.first_schedule),
            dentists.town.patients[0],
        )
    )
    monkeypatch.setattr(queries, "authorisation_for", lambda *args, **more: seen)

    write = appointments.add

    def without_use(*args: Any, **values: Any) -> Appointment:
        return write(*args, **values | {"referral_use": None})

    monkeypatch.setattr(appointments, "add", without_use)
    outcomes = attempts(dentists, 2)
    assert len([one for one in outcomes if isinstance(one, Appointment)]) == 2, outcomes


AFTER = TUESDAY_9 + HALF_HOUR


def seen_once(database: Database) -> Dentists:
    """The patient has seen the dentist, with a letter for two appointments."""
    dentists = Dentists(database, build_town(database))
    dentists.sent(most=2)
    dentists.becomes(dentists.book(), Status.ARRIVED, Status.FULFILLED, now=AFTER)
    return dentists


def follow_ups(dentists: Dentists) -> list[Appointment]:
    """The follow-ups booked on different days at the same moment."""

    def book(turn: int) -> Appointment | DomainError:
        start = TUESDAY_9 + timedelta(days=(1, 2, 3, 6)[turn])
        try:
            return dentists.book(dentists.booking_request(start), now=AFTER)
        except DomainError as refusal:
            return refusal

    return [one for one in race(4, book) if isinstance(one, Appointment)]


def test_of_follow_ups_with_one_left_exactly_one_is_booked(database: Database) -> None:
    assert len(follow_ups(seen_once(database))) == 1


def test_control_with_what_was_left_before_several_follow_ups_are_booked(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    dentists = seen_once(database)
    left = database.read(
        lambda session: queries.authorisation_for(
            work(session, now=AFTER),
            booking.place_of(session, dentists.first_schedule),
            dentists.town.patients[0],
        )
    )
    monkeypatch.setattr(queries, "authorisation_for", lambda *args, **more: left)
    assert len(follow_ups(dentists)) == 4


def test_a_letter_is_answered_once_however_often_the_button_is_pressed(database: Database) -> None:
    dentists = Dentists(database, build_town(database))
    sent = dentists.sent()
    dentists.book()

    def answer(number: int) -> str | DomainError:
        details = AnswerDetails(answer=f"Answer {number}")
        try:
            database.run(
                lambda session: referrals.answer(
                    work(session, dentists.actor(), NOW), sent, details
                )
            )
        except DomainError as refusal:
            return refusal
        return details.answer

    outcomes = race(4, answer)
    won = [one for one in outcomes if isinstance(one, str)]
    assert len(won) == 1, outcomes
    assert all(isinstance(one, (str, AlreadyAnswered)) for one in outcomes)
    row = dentists.row(sent)
    assert row is not None
    assert [row.answer] == won


def test_of_equal_conditional_creates_one_makes_a_letter(
    database: Database, tmp_path: Path
) -> None:
    world = build(database)
    database.run(lambda session: give_professions(session, world))
    with app_on(database, tmp_path) as app:
        token = signed_in(app, world, "practitioner-owner").token
        unless = f"patient={world.patients['owner']}&status=active"

        def send(_number: int) -> tuple[int, str]:
            program = Program(app, token)
            answer = program.send("POST", PATH, letter(world), If_None_Exist=unless)
            return answer.status_code, answer.json["id"]  # type: ignore[index] # an object

        replies = race(RACERS, send)
    assert sorted(status for status, _ in replies) == [200] * (RACERS - 1) + [201]
    assert len({key for _, key in replies}) == 1


def test_a_cancelled_appointment_gives_its_letter_to_the_next_and_no_second(
    database: Database,
) -> None:
    dentists = Dentists(database, build_town(database))
    dentists.sent()
    dentists.becomes(dentists.book(), Status.CANCELLED)
    outcomes = attempts(dentists, 4)
    assert len([one for one in outcomes if isinstance(one, Appointment)]) == 1
    assert len(booked(dentists)) == 1
