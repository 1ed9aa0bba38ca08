"""The system clock. Only entry points read it; rules and commands take ``now``."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current instant in UTC, to the microsecond."""
    return datetime.now(UTC)
