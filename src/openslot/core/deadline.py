"""A time limit for what waits for another server, however slowly that answers."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def ends_within(seconds: float, break_off: Callable[[], None]) -> Iterator[None]:
    """Call ``break_off`` in a thread of its own if the block is not left within ``seconds``.

    Time limits of sockets are for each part that arrives, and a server can send a letter at a time.
    """
    timer = threading.Timer(max(seconds, 0), break_off)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
