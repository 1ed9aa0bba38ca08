"""An app on a test's database, and at a port of its own for clients that speak HTTP."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from flask import Flask
from werkzeug.serving import make_server

from engines import DATA_KEYS
from openslot.app import create_app
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.entrypoints.request import EXTENSION, Services
from openslot.search.results import Directory

_IDLE: dict[str, list[Flask]] = {}
"""Apps that nothing uses now, by their settings."""


@contextmanager
def app_with(settings: Settings) -> Iterator[Flask]:
    """The app with ``settings``, for the block.

    Making an app, and its templates, takes longer than most tests, so one that differs only in
    its database and its key is used again. Not where it counts who asks: it would go on counting.
    """
    kind = settings.model_dump_json(exclude={"data_dir", "database_url", "secret_key"})
    idle = [] if settings.rate_limits else _IDLE.setdefault(kind, [])
    app = idle.pop() if idle else create_app(settings)
    app.config.update(
        SECRET_KEY=settings.key(), SECRET_KEY_FALLBACKS=list(settings.signing_keys()[:-1])
    )
    with closing(Database(settings.url, DATA_KEYS)) as database:
        app.extensions[EXTENSION] = Services(settings, database, Directory())
        yield app
    idle.append(app)


@contextmanager
def app_on(database: Database, folder: Path, **changed: Any) -> Iterator[Flask]:
    """The app on the engine of ``database``, without limits by address, for the block."""
    url = database.engine.url.render_as_string(hide_password=False)
    usual = {
        "data_dir": folder,
        "database_url": url,
        "rate_limits": False,
        "password_tokens": True,
    }
    with app_with(Settings(_env_file=None, **(usual | changed))) as app:
        yield app


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """The app's address, such as ``http://127.0.0.1:40123``, as long as the block runs."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
