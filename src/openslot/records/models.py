"""The tables of health records: entries and emergency accesses."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from openslot.core.encryption import EncryptedText
from openslot.core.ids import new_id
from openslot.core.tables import Base, Instant


class EntryKind(StrEnum):
    """Kind of an entry in a health record."""

    NOTE = "note"
    PRESCRIPTION = "prescription"
    ALLERGY = "allergy"
    NO_ALLERGIES = "no-allergies"


class Severity(StrEnum):
    """How bad a reaction is, in the words of FHIR."""

    MILD = "mild"
    MODERATE = "moderate"
    SEVERE = "severe"


class AllergyState(StrEnum):
    """Whether an allergy is there; RESOLVED for one that the patient has no longer."""

    ACTIVE = "active"
    RESOLVED = "resolved"
    IN_ERROR = "entered-in-error"


class Entry(Base):
    """A note, a prescription or an allergy in a health record; never changed or deleted.

    A correction is a new entry with the id of the one it corrects. That id is unique, so
    corrections form a chain and never a tree. A prescription has a ``medication`` and a ``dose``;
    its ``text`` says how to take it, and may be empty. An allergy has a ``substance``, a
    ``severity`` if it is known, and a ``state``; its ``text`` is the reaction, and may be empty.
    The statement that there are no known allergies has only a ``state``.
    """

    __tablename__ = "history_entry"
    __table_args__ = (Index(None, "patient_id", "recorded_at"), Index(None, "appointment_id"))

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"))
    practitioner_id: Mapped[int] = mapped_column(ForeignKey("practitioner.id"))
    centre_id: Mapped[int | None] = mapped_column(ForeignKey("centre.id"))
    appointment_id: Mapped[UUID | None] = mapped_column(ForeignKey("appointment.id"))
    kind: Mapped[str] = mapped_column(String(20))
    text: Mapped[str] = mapped_column(EncryptedText)
    medication: Mapped[str | None] = mapped_column(EncryptedText)
    dose: Mapped[str | None] = mapped_column(EncryptedText)
    substance: Mapped[str | None] = mapped_column(EncryptedText)
    severity: Mapped[str | None] = mapped_column(String(20))
    state: Mapped[str | None] = mapped_column(String(20))
    corrects_id: Mapped[UUID | None] = mapped_column(ForeignKey("history_entry.id"), unique=True)
    recorded_at: Mapped[datetime] = mapped_column(Instant)


class Verdict(StrEnum):
    """What an administrator found of an emergency access."""

    APPROPRIATE = "appropriate"
    INAPPROPRIATE = "inappropriate"


class EmergencyAccess(Base):
    """A practitioner's access to a record without an appointment, with a reason, for a limited
    time.

    An administrator signs it once: ``verdict``, ``remark``, ``reviewed_by`` and ``reviewed_at``
    are set together.
    """

    __tablename__ = "emergency_access"
    __table_args__ = (
        Index(None, "patient_id", "ends_at"),
        Index(None, "reviewed_at", "starts_at"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"))
    practitioner_id: Mapped[int] = mapped_column(ForeignKey("practitioner.id"))
    reason: Mapped[str] = mapped_column(EncryptedText)
    starts_at: Mapped[datetime] = mapped_column(Instant)
    ends_at: Mapped[datetime] = mapped_column(Instant)
    verdict: Mapped[str | None] = mapped_column(String(20))
    remark: Mapped[str | None] = mapped_column(EncryptedText)
    reviewed_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    reviewed_at: Mapped[datetime | None] = mapped_column(Instant)
