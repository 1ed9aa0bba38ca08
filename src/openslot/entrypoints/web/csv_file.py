"""CSV files that open safely in spreadsheets."""

import csv
import io
from collections.abc import Iterable, Sequence

from flask import Response

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""Characters that a spreadsheet takes for the start of a formula."""

MARK = "\ufeff"
"""Byte order mark, by which spreadsheets recognise UTF-8."""


def line(cells: Sequence[str]) -> str:
    """Return one line, with formulas made harmless."""
    written = io.StringIO()
    csv.writer(written).writerow([harmless(cell) for cell in cells])
    return written.getvalue()


def harmless(cell: str) -> str:
    """Return the cell, prefixed with an apostrophe if it starts like a formula."""
    return f"'{cell}" if cell.lstrip(" ").startswith(FORMULA) else cell


def download(name: str, lines: Iterable[Sequence[str]]) -> Response:
    """Return a CSV download; the first line is the heading."""
    body = MARK + "".join(line(cells) for cells in lines)
    response = Response(body, mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
