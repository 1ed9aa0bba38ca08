"""The rows of MediSoft become centres, practitioners with their hours, and patients."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from openslot.core.errors import Invalid
from openslot.directory import commands as directory
from openslot.directory.details import CentreDetails, PatientDetails, PractitionerDetails
from openslot.directory.models import Centre, CentreType, Patient, Practitioner
from openslot.directory.rules import SYSTEM
from openslot.exchange import queries
from openslot.exchange.batch import Batch
from openslot.exchange.documents import DepartmentDocument, FacilityDocument
from openslot.exchange.outcome import Effect
from openslot.exchange.queries import NewPatient
from openslot.exchange.tables import (
    CentreRow,
    LinkRow,
    PatientRow,
    ProviderRow,
    folded,
    name_from_email,
)
from openslot.exchange.writing import (
    USUAL_HOURS,
    Writing,
    changed,
    effect,
    given,
    open_account,
    rename,
)
from openslot.identity.models import Account, Role
from openslot.schedules import commands as schedules
from openslot.schedules import queries as schedule_queries
from openslot.schedules.availability import Weekly
from openslot.schedules.commands import ScheduleDetails

T = TypeVar("T")


def write_centres(writing: Writing, batch: Batch) -> None:
    """Centres of the tables, and facilities of the documents."""
    there = list(queries.centres(writing.session))
    writing.centres = {folded(centre.name): centre for centre in there}
    numbers = {centre.business_number: centre for centre in there if centre.business_number}
    ids = {centre.external_id: centre for centre in there if centre.external_id}
    for row in batch.of(CentreRow):
        known = numbers.get(row.row.number or "") or writing.centres.get(folded(row.row.name))
        writing.attempt(row.source, "centres", _centre, row.row, known)
    phones = _phones(batch)
    for site in batch.of(FacilityDocument):
        key = folded(site.row.name)
        known = ids.get(site.row.external_id) or writing.centres.get(key)
        phone = phones.get(key)
        writing.attempt(site.source, "centres", _facility, site.row, known, phone)


def _phones(batch: Batch) -> dict[str, str]:
    """The telephone of each site, which stands with its departments."""
    sites = (site for found in batch.of(DepartmentDocument) for site in found.row.sites)
    return {folded(site.location): site.phone for site in sites if site.phone}


def _centre(writing: Writing, row: CentreRow, known: Centre | None) -> Effect:
    values = given(
        name=row.name,
        type=row.type,
        suburb=row.suburb,
        phone=row.phone,
        business_number=row.number,
    )
    return _lay_centre(writing, known, values, None)


def _facility(
    writing: Writing, row: FacilityDocument, known: Centre | None, phone: str | None
) -> Effect:
    values = given(name=row.name, suburb=row.suburb)
    if known is None:
        values["type"] = CentreType.HOSPITAL
    if known is None or not known.phone:
        values |= given(phone=phone)
    return _lay_centre(writing, known, values, row.external_id)


def _lay_centre(
    writing: Writing, known: Centre | None, values: dict[str, object], external_id: str | None
) -> Effect:
    session, now = writing.session, writing.now
    if known is None:
        details = CentreDetails.model_validate({"time_zone": writing.zone, **values})
        centre = directory.create_centre(session, SYSTEM, details, now=now, external_id=external_id)
        writing.centres[folded(centre.name)] = centre
        return Effect.CREATED
    new = changed(CentreDetails, known, values)
    if new:
        directory.change_centre(session, SYSTEM, known.id, new, now=now)
        writing.centres[folded(known.name)] = known
    adopted = external_id is not None and known.external_id != external_id
    known.external_id = external_id or known.external_id
    return effect(new, adopted)


def write_providers(writing: Writing, batch: Batch) -> None:
    """Practitioners with their logins."""
    rows = batch.of(ProviderRow)
    known = queries.practitioners(writing.session, (found.row.email for found in rows))
    for found in writing.progress.track("Writing practitioners", rows, len(rows)):
        account, person = known.get(found.row.email, (None, None))
        writing.attempt(
            found.source,
            "practitioners",
            _provider,
            found.row,
            account,
            person,
        )


def write_links(writing: Writing, batch: Batch) -> None:
    """Where practitioners work, with the hours that the file of providers states."""
    links = batch.of(LinkRow)
    known = queries.practitioners(writing.session, (link.row.email for link in links))
    people = {email: person for email, (_, person) in known.items() if person}
    hours = {found.row.email: found.row.hours for found in batch.of(ProviderRow)}
    for link in links:
        writing.attempt(link.source, "schedules", _link, link.row, people, hours)


def _provider(
    writing: Writing,
    row: ProviderRow,
    account: Account | None,
    person: Practitioner | None,
) -> Effect:
    values = given(
        name=row.name,
        profession=row.profession,
        expertise=row.expertise,
        phone=row.phone,
        provider_number=row.provider_number,
        email=row.email,
    )
    if person is not None and account is not None:
        renamed = rename(writing, account, name=row.name)
        return effect(
            renamed, _change_provider(writing, person, values), _rehour(writing, person, row)
        )
    name = row.name or name_from_email(row.email)
    if account is None:
        account = open_account(writing, row.email, name, Role.PRACTITIONER)
    details = PractitionerDetails.model_validate({"name": name, "either_place": True, **values})
    directory.create_practitioner(
        writing.session, SYSTEM, details, now=writing.now, account_id=account.id
    )
    return Effect.CREATED


def _change_provider(writing: Writing, person: Practitioner, values: dict[str, object]) -> bool:
    new = changed(PractitionerDetails, person, values)
    if new is None:
        return False
    directory.change_practitioner(
        writing.session, SYSTEM, person.id, new, centre_ids=frozenset(), now=writing.now
    )
    return True


def _rehour(writing: Writing, person: Practitioner, row: ProviderRow) -> bool:
    """Have the hours of the row hold at all the person's centres, where it states any."""
    if row.hours is None:
        return False
    wanted = _every_day(row.hours)
    places = schedule_queries.practitioner_places(writing.session, person.id).values()
    other = [place.schedule_id for place in places if place.hours != wanted]
    for schedule_id in other:
        schedules.set_hours(writing.session, SYSTEM, schedule_id, wanted, now=writing.now)
    return bool(other)


def _every_day(hours: tuple[int, int]) -> tuple[Weekly, ...]:
    return tuple(Weekly(day, *hours) for day in range(7))


def _link(
    writing: Writing,
    row: LinkRow,
    people: dict[str, Practitioner],
    hours: dict[str, tuple[int, int] | None],
) -> Effect:
    person, centre = people.get(row.email), writing.centres[folded(row.centre)]
    if person is None:
        sentence = "This account has no practitioner. Add a line to the file of providers."
        raise Invalid(sentence, field="provider_email")
    if centre.id in schedule_queries.centre_ids_of(writing.session, person.id):
        return Effect.UNCHANGED
    stated = hours.get(row.email)
    schedules.open_schedule(
        writing.session,
        SYSTEM,
        centre_id=centre.id,
        practitioner_id=person.id,
        details=ScheduleDetails(),
        hours=_every_day(stated) if stated else USUAL_HOURS,
        now=writing.now,
    )
    return Effect.CREATED


def write_patients(writing: Writing, batch: Batch) -> None:
    """Patients with their logins, many at once."""
    rows = batch.of(PatientRow)
    tracked = writing.progress.track("Writing patients", rows, len(rows))
    for some in _portions(tracked, queries.AT_ONCE):
        known = queries.patients(writing.session, (found.row.email for found in some))
        fresh = [found.row for found in some if found.row.email not in known]
        new = [_new_patient(writing, row) for row in fresh]
        queries.add_patients(writing.session, new, now=writing.now)
        writing.outcome.count("patients", Effect.CREATED, len(new))
        for found in some:
            if found.row.email in known:
                account, patient = known[found.row.email]
                writing.attempt(
                    found.source,
                    "patients",
                    _patient,
                    found.row,
                    account,
                    patient,
                )


def _new_patient(writing: Writing, row: PatientRow) -> NewPatient:
    name = row.name or name_from_email(row.email)
    return NewPatient(row.email, name, row.phone, row.medicare, writing.hashes[row.email])


def _patient(
    writing: Writing, row: PatientRow, account: Account, patient: Patient | None
) -> Effect:
    session, now = writing.session, writing.now
    values = given(name=row.name, phone=row.phone, medicare_number=row.medicare)
    if patient is None:
        details = PatientDetails.model_validate(
            {"name": account.name, "email": row.email, **values}
        )
        directory.add_patient(session, SYSTEM, details, now=now, account_id=account.id)
        return Effect.CREATED
    new = changed(PatientDetails, patient, values) if patient.active else None
    if new:
        directory.change_patient(session, SYSTEM, patient.id, new, now=now)
    return effect(new, rename(writing, account, name=row.name))


def _portions(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
