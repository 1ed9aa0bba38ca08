"""Who and what the network consists of."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Date,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from openslot.core.db import Base, Dated, Instant
from openslot.core.ids import new_id


class CentreType(StrEnum):
    """What kind of place a centre is."""

    HOSPITAL = "Hospital"
    MEDICAL_CENTRE = "Medical centre"
    PHARMACY = "Pharmacy"
    LABORATORY = "Laboratory"


class Profession(StrEnum):
    """What a practitioner is; exactly one each."""

    GP = "GP"
    SPECIALIST = "Specialist"
    PHYSIOTHERAPIST = "Physiotherapist"
    PATHOLOGIST = "Pathologist"
    PHARMACIST = "Pharmacist"
    RADIOGRAPHER = "Radiographer"
    NURSE = "Nurse"
    DENTIST = "Dentist"
    PSYCHOLOGIST = "Psychologist"
    DIETITIAN = "Dietitian"


class Diary(Base):
    """Something whose time can be taken: a practitioner, a patient, a service, a room, or,
    for the times when it is closed, a centre. Its pages are kept by schedules."""

    __tablename__ = "diary"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))


class Centre(Base, Dated):
    """A hospital, medical centre, pharmacy or laboratory."""

    __tablename__ = "centre"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    diary_id: Mapped[int] = mapped_column(ForeignKey("diary.id"), unique=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    type: Mapped[str] = mapped_column(String(40))
    suburb: Mapped[str] = mapped_column(String(100))
    address: Mapped[str | None] = mapped_column(String(300))
    phone: Mapped[str | None] = mapped_column(String(40))
    email: Mapped[str | None] = mapped_column(String(254))
    business_number: Mapped[str | None] = mapped_column(String(40), unique=True)
    description: Mapped[str | None] = mapped_column(Text)
    time_zone: Mapped[str] = mapped_column(String(64))
    holiday_region: Mapped[str | None] = mapped_column(String(12))
    picture_url: Mapped[str | None] = mapped_column(String(500))
    latitude: Mapped[float | None] = mapped_column(Double)
    longitude: Mapped[float | None] = mapped_column(Double)
    external_id: Mapped[str | None] = mapped_column(String(64), unique=True)
    active: Mapped[bool] = mapped_column(Boolean, default=True)


class Room(Base):
    """A room or machine of a centre that only one appointment at a time can use."""

    __tablename__ = "room"
    __table_args__ = (UniqueConstraint("centre_id", "name"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    diary_id: Mapped[int] = mapped_column(ForeignKey("diary.id"), unique=True)
    centre_id: Mapped[int] = mapped_column(ForeignKey("centre.id"))
    name: Mapped[str] = mapped_column(String(100))


class Department(Base, Dated):
    """A part of a centre that offers services."""

    __tablename__ = "department"
    __table_args__ = (UniqueConstraint("centre_id", "name"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    centre_id: Mapped[int] = mapped_column(ForeignKey("centre.id"))
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str | None] = mapped_column(Text)
    phone: Mapped[str | None] = mapped_column(String(40))
    email: Mapped[str | None] = mapped_column(String(254))
    picture_url: Mapped[str | None] = mapped_column(String(500))
    external_id: Mapped[str | None] = mapped_column(String(64), unique=True)
    active: Mapped[bool] = mapped_column(Boolean, default=True)


class Service(Base, Dated):
    """What a department offers; ``minutes`` is how long it usually takes."""

    __tablename__ = "service"
    __table_args__ = (UniqueConstraint("department_id", "name"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    diary_id: Mapped[int] = mapped_column(ForeignKey("diary.id"), unique=True)
    department_id: Mapped[int] = mapped_column(ForeignKey("department.id"))
    name: Mapped[str] = mapped_column(String(200))
    category: Mapped[str | None] = mapped_column(String(100))
    description: Mapped[str | None] = mapped_column(Text)
    minutes: Mapped[int] = mapped_column(Integer, default=30)
    phone: Mapped[str | None] = mapped_column(String(40))
    email: Mapped[str | None] = mapped_column(String(254))
    active: Mapped[bool] = mapped_column(Boolean, default=True)

    department: Mapped[Department] = relationship(lazy="raise")


class Practitioner(Base, Dated):
    """A person who gives care. ``languages`` is a list of names, separated by commas.

    ``either_place`` means: may have the same hours at several centres, and is booked at one
    of them at a time.
    """

    __tablename__ = "practitioner"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    diary_id: Mapped[int] = mapped_column(ForeignKey("diary.id"), unique=True)
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("account.id"), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    profession: Mapped[str] = mapped_column(String(40))
    expertise: Mapped[str | None] = mapped_column(String(100))
    provider_number: Mapped[str | None] = mapped_column(String(40))
    phone: Mapped[str | None] = mapped_column(String(40))
    email: Mapped[str | None] = mapped_column(String(254))
    languages: Mapped[str] = mapped_column(String(200), default="")
    about: Mapped[str | None] = mapped_column(Text)
    either_place: Mapped[bool] = mapped_column(Boolean, default=False)
    active: Mapped[bool] = mapped_column(Boolean, default=True)

    @property
    def is_specialist(self) -> bool:
        """Whether patients reach this person only with a referral."""
        return self.profession == Profession.SPECIALIST


class Patient(Base, Dated):
    """A person who receives care. ``born`` may be missing on those registered by file."""

    __tablename__ = "patient"
    __table_args__ = (Index(None, "name"), Index(None, "email"))

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    diary_id: Mapped[int] = mapped_column(ForeignKey("diary.id"), unique=True)
    account_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("account.id", ondelete="SET NULL"), unique=True
    )
    name: Mapped[str] = mapped_column(String(200))
    born: Mapped[date | None] = mapped_column(Date)
    email: Mapped[str | None] = mapped_column(String(254))
    phone: Mapped[str | None] = mapped_column(String(40))
    medicare_number: Mapped[str | None] = mapped_column(String(40))
    time_zone: Mapped[str | None] = mapped_column(String(64))
    language: Mapped[str | None] = mapped_column(String(40))
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    created_at: Mapped[datetime] = mapped_column(Instant)


class Dependent(Base):
    """A patient, such as a child or a parent, whom another patient cares for: books for, and
    reads as themselves, until the record is handed over to an account of its own.

    ``invited`` is the address that may take the record over, until the carer thinks better of
    it.
    """

    __tablename__ = "dependent"
    __table_args__ = (Index(None, "carer_id"),)

    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"), primary_key=True)
    carer_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"))
    since: Mapped[datetime] = mapped_column(Instant)
    invited: Mapped[str | None] = mapped_column(String(254))
    invited_at: Mapped[datetime | None] = mapped_column(Instant)


class StaffMember(Base):
    """Which centre, and which of its departments, an account of staff or of a centre's
    administrator works for. Who registered themselves waits until an administrator of the
    centre lets them in."""

    __tablename__ = "staff_member"

    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
    )
    centre_id: Mapped[int] = mapped_column(ForeignKey("centre.id"))
    department_id: Mapped[int | None] = mapped_column(ForeignKey("department.id"))
    phone: Mapped[str | None] = mapped_column(String(40))
    waits: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())


class DirectoryVersion(Base):
    """One row that rises with every change of the directory, so that copies know their age."""

    __tablename__ = "directory_version"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Integer)
