"""What is an answer to a question, and until when it can be given: pure decisions."""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from pydantic_core import PydanticCustomError

from openslot.booking.models import Appointment, Status
from openslot.booking.moves import LIVE, Relation
from openslot.core.fields import FIRST_YEAR, LAST_YEAR, Prose, pasted
from openslot.core.folding import western
from openslot.questions.errors import BadAnswer
from openslot.questions.models import Kind, ServiceQuestion

LONGEST_ANSWER = 2000

_GROUPED = re.compile(r"-?[1-9][0-9]{0,2},[0-9]{3}", re.ASCII)
"""One thousand for some, and one for others."""
_NUMBER = re.compile(r"(-?[0-9]{1,12})(?:[.,]([0-9]{1,6}))?", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)

_SENTENCES = {
    Kind.TEXT: "“{words}”: enter at most {longest} characters, all of which can be seen.",
    Kind.YES_NO: "“{words}”: answer yes or no.",
    Kind.CHOICE: "“{words}”: choose one of the answers.",
    Kind.DATE: "“{words}”: enter a date such as 2026-11-29.",
    Kind.NUMBER: "“{words}”: enter a number such as 1200 or 82.5.",
    Kind.CONSENT: "“{words}”: tick it, or leave it empty.",
}


def checked(question: ServiceQuestion, typed: str) -> str:
    """Return an answer as it is kept. Raises BadAnswer, which says how the question is answered."""
    answer = _answer(question, pasted(typed).strip())
    if answer is None:
        raise BadAnswer(
            _SENTENCES[question.kind],
            field=f"answers.{question.id}",
            words=question.words,
            longest=LONGEST_ANSWER,
        )
    return answer


def _answer(question: ServiceQuestion, text: str) -> str | None:
    kind = question.kind
    if kind is Kind.NUMBER:
        digits = western(text)
        match = None if _GROUPED.fullmatch(digits) else _NUMBER.fullmatch(digits)
        return match and ".".join(part for part in match.groups() if part)
    if kind is Kind.DATE:
        return text if _DAY.fullmatch(text) and _is_date(text) else None
    allowed = {
        Kind.YES_NO: ["yes", "no"],
        Kind.CONSENT: ["yes"],
        Kind.CHOICE: question.options,
    }
    if kind in allowed:
        return text if text in allowed[kind] else None
    return _seen(text)


def _seen(text: str) -> str | None:
    try:
        return Prose(LONGEST_ANSWER, lines=True).check(text)
    except PydanticCustomError:
        return None


def _is_date(text: str) -> bool:
    try:
        return FIRST_YEAR <= date.fromisoformat(text).year <= LAST_YEAR
    except ValueError:
        return False


def may_answer(relation: Relation, appointment: Appointment, now: datetime) -> bool:
    """Return whether questions can be answered: by patients until the start, and by those who give
    the care until the appointment is completed."""
    if relation is Relation.PATIENT:
        return appointment.status is Status.BOOKED and now < appointment.starts_at
    return appointment.status in LIVE


def to_answer(questions: Iterable[ServiceQuestion], answered: Sequence[int | None]) -> int:
    """Return how many of the required questions are not answered."""
    return sum(question.required and question.id not in answered for question in questions)
