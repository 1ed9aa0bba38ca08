"""Time zones: to choose from, and which of them a page has to name."""

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
    """The zones that are named after a place, in order; the old abbreviations are left out."""
    return tuple(sorted(name for name in available_timezones() if name.split("/")[0] in _REGIONS))


def own_zone() -> ZoneInfo:
    """The reader's zone where it is known, else the network's."""
    return context.reader_zone() or ZoneInfo(context.settings().time_zone)


def zone_differs(at: datetime, zone: str | ZoneInfo, other: str | ZoneInfo) -> bool:
    """Whether clocks show another time in the two zones at that instant."""
    here, there = (at.astimezone(ZoneInfo(str(one))) for one in (zone, other))
    return here.utcoffset() != there.utcoffset()


def zone_beside(at: datetime, zone: ZoneInfo) -> str:
    """What stands behind a time of ``zone``: "(Perth time)" after a space where the reader's
    own clock shows another time then, and nothing where they agree."""
    return f" ({zone_city(zone)})" if zone_differs(at, zone, own_zone()) else ""


def own_clock(at: datetime, zone: ZoneInfo) -> str:
    """How far the reader's own clock is from one in ``zone`` at that instant, as a sentence;
    nothing where they agree, or the reader's is not known."""
    own = context.reader_zone()
    return (zone_difference(own, zone, at) or "") if own else ""
