"""Centres, departments, services, rooms, professions, practitioners, patients and staff."""

from datetime import datetime
from enum import StrEnum
from sys import intern
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    Boolean,
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

from openslot.core.births import Birth, BirthDate
from openslot.core.encryption import EncryptedText
from openslot.core.folding import compact, folded, key_of, phone_key
from openslot.core.ids import new_id
from openslot.core.tables import Base, Dated, Instant, Word


class CentreType(StrEnum):
    """The kind of a centre."""

    HOSPITAL = "Hospital"
    MEDICAL_CENTRE = "Medical centre"
    PHARMACY = "Pharmacy"
    LABORATORY = "Laboratory"


class BookableBy(StrEnum):
    """Who books a service at once: everybody; of patients only those who are known to whoever gives
    the care; everybody with a referral; the care team of its centre; or only its department, which
    others at the centre send a request."""

    PUBLIC = "public"
    KNOWN = "known"
    REFERRAL = "referral"
    COLLEAGUES = "colleagues"
    REQUEST = "request"


class Mode(StrEnum):
    """How an appointment takes place."""

    IN_PERSON = "in-person"
    TELEPHONE = "telephone"
    VIDEO = "video"


class Gender(StrEnum):
    """The gender of a practitioner, in the words of FHIR."""

    FEMALE = "female"
    MALE = "male"
    OTHER = "other"


class RoomKind(StrEnum):
    """What a row of rooms is: a room, or a machine, chair or other thing that is used in one."""

    ROOM = "room"
    DEVICE = "device"


class Diary(Base):
    """The busy time of a practitioner, patient, service or room, or the closed time of a centre.
    Its pages belong to the schedules."""

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

    name_key: Mapped[str | None] = key_of("name", folded, 400)
    suburb_key: Mapped[str | None] = key_of("suburb", folded, 200)
    address_key: Mapped[str | None] = key_of("address", folded, 600)
    business_key: Mapped[str | None] = key_of("business_number", compact, 40)


class Room(Base):
    """A room, machine, chair or other thing of a centre, used by one appointment at a time; what
    services need are groups of them (resources/models.py)."""

    __tablename__ = "room"
    __table_args__ = (UniqueConstraint("centre_id", "name"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    diary_id: Mapped[int] = mapped_column(ForeignKey("diary.id"), unique=True)
    centre_id: Mapped[int] = mapped_column(ForeignKey("centre.id"))
    name: Mapped[str] = mapped_column(String(100))
    kind: Mapped[RoomKind] = mapped_column(
        Word(RoomKind, 20), default=RoomKind.ROOM, server_default=RoomKind.ROOM
    )


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
    name_key: Mapped[str | None] = key_of("name", folded, 400)

    centre: Mapped[Centre] = relationship(lazy="raise")


class Service(Base, Dated):
    """What can be booked; ``minutes`` is its usual length.

    A service belongs to a department, to a centre, or, with neither, to the network. A department
    has a diary for each of its own, which its schedule is booked in. Schedules of practitioners
    offer services too (schedules.models.OfferedService): those of their centre, and the network's.

    Besides its length, an appointment takes ``minutes_before`` and ``minutes_after`` of whoever
    gives the care, but not of the patient. ``notice_minutes`` and ``horizon_days`` are those of the
    schedule where they are missing. ``video_url`` is where people meet; ``{id}`` in it stands for
    the id of the appointment. A patient has at most ``most_a_day`` on one day and ``most_ahead`` to
    come, and changes it until ``cancel_hours`` before; without them the network's limits hold. With
    more than one of ``places`` it is for several patients together,
    in sessions (booking.models.GroupSession).
    """

    __tablename__ = "service"
    __table_args__ = (UniqueConstraint("department_id", "name"), Index(None, "centre_id"))

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    diary_id: Mapped[int | None] = mapped_column(ForeignKey("diary.id"), unique=True)
    department_id: Mapped[int | None] = mapped_column(ForeignKey("department.id"))
    centre_id: Mapped[int | None] = mapped_column(ForeignKey("centre.id"))
    name: Mapped[str] = mapped_column(String(200))
    category: Mapped[str | None] = mapped_column(String(100))
    description: Mapped[str | None] = mapped_column(Text)
    minutes: Mapped[int] = mapped_column(Integer, default=30)
    minutes_before: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    minutes_after: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    places: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    mode: Mapped[Mode] = mapped_column(
        Word(Mode, 20), default=Mode.IN_PERSON, server_default=Mode.IN_PERSON
    )
    video_url: Mapped[str | None] = mapped_column(String(500))
    instructions: Mapped[str | None] = mapped_column(Text)
    price: Mapped[str | None] = mapped_column(String(100))
    notice_minutes: Mapped[int | None] = mapped_column(Integer)
    horizon_days: Mapped[int | None] = mapped_column(Integer)
    cancel_hours: Mapped[int | None] = mapped_column(Integer)
    most_a_day: Mapped[int | None] = mapped_column(Integer)
    most_ahead: Mapped[int | None] = mapped_column(Integer)
    bookable_by: Mapped[BookableBy] = mapped_column(
        Word(BookableBy, 20), default=BookableBy.PUBLIC, server_default=BookableBy.PUBLIC
    )
    phone: Mapped[str | None] = mapped_column(String(40))
    email: Mapped[str | None] = mapped_column(String(254))
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    name_key: Mapped[str | None] = key_of("name", folded, 400)

    department: Mapped[Department | None] = relationship(lazy="raise")

    @property
    def run_by(self) -> Department:
        """Return the department that runs the service. Raises LookupError for a service of a centre
        or of the network."""
        if self.department is None:
            raise LookupError(self.id)
        return self.department


class Profession(Base, Dated):
    """The profession of practitioners; each of them has exactly one.

    ``code`` is what programs and files call it, for good; ``name`` is what people read.
    ``other_names`` are accepted in files, and ``search_words`` in searches. With
    ``needs_referral``, patients book its practitioners with a referral only, and with
    ``may_refer`` its practitioners write some. Lists are in order of ``position``.
    """

    __tablename__ = "profession"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(40))
    position: Mapped[int] = mapped_column(Integer)
    needs_referral: Mapped[bool] = mapped_column(Boolean)
    may_refer: Mapped[bool] = mapped_column(Boolean)
    other_names: Mapped[str | None] = mapped_column(String(500))
    search_words: Mapped[str | None] = mapped_column(String(500))
    hl7_code: Mapped[str | None] = mapped_column(String(40))
    hl7_display: Mapped[str | None] = mapped_column(String(100))
    snomed_code: Mapped[str | None] = mapped_column(String(40))
    snomed_display: Mapped[str | None] = mapped_column(String(100))
    active: Mapped[bool] = mapped_column(Boolean, default=True)

    @property
    def said(self) -> str:
        """Return other words for it, which searches know."""
        code = self.code if self.code != self.name else ""
        return intern(f"{self.search_words or ''} {code}".strip())  # each practitioner has it

    @property
    def names(self) -> list[str]:
        """Return everything that it is called in files."""
        others = (self.other_names or "").split(",")
        return [self.code, self.name, *filter(None, map(str.strip, others))]


class Practitioner(Base, Dated):
    """A person who gives care. ``profession`` is a code, and ``languages`` are names separated by
    commas.

    With ``either_place`` the practitioner can have the same hours at several centres, and is
    booked at one of them at a time.
    """

    __tablename__ = "practitioner"
    __table_args__ = (Index(None, "profession"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    diary_id: Mapped[int] = mapped_column(ForeignKey("diary.id"), unique=True)
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("account.id"), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    profession: Mapped[str] = mapped_column(ForeignKey("profession.code"))
    expertise: Mapped[str | None] = mapped_column(String(100))
    provider_number: Mapped[str | None] = mapped_column(String(40))
    phone: Mapped[str | None] = mapped_column(String(40))
    email: Mapped[str | None] = mapped_column(String(254))
    languages: Mapped[str] = mapped_column(String(200), default="")
    gender: Mapped[Gender | None] = mapped_column(Word(Gender, 10))
    about: Mapped[str | None] = mapped_column(Text)
    either_place: Mapped[bool] = mapped_column(Boolean, default=False)
    active: Mapped[bool] = mapped_column(Boolean, default=True)

    name_key: Mapped[str | None] = key_of("name", folded, 400)
    expertise_key: Mapped[str | None] = key_of("expertise", folded, 200)
    provider_key: Mapped[str | None] = key_of("provider_number", compact, 40)
    phone_key: Mapped[str | None] = key_of("phone", phone_key, 40)

    profession_row: Mapped[Profession] = relationship(lazy="joined")

    @property
    def profession_name(self) -> str:
        """Return what people call the profession."""
        return self.profession_row.name

    @property
    def needs_referral(self) -> bool:
        """Return whether patients need a referral to book this practitioner."""
        return self.profession_row.needs_referral

    @property
    def may_refer(self) -> bool:
        """Return whether this practitioner writes referrals."""
        return self.profession_row.may_refer


class Patient(Base, Dated):
    """A person who receives care. ``born`` can be missing for imported patients.

    A duplicate that was merged is inactive, and ``merged_into`` is the patient who has its
    appointments and entries now. ``email_changed_at`` is when somebody else than the patient or
    their carer changed the address; see contacts.py. ``erased_at`` is set once a patient is erased:
    the name and all other details are gone for good.
    """

    __tablename__ = "patient"
    __table_args__ = (
        Index(None, "name"),
        Index(None, "email"),
        Index(None, "born"),
        Index(None, "name_key"),
        Index(None, "phone_key"),
        Index(None, "medicare_key"),
        Index(None, "merged_into"),
        Index(None, "erased_at"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    diary_id: Mapped[int] = mapped_column(ForeignKey("diary.id"), unique=True)
    account_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("account.id", ondelete="SET NULL"), unique=True
    )
    name: Mapped[str] = mapped_column(String(200))
    born: Mapped[BirthDate | None] = mapped_column(Birth)
    email: Mapped[str | None] = mapped_column(String(254))
    email_changed_at: Mapped[datetime | None] = mapped_column(Instant)
    phone: Mapped[str | None] = mapped_column(String(40))
    medicare_number: Mapped[str | None] = mapped_column(EncryptedText)
    time_zone: Mapped[str | None] = mapped_column(String(64))
    language: Mapped[str | None] = mapped_column(String(40))
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    created_at: Mapped[datetime] = mapped_column(Instant)
    merged_into: Mapped[UUID | None] = mapped_column(ForeignKey("patient.id"))
    erased_at: Mapped[datetime | None] = mapped_column(Instant)

    name_key: Mapped[str | None] = key_of("name", folded, 400)
    phone_key: Mapped[str | None] = key_of("phone", phone_key, 40)
    medicare_key: Mapped[str | None] = key_of("medicare_number", compact, 40, blind=True)


class Dependent(Base):
    """The link between a dependent, for example a child or a parent, and the patient who is their
    carer. The carer books for the dependent and reads their record, until it is handed over to an
    account of its own.

    ``invited`` is the address that can take over the record, until the invitation is withdrawn.
    ``told_at`` and ``warned_at`` are when the carer was told that a young person can have the
    record, and that the access will end. ``continues_at`` is set if the care team confirmed that it
    must go on, which the account ``continues_by`` did.
    """

    __tablename__ = "dependent"
    __table_args__ = (Index(None, "carer_id"),)

    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"), primary_key=True)
    carer_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"))
    since: Mapped[datetime] = mapped_column(Instant)
    invited: Mapped[str | None] = mapped_column(String(254))
    invited_at: Mapped[datetime | None] = mapped_column(Instant)
    told_at: Mapped[datetime | None] = mapped_column(Instant)
    warned_at: Mapped[datetime | None] = mapped_column(Instant)
    continues_at: Mapped[datetime | None] = mapped_column(Instant)
    continues_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))


class PatientMerge(Base):
    """The merge of a duplicate into another patient, until somebody undoes it.

    ``moved`` has the ids of what was moved, by table, and what else the undoing needs: ids, and
    names of columns, but no details of a person.
    """

    __tablename__ = "patient_merge"
    __table_args__ = (Index(None, "patient_id"), Index(None, "duplicate_id"))

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"))
    duplicate_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"))
    moved: Mapped[dict[str, Any]] = mapped_column(JSON)
    merged_at: Mapped[datetime] = mapped_column(Instant)
    merged_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    undone_at: Mapped[datetime | None] = mapped_column(Instant)
    undone_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))


class StaffMember(Base):
    """The centre and department of a staff or centre administrator's account. After registration
    it ``waits`` for the approval of an administrator of the centre."""

    __tablename__ = "staff_member"

    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
    )
    centre_id: Mapped[int] = mapped_column(ForeignKey("centre.id"))
    department_id: Mapped[int | None] = mapped_column(ForeignKey("department.id"))
    phone: Mapped[str | None] = mapped_column(String(40))
    waits: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())


class FurtherDesk(Base):
    """Another centre whose front desk an account of staff without a department is at too."""

    __tablename__ = "further_desk"
    __table_args__ = (Index(None, "centre_id"),)

    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
    )
    centre_id: Mapped[int] = mapped_column(
        ForeignKey("centre.id"), primary_key=True, autoincrement=False
    )


class StaffRequest(Base):
    """Where a staff account asks to work: a centre with or without a department, or a ``place``
    that is not in the directory. It waits for an administrator."""

    __tablename__ = "staff_request"

    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
    )
    centre_id: Mapped[int | None] = mapped_column(ForeignKey("centre.id"))
    department_id: Mapped[int | None] = mapped_column(ForeignKey("department.id"))
    place: Mapped[str | None] = mapped_column(String(200))
    asked_at: Mapped[datetime] = mapped_column(Instant)


class DirectoryVersion(Base):
    """A single row, counted up with every change of the directory, so that caches know their
    age."""

    __tablename__ = "directory_version"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Integer)


class DirectoryChange(Base):
    """What the change to a version of the directory was about, so that caches read only that again:
    the table and the id of a row. Old ones are deleted."""

    __tablename__ = "directory_change"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(20))
    row_id: Mapped[int] = mapped_column(Integer)


class SmsNumber(Base):
    """A mobile number (E.164) that text messages were sent to, and since when it wants no more.

    ``asked_id`` is the appointment or offer that the last question was about, which was to start at
    ``asked_start``. ``helped_at`` is when a reply that we could not read was answered.
    """

    __tablename__ = "sms_number"

    number: Mapped[str] = mapped_column(String(16), primary_key=True)
    stopped_at: Mapped[datetime | None] = mapped_column(Instant)
    asked_id: Mapped[UUID | None] = mapped_column(Uuid)
    asked_start: Mapped[datetime | None] = mapped_column(Instant)
    helped_at: Mapped[datetime | None] = mapped_column(Instant)


class SmsReply(Base):
    """A reply that was read: the same one is never read again."""

    __tablename__ = "sms_reply"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    number: Mapped[str] = mapped_column(
        ForeignKey("sms_number.number", ondelete="CASCADE"), index=True
    )
    received_at: Mapped[datetime] = mapped_column(Instant)
