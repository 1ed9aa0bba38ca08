"""The problems of files to import, each with its place."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from openslot.core.errors import Invalid

SHOWN = 200
"""The most problems that a report lists; the others are counted."""


LONGEST = 500
"""The most characters of a line of a report."""


def printable(text: str) -> str:
    """Return ``text`` cut to LONGEST and without control characters, safe for a terminal."""
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in shown)


@dataclass(frozen=True, slots=True)
class Source:
    """A place in a file; line 0 is the file as a whole."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem to correct; ``column`` is the CSV column or the document's field."""

    source: Source
    column: str | None
    sentence: str

    def __str__(self) -> str:
        place = f"{self.source}, column {self.column}" if self.column else str(self.source)
        return printable(f"{place}: {self.sentence}")


@dataclass(slots=True)
class Problems:
    """A collection of problems, so that all are reported together."""

    found: list[Problem] = field(default_factory=list)
    _places: set[tuple[Source, str]] = field(default_factory=set)

    def add(self, source: Source, column: str | None, sentence: str) -> None:
        """Add a problem; only the first of each cell is kept."""
        if column is not None:
            if (source, column) in self._places:
                return
            self._places.add((source, column))
        self.found.append(Problem(source, column, sentence))

    def refuse_if_any(self) -> None:
        """Raise ImportRefused with all problems, by file and line."""
        if self.found:
            raise ImportRefused(sorted(self.found, key=_place))


def _place(problem: Problem) -> tuple[str, int]:
    return problem.source.file, problem.source.line


class ImportRefused(Invalid):
    """Nothing was imported. Problems found: {count}. Correct them and import again.

    Raised with ``problems`` before anything is written.
    """

    def __init__(self, problems: Sequence[Problem]):
        self.problems = tuple(problems)
        super().__init__(count=len(problems))

    def report(self, *, shown: int = SHOWN) -> list[str]:
        """Return up to ``shown`` problems and a summary, a line each."""
        lines = [str(problem) for problem in self.problems[:shown]]
        left = len(self.problems) - shown
        if left > 0:
            lines.append(f"… and {left} more.")
        return [*lines, str(self)]
