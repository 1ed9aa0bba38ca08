"""Progress of long work."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """A display of progress; the command line has a bar and plain lines."""

    def say(self, sentence: str) -> None:
        """Show a line."""

    def track(self, what: str, items: Iterable[T], total: int) -> Iterator[T]:
        """Yield the items and show how many of ``total`` are done."""
        ...


class Silent:
    """A display that shows nothing."""

    def say(self, sentence: str) -> None:
        """Show nothing."""

    def track(self, what: str, items: Iterable[T], total: int) -> Iterator[T]:  # noqa: ARG002 - the protocol's
        """Yield the items."""
        yield from items
