"""What can be booked, as the CSV files that the import takes: services, the practitioners who offer
them, rooms and machines with their groups, and what services need."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from sqlalchemy.orm import Session

from openslot.core.spreadsheets import harmless
from openslot.directory.models import Centre, Department, Service
from openslot.importers import queries
from openslot.importers.tables import NeedRow, OfferRow, ResourceRow, ServiceRow, TableRow
from openslot.resources import queries as resources

Cells = Mapping[str, object]
"""The values of a row by the fields of its kind; None is an empty cell."""


def files(session: Session) -> dict[str, str]:
    """Return the texts of the files by their names. What is inactive is left out."""
    return {
        "services.csv": _table(ServiceRow, _services(session)),
        "provider_service.csv": _table(OfferRow, _offers(session)),
        "resources.csv": _table(ResourceRow, _resources(session)),
        "service_needs.csv": _table(NeedRow, _needs(session)),
    }


def _table(kind: type[TableRow], rows: Iterable[Cells]) -> str:
    columns = {name: field.alias or name for name, field in kind.model_fields.items()}
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(columns.values())
    for row in rows:
        values = (row.get(name) for name in columns)
        writer.writerow("" if value is None else harmless(str(value)) for value in values)
    return written.getvalue()


def _services(session: Session) -> Iterator[Cells]:
    for service, centre in queries.offered_services(session):
        if service.active:
            own = {name: getattr(service, name, None) for name in ServiceRow.model_fields}
            yield own | {"centre": centre.name if centre else None}


def _offers(session: Session) -> Iterator[Cells]:
    for email, service, centre, minutes in queries.offers(session):
        yield {"email": email, "service": service, "centre": centre, "minutes": minutes}


def _resources(session: Session) -> Iterator[Cells]:
    groups: dict[int, list[str]] = {}
    for group in resources.groups(session):
        for room in group.rooms:
            groups.setdefault(room.id, []).append(group.row.name)
    for room, centre in queries.rooms(session):
        for name in groups.get(room.id, [None]):
            yield {"name": room.name, "centre": centre.name, "kind": room.kind, "group": name}


def _needs(session: Session) -> Iterator[Cells]:
    services = list(_owned(session))
    needs = resources.needs_shown(session, [service.id for service, *_ in services])
    for service, centre, department in services:
        for need, number in Counter(needs.get(service.id, ())).items():
            column = "profession" if need.profession else "resource" if need.room_id else "group"
            yield {
                "service": service.name,
                "centre": centre.name if centre else None,
                "department": department.name if department else None,
                column: need.name,
                "number": number,
            }


def _owned(session: Session) -> Iterator[tuple[Service, Centre | None, Department | None]]:
    """Yield the active services with their owners."""
    for service, owner in queries.offered_services(session):
        if service.active:
            yield service, owner, None
    for service, department, centre in queries.services(session):
        if service.active:
            yield service, centre, department
