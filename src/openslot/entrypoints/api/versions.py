"""Versions of what can change under a program's hands: ETag and If-Match."""

import re
from collections.abc import Callable

from flask import request

from openslot.core.errors import Malformed
from openslot.entrypoints.api.operations import ETAGS_PATTERN

NO_VERSION = 0
"""Which no row has: versions count from 1."""


def etag(version: int) -> str:
    """Return a version as a strong validator, which If-Match needs (RFC 9110, 13.1.1)."""
    return f'"{version}"'


def sent_version(newest: Callable[[], int]) -> int | None:
    """The version that If-Match demands; None where it demands none, or takes any.

    Of a list it is the ``newest`` that there is if that is in it, and one of the others, which is
    stale, if not. Weak versions match none. Malformed for what is no list of versions.
    """
    header = request.headers.get("If-Match", "").strip()
    if header in ("", "*"):
        return None
    if not re.fullmatch(ETAGS_PATTERN, header):
        raise Malformed('Give If-Match as a version such as "3".', field="If-Match")
    versions = [int(one) for one in re.findall(r'(?<!W/)"([0-9]+)"', header)]
    if not versions:
        return NO_VERSION
    if len(versions) > 1 and (now := newest()) in versions:
        return now
    return versions[0]
