"""CSV files that open safely in spreadsheets, also where numbers have a decimal comma: there,
spreadsheets separate cells by semicolons."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from babel import Locale
from babel.core import UnknownLocaleError
from flask import Response, request

from openslot.core.spreadsheets import harmless
from openslot.entrypoints.web import reading

MARK = "\ufeff"
"""Byte order mark, by which spreadsheets recognise UTF-8."""

_DECIMAL = re.compile(r"[0-9]+\.[0-9]+")


class Style(NamedTuple):
    """How the reader's spreadsheet separates cells, and the whole of a number from its parts."""

    separator: str
    decimal: str


class Separator(StrEnum):
    """Separators that can be asked for in an address."""

    COMMA = "comma"
    SEMICOLON = "semicolon"
    BY_LANGUAGE = ""


COMMA, SEMICOLON = Style(",", "."), Style(";", ",")


def style() -> Style:
    """Return the style named in the address, else that of the browser's first language; programs
    that name none get commas."""
    separator = reading.option("separator", Separator, Separator.BY_LANGUAGE)
    if separator is Separator.BY_LANGUAGE:
        has_comma = _decimal_sign(next(iter(request.accept_languages.values()), "")) == ","
        return SEMICOLON if has_comma else COMMA
    return SEMICOLON if separator is Separator.SEMICOLON else COMMA


def _decimal_sign(language: str) -> str:
    try:
        symbols = Locale.parse(language, sep="-").number_symbols
    except (UnknownLocaleError, ValueError):
        return "."
    return str(symbols.get("latn", {}).get("decimal", "."))


def line(cells: Sequence[str], style: Style = COMMA) -> str:
    """Return one line, with formulas made harmless."""
    written = io.StringIO()
    writer = csv.writer(written, delimiter=style.separator)
    writer.writerow([_number(harmless(cell), style) for cell in cells])
    return written.getvalue()


def _number(cell: str, style: Style) -> str:
    return cell.replace(".", style.decimal) if _DECIMAL.fullmatch(cell) else cell


def download(name: str, lines: Iterable[Sequence[str]]) -> Response:
    """Return a CSV download; the first line is the heading."""
    chosen = style()
    body = MARK + "".join(line(cells, chosen) for cells in lines)
    response = Response(body, mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
