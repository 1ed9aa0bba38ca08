"""Checks across rows: contradictions and references. No reading or writing."""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from rapidfuzz import fuzz, process

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
    NeedRow,
    OfferRow,
    PatientRow,
    ProviderRow,
    ResourceRow,
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

    resources: set[tuple[str, str]] = field(default_factory=set)
    """Rooms and machines, each with its centre."""

    groups: set[tuple[str, str]] = field(default_factory=set)
    """Groups of rooms and machines, each with its centre."""

    numbers: dict[str, str] = field(default_factory=dict)
    """The names of centres by their business number."""

    professions: dict[str, Profession] = field(default_factory=dict)
    """The professions by all their names, squeezed."""

    roles: dict[str, str] = field(default_factory=dict)
    """The role of each account by its email address."""

    written: dict[str, str] = field(default_factory=dict)
    """Names as they are written, by their folded ones."""

    def key(self, name: str | None) -> str:
        """Return a name folded, empty without one, and remember how it is written."""
        key = folded(name or "")
        self.written.setdefault(key, name or "")
        return key

    def missing(
        self, what: str, name: str, names: Iterable[str], file: str, at: str | None = None
    ) -> str:
        """Return the sentence for a name that is neither in the database nor in the ``file``: with
        the one of ``names`` that may be meant, or what to do."""
        key = folded(name)
        others = (other for other in names if other != key)
        like = process.extractOne(key, others, scorer=fuzz.ratio, score_cutoff=SIMILAR)
        meant = f"Did you mean {self.written[like[0]]}? If not, add" if like else "Add"
        where = f" at {at}" if at else ""
        return f"There is no {what} {name}{where}. {meant} it to the file {file}."


def check_once(batch: Batch, problems: Problems) -> None:
    """Drop rows that repeat another; add a problem for rows that contradict another."""
    _once(batch, PatientRow, lambda row: row.email, "patient_email", problems)
    _once(batch, ProviderRow, lambda row: row.email, "provider_email", problems)
    _once(batch, LinkRow, lambda row: (row.email, folded(row.centre)), "provider_email", problems)
    _once(batch, ServiceRow, _service_key, "service_name", problems)
    _once(batch, OfferRow, lambda row: (row.email, *_offer_key(row)), "service_name", problems)
    _once(
        batch,
        ResourceRow,
        lambda row: (*_resource_key(row), folded(row.group or "")),
        "resource_kind",
        problems,
    )
    _once(batch, NeedRow, _need_key, "needs_number", problems)
    _once(batch, CentreRow, lambda row: row.number or folded(row.name), "abn", problems)
    _once(batch, CentreRow, lambda row: folded(row.name), "name", problems)
    _once(batch, FacilityDocument, lambda row: row.external_id, "_id", problems)
    _once(batch, FacilityDocument, lambda row: folded(row.name), "site_name", problems)
    _once(batch, DepartmentDocument, lambda row: row.external_id, "_id", problems)
    _once(batch, UserDocument, lambda row: row.external_id, "_id", problems)
    _once(batch, UserDocument, lambda row: row.email, "user_contact", problems)
    _once(batch, AppointmentDocument, lambda row: row.external_id, "_id", problems)
    _check_kinds(batch, problems)
    _check_departments(batch, problems)
    _check_one_role(batch, problems)


def _once(batch: Batch, kind: type[T], key: Key[T], column: str, problems: Problems) -> None:
    first: dict[Hashable, Found[T]] = {}
    for item in batch.of(kind):
        other = first.setdefault(key(item.row), item)
        if other.row != item.row:
            problems.add(item.source, column, _contradicts(other.source))
    batch.put(kind, list(first.values()))


def _service_key(row: ServiceRow) -> tuple[str, str]:
    return folded(row.centre or ""), folded(row.name)


def _offer_key(row: OfferRow) -> tuple[str, str]:
    return folded(row.centre or ""), folded(row.service)


def _resource_key(row: ResourceRow) -> tuple[str, str]:
    return folded(row.centre), folded(row.name)


def _need_key(row: NeedRow) -> tuple[str, ...]:
    names = (row.centre, row.department, row.service, row.resource, row.group, row.profession)
    return tuple(folded(name or "") for name in names)


def _check_kinds(batch: Batch, problems: Problems) -> None:
    """Add a problem if a room or machine is of one kind in one row, and of another in the next."""
    first: dict[tuple[str, str], Found[ResourceRow]] = {}
    for item in batch.of(ResourceRow):
        other = first.setdefault(_resource_key(item.row), item)
        if item.row.kind != other.row.kind:
            problems.add(item.source, "resource_kind", _contradicts(other.source))


def _contradicts(source: Source) -> str:
    return f"This contradicts {source}. Keep one of them."


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
    _check_resources(batch, known_after_import, problems)
    _check_needs(batch, known_after_import, problems)
    _check_sites(batch, known_after_import, problems)
    _check_services(batch, known_after_import, problems)
    for item in batch.people():
        _check_account(item, known, problems)


def _after_import(batch: Batch, known: Known) -> Known:
    """Return everything that will exist once the batch is written."""
    key = known.key
    documents = batch.of(DepartmentDocument)
    departments = [(key(site.location), item.row) for item in documents for site in item.row.sites]
    rooms = [item.row for item in batch.of(ResourceRow)]
    return replace(
        known,
        centres=known.centres
        | {key(item.row.name) for item in batch.of(CentreRow)}
        | {key(item.row.name) for item in batch.of(FacilityDocument)},
        departments=known.departments | {(site, key(row.name)) for site, row in departments},
        services=known.services
        | {
            (site, key(row.name), key(service))
            for site, row in departments
            for service in row.services
        },
        offered=known.offered
        | {(key(item.row.centre), key(item.row.name)) for item in batch.of(ServiceRow)},
        resources=known.resources | {(key(row.centre), key(row.name)) for row in rooms},
        groups=known.groups | {(key(row.centre), key(row.group)) for row in rooms if row.group},
        roles=known.roles | {item.row.email: Role.PRACTITIONER for item in batch.of(ProviderRow)},
    )


def _check_professions(batch: Batch, known: Known, problems: Problems) -> None:
    for item in batch.of(ProviderRow):
        profession = known.professions.get(squeezed(item.row.profession))
        if profession is None:
            problems.add(item.source, "provider_type", _no_profession(known))
        elif profession.needs_referral and not item.row.expertise:
            problems.add(item.source, "expertise", "Enter the area of expertise of a specialist.")


def _no_profession(known: Known) -> str:
    names = dict.fromkeys(profession.name for profession in known.professions.values())
    return f"Enter one of {', '.join(names)}."


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
            sentence = known.missing(
                "service", item.row.service, names, "of services", item.row.centre
            )
            problems.add(item.source, "service_name", sentence)


def _check_resources(batch: Batch, known: Known, problems: Problems) -> None:
    for item in batch.of(ResourceRow):
        _check_centre(item.source, item.row.centre, batch, known, problems)


def _check_needs(batch: Batch, known: Known, problems: Problems) -> None:
    for item in batch.of(NeedRow):
        _check_centre(item.source, item.row.centre, batch, known, problems)
        _check_needing(item, batch, known, problems)
        _check_needed(item, batch, known, problems)


def _check_needing(item: Found[NeedRow], batch: Batch, known: Known, problems: Problems) -> None:
    """Check that there is one service that the row means."""
    row, (centre, department, service, *_) = item.row, _need_key(item.row)
    departments = {of for at, of, name in known.services if (at, name) == (centre, service)}
    is_offered = (centre, service) in known.offered
    is_there = department in departments if department else is_offered or bool(departments)
    if not is_there and service not in batch.mentioned:
        names = {name for _, name in known.offered} | {name for *_, name in known.services}
        at = ", ".join(filter(None, (row.department, row.centre)))
        sentence = known.missing("service", row.service, names, "of services", at)
        problems.add(item.source, "service_name", sentence)
    elif len(departments) > 1 and not department and not is_offered:
        sentence = "Several departments have this service. Enter the name of one."
        problems.add(item.source, "department_name", sentence)


def _check_needed(item: Found[NeedRow], batch: Batch, known: Known, problems: Problems) -> None:
    """Check that there is what the service needs: at its centre, or a group at any."""
    row, centre = item.row, folded(item.row.centre or "")
    if row.profession:
        if squeezed(row.profession) not in known.professions:
            problems.add(item.source, "needs_profession", _no_profession(known))
        return
    column, what, needed, there = (
        ("needs_resource", "room or machine", row.resource, known.resources)
        if row.resource
        else ("needs_group", "group", row.group, known.groups)
    )
    names = {name for at, name in there if not centre or at == centre}
    if needed and not _is_there(folded(needed), names, batch):
        sentence = known.missing(what, needed, names, "of rooms and machines", row.centre)
        problems.add(item.source, column, sentence)


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
        sentence = known.missing("centre", centre, known.centres, "of centres")
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


def _is_there(name: str, names: Collection[str], batch: Batch) -> bool:
    return name in names or name in batch.mentioned


def _has_department(site: str, name: str, known: Known, batch: Batch) -> bool:
    key = (folded(site), folded(name))
    return key in known.departments or key[1] in batch.mentioned


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
