"""Official identifiers and their FHIR systems."""

import re
from collections.abc import Mapping
from typing import Any

from openslot.booking.queries import Condition
from openslot.core.encryption import Blind
from openslot.core.errors import Malformed
from openslot.core.folding import compact, is_text, keyed

MEDICARE = "http://ns.electronichealth.net.au/id/medicare-number"
PROVIDER = "http://ns.electronichealth.net.au/id/medicare-provider-number"
BUSINESS = "http://hl7.org.au/id/abn"

_SHAPES = {MEDICARE: "[0-9]{10,11}", PROVIDER: "[0-9]{5,6}[0-9A-Z][A-Z]", BUSINESS: "[0-9]{11}"}


OTHERS: Mapping[str, str] = {BUSINESS: "urn:openslot:identifier:business-number"}
"""The systems of numbers with another format than the official one, which the network gave or
another country did. Numbers of people have none: nobody may take them for the same."""


def system_of(system: str, number: str | None) -> str | None:
    """Return ``system`` if the number has its format, else the one of OTHERS or None."""
    is_official = re.fullmatch(_SHAPES[system], compact(number or ""))
    return system if is_official else OTHERS.get(system)


def fits(column: Any, known: str, system: str | None, number: str) -> Condition | None:
    """Return a condition for the number, if ``system`` is None or the ``known`` one.

    Without a number, it matches all numbers of the known system.
    """
    if not number:
        return _all_of(column, known, system)
    if system not in (None, system_of(known, number) or ""):
        return None
    return is_text(column, number)


def _all_of(column: Any, known: str, system: str | None) -> Condition | None:
    """Return a condition for all numbers of a system. Of encrypted ones nobody can tell."""
    key = keyed(column).key
    if isinstance(key.type, Blind):
        if system == known:
            raise Malformed(f"Write the number, as {known}|number.")
        return None
    official: Condition = key.regexp_match(f"^{_SHAPES[known]}$")
    if system == known:
        return official
    if system is not None and system == OTHERS.get(known):
        others: Condition = key.isnot(None) & (key != "") & ~official
        return others
    return None
