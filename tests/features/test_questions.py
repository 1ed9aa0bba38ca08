"""Questions that a service asks before the appointment, and their answers."""

from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import factories
from factories import MONDAY_9, NOW
from openslot.booking import queries as booking
from openslot.booking.commands import change_status
from openslot.booking.models import Status
from openslot.booking.moves import may_see_reason
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.db import Database
from openslot.core.errors import Forbidden, NotFound
from openslot.entrypoints.fhir import search
from openslot.entrypoints.fhir.elements import Site
from openslot.entrypoints.fhir.questionnaire_response import RESOURCE
from openslot.entrypoints.fhir.resource import Asked
from openslot.entrypoints.fhir.search import Query, Term
from openslot.exports import account
from openslot.identity.models import Account
from openslot.questions import commands, queries
from openslot.questions.commands import QuestionDetails
from openslot.questions.errors import BadAnswer, TooLateToAnswer, TooManyQuestions
from openslot.questions.models import AppointmentAnswer, Kind, ServiceQuestion
from openslot.questions.rules import checked
from openslot.usecases import booking as usecases
from openslot.usecases import erasing
from town import Town, build_town
from working import work

ASKED = (
    QuestionDetails(words="Do you smoke?", kind=Kind.YES_NO, required=True),
    QuestionDetails(words="Which knee?", kind=Kind.CHOICE, choices=("Left", "Right")),
    QuestionDetails(words="I agree to a photo.", kind=Kind.CONSENT, required=True),
)


class Booked(NamedTuple):
    """A town whose GP's service asks three questions, and an appointment of the first patient."""

    town: Town
    service: int
    appointment: UUID
    questions: tuple[int, ...]


@pytest.fixture
def booked(database: Database) -> Booked:
    """An upcoming appointment."""
    town = build_town(database)

    def set_up(session: Session) -> Booked:
        service = factories.offered_service(session, None, "Review", minutes=30)
        factories.offer(session, town.gp_at_hospital, service)
        commands.set_questions(work(session, SYSTEM, NOW), service.id, ASKED)
        session.flush()
        asked = queries.questions(session, [service.id])[service.id]
        patient = work(session, town.patient(), NOW)
        appointment = usecases.book(patient, town.booking_request())
        return Booked(town, service.id, appointment.id, tuple(one.id for one in asked))

    return database.run(set_up)


def answer(database: Database, booked: Booked, actor: Actor, *answers: str | None) -> None:
    given = dict(zip(booked.questions, answers, strict=False))
    database.run(
        lambda session: commands.answer(work(session, actor, NOW), booked.appointment, given)
    )


def seen(database: Database, booked: Booked, actor: Actor) -> dict[str, str]:
    def read(session: Session) -> dict[str, str]:
        appointment = booking.appointment(session, booked.appointment)
        assert appointment is not None
        found = queries.answers(work(session, actor, NOW), [appointment])
        return {one.words: one.answer for one in found.get(booked.appointment, [])}

    return database.read(read)


def left(database: Database, booked: Booked) -> int:
    def read(session: Session) -> int:
        appointment = booking.appointment(session, booked.appointment)
        assert appointment is not None
        return queries.left_to_answer(session, appointment)

    return database.read(read)


def test_answers_are_given_changed_and_taken_back(database: Database, booked: Booked) -> None:
    patient = booked.town.patient()
    assert left(database, booked) == 2
    answer(database, booked, patient, "no", "Left")
    assert left(database, booked) == 1
    answer(database, booked, patient, "yes", None, "yes")
    assert seen(database, booked, patient) == {"Do you smoke?": "yes", "I agree to a photo.": "yes"}
    assert left(database, booked) == 0


def test_the_patient_and_who_gives_the_care_see_answers(database: Database, booked: Booked) -> None:
    town = booked.town
    answer(database, booked, town.patient(), "no")
    desk = Actor(role=Role.STAFF, centre_id=town.hospital)
    for actor in (town.patient(), town.doctor, desk):
        assert seen(database, booked, actor) == {"Do you smoke?": "no"}
    for actor in (
        town.clerk,
        Actor(role=Role.CENTRE_ADMIN, centre_id=town.hospital),
        Actor(role=Role.NETWORK_ADMIN),
        town.patient(1),
    ):
        assert seen(database, booked, actor) == {}
    with pytest.raises(Forbidden):
        answer(database, booked, Actor(role=Role.NETWORK_ADMIN), "yes")
    with pytest.raises(NotFound):
        answer(database, booked, town.patient(1), "yes")


def test_sql_says_who_sees_the_reason_as_the_rule_does_on_every_engine(
    database: Database, booked: Booked
) -> None:
    town = booked.town
    own = town.patient()

    def compare(session: Session) -> None:
        for actor in (
            own,
            town.patient(1),
            town.doctor,
            town.clerk,
            Actor(role=Role.STAFF, centre_id=town.hospital),
            Actor(role=Role.CENTRE_ADMIN, centre_id=town.hospital),
            Actor(role=Role.NETWORK_ADMIN),
            Actor(role=Role.NETWORK_ADMIN, program="key"),
        ):
            asked = Asked(Site("https://x/fhir", NOW), ZoneInfo("UTC"), actor)
            matching = {"status": "in-progress", "questionnaire": str(booked.service)}
            terms = tuple(Term(name, name, "", "", (text,)) for name, text in matching.items())
            found = search.run(session, RESOURCE, Query(terms=terms), {}, asked)
            appointment = booking.appointment(session, booked.appointment)
            assert appointment is not None
            assert bool(found.rows) == may_see_reason(actor, appointment), actor

    answer(database, booked, own, None, "Left")
    database.read(compare)


def test_patients_answer_until_the_appointment_and_the_care_team_while_it_goes_on(
    database: Database, booked: Booked
) -> None:
    given: dict[int, str | None] = {booked.questions[0]: "no"}

    def at_the_start(actor: Actor) -> None:
        database.run(
            lambda session: commands.answer(
                work(session, actor, MONDAY_9), booked.appointment, given
            )
        )

    with pytest.raises(TooLateToAnswer):
        at_the_start(booked.town.patient())
    at_the_start(booked.town.doctor)
    database.run(
        lambda session: change_status(
            work(session, SYSTEM, NOW), booked.appointment, Status.CANCELLED
        )
    )
    with pytest.raises(TooLateToAnswer):
        at_the_start(booked.town.doctor)


def test_an_answer_that_nobody_can_see_is_none(database: Database, booked: Booked) -> None:
    answer(database, booked, booked.town.patient(), "\u200b")
    assert left(database, booked) == 2


def test_answers_keep_the_words_that_were_asked(database: Database, booked: Booked) -> None:
    patient = booked.town.patient()
    answer(database, booked, patient, "no", "Left")
    smoke = booked.questions[0]
    changed = [QuestionDetails(id=smoke, words="Do you vape?", kind=Kind.YES_NO, required=True)]
    database.run(
        lambda session: commands.set_questions(work(session, SYSTEM, NOW), booked.service, changed)
    )
    assert seen(database, booked, patient) == {"Do you smoke?": "no", "Which knee?": "Left"}
    assert left(database, booked) == 0
    with pytest.raises(NotFound):
        answer(database, booked, patient, "no", "Right")


def test_erasing_a_patient_removes_the_answers(database: Database, booked: Booked) -> None:
    answer(database, booked, booked.town.patient(), "no", "Left", "yes")
    network = Actor(role=Role.NETWORK_ADMIN)
    database.run(
        lambda session: erasing.erase(work(session, network, NOW), booked.town.patients[0])
    )
    assert database.read(lambda session: session.scalars(select(AppointmentAnswer)).all()) == []


def test_the_document_of_an_account_has_the_answers(database: Database, booked: Booked) -> None:
    answer(database, booked, booked.town.patient(), "no")

    def read(session: Session) -> list[object]:
        own = Account(name="P", email="p@example.org", role=Role.PATIENT, created_at=NOW)
        own.id = booked.town.patients[0]
        document = account.document(work(session, booked.town.patient(), NOW), own)
        return [one["answers"] for one in document["appointments"]]

    assert database.read(read) == [[{"question": "Do you smoke?", "answer": "no"}]]


@pytest.mark.parametrize(
    ("kind", "typed", "kept"),
    [
        (Kind.NUMBER, " 82,5 ", "82.5"),
        (Kind.NUMBER, "heavy", None),
        (Kind.NUMBER, "0,125", "0.125"),
        (Kind.NUMBER, "1,000", None),
        (Kind.NUMBER, "８２", "82"),
        (Kind.DATE, "2026-02-28", "2026-02-28"),
        (Kind.DATE, "2026-02-30", None),
        (Kind.DATE, "0202-02-28", None),
        (Kind.YES_NO, "perhaps", None),
        (Kind.CONSENT, "no", None),
        (Kind.CHOICE, "Right", "Right"),
        (Kind.CHOICE, "Both", None),
        (Kind.TEXT, "x" * 2000, "x" * 2000),
        (Kind.TEXT, "x" * 2001, None),
        (Kind.TEXT, "Jose\u0301\u200b\r\nno", "José\nno"),
        (Kind.TEXT, "a\x07b", None),
    ],
)
def test_answers_are_checked_by_kind(kind: Kind, typed: str, kept: str | None) -> None:
    choices = "Left\nRight" if kind is Kind.CHOICE else None
    question = ServiceQuestion(id=7, kind=kind, words="Which?", choices=choices, required=False)
    if kept is not None:
        assert checked(question, typed) == kept
        return
    with pytest.raises(BadAnswer) as caught:
        checked(question, typed)
    assert caught.value.field == "answers.7"
    assert "“Which?”: " in str(caught.value)


def test_who_can_change_the_service_says_what_it_asks(database: Database, booked: Booked) -> None:
    def ask(actor: Actor, *asked: QuestionDetails) -> None:
        database.run(
            lambda session: commands.set_questions(work(session, actor, NOW), booked.service, asked)
        )

    with pytest.raises(Forbidden):
        ask(Actor(role=Role.CENTRE_ADMIN, centre_id=booked.town.hospital))
    with pytest.raises(NotFound):
        ask(SYSTEM, QuestionDetails(id=999, words="Whose?"))
    with pytest.raises(TooManyQuestions):
        ask(SYSTEM, *[QuestionDetails(words="Why?")] * 21)
    for wrong in ({"kind": "choice", "choices": ["One"]}, {"kind": "text", "choices": ["A", "B"]}):
        with pytest.raises(ValueError, match="choose from"):
            QuestionDetails.model_validate({"words": "Which?", **wrong})
