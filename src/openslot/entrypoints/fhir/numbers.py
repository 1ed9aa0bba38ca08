"""Official identifiers and their FHIR systems."""

import re
from typing import Any

from openslot.booking.queries import Condition
from openslot.core.folding import compact, is_text, keyed

MEDICARE = "http://ns.electronichealth.net.au/id/medicare-number"
PROVIDER = "http://ns.electronichealth.net.au/id/medicare-provider-number"
BUSINESS = "http://hl7.org.au/id/abn"

_SHAPES = {MEDICARE: "[0-9]{10,11}", PROVIDER: "[0-9]{5,6}[0-9A-Z][A-Z]", BUSINESS: "[0-9]{11}"}


def system_of(system: str, number: str | None) -> str | None:
    """Return ``system`` if the number has its format; numbers of other countries have none."""
    return system if re.fullmatch(_SHAPES[system], compact(number or "")) else None


def fits(column: Any, known: str, system: str | None, number: str) -> Condition | None:
    """Return a condition for the number, if ``system`` is None or the ``known`` one.

    Without a number, it matches all numbers of the known system.
    """
    if not number:
        return keyed(column).key.regexp_match(f"^{_SHAPES[known]}$") if system == known else None
    if system not in (None, system_of(known, number) or ""):
        return None
    return is_text(column, number)
