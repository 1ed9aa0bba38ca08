"""Time zones to choose from."""

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from openslot.entrypoints.web import context

_REGIONS = (
    "Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian",
    "Pacific",
)  # fmt: skip


@cache
def zone_names() -> tuple[str, ...]:
    """The zones that are named after a place, in order; the old abbreviations are left out."""
    return tuple(sorted(name for name in available_timezones() if name.split("/")[0] in _REGIONS))


def own_zone() -> ZoneInfo:
    """The reader's zone where it is known, else the network's."""
    return context.reader_zone() or ZoneInfo(context.settings().time_zone)
