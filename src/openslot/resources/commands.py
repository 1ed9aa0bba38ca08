"""Commands on rooms and equipment, their groups, and what services need."""

from collections.abc import Collection, Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator
from sqlalchemy.orm import Session

from openslot.core import audit
from openslot.core.changes import set_values
from openslot.core.errors import NotFound
from openslot.core.fields import Details, Line, OptionalLine, refuse
from openslot.core.folding import folded
from openslot.core.locks import lock
from openslot.core.work import Work
from openslot.directory import commands
from openslot.directory import queries as directory
from openslot.directory.changes.queries import mark_changed
from openslot.directory.details import ProfessionCode
from openslot.directory.editing import editor_of_service
from openslot.directory.errors import NameTaken
from openslot.directory.models import Room, RoomKind
from openslot.directory.rules import may_run_centre
from openslot.resources import queries
from openslot.resources.errors import (
    GroupNeeded,
    NeedNotHere,
    NeedOfNetwork,
    TooManyNeeds,
)
from openslot.resources.models import ResourceGroup, ServiceNeed

MOST_MEMBERS = 100
"""Rooms or machines in one group."""

MOST_NEEDS = 6
"""People, rooms or machines that one service can need besides its schedule."""


class RoomDetails(Details):
    """A room, or a machine or other thing that one appointment at a time uses."""

    name: Line
    kind: RoomKind = RoomKind.ROOM


class GroupDetails(Details):
    """Rooms or machines of a centre of which any will do."""

    name: Line
    resources: Annotated[
        tuple[int, ...], Field(max_length=MOST_MEMBERS, description="Ids of rooms and machines.")
    ] = ()


class NeedDetails(Details):
    """One of: a room or machine, a group, for a service of the network the name of a group that
    centres have, or a profession."""

    resource: int | None = None
    group: int | None = None
    group_name: OptionalLine = None
    profession: ProfessionCode | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(value is not None for value in self.model_dump().values()) != 1:
            raise refuse("Choose one of: a room or machine, a group, or a profession.")
        return self


def create_room(work: Work, centre_id: int, details: RoomDetails) -> Room:
    """Create a room or machine of a centre; its administrators only."""
    may_run_centre(work.actor, centre_id)
    directory.centre(work.session, centre_id, inactive=True)
    _check_room(work.session, centre_id, details.name, except_id=None)
    room = _new_room(work.session, centre_id, details)
    _record(work, "room.created", f"room:{room.id}", centre_id)
    return room


def change_room(work: Work, room_id: int, details: RoomDetails) -> Room:
    """Change the name and kind of a room or machine; administrators of its centre only."""
    room = editable_room(work, room_id)
    _check_room(work.session, room.centre_id, details.name, except_id=room_id)
    if set_values(room, details.model_dump()):
        _record(work, "room.changed", f"room:{room_id}", room.centre_id)
    return room


def editable_room(work: Work, room_id: int) -> Room:
    """Return a room or machine of a centre that the actor runs. Raises NotFound and Forbidden."""
    room = queries.room(work.session, room_id)
    may_run_centre(work.actor, room.centre_id)
    return room


def room_named(session: Session, centre_id: int, name: str) -> Room:
    """Return the room of a centre with this name, and create it if there is none."""
    # Without the lock, two requests that spell the name differently could create two rooms.
    lock(session, f"rooms of centre {centre_id}")
    for room in queries.rooms(session, centre_id):
        if room.name.casefold() == name.casefold():
            return room
    return _new_room(session, centre_id, RoomDetails(name=name))


def _new_room(session: Session, centre_id: int, details: RoomDetails) -> Room:
    diary_id = directory.new_diary(session, "room")
    room = Room(centre_id=centre_id, diary_id=diary_id, **details.model_dump())
    session.add(room)
    session.flush()
    return room


def _check_room(session: Session, centre_id: int, name: str, *, except_id: int | None) -> None:
    lock(session, f"rooms of centre {centre_id}")
    for room_id, other in queries.room_names(session, centre_id).items():
        if other.casefold() == name.casefold() and room_id != except_id:
            raise NameTaken(field="name")


def create_group(work: Work, centre_id: int, details: GroupDetails) -> ResourceGroup:
    """Create a group of rooms or machines of a centre; its administrators only."""
    may_run_centre(work.actor, centre_id)
    directory.centre(work.session, centre_id, inactive=True)
    _check_group(work.session, centre_id, details, except_id=None)
    group = ResourceGroup(centre_id=centre_id, name=details.name)
    work.session.add(group)
    work.session.flush()
    queries.replace_members(work.session, group.id, set(details.resources))
    _record(work, "group.created", f"group:{group.id}", centre_id)
    return group


def change_group(work: Work, group_id: int, details: GroupDetails) -> ResourceGroup:
    """Change the name and the members of a group; booked appointments stay as they are. Raises
    GroupNeeded for another name if a service of the network needs the group by its name."""
    group = editable_group(work, group_id).row
    _check_group(work.session, group.centre_id, details, except_id=group_id)
    if folded(group.name) != folded(details.name):
        _check_not_needed(queries.needs_named(work.session, group.name))
    group.name = details.name
    queries.replace_members(work.session, group_id, set(details.resources))
    _record(work, "group.changed", f"group:{group_id}", group.centre_id)
    return group


def remove_group(work: Work, group_id: int) -> None:
    """Delete a group; its rooms and machines stay. Raises GroupNeeded if a service needs it."""
    group = editable_group(work, group_id).row
    _check_not_needed(
        [
            *queries.services_that_need(work.session, ServiceNeed.group_id == group_id),
            *queries.needs_named(work.session, group.name),
        ]
    )
    centre_id = group.centre_id
    queries.remove_group(work.session, group)
    _record(work, "group.removed", f"group:{group_id}", centre_id)


def editable_group(work: Work, group_id: int) -> queries.Group:
    """Return a group of a centre that the actor runs. Raises NotFound and Forbidden."""
    group = queries.group(work.session, group_id)
    may_run_centre(work.actor, group.row.centre_id)
    return group


def _check_group(
    session: Session, centre_id: int, details: GroupDetails, *, except_id: int | None
) -> None:
    lock(session, f"groups of centre {centre_id}")
    for other in queries.groups(session, ResourceGroup.centre_id == centre_id):
        if folded(other.row.name) == folded(details.name) and other.row.id != except_id:
            raise NameTaken(field="name")
    if not set(details.resources) <= {room.id for room in queries.rooms(session, centre_id)}:
        raise NotFound("There is no such room or machine at this centre.", field="resources")


def _check_not_needed(services: Collection[str]) -> None:
    if services:
        raise GroupNeeded(services=", ".join(services))


def set_needs(work: Work, service_id: int, needs: Sequence[NeedDetails]) -> None:
    """Replace what a service needs; booked appointments stay as they are. For those who can change
    the service. Raises NeedNotHere, NeedOfNetwork and TooManyNeeds."""
    service = directory.service(work.session, service_id, inactive=True)
    editor_of_service(work.session, work.actor, service)
    if len(needs) > MOST_NEEDS:
        raise TooManyNeeds(field="needs", most=MOST_NEEDS)
    centre_id = queries.centre_of(work.session, service)
    for need in needs:
        _check_need(work.session, centre_id, need)
    rows = [_row(need) for need in needs]
    # No group goes while a service comes to need it.
    lock(work.session, f"groups of centre {centre_id or 'any'}")
    queries.replace_needs(work.session, service_id, rows)
    audit.record(work, "service.needs-changed", f"service:{service_id}")
    mark_changed(work.session, "service", service_id)


def _row(need: NeedDetails) -> dict[str, object]:
    return {
        "room_id": need.resource,
        "group_id": need.group,
        "group_name": need.group_name,
        "profession": need.profession,
    }


def _check_need(session: Session, centre_id: int | None, need: NeedDetails) -> None:
    if need.profession is not None:
        commands.usable_profession(session, need.profession)
        return
    if centre_id is None:
        if need.resource is not None or need.group is not None:
            raise NeedOfNetwork(field="needs")
        if need.group_name is not None and not queries.has_group_named(session, need.group_name):
            raise NotFound("No centre has a group of this name.", field="needs")
        return
    if need.group_name is not None:
        raise NeedNotHere("Name the group of this centre by its id.", field="needs")
    here = queries.here(session, [centre_id])
    if need.resource is not None and need.resource not in here.rooms:
        raise NeedNotHere(field="needs")
    if need.group is not None and queries.group_centre(session, need.group) != centre_id:
        raise NeedNotHere(field="needs")


def _record(work: Work, action: str, subject: str, centre_id: int) -> None:
    """Record the change, and that what the centre's schedules need may be others now."""
    audit.record(work, action, subject)
    mark_changed(work.session, "centre", centre_id)
