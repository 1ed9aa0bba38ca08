"""Ids of rows in addresses."""

from flask import Flask
from werkzeug.routing import IntegerConverter

LARGEST = 10**9 - 1


class Number(IntegerConverter):
    """A number from 1 to 999,999,999, which every database's integers can hold."""

    regex = "[1-9][0-9]{0,8}"


def install(app: Flask) -> None:
    """Use :class:`Number` for every ``<int:name>``; call it before any route is added."""
    app.url_map.converters["int"] = Number
