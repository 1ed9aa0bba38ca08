"""Import of MediSoft's tables: centres, practitioners with their hours, and patients."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from openslot.core.actor import Role
from openslot.core.errors import Invalid
from openslot.directory import commands as directory
from openslot.directory.details import CentreDetails, PatientDetails, PractitionerDetails
from openslot.directory.models import Centre, CentreType, Patient, Practitioner
from openslot.identity.models import Account
from openslot.importers import queries
from openslot.importers.batch import Batch, Found
from openslot.importers.columns import squeezed
from openslot.importers.documents import DepartmentDocument, FacilityDocument
from openslot.importers.outcome import Effect
from openslot.importers.problems import printable
from openslot.importers.queries import NewPatient
from openslot.importers.tables import (
    CentreRow,
    LinkRow,
    PatientRow,
    ProviderRow,
    folded,
    name_from_email,
)
from openslot.importers.writing import (
    COUNTED_SLOTS,
    USUAL_HOURS,
    Writing,
    changed,
    effect,
    given,
    open_account,
    rename,
)
from openslot.schedules import commands as schedules
from openslot.schedules import queries as schedule_queries
from openslot.schedules.availability import Weekly

T = TypeVar("T")


def write_centres(writing: Writing, batch: Batch) -> None:
    """Write the centres of tables and the facilities of documents."""
    existing = list(queries.centres(writing.work.session))
    writing.centres = {folded(centre.name): centre for centre in existing}
    numbers = {centre.business_number: centre for centre in existing if centre.business_number}
    ids = {centre.external_id: centre for centre in existing if centre.external_id}
    for row in batch.of(CentreRow):
        centre_row = numbers.get(row.row.number or "") or writing.centres.get(folded(row.row.name))
        zone = row.row.time_zone or batch.zones[row.source.file]
        writing.attempt(row.source, "centres", _centre, row, centre_row, zone)
    phones = _phones(batch)
    for site in batch.of(FacilityDocument):
        key = folded(site.row.name)
        centre_row = ids.get(site.row.external_id) or writing.centres.get(key)
        phone = phones.get(key)
        zone = site.row.time_zone or batch.zones[site.source.file]
        writing.attempt(site.source, "centres", _facility, site.row, centre_row, phone, zone)


def _phones(batch: Batch) -> dict[str, str]:
    """Return the phone number of each site, which is given with its departments."""
    sites = (site for item in batch.of(DepartmentDocument) for site in item.row.sites)
    return {folded(site.location): site.phone for site in sites if site.phone}


def _centre(writing: Writing, item: Found[CentreRow], existing: Centre | None, zone: str) -> Effect:
    row = item.row
    if existing is not None and folded(existing.name) != folded(row.name):
        writing.outcome.notices.append(
            printable(f"{item.source}: {existing.name} gets the name {row.name}.")
        )
    values = given(
        name=row.name,
        type=row.type,
        suburb=row.suburb,
        address=row.address,
        phone=row.phone,
        business_number=row.number,
        latitude=row.latitude,
        longitude=row.longitude,
    )
    return _merge_centre(writing, existing, values, None, zone)


def _facility(
    writing: Writing,
    row: FacilityDocument,
    existing: Centre | None,
    phone: str | None,
    zone: str,
) -> Effect:
    values = given(name=row.name, suburb=row.suburb)
    if existing is None:
        values["type"] = CentreType.HOSPITAL
    if existing is None or not existing.phone:
        values |= given(phone=phone)
    return _merge_centre(writing, existing, values, row.external_id, zone)


def _merge_centre(
    writing: Writing,
    existing: Centre | None,
    values: dict[str, object],
    external_id: str | None,
    zone: str,
) -> Effect:
    if existing is None:
        details = CentreDetails.model_validate({"time_zone": zone, **values})
        writing.outcome.zones[zone] += 1
        centre = directory.create_centre(writing.work, details, external_id=external_id)
        writing.centres[folded(centre.name)] = centre
        return Effect.CREATED
    new = changed(CentreDetails, existing, values)
    if new:
        directory.change_centre(writing.work, existing.id, new)
        writing.centres[folded(existing.name)] = existing
    adopted = external_id is not None and existing.external_id != external_id
    existing.external_id = external_id or existing.external_id
    return effect(new, adopted)


def write_providers(writing: Writing, batch: Batch) -> None:
    """Write practitioners with their accounts."""
    rows = batch.of(ProviderRow)
    existing = queries.practitioners(writing.work.session, (item.row.email for item in rows))
    professions = queries.professions(writing.work.session)
    for item in writing.progress.track("Writing practitioners", rows, len(rows)):
        account, practitioner = existing.get(item.row.email, (None, None))
        code = professions[squeezed(item.row.profession)].code
        writing.attempt(
            item.source, "practitioners", _provider, item.row, code, account, practitioner
        )


def write_links(writing: Writing, batch: Batch) -> None:
    """Write the schedules of practitioners, with the hours in the file of providers."""
    links = batch.of(LinkRow)
    existing = queries.practitioners(writing.work.session, (link.row.email for link in links))
    practitioners = {email: person for email, (_, person) in existing.items() if person}
    hours = {item.row.email: item.row.weekly for item in batch.of(ProviderRow)}
    for link in links:
        writing.attempt(link.source, "schedules", _link, link.row, practitioners, hours)


def _provider(
    writing: Writing,
    row: ProviderRow,
    profession: str,
    account: Account | None,
    practitioner: Practitioner | None,
) -> Effect:
    values = given(
        name=row.name,
        profession=profession,
        expertise=row.expertise,
        gender=row.gender,
        phone=row.phone,
        provider_number=row.provider_number,
        email=row.email,
    )
    if practitioner is not None and account is not None:
        renamed = rename(writing, account, name=row.name)
        return effect(
            renamed,
            _change_provider(writing, practitioner, values),
            _set_hours(writing, practitioner, row),
        )
    name = row.name or name_from_email(row.email)
    if account is None:
        account = open_account(writing, row.email, name, Role.PRACTITIONER)
    details = PractitionerDetails.model_validate({"name": name, "either_place": True, **values})
    directory.create_practitioner(writing.work, details, account_id=account.id)
    return Effect.CREATED


def _change_provider(
    writing: Writing, practitioner: Practitioner, values: dict[str, object]
) -> bool:
    new = changed(PractitionerDetails, practitioner, values)
    if new is None:
        return False
    directory.change_practitioner(writing.work, practitioner.id, new, centre_ids=frozenset())
    return True


def _set_hours(writing: Writing, practitioner: Practitioner, row: ProviderRow) -> bool:
    """Set the hours of the row at all the practitioner's centres, if it has any."""
    weekly = row.weekly
    if not weekly:
        return False
    places = schedule_queries.practitioner_places(writing.work.session, practitioner.id).values()
    changed_ids = [place.schedule_id for place in places if place.hours != weekly]
    for schedule_id in changed_ids:
        schedules.set_hours(writing.work, schedule_id, weekly)
    return bool(changed_ids)


def _link(
    writing: Writing,
    row: LinkRow,
    practitioners: dict[str, Practitioner],
    hours: dict[str, tuple[Weekly, ...]],
) -> Effect:
    practitioner, centre = practitioners.get(row.email), writing.centres[folded(row.centre)]
    if practitioner is None:
        sentence = "This account has no practitioner. Add a line to the file of providers."
        raise Invalid(sentence, field="provider_email")
    if centre.id in schedule_queries.centre_ids_of(writing.work.session, practitioner.id):
        return Effect.UNCHANGED
    schedules.open_schedule(
        writing.work,
        centre_id=centre.id,
        practitioner_id=practitioner.id,
        details=COUNTED_SLOTS,
        hours=hours.get(row.email) or USUAL_HOURS,
    )
    return Effect.CREATED


def write_patients(writing: Writing, batch: Batch) -> None:
    """Write patients with their accounts, many at once."""
    rows = batch.of(PatientRow)
    tracked = writing.progress.track("Writing patients", rows, len(rows))
    for batch_rows in _batches(tracked, queries.AT_ONCE):
        existing = queries.patients(writing.work.session, (item.row.email for item in batch_rows))
        new_rows = [item.row for item in batch_rows if item.row.email not in existing]
        new = [_new_patient(writing, row) for row in new_rows]
        queries.add_patients(writing.work, new)
        writing.outcome.count("patients", Effect.CREATED, len(new))
        for item in batch_rows:
            if item.row.email in existing:
                account, patient = existing[item.row.email]
                writing.attempt(item.source, "patients", _patient, item.row, account, patient)


def _new_patient(writing: Writing, row: PatientRow) -> NewPatient:
    name = row.name or name_from_email(row.email)
    return NewPatient(row.email, name, row.phone, row.medicare, writing.hashes[row.email])


def _patient(
    writing: Writing, row: PatientRow, account: Account, patient: Patient | None
) -> Effect:
    values = given(name=row.name, phone=row.phone, medicare_number=row.medicare)
    if patient is None:
        details = PatientDetails.model_validate(
            {"name": account.name, "email": row.email, **values}
        )
        directory.add_patient(writing.work, details, account_id=account.id)
        return Effect.CREATED
    new = changed(PatientDetails, patient, values) if patient.active else None
    if new:
        directory.change_patient(writing.work, patient.id, new)
    return effect(new, rename(writing, account, name=row.name))


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
