"""Import of rooms and machines with their groups, and of what services need."""

from collections import Counter
from collections.abc import Callable, Hashable, ItemsView, Iterable, Mapping
from typing import TypeVar

from openslot.directory.models import Room
from openslot.importers import queries
from openslot.importers.batch import Batch, Found
from openslot.importers.columns import squeezed
from openslot.importers.outcome import Effect
from openslot.importers.tables import NeedRow, ResourceRow, folded
from openslot.importers.writing import Writing, changed, effect, given
from openslot.resources import commands as resources
from openslot.resources import queries as resource_queries
from openslot.resources.commands import GroupDetails, NeedDetails, RoomDetails
from openslot.resources.models import ServiceNeed

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
Key = tuple[str, str]
"""Folded names of a centre, and of what is there."""


def write_rooms(writing: Writing, batch: Batch) -> None:
    """Write rooms and machines."""
    existing = _rooms(writing)
    for key, items in _together(batch.of(ResourceRow), lambda row: _key(row.centre, row.name)):
        writing.attempt(
            items[0].source, "rooms and machines", _room, items[0].row, existing.get(key)
        )


def write_groups(writing: Writing, batch: Batch) -> None:
    """Write the groups of rooms and machines; what is in a group stays in it."""
    rooms = _rooms(writing)
    existing = _groups(writing)
    rows = [item for item in batch.of(ResourceRow) if item.row.group]
    for key, items in _together(rows, lambda row: _key(row.centre, row.group)):
        members = {rooms[_key(item.row.centre, item.row.name)].id for item in items}
        group = existing.get(key)
        writing.attempt(items[0].source, "groups", _group, items[0].row, members, group)


def write_needs(writing: Writing, batch: Batch) -> None:
    """Write what services need, for each at once; other needs stay."""
    rooms, groups, services = _rooms(writing), _groups(writing), _services(writing)
    professions = queries.professions(writing.work.session)
    group_names = {name: group.row.name for (_, name), group in groups.items()}

    def need(row: NeedRow) -> NeedDetails:
        if row.profession:
            return NeedDetails(profession=professions[squeezed(row.profession)].code)
        if row.resource:
            return NeedDetails(resource=rooms[_key(row.centre, row.resource)].id)
        if row.centre:
            return NeedDetails(group=groups[_key(row.centre, row.group)].row.id)
        return NeedDetails(group_name=group_names[folded(row.group or "")])

    def service(row: NeedRow) -> int:
        return services[_key(row.centre, row.service)][folded(row.department or "")]

    for service_id, items in _together(batch.of(NeedRow), service):
        wanted = {need(item.row): item.row.number for item in items}
        source = items[0].source
        writing.attempt(source, "services with needs", _needs, service_id, wanted, group_names)


def _key(centre: str | None, name: str | None) -> Key:
    return folded(centre or ""), folded(name or "")


def _together(rows: Iterable[Found[T]], key: Callable[[T], K]) -> ItemsView[K, list[Found[T]]]:
    """Return the rows that are about one thing under its key, in the order of the files."""
    together: dict[K, list[Found[T]]] = {}
    for item in rows:
        together.setdefault(key(item.row), []).append(item)
    return together.items()


def _rooms(writing: Writing) -> dict[Key, Room]:
    rooms = queries.rooms(writing.work.session)
    return {_key(centre.name, room.name): room for room, centre in rooms}


def _groups(writing: Writing) -> dict[Key, resource_queries.Group]:
    names = {centre.id: centre.name for centre in writing.centres.values()}
    groups = resource_queries.groups(writing.work.session)
    return {_key(names[group.row.centre_id], group.row.name): group for group in groups}


def _services(writing: Writing) -> dict[Key, dict[str, int]]:
    """Return the services of a name at a centre, or of the network, by department: without one is
    the one that belongs to no department, or else the only one."""
    services: dict[Key, dict[str, int]] = {}
    for service, department, centre in queries.services(writing.work.session):
        by_department = services.setdefault(_key(centre.name, service.name), {"": service.id})
        by_department[folded(department.name)] = service.id
    for service, owner in queries.offered_services(writing.work.session):
        key = _key(owner.name if owner else None, service.name)
        services.setdefault(key, {})[""] = service.id
    return services


def _room(writing: Writing, row: ResourceRow, room: Room | None) -> Effect:
    values = given(name=row.name, kind=row.kind)
    if room is None:
        centre_id = writing.centres[folded(row.centre)].id
        resources.create_room(writing.work, centre_id, RoomDetails.model_validate(values))
        return Effect.CREATED
    new = changed(RoomDetails, room, values)
    if new:
        resources.change_room(writing.work, room.id, new)
    return effect(new)


def _group(
    writing: Writing, row: ResourceRow, members: set[int], group: resource_queries.Group | None
) -> Effect:
    if group is None:
        details = GroupDetails(name=row.group or "", resources=tuple(sorted(members)))
        centre_id = writing.centres[folded(row.centre)].id
        resources.create_group(writing.work, centre_id, details)
        return Effect.CREATED
    before = {room.id for room in group.rooms}
    if not members <= before:
        details = GroupDetails(name=group.row.name, resources=tuple(sorted(before | members)))
        resources.change_group(writing.work, group.row.id, details)
    return effect(members - before)


def _needs(
    writing: Writing,
    service_id: int,
    wanted: Mapping[NeedDetails, int],
    group_names: Mapping[str, str],
) -> Effect:
    """Have a service need so many of each; the order is the one that was, then that of the file."""
    rows = resource_queries.needs(writing.work.session, [service_id]).get(service_id, [])
    before = Counter(_details(row, group_names) for row in rows)
    after = {**before, **wanted}
    if after == before:
        return Effect.UNCHANGED
    needs = [need for need, number in after.items() for _ in range(number)]
    resources.set_needs(writing.work, service_id, needs)
    return effect(before) if before else Effect.CREATED


def _details(row: ServiceNeed, group_names: Mapping[str, str]) -> NeedDetails:
    return NeedDetails(
        resource=row.room_id,
        group=row.group_id,
        group_name=group_names.get(folded(row.group_name or "")),
        profession=row.profession,
    )
