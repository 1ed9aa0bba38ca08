"""Groups of interchangeable rooms or machines, and what services need."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from openslot.core.tables import Base


class ResourceGroup(Base):
    """Rooms or machines of a centre of which any will do: "blood collection chairs"."""

    __tablename__ = "resource_group"
    __table_args__ = (UniqueConstraint("centre_id", "name"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    centre_id: Mapped[int] = mapped_column(ForeignKey("centre.id"))
    name: Mapped[str] = mapped_column(String(100))


class GroupMember(Base):
    """A room or machine in a group; it can be in several."""

    __tablename__ = "resource_group_member"
    __table_args__ = (Index(None, "room_id"),)

    group_id: Mapped[int] = mapped_column(
        ForeignKey("resource_group.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    room_id: Mapped[int] = mapped_column(
        ForeignKey("room.id"), primary_key=True, autoincrement=False
    )


class ServiceNeed(Base):
    """Somebody or something that an appointment for a service takes besides its schedule: a room or
    machine, any of a group, or any practitioner of a profession who works at the centre then.

    A service of the network names a group by ``group_name``, which each centre has its own of.
    """

    __tablename__ = "service_need"
    __table_args__ = (
        Index(None, "service_id"),
        Index(None, "room_id"),
        Index(None, "group_id"),
        Index(None, "profession"),
        CheckConstraint(
            "CASE WHEN room_id IS NULL THEN 0 ELSE 1 END"
            " + CASE WHEN group_id IS NULL THEN 0 ELSE 1 END"
            " + CASE WHEN group_name IS NULL THEN 0 ELSE 1 END"
            " + CASE WHEN profession IS NULL THEN 0 ELSE 1 END = 1",
            name="one_kind",
        ),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    service_id: Mapped[int] = mapped_column(ForeignKey("service.id"))
    position: Mapped[int] = mapped_column(Integer)
    room_id: Mapped[int | None] = mapped_column(ForeignKey("room.id"))
    group_id: Mapped[int | None] = mapped_column(ForeignKey("resource_group.id"))
    group_name: Mapped[str | None] = mapped_column(String(100))
    profession: Mapped[str | None] = mapped_column(ForeignKey("profession.code"))
