"""Versions of what can change under a program's hands: ETag and If-Match."""

import re

from flask import request

from openslot.core.errors import Malformed
from openslot.entrypoints.api.operations import ETAG_PATTERN


def etag(version: int) -> str:
    """A version as a header says it."""
    return f'W/"{version}"'


def sent_version() -> int | None:
    """The version that If-Match names; None where it names none, or any."""
    header = request.headers.get("If-Match", "").strip()
    if header in ("", "*"):
        return None
    if not re.fullmatch(ETAG_PATTERN, header):
        raise Malformed('Give If-Match as a version such as W/"3".', field="If-Match")
    return int(header.removeprefix("W/").strip('"'))
