"""HTTP responses and request headers of FHIR: media types, versions and conditions."""

import hashlib
import json
import re
from datetime import datetime
from email.utils import format_datetime
from zoneinfo import ZoneInfo

from flask import Response, request
from werkzeug.http import parse_options_header

from openslot.core.errors import Malformed
from openslot.entrypoints.fhir.asking import Handling
from openslot.entrypoints.fhir.elements import Json
from openslot.entrypoints.request import root, settings

JSON = "application/fhir+json"
JSONS = frozenset({JSON, "application/json", "text/json", "json"})
R4 = "4.0"
"""The version in media types (FHIR R4, 3.1.0.1.10)."""

_RANGES = frozenset({*JSONS, "*/*", "application/*", "text/*"})
_VERSION = re.compile(r"\d[\da-z-]{0,63}", re.ASCII)


def answer(body: Json | None, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a response in FHIR's JSON."""
    text = "" if body is None else json.dumps(body, ensure_ascii=False)
    response = Response(text, status, content_type=f"{JSON}; charset=utf-8")
    response.headers.extend(headers or {})
    return response


def accepts_json() -> bool:
    """Return whether the client accepts JSON; ``_format`` overrides the header."""
    chosen = request.args.get("_format") or request.form.get("_format")
    if chosen:
        kind, separator, parameters = chosen.partition(";")
        return _is_ours(f"{kind.replace(' ', '+')}{separator}{parameters}", JSONS)
    accepted = [(kind, quality) for kind, quality in request.accept_mimetypes if quality > 0]
    return not accepted or any(_is_ours(kind, _RANGES) for kind, _ in accepted)


def sends_json() -> bool:
    """Return whether the body is said to be JSON of this version of FHIR."""
    return _is_ours(request.content_type or "", JSONS)


def _is_ours(media_type: str, kinds: frozenset[str]) -> bool:
    """Return whether this is one of ``kinds``, and of R4 if it names a version of FHIR."""
    kind, parameters = parse_options_header(media_type)
    version = parameters.get("fhirversion", parameters.get("fhirVersion", R4))
    return kind in kinds and (version == R4 or version.startswith(f"{R4}."))


def base() -> str:
    """Return the public address of this FHIR server."""
    return f"{root()}/fhir"


def zone() -> ZoneInfo:
    """Return the zone of days in searches: the network's."""
    return ZoneInfo(settings().time_zone)


def tag(version: str) -> str:
    """Return the weak ETag of a version."""
    return f'W/"{version}"'


def of_version(found: Json, status: int = 200, *, created: bool = False) -> Response:
    """Return a resource as a response with the headers of its version."""
    meta = found.get("meta", {})
    headers = {"ETag": tag(version_of(found))}
    if "lastUpdated" in meta:
        changed = datetime.fromisoformat(meta["lastUpdated"])
        headers["Last-Modified"] = format_datetime(changed.replace(microsecond=0), usegmt=True)
    if created:
        where = f"{base()}/{found['resourceType']}/{found['id']}"
        headers["Location"] = f"{where}/_history/{meta['versionId']}"
    return answer(found, status, headers)


def version_of(found: Json) -> str:
    """Return the version of a resource, or a digest of its content if it has none."""
    written = json.dumps(found, sort_keys=True).encode()
    version: str = (
        found.get("meta", {}).get("versionId") or hashlib.sha256(written).hexdigest()[:16]
    )
    return version


def is_known(found: Json) -> bool:
    """Return whether If-None-Match has the version of the resource."""
    header = request.headers.get("If-None-Match", "")
    tags = {value.strip().removeprefix("W/") for value in header.split(",")}
    return f'"{version_of(found)}"' in tags


def wanted_version() -> str | None:
    """Return the version in If-Match, or None if any version will do."""
    text = request.headers.get("If-Match", "").strip()
    if text in ("", "*"):
        return None
    version = text.removeprefix("W/").strip('"')
    if not _VERSION.fullmatch(version):
        raise Malformed('Send a version in If-Match, for example W/"3".', field="If-Match")
    return version


def handling() -> Handling:
    """Return what the client prefers for unknown parameters; other words count as none."""
    preferred = preferences().get("handling", "").lower()
    return Handling(preferred) if preferred in set(Handling) else Handling.USUAL


def preferences() -> dict[str, str]:
    """Return the client's preferences (RFC 7240), for example ``handling`` or ``return``."""
    preferred: dict[str, str] = {}
    for part in ",".join(request.headers.getlist("Prefer")).replace(";", ",").split(","):
        name, _, value = part.strip().partition("=")
        preferred.setdefault(name.strip().lower(), value.strip().strip('"'))
    return preferred
