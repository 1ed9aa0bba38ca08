"""Numbers of rows in addresses."""

from flask import Blueprint
from flask.sansio.blueprints import BlueprintSetupState
from werkzeug.routing import IntegerConverter, Map

LARGEST = 2**31 - 1


class Key(IntegerConverter):
    """A number that the database's integers can hold; a larger one is no address of ours."""

    def __init__(self, map: Map) -> None:
        super().__init__(map, max=LARGEST)


def know_keys(pages: Blueprint) -> None:
    """Let the routes of a blueprint be written with ``<key:name>``."""

    @pages.record
    def add(state: BlueprintSetupState) -> None:
        state.app.url_map.converters["key"] = Key
