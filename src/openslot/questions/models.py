"""Questions of services, and the answers of appointments."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from openslot.core.encryption import EncryptedText
from openslot.core.ids import new_id
from openslot.core.tables import Base, Word


class Kind(StrEnum):
    """How a question is answered."""

    TEXT = "text"
    YES_NO = "yes-no"
    CHOICE = "choice"
    DATE = "date"
    NUMBER = "number"
    CONSENT = "consent"


class ServiceQuestion(Base):
    """A question that a service asks; ``choices`` has a line for each."""

    __tablename__ = "service_question"
    __table_args__ = (Index(None, "service_id"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    service_id: Mapped[int] = mapped_column(ForeignKey("service.id"))
    position: Mapped[int] = mapped_column(Integer)
    kind: Mapped[Kind] = mapped_column(Word(Kind, 20))
    words: Mapped[str] = mapped_column(String(500))
    choices: Mapped[str | None] = mapped_column(Text)
    required: Mapped[bool] = mapped_column(Boolean)

    @property
    def options(self) -> list[str]:
        """Return the choices."""
        return self.choices.split("\n") if self.choices else []


class AppointmentAnswer(Base):
    """An answer, with the words of the question as they were; it stays if the question goes.

    ``answer`` is the text; yes or no; the choice; a date such as 2026-11-29; a number with a point;
    yes for a consent.
    """

    __tablename__ = "appointment_answer"
    __table_args__ = (UniqueConstraint("appointment_id", "question_id"), Index(None, "question_id"))

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    appointment_id: Mapped[UUID] = mapped_column(ForeignKey("appointment.id", ondelete="CASCADE"))
    question_id: Mapped[int | None] = mapped_column(
        ForeignKey("service_question.id", ondelete="SET NULL")
    )
    position: Mapped[int] = mapped_column(Integer)
    kind: Mapped[Kind] = mapped_column(Word(Kind, 20))
    words: Mapped[str] = mapped_column(String(500))
    answer: Mapped[str] = mapped_column(EncryptedText)
