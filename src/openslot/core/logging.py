"""The log: one JSON object a line on standard error, with no personal data in it.

Events are short names such as ``mail.refused``; what they are about stands in fields, as ids
and never as names or addresses. Of an exception the log keeps its type and where it was
raised, not its words: those of drivers and mail servers quote what people entered.
"""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import structlog

from openslot.core.config import Settings

QUIET_BELOW = logging.WARNING
"""Libraries are heard from here on; only ``debug`` lets them say everything."""

SHARED: tuple[structlog.typing.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
)


def configure(settings: Settings) -> None:
    """Write our own lines from ``log_level`` on, and those of libraries in the same form."""
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
    """Put ``values``, such as ``request_id``, into every line of this request or thread from
    now on; what an earlier request bound is forgotten."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**values)


def place_of(error: BaseException) -> str:
    """What kind of error it is and where it was raised: "KeyError in main.py:12"."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return type(error).__name__
    return f"{type(error).__name__} in {Path(frames[-1].filename).name}:{frames[-1].lineno}"


def _handler() -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _wordless_exception,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    return handler


def _wordless_exception(
    _logger: Any, _name: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Put the frames of an exception in the place of its words."""
    raised = event.pop("exc_info", None)
    if raised is True:
        raised = sys.exc_info()
    error = raised[1] if isinstance(raised, tuple) else raised
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)
        event["error"] = place_of(error)
        event["frames"] = [f"{one.filename}:{one.lineno} {one.name}" for one in frames]
    return event
