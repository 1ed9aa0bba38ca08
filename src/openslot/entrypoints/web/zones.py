"""Time zones to choose from, and to show on pages."""

from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from openslot.entrypoints.web import context
from openslot.entrypoints.web.formats import zone_city, zone_difference

_REGIONS = (
    "Africa",
    "America",
    "Antarctica",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
)


@cache
def zone_names() -> tuple[str, ...]:
    """Return the zones named after a place, in order; old abbreviations are left out."""
    return tuple(sorted(name for name in available_timezones() if name.split("/")[0] in _REGIONS))


def own_zone() -> ZoneInfo:
    """Return the reader's zone if known, else the network's."""
    return context.reader_zone() or ZoneInfo(context.settings().time_zone)


def zone_differs(at: datetime, zone: str | ZoneInfo, other: str | ZoneInfo) -> bool:
    """Return whether clocks differ between two zones at that instant."""
    here, there = (at.astimezone(ZoneInfo(str(name))) for name in (zone, other))
    return here.utcoffset() != there.utcoffset()


def zone_beside(at: datetime, zone: ZoneInfo) -> str:
    """Return " (Perth time)" if the reader's clock differs from ``zone``, else an empty string."""
    return f" ({zone_city(zone)})" if zone_differs(at, zone, own_zone()) else ""


def own_clock(at: datetime, zone: ZoneInfo) -> str:
    """Return how far the reader's clock is from one in ``zone``, as a sentence; empty if they agree
    or it is unknown."""
    own = context.reader_zone()
    return (zone_difference(own, zone, at) or "") if own else ""
