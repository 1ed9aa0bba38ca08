"""A real Chromium, and the app served to it on a free port of the loopback interface.

``live_server``    the app on a new SQLite database: ``.url``, ``.app``, ``.database``
``desktop_page``   a page of a wide window
``phone_page``     a page of a phone: narrow, touched
``noscript_page``  a page that runs no JavaScript

Where Chromium is missing these tests are skipped, and the summary says how to get it.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, sync_playwright

import engines
from openslot.app import create_app
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.migrations import run
from serving import serving

HERE = Path(__file__).parent
PATIENCE = 10_000
"""Milliseconds that a page may take for anything; a test that needs more has found a fault."""

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


@pytest.fixture
def desktop_page(browser: Browser) -> Iterator[Page]:
    """A page of a window of 1280 × 800."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


@pytest.fixture
def phone_page(browser: Browser) -> Iterator[Page]:
    """A page of a phone of 390 × 844, touched and not pointed at."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844},
        device_scale_factor=2,
        is_mobile=True,
        has_touch=True,
    )
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


@pytest.fixture
def noscript_page(browser: Browser) -> Iterator[Page]:
    """A page of a wide window that runs no JavaScript."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, java_script_enabled=False
    )
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


@dataclass(frozen=True)
class LiveServer:
    """The app, reachable at ``url``, and its database to prepare and to look into."""

    url: str
    app: Flask
    database: Database


@pytest.fixture
def live_server(tmp_path: Path) -> Iterator[LiveServer]:
    """The app in a thread, on a database with all tables and no row."""
    app = create_app(Settings(_env_file=None, data_dir=tmp_path))
    database: Database = app.extensions["openslot"].database
    run.upgrade(database.engine)
    with serving(app) as url:
        yield LiveServer(url, app, database)
    database.close()
