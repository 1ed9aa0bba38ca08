"""Which network (tenant) a thread works for, where one installation serves several.

It names the network in the log and in metrics, and decides nothing: each network has a database of
its own, so what may be read is decided by the database that a piece of work is given.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_NAME: ContextVar[str] = ContextVar("tenant", default="")


def current() -> str:
    """Return the name of the network; empty where there is only one."""
    return _NAME.get()


@contextmanager
def working_for(name: str) -> Iterator[None]:
    """Work for the network in this block."""
    token = _NAME.set(name)
    try:
        yield
    finally:
        _NAME.reset(token)


def stay_with(name: str) -> None:
    """Work for the network as long as this thread lives."""
    _NAME.set(name)
