"""Identifiers that authorities give: their FHIR systems, where a number has their shape."""

import re

MEDICARE = "http://ns.electronichealth.net.au/id/medicare-number"
PROVIDER = "http://ns.electronichealth.net.au/id/medicare-provider-number"
BUSINESS = "http://hl7.org.au/id/abn"

_SHAPES = {
    MEDICARE: re.compile(r"\d{10,11}"),
    PROVIDER: re.compile(r"\d{5,6}[0-9A-Z][A-Z]"),
    BUSINESS: re.compile(r"\d{11}"),
}


def system_of(system: str, number: str | None) -> str | None:
    """``system`` where the number is one of its; other countries' numbers have no system here."""
    plain = re.sub(r"[\s-]", "", number or "")
    return system if _SHAPES[system].fullmatch(plain) else None
