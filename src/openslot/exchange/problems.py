"""What is wrong with files that are to be imported: all of it, each with its place."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from openslot.core.errors import Invalid

SHOWN = 200
"""A report lists so many problems at most; the rest is counted."""


LONGEST = 500
"""Characters of one line of a report."""


def printable(text: str) -> str:
    """``text`` so that a terminal shows it and does nothing else."""
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in shown)


@dataclass(frozen=True, slots=True)
class Source:
    """Where something stands; ``line`` 0 means the file as a whole."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right; ``column`` is the CSV column or the document's field."""

    source: Source
    column: str | None
    sentence: str

    def __str__(self) -> str:
        place = f"{self.source}, column {self.column}" if self.column else str(self.source)
        return printable(f"{place}: {self.sentence}")


@dataclass(slots=True)
class Problems:
    """Collects problems, so that all are told and not the first alone."""

    found: list[Problem] = field(default_factory=list)
    _places: set[tuple[Source, str]] = field(default_factory=set)

    def add(self, source: Source, column: str | None, sentence: str) -> None:
        """Note a problem and go on; one cell is complained of once."""
        if column is not None:
            if (source, column) in self._places:
                return
            self._places.add((source, column))
        self.found.append(Problem(source, column, sentence))

    def refuse_if_any(self) -> None:
        """ImportRefused with all that was noted, by file and line."""
        if self.found:
            raise ImportRefused(sorted(self.found, key=_place))


def _place(problem: Problem) -> tuple[str, int]:
    return problem.source.file, problem.source.line


class ImportRefused(Invalid):
    """Nothing was imported. Problems found: {count}. Put them right and import again.

    Raised with ``problems`` before anything is written.
    """

    def __init__(self, problems: Sequence[Problem]):
        self.problems = tuple(problems)
        super().__init__(count=len(problems))

    def report(self, *, shown: int = SHOWN) -> list[str]:
        """The problems line by line, ``shown`` at most, and what they mean."""
        lines = [str(problem) for problem in self.problems[:shown]]
        left = len(self.problems) - shown
        if left > 0:
            lines.append(f"… and {left} more.")
        return [*lines, str(self)]
