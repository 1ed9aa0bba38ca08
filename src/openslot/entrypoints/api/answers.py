"""Operations on the questions before an appointment, and their answers."""

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from pydantic import Field

from openslot.booking.commands import appointment_for
from openslot.core.fields import OptionalText
from openslot.core.work import Work
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Given, Service, Shown
from openslot.entrypoints.api.shapes import Id
from openslot.entrypoints.rules import Rule
from openslot.questions import commands, queries
from openslot.questions.models import Kind, ServiceQuestion

service = Service("answers", "Answers", "Questions before an appointment, and their answers.")

PATH = "/api/v1/appointments/<uuid:appointment_id>/answers"


class Question(Shown):
    """A question that a service asks before the appointment."""

    id: int
    words: str
    kind: Kind
    choices: list[str]
    required: bool


class Answer(Shown):
    """An answer with the words of the question as they were; `question` is null if it is no longer
    asked. Yes and no are `yes` and `no`, a consent is `yes`, a date such as `2026-11-29`."""

    question: int | None
    words: str
    kind: Kind
    answer: str


class Answers(Shown):
    """What is asked before an appointment, the answers, and how many are left to give."""

    questions: list[Question]
    answers: list[Answer]
    left: int


class GivenAnswer(Given):
    """An answer to a question; null takes it back."""

    question: Id
    answer: OptionalText = None


class GivenAnswers(Given):
    """Answers to some of the questions; others stay as they are."""

    answers: Annotated[list[GivenAnswer], Field(min_length=1, max_length=commands.MOST_QUESTIONS)]


@service.operation("GET", PATH, scope="appointments:read", rule=Rule.RELATED, answer=Answers)
def get_answers(appointment_id: UUID) -> Answers:
    """Read what is asked before an appointment, and the answers if you may see them: the patient,
    and those who give the care."""
    return _answers(bearer.work(), appointment_id)


@service.operation(
    "PATCH",
    PATH,
    scope="appointments:write",
    rule=Rule.RELATED,
    body=GivenAnswers,
    answer=Answers,
    may_fail=(409,),
)
def change_answers(appointment_id: UUID, body: GivenAnswers) -> Answers:
    """Answer questions before an appointment. All answers are kept, or none."""
    given = by_question(body.answers)

    def save(work: Work) -> Answers:
        commands.answer(work, appointment_id, given)
        work.session.flush()
        return _answers(work, appointment_id)

    return bearer.write(save)


def by_question(answers: Iterable[GivenAnswer]) -> dict[int, str | None]:
    """Return the answers that were sent by question."""
    return {one.question: one.answer for one in answers}


def question_shown(row: ServiceQuestion) -> Question:
    """Return a question as it is sent."""
    return Question(
        id=row.id, words=row.words, kind=row.kind, choices=row.options, required=row.required
    )


def _answers(work: Work, appointment_id: UUID) -> Answers:
    appointment, _relation = appointment_for(work, appointment_id)
    given = queries.answers(work, [appointment]).get(appointment_id, [])
    return Answers(
        questions=[question_shown(one) for one in queries.asked(work.session, appointment)],
        answers=[
            Answer(question=one.question_id, words=one.words, kind=one.kind, answer=one.answer)
            for one in given
        ],
        left=queries.left_to_answer(work.session, appointment),
    )
