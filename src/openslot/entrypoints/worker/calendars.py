"""Reads the calendars that practitioners keep elsewhere."""

from collections.abc import Callable

import structlog
from sqlalchemy.orm import Session

from openslot.booking import elsewhere
from openslot.booking.elsewhere import News, Reading
from openslot.core import outbox
from openslot.core.config import Settings
from openslot.core.errors import Invalid
from openslot.core.outbox import State
from openslot.core.work import Work
from openslot.entrypoints.worker.webhooks import Task
from openslot.schedules.elsewhere import read_apart
from openslot.webhooks.fetching import Limits, fetch_newer

LIMITS = Limits(seconds=20.0, size=4 * 1024 * 1024, redirects=3)
LONGEST_VERSION = 100
"""The most characters of an ETag or a date; a longer one is not kept."""

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def read_calendar(task: Task) -> None:
    """Read a calendar once, and keep its busy times or the reason why there are none.

    The message is deleted, since there is one for every reading.
    """
    practitioner_id = int(task.message.topic.partition(":")[2])
    reading = task.database.read(
        lambda session: elsewhere.reading_of(task.work(session), practitioner_id)
    )
    if reading is None:
        task.database.run(lambda session: _end(session, task))
        return
    try:
        news = _news(reading, task.settings)
        _finish(task, lambda work: elsewhere.keep(work, reading, news))
    except Invalid as error:
        problem = str(error)
        log.info("calendar.not-read", practitioner=practitioner_id, reason=problem)
        _finish(task, lambda work: elsewhere.miss(work, reading, problem))


def _news(reading: Reading, settings: Settings) -> News | None:
    """Return what the calendar has, or None if it is unchanged."""
    document = fetch_newer(
        reading.url,
        settings.calendar_networks,
        accept="text/calendar",
        etag=reading.etag,
        modified=reading.modified,
        limits=LIMITS,
    )
    if document.body is None:
        return None
    found = read_apart(document.body, reading.zone, reading.window)
    versions = (document.etag, document.modified)
    return News(found.times, found.unread, *map(_version, versions))


def _version(text: str | None) -> str | None:
    """Return the name of a version as it is kept, or None if it cannot be sent again."""
    is_fit = text and text.isascii() and text.isprintable() and len(text) <= LONGEST_VERSION
    return text if is_fit else None


def _finish(task: Task, do: Callable[[Work], None]) -> None:
    def finish(session: Session) -> None:
        do(task.work(session))
        _end(session, task)

    task.database.run(finish)


def _end(session: Session, task: Task) -> None:
    task.mark(session, State.DONE)
    outbox.drop(session, task.message)
