"""Where the time comes from. Rules and commands are given ``now``; only entry points ask."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present instant in UTC, to the microsecond."""
    return datetime.now(UTC)
