"""How the values of settings are written: each is read here, or refused with a sentence."""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import NoDecode

from openslot.core.actor import Role
from openslot.core.fields import known_zones


def wrong_settings(error: ValidationError) -> Iterator[str]:
    """Yield a line for each setting that cannot be used, with its name."""
    for item in error.errors():
        name = str(item["loc"][0]).upper() if item["loc"] else ""
        yield f"OPENSLOT_{name}: {item['msg'].removeprefix('Value error, ')}"


def without_blank(values: dict[str, object]) -> dict[str, object]:
    """Leave out values that are only blanks: these settings are not set, as if they were empty."""
    return {
        name: value
        for name, value in values.items()
        if not (isinstance(value, str) and value.isspace())
    }


def _check_zone(name: str) -> str:
    if name not in known_zones():
        raise ValueError(f"{name!r} is not an IANA time zone like Australia/Sydney")
    return name


def split(value: object) -> object:
    """Split a comma-separated text."""
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def networks_named(ranges: tuple[str, ...]) -> tuple[str, ...]:
    """Return address ranges as they are compared."""
    try:
        return tuple(str(ip_network(text)) for text in ranges)
    except ValueError as error:
        raise ValueError(f"{error}; write address ranges like 10.0.0.0/8") from None


def proxies_named(named: tuple[str, ...]) -> tuple[str, ...]:
    """Read address ranges, or one number of proxies from 1 to 5; 0 is none."""
    if len(named) == 1 and re.fullmatch("[0-5]", named[0]):
        return () if named == ("0",) else named
    ranges = networks_named(named)
    if any(ip_network(text).prefixlen == 0 for text in ranges):
        raise ValueError("a range of all addresses lets everybody choose their own")
    return ranges


def origins_named(origins: tuple[str, ...]) -> tuple[str, ...]:
    """Return origins of web pages as browsers send them."""
    bad = next((text for text in origins if not _ORIGIN.fullmatch(text)), None)
    if bad is not None:
        raise ValueError(f"{bad!r} is not an origin like https://app.example, without a path")
    return tuple(text.lower() for text in origins)


def _hours(value: object) -> object:
    """Read a list such as "2 days, 2 hours", the longest first; a number alone counts hours."""
    if not isinstance(value, str | int):
        return value
    written = [part.strip() for part in str(value).split(",") if part.strip()]
    found = [_LENGTH.fullmatch(part) for part in written]
    if None in found:
        raise ValueError(f"{value!r} is not a list of lengths like 2 days, 2 hours")
    hours = {int(one[1]) * (24 if one[2] == "day" else 1) for one in found if one}
    return tuple(sorted(hours - {0}, reverse=True))


def _ahead(hours: tuple[int, ...]) -> tuple[int, ...]:
    if any(one > _FURTHEST_AHEAD for one in hours):
        raise ValueError(f"a reminder is sent at most {_FURTHEST_AHEAD} hours before")
    return hours


_LENGTH = re.compile(r"(\d{1,4}) ?(?:(day|hour)s?)?", re.ASCII)
_FURTHEST_AHEAD = 336

Hours = Annotated[
    tuple[int, ...], NoDecode, BeforeValidator(_hours), AfterValidator(_ahead), Field(max_length=5)
]


def countries_named(codes: tuple[str, ...]) -> tuple[str, ...]:
    """Return codes of countries."""
    bad = next((code for code in codes if not re.fullmatch("[A-Z]{2}", code)), None)
    if bad is not None:
        raise ValueError(f"{bad!r} is not a country such as AU")
    return codes


def roles_named(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the roles of these names; "administrator" stands for both kinds."""
    both = {"administrator": (Role.CENTRE_ADMIN, Role.NETWORK_ADMIN)}
    known = both | {role.value: (role,) for role in Role}
    bad = next((name for name in names if name not in known), None)
    if bad is not None:
        raise ValueError(f"{bad!r} is none of: {', '.join(sorted(known))}")
    return tuple(dict.fromkeys(role.value for name in names for role in known[name]))


_ORIGIN = re.compile(r"https?://[^/?#\s@*]+", re.ASCII)


ZoneName = Annotated[str, AfterValidator(_check_zone)]


def redis_address(url: SecretStr) -> SecretStr:
    """Check the address of a Redis, and that it can be used."""
    if url.get_secret_value() and find_spec("redis") is None:
        raise ValueError("requirements-redis.txt is not installed")
    if not re.match(r"(rediss?://|unix://|\Z)", url.get_secret_value()):
        raise ValueError("write an address like redis://:password@10.0.0.7:6379/0")
    return url
