"""The log tells what happened, as JSON, and names nobody."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from clinic import Clinic, book
from openslot.core import logging as logs
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.notifications import delivery
from postoffice import Mood, PostOffice, queue, row, run_worker, settings_for


@pytest.fixture
def settings(post: PostOffice) -> Settings:
    return settings_for(post)


# The log


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Everything logged since the last look, read as JSON."""
    root, ours, stderr = logging.getLogger(), logging.getLogger("openslot"), io.StringIO()
    before = root.handlers, root.level, ours.level

    def lines() -> list[dict[str, Any]]:
        written = stderr.getvalue()
        stderr.seek(0)
        stderr.truncate()
        return [json.loads(line) for line in written.splitlines()]

    monkeypatch.setattr(sys, "stderr", stderr)
    logs.configure(Settings(_env_file=None))
    yield lines
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


def test_the_log_tells_what_happened_and_names_nobody(
    sqlite_database: Database, clinic: Clinic, settings: Settings, post: PostOffice, log: Any
) -> None:
    post.mood = Mood.REFUSING
    book(sqlite_database, clinic)
    run_worker(sqlite_database, settings)
    lines = log()
    assert [line["event"] for line in lines] == ["outbox.done", *["outbox.put-aside"] * 2]
    assert {"level", "at", "topic", "message", "attempt", "logger"} <= lines[0].keys()
    assert not {"Ann", "Toby", "@", "itches"} & set(_words(lines))


def _words(lines: list[dict[str, Any]]) -> Iterator[str]:
    text = json.dumps(lines)
    return (word for word in ("Ann", "Toby", "@", "itches") if word in text)


def test_an_error_is_logged_by_its_kind_and_place_and_not_by_its_words(
    sqlite_database: Database,
    clinic: Clinic,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    log: Any,
) -> None:
    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise ValueError("ann@example.org")

    queued = queue(sqlite_database)
    monkeypatch.setattr(delivery, "send", fail)
    run_worker(sqlite_database, settings)
    (line,) = log()
    assert line["event"] == "outbox.put-back"
    assert line["error"].startswith("ValueError in test_log.py:")
    assert row(sqlite_database, queued).error == line["error"]


def test_lines_of_a_request_carry_its_id_and_not_that_of_the_one_before(log: Any) -> None:
    ours = structlog.get_logger("openslot.test")
    logs.bind(request_id="one", extra="x")
    ours.info("first")
    logs.bind(request_id="two")
    ours.info("second")
    first, second = log()
    assert (first["request_id"], first["extra"]) == ("one", "x")
    assert second["request_id"] == "two"
    assert "extra" not in second


def test_libraries_speak_the_same_form_and_their_exceptions_keep_silent(log: Any) -> None:
    library = logging.getLogger("library")
    library.info("not heard")
    try:
        raise KeyError("ann@example.org")
    except KeyError:
        library.exception("it broke")
    (line,) = log()
    assert (line["event"], line["level"], line["logger"]) == ("it broke", "error", "library")
    assert line["error"].startswith("KeyError in test_log.py:")
    assert line["frames"]
    assert "ann@" not in json.dumps(line)


@pytest.mark.parametrize(("level", "heard"), [("debug", 4), ("info", 2), ("error", 0)])
def test_the_level_is_that_of_the_settings(
    log: Any, monkeypatch: pytest.MonkeyPatch, level: str, heard: int
) -> None:
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    logs.configure(Settings(_env_file=None, log_level=level))
    for name in ("openslot.test", "library"):
        logger = structlog.get_logger(name)
        logger.debug("a")
        logger.warning("b")
    assert len(stderr.getvalue().splitlines()) == heard
