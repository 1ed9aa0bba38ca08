"""Queries of questions and answers."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from openslot.booking.models import Appointment
from openslot.booking.moves import may_see_reason
from openslot.core.db import changed
from openslot.core.work import Work
from openslot.questions.models import AppointmentAnswer, ServiceQuestion
from openslot.questions.rules import to_answer


def questions(session: Session, service_ids: Collection[int]) -> dict[int, list[ServiceQuestion]]:
    """Return what services ask, by service, in order, in one statement."""
    rows = session.scalars(
        select(ServiceQuestion)
        .where(ServiceQuestion.service_id.in_(service_ids))
        .order_by(ServiceQuestion.service_id, ServiceQuestion.position, ServiceQuestion.id)
    )
    by_service: dict[int, list[ServiceQuestion]] = {}
    for row in rows:
        by_service.setdefault(row.service_id, []).append(row)
    return by_service


def asked(session: Session, appointment: Appointment) -> list[ServiceQuestion]:
    """Return what is asked before an appointment, in order: what its service asks now."""
    service = appointment.booked_service
    return questions(session, [service.id]).get(service.id, []) if service else []


def answers(
    work: Work, appointments: Iterable[Appointment]
) -> Mapping[UUID, list[AppointmentAnswer]]:
    """Return the answers of those of the appointments of which the actor may see why the patient
    comes, in order, in one statement."""
    return answers_of(
        work.session, [one.id for one in appointments if may_see_reason(work.actor, one)]
    )


def answers_of(
    session: Session, appointment_ids: Collection[UUID]
) -> Mapping[UUID, list[AppointmentAnswer]]:
    """Return the answers of appointments, in order, in one statement. It does not ask who reads
    them."""
    by_appointment: dict[UUID, list[AppointmentAnswer]] = {one: [] for one in appointment_ids}
    if by_appointment:
        for row in session.scalars(
            select(AppointmentAnswer)
            .where(AppointmentAnswer.appointment_id.in_(by_appointment))
            .order_by(AppointmentAnswer.position, AppointmentAnswer.id)
        ):
            by_appointment[row.appointment_id].append(row)
    return by_appointment


def left_to_answer(session: Session, appointment: Appointment) -> int:
    """Return how many required questions are not answered; two statements, one if nothing is
    asked."""
    own = asked(session, appointment)
    if not any(question.required for question in own):
        return 0
    answered = session.scalars(
        select(AppointmentAnswer.question_id).where(
            AppointmentAnswer.appointment_id == appointment.id
        )
    )
    return to_answer(own, answered.all())


def kept(question: ServiceQuestion, answer: str) -> dict[str, Any]:
    """Return what an answer is kept with: the words of the question as they are now."""
    return {
        "answer": answer,
        "words": question.words,
        "kind": question.kind,
        "position": question.position,
    }


def add(
    session: Session, row: ServiceQuestion | AppointmentAnswer, values: Mapping[str, Any]
) -> None:
    """Set the values of a question or answer, and store it."""
    for name, value in values.items():
        setattr(row, name, value)
    session.add(row)


def remove_answers(session: Session, patient_id: UUID) -> int:
    """Delete the answers of a patient's appointments, and return their number."""
    own = select(Appointment.id).where(Appointment.patient_id == patient_id)
    return changed(
        session, delete(AppointmentAnswer).where(AppointmentAnswer.appointment_id.in_(own))
    )
