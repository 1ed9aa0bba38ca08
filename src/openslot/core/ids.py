"""Ids of people's data: UUID version 7 (RFC 9562), which sort by creation time."""

import secrets
import time
from uuid import UUID

from openslot.core.errors import NotFound


def new_id() -> UUID:
    """Return a UUIDv7: 48 bits of Unix milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def read_id(text: str) -> UUID:
    """Parse a UUID. Raises NotFound if it is not one, since nothing can have that id."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None
