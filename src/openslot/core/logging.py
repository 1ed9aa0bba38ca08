"""The log: one JSON object per line on standard error, without personal data.

Events are short names like ``mail.refused``; their fields hold ids, never names or addresses.
Of an exception the log has the type and where it was raised, not the message, since drivers and
mail servers quote what people entered.
"""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import structlog

from openslot.core import tenancy, tracing
from openslot.core.config import Settings
from openslot.core.errors import Failure, Unavailable

QUIET_BELOW = logging.WARNING
"""Lowest level that libraries log at, unless ``log_level`` is ``debug``."""


def _with_tenant(
    _logger: Any, _name: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Name the network, where there are several."""
    if tenancy.current():
        event["tenant"] = tenancy.current()
    return event


SHARED: tuple[structlog.typing.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    _with_tenant,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    tracing.add_ids,
)


def configure(settings: Settings) -> None:
    """Log OpenSlot's events from ``log_level`` on, and those of libraries in the same form."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    root = logging.getLogger()
    root.handlers = [_handler()]
    root.setLevel(level if level == logging.DEBUG else max(level, QUIET_BELOW))
    logging.getLogger("openslot").setLevel(level)


def bind(**values: str) -> None:
    """Add ``values``, for example ``request_id``, to every further line of this request or
    thread, in place of the values of an earlier request."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**values)


def place_of(error: BaseException) -> str:
    """Return the type of an error and where it was raised: "KeyError in main.py:12"."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return type(error).__name__
    return f"{type(error).__name__} in {Path(frames[-1].filename).name}:{frames[-1].lineno}"


def reason_of(error: BaseException) -> str:
    """Return why something did not work: our own sentence, or what the driver said of a database
    that is away; else where the error was raised."""
    if isinstance(error, Unavailable):
        return error.reason
    return str(error) if isinstance(error, Failure) else place_of(error)


def _handler() -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _without_message,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    return handler


def _without_message(
    _logger: Any, _name: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replace an exception by its type and frames."""
    raised = event.pop("exc_info", None)
    if raised is True:
        raised = sys.exc_info()
    error = raised[1] if isinstance(raised, tuple) else raised
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)
        event["error"] = place_of(error)
        event["frames"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return event
