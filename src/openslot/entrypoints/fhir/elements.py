"""Data types of FHIR R4 that many resources use, as plain dicts."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale

Json = dict[str, Any]

URN = "urn:ietf:rfc:3986"
"""The system of identifiers that are URIs themselves (FHIR R4, identifier registry)."""

TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"

SUBSETTED = {"system": f"{TERMINOLOGY}/v3-ObservationValue", "code": "SUBSETTED"}
"""The tag of a resource that is not shown whole."""


@dataclass(frozen=True, slots=True)
class Site:
    """The address of this server, for absolute URLs, and the current time."""

    base: str
    now: datetime

    def system(self, name: str) -> str:
        """Return the code system with this name; it is the same wherever the server is."""
        return f"urn:openslot:codesystem:{name}"

    def systems(self, name: str) -> frozenset[str]:
        """Return the code system as searches may name it, also by the address it had before."""
        return frozenset({self.system(name), f"{self.base}/CodeSystem/{name}"})

    def concept(self, name: str, code: str | None, text: str | None = None) -> Json | None:
        """Return a CodeableConcept of such a code, which is also its text unless another is
        given."""
        if not code:
            return None
        text = text or code
        return {
            "coding": [{"system": self.system(name), "code": code, "display": text}],
            "text": text,
        }


def resource(kind: str, key: object, meta: Json | None, **elements: Any) -> Json:
    """Return a resource without empty values: FHIR's JSON has no null and no empty list."""
    members: Json = clean({"resourceType": kind, "id": str(key), "meta": meta, **elements})
    return members


def clean(value: Any) -> Any:
    """Return the value without empty parts; False and 0 are not empty."""
    kind = type(value)
    if kind is dict:
        parts = {}
        for name, part in value.items():
            if part is None:
                continue
            if type(part) in _NESTED:
                part = clean(part)
            if part or not _is_empty(part):
                parts[name] = part
        return parts
    if kind in _NESTED:
        return [part for part in map(clean, value) if part or not _is_empty(part)]
    return value


_NESTED = (dict, list, tuple)


def _is_empty(value: Any) -> bool:
    """Return whether a cleaned value is None, or an empty text, list or dict."""
    return not value and (value is None or isinstance(value, str | list | dict))


def meta(changed: datetime, version: str | None = None) -> Json:
    """Return a Meta; the version defaults to the instant of change, in milliseconds."""
    number = str(int(changed.timestamp() * 1000))
    return {"versionId": version or number, "lastUpdated": instant(changed)}


def instant(at: datetime, zone: ZoneInfo | None = None) -> str:
    """Return an instant with its offset, in ``zone`` if one is given."""
    shown = at.astimezone(zone) if zone else at
    return shown.isoformat(timespec="milliseconds" if shown.microsecond else "seconds")


def reference(kind: str, key: object | None, display: str | None = None) -> Json | None:
    """Return a relative reference, or None without a key."""
    if key is None:
        return None
    return {"reference": f"{kind}/{key}", "type": kind, "display": display}


def language(text: str) -> Json:
    """Return a language as a CodeableConcept, with its code (BCP 47) if the text is one or is the
    name of one in English."""
    words = text.strip()
    code = words if _LANGUAGE.fullmatch(words) else _languages().get(words.casefold())
    coding = [{"system": "urn:ietf:bcp:47", "code": code}] if code else None
    return {"coding": coding, "text": words}


_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.ASCII)


@cache
def _languages() -> dict[str, str]:
    """Return the codes of languages by their English names."""
    names = Locale("en").languages
    return {name.casefold(): code.replace("_", "-") for code, name in names.items()}


def target_of(text: str | None, base: str) -> tuple[str, str]:
    """Return kind and id of a reference to a resource of this server, or to a version of it.

    The kind is empty for a bare id; that of another server is no kind of resource.
    """
    own = (text or "").removeprefix(f"{base}/").rstrip("/")
    kind, _, key = own.partition("/_history/")[0].rpartition("/")
    return kind, key


def contacts(phone: str | None, email: str | None, use: str | None = None) -> list[Json]:
    """Return telephone and email as ContactPoints."""
    points = (("phone", phone), ("email", email))
    return [{"system": system, "value": value, "use": use} for system, value in points if value]


def person_name(name: str) -> list[Json]:
    """Return a HumanName; the family name is a guess (the last word), ``text`` is exact."""
    *given, family = name.split()
    return [{"text": name, "family": family, "given": given}]


def identifier(
    value: str | None,
    *,
    system: str | None = None,
    kind: str | None = None,
    text: str | None = None,
) -> Json | None:
    """Return an Identifier; ``kind`` is a code of HL7's table 0203, ``text`` its meaning."""
    if not value:
        return None
    type_ = {
        "coding": [{"system": f"{TERMINOLOGY}/v2-0203", "code": kind}] if kind else None,
        "text": text,
    }
    return {"system": system, "value": value, "type": type_}


def own_identifier(key: object) -> Json | None:
    """Return a UUID as a globally unique Identifier."""
    return identifier(f"urn:uuid:{key}", system=URN)


def references(found: Any, path: Iterable[str]) -> list[str]:
    """Return the references at a path of elements of a resource, through lists."""
    values = [found]
    for name in path:
        parts = [value.get(name) for value in values if isinstance(value, dict)]
        values = [item for part in parts for item in (part if isinstance(part, list) else [part])]
    return [
        value["reference"] for value in values if isinstance(value, dict) and "reference" in value
    ]
