"""Progress of long work: a bar on a terminal, lines with a time elsewhere."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

import click
from rich.console import Console
from rich.progress import track

from openslot.core import clock
from openslot.importers.progress import Progress

T = TypeVar("T")

EVERY = 10.0
"""Seconds between two lines about the same task."""


def progress_for_people() -> Progress:
    """Return bars if standard error is a terminal, otherwise lines."""
    console = Console(stderr=True)
    return Bars(console) if console.is_terminal else Lines()


class Bars:
    """Progress bars that disappear when they are done."""

    def __init__(self, console: Console):
        self._console = console

    def say(self, sentence: str) -> None:
        """Show a line."""
        self._console.print(sentence, markup=False, highlight=False)

    def track(self, what: str, items: Iterable[T], total: int) -> Iterator[T]:
        """Yield the items while showing a bar."""
        yield from track(items, what, total=total, console=self._console, transient=True)


class Lines:
    """Progress lines with a time, for logs."""

    def say(self, sentence: str) -> None:
        """Write a line."""
        click.echo(f"{clock.now():%Y-%m-%d %H:%M:%S} UTC  {sentence}", err=True)

    def track(self, what: str, items: Iterable[T], total: int) -> Iterator[T]:
        """Yield the items, with a line every few seconds and one at the end."""
        last_line_at = time.monotonic()
        for count, item in enumerate(items):
            if time.monotonic() - last_line_at >= EVERY:
                last_line_at = time.monotonic()
                self.say(f"{what}: {count} of {total}")
            yield item
        if total:
            self.say(f"{what}: {total} of {total}")
