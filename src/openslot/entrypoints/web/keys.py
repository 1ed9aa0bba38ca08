"""Numbers of rows in addresses."""

from flask import Flask
from werkzeug.routing import IntegerConverter, Map

LARGEST = 2**31 - 1


class Key(IntegerConverter):
    """A number that the database's integers can hold; a larger one is no address of ours."""

    def __init__(self, map: Map) -> None:
        super().__init__(map, max=LARGEST)


def install(app: Flask) -> None:
    """Let every ``<int:name>`` of a route be such a number, before any route is added."""
    app.url_map.converters["int"] = Key
