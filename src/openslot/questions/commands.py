"""Asking questions before appointments, and answering them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from openslot.booking.commands import appointment_for
from openslot.booking.events import subject_of
from openslot.booking.moves import may_see_reason
from openslot.core import audit
from openslot.core.db import remove
from openslot.core.errors import Forbidden, NotFound
from openslot.core.fields import Details, Prose, pasted, refuse
from openslot.core.locks import lock
from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.directory.editing import editor_of_service
from openslot.questions import queries
from openslot.questions.errors import TooLateToAnswer, TooManyQuestions
from openslot.questions.models import AppointmentAnswer, Kind, ServiceQuestion
from openslot.questions.rules import checked, may_answer

MOST_QUESTIONS = 20
MOST_CHOICES = 20


class QuestionDetails(Details):
    """A question of a service. With its ``id`` it changes one that is there; a choice has two or
    more ``choices``."""

    id: Annotated[int | None, Field(ge=1, lt=2**31)] = None
    words: Annotated[str, Prose(500)]
    kind: Kind = Kind.TEXT
    choices: Annotated[tuple[Annotated[str, Prose(100)], ...], Field(max_length=MOST_CHOICES)] = ()
    required: bool = False

    @model_validator(mode="after")
    def _choices_fit(self) -> Self:
        if self.kind is Kind.CHOICE and len(set(self.choices)) < 2:
            raise refuse("Enter two or more answers to choose from.")
        if self.kind is not Kind.CHOICE and self.choices:
            raise refuse("Only a choice has answers to choose from.")
        return self


def set_questions(work: Work, service_id: int, asked: Sequence[QuestionDetails]) -> None:
    """Replace what a service asks, in this order; answers stay as they are. For those who can
    change the service. Raises TooManyQuestions, and NotFound for an id that is not of the
    service's."""
    service = directory.service(work.session, service_id, inactive=True)
    editor_of_service(work.session, work.actor, service)
    if len(asked) > MOST_QUESTIONS:
        raise TooManyQuestions(field="questions", most=MOST_QUESTIONS)
    # Without the lock, two requests at once would leave the questions of both.
    lock(work.session, f"questions of service {service_id}")
    there = {
        one.id: one for one in queries.questions(work.session, [service_id]).get(service_id, [])
    }
    for position, details in enumerate(asked):
        row = ServiceQuestion(service_id=service_id) if details.id is None else None
        row = row or there.pop(details.id or 0, None)
        if row is None:
            raise NotFound("This service asks no such question.", field="questions")
        values = details.model_dump(exclude={"id"})
        values["choices"] = "\n".join(dict.fromkeys(details.choices)) or None
        queries.add(work.session, row, {**values, "position": position})
    for row in there.values():
        remove(work.session, row)
    service.changed_at = work.now
    audit.record(work, "service.questions-changed", f"service:{service_id}")


def answer(work: Work, appointment_id: UUID, given: Mapping[int, str | None]) -> None:
    """Keep answers by question, each with the words of the question as they are now; an empty one
    is taken back, and what is not named stays.

    Raises BadAnswer, NotFound for a question that is not asked, TooLateToAnswer, and Forbidden for
    those who may not see why the patient comes.
    """
    appointment, relation = appointment_for(work, appointment_id)
    if not may_see_reason(work.actor, appointment):
        raise Forbidden
    if not may_answer(relation, appointment, work.now):
        raise TooLateToAnswer
    asked = {question.id: question for question in queries.asked(work.session, appointment)}
    if not given.keys() <= asked.keys():
        raise NotFound("This is no longer asked. Load the questions again.", field="answers")
    there = {one.question_id: one for one in queries.answers(work, [appointment])[appointment_id]}
    for question_id, typed in given.items():
        question, row = asked[question_id], there.get(question_id)
        if not pasted(typed or "").strip():
            if row is not None:
                remove(work.session, row)
            continue
        row = row or AppointmentAnswer(appointment_id=appointment_id, question_id=question_id)
        queries.add(work.session, row, queries.kept(question, checked(question, typed or "")))
    appointment.changed_at = work.now
    audit.record(work, "appointment.answered", subject_of(appointment_id))
