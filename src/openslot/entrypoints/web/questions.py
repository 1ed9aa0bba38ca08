"""Questions before appointments: what a service asks, and what its patients answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from pydantic import ValidationError

from openslot.booking.commands import appointment_for
from openslot.booking.moves import may_see_reason
from openslot.core.errors import DomainError, Invalid, NotFound
from openslot.core.fields import first_problem
from openslot.directory import queries as directory
from openslot.directory.editing import editor_of_service
from openslot.entrypoints.problems import sentence_of, status_of
from openslot.entrypoints.web import access, context, reading
from openslot.entrypoints.web.admin_resources import back_to_service
from openslot.entrypoints.web.saving import see_other
from openslot.questions import commands, queries
from openslot.questions.commands import MOST_QUESTIONS, QuestionDetails
from openslot.questions.models import Kind, ServiceQuestion
from openslot.questions.rules import may_answer

pages = Blueprint("questions", __name__)

MORE = 2
"""Empty rows offered for further questions."""

KINDS = {
    Kind.TEXT: _l("A text"),
    Kind.YES_NO: _l("Yes or no"),
    Kind.CHOICE: _l("One of these answers"),
    Kind.DATE: _l("A date"),
    Kind.NUMBER: _l("A number"),
    Kind.CONSENT: _l("A consent to tick"),
}
"""How a question is answered, in words."""


@dataclass
class Row:
    """A question as typed."""

    id: str = ""
    order: str = ""
    words: str = ""
    kind: str = Kind.TEXT.value
    choices: str = ""
    required: bool = False

    def details(self) -> QuestionDetails:
        """Return the question. Raises pydantic's ValidationError."""
        values = {
            "id": int(self.id) if self.id.isdecimal() else None,
            "words": self.words,
            "kind": self.kind,
            "choices": [one for line in self.choices.splitlines() if (one := line.strip())],
            "required": self.required,
        }
        return QuestionDetails.model_validate(values)


@pages.route("/admin/services/<int:service_id>/questions", methods=["GET", "POST"])
@access.allow(access.EDITORS)
def edit(service_id: int) -> ResponseReturnValue:
    """Change what a service asks before the appointment, or show it as patients see it."""
    session = context.reader()
    service = directory.service(session, service_id, inactive=True)
    editor_of_service(session, context.actor(), service)
    problem, status, asked = None, 200, queries.questions(session, [service_id]).get(service_id, [])
    rows = _typed() if request.method == "POST" else [_row(one) for one in asked]
    if request.method == "POST":
        try:
            details = _details(rows)
            if request.form.get("preview") == "yes":
                asked = [_as_asked(number, one) for number, one in enumerate(details)]
            else:
                context.write(commands.set_questions, service_id, details)
                return see_other(request.path, _("The questions are saved."))
        except DomainError as error:
            problem, status = sentence_of(error), status_of(error)
    empty = [Row() for _number in range(min(MORE, MOST_QUESTIONS - len(rows)))]
    page = render_template(
        "admin/questions.html",
        service=service,
        rows=[*rows, *empty],
        kinds=[(kind.value, str(words)) for kind, words in KINDS.items()],
        asked=asked,
        back=back_to_service(service),
        problem=problem,
    )
    return page, status


def _row(question: ServiceQuestion) -> Row:
    return Row(
        str(question.id),
        str(question.position + 1),
        question.words,
        question.kind.value,
        question.choices or "",
        question.required,
    )


def _typed() -> list[Row]:
    """Return the rows with anything in them, in the order that was typed."""
    rows = [
        Row(
            _text(number, "id"),
            _text(number, "order"),
            _text(number, "words"),
            _text(number, "kind") or Kind.TEXT.value,
            _text(number, "choices"),
            bool(_text(number, "required")),
        )
        for number in range(MOST_QUESTIONS)
    ]
    used = [row for row in rows if row.id or row.words or row.choices]
    last = len(rows)
    return sorted(used, key=lambda row: int(row.order) if row.order.isdecimal() else last)


def _text(number: int, name: str) -> str:
    return request.form.get(f"question-{number}-{name}", "").strip()[:4000]


def _details(rows: Sequence[Row]) -> list[QuestionDetails]:
    """Return the questions; one that is stored and has lost its words is removed."""
    found = []
    for number, row in enumerate(rows, start=1):
        if row.id and not row.words:
            continue
        try:
            found.append(row.details())
        except ValidationError as error:
            why = sentence_of(first_problem(error))
            sentence = "Question {number}: {why}"
            raise Invalid(sentence, field="questions", number=number, why=why) from None
    return found


def _as_asked(number: int, details: QuestionDetails) -> ServiceQuestion:
    return ServiceQuestion(
        id=number,
        words=details.words,
        kind=details.kind,
        choices="\n".join(details.choices) or None,
        required=details.required,
    )


@pages.route("/appointments/<uuid:appointment_id>/questions", methods=["GET", "POST"])
@access.allow(access.SIGNED_IN)
def answer(appointment_id: UUID) -> ResponseReturnValue:
    """Answer the questions before an appointment."""
    appointment, relation = appointment_for(context.work(), appointment_id)
    if not may_see_reason(context.actor(), appointment):
        raise NotFound
    asked = queries.asked(context.reader(), appointment)
    there = queries.answers(context.work(), [appointment])[appointment_id]
    answers: dict[int | None, str | None] = {one.question_id: one.answer for one in there}
    problem, status, back = None, 200, url_for("appointments.show", appointment_id=appointment_id)
    if request.method == "POST":
        typed = {one.id: reading.typed(f"answer-{one.id}") or None for one in asked}
        try:
            context.write(commands.answer, appointment_id, typed)
        except DomainError as error:
            problem, status = sentence_of(error), status_of(error)
            answers = dict(typed.items())
        else:
            return see_other(f"{back}#questions", _("Your answers are saved."))
    page = render_template(
        "appointments/questions.html",
        appointment=appointment,
        asked=asked,
        answers=answers,
        may_answer=may_answer(relation, appointment, context.now()),
        back=back,
        problem=problem,
    )
    return page, status
