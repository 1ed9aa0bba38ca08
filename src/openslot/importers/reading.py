"""Reading of files as rows and documents with their lines; unreadable parts become problems."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openslot.importers.problems import Problems, Source

TABLES = frozenset({".csv"})
DOCUMENTS = frozenset({".json", ".jsonl", ".ndjson"})

NOT_UTF8 = "This is not UTF-8 text. Save the file as UTF-8 and import it again."
_BROKEN = re.compile("[\udc80-\udcff]")
"""The characters that Python uses for bytes that are not UTF-8."""

_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
"""Byte-order marks of UTF-16 and UTF-32, which spreadsheets call Unicode text."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: the cells that are not empty, trimmed, by column."""

    source: Source
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """The header and rows of a table."""

    source: Source
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A line of JSON."""

    source: Source
    fields: dict[str, Any]


def files_in(paths: Sequence[Path], problems: Problems) -> list[Path]:
    """Return the files of ``paths``, those in folders included."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if _is_known(file))
            files += inside
            if not inside:
                problems.add(
                    Source(str(path)), None, "There is no .csv or .json file in this folder."
                )
        elif path.is_file():
            files.append(path)
        else:
            problems.add(Source(str(path)), None, "There is no such file or folder.")
    return list(dict.fromkeys(files))


def _is_known(path: Path) -> bool:
    return path.suffix.lower() in TABLES | DOCUMENTS and path.is_file()


def names_of(files: Sequence[Path]) -> list[str]:
    """Return short names, or paths where names would be the same."""
    plain = [file.name for file in files]
    return [str(file) if plain.count(file.name) > 1 else file.name for file in files]


def is_documents(name: str, data: bytes) -> bool:
    """Return True for a file of documents, False for a table, by its name or its first
    character."""
    suffix = Path(name).suffix.lower()
    if suffix in TABLES | DOCUMENTS:
        return suffix in DOCUMENTS
    return data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


def read_table(name: str, data: bytes, problems: Problems) -> Table | None:
    """Return a CSV file with a header row, or None after adding a problem."""
    rows = _lines(name, _decoded(name, data, problems), problems)
    for line, header in rows:
        columns = tuple(cell.strip() for cell in header)
        source = Source(name, line)
        table_rows = (
            _row(Source(name, number), columns, cells, problems) for number, cells in rows
        )
        return Table(source, columns, tuple(table_rows))
    problems.add(Source(name), None, "This file is empty. Its first row must name the columns.")
    return None


def read_documents(name: str, data: bytes, problems: Problems) -> Iterator[Document]:
    """Yield one JSON document a line; blank lines are skipped."""
    for number, text in enumerate(_decoded(name, data, problems).split("\n"), 1):
        if not text.strip():
            continue
        source = Source(name, number)
        if _is_broken(text):
            problems.add(source, None, NOT_UTF8)
            continue
        document = _document(source, text, problems)
        if document is not None:
            yield document
        elif text.startswith("["):
            return


def _decoded(name: str, data: bytes, problems: Problems) -> str:
    """Return the text; bytes that are not UTF-8 stay recognisable, so that their line is
    reported."""
    if data.startswith(_WIDE_MARKS):
        problems.add(Source(name), None, NOT_UTF8)
        return ""
    return data.decode("utf-8-sig", errors="surrogateescape")


def _is_broken(text: str) -> bool:
    return _BROKEN.search(text) is not None


def _lines(name: str, text: str, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """Yield records with the line on which each begins; blank ones are skipped."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            sentence = "This line can't be split into columns. Check for a stray quotation mark."
            problems.add(Source(name, begins), None, sentence)
            continue
        if any(cell.strip() for cell in cells):
            yield begins, cells


def _row(source: Source, columns: Sequence[str], cells: Iterable[str], problems: Problems) -> Row:
    """Return a row. Missing last columns are empty; cells beyond the last column must be empty."""
    filled_cells: dict[str, str] = {}
    for number, cell in enumerate(cells):
        column = columns[number] if number < len(columns) else ""
        text = cell.strip()
        if not text:
            continue
        if _is_broken(text):
            problems.add(source, column or None, NOT_UTF8)
        if not column:
            sentence = "This line has more columns than the first. Put text with commas in quotes."
            problems.add(source, None, sentence)
            break
        filled_cells[column] = text
    return Row(source, filled_cells)


def _document(source: Source, text: str, problems: Problems) -> Document | None:
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        at = getattr(error, "colno", None)
        sentence = "This is not a JSON document. Export one document a line."
        problems.add(source, str(at) if at else None, sentence)
        return None
    if not isinstance(value, dict):
        sentence = "Export one document a line, each in braces, not a list of them."
        problems.add(source, None, sentence)
        return None
    return Document(source, value)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
