"""What a process has loaded, and keeps."""

import gc
from collections.abc import Callable
from typing import NamedTuple

from openslot.entrypoints.asgi import AsgiApp


class Loaded(NamedTuple):
    """An application for several processes. Each calls ``read_ahead`` when it begins, so that the
    first requests need not wait for what it reads."""

    application: AsgiApp
    read_ahead: Callable[[], None] | None = None


def keep_what_is_loaded() -> None:
    """Leave out of garbage collection what stays: to look through it took 5 to 8 % of a page, and a
    fifth of an export."""
    gc.collect()
    gc.freeze()
