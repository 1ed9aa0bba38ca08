"""Import of services, and of the practitioners who offer them."""

from collections.abc import Sequence

from openslot.directory import commands as directory
from openslot.directory import queries as directory_queries
from openslot.directory.details import ServiceDetails
from openslot.directory.models import Service
from openslot.importers import queries
from openslot.importers.batch import Batch, Found
from openslot.importers.outcome import Effect
from openslot.importers.tables import OfferRow, ServiceRow, folded
from openslot.importers.writing import Writing, changed, effect, given
from openslot.schedules import commands as schedules
from openslot.schedules import queries as schedule_queries
from openslot.schedules.commands import Offering


def write_offered_services(writing: Writing, batch: Batch) -> None:
    """Write the services of centres and of the network."""
    existing = {
        (folded(centre.name) if centre else "", folded(service.name)): service
        for service, centre in queries.offered_services(writing.work.session)
    }
    for item in batch.of(ServiceRow):
        key = (folded(item.row.centre or ""), folded(item.row.name))
        writing.attempt(item.source, "services", _service, item.row, existing.get(key))


def _service(writing: Writing, row: ServiceRow, service: Service | None) -> Effect:
    values = given(**row.model_dump(exclude={"centre"}))
    if service is None:
        centre = writing.centres[folded(row.centre)] if row.centre else None
        details = ServiceDetails.model_validate(values)
        directory.create_offered_service(writing.work, centre.id if centre else None, details)
        return Effect.CREATED
    new = changed(ServiceDetails, service, values)
    if new:
        directory.change_service(writing.work, service.id, new)
    return effect(new)


def write_offers(writing: Writing, batch: Batch) -> None:
    """Write which services practitioners offer, for each of their schedules at once; what is not
    in the files stays."""
    rows = batch.of(OfferRow)
    people = queries.practitioners(writing.work.session, (item.row.email for item in rows))
    by_schedule: dict[int, list[Found[OfferRow]]] = {}
    for item in rows:
        _, practitioner = people[item.row.email]
        ids = _schedules(writing, practitioner.id, item.row.centre) if practitioner else []
        if not ids:
            sentence = "They do not work there. Add a line to the file of practitioners at centres."
            column = "health_centre_name" if item.row.centre else "provider_email"
            writing.problems.add(item.source, column, sentence)
        for schedule_id in ids:
            by_schedule.setdefault(schedule_id, []).append(item)
    for schedule_id, items in by_schedule.items():
        writing.attempt(items[0].source, "services of schedules", _offer, schedule_id, items)


def _schedules(writing: Writing, practitioner_id: int, centre: str | None) -> list[int]:
    """Return the schedules of a practitioner, at one centre or at all."""
    places = schedule_queries.practitioner_places(writing.work.session, practitioner_id)
    at = writing.centres[folded(centre)].id if centre else None
    return [key for key, place in places.items() if at in (None, place.centre_id)]


def _offer(writing: Writing, schedule_id: int, items: Sequence[Found[OfferRow]]) -> Effect:
    session = writing.work.session
    before = {
        service.id: Offering(service_id=service.id, minutes=offered.minutes)
        for offered, service in schedule_queries.offered_by(session, schedule_id)
        if service.active
    }
    offerings = dict(before)
    schedule = schedule_queries.schedule(session, schedule_id)
    by_name = _offerable(writing, schedule.centre_id) if schedule else {}
    for item in items:
        service_id = by_name.get(folded(item.row.service))
        if service_id is None:
            sentence = (
                f"There is no service {item.row.service} there. Add it to the file of services."
            )
            writing.problems.add(item.source, "service_name", sentence)
            continue
        own = before.get(service_id)
        minutes = item.row.minutes or (own.minutes if own else None)
        offerings[service_id] = Offering(service_id=service_id, minutes=minutes)
    if offerings == before:
        return Effect.UNCHANGED
    schedules.offer_services(writing.work, schedule_id, list(offerings.values()))
    return effect(before) if before else Effect.CREATED


def _offerable(writing: Writing, centre_id: int) -> dict[str, int]:
    """Return the services that schedules of a centre can offer, by folded name: its own before
    those of the network, and these before those of its departments."""
    services = directory_queries.services_where(
        writing.work.session, directory_queries.offerable(centre_id), Service.active.is_(True)
    )
    services = sorted(services, key=lambda one: (one.centre_id == centre_id, not one.department_id))
    return {folded(service.name): service.id for service in services}
