"""Files of comma-separated values that table programs open without surprises."""

import csv
import io
from collections.abc import Iterable, Sequence

from flask import Response

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a table program would take for the beginning of a formula."""

MARK = "\ufeff"
"""Tells table programs that the file is UTF-8."""


def line(cells: Sequence[str]) -> str:
    """One line; what would be reckoned with is marked as text."""
    written = io.StringIO()
    csv.writer(written).writerow([harmless(cell) for cell in cells])
    return written.getvalue()


def harmless(cell: str) -> str:
    """The cell, behind an apostrophe where it begins like a formula."""
    return f"'{cell}" if cell.lstrip(" ").startswith(FORMULA) else cell


def download(name: str, lines: Iterable[Sequence[str]]) -> Response:
    """A file to keep: UTF-8 with its mark, the first of ``lines`` as the heading."""
    body = MARK + "".join(line(cells) for cells in lines)
    response = Response(body, mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
