"""Rules for webhooks: allowed addresses and events, and the time between attempts."""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

from openslot.core.errors import Invalid
from openslot.webhooks.errors import BadAddress, NotSecure, PrivateAddress, UnknownEvent
from openslot.webhooks.events import Event

LONGEST = 500
"""The most characters of an address."""

GIVES_UP = timedelta(days=3)
"""The time during which a delivery is attempted."""

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
"""The times between attempts; together a little less than GIVES_UP."""

LONGEST_REST = timedelta(hours=1)
"""The longest pause for an endpoint that does not answer."""

OLD_SECRET_LASTS = timedelta(hours=24)
"""The time during which the previous secret signs as well."""

_SPECIAL = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16")))
"""Addresses that some versions of the standard library take for public. In clouds, two of them
answer as the machine's own environment."""

_PORTS = {"http": 80, "https": 443}
_UNFIT = frozenset(' \\"<>^`{|}#')
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of an address, split once: the connection uses exactly what was checked."""

    url: str
    secure: bool
    host: str
    port: int
    path: str


def read_address(text: str) -> Address:
    """Return the parts of an address; raise BadAddress if nothing can be sent to it."""
    url = text.strip()
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadAddress(field="url") from None
    is_plain = url.isascii() and url.isprintable() and not _UNFIT & set(url)
    host = parts.hostname or ""
    is_valid = parts.scheme in _PORTS and _is_host(host) and "@" not in parts.netloc and port != 0
    if not (is_plain and is_valid):
        raise BadAddress(field="url")
    if len(url) > LONGEST:
        raise BadAddress("Shorten this to {most} characters.", field="url", most=LONGEST)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(url, parts.scheme == "https", host, port or _PORTS[parts.scheme], path)


def _is_host(text: str) -> bool:
    """Return True for a possible host name or an IP address, without a zone: that is a name for an
    interface of one machine."""
    if ":" not in text:
        return _NAME.fullmatch(text) is not None
    try:
        return "%" not in text and bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def check_reachable(address: Address, leads_to: Sequence[str], networks: Sequence[str]) -> None:
    """Raise an error unless ``leads_to``, all the IP addresses of the host, are allowed.

    Raise PrivateAddress if one is neither public nor in ``networks``, and NotSecure for http to
    anything outside ``networks``.
    """
    if any(not (is_within(ip, networks) or is_public(ip)) for ip in leads_to):
        raise PrivateAddress(field="url")
    if not address.secure and not (leads_to and all(is_within(ip, networks) for ip in leads_to)):
        raise NotSecure(field="url")


def is_public(text: str) -> bool:
    """Return True if an IP address belongs to the public internet.

    This follows the IANA registries of special addresses, as in the standard library. An address
    that wraps an IPv4 address is treated as that address; one that may lead to it through a
    translator is refused.
    """
    address = _unwrapped(text)
    special = address.is_multicast or address.is_reserved or not address.is_global
    special = special or any(address in network for network in _SPECIAL)
    if isinstance(address, IPv4Address):
        return not special
    translated = address.sixtofour is not None or address.teredo is not None
    return not (special or translated or address.is_site_local)


def is_within(text: str, networks: Sequence[str]) -> bool:
    """Return True if an IP address is in one of the networks."""
    return any(_unwrapped(text) in ipaddress.ip_network(network) for network in networks)


def _unwrapped(text: str) -> IPv4Address | IPv6Address:
    """Return the IP address, or the IPv4 address that it maps."""
    address = ipaddress.ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address


def check_events(events: Iterable[str]) -> str:
    """Return the events as they are stored.

    Raise Invalid if there are none, and UnknownEvent.
    """
    chosen = set(events)
    if not chosen:
        raise Invalid("Choose at least one event.", field="events")
    if not chosen <= set(Event):
        raise UnknownEvent(field="events", known=", ".join(Event))
    return " ".join(event for event in Event if event in chosen)


def next_try(step: int, until: datetime, *, now: datetime) -> datetime | None:
    """Return when to try again after attempt ``step``, counted from 0; None to give up."""
    if step >= len(WAITS) or now + WAITS[step] > until:
        return None
    return now + WAITS[step]


def rest(misses: int) -> timedelta:
    """Return the pause for an endpoint that did not answer ``misses`` times in a row."""
    return min(WAITS[min(misses, len(WAITS)) - 1], LONGEST_REST)


def asked_rest(retry_after: str | None, *, now: datetime) -> timedelta | None:
    """Return the pause that a receiver asks for (RFC 9110, 10.2.3: seconds or a date), at most
    LONGEST_REST; None for what is no pause."""
    text = (retry_after or "").strip()
    try:
        if text.isascii() and text.isdecimal():
            asked = timedelta(seconds=int(text))
        else:
            moment = parsedate_to_datetime(text)
            asked = moment.replace(tzinfo=moment.tzinfo or UTC) - now
    except (ValueError, TypeError):
        return None
    except OverflowError:
        return LONGEST_REST
    return min(asked, LONGEST_REST) if asked > timedelta(0) else None
