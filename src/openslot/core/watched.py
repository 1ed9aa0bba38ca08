"""Files of the operator, read anew when they change."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from openslot.core import clock

T = TypeVar("T")

SETTLED = 1.0
"""Seconds without a change until a file counts as written: not the half that an editor has."""

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Watched(Generic[T]):
    """What files say, by ``read``, which raises ValueError for one that cannot be used.

    What was read once goes on to count until the file says something else that can be used.
    """

    def __init__(self, read: Callable[[Path], T]):
        self._read = read
        self._found: dict[Path, tuple[object, T]] = {}

    def of(self, file: Path) -> T:
        """Return what the file says. Raises what ``read`` raises, if it never could be read."""
        before = self._found.get(file)
        status = _status(file)
        stamp = status and (status.st_mtime_ns, status.st_ino, status.st_size)
        if before is not None:
            if stamp == before[0] or (status and _is_being_written(status)):
                return before[1]
            log.info("file.changed", file=str(file))
        try:
            said = self._read(file)
        except ValueError as error:
            if before is None:
                raise
            log.error("file.unusable", error=str(error))
            said = before[1]
        self._found[file] = stamp, said
        return said


def _status(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except OSError:
        return None


def _is_being_written(status: os.stat_result) -> bool:
    return 0 <= clock.now().timestamp() - status.st_mtime < SETTLED
