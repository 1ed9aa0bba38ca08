"""The problems of files to import, each with its place."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from openslot.core.errors import Invalid

SHOWN = 200
"""The most problems that a report lists; the others are counted."""

LINES_SHOWN = 5
"""The most lines that a problem names; the others are counted."""

LONGEST = 500
"""The most characters of a line of a report."""


def printable(text: str) -> str:
    """Return ``text`` cut to LONGEST and without control characters, safe for a terminal."""
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in shown)


def numbered(lines: Sequence[int]) -> str:
    """Return the first lines in words: ``2``, ``2 and 7``, ``2, 3, 4, 5, 6 and 495 more``."""
    left = len(lines) - LINES_SHOWN
    words = [str(line) for line in lines[:LINES_SHOWN]]
    if left > 0:
        words.append(f"{left} more")
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


@dataclass(frozen=True, slots=True)
class Source:
    """A place in a file; line 0 is the file as a whole. The lines of a dump are documents."""

    file: str
    line: int = 0
    unit: str = "line"

    def __str__(self) -> str:
        return f"{self.file}, {self.unit} {self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem to correct; ``column`` is the CSV column or the document's field.

    ``more`` are further lines, and ``columns`` further columns, that have the same problem.
    """

    source: Source
    column: str | None
    sentence: str
    more: tuple[int, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def lines(self) -> str:
        """All lines in words; empty for a file as a whole."""
        return numbered((self.source.line, *self.more)) if self.source.line else ""

    @property
    def column_names(self) -> str:
        """All columns in words."""
        return " and ".join(filter(None, (self.column, *self.columns)))

    def __str__(self) -> str:
        source = self.source
        place = f"{source.file}, {source.unit}s {self.lines}" if self.more else str(source)
        word = "columns" if self.columns else "column"
        columns = f", {word} {self.column_names}" if self.column else ""
        return printable(f"{place}{columns}: {self.sentence}")


@dataclass(slots=True)
class Problems:
    """A collection of problems, so that all are reported together.

    ``notices`` say what was left out or read with a doubt. ``spellings`` are the columns as the
    files spell them, by file and usual name.
    """

    notices: list[str] = field(default_factory=list)
    spellings: dict[tuple[str, str], str] = field(default_factory=dict)
    found: list[Problem] = field(default_factory=list)
    _places: set[tuple[Source, str]] = field(default_factory=set)

    def add(self, source: Source, column: str | None, sentence: str) -> None:
        """Add a problem; only the first of each cell is kept."""
        if column is not None:
            column = self.spellings.get((source.file, column), column)
            if (source, column) in self._places:
                return
            self._places.add((source, column))
        self.found.append(Problem(source, column, sentence))

    def note(self, sentence: str) -> None:
        """Add a notice."""
        self.notices.append(printable(sentence))

    def refuse_if_any(self) -> None:
        """Raise ImportRefused with all problems, each cause once, by file and line."""
        if self.found:
            causes = _same_lines(_causes(self.found))
            raise ImportRefused(sorted(causes, key=_place), self.notices)


def _causes(found: Iterable[Problem]) -> Iterator[Problem]:
    """Yield one problem for each cause: the same sentence about the same column of a file."""
    causes = defaultdict(list)
    for problem in found:
        key = (problem.source.file, _without_numbers(problem.column), problem.sentence)
        causes[key].append(problem)
    for (_, column, _), problems in causes.items():
        lines = sorted({problem.source.line for problem in problems})
        if len(lines) == 1:
            yield from problems
            continue
        is_one = len({problem.column for problem in problems}) == 1
        first = min(problems, key=_place)
        yield replace(
            first, column=first.column if is_one else column or None, more=tuple(lines[1:])
        )


def _without_numbers(column: str | None) -> str:
    """Return ``site.location`` for ``site.0.location``: all entries of a list are one field."""
    return re.sub(r"^\d+$|\.\d+", "", column or "")


def _same_lines(causes: Iterable[Problem]) -> Iterator[Problem]:
    """Yield the problems; columns that have the same problem in the same lines become one."""
    alike: dict[tuple[object, ...], list[Problem]] = defaultdict(list)
    for problem in causes:
        if problem.more and problem.column:
            alike[problem.source, problem.more, problem.sentence].append(problem)
        else:
            yield problem
    for first, *others in alike.values():
        yield replace(first, columns=tuple(other.column or "" for other in others))


def _place(problem: Problem) -> tuple[str, int]:
    return problem.source.file, problem.source.line


class ImportRefused(Invalid):
    """Nothing was imported. Problems found: {count}. Correct them and import again.

    Raised with ``problems`` and ``notices`` before anything is written.
    """

    def __init__(self, problems: Sequence[Problem], notices: Sequence[str] = ()):
        self.problems = tuple(problems)
        self.notices = tuple(notices)
        super().__init__(count=len(problems))

    def report(self, *, shown: int = SHOWN) -> list[str]:
        """Return the notices, up to ``shown`` problems and a summary, a line each."""
        lines = [str(problem) for problem in self.problems[:shown]]
        left = len(self.problems) - shown
        if left > 0:
            lines.append(f"… and {left} more.")
        return [*self.notices, *lines, str(self)]
