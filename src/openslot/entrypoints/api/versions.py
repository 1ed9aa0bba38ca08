"""Versions of what can change under a program's hands: ETag and If-Match."""

import re
from collections.abc import Callable

from flask import request

from openslot.core.errors import Malformed
from openslot.entrypoints.api.operations import ETAGS_PATTERN


def etag(version: int) -> str:
    """A version as a header says it."""
    return f'W/"{version}"'


def sent_version(newest: Callable[[], int]) -> int | None:
    """The version that If-Match demands; None where it demands none, or takes any.

    Of a list it is the ``newest`` that there is if that stands in it, and one of the others, which
    is stale, if not. Malformed for what is no list of versions.
    """
    header = request.headers.get("If-Match", "").strip()
    if header in ("", "*"):
        return None
    if not re.fullmatch(ETAGS_PATTERN, header):
        raise Malformed('Give If-Match as a version such as W/"3".', field="If-Match")
    versions = [int(one) for one in re.findall(r"[0-9]+", header)]
    if len(versions) > 1 and (now := newest()) in versions:
        return now
    return versions[0]
