"""Queries of rooms and equipment, their groups, and what services need."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from openslot.core.db import remove
from openslot.core.errors import NotFound
from openslot.core.folding import folded
from openslot.directory.models import Department, Profession, Room, Service
from openslot.resources.models import GroupMember, ResourceGroup, ServiceNeed


def rooms(session: Session, centre_id: int) -> Sequence[Room]:
    """Return the rooms and equipment of a centre in order of name."""
    query = select(Room).where(Room.centre_id == centre_id).order_by(Room.name, Room.id)
    return session.scalars(query).all()


def room_names(session: Session, centre_id: int) -> dict[int, str]:
    """Return the names of the rooms and equipment of a centre by their ids."""
    query = select(Room.id, Room.name).where(Room.centre_id == centre_id)
    return {row.id: row.name for row in session.execute(query)}


def room(session: Session, room_id: int) -> Room:
    """Return a room or machine. Raises NotFound."""
    row = session.get(Room, room_id)
    if row is None:
        raise NotFound
    return row


def room_name(session: Session, room_id: int | None) -> str | None:
    """Return the name of a room, or None."""
    row = session.get(Room, room_id) if room_id is not None else None
    return row.name if row else None


class Group(NamedTuple):
    """A group with its rooms and machines, in order of name."""

    row: ResourceGroup
    rooms: tuple[Room, ...]


def groups(session: Session, *where: ColumnElement[bool]) -> list[Group]:
    """Return the matching groups in order of name, in one statement."""
    rows = session.execute(
        select(ResourceGroup, Room)
        .outerjoin(GroupMember, GroupMember.group_id == ResourceGroup.id)
        .outerjoin(Room, Room.id == GroupMember.room_id)
        .where(*where)
        .order_by(ResourceGroup.name, ResourceGroup.id, Room.name, Room.id)
    )
    members: dict[ResourceGroup, list[Room]] = {}
    for row, member in rows:
        members.setdefault(row, []).extend([] if member is None else [member])
    return [Group(row, tuple(rooms)) for row, rooms in members.items()]


def group(session: Session, group_id: int) -> Group:
    """Return a group. Raises NotFound."""
    found = groups(session, ResourceGroup.id == group_id)
    if not found:
        raise NotFound
    return found[0]


def group_centre(session: Session, group_id: int) -> int | None:
    """Return the id of the centre of a group, or None if there is no such group."""
    row = session.get(ResourceGroup, group_id)
    return row.centre_id if row else None


def has_group_named(session: Session, name: str) -> bool:
    """Return whether a centre has a group with this name."""
    return any(folded(one) == folded(name) for one in session.scalars(select(ResourceGroup.name)))


def replace_members(session: Session, group_id: int, room_ids: Collection[int]) -> None:
    """Replace the rooms and machines of a group."""
    session.execute(delete(GroupMember).where(GroupMember.group_id == group_id))
    session.add_all(GroupMember(group_id=group_id, room_id=key) for key in sorted(room_ids))


def remove_group(session: Session, row: ResourceGroup) -> None:
    """Delete a group; its rooms and machines stay."""
    remove(session, row)


def needs(session: Session, service_ids: Collection[int]) -> dict[int, list[ServiceNeed]]:
    """Return what services need, by service, in order, in one statement."""
    rows = session.scalars(
        select(ServiceNeed)
        .where(ServiceNeed.service_id.in_(service_ids))
        .order_by(ServiceNeed.service_id, ServiceNeed.position, ServiceNeed.id)
    )
    by_service: dict[int, list[ServiceNeed]] = {}
    for row in rows:
        by_service.setdefault(row.service_id, []).append(row)
    return by_service


class Need(NamedTuple):
    """What a service needs, with the name of the room, group or profession."""

    room_id: int | None
    group_id: int | None
    group_name: str | None
    profession: str | None
    name: str


def needs_shown(session: Session, service_ids: Collection[int]) -> dict[int, list[Need]]:
    """Return what services need with names, by service, in order, in one statement."""
    rows = session.execute(
        select(ServiceNeed, Room.name, ResourceGroup.name, Profession.name)
        .outerjoin(Room, Room.id == ServiceNeed.room_id)
        .outerjoin(ResourceGroup, ResourceGroup.id == ServiceNeed.group_id)
        .outerjoin(Profession, Profession.code == ServiceNeed.profession)
        .where(ServiceNeed.service_id.in_(service_ids))
        .order_by(ServiceNeed.service_id, ServiceNeed.position, ServiceNeed.id)
    )
    by_service: dict[int, list[Need]] = {}
    for row, room_name_, group_name, profession in rows:
        name = room_name_ or group_name or row.group_name or profession or ""
        shown = Need(row.room_id, row.group_id, row.group_name, row.profession, name)
        by_service.setdefault(row.service_id, []).append(shown)
    return by_service


def replace_needs(session: Session, service_id: int, needs: Sequence[Mapping[str, Any]]) -> None:
    """Replace what a service needs, in its order."""
    session.execute(delete(ServiceNeed).where(ServiceNeed.service_id == service_id))
    session.add_all(
        ServiceNeed(service_id=service_id, position=position, **need)
        for position, need in enumerate(needs)
    )


def services_that_need(session: Session, *where: ColumnElement[bool]) -> list[str]:
    """Return the names of the active services with one of the matching needs."""
    query = select(Service.name).join(ServiceNeed, ServiceNeed.service_id == Service.id)
    query = query.where(Service.active.is_(True), *where)
    return list(session.scalars(query.distinct().order_by(Service.name)))


def needs_named(session: Session, name: str) -> list[str]:
    """Return the names of services of the network that need a group of this name."""
    query = (
        select(Service.name, ServiceNeed.group_name)
        .join(ServiceNeed, ServiceNeed.service_id == Service.id)
        .where(Service.active.is_(True), ServiceNeed.group_name.is_not(None))
        .order_by(Service.name)
    )
    return [
        service_name
        for service_name, group_name in session.execute(query)
        if folded(group_name or "") == folded(name)
    ]


def centre_of(session: Session, service: Service) -> int | None:
    """Return the id of the centre of a service, or None for a service of the network."""
    if service.department_id is None:
        return service.centre_id
    department = session.get_one(Department, service.department_id)
    return department.centre_id


class Here(NamedTuple):
    """The rooms and machines of some centres by their ids, and by centre and the folded names and
    the ids of their groups."""

    rooms: Mapping[int, Room]
    by_group: Mapping[int, Sequence[Room]]
    by_name: Mapping[tuple[int, str], Sequence[Room]]


def here(session: Session, centre_ids: Iterable[int]) -> Here:
    """Return the rooms and machines of centres, in one statement."""
    rows = session.execute(
        select(Room, ResourceGroup.id, ResourceGroup.name)
        .outerjoin(GroupMember, GroupMember.room_id == Room.id)
        .outerjoin(ResourceGroup, ResourceGroup.id == GroupMember.group_id)
        .where(Room.centre_id.in_(set(centre_ids)))
        .order_by(Room.id)
    )
    rooms_by_id: dict[int, Room] = {}
    by_group: dict[int, list[Room]] = {}
    by_name: dict[tuple[int, str], list[Room]] = {}
    for member, group_id, name in rows:
        rooms_by_id[member.id] = member
        if group_id is not None:
            by_group.setdefault(group_id, []).append(member)
            by_name.setdefault((member.centre_id, folded(name)), []).append(member)
    return Here(rooms_by_id, by_group, by_name)
