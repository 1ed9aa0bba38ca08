"""Operations on rooms and equipment of a centre, and their groups."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from openslot.booking import absences
from openslot.core import keyset
from openslot.core.fields import Instant, OptionalName
from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.directory.models import Room, RoomKind
from openslot.directory.rules import may_run_centre
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Answer, Given, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.api.partial import Partial, merged
from openslot.entrypoints.api.shapes import Id
from openslot.entrypoints.cursors import instant
from openslot.entrypoints.request import now, reader
from openslot.entrypoints.rules import Rule
from openslot.resources import commands, queries
from openslot.resources.commands import GroupDetails, RoomDetails
from openslot.resources.models import ResourceGroup
from openslot.schedules import queries as schedules
from openslot.schedules.models import Absence

service = Service(
    "resources",
    "Resources",
    "Rooms, machines and other things of a centre that services need, and groups of them.",
)

PATH, GROUPS = "/api/v1/resources", "/api/v1/resource-groups"
ONE, GROUP = f"{PATH}/<int:resource_id>", f"{GROUPS}/<int:group_id>"
OUT = f"{ONE}/out-of-use"

SHOWN = timedelta(days=10 * 366)


class Resource(Shown):
    """A room, or a machine or other thing that one appointment at a time uses."""

    id: int
    centre: int
    name: str
    kind: RoomKind


class ResourceList(Listing[Resource]):
    """A page of rooms and equipment, sorted by name."""


class AtCentre(Paged):
    """The centre, which you manage."""

    centre: Id


class NewResource(RoomDetails):
    """A room or machine of a centre."""

    centre: Id


ResourceChange = Partial.of(RoomDetails, "ResourceChange", "Changes to a room or machine.")


class Group(Shown):
    """Rooms or machines of which any will do, by their ids."""

    id: int
    centre: int
    name: str
    resources: list[int]


class GroupList(Listing[Group]):
    """A page of groups, sorted by name."""


class NewGroup(GroupDetails):
    """A group of rooms or machines of a centre."""

    centre: Id


GroupChange = Partial.of(GroupDetails, "GroupChange", "Changes to a group.")


class OutOfUse(Shown):
    """A period in which a room or machine cannot be used."""

    id: UUID
    resource: int
    start: AwareDatetime
    end: AwareDatetime
    reason: str | None


class EnteredOutOfUse(OutOfUse):
    """A new period; appointments in it stay until they are moved, which chooses others."""

    appointments: Annotated[
        list[UUID], Field(description="Upcoming appointments that use it in the period.")
    ]


class OutOfUseList(Listing[OutOfUse]):
    """A page of current and future periods, sorted by start."""


class NewOutOfUse(Given):
    """A period in which a room or machine cannot be used."""

    start: Instant
    end: Instant
    reason: OptionalName = None


@service.operation(
    "GET", PATH, scope="directory:read", rule=Rule.MANAGED, query=AtCentre, answer=ResourceList
)
def list_resources(query: AtCentre) -> Listing[Resource]:
    """List the rooms and equipment of a centre that you manage."""
    _managed(query.centre)
    after = read_cursor(query.after, str, int)
    rows = keyset.sort_after(queries.rooms(reader(), query.centre), _room_key, after)
    return page(ResourceList, rows, query, _resource, _room_key)


@service.operation(
    "POST",
    PATH,
    scope="directory:write",
    rule=Rule.MANAGED,
    body=NewResource,
    answer=Resource,
    status=201,
    may_fail=(404,),
    headers={"Location": "The address of the new room or machine."},
)
def create_resource(body: NewResource) -> Answer:
    """Add a room or machine to a centre that you manage."""
    details = RoomDetails(**body.model_dump(exclude={"centre"}))
    row = bearer.write(commands.create_room, body.centre, details)
    return Answer(_resource(row), headers={"Location": f"{PATH}/{row.id}"})


@service.operation("GET", ONE, scope="directory:read", rule=Rule.MANAGED, answer=Resource)
def get_resource(resource_id: int) -> Resource:
    """Read a room or machine of a centre that you manage."""
    return _resource(commands.editable_room(bearer.work(), resource_id))


@service.operation(
    "PATCH",
    ONE,
    scope="directory:write",
    rule=Rule.MANAGED,
    body=ResourceChange,
    answer=Resource,
    may_fail=(409,),
)
def change_resource(resource_id: int, body: Partial) -> Resource:
    """Change the name or kind of a room or machine."""

    def save(work: Work) -> Room:
        current = commands.editable_room(work, resource_id)
        return commands.change_room(work, resource_id, merged(RoomDetails, current, body))

    return _resource(bearer.write(save))


@service.operation(
    "GET", OUT, scope="directory:read", rule=Rule.MANAGED, query=Paged, answer=OutOfUseList
)
def list_out_of_use(resource_id: int, query: Paged) -> Listing[OutOfUse]:
    """List the periods in which a room or machine cannot be used."""
    room = commands.editable_room(bearer.work(), resource_id)
    after = read_cursor(query.after, instant, UUID)
    rows = schedules.absences(
        reader(), room.diary_id, now(), now() + SHOWN, after=after, limit=query.limit + 1
    )
    return page(OutOfUseList, rows, query, lambda row: _out_of_use(room, row), _absence_key)


@service.operation(
    "POST",
    OUT,
    scope="directory:write",
    rule=Rule.MANAGED,
    body=NewOutOfUse,
    answer=EnteredOutOfUse,
    status=201,
)
def create_out_of_use(resource_id: int, body: NewOutOfUse) -> EnteredOutOfUse:
    """Take a room or machine out of use for a period."""
    details = absences.OutOfUse(starts_at=body.start, ends_at=body.end, reason=body.reason)
    row = bearer.write(absences.take_out_of_use, resource_id, details)
    room = commands.editable_room(bearer.work(), resource_id)
    inside = [
        one.id
        for one in absences.using(bearer.work(), resource_id)
        if one.busy_from < row.ends_at and one.busy_until > row.starts_at
    ]
    return EnteredOutOfUse(**_out_of_use(room, row).model_dump(), appointments=inside)


@service.operation(
    "DELETE",
    f"{OUT}/<uuid:period_id>",
    scope="directory:write",
    rule=Rule.MANAGED,
    status=204,
)
def delete_out_of_use(resource_id: int, period_id: UUID) -> None:
    """Put a room or machine back into use."""
    bearer.write(absences.put_back_into_use, resource_id, period_id)


@service.operation(
    "GET", GROUPS, scope="directory:read", rule=Rule.MANAGED, query=AtCentre, answer=GroupList
)
def list_groups(query: AtCentre) -> Listing[Group]:
    """List the groups of rooms and machines of a centre that you manage."""
    _managed(query.centre)
    after = read_cursor(query.after, str, int)
    groups = queries.groups(reader(), ResourceGroup.centre_id == query.centre)
    rows = keyset.sort_after(groups, _group_key, after)
    return page(GroupList, rows, query, _group, _group_key)


@service.operation(
    "POST",
    GROUPS,
    scope="directory:write",
    rule=Rule.MANAGED,
    body=NewGroup,
    answer=Group,
    status=201,
    may_fail=(404,),
    headers={"Location": "The address of the new group."},
)
def create_group(body: NewGroup) -> Answer:
    """Add a group of rooms or machines to a centre that you manage."""
    details = GroupDetails(**body.model_dump(exclude={"centre"}))
    row = bearer.write(commands.create_group, body.centre, details)
    group = _group(queries.group(reader(), row.id))
    return Answer(group, headers={"Location": f"{GROUPS}/{row.id}"})


@service.operation("GET", GROUP, scope="directory:read", rule=Rule.MANAGED, answer=Group)
def get_group(group_id: int) -> Group:
    """Read a group of a centre that you manage."""
    return _group(commands.editable_group(bearer.work(), group_id))


@service.operation(
    "PATCH",
    GROUP,
    scope="directory:write",
    rule=Rule.MANAGED,
    body=GroupChange,
    answer=Group,
    may_fail=(409,),
)
def change_group(group_id: int, body: Partial) -> Group:
    """Change the name or the members of a group; booked appointments do not change."""

    def save(work: Work) -> None:
        current = commands.editable_group(work, group_id)
        former = GroupDetails(
            name=current.row.name, resources=tuple(room.id for room in current.rooms)
        )
        commands.change_group(work, group_id, merged(GroupDetails, former, body))

    bearer.write(save)
    return _group(queries.group(reader(), group_id))


@service.operation(
    "DELETE", GROUP, scope="directory:write", rule=Rule.MANAGED, status=204, may_fail=(409,)
)
def delete_group(group_id: int) -> None:
    """Delete a group; refused while a service needs it. Its rooms and machines stay."""
    bearer.write(commands.remove_group, group_id)


def _managed(centre_id: int) -> None:
    may_run_centre(bearer.actor(), centre_id)
    directory.centre(reader(), centre_id, inactive=True)


def _room_key(row: Room) -> tuple[str, int]:
    return row.name, row.id


def _group_key(group: queries.Group) -> tuple[str, int]:
    return group.row.name, group.row.id


def _absence_key(row: Absence) -> tuple[datetime, UUID]:
    return row.starts_at, row.id


def _resource(row: Room) -> Resource:
    return Resource(id=row.id, centre=row.centre_id, name=row.name, kind=row.kind)


def _group(group: queries.Group) -> Group:
    row = group.row
    resources = [room.id for room in group.rooms]
    return Group(id=row.id, centre=row.centre_id, name=row.name, resources=resources)


def _out_of_use(room: Room, row: Absence) -> OutOfUse:
    return OutOfUse(
        id=row.id, resource=room.id, start=row.starts_at, end=row.ends_at, reason=row.reason
    )
