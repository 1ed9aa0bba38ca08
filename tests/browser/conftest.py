"""A real Chromium, and the app served to it on a free port of the loopback interface.

``live_server``    the app on a new SQLite database: ``.url``, ``.app``, ``.database``
``world``          a network in that database
``desktop_page``   a page of a wide window
``phone_page``     a page of a phone: narrow, touched
``noscript_page``  a page that runs no JavaScript

Where Chromium is missing these tests are skipped, and the summary says how to get it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, sync_playwright

import engines
from entrypoints.world import World, build
from openslot.core.db import Database
from serving import app_on, serving

HERE = Path(__file__).parent
PATIENCE = 10_000
"""Milliseconds that a page may take for anything; a test that needs more has found a fault."""

DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}

QUIET = [
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark these tests, and leave them out where there is no Chromium."""
    missing = pytest.mark.skipif(not engines.program("chromium"), reason="needs Chromium")
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(missing)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the tests of a module; each page has its own cookies.

    It ends with the module, because its event loop would stand in the way of other tests'.
    """
    unsandboxed = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=engines.program("chromium"), args=[*QUIET, *unsandboxed]
        )
        yield browser
        browser.close()


@contextmanager
def a_page(browser: Browser, **device: Any) -> Iterator[Page]:
    """A page with cookies of its own, which may ask this machine alone for anything."""
    asked: set[str] = set()
    context = browser.new_context(**device)
    context.set_default_timeout(PATIENCE)
    context.on("request", lambda request: asked.add(urlsplit(request.url).hostname or ""))
    yield context.new_page()
    context.close()
    assert asked <= {"127.0.0.1", ""}, f"a page asked {asked}"


@pytest.fixture
def desktop_page(browser: Browser) -> Iterator[Page]:
    """A page of a window of 1280 × 800."""
    with a_page(browser, viewport=DESKTOP) as page:
        yield page


@pytest.fixture
def phone_page(browser: Browser) -> Iterator[Page]:
    """A page of a phone of 390 × 844, touched and not pointed at."""
    phone = {"device_scale_factor": 2, "is_mobile": True, "has_touch": True}
    with a_page(browser, viewport=PHONE, **phone) as page:
        yield page


@pytest.fixture
def noscript_page(browser: Browser) -> Iterator[Page]:
    """A page of a wide window that runs no JavaScript."""
    with a_page(browser, viewport=DESKTOP, java_script_enabled=False) as page:
        yield page


@dataclass(frozen=True)
class LiveServer:
    """The app, reachable at ``url``, and its database to prepare and to look into."""

    url: str
    app: Flask
    database: Database


@pytest.fixture
def live_server(sqlite_database: Database, tmp_path: Path) -> Iterator[LiveServer]:
    """The app in a thread, on a database with all tables and no row."""
    with app_on(sqlite_database, tmp_path) as app, serving(app) as url:
        app.extensions["openslot"].settings.public_url = url  # mails have links to it
        yield LiveServer(url, app, app.extensions["openslot"].database)


@pytest.fixture
def world(live_server: LiveServer) -> World:
    """The network of ``entrypoints.world`` in the database of the server."""
    return build(live_server.database)
