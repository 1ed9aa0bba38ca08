"""Reading of files as rows and documents with their lines; unreadable parts become problems."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from openslot.core.fields import SPREADSHEET_ERROR
from openslot.importers import columns
from openslot.importers.decoding import NOT_UTF8, decoded, is_broken
from openslot.importers.problems import Problems, Source

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""The first bytes of workbooks of Excel and LibreOffice, new and old."""

_NAMED_DELIMITER = re.compile(r'"?sep=(.)"?[^\r\n]*', re.IGNORECASE)
"""A first line by which Excel is told the delimiter."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: the cells that are not empty, trimmed, by column."""

    source: Source
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """The heading of a table and its lines, each with its number; None for one that cannot be
    split."""

    source: Source
    columns: tuple[str, ...]
    lines: tuple[tuple[int, list[str] | None], ...]
    delimiter: str


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON document and the line where it begins."""

    source: Source
    fields: dict[str, Any]


def read_table(name: str, data: bytes, problems: Problems) -> Table | None:
    """Return a table with its heading, or None after adding a problem."""
    if data.startswith(_WORKBOOKS):
        sentence = "This is a workbook. Save each sheet as CSV UTF-8 and import those files."
        problems.add(Source(name), None, sentence)
        return None
    text = decoded(name, data, problems, is_table=True)
    if text is None:
        return None
    delimiter, text = _delimiter(text)
    lines = list(_split(text, delimiter))
    for place, (number, heading) in enumerate(lines):
        if heading is not None:
            cells = tuple(cell.strip() for cell in heading)
            rest = (*lines[:place], *lines[place + 1 :])
            return Table(Source(name, number), cells, rest, delimiter)
    problems.add(Source(name), None, "This file is empty. Its first row must name the columns.")
    return None


def _delimiter(text: str) -> tuple[str, str]:
    """Return the delimiter, and the text without a line that names it.

    Otherwise it is the one that splits the first line into the most names of columns.
    """
    named = _NAMED_DELIMITER.match(text)
    if named:
        return named[1], text[named.end() :]
    first = next((line for line in text.splitlines() if line.strip()), "")

    def names(delimiter: str) -> tuple[int, int]:
        cells = next(iter(csv.reader([first], **_dialect([first], delimiter))), [])
        return columns.known(cells), len(cells)

    return max(_DELIMITERS, key=names), text


def _dialect(sample: Iterable[str], delimiter: str) -> dict[str, Any]:
    """Return how cells are quoted: with single quotes if a line of the sample has whole cells in
    them, and none in double ones."""
    quote = '"'
    for line in sample:
        cells = [cell.strip() for cell in line.split(delimiter)]
        if '"' not in line and any(re.fullmatch("'[^']*'", cell) for cell in cells):
            quote = "'"
    return {"delimiter": delimiter, "quotechar": quote, "skipinitialspace": True}


def _split(text: str, delimiter: str) -> Iterator[tuple[int, list[str] | None]]:
    """Yield records with the line on which each begins; blank ones are skipped."""
    sample = [line for line in text[:10_000].splitlines() if line.strip()][:2]
    dialect = _dialect(sample, delimiter)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, **dialect)
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield begins, None
            continue
        if any(cell.strip() for cell in cells):
            yield begins, cells


def rows(table: Table, names: Sequence[str | None], problems: Problems) -> Iterator[Row]:
    """Yield the rows, with the cells of the columns that have a name.

    Missing last columns are empty; cells beyond the last column must be empty.
    """
    for number, cells in table.lines:
        source = Source(table.source.file, number)
        if cells is None:
            sentence = "This line can't be split into columns. Check for a stray quotation mark."
            problems.add(source, None, sentence)
        else:
            yield _row(source, table, names, cells, problems)


def _row(
    source: Source,
    table: Table,
    names: Sequence[str | None],
    cells: Iterable[str],
    problems: Problems,
) -> Row:
    filled_cells: dict[str, str] = {}
    for number, cell in enumerate(cells):
        column = table.columns[number] if number < len(table.columns) else ""
        text = cell.strip()
        if not text:
            continue
        if is_broken(text):
            problems.add(source, column or None, NOT_UTF8)
        if SPREADSHEET_ERROR.fullmatch(text):
            sentence = "A spreadsheet wrote an error here in place of a value. Enter the value."
            problems.add(source, column or None, sentence)
        if not column:
            separators = _DELIMITERS.get(table.delimiter, f"“{table.delimiter}”")
            sentence = "This line has more columns than the first. Put text with {} in quotes."
            problems.add(source, None, sentence.format(separators))
            break
        name = names[number]
        if name is not None:
            filled_cells[name] = text
    return Row(source, filled_cells)


NOT_JSON = "This is not a JSON document. Export the collection again with mongoexport."
_SPACE = re.compile(r"[ \t\r\n]*")
_OPENING = re.compile(r"^\{", re.MULTILINE)
_MOST_BROKEN = 100
"""The most broken documents that are looked for in a file."""


def read_documents(name: str, data: bytes, problems: Problems) -> Iterator[Document]:
    """Yield JSON documents: one a line, over several lines, or in a list."""
    text = decoded(name, data, problems)
    for source, value, begin, end in _values(name, text or "", problems):
        if is_broken(text or "", begin, end):
            problems.add(source, None, NOT_UTF8)
        elif isinstance(value, dict):
            yield Document(source, value)
        else:
            problems.add(source, None, "This is not a document: those are in braces.")


def _values(name: str, text: str, problems: Problems) -> Iterator[tuple[Source, object, int, int]]:
    """Yield the values of the text and of a list in it, with their begin and end.

    After a broken one, the next line that opens a document is read.
    """
    at, is_list, broken, lines = 0, False, 0, _Lines(text)
    while (at := _after(_SPACE, text, at)) < len(text) and broken < _MOST_BROKEN:
        if text[at] == "[" and not is_list:
            at, is_list = at + 1, True
        elif is_list and text[at] in ",]":
            at, is_list = at + 1, text[at] == ","
        else:
            source = Source(name, lines.number(at))
            try:
                value, end = _DECODER.raw_decode(text, at)
            except (ValueError, RecursionError) as error:
                problems.add(source, _column(error, source), NOT_JSON)
                opening, broken = _OPENING.search(text, at + 1), broken + 1
                at = opening.start() if opening else len(text)
            else:
                yield source, value, at, end
                at = end
    if is_list and not broken:
        sentence = "This list has no end. Export the collection again with mongoexport."
        problems.add(Source(name), None, sentence)


class _Lines:
    """A counter of lines, which only goes forward."""

    def __init__(self, text: str):
        self._text, self._at, self._line = text, 0, 1

    def number(self, at: int) -> int:
        """Return the number of the line at this position."""
        self._line, self._at = self._line + self._text.count("\n", self._at, at), at
        return self._line


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _column(error: Exception, source: Source) -> str | None:
    """Return where a document is broken, if that is on its first line."""
    is_near = isinstance(error, json.JSONDecodeError) and error.lineno == source.line
    return str(getattr(error, "colno", "")) if is_near else None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
