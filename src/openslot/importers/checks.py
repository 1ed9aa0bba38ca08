"""Checks across rows: contradictions and references. No reading or writing."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from rapidfuzz import fuzz

from openslot.core.actor import Role
from openslot.directory.models import Profession
from openslot.importers.batch import Batch, Found, Person
from openslot.importers.columns import squeezed
from openslot.importers.documents import (
    AppointmentDocument,
    DepartmentDocument,
    FacilityDocument,
    UserDocument,
)
from openslot.importers.problems import Problems, Source
from openslot.importers.tables import (
    CentreRow,
    LinkRow,
    OfferRow,
    PatientRow,
    ProviderRow,
    ServiceRow,
    folded,
)

T = TypeVar("T")
Key = Callable[[T], Hashable]

_COLUMNS: Mapping[type, str] = {
    PatientRow: "patient_email",
    ProviderRow: "provider_email",
    UserDocument: "user_contact",
}
_ROLES: Mapping[type, Role] = {
    PatientRow: Role.PATIENT,
    ProviderRow: Role.PRACTITIONER,
    UserDocument: Role.STAFF,
}
"""The role of each type of person; _COLUMNS is the column of their email address."""


@dataclass(slots=True)
class Known:
    """Everything in the database that the files may refer to; names are folded."""

    centres: set[str] = field(default_factory=set)
    departments: set[tuple[str, str]] = field(default_factory=set)
    services: set[tuple[str, str, str]] = field(default_factory=set)
    offered: set[tuple[str, str]] = field(default_factory=set)
    """Services that practitioners can offer, each with its centre, or without one."""

    numbers: dict[str, str] = field(default_factory=dict)
    """The names of centres by their business number."""

    professions: dict[str, Profession] = field(default_factory=dict)
    """The professions by all their names, squeezed."""

    roles: dict[str, str] = field(default_factory=dict)
    """The role of each account by its email address."""


def check_once(batch: Batch, problems: Problems) -> None:
    """Drop rows that repeat another; add a problem for rows that contradict another."""
    _once(batch, PatientRow, lambda row: row.email, "patient_email", problems)
    _once(batch, ProviderRow, lambda row: row.email, "provider_email", problems)
    _once(batch, LinkRow, lambda row: (row.email, folded(row.centre)), "provider_email", problems)
    _once(batch, ServiceRow, _service_key, "service_name", problems)
    _once(batch, OfferRow, lambda row: (row.email, *_offer_key(row)), "service_name", problems)
    _once(batch, CentreRow, lambda row: row.number or folded(row.name), "abn", problems)
    _once(batch, CentreRow, lambda row: folded(row.name), "name", problems)
    _once(batch, FacilityDocument, lambda row: row.external_id, "_id", problems)
    _once(batch, FacilityDocument, lambda row: folded(row.name), "site_name", problems)
    _once(batch, DepartmentDocument, lambda row: row.external_id, "_id", problems)
    _once(batch, UserDocument, lambda row: row.external_id, "_id", problems)
    _once(batch, UserDocument, lambda row: row.email, "user_contact", problems)
    _once(batch, AppointmentDocument, lambda row: row.external_id, "_id", problems)
    _check_departments(batch, problems)
    _check_one_role(batch, problems)


def _once(batch: Batch, kind: type[T], key: Key[T], column: str, problems: Problems) -> None:
    first: dict[Hashable, Found[T]] = {}
    for item in batch.of(kind):
        other = first.setdefault(key(item.row), item)
        if other.row != item.row:
            sentence = f"This contradicts {other.source}. Keep one of them."
            problems.add(item.source, column, sentence)
    batch.put(kind, list(first.values()))


def _service_key(row: ServiceRow) -> tuple[str, str]:
    return folded(row.centre or ""), folded(row.name)


def _offer_key(row: OfferRow) -> tuple[str, str]:
    return folded(row.centre or ""), folded(row.service)


def _check_departments(batch: Batch, problems: Problems) -> None:
    """Add a problem if two documents have the same department of a site."""
    first: dict[tuple[str, str], Found[DepartmentDocument]] = {}
    for item in batch.of(DepartmentDocument):
        for site in item.row.sites:
            other = first.setdefault((folded(site.location), folded(item.row.name)), item)
            if other is not item:
                sentence = f"{other.source} already has this department of the site."
                problems.add(item.source, "dept_name", sentence)


def _check_one_role(batch: Batch, problems: Problems) -> None:
    """Add a problem if people with different roles have the same email address."""
    first: dict[str, Found[Person]] = {}
    for item in batch.people():
        other = first.setdefault(item.row.email, item)
        if type(other.row) is not type(item.row):
            sentence = (
                f"{other.source} has this email address in another role. Use a different one."
            )
            problems.add(item.source, _COLUMNS[type(item.row)], sentence)


def check_known(batch: Batch, known: Known, problems: Problems) -> None:
    """Check that everything rows refer to is in the files or in the database."""
    known_after_import = _after_import(batch, known)
    _check_professions(batch, known, problems)
    _check_renamed(batch, known, problems)
    _check_links(batch, known_after_import, problems)
    _check_offered_services(batch, known_after_import, problems)
    _check_offers(batch, known_after_import, problems)
    _check_sites(batch, known_after_import, problems)
    _check_services(batch, known_after_import, problems)
    for item in batch.people():
        _check_account(item, known, problems)


def _after_import(batch: Batch, known: Known) -> Known:
    """Return everything that will exist once the batch is written."""
    documents = batch.of(DepartmentDocument)
    departments = [
        (folded(site.location), item.row) for item in documents for site in item.row.sites
    ]
    return Known(
        centres=known.centres
        | {folded(item.row.name) for item in batch.of(CentreRow)}
        | {folded(item.row.name) for item in batch.of(FacilityDocument)},
        departments=known.departments | {(site, folded(row.name)) for site, row in departments},
        services=known.services
        | {
            (site, folded(row.name), folded(service))
            for site, row in departments
            for service in row.services
        },
        offered=known.offered | {_service_key(item.row) for item in batch.of(ServiceRow)},
        roles=known.roles | {item.row.email: Role.PRACTITIONER for item in batch.of(ProviderRow)},
    )


def _check_professions(batch: Batch, known: Known, problems: Problems) -> None:
    for item in batch.of(ProviderRow):
        profession = known.professions.get(squeezed(item.row.profession))
        if profession is None:
            names = dict.fromkeys(one.name for one in known.professions.values())
            problems.add(item.source, "provider_type", f"Enter one of {', '.join(names)}.")
        elif profession.needs_referral and not item.row.expertise:
            problems.add(item.source, "expertise", "Enter the area of expertise of a specialist.")


def _check_renamed(batch: Batch, known: Known, problems: Problems) -> None:
    """Add a problem if a row has the business number of a centre with quite another name."""
    for item in batch.of(CentreRow):
        name = known.numbers.get(item.row.number or "")
        if name is not None and not is_similar(name, item.row.name):
            sentence = (
                f"The centre with this business number is {name}. Correct the number; if the "
                "centre has a new name, change it on the centre's page first."
            )
            problems.add(item.source, "abn", sentence)


SIMILAR = 80
"""How alike two words of names are, of 100, if one is a misspelling of the other."""


def is_similar(one: str, other: str) -> bool:
    """Return True if each word of the shorter name has its like in the longer one."""
    fewer, more = sorted((folded(one).split(), folded(other).split()), key=len)
    return all(any(fuzz.ratio(word, like) >= SIMILAR for like in more) for word in fewer)


def _check_links(batch: Batch, known: Known, problems: Problems) -> None:
    for item in batch.of(LinkRow):
        _check_provider(item.source, item.row.email, batch, known, problems)
        _check_centre(item.source, item.row.centre, batch, known, problems)


def _check_offered_services(batch: Batch, known: Known, problems: Problems) -> None:
    for item in batch.of(ServiceRow):
        _check_centre(item.source, item.row.centre, batch, known, problems)


def _check_offers(batch: Batch, known: Known, problems: Problems) -> None:
    own = {(centre, service) for centre, _, service in known.services}
    names = {name for _, name in known.offered | own}
    for item in batch.of(OfferRow):
        _check_provider(item.source, item.row.email, batch, known, problems)
        _check_centre(item.source, item.row.centre, batch, known, problems)
        centre, service = _offer_key(item.row)
        at_centre = {(centre, service), ("", service)} & (known.offered | own)
        is_known = bool(at_centre) if centre else service in names
        if not is_known and service not in batch.mentioned:
            where = f" at {item.row.centre}" if item.row.centre else ""
            problems.add(item.source, "service_name", no_service(f"{item.row.service}{where}"))


def _check_provider(
    source: Source, email: str, batch: Batch, known: Known, problems: Problems
) -> None:
    if known.roles.get(email) != Role.PRACTITIONER and email not in batch.mentioned:
        sentence = f"There is no provider {email}. Add one to the file of providers."
        problems.add(source, "provider_email", sentence)


def _check_centre(
    source: Source, centre: str | None, batch: Batch, known: Known, problems: Problems
) -> None:
    if centre is not None and not _is_there(folded(centre), known.centres, batch):
        sentence = f"There is no centre {centre}. Add it to the file of centres."
        problems.add(source, "health_centre_name", sentence)


def _check_sites(batch: Batch, known: Known, problems: Problems) -> None:
    for department in batch.of(DepartmentDocument):
        for number, site in enumerate(department.row.sites):
            if not _is_there(folded(site.location), known.centres, batch):
                problems.add(department.source, f"site.{number}.location", _no_site(site.location))
    for user in batch.of(UserDocument):
        site_name, name = user.row.site, user.row.department
        if not _is_there(folded(site_name), known.centres, batch):
            problems.add(user.source, "site_name", _no_site(site_name))
        elif name and not _has_department(site_name, name, known, batch):
            problems.add(user.source, "dept_name", _no_department(site_name, name))


def _check_services(batch: Batch, known: Known, problems: Problems) -> None:
    for item in batch.of(AppointmentDocument):
        row = item.row
        place = (folded(row.site), folded(row.department))
        if not _is_there(place[0], known.centres, batch):
            problems.add(item.source, "site_name", _no_site(row.site))
        elif not _has_department(row.site, row.department, known, batch):
            problems.add(item.source, "dept_name", _no_department(row.site, row.department))
        elif (*place, folded(row.service)) not in known.services and place[
            1
        ] not in batch.mentioned:
            sentence = f"{row.department} has no service {row.service}."
            problems.add(item.source, "service", sentence)


def _is_there(name: str, names: set[str], batch: Batch) -> bool:
    return name in names or name in batch.mentioned


def _has_department(site: str, name: str, known: Known, batch: Batch) -> bool:
    key = (folded(site), folded(name))
    return key in known.departments or key[1] in batch.mentioned


def no_service(name: str) -> str:
    """Return the sentence for a service that is in no file and not in the database."""
    return f"There is no service {name}. Add it to the file of services."


def _no_site(name: str) -> str:
    return f"There is no site {name}. Add it to the file of facilities."


def _no_department(site: str, name: str) -> str:
    return f"{site} has no department {name}. Add it to the file of departments."


def _check_account(item: Found[Person], known: Known, problems: Problems) -> None:
    existing_role, kind = known.roles.get(item.row.email), type(item.row)
    if existing_role is None and not item.row.password:
        problems.add(item.source, "password", "Enter a password for the new account.")
    elif existing_role not in (None, _ROLES[kind]):
        sentence = f"An account with another role ({existing_role}) already has this email address."
        problems.add(item.source, _COLUMNS[kind], sentence)
