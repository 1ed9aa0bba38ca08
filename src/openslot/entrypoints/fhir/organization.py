"""Organization: centres and their departments."""

from openslot.booking.queries import Condition
from openslot.core.folding import Keyed, compact, folded
from openslot.directory.models import CentreType
from openslot.entrypoints.fhir import numbers
from openslot.entrypoints.fhir.elements import (
    TERMINOLOGY,
    Json,
    Site,
    contacts,
    identifier,
    meta,
    reference,
    resource,
)
from openslot.entrypoints.fhir.parameters import (
    Code,
    Identified,
    Reference,
    Text,
    flag,
    read_number,
    split,
)
from openslot.entrypoints.fhir.queries import ORGANIZATIONS, OrganizationRow
from openslot.entrypoints.fhir.resource import Asked, Resource, by_anybody
from openslot.entrypoints.rules import Rule

ORGANIZATION_TYPE = f"{TERMINOLOGY}/organization-type"
_KINDS = {"prov": 0, "dept": 1}
"""HL7's codes, by whether keys are odd."""

_COLUMNS = ORGANIZATIONS.c
_NAME = Keyed(_COLUMNS.name, _COLUMNS.name_key, folded)
_ADDRESS = Keyed(_COLUMNS.address, _COLUMNS.address_key, folded)
_SUBURB = Keyed(_COLUMNS.suburb, _COLUMNS.suburb_key, folded)
_NUMBER = Keyed(_COLUMNS.business_number, _COLUMNS.business_key, compact)


def read_id(text: str) -> int | None:
    """Return the key of an id like ``centre-1`` or ``department-5``, or None."""
    kind, _, number = text.partition("-")
    key = read_number(number)
    if key is None or kind not in ("centre", "department"):
        return None
    return key * 2 + (kind == "department")


def write_id(key: int) -> str:
    """Return the id of a key."""
    return f"{'department' if key % 2 else 'centre'}-{key // 2}"


def centre_id(key: int) -> str:
    """Return the id of a centre as an organisation."""
    return write_id(key * 2)


def department_id(key: int) -> str:
    """Return the id of a department as an organisation."""
    return write_id(key * 2 + 1)


def show(row: OrganizationRow, site: Site) -> Json:
    """Return a centre, or a department as a part of its centre."""
    is_department = row.key % 2 == 1
    code, display = (
        ("dept", "Hospital Department") if is_department else ("prov", "Healthcare Provider")
    )
    kind = {"system": ORGANIZATION_TYPE, "code": code, "display": display}
    return resource(
        "Organization",
        write_id(row.key),
        meta(row.changed_at),
        identifier=[_number(row.business_number)],
        active=bool(row.active),
        type=[{"coding": [kind]}, site.concept("centre-type", row.type)],
        name=row.name,
        telecom=contacts(row.phone, row.email, "work"),
        address=[{"text": row.address, "line": [row.address], "city": row.suburb}],
        partOf=reference("Organization", write_id(row.parent), row.parent_name)
        if row.parent is not None
        else None,
    )


def _number(number: str | None) -> Json | None:
    system = numbers.system_of(numbers.BUSINESS, number)
    return identifier(number, system=system, text="Business number")


def _numbered(system: str | None, number: str) -> Condition | None:
    return numbers.fits(_NUMBER, numbers.BUSINESS, system, number)


class Kind(Code):
    """The kind of centre, or HL7's code for a centre or a department."""

    def match(self, name: str, text: str, modifier: str, asked: Asked) -> Condition | None:
        """Match the code in its system, or in any if the system is left out."""
        system, code = split(text)
        if code in _KINDS and system in (None, ORGANIZATION_TYPE):
            of_kind: Condition = _COLUMNS.key % 2 == _KINDS[code]
            return of_kind
        return super().match(name, text, modifier, asked)


RESOURCE = Resource(
    name="Organization",
    rule=Rule.PUBLIC,
    seen=by_anybody,
    about="Centres (`centre-1`) and their departments (`department-1`).",
    rows=ORGANIZATIONS,
    entities=tuple(_COLUMNS[name] for name in OrganizationRow._fields),
    make=OrganizationRow,
    key=_COLUMNS.key,
    read_id=read_id,
    changed=_COLUMNS.changed_at,
    show=show,
    parameters={
        "name": Text("Part of the name, from the start of a word.", _NAME),
        "active": flag("True if it can be booked.", _COLUMNS.active),
        "identifier": Identified("The business number.", _numbered),
        "type": Kind(
            f"The kind of centre: {', '.join(CentreType)}; prov (a centre) or dept (a department).",
            _COLUMNS.type,
            system="centre-type",
        ),
        "address": Text("Part of the address.", _ADDRESS, _SUBURB),
        "address-city": Text("The suburb.", _SUBURB),
        "partof": Reference(
            "The centre of a department.",
            {"Organization": (_COLUMNS.parent, read_id)},
            path=("partOf",),
        ),
    },
)
