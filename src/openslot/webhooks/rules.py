"""What may be told to whom, how long to wait between tries, and which addresses are refused."""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

from openslot.core.errors import Invalid
from openslot.webhooks.errors import BadAddress, NotSecure, PrivateAddress, UnknownEvent
from openslot.webhooks.events import Event

LONGEST = 500
"""Characters of an address, at most."""

GIVES_UP = timedelta(days=3)
"""How long a delivery is tried."""

WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=18),
    timedelta(hours=22),
)
"""Between two tries; together a little less than GIVES_UP."""

LONGEST_REST = timedelta(hours=1)
"""How long an endpoint that gives no answer is left in peace, at most."""

OLD_SECRET_LASTS = timedelta(hours=24)
"""How long the secret before the present one signs as well."""

_PORTS = {"http": 80, "https": 443}
_UNFIT = frozenset(' \\"<>^`{|}#')
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")


@dataclass(frozen=True, slots=True)
class Address:
    """An address, taken apart once: what is checked is what is connected to."""

    url: str
    secure: bool
    host: str
    port: int
    path: str


def read_address(text: str) -> Address:
    """The parts of an address; BadAddress for what cannot be sent to."""
    url = text.strip()
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadAddress(field="url") from None
    plain = url.isascii() and url.isprintable() and not _UNFIT & set(url)
    host = parts.hostname or ""
    fit = parts.scheme in _PORTS and _is_host(host) and "@" not in parts.netloc and port != 0
    if not (plain and fit):
        raise BadAddress(field="url")
    if len(url) > LONGEST:
        raise BadAddress("Shorten this to {most} characters.", field="url", most=LONGEST)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(url, parts.scheme == "https", host, port or _PORTS[parts.scheme], path)


def _is_host(text: str) -> bool:
    """Whether it is an IP address, or may be a name."""
    if ":" not in text:
        return _NAME.fullmatch(text) is not None
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def check_reachable(address: Address, leads_to: Sequence[str], networks: Sequence[str]) -> None:
    """Whether ``leads_to``, all the IP addresses that the name has now, may be connected to.

    PrivateAddress where one of them is not open to the world and not in ``networks``; NotSecure
    for http to anything that is not in ``networks``.
    """
    if any(not (is_within(one, networks) or is_public(one)) for one in leads_to):
        raise PrivateAddress(field="url")
    if not address.secure and not (leads_to and all(is_within(one, networks) for one in leads_to)):
        raise NotSecure(field="url")


def is_public(text: str) -> bool:
    """Whether an IP address belongs to the open internet (the IANA registries of special
    addresses, as the standard library has them). What wraps an IPv4 address counts as that
    address; what may lead to one through a translator is refused."""
    address = _plain(text)
    special = address.is_multicast or address.is_reserved or not address.is_global
    if isinstance(address, IPv4Address):
        return not special
    translated = address.sixtofour is not None or address.teredo is not None
    return not (special or translated or address.is_site_local)


def is_within(text: str, networks: Sequence[str]) -> bool:
    """Whether an IP address lies in one of the ranges."""
    return any(_plain(text) in ipaddress.ip_network(one) for one in networks)


def _plain(text: str) -> IPv4Address | IPv6Address:
    """The address; the IPv4 address that is written as IPv6."""
    address = ipaddress.ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address


def check_events(events: Iterable[str]) -> str:
    """The events as they are kept; Invalid for none, UnknownEvent for what is none."""
    chosen = set(events)
    if not chosen:
        raise Invalid("Choose at least one event.", field="events")
    if not chosen <= set(Event):
        raise UnknownEvent(field="events", known=", ".join(Event))
    return " ".join(event for event in Event if event in chosen)


def next_try(step: int, until: datetime, *, now: datetime) -> datetime | None:
    """When to try again after the try number ``step``, counted from 0; None to give up."""
    if step >= len(WAITS) or now + WAITS[step] > until:
        return None
    return now + WAITS[step]


def rest(misses: int) -> timedelta:
    """How long to leave an endpoint in peace that gave no answer ``misses`` times in a row."""
    return min(WAITS[min(misses, len(WAITS)) - 1], LONGEST_REST)
