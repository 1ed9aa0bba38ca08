"""How long work tells whoever waits how far it is."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Something that shows progress; the command line has a bar and plain lines."""

    def say(self, sentence: str) -> None:
        """Show a line."""

    def track(self, what: str, items: Iterable[T], total: int) -> Iterator[T]:
        """The same items, while it is shown how many of ``total`` were taken."""
        ...


class Silent:
    """Shows nothing."""

    def say(self, sentence: str) -> None:
        """Show nothing."""

    def track(self, what: str, items: Iterable[T], total: int) -> Iterator[T]:  # noqa: ARG002 - the protocol's
        """The same items."""
        yield from items
