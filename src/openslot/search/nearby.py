"""Places of the network by name or postcode, and how far from them care is, in a straight line."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import asin, cos, radians, sin, sqrt
from typing import NamedTuple, Self

from openslot.directory.search import Index, Text

NEAR = 50.0
"""Kilometres within which care is near."""

EARTH = 6371.0
"""Mean radius of the earth in kilometres."""


class Spot(NamedTuple):
    """A point on the earth, in degrees."""

    latitude: float
    longitude: float

    def kilometres_to(self, other: "Spot") -> float:
        """Return the distance in a straight line (haversine)."""
        here, there = radians(self.latitude), radians(other.latitude)
        east = radians(other.longitude - self.longitude)
        half = sin((there - here) / 2) ** 2 + cos(here) * cos(there) * sin(east / 2) ** 2
        return 2 * EARTH * asin(min(1.0, sqrt(half)))


class Site(NamedTuple):
    """Where a centre is; ``spot`` is None if only its suburb is known."""

    centre_id: int
    suburb: str
    address: str
    spot: Spot | None


@dataclass(frozen=True, slots=True)
class Around:
    """A place that somebody searches near to: the centres in it, and where they are. ``name`` is
    what it is called, empty for where somebody stands."""

    name: str
    centre_ids: frozenset[int]
    spots: tuple[Spot, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """All places of the network: the suburbs and postcodes of its centres."""

    _sites: dict[int, Site] = field(default_factory=dict)
    _index: Index[int] = field(default_factory=Index)

    @classmethod
    def of(cls, sites: Iterable[Site]) -> Self:
        """Return the places where centres are."""
        places = cls()
        for site in sites:
            places._sites[site.centre_id] = site
            places._index.add(site.centre_id, [Text("", site.suburb), Text("", site.address, 0.9)])
        return places

    def suburbs(self) -> list[str]:
        """Return the names of all suburbs, in order."""
        return sorted({site.suburb for site in self._sites.values()})

    def named(self, text: str) -> Around | None:
        """Return the place with this name or postcode; None if no centre is there."""
        matches = self._index.search({"": text})
        if not matches.most or matches.wider:
            return None
        best = matches.found[0].score
        sites = [self._sites[match.key] for match in matches.found if match.score == best]
        suburbs = {site.suburb for site in sites}
        return Around(
            name=suburbs.pop() if len(suburbs) == 1 else text,
            centre_ids=frozenset(site.centre_id for site in sites),
            spots=tuple(site.spot for site in sites if site.spot),
        )

    def kilometres(self, around: Around) -> dict[int, float]:
        """Return how far each centre is, of those where that is known."""
        known = dict.fromkeys(around.centre_ids, 0.0)
        for key, site in self._sites.items():
            if site.spot and around.spots and key not in known:
                known[key] = min(map(site.spot.kilometres_to, around.spots))
        return known


def standing_at(spot: Spot | None) -> Around | None:
    """Return the place around somebody who stands there, if that is known."""
    return Around("", frozenset(), (spot,)) if spot else None
