"""Dates in searches: a prefix, and the range of instants that the value covers
(https://hl7.org/fhir/R4/search.html#date)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from openslot.core.errors import Malformed

PREFIXES = ("eq", "ne", "gt", "ge", "lt", "le", "sa", "eb")

_DATE = re.compile(
    r"(?P<prefix>[a-z]{2})?(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)"
    r"(T(?P<hour>\d\d):(?P<minute>\d\d)(:(?P<second>\d\d)(\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d))?)?)?",
    re.ASCII,
)
_LOST_PLUS = re.compile(r"(T\d\d:\d\d(:\d\d(\.\d+)?)?) (\d\d:\d\d)$", re.ASCII)

Period = tuple[datetime | None, datetime | None]
"""From the first instant up to, but without, the second; None is open."""


@dataclass(frozen=True, slots=True)
class Given:
    """A date in a search: all instants from ``low`` up to, but without, ``high``."""

    prefix: str
    low: datetime
    high: datetime

    def periods(self) -> Sequence[Period]:
        """Return the periods that match."""
        matches: dict[str, list[Period]] = {
            "eq": [(self.low, self.high)],
            "ne": [(None, self.low), (self.high, None)],
            "gt": [(self.high, None)],
            "sa": [(self.high, None)],
            "ge": [(self.low, None)],
            "lt": [(None, self.low)],
            "eb": [(None, self.low)],
            "le": [(None, self.high)],
        }
        return matches[self.prefix]


def repaired(text: str) -> str:
    """Return the text with the + of its offset, which URL decoding turns into a space."""
    return _LOST_PLUS.sub(r"\1+\4", text)


def read(name: str, text: str, zone: ZoneInfo) -> Given:
    """Parse a date, or raise Malformed for the parameter; days without a time are in ``zone``."""
    match = _DATE.fullmatch(repaired(text))
    if match is None or (match["prefix"] or "eq") not in PREFIXES:
        raise _refusal(name)
    try:
        low = _low(match, zone)
        return Given(match["prefix"] or "eq", low, _high(match, low))
    except (ValueError, OverflowError):
        raise _refusal(name) from None


def _low(match: re.Match[str], zone: ZoneInfo) -> datetime:
    year = int(match["year"])
    if not 1800 <= year < 2200:
        raise ValueError(year)
    fraction = f"{match['fraction'] or '':0<6}"[:6]
    text = f"{year}-{match['month'] or '01'}-{match['day'] or '01'}"
    if match["hour"] is None:
        return datetime.fromisoformat(f"{text}T00:00:00").replace(tzinfo=zone)
    clock = f"{match['hour']}:{match['minute']}:{match['second'] or '00'}.{fraction}"
    return datetime.fromisoformat(f"{text}T{clock}{match['zone']}")


def _high(match: re.Match[str], low: datetime) -> datetime:
    if match["month"] is None:
        return low.replace(year=low.year + 1)
    if match["day"] is None:
        return (low.replace(day=28) + timedelta(days=4)).replace(day=1)
    if match["hour"] is None:
        return low + timedelta(days=1)
    if match["second"] is None:
        return low + timedelta(minutes=1)
    digits = min(len(match["fraction"] or ""), 6)
    return low + timedelta(microseconds=10 ** (6 - digits))


def _refusal(name: str) -> Malformed:
    return Malformed(
        "Send {name} as a date like 2027-03-08 or a time like 2027-03-08T09:00:00+11:00, with an "
        "optional prefix: {prefixes}.",
        field=name,
        name=name,
        prefixes=", ".join(PREFIXES),
    )


def within(one: Sequence[Period], other: Sequence[Period]) -> list[Period]:
    """Return the periods that lie in both."""
    shared = []
    for low, high in one:
        for begin, end in other:
            first = max((at for at in (low, begin) if at), default=None)
            last = min((at for at in (high, end) if at), default=None)
            if first is None or last is None or first < last:
                shared.append((first, last))
    return shared
