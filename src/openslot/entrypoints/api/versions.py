"""Versions of resources in ETag and If-Match headers."""

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


MOST_DIGITS = 18
"""Digits of the longest number that is a version; int() refuses thousands."""


def sent_version(newest: Callable[[], int]) -> int | None:
    """Return the version in If-Match, or None if any version will do.

    From a list, returns the ``newest`` version if the list has it, otherwise a stale one. Weak
    versions match none. Raises Malformed if the header is not a list of versions.
    """
    header = request.headers.get("If-Match", "").strip()
    if header in ("", "*"):
        return None
    if not re.fullmatch(ETAGS_PATTERN, header):
        raise Malformed('Send a version in If-Match, for example "3".', field="If-Match")
    written = re.findall(r'(?<!W/)"([0-9]+)"', header)
    versions = [int(digits) for digits in written if len(digits) <= MOST_DIGITS]
    if not versions:
        return NO_VERSION
    if len(versions) > 1 and (now := newest()) in versions:
        return now
    return versions[0]
