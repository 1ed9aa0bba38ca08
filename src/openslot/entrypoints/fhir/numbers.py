"""Identifiers that authorities give: their FHIR systems, where a number has their shape."""

import re
from typing import Any

from openslot.booking.queries import Condition
from openslot.entrypoints.fhir.queries import unspaced

MEDICARE = "http://ns.electronichealth.net.au/id/medicare-number"
PROVIDER = "http://ns.electronichealth.net.au/id/medicare-provider-number"
BUSINESS = "http://hl7.org.au/id/abn"

_SHAPES = {
    MEDICARE: "[0-9]{10,11}",
    PROVIDER: "[0-9]{5,6}[0-9A-Z][A-Z]",
    BUSINESS: "[0-9]{11}",
}


def system_of(system: str, number: str | None) -> str | None:
    """``system`` where the number is one of its; other countries' numbers have no system here."""
    plain = re.sub(r"[\s-]", "", number or "")
    return system if re.fullmatch(_SHAPES[system], plain) else None


def fits(column: Any, known: str, system: str | None, number: str) -> Condition | None:
    """The rows with the number in the system, if it is the ``known`` one or none is said; without
    a number those with any of that system."""
    if not number:
        return unspaced(column).regexp_match(f"^{_SHAPES[known]}$") if system == known else None
    if system not in (None, system_of(known, number) or ""):
        return None
    same: Condition = column == number
    return same
