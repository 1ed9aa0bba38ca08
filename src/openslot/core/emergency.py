"""Numbers to call in an emergency, by country."""

from functools import cache
from zoneinfo import ZoneInfo

from babel.core import get_global

from openslot.core.config import Settings

_NUMBERS = {
    "AU": "000",
    "BR": "192",
    "CA": "911",
    "CN": "120",
    "GB": "999",
    "HK": "999",
    "JP": "119",
    "KR": "119",
    "MX": "911",
    "MY": "999",
    "NZ": "111",
    "SG": "995",
    "US": "911",
}
"""Where an ambulance comes by another number than 112."""

_EVERYWHERE = "112"
"""The number in the European Union and many more countries; mobile phones know it everywhere."""


def emergency_number(settings: Settings, zone: ZoneInfo | str | None) -> str:
    """Return the number for the country of a time zone, or of the network if that is unknown; the
    one that operators set, if they did."""
    return settings.emergency_number or _NUMBERS.get(country_of(settings, zone), _EVERYWHERE)


def country_of(settings: Settings, zone: ZoneInfo | str | None) -> str:
    """Return the country of a time zone, or of the network if that is unknown."""
    return (_country_of(str(zone)) if zone else None) or settings.country


@cache
def _country_of(zone: str) -> str | None:
    country = get_global("zone_territories").get(zone)
    return country if country != "001" else None
