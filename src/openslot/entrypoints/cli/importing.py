"""The commands import and export."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from zoneinfo import available_timezones

import click

from openslot.core import clock
from openslot.entrypoints.cli.deployment import Deployment
from openslot.entrypoints.cli.progress import progress_for_people
from openslot.importers import catalogue
from openslot.importers.commands import import_all
from openslot.importers.mongodb import ADDRESS
from openslot.importers.origins import Origin
from openslot.importers.problems import ImportRefused


def run_import(
    deployment: Deployment, places: Sequence[str], zones: Sequence[str], *, rehearse: bool
) -> None:
    """Import files and print the result; if refused, print every problem and exit with code 1.

    Each of ``zones`` is a time zone, or one of the places with its time zone: ``PLACE=ZONE``.
    """
    settings = deployment.settings
    usual, zone_by_place = _zones(places, zones)
    try:
        outcome = import_all(
            deployment.ready_database,
            settings,
            [_origin(place, zone_by_place) for place in places],
            zone=usual or settings.time_zone,
            now=clock.now,
            progress=progress_for_people(),
            rehearse=rehearse,
        )
    except ImportRefused as refused:
        click.echo("\n".join(refused.report()), err=True)
        raise SystemExit(1) from None
    zone_lines = [f"new centres in {zone}: {count}" for zone, count in outcome.zones.items()]
    for line in (*outcome.notices, *zone_lines, *outcome.lines()):
        click.echo(line)
    if rehearse:
        click.echo("This was a dry run. Nothing was written.")


def run_export(deployment: Deployment, folder: Path) -> None:
    """Write the files of what can be booked into the folder and print their names; a file that is
    there already is an error."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        folder / name: text
        for name, text in deployment.ready_database.read(catalogue.files).items()
    }
    for path in texts:
        if path.exists():
            raise click.ClickException(f"{path} is there already. Name an empty folder.")
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
        click.echo(str(path))


def _origin(place: str, zone_by_place: dict[str, str]) -> Origin:
    where = place if ADDRESS.match(place) else Path(place)
    return Origin(where, zone_by_place.get(_plain(place)))


def _plain(place: str) -> str:
    return place if ADDRESS.match(place) else str(Path(place))


def _zones(places: Iterable[str], zones: Iterable[str]) -> tuple[str | None, dict[str, str]]:
    """Return the usual time zone, if one is given, and those of single places."""
    usual, zone_by_place = None, {}
    known_places = {_plain(place) for place in places}
    for option in zones:
        place, equals, zone = option.rpartition("=")
        if zone not in available_timezones():
            raise click.UsageError(f"{zone} is not a time zone. Use a name like Australia/Sydney.")
        if not equals:
            usual = zone
        elif _plain(place) in known_places:
            zone_by_place[_plain(place)] = zone
        else:
            raise click.UsageError(f"{place} is not imported. Name it as in the command.")
    return usual, zone_by_place
