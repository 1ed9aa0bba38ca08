"""An app on a test's database, and at a port of its own for clients that speak HTTP."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread

from flask import Flask
from werkzeug.serving import make_server

from openslot.app import create_app
from openslot.core.config import Settings
from openslot.core.db import Database


@contextmanager
def app_on(database: Database, folder: Path) -> Iterator[Flask]:
    """The app on the engine of ``database``, without limits by address, for the block."""
    url = database.engine.url.render_as_string(hide_password=False)
    app = create_app(Settings(_env_file=None, data_dir=folder, database_url=url, rate_limits=False))
    with closing(app.extensions["openslot"].database):
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
